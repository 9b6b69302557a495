/** A real log in a temporary folder, written by the real commit path on this thread, with a clock that stands still. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileAnchor } from '../../src/append/anchor.ts'
import { IdSource } from '../../src/append/clock.ts'
import { createLog } from '../../src/append/create-log.ts'
import { type LogKeys, loadKeys } from '../../src/append/keys.ts'
import { anchorFile } from '../../src/append/places.ts'
import { Sequencer } from '../../src/append/sequencer.ts'
import { captureEntry, type Draft } from '../../src/core/capture.ts'
import type { EntryInput } from '../../src/core/entry.ts'
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { fixedWorld } from '../../src/testing.ts'

export interface TestLog {
  readonly folder: string
  readonly file: string
  readonly keysFolder: string
  readonly keys: LogKeys
  readonly sealKey: string
  readonly world: ReturnType<typeof fixedWorld>
  readonly store: SqliteStore
  sequencer(store?: Store): Sequencer
  draft(entry: Partial<EntryInput>): Draft
  /** Appends entries in commits of the given sizes. */
  grow(...commits: number[]): Promise<void>
  dispose(): void
}

export async function makeTestLog(options: { origin?: string; encryption?: 'none' } = {}): Promise<TestLog> {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-'))
  const file = join(folder, 'audit.db')
  const keysFolder = join(folder, 'keys')
  const world = fixedWorld()
  const { origin = 'example.com/test', encryption } = options
  const { sealKey } = await createLog({ file, keys: keysFolder, origin, encryption }, world)
  const keys = loadKeys(keysFolder)
  const store = openSqliteStore({ file, key: keys.storage, mode: 'write' })
  const ids = new IdSource(world)
  const anchor = new FileAnchor(anchorFile(keysFolder))
  const log: TestLog = {
    folder,
    file,
    keysFolder,
    keys,
    sealKey,
    world,
    store,
    sequencer: (on = store) => new Sequencer({ store: on, keys, anchor, world }),
    draft(entry) {
      const time = world.now()
      return captureEntry({ operation: 'remember', component: 'memory', ...entry }, { id: ids.next(time), time })
    },
    async grow(...commits) {
      const sequencer = log.sequencer()
      for (const count of commits) {
        await sequencer.commit(Array.from({ length: count }, (_, i) => log.draft(sample(i))))
      }
      await sequencer.checkpoint()
    },
    dispose() {
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return log
}

/** An entry with something of everything. */
export function sample(i: number): EntryInput {
  return {
    operation: ['remember', 'recall', 'search', 'forget'][i % 4]!,
    component: `component-${i % 3}`,
    outcome: i % 11 === 0 ? 'failure' : 'success',
    actor: { type: 'agent', id: `agent-${i % 5}`, onBehalfOf: { type: 'user', id: 'Zoë' } },
    memoryId: `mem_${i}`,
    session: `session ${Math.floor(i / 20)}`,
    operationResult: { ok: true, text: `result ${i} — überall 🌍` },
    complianceFlags: i % 2 === 0 ? ['audit_required'] : [],
    attributes: { 'gen_ai.tool.name': 'remember', n: i },
  }
}

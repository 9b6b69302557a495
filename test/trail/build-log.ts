/** Logs for tests, built fast: fixed time, own keys, entries in groups. */
import { randomFillSync } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Anchor } from '../../src/append/anchor.ts'
import { IdSource } from '../../src/append/clock.ts'
import { createKeys, type LogKeys, loadKeys } from '../../src/append/keys.ts'
import { Sequencer } from '../../src/append/sequencer.ts'
import { captureEntry } from '../../src/core/capture.ts'
import type { EntryInput, Receipt } from '../../src/core/entry.ts'
import type { Micros } from '../../src/core/time.ts'
import type { Store } from '../../src/store/store.ts'

const start = Date.UTC(2026, 10, 23, 14) * 1000
const noAnchor: Anchor = { read: () => undefined, write: () => {} }

/** An entry to write, and what the tests want to choose of it beside. */
export interface TestEntry {
  readonly input: EntryInput
  /** Microseconds since the entry before; 1500 unless given. */
  readonly later?: number
  /** How much older the millisecond in the id is than the entry, in microseconds. */
  readonly idAge?: Micros
  readonly control?: boolean
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'memmimic-index-'))
}

export function newKeys(
  folder: string,
  encryption: 'sqlcipher' | 'none' = 'none',
  origin = 'test.example/log',
): LogKeys {
  createKeys({ folder, origin, encryption, start })
  return loadKeys(folder)
}

/** Writes entries to a log and gives their receipts. */
export class LogBuilder {
  readonly #sequencer: Sequencer
  readonly #ids: IdSource
  #time = start

  constructor(store: Store, keys: LogKeys) {
    const world = { now: () => this.#time, random: (length: number) => randomFillSync(new Uint8Array(length)) }
    this.#sequencer = new Sequencer({ store, keys, anchor: noAnchor, world })
    this.#ids = new IdSource(world)
  }

  async append(entries: readonly TestEntry[]): Promise<Receipt[]> {
    const receipts: Receipt[] = []
    for (let i = 0; i < entries.length; i += 1000) {
      const drafts = entries.slice(i, i + 1000).map(({ input, later = 1500, idAge = 0, control = false }) => {
        this.#time += later
        return captureEntry(input, { id: this.#ids.next(this.#time - idAge), time: this.#time, control })
      })
      receipts.push(...(await this.#sequencer.commit(drafts)))
    }
    return receipts
  }
}

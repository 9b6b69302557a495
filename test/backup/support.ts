/** A log with keys in a folder of its own, opened for one act at a time: whoever restores must find nobody in it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { openSubjectKeys } from '../../src/append/subject-keys.ts'
import { type BackupReport, backupLog } from '../../src/backup/backup.ts'
import { type RestoreOptions, type RestoreReport, restoreLog } from '../../src/backup/restore.ts'
import type { VerificationReport } from '../../src/core/finding.ts'
import { eraseSubject } from '../../src/retention/erasure.ts'
import { defaultErasureSettings } from '../../src/retention/settings.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { fixedWorld } from '../../src/testing.ts'
import { openReader, type VerifyRequest } from '../../src/trail/reader.ts'

export interface Place {
  readonly folder: string
  readonly file: string
  readonly keys: string
  readonly world: ReturnType<typeof fixedWorld>
  /** K₀. */
  readonly sealKey: string
  open<T>(act: (parts: OpenedParts) => Promise<T> | T): Promise<T>
  append(count: number, who?: string): Promise<void>
  backup(name: string): Promise<BackupReport>
  restore(backup: string, options?: Partial<RestoreOptions>): Promise<RestoreReport>
  erase(who: string): Promise<void>
  verify(request?: VerifyRequest): Promise<VerificationReport>
  anchor(): string
}

export async function makePlace(
  options: { encryption?: 'none'; subjectPaths?: readonly string[] } = {},
): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-backup-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'audit.db')
  const keys = join(folder, 'keys')
  const world = fixedWorld()
  let sealKey = ''
  const place: Place = {
    folder,
    file,
    keys,
    world,
    get sealKey() {
      return sealKey
    },
    async open(act) {
      const parts = await openParts({
        file,
        keys,
        world,
        threads: false,
        closeOnExit: false,
        onNotice() {},
        onCreate: created => {
          sealKey = created.sealKey
        },
        ...options,
      })
      try {
        return await act(parts)
      } finally {
        await parts.log.close()
      }
    },
    async append(count, who = 'ben') {
      const input = (i: number) => ({
        operation: 'remember',
        component: 'memory',
        actor: { type: 'user', id: who },
        userContext: { userId: who, secret: `${who}s-secret-${i}` },
      })
      await place.open(({ log }) => Promise.all(Array.from({ length: count }, (_, i) => log.append(input(i)))))
    },
    backup: name =>
      place.open(({ writer, logger }) => {
        const parts = { file, keys, sign: writer.checkpoint, write: logger.logControl.bind(logger) }
        return backupLog(parts, join(folder, name))
      }),
    restore: (backup, more) => restoreLog({ file, keys, backup: join(folder, backup), ...more }, world),
    erase: subject =>
      place.open(async ({ quietReader: reader, writer }) => {
        const subjects = openSubjectKeys({ folder: keys, storage: loadStorageKey(keys) }, 'write')
        const parts = { reader, remove: writer.remove, keys: subjects, newId: () => `erasure of ${subject.length}` }
        await eraseSubject(parts, { subject }, defaultErasureSettings)
        subjects?.close()
      }),
    async verify(request = {}) {
      const reader = await openReader({ file, keys })
      try {
        return await reader.verify({ deep: true, sealKey, ...request })
      } finally {
        await reader.close()
      }
    },
    anchor: () => readFileSync(join(keys, 'anchor'), 'utf8'),
  }
  await place.open(() => {})
  return place
}

export function typesOf({ findings }: VerificationReport): string[] {
  return findings.map(({ type }) => type)
}

/** A log in which days pass, with everything that retention and erasure need. */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import type { ControlInput } from '../../src/core/control.ts'
import type { EntryInput } from '../../src/core/entry.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { fixedWorld } from '../../src/testing.ts'

export interface AgingLog extends OpenedParts {
  readonly folder: string
  readonly file: string
  readonly keysFolder: string
  append(count: number, entry?: (i: number) => Partial<EntryInput>): Promise<void>
  pass(days: number): void
  control(entry: ControlInput): ReturnType<OpenedParts['logger']['logControl']>
  /** A copy of the log as it is now, its write-ahead log included. */
  backup(): string
  dispose(): Promise<void>
}

export async function makeAgingLog(
  options: { encryption?: 'none'; prepareKeys?: (keysFolder: string, file: string) => Promise<void> | void } = {},
): Promise<AgingLog> {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-'))
  const file = join(folder, 'audit.db')
  const keysFolder = join(folder, 'keys')
  const world = fixedWorld()
  const open = () =>
    openParts({ file, keys: keysFolder, threads: false, world, onCreate: () => {}, closeOnExit: false, ...options })
  if (options.prepareKeys !== undefined) {
    await (await open()).log.close()
    await options.prepareKeys(keysFolder, file)
  }
  const parts = await open()
  let copies = 0
  return {
    ...parts,
    folder,
    file,
    keysFolder,
    async append(count, entry = () => ({})) {
      const input = (i: number) => ({ operation: 'remember', component: 'memory', userContext: { n: i }, ...entry(i) })
      await Promise.all(Array.from({ length: count }, (_, i) => parts.log.append(input(i))))
    },
    pass: days => {
      world.time += days * 86_400e6
    },
    control: entry => parts.logger.logControl(entry),
    backup() {
      const copy = join(folder, `backup-${copies++}.db`)
      for (const end of ['', '-wal']) {
        try {
          copyFileSync(file + end, copy + end)
        } catch {
          // There need be no write-ahead log.
        }
      }
      return copy
    },
    async dispose() {
      await parts.log.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Where a text can be found in the files of a folder: as it stands, or in any zstd frame, whole or cut off, wherever it
 * begins.
 */
export function tracesOf(folder: string, text: string): string[] {
  const found: string[] = []
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    let bytes: Buffer
    try {
      bytes = readFileSync(path)
    } catch {
      continue
    }
    if (bytes.includes(text)) found.push(`${name} as it stands`)
    const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
    for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
      for (const end of [bytes.length, at + 4096]) {
        try {
          const open = zstdDecompressSync(bytes.subarray(at, end), { finishFlush: 0 } as never)
          if (open.includes(text)) found.push(`${name} in a frame at ${at}`)
        } catch {
          // No frame, or one that goes on elsewhere.
        }
      }
    }
  }
  return [...new Set(found)]
}

/** What every measurement works with and gives back. */
import { randomBytes } from 'node:crypto'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditLog } from '../src/audit-log.ts'
import { openAuditLog } from '../src/system.ts'
import type { Chart } from './chart.ts'
import { PlainTable } from './plain-table.ts'

export interface Sizes {
  /** Entries in one round of the append race. */
  readonly group: number
  readonly rounds: number
  readonly hostRounds: number
  /** Appends of one caller alone. */
  readonly single: number
  /** Entries of the log that is read from. */
  readonly big: number
  readonly verifyRounds: number
  readonly proofs: number
  /** Fresh processes that open a log. */
  readonly opens: number
  /** Questions a field. */
  readonly queries: number
  /** Entries that the command line takes in; none in a quick run. */
  readonly ingest: number | undefined
  /** Entries in one round of the race of the switches. */
  readonly switched: number
  readonly switchedRounds: number
  /** Single entries that are verified in a log. */
  readonly checks: number
  /** What a detector or a metric has seen before it is measured once more. */
  readonly history: number
  readonly race: RaceSizes
  /** Lengths at which each cost is measured. */
  readonly lengths: readonly number[]
  /** Tool calls through the proxy, and as many without. */
  readonly calls: number
  /** Whether the package is built, to be opened as it is installed. */
  readonly built: boolean
}

/** The matrix of the race of appending. */
export interface RaceSizes {
  readonly callers: readonly number[]
  readonly entryBytes: readonly number[]
  /** For each cell, unmeasured and measured. */
  readonly warmMs: number
  readonly ms: number
  readonly rounds: number
  /** Whether peers that are no dependencies of this package are installed for it. */
  readonly peers: boolean
}

export interface Bench {
  /** A folder of the part's own on the disk of the checkout, empty, removed at its end. */
  readonly folder: string
  /** A folder that lasts until the end of the run. */
  readonly shared: string
  readonly sizes: Sizes
  /** Says on stderr how far it is. */
  readonly say: (sentence: string) => void
}

/** Everything that has a goal. */
export interface Figures {
  appendGroupVsPlainTable: number
  appendSingleP50VsPlainTable: number
  indexLagP99Ms: number
  hostMicrosPerEntry: number
  loopDelayP99Ms: number
  verifyVsHashing: number
  /** Of two threads against one. */
  verifySpeedup: number
  proofP95Ms: number
  openMs: number
  openMegabytes: number
  queryP95Ms: number
  queryEntriesP95Ms: number
  diskVsJson: number
  ingestPeakMegabytes: number
  ingestGrowth: number
  // The system on top
  systemGroupVsPlainTable: number
  systemSingleP50VsPlainTable: number
  entryCheckP95Ms: number
  chainOf100P95Ms: number
  detectorMicros: number
  detectorGrowth: number
  counterNanos: number
  observationNanos: number
  reportSeconds: number
  reportMemoryGrowth: number
}

/** What one measurement found: its figures, how far they spread, and the rest in Markdown. */
export interface Measured {
  readonly figures: Partial<Figures>
  readonly spreads?: { readonly [figure in keyof Figures]?: string }
  readonly title: string
  readonly text: readonly string[]
  readonly charts?: readonly Chart[]
}

/** Callers at once in the race. */
export const callers = 4096

export interface FreshLog {
  readonly log: AuditLog
  readonly file: string
  readonly keys: string
  /** K₀, as it was shown once. */
  readonly sealKey: string
}

export function logPlaces(bench: Bench, name: string): { file: string; keys: string } {
  return { file: join(bench.folder, `${name}.db`), keys: join(bench.folder, `${name}-keys`) }
}

/** A new log, encrypted, with its threads and every default. */
export async function freshLog(bench: Bench, name: string): Promise<FreshLog> {
  const { file, keys } = logPlaces(bench, name)
  let sealKey = ''
  const onCreate = (created: { sealKey: string }) => {
    sealKey = created.sealKey
  }
  const onNotice = (sentence: string) => bench.say(`notice: ${sentence}`)
  const log = await openAuditLog({ file, keys, onCreate, onNotice, closeOnExit: false })
  return { log, file, keys, sealKey }
}

export async function freshPlainTable(
  bench: Bench,
  name: string,
  options: { idIndex?: boolean; cipher?: 'sqlcipher' | 'aegis' } = {},
): Promise<{ table: PlainTable; file: string }> {
  const file = join(bench.folder, `${name}.db`)
  const table = await PlainTable.open({ file, key: randomBytes(32), idIndex: true, ...options })
  return { table, file }
}

/** Bytes of a database, with what is still in its write-ahead log. */
export function bytesOf(file: string): number {
  return ['', '-wal'].reduce((sum, end) => sum + (statSync(file + end, { throwIfNoEntry: false })?.size ?? 0), 0)
}

export function removeDatabase(...files: readonly string[]): void {
  for (const file of files) for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
}

export function removeLog(bench: Bench, name: string): void {
  const { file, keys } = logPlaces(bench, name)
  removeDatabase(file, `${file}.index`)
  rmSync(`${file}.scrub`, { force: true })
  rmSync(keys, { recursive: true, force: true })
}

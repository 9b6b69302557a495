/**
 * The import of the seed's own log: every row becomes an entry, with what the old chain shows of it and what it cannot.
 *
 * It goes in like anything else that happens now: our times, our order, our hashes. That the rows stood so in the old file
 * when it was read is what this log can prove; whether they stood so when they were written, nobody can any more.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { captureEntry } from '../core/capture.ts'
import type { WriteControl } from '../core/control.ts'
import type { EntryInput, Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { uuidv7 } from '../core/time.ts'
import type { Reader } from '../trail/reader.ts'
import { entryOfSeed, importedFlag } from './seed-entry.ts'
import { type ChainMark, SeedFile, type SeedRow } from './seed-file.ts'

/** A row that did not go in. */
export interface RejectedRow {
  readonly row: SeedRow
  /** Why, in one sentence. */
  readonly reason: string
}

export interface SeedImportOptions {
  /** The seed's database. Nothing is written to it. */
  readonly file: string
  readonly append: (entry: EntryInput) => Promise<Receipt>
  readonly control: WriteControl
  /** What was imported before is found through it. */
  readonly reader: Pick<Reader, 'query'>
  /** Reads and judges every row, and writes nothing. */
  readonly dryRun?: boolean
  readonly onRejected?: (rejected: RejectedRow) => void
  /** Told now and then how many rows were read. */
  readonly onProgress?: (rows: number) => void
  readonly signal?: AbortSignal
}

/** What became of the rows: `imported + known + rejected = rows`. */
export interface SeedImportReport {
  /** Rows of `audit_entries`, and of `hash_chain` where those have no entry. */
  readonly rows: number
  readonly imported: number
  /** They were in the log already, the same. */
  readonly known: number
  readonly rejected: number
  /** What the old chain shows of all the rows. */
  readonly chain: { readonly [mark in ChainMark]: number }
  /** Rows of which some column is not what the old schema says. */
  readonly odd: number
}

/** Rows on their way to the disk at once. */
const maxInFlight = 256

/**
 * Imports the rows of a MemMimic audit database. A row that was imported before is known by its id and left out; one that
 * has a known id and is another now is rejected. Ends with a `log.migrated` entry that holds the counts, also when reading
 * breaks off.
 *
 * @throws AuditError `not_found`, `bad_format` when the file is none of the seed's or is damaged, and whatever `append` throws
 * @example
 * const report = await importSeedFile({ file, append: entry => log.append(entry), control, reader })
 */
export async function importSeedFile(options: SeedImportOptions): Promise<SeedImportReport> {
  const { file, control, dryRun = false } = options
  const seed = SeedFile.open(file)
  const run = new Import(options)
  try {
    const source = { file: basename(file), sha256: await digestOf(file) }
    await run.learn()
    const failure = await run.take(seed.rows()).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    const record = () => control(migrated(run.report(), source, failure === undefined))
    if (failure !== undefined) {
      // What broke it off may keep this from being recorded too; the first reason is the one to tell.
      if (!dryRun) await record().catch(() => {})
      throw failure.error
    }
    if (!dryRun) await record()
    return run.report()
  } finally {
    seed.close()
  }
}

function migrated(report: SeedImportReport, source: { file: string; sha256: string }, isWhole: boolean) {
  const { chain, ...counts } = report
  return {
    operation: 'log.migrated',
    outcome: isWhole && report.rejected === 0 ? 'success' : 'failure',
    attributes: {
      from: 'memmimic',
      ...counts,
      ...Object.fromEntries(Object.entries(chain).map(([mark, count]) => [`chain.${mark}`, count])),
      isWhole,
      verifiable: false,
    },
    operationResult: {
      shown: 'the rows stood so in the file when it was imported, and hang together as imported.chain says',
      notShown:
        'that they are what was logged: each hash holds a key that every process drew anew and none kept, so that no hash of that file can ever be computed again',
    },
    sealed: { source },
  } as const
}

class Import {
  readonly #options: SeedImportOptions
  /** The old hashes of what was imported, by what it is known by. */
  readonly #known = new Map<string, string | undefined>()
  readonly #chain: Record<ChainMark, number> = { linked: 0, broken: 0, unlinked: 0, missing: 0 }
  readonly #onTheWay: { readonly row: SeedRow; readonly receipt: Promise<unknown> }[] = []
  #rows = 0
  #imported = 0
  #same = 0
  #rejected = 0
  #odd = 0

  constructor(options: SeedImportOptions) {
    this.#options = options
  }

  report(): SeedImportReport {
    return {
      rows: this.#rows,
      imported: this.#imported,
      known: this.#same,
      rejected: this.#rejected,
      chain: { ...this.#chain },
      odd: this.#odd,
    }
  }

  /** Finds what is in the log from earlier runs, finished or not. */
  async learn(): Promise<void> {
    let after: number | undefined
    for (;;) {
      const page = await this.#options.reader.query({ flag: importedFlag }, { limit: maxInFlight, order: 'asc', after })
      for (const { attributes = {} } of page) {
        const name = attributes['imported.from'] === 'memmimic' ? nameOf(attributes) : undefined
        if (name !== undefined) this.#known.set(name, hashOf(attributes))
      }
      if (page.length < maxInFlight) return
      after = page.at(-1)!.seq
    }
  }

  async take(rows: Iterable<SeedRow>): Promise<void> {
    try {
      for (const row of rows) {
        this.#options.signal?.throwIfAborted()
        this.#take(row)
        if (this.#onTheWay.length >= maxInFlight) await this.#answer(maxInFlight / 2)
      }
    } finally {
      await this.#answer(0)
    }
  }

  #take(row: SeedRow): void {
    this.#rows++
    this.#chain[row.mark]++
    const entry = entryOfSeed(row)
    if (entry.attributes?.['imported.odd'] !== undefined) this.#odd++
    const name = nameOf(entry.attributes ?? {})
    const hash = hashOf(entry.attributes ?? {})
    if (name === undefined) {
      this.#reject(row, 'it has neither an id nor a hash: it could not be known again')
    } else if (!this.#known.has(name)) {
      this.#known.set(name, hash)
      const receipt = this.#options.dryRun ? judge(entry) : this.#options.append(entry)
      // Whoever fails is asked in its turn.
      receipt.catch(() => {})
      this.#onTheWay.push({ row, receipt })
    } else if (this.#known.get(name) === hash) {
      this.#same++
    } else {
      this.#reject(row, 'a row with its id was imported before, and had another hash')
    }
  }

  /** Waits for the oldest rows, until so many are left on their way. */
  async #answer(left: number): Promise<void> {
    while (this.#onTheWay.length > left) {
      const { row, receipt } = this.#onTheWay.shift()!
      try {
        await receipt
        this.#imported++
      } catch (error) {
        if (!(error instanceof AuditError && error.code === 'bad_input')) throw error
        this.#reject(row, error.message)
      }
    }
    this.#options.onProgress?.(this.#rows)
  }

  #reject(row: SeedRow, reason: string): void {
    this.#rejected++
    this.#options.onRejected?.({ row, reason })
  }
}

/** Whether the log would take it. */
async function judge(entry: EntryInput): Promise<void> {
  captureEntry(entry, { id: uuidv7(0, new Uint8Array(10)), time: 0 })
}

type Attributes = NonNullable<EntryInput['attributes']>

/** By what a row is known again: its id, else its hash; its place in the chain where it has no entry. */
function nameOf({ 'imported.id': id, 'imported.hash': hash, ...rest }: Attributes): string | undefined {
  if (rest['imported.chain'] === 'missing') return `place ${rest['imported.position']}`
  if (id !== undefined) return `id ${id}`
  return hash === undefined ? undefined : `hash ${hash}`
}

function hashOf({ 'imported.hash': hash }: Attributes): string | undefined {
  return hash === undefined ? undefined : String(hash)
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

/**
 * The log of the seed: MemMimic's own audit database, as `ImmutableAuditLogger` of its package `memmimic.audit` writes it.
 *
 * Two tables: `audit_entries` holds what happened, `hash_chain` the order and the hashes. Nothing ties them together but
 * the ids, so either may have rows that the other does not know. Every row of both is given, exactly as it stands.
 */
import { fromUtf8, toBase64url } from '../core/bytes.ts'
import type { Json } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { asAuditError, type Connection, openForeignFile } from '../store/sqlite-file.ts'

/** A row by column. A number that JSON cannot hold exactly is its text; what is no text is `{ bytes }`, in base64url. */
export type SeedColumns = { readonly [column: string]: Json }

/** What the old chain shows of a row. */
export type ChainMark =
  /** It names the row before it; or it is the first, and names none. */
  | 'linked'
  /** It names another row than the one before it, or its two tables do not say the same hash of it. */
  | 'broken'
  /** It has no place in the chain, or stands inside it and names no row. */
  | 'unlinked'
  /** Only the chain knows it: its entry is not there any more. */
  | 'missing'

export interface SeedRow {
  /** From 1, in the order in which rows are given: that of the chain, then those without a place in it. */
  readonly number: number
  readonly mark: ChainMark
  /** Its row in `audit_entries`. */
  readonly entry?: SeedColumns
  /** Its row in `hash_chain`. */
  readonly chain?: SeedColumns
}

/** What this reads of `audit_entries`; further columns come along, and of these only the first must be there. */
const required = ['entry_id', 'operation', 'component', 'previous_hash', 'entry_hash'] as const
const chainColumns = ['chain_position', 'entry_id', 'entry_hash', 'timestamp', 'verification_key_hash'] as const

export class SeedFile {
  readonly #file: string
  readonly #db: Connection
  readonly #columns: readonly string[]
  readonly #hasChain: boolean

  private constructor(file: string, db: Connection) {
    this.#file = file
    this.#db = db
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()
    this.#columns = tables.includes('audit_entries') ? columnsOf(db, 'audit_entries') : []
    const lacks = required.filter(column => !this.#columns.includes(column))
    if (lacks.length > 0 || db.pragma('encoding', { simple: true }) !== 'UTF-8') {
      throw new AuditError('bad_format', `${file} is a database, but not an audit log of MemMimic`)
    }
    const chain = tables.includes('hash_chain') ? columnsOf(db, 'hash_chain') : []
    this.#hasChain = chainColumns.every(column => chain.includes(column))
  }

  /** @throws AuditError `not_found`, `bad_format`, `busy`, `io` */
  static open(file: string): SeedFile {
    const db = openForeignFile(file)
    try {
      return reading(file, () => new SeedFile(file, db))
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** Every row, as they all stood when the first was read. */
  *rows(): Generator<SeedRow> {
    this.#run('BEGIN')
    try {
      let number = 0
      const chain = new Chain()
      for (const row of this.#inChain()) yield { number: ++number, ...chain.next(row) }
      for (const entry of this.#outsideChain()) yield { number: ++number, mark: 'unlinked', entry }
    } finally {
      this.#run('ROLLBACK')
    }
  }

  close(): void {
    this.#db.close()
  }

  #run(statement: string): void {
    reading(this.#file, () => this.#db.exec(statement))
  }

  *#inChain(): Generator<{ entry?: SeedColumns; chain: SeedColumns }> {
    if (!this.#hasChain) return
    const entry = exactly('e', this.#columns)
    const chain = exactly('c', chainColumns)
    const sql = `SELECT e.rowid IS NOT NULL, ${chain}, ${entry} FROM hash_chain c
      LEFT JOIN audit_entries e ON e.entry_id = c.entry_id ORDER BY c.chain_position, c.rowid`
    const split = 1 + 2 * chainColumns.length
    for (const row of this.#read(sql)) {
      const found = { chain: columnsFrom(chainColumns, row.slice(1, split)) }
      yield row[0] === 0n ? found : { ...found, entry: columnsFrom(this.#columns, row.slice(split)) }
    }
  }

  *#outsideChain(): Generator<SeedColumns> {
    const known = 'SELECT entry_id FROM hash_chain WHERE entry_id IS NOT NULL'
    const where = this.#hasChain ? `WHERE entry_id IS NULL OR entry_id NOT IN (${known})` : ''
    const sql = `SELECT ${exactly('e', this.#columns)} FROM audit_entries e ${where} ORDER BY e.rowid`
    for (const row of this.#read(sql)) yield columnsFrom(this.#columns, row)
  }

  *#read(sql: string): Generator<unknown[]> {
    const rows = reading(this.#file, () => this.#db.prepare(sql).raw().safeIntegers().iterate())
    try {
      for (;;) {
        const { done, value } = reading(this.#file, () => rows.next())
        if (done) return
        yield value as unknown[]
      }
    } finally {
      rows.return?.()
    }
  }
}

/** As {@link asAuditError}; to a file that has no key, none can be wrong. */
function reading<T>(file: string, work: () => T): T {
  try {
    return asAuditError(file, work)
  } catch (error) {
    if (!(error instanceof AuditError && error.code === 'bad_key')) throw error
    throw new AuditError('bad_format', `${file} is damaged: it is no SQLite database inside`, { cause: error })
  }
}

/** Follows the chain, and says of each row how it hangs on the one before it. */
class Chain {
  #before: Json | undefined
  readonly #seen = new Set<Json>()

  next({ entry, chain }: { entry?: SeedColumns; chain: SeedColumns }): Omit<SeedRow, 'number'> {
    const before = this.#before
    this.#before = chain.entry_hash
    // A second place for one entry is a place without an entry.
    const isAgain = this.#seen.has(chain.entry_id!)
    this.#seen.add(chain.entry_id!)
    if (entry === undefined || isAgain) return { mark: 'missing', chain }
    return { mark: markOf(entry, chain, before), entry, chain }
  }
}

function markOf(entry: SeedColumns, chain: SeedColumns, before: Json | undefined): ChainMark {
  if (entry.entry_hash !== chain.entry_hash) return 'broken'
  if (entry.previous_hash === null) return before === undefined ? 'linked' : 'unlinked'
  return entry.previous_hash === before ? 'linked' : 'broken'
}

function columnsOf(db: Connection, table: 'audit_entries' | 'hash_chain'): string[] {
  return db.prepare(`SELECT name FROM pragma_table_info('${table}') ORDER BY cid`).pluck().all() as string[]
}

/** Each column twice: what kind of value it is, and the value, a text as its bytes. */
function exactly(alias: string, columns: readonly string[]): string {
  return columns
    .map(column => `${alias}."${column.replaceAll('"', '""')}"`)
    .map(name => `typeof(${name}), CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) ELSE ${name} END`)
    .join(', ')
}

function columnsFrom(columns: readonly string[], row: readonly unknown[]): SeedColumns {
  return Object.fromEntries(columns.map((column, i) => [column, asJson(row[2 * i], row[2 * i + 1])]))
}

function asJson(type: unknown, value: unknown): Json {
  switch (type) {
    case 'integer': {
      const number = Number(value)
      return Number.isSafeInteger(number) ? number : String(value)
    }
    case 'real':
      return isExact(value as number) ? (value as number) : String(value)
    case 'text':
      return fromUtf8(value as Uint8Array) ?? { bytes: toBase64url(value as Uint8Array) }
    case 'blob':
      return { bytes: toBase64url(value as Uint8Array) }
    default:
      return null
  }
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))
}

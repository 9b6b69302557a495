/** Every way to change one value, or one row, of a database. */
import { createHash } from 'node:crypto'
import type { Connection } from '../../src/store/sqlite-file.ts'

export interface Change {
  readonly table: string
  /** A column; `row` where a row is taken out or added. */
  readonly column: string
  /** The kind of change, in words: `a bit of byte 17`. */
  readonly what: string
  /** Names the cell. */
  readonly cell: string
  apply(db: Connection): void
}

/** How many rows of a table, and bytes of a value, besides the first and the last; `all` for every one. */
export type Sampling = number | 'all'

/** Every change to the rows of a file, or a share of them that has something of each column of each table. */
export function* changesOf(db: Connection, sampling: Sampling): Iterable<Change> {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all()
  for (const table of tables as string[]) yield* changesIn(db, table, sampling)
}

function* changesIn(db: Connection, table: string, sampling: Sampling): Iterable<Change> {
  const columns = (db.pragma(`table_info(${table})`) as { name: string; pk: number }[]).map(({ name }) => name)
  const keys = keysOf(db, table)
  const same = keys.map(key => `${key} IS ?`).join(' AND ')
  const rows = db
    .prepare(`SELECT ${keys.join(', ')} FROM ${table} ORDER BY ${keys.join(', ')}`)
    .raw()
    .all()
  for (const at of some(rows.length, sampling, table)) {
    const key = rows[at] as unknown[]
    const cell = `${table} ${key.map(part => (part instanceof Uint8Array ? hex(part) : part)).join()}`
    const values = db
      .prepare(`SELECT * FROM ${table} WHERE ${same}`)
      .raw()
      .get(...key) as unknown[]
    for (const [i, column] of columns.entries()) {
      for (const { what, value } of otherValues(values[i], sampling, `${cell} ${column}`)) {
        const text = `UPDATE ${table} SET ${column} = ${what.includes('as text') ? 'CAST(? AS TEXT)' : '?'} WHERE ${same}`
        yield { table, column, what, cell: `${cell} ${column}`, apply: db => void db.prepare(text).run(value, ...key) }
      }
    }
    const drop = `DELETE FROM ${table} WHERE ${same}`
    yield { table, column: 'row', what: 'taken out', cell, apply: db => void db.prepare(drop).run(...key) }
    for (const by of [1, 32, 256, 1000, -1, -1_000_000]) {
      const twin = columns.map((name, i) =>
        typeof values[i] === 'number' && keys[0] === name ? values[i] + by : values[i],
      )
      const add = `INSERT INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`
      yield { table, column: 'row', what: `added at ${by}`, cell, apply: db => void db.prepare(add).run(...twin) }
    }
  }
}

/** Every n-th change of each column, the first among them. */
export function* shareOf(changes: Iterable<Change>, n: number): Iterable<Change> {
  const seen = new Map<string, number>()
  for (const change of changes) {
    const column = `${change.table} ${change.column}`
    const count = seen.get(column) ?? 0
    seen.set(column, count + 1)
    if (count % n === 0) yield change
  }
}

/** The columns by which a row is told: its primary key, or its number. */
function keysOf(db: Connection, table: string): string[] {
  const info = db.pragma(`table_info(${table})`) as { name: string; pk: number }[]
  const keys = info.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
  return keys.length === 0 ? ['rowid'] : keys.map(({ name }) => name)
}

function* otherValues(value: unknown, sampling: Sampling, place: string): Iterable<{ what: string; value: unknown }> {
  if (value !== null) yield { what: 'NULL', value: null }
  if (value === null || typeof value === 'number') {
    const is = value ?? 0
    const near = [is + 1, is - 1, is ^ 2, is ^ 4, is ^ 256, -is, 0, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER]
    for (const other of new Set(near)) {
      if (other !== value) yield { what: 'another number', value: BigInt(other) }
    }
    yield { what: 'a fraction', value: is + 0.5 }
    yield { what: 'as text', value: `x${is}` }
    yield { what: 'as a blob', value: Buffer.from(String(is)) }
    return
  }
  const bytes = Buffer.from(value as Uint8Array)
  const isText = typeof value === 'string'
  const as = isText ? ' as text' : ''
  yield { what: 'a number', value: 7n }
  yield isText ? { what: 'the same bytes in a blob', value: bytes } : { what: 'the same bytes as text', value: bytes }
  if (bytes.length > 0) yield { what: `empty${as}`, value: Buffer.alloc(0) }
  if (bytes.length > 1) yield { what: `cut short${as}`, value: bytes.subarray(0, -1) }
  yield { what: `one byte longer${as}`, value: Buffer.concat([bytes, Buffer.from([0])]) }
  for (const at of some(bytes.length, sampling === 'all' ? 'all' : 2 * sampling, place)) {
    const bits = sampling === 'all' ? [1 << drawn(`${place} ${at}`, 8), 0xff] : [1 << drawn(`${place} ${at}`, 8)]
    for (const bit of bits) {
      const other = Buffer.from(bytes)
      other[at]! ^= bit
      yield { what: `a byte${as}`, value: other }
    }
  }
}

/** The numbers below `length`: all, or the first, the last and a few drawn by `place`. */
function some(length: number, sampling: Sampling, place: string): Iterable<number> {
  if (length === 0) return []
  if (sampling === 'all' || length <= sampling + 2) return Array(length).keys()
  const between = Array.from({ length: sampling }, (_, i) => drawn(`${place} ${i}`, length))
  return new Set([0, length - 1, ...between])
}

/** A number below `below`, always the same for one place. */
export function drawn(place: string, below: number): number {
  return createHash('sha256').update(place).digest().readUInt32BE() % below
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/**
 * What the index file is made of, and everything that is ever asked of it. Every value is bound; nothing here is put
 * together from a caller's text.
 */
import type { IndexedField } from '../core/filter.ts'
import type { Connection, Schema } from '../store/sqlite-file.ts'

/**
 * One narrow row an entry, texts as numbers of the dictionary `term`, small codes for what is one of a few.
 *
 * There is no index on time: it does not fall from entry to entry, so a time is found by halving. There is none on the
 * id: it carries the millisecond of the entry. `odd_id` holds those that carry another one.
 */
export const tables: readonly string[] = [
  `CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, origin TEXT NOT NULL, size INTEGER NOT NULL, last INTEGER NOT NULL, hash TEXT NOT NULL, time INTEGER NOT NULL, disordered INTEGER NOT NULL)`,
  `CREATE TABLE term (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)`,
  `CREATE TABLE entry (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL, outcome INTEGER NOT NULL, level INTEGER NOT NULL, operation INTEGER, component INTEGER, actor INTEGER, principal INTEGER, memory INTEGER, session INTEGER)`,
  `CREATE INDEX entry_operation ON entry (operation)`,
  `CREATE INDEX entry_component ON entry (component)`,
  `CREATE INDEX entry_memory ON entry (memory) WHERE memory IS NOT NULL`,
  `CREATE INDEX entry_session ON entry (session) WHERE session IS NOT NULL`,
  `CREATE INDEX entry_kind ON entry (kind) WHERE kind > 1`,
  `CREATE INDEX entry_outcome ON entry (outcome) WHERE outcome > 1`,
  `CREATE INDEX entry_level ON entry (level) WHERE level > 1`,
  `CREATE TABLE flag (term INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (term, seq)) WITHOUT ROWID`,
  `CREATE TABLE who (term INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (term, seq)) WITHOUT ROWID`,
  `CREATE TABLE identity (id INTEGER NOT NULL, who INTEGER NOT NULL, PRIMARY KEY (id, who)) WITHOUT ROWID`,
  `CREATE TABLE odd_id (id BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id, seq)) WITHOUT ROWID`,
  `CREATE TABLE open_intent (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID`,
]

const tableNames = ['meta', 'term', 'entry', 'flag', 'who', 'identity', 'odd_id', 'open_intent']

/** A file of another version is thrown away, never brought forward: it costs a rebuild, and no rule to remember. */
export const indexSchema: Schema = { applicationId: 0x6d6d6931, migrations: [tables.join(';\n')] }

/** Takes everything out, and makes the tables anew, whatever stands there. Inside a transaction. */
export const dropTables: string = tableNames.map(name => `DROP TABLE IF EXISTS ${name}`).join(';')

/** The codes of the columns that hold one of a few values; 0 stands for none, and what is usual for 1. */
export const codes = {
  /** Unreadable entries have none. */
  kind: ['event', 'intent', 'outcome', 'control'],
  outcome: ['success', 'failure', 'denied', 'pending', 'unknown'],
  securityLevel: ['internal', 'public', 'confidential', 'secret', 'top_secret'],
} as const

/** A column of `entry`, in the order of {@link Row}. */
const columns = 'seq, time, kind, outcome, level, operation, component, actor, principal, memory, session'
export type Row = [
  seq: number,
  time: number,
  kind: number,
  outcome: number,
  level: number,
  operation: number | null,
  component: number | null,
  actor: number | null,
  principal: number | null,
  memory: number | null,
  session: number | null,
]

export interface Meta {
  /** Drawn anew when the index is thrown away, so that another process forgets the numbers of its terms. */
  readonly generation: number
  readonly origin: string
  /** Everything below is in the index. */
  readonly size: number
  /** The newest entry that was there, or -1, and its leaf hash. */
  readonly last: number
  readonly hash: string
  /** The greatest time so far. */
  readonly time: number
  /** 1 when an entry's time is smaller than one before: a time cannot be found by halving then. */
  readonly disordered: number
}

/** The list of numbers in which a value of a field stands, upwards and downwards. */
const lists: Readonly<Record<Exclude<IndexedField, 'actor'> | 'who', string>> = {
  operation: 'entry INDEXED BY entry_operation WHERE operation = ?',
  component: 'entry INDEXED BY entry_component WHERE component = ?',
  memoryId: 'entry INDEXED BY entry_memory WHERE memory = ?',
  session: 'entry INDEXED BY entry_session WHERE session = ?',
  kind: 'entry INDEXED BY entry_kind WHERE kind > 1 AND kind = ?',
  outcome: 'entry INDEXED BY entry_outcome WHERE outcome > 1 AND outcome = ?',
  securityLevel: 'entry INDEXED BY entry_level WHERE level > 1 AND level = ?',
  flag: 'flag WHERE term = ?',
  who: 'who WHERE term = ?',
}
export type ListName = keyof typeof lists

/** Every question, as SQL. */
export const sql = {
  meta: 'SELECT generation, origin, size, last, hash, time, disordered FROM meta',
  setMeta: 'INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?)',
  schema: 'SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL',
  term: 'SELECT id FROM term WHERE text = ?',
  text: 'SELECT text FROM term WHERE id = ?',
  addTerm: 'INSERT INTO term (text) VALUES (?) ON CONFLICT (text) DO NOTHING RETURNING id',
  addRow: `INSERT INTO entry (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  addFlag: 'INSERT INTO flag VALUES (?, ?)',
  addWho: 'INSERT INTO who VALUES (?, ?)',
  addIdentity: 'INSERT OR IGNORE INTO identity VALUES (?, ?)',
  addOddId: 'INSERT INTO odd_id VALUES (?, ?)',
  addIntent: 'INSERT OR IGNORE INTO open_intent VALUES (?, ?)',
  closeIntent: 'DELETE FROM open_intent WHERE id = ?',
  row: `SELECT ${columns} FROM entry WHERE seq = ?`,
  rowsUp: `SELECT ${columns} FROM entry WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT ?`,
  rowsDown: `SELECT ${columns} FROM entry WHERE seq >= ? AND seq <= ? ORDER BY seq DESC LIMIT ?`,
  timeFrom: 'SELECT time FROM entry WHERE seq >= ? ORDER BY seq LIMIT 1',
  timesBetween: 'SELECT seq FROM entry WHERE time >= ? AND time <= ? ORDER BY seq',
  whoWithId: 'SELECT who FROM identity WHERE id = ?',
  oddId: 'SELECT seq FROM odd_id WHERE id = ? ORDER BY seq LIMIT 1',
  openIntents: 'SELECT seq, id FROM open_intent ORDER BY seq',
}

export const listNames = Object.keys(lists) as ListName[]

/** The numbers of a list between two, in order. */
export function listSql(name: ListName, order: 'asc' | 'desc'): string {
  return `SELECT seq FROM ${lists[name]} AND seq >= ? AND seq <= ? ORDER BY seq ${order} LIMIT ?`
}

export type Statements = ReturnType<typeof statements>

export function statements(db: Connection) {
  const list = (order: 'asc' | 'desc') =>
    Object.fromEntries(listNames.map(name => [name, db.prepare(listSql(name, order)).pluck()])) as Record<
      ListName,
      ReturnType<Connection['prepare']>
    >
  return {
    meta: db.prepare(sql.meta),
    setMeta: db.prepare(sql.setMeta),
    term: db.prepare(sql.term).pluck(),
    text: db.prepare(sql.text).pluck(),
    addTerm: db.prepare(sql.addTerm).pluck(),
    addRow: db.prepare(sql.addRow),
    addFlag: db.prepare(sql.addFlag),
    addWho: db.prepare(sql.addWho),
    addIdentity: db.prepare(sql.addIdentity),
    addOddId: db.prepare(sql.addOddId),
    addIntent: db.prepare(sql.addIntent),
    closeIntent: db.prepare(sql.closeIntent),
    row: db.prepare(sql.row).raw(),
    rowsUp: db.prepare(sql.rowsUp).raw(),
    rowsDown: db.prepare(sql.rowsDown).raw(),
    timeFrom: db.prepare(sql.timeFrom).pluck(),
    timesBetween: db.prepare(sql.timesBetween).pluck(),
    whoWithId: db.prepare(sql.whoWithId).pluck(),
    oddId: db.prepare(sql.oddId).pluck(),
    openIntents: db.prepare(sql.openIntents),
    asc: list('asc'),
    desc: list('desc'),
  }
}

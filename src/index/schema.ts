/**
 * What the index file is made of, and everything that is ever asked of it. Every value is bound; nothing here is put
 * together from a caller's text.
 */
import type { IndexedField } from '../core/filter.ts'
import type { Connection, Schema } from '../store/sqlite-file.ts'
import type { Listed } from './lists.ts'

/**
 * One narrow row an entry, texts as numbers of the dictionary `term`, small codes for what is one of a few.
 *
 * There is no index on time: it does not fall from entry to entry, so a time is found by halving. There is none on the
 * id: it carries the millisecond of the entry. `odd_id` holds those that carry another one.
 *
 * `term` is the only place where a sealed value stands as text, and its rows are only ever added at the end or written
 * over in their own length, so that no page of it is split or merged and no copy stays behind in one (`terms.ts`).
 */
export const tables: readonly string[] = [
  `CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, origin TEXT NOT NULL, size INTEGER NOT NULL, last INTEGER NOT NULL, hash TEXT NOT NULL, time INTEGER NOT NULL, disordered INTEGER NOT NULL, text INTEGER NOT NULL, remains INTEGER NOT NULL)`,
  `CREATE TABLE term (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, text TEXT NOT NULL)`,
  `CREATE INDEX term_hash ON term (hash)`,
  `CREATE TABLE flag_set (id INTEGER PRIMARY KEY, flags TEXT NOT NULL UNIQUE)`,
  `CREATE TABLE entry (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL, outcome INTEGER NOT NULL, level INTEGER NOT NULL, operation INTEGER, component INTEGER, actor INTEGER, principal INTEGER, memory INTEGER, session INTEGER, flags INTEGER)`,
  `CREATE INDEX entry_memory ON entry (memory) WHERE memory IS NOT NULL`,
  `CREATE INDEX entry_kind ON entry (kind) WHERE kind > 1`,
  `CREATE INDEX entry_outcome ON entry (outcome) WHERE outcome > 1`,
  `CREATE INDEX entry_level ON entry (level) WHERE level > 1`,
  `CREATE TABLE list (key INTEGER NOT NULL, block INTEGER NOT NULL, bits INTEGER NOT NULL, PRIMARY KEY (key, block)) WITHOUT ROWID`,
  `CREATE TABLE identity (id INTEGER NOT NULL, who INTEGER NOT NULL, PRIMARY KEY (id, who)) WITHOUT ROWID`,
  `CREATE TABLE odd_id (id BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id, seq)) WITHOUT ROWID`,
  `CREATE TABLE open_intent (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE text_block (block INTEGER PRIMARY KEY, bits BLOB NOT NULL)`,
]

const tableNames = ['meta', 'term', 'flag_set', 'entry', 'list', 'identity', 'odd_id', 'open_intent', 'text_block']

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
const columns = 'seq, time, kind, outcome, level, operation, component, actor, principal, memory, session, flags'
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
  flags: number | null,
]

export interface Meta {
  /** Drawn anew when the index is thrown away or forgets terms, so that another process forgets their numbers. */
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
  /** 1 when the texts of the entries are indexed too. */
  readonly text: number
  /** What may be left of texts that were let go: 1 in the write-ahead log, 2 also in the index over their hashes. */
  readonly remains: number
}

/** The list of numbers in which a value of a field stands, where SQLite keeps it; `lists.ts` has the others. */
const lists: Readonly<Record<Exclude<IndexedField, 'actor' | Listed>, string>> = {
  memoryId: 'entry INDEXED BY entry_memory WHERE memory = ?',
  kind: 'entry INDEXED BY entry_kind WHERE kind > 1 AND kind = ?',
  outcome: 'entry INDEXED BY entry_outcome WHERE outcome > 1 AND outcome = ?',
  securityLevel: 'entry INDEXED BY entry_level WHERE level > 1 AND level = ?',
}
export type ListName = keyof typeof lists

/** Every question, as SQL. */
export const sql = {
  meta: 'SELECT generation, origin, size, last, hash, time, disordered, text, remains FROM meta',
  setMeta: 'INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  setForgotten: 'UPDATE meta SET generation = ?, remains = ?',
  setRemains: 'UPDATE meta SET remains = ?',
  schema: 'SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL',
  term: 'SELECT id, text FROM term WHERE hash = ?',
  text: 'SELECT text FROM term WHERE id = ?',
  addTerm: 'INSERT INTO term (hash, text) VALUES (?, ?) RETURNING id',
  overwriteTerm: 'UPDATE term SET hash = ?, text = ? WHERE id = ?',
  /** Of the term itself, and of the first and the last key that its lists can have. */
  isTermUsed: `SELECT EXISTS (SELECT 1 FROM entry INDEXED BY entry_memory WHERE memory = ?)
    OR EXISTS (SELECT 1 FROM list WHERE key >= ? AND key <= ?)
    OR EXISTS (SELECT 1 FROM identity WHERE identity.id = ?)`,
  flagSet: 'SELECT id FROM flag_set WHERE flags = ?',
  flagsOf: 'SELECT flags FROM flag_set WHERE id = ?',
  addFlagSet: 'INSERT INTO flag_set (flags) VALUES (?) RETURNING id',
  dropFlagSets: 'DELETE FROM flag_set WHERE id NOT IN (SELECT flags FROM entry WHERE flags IS NOT NULL)',
  addRow: `INSERT INTO entry (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  setSealed: 'UPDATE entry SET actor = ?, principal = ?, memory = ?, session = ? WHERE seq = ?',
  dropRow: 'DELETE FROM entry WHERE seq = ?',
  addToList: 'INSERT INTO list VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bits = bits | excluded.bits',
  takeFromList: 'UPDATE list SET bits = bits & ? WHERE key = ? AND block = ?',
  dropEmptyList: 'DELETE FROM list WHERE key = ? AND block = ? AND bits = 0',
  listUp: 'SELECT block, bits FROM list WHERE key = ? AND block >= ? AND block <= ? ORDER BY block LIMIT ?',
  listDown: 'SELECT block, bits FROM list WHERE key = ? AND block >= ? AND block <= ? ORDER BY block DESC LIMIT ?',
  allLists: 'SELECT key, block, bits FROM list WHERE (key, block) > (?, ?) ORDER BY key, block LIMIT ?',
  isListed: 'SELECT EXISTS (SELECT 1 FROM list WHERE key = ?)',
  addIdentity: 'INSERT OR IGNORE INTO identity VALUES (?, ?)',
  /** The last is the key of the list of who. */
  dropIdentity: 'DELETE FROM identity WHERE id = ? AND who = ? AND NOT EXISTS (SELECT 1 FROM list WHERE key = ?)',
  addOddId: 'INSERT INTO odd_id VALUES (?, ?)',
  dropOddIds: 'DELETE FROM odd_id WHERE seq > 0 AND seq < ?',
  addIntent: 'INSERT OR IGNORE INTO open_intent VALUES (?, ?)',
  closeIntent: 'DELETE FROM open_intent WHERE id = ?',
  dropIntents: 'DELETE FROM open_intent WHERE seq > 0 AND seq < ?',
  putTextBlock: 'INSERT OR REPLACE INTO text_block VALUES (?, ?)',
  setTextBlock: 'UPDATE text_block SET bits = ? WHERE block = ?',
  textBlock: 'SELECT bits FROM text_block WHERE block = ?',
  textBlocks: 'SELECT block, bits FROM text_block WHERE block >= ? AND block <= ? ORDER BY block',
  dropTextBlocks: 'DELETE FROM text_block WHERE block > 0 AND block < ?',
  row: `SELECT ${columns} FROM entry WHERE seq = ?`,
  rowsUp: `SELECT ${columns} FROM entry WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT ?`,
  rowsDown: `SELECT ${columns} FROM entry WHERE seq >= ? AND seq <= ? ORDER BY seq DESC LIMIT ?`,
  seqsUp: 'SELECT seq FROM entry WHERE seq >= ? AND seq <= ? AND kind > 0 ORDER BY seq LIMIT ?',
  seqsDown: 'SELECT seq FROM entry WHERE seq >= ? AND seq <= ? AND kind > 0 ORDER BY seq DESC LIMIT ?',
  /** Masks: bit n stands for the code n. */
  countRows: `SELECT count(*) FROM entry WHERE seq >= ? AND seq <= ? AND kind > 0
    AND (? >> kind) & 1 AND (? >> outcome) & 1 AND (? >> level) & 1`,
  timeFrom: 'SELECT time FROM entry WHERE seq >= ? ORDER BY seq LIMIT 1',
  firstTime: 'SELECT min(time) FROM entry WHERE kind > 0',
  timesBetween: 'SELECT seq FROM entry WHERE time >= ? AND time <= ? ORDER BY seq',
  whoWithId: 'SELECT who FROM identity WHERE id = ?',
  oddIds: 'SELECT seq FROM odd_id WHERE id = ? ORDER BY seq',
  openIntents: 'SELECT seq, id FROM open_intent ORDER BY seq',
}

export const listNames = Object.keys(lists) as ListName[]

/** The numbers of a list between two, in order. */
export function listSql(name: ListName, order: 'asc' | 'desc'): string {
  return `SELECT seq FROM ${lists[name]} AND seq >= ? AND seq <= ? ORDER BY seq ${order} LIMIT ?`
}

/** How many numbers of a list are between two. */
export function countSql(name: ListName): string {
  return `SELECT count(*) FROM ${lists[name]} AND seq >= ? AND seq <= ?`
}

export type Statements = ReturnType<typeof statements>

export function statements(db: Connection) {
  type Statement = ReturnType<Connection['prepare']>
  const perList = (text: (name: ListName) => string) =>
    Object.fromEntries(listNames.map(name => [name, db.prepare(text(name)).pluck()])) as Record<ListName, Statement>
  return {
    meta: db.prepare(sql.meta),
    setMeta: db.prepare(sql.setMeta),
    setForgotten: db.prepare(sql.setForgotten),
    setRemains: db.prepare(sql.setRemains),
    term: db.prepare(sql.term).raw(),
    text: db.prepare(sql.text).pluck(),
    addTerm: db.prepare(sql.addTerm).pluck(),
    overwriteTerm: db.prepare(sql.overwriteTerm),
    isTermUsed: db.prepare(sql.isTermUsed).pluck(),
    flagSet: db.prepare(sql.flagSet).pluck(),
    flagsOf: db.prepare(sql.flagsOf).pluck(),
    addFlagSet: db.prepare(sql.addFlagSet).pluck(),
    dropFlagSets: db.prepare(sql.dropFlagSets),
    addRow: db.prepare(sql.addRow),
    setSealed: db.prepare(sql.setSealed),
    dropRow: db.prepare(sql.dropRow),
    addToList: db.prepare(sql.addToList),
    takeFromList: db.prepare(sql.takeFromList),
    dropEmptyList: db.prepare(sql.dropEmptyList),
    listUp: db.prepare(sql.listUp).raw(),
    listDown: db.prepare(sql.listDown).raw(),
    allLists: db.prepare(sql.allLists).raw(),
    isListed: db.prepare(sql.isListed).pluck(),
    addIdentity: db.prepare(sql.addIdentity),
    dropIdentity: db.prepare(sql.dropIdentity),
    addOddId: db.prepare(sql.addOddId),
    dropOddIds: db.prepare(sql.dropOddIds),
    addIntent: db.prepare(sql.addIntent),
    closeIntent: db.prepare(sql.closeIntent),
    dropIntents: db.prepare(sql.dropIntents),
    putTextBlock: db.prepare(sql.putTextBlock),
    setTextBlock: db.prepare(sql.setTextBlock),
    textBlock: db.prepare(sql.textBlock).pluck(),
    textBlocks: db.prepare(sql.textBlocks).raw(),
    dropTextBlocks: db.prepare(sql.dropTextBlocks),
    row: db.prepare(sql.row).raw(),
    rowsUp: db.prepare(sql.rowsUp).raw(),
    rowsDown: db.prepare(sql.rowsDown).raw(),
    seqsUp: db.prepare(sql.seqsUp).pluck(),
    seqsDown: db.prepare(sql.seqsDown).pluck(),
    countRows: db.prepare(sql.countRows).pluck(),
    timeFrom: db.prepare(sql.timeFrom).pluck(),
    firstTime: db.prepare(sql.firstTime).pluck(),
    timesBetween: db.prepare(sql.timesBetween).pluck(),
    whoWithId: db.prepare(sql.whoWithId).pluck(),
    oddIds: db.prepare(sql.oddIds).pluck(),
    openIntents: db.prepare(sql.openIntents),
    asc: perList(name => listSql(name, 'asc')),
    desc: perList(name => listSql(name, 'desc')),
    count: perList(countSql),
  }
}

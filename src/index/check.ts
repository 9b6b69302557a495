/** Holds an index against its log, both ways: what a person changed in the index file is found here. */
import { type Finding, finding } from '../core/finding.ts'
import type { Connection } from '../store/sqlite-file.ts'
import type { LogSource } from '../store/store.ts'
import { type Facts, factsOf, idBytes } from './facts.ts'
import { type Meta, type Row, statements } from './schema.ts'

/** The finding for one way in which the index says something else than the log. */
function mismatch(seq: number | undefined, message: string, facts: Partial<Finding> = {}): Finding {
  if (seq === undefined) return finding('index_mismatch', `the index: ${message}`, facts)
  return finding('index_mismatch', `entry ${seq}: ${message}`, { seq, ...facts })
}

const step = 256

/**
 * Reads the whole index and the whole log side by side, in constant memory but for the intents that are open.
 *
 * @param db a connection of its own: it is held in one read transaction
 */
export async function* checkIndex(db: Connection, log: LogSource): AsyncIterable<Finding> {
  db.exec('BEGIN')
  const sql = statements(db)
  const pluck = (text: string, ...values: unknown[]) =>
    db
      .prepare(text)
      .pluck()
      .all(...values)
  for (const line of pluck('PRAGMA integrity_check(20)') as string[]) {
    if (line !== 'ok') yield mismatch(undefined, `not sound: ${line}`)
  }
  const meta = sql.meta.get() as Meta
  const text = db.prepare('SELECT text FROM term WHERE id = ?').pluck()
  const nameOf = (id: number | null) =>
    id === null ? undefined : ((text.get(id) as string | undefined) ?? `term ${id}`)
  const hasFlag = db.prepare('SELECT 1 FROM flag WHERE term = ? AND seq = ?').pluck()
  const hasWho = db.prepare('SELECT 1 FROM who WHERE term = ? AND seq = ?').pluck()
  const hasOdd = db.prepare('SELECT 1 FROM odd_id WHERE id = ? AND seq = ?').pluck()
  const hasIdentity = db.prepare('SELECT 1 FROM identity WHERE id = ? AND who = ?').pluck()
  const intents = new Map<string, number>()
  const counts = { flag: 0, who: 0, odd_id: 0 }
  let time = 0
  let disordered = 0

  /** What stands in the tables beside the row. */
  function* besides(entry: Facts): Iterable<Finding> {
    const { seq } = entry
    for (const flag of entry.flags) {
      counts.flag++
      if (hasFlag.get(sql.term.get(flag), seq) === undefined)
        yield mismatch(seq, `the flag ${quote(flag)} is missing in the index`)
    }
    for (const who of new Set([entry.actor, entry.principal])) {
      if (who === undefined) continue
      counts.who++
      const id = sql.term.get(who)
      if (hasWho.get(id, seq) === undefined) yield mismatch(seq, `the actor ${who} is missing in the index`)
      const bare = sql.term.get((JSON.parse(who) as string[])[1])
      if (hasIdentity.get(bare, id) === undefined) yield mismatch(seq, `the actor ${who} cannot be found by its id`)
    }
    if (entry.oddId !== undefined) {
      counts.odd_id++
      if (hasOdd.get(idBytes(entry.oddId), seq) === undefined) yield mismatch(seq, 'its id is missing in the index')
    }
    if (entry.opens !== undefined && !intents.has(entry.opens)) intents.set(entry.opens, seq)
    if (entry.closes !== undefined) intents.delete(entry.closes)
  }

  function* compare(from: number, to: number, entries: readonly Facts[]): Iterable<Finding> {
    const rows = new Map((sql.rowsUp.all(from, to - 1, to - from) as Row[]).map(row => [row[0], row]))
    for (const entry of entries) {
      const { seq } = entry
      const row = rows.get(seq)
      rows.delete(seq)
      if (row === undefined) yield mismatch(seq, 'its row in the index is missing')
      else yield* differences(row, entry, entry.time ?? time, nameOf)
      yield* besides(entry)
      if (entry.time !== undefined && entry.time < time) disordered = 1
      time = Math.max(time, entry.time ?? time)
    }
    for (const seq of rows.keys()) yield mismatch(seq, 'the index has a row, and the log no entry')
  }

  let at = 0
  let batch: Facts[] = []
  for await (const some of log.entries(0, meta.size)) {
    for (const stored of some) batch.push(factsOf(stored))
    if (batch.length < step) continue
    const end = batch.at(-1)!.seq + 1
    yield* compare(at, end, batch)
    at = end
    batch = []
  }
  yield* compare(at, meta.size, batch)
  for (const seq of pluck('SELECT seq FROM entry WHERE seq < 0 OR seq >= ?', meta.size) as number[]) {
    yield mismatch(seq, 'the index has a row, and the log no entry')
  }
  if (time !== meta.time || disordered !== meta.disordered) {
    yield mismatch(undefined, 'what it says about the times of the log is not so')
  }
  yield* intentDifferences(sql.openIntents.all() as { seq: number; id: Uint8Array }[], intents)
  yield* extraRows(db, log, counts)
}

function* differences(
  row: Row,
  entry: Facts,
  time: number,
  nameOf: (id: number | null) => string | undefined,
): Iterable<Finding> {
  const [seq, rowTime, kind, outcome, level, operation, component, actor, principal, memory, session] = row
  const pairs: [string, unknown, unknown][] = [
    ['time', rowTime, time],
    ['kind', kind, entry.kind],
    ['outcome', outcome, entry.outcome],
    ['securityLevel', level, entry.level],
    ['operation', nameOf(operation), entry.operation],
    ['component', nameOf(component), entry.component],
    ['actor', nameOf(actor), entry.actor],
    ['onBehalfOf', nameOf(principal), entry.principal],
    ['memoryId', nameOf(memory), entry.memory],
    ['session', nameOf(session), entry.session],
  ]
  for (const [name, says, is] of pairs) {
    if (says !== is)
      yield mismatch(seq, `${name} is not what the log says`, { expected: quote(is), actual: quote(says) })
  }
}

function quote(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value)
}

function* intentDifferences(
  rows: readonly { seq: number; id: Uint8Array }[],
  open: ReadonlyMap<string, number>,
): Iterable<Finding> {
  const left = new Map([...open].map(([id, seq]) => [Buffer.from(idBytes(id)).toString('hex'), seq]))
  for (const { seq, id } of rows) {
    const hex = Buffer.from(id).toString('hex')
    if (left.get(hex) !== seq) yield mismatch(seq, 'an open intent in the index and none in the log')
    else left.delete(hex)
  }
  for (const seq of left.values()) yield mismatch(seq, 'an open intent in the log and none in the index')
}

/** Everything that should be there is. What is there too many is only looked for when the numbers do not agree. */
async function* extraRows(
  db: Connection,
  log: LogSource,
  counts: Readonly<Record<'flag' | 'who' | 'odd_id', number>>,
): AsyncIterable<Finding> {
  const count = (table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  const text = db.prepare('SELECT text FROM term WHERE id = ?').pluck()
  const pages = {
    flag: 'SELECT term AS key, seq FROM flag WHERE (term, seq) > (?, ?) ORDER BY term, seq LIMIT 1000',
    who: 'SELECT term AS key, seq FROM who WHERE (term, seq) > (?, ?) ORDER BY term, seq LIMIT 1000',
    odd_id: 'SELECT id AS key, seq FROM odd_id WHERE (id, seq) > (?, ?) ORDER BY id, seq LIMIT 1000',
  }
  const isSaid = (table: keyof typeof pages, key: unknown, entry: Facts | undefined): boolean => {
    if (entry === undefined) return false
    if (table === 'flag') return entry.flags.includes(text.get(key) as string)
    if (table === 'who') return [entry.actor, entry.principal].includes(text.get(key) as string)
    return entry.oddId !== undefined && Buffer.compare(idBytes(entry.oddId), key as Uint8Array) === 0
  }
  const what = { flag: 'a flag', who: 'an actor', odd_id: 'an id' }
  for (const table of ['flag', 'who', 'odd_id'] as const) {
    if (count(table) === counts[table]) continue
    const page = db.prepare(pages[table])
    let last: { key: unknown; seq: number } = { key: table === 'odd_id' ? Buffer.alloc(0) : -1, seq: -1 }
    for (;;) {
      const rows = page.all(last.key, last.seq) as { key: unknown; seq: number }[]
      if (rows.length === 0) break
      for (const { key, seq } of rows) {
        if (isSaid(table, key, await factsAt(log, seq))) continue
        yield mismatch(seq, `the index gives it ${what[table]} that the log does not`)
      }
      last = rows.at(-1)!
    }
  }
}

async function factsAt(log: LogSource, seq: number): Promise<Facts | undefined> {
  if (!(seq >= 0)) return undefined
  for await (const some of log.entries(seq, seq + 1)) for (const stored of some) return factsOf(stored)
  return undefined
}

/** Holds an index against its log, both ways: what a person changed in the index file is found here. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Finding, finding } from '../core/finding.ts'
import { isIn, type Range, unite } from '../core/ranges.ts'
import type { Connection } from '../store/sqlite-file.ts'
import type { LogSource, StoredEntry } from '../store/store.ts'
import { bareId, type Facts, factsOf, idBytes } from './facts.ts'
import { countList, keysOf, type Listed, listKey, listOfKey } from './lists.ts'
import { type Meta, type Row, type Statements, statements } from './schema.ts'
import { isOverwritten, termHash } from './terms.ts'
import { bitsOf, blockWidth, countBits } from './text-blocks.ts'

/** One way in which the index says something else than the log, and the entries that it is about. */
interface Difference {
  readonly finding: Finding
  readonly entries?: Range
}

function mismatch(
  seq: number | undefined,
  message: string,
  { last = seq, ...facts }: Partial<Finding> & { readonly last?: number | undefined } = {},
): Difference {
  if (seq === undefined) return { finding: finding('index_mismatch', `the index: ${message}`, facts) }
  return { finding: finding('index_mismatch', `entry ${seq}: ${message}`, { seq, ...facts }), entries: [seq, last!] }
}

/** Entries that are compared in one go: whole blocks of text. */
const step = 8 * blockWidth

/**
 * Reads the whole index and the whole log side by side. What the log lets go of meanwhile stands in the index as it is read
 * here: nothing is found of it.
 *
 * In memory: two bytes an entry, the intents that are open, and what is found.
 *
 * @param db a connection of its own: it is held in one read transaction
 */
export async function* checkIndex(db: Connection, log: LogSource): AsyncIterable<Finding> {
  db.exec('BEGIN')
  const { size } = statements(db).meta.get() as Meta
  const found = await Array.fromAsync(differencesIn(db, log))
  const gone = found.length === 0 ? [] : await letGoSince(log, size)
  for (const { finding, entries } of found) if (entries === undefined || !overlaps(gone, entries)) yield finding
}

function overlaps(ranges: readonly Range[], [first, last]: Range): boolean {
  return ranges.some(([from, to]) => from <= last && first <= to)
}

/** The entries of which the log let go in entries from `size` on, as a whole or of what was in them. */
async function letGoSince(log: LogSource, size: number): Promise<Range[]> {
  const gone: Range[] = []
  for await (const some of log.entries(size, (await log.head())?.size ?? 0)) {
    for (const stored of some) {
      const { removal } = factsOf(stored)
      if (removal === undefined) continue
      gone.push(...removal.content)
      if (removal.below > 1) gone.push([1, removal.below - 1])
    }
    await nextTurn()
  }
  return unite(gone)
}

async function* differencesIn(db: Connection, log: LogSource): AsyncIterable<Difference> {
  const sql = statements(db)
  for (const line of db.prepare('PRAGMA integrity_check(20)').pluck().all() as string[]) {
    if (line !== 'ok') yield mismatch(undefined, `not sound: ${line}`)
  }
  const meta = sql.meta.get() as Meta
  const besides = new Besides(db, sql, Math.min(meta.size, (await log.head())?.size ?? 0))
  let time = 0
  let disordered = 0

  function* compare(from: number, to: number, entries: readonly StoredEntry[]): Iterable<Difference> {
    const rows = new Map((sql.rowsUp.all(from, to - 1, to - from) as Row[]).map(row => [row[0], row]))
    for (const stored of entries) {
      const entry = factsOf(stored)
      const { seq } = entry
      const row = rows.get(seq)
      rows.delete(seq)
      if (row === undefined) yield mismatch(seq, 'its row in the index is missing')
      else yield* differences(row, entry, entry.time ?? time, besides)
      yield* besides.of(entry)
      if (entry.time !== undefined && entry.time < time) disordered = 1
      time = Math.max(time, entry.time ?? time)
    }
    for (const seq of rows.keys()) yield mismatch(seq, 'the index has a row, and the log no entry')
    if (meta.text === 1) yield* textDifferences(sql, from, to, entries)
  }

  let at = 0
  let batch: StoredEntry[] = []
  for await (const some of log.entries(0, meta.size)) {
    for (const stored of some) {
      if (stored.seq >= at + step) {
        const end = stored.seq - (stored.seq % step)
        yield* compare(at, end, batch)
        at = end
        batch = []
        // So that whoever shares the thread comes in between: here, and wherever else it takes long.
        await nextTurn()
      }
      batch.push(stored)
    }
  }
  yield* compare(at, meta.size, batch)
  const strangers = db.prepare('SELECT seq FROM entry WHERE seq < 0 OR seq >= ?').pluck()
  for (const seq of strangers.all(meta.size) as number[]) {
    yield mismatch(seq, 'the index has a row, and the log no entry')
  }
  const strangeBlocks = db.prepare('SELECT block FROM text_block WHERE block < 0 OR block >= ?').pluck()
  for (const block of strangeBlocks.all(meta.text * Math.ceil(meta.size / blockWidth)) as number[]) {
    yield mismatch(block * blockWidth, 'the index knows of texts from there on, and the log has none')
  }
  // Entries whose times ran backwards may be gone by now.
  const isTimely = meta.disordered === 1 ? time <= meta.time : time === meta.time && disordered === 0
  if (!isTimely) yield mismatch(undefined, 'what it says about the times of the log is not so')
  yield* besides.openIntents()
  yield* besides.extra(log, await letGoSince(log, meta.size))
  yield* termDifferences(db, sql)
}

function* differences(row: Row, entry: Facts, time: number, { nameOf, flagsOf }: Besides): Iterable<Difference> {
  const [seq, rowTime, kind, outcome, level, operation, component, actor, principal, memory, session, flags] = row
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
    ['complianceFlags', flagsOf(flags), JSON.stringify(entry.flags)],
  ]
  for (const [name, says, is] of pairs) {
    if (says !== is)
      yield mismatch(seq, `${name} is not what the log says`, { expected: quote(is), actual: quote(says) })
  }
}

function quote(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value)
}

/** The sets of the blocks between two numbers, of which the first begins a block. */
function* textDifferences(
  sql: Statements,
  from: number,
  to: number,
  entries: readonly StoredEntry[],
): Iterable<Difference> {
  const end = Math.floor(to / blockWidth)
  const first = from / blockWidth
  const blocks = new Map(sql.textBlocks.all(first, Math.ceil(to / blockWidth) - 1) as [number, Uint8Array][])
  const byBlock = Map.groupBy(entries, ({ seq }) => Math.floor(seq / blockWidth))
  for (const block of new Set([...blocks.keys(), ...byBlock.keys()])) {
    const bits = blocks.get(block)
    const of = block < end ? byBlock.get(block) : undefined
    const isSame =
      of === undefined ? bits === undefined : bits !== undefined && !Buffer.compare(bits, bitsOf(of, bits.length))
    if (isSame) continue
    const seq = block * blockWidth
    yield mismatch(seq, `what it knows of the texts from there on is not what they say`, { last: seq + blockWidth - 1 })
  }
}

/** What the index gives an entry, by the kind of the list in which it stands. */
const listNames: Readonly<Record<Listed, string>> = {
  operation: 'operation',
  component: 'component',
  session: 'session',
  flag: 'flag',
  who: 'actor',
}

/** The texts of an entry that stand in lists, each once. */
function listTexts({ operation, component, session, flags, actor, principal }: Facts): [Listed, string][] {
  const whos = actor === principal ? [actor] : [actor, principal]
  const texts: [Listed, string | undefined][] = [
    ['operation', operation],
    ['component', component],
    ['session', session],
    ...flags.map((flag): [Listed, string] => ['flag', flag]),
    ...whos.map((who): [Listed, string | undefined] => ['who', who]),
  ]
  return texts.filter((pair): pair is [Listed, string] => pair[1] !== undefined)
}

/** What stands in the tables beside the rows, and what has come by that should. */
class Besides {
  readonly #db: Connection
  readonly #sql: Statements
  readonly #text
  readonly #has
  /** How many texts of each entry stand in lists. */
  readonly #listed: Uint16Array
  readonly #oddIds: number[] = []
  readonly #intents = new Map<string, number>()

  constructor(db: Connection, sql: Statements, size: number) {
    this.#db = db
    this.#sql = sql
    this.#listed = new Uint16Array(size)
    const pluck = (text: string) => db.prepare(text).pluck()
    this.#text = sql.text
    this.#has = {
      oddId: pluck('SELECT 1 FROM odd_id WHERE id = ? AND seq = ?'),
      identity: pluck('SELECT 1 FROM identity WHERE id = ? AND who = ?'),
    }
  }

  readonly nameOf = (id: number | null): string | undefined =>
    id === null ? undefined : ((this.#text.get(id) as string | undefined) ?? `term ${id}`)

  readonly flagsOf = (id: number | null): string =>
    id === null ? '[]' : ((this.#sql.flagsOf.get(id) as string | undefined) ?? `set ${id}`)

  #idOf(text: string): number | undefined {
    return (this.#sql.term.all(termHash(text)) as [number, string][]).find(found => found[1] === text)?.[0]
  }

  *of(entry: Facts): Iterable<Difference> {
    const { seq } = entry
    for (const [name, text] of listTexts(entry)) {
      this.#listed[seq]!++
      const id = this.#idOf(text)
      if (id === undefined || countList(this.#sql, listKey(name, id), seq, seq) === 0)
        yield mismatch(seq, `the ${listNames[name]} ${quote(text)} is missing in the index`)
      if (name === 'who' && this.#has.identity.get(this.#idOf(bareId(text)!), id) === undefined)
        yield mismatch(seq, `the actor ${text} cannot be found by its id`)
    }
    if (entry.oddId !== undefined) {
      this.#oddIds.push(seq)
      if (this.#has.oddId.get(idBytes(entry.oddId), seq) === undefined)
        yield mismatch(seq, 'its id is missing in the index')
    }
    if (entry.opens !== undefined && !this.#intents.has(entry.opens)) this.#intents.set(entry.opens, seq)
    if (entry.closes !== undefined) this.#intents.delete(entry.closes)
  }

  *openIntents(): Iterable<Difference> {
    const left = new Map([...this.#intents].map(([id, seq]) => [Buffer.from(idBytes(id)).toString('hex'), seq]))
    for (const { seq, id } of this.#sql.openIntents.all() as { seq: number; id: Uint8Array }[]) {
      const hex = Buffer.from(id).toString('hex')
      if (left.get(hex) !== seq) yield mismatch(seq, 'an open intent in the index and none in the log')
      else left.delete(hex)
    }
    for (const seq of left.values()) yield mismatch(seq, 'an open intent in the log and none in the index')
  }

  /**
   * Everything that should be there is. What is there too many is only looked for when the numbers do not agree.
   *
   * @param gone entries that are not as they were when the index was made: they are not counted
   */
  async *extra(log: LogSource, gone: readonly Range[]): AsyncIterable<Difference> {
    let listed = 0
    let areUsual = true
    for (let last: readonly unknown[] = beforeAll, isMore = true; isMore; await nextTurn()) {
      const some = this.#sql.allLists.all(...last, pageLength) as ListRow[]
      for (const [key, block, bits] of some) {
        areUsual &&= isUsual(key, block, bits)
        listed += countBits(bits & ~bitsIn(gone, block))
      }
      isMore = some.length === pageLength
      last = some.at(-1)?.slice(0, 2) ?? beforeAll
    }
    for (const [first, last] of gone) this.#listed.fill(0, first, last + 1)
    if (!areUsual || listed !== this.#listed.reduce((sum, count) => sum + count, 0)) yield* this.#extraInLists(log)
    const oddIds = this.#db.prepare('SELECT seq FROM odd_id').pluck().all() as number[]
    const isHere = (seq: number) => !isIn(gone, seq)
    if (oddIds.filter(isHere).length !== this.#oddIds.filter(isHere).length) yield* this.#extraIds(log)
  }

  async *#extraInLists(log: LogSource): AsyncIterable<Difference> {
    for (let last: readonly unknown[] = beforeAll; ; await nextTurn()) {
      const rows = this.#sql.allLists.all(...last, pageLength) as ListRow[]
      if (rows.length === 0) return
      for (const [key, block, bits] of rows) {
        if (!isUsual(key, block, bits)) {
          yield mismatch(undefined, `it has a list that is none (${String(key)}, ${String(block)})`)
          continue
        }
        const { name, term } = listOfKey(key)
        const text = this.#text.get(term) as string | undefined
        let known: ReadonlyMap<number, Facts> | undefined
        for (let bit = 0; bit < blockWidth; bit++) {
          if (((bits >>> bit) & 1) === 0) continue
          const seq = block * blockWidth + bit
          known ??= await factsIn(log, block)
          const facts = known.get(seq)
          const isSaid = facts !== undefined && listTexts(facts).some(([of, is]) => of === name && is === text)
          if (!isSaid)
            yield mismatch(seq, `the index gives it the ${listNames[name!]} ${quote(text)}, and the log does not`)
        }
      }
      last = rows.at(-1)!.slice(0, 2)
    }
  }

  async *#extraIds(log: LogSource): AsyncIterable<Difference> {
    const page = this.#db
      .prepare(`SELECT id, seq FROM odd_id WHERE (id, seq) > (?, ?) ORDER BY id, seq LIMIT ${pageLength}`)
      .raw()
    type IdRow = [id: unknown, seq: number]
    for (let rows = page.all(...beforeAll) as IdRow[]; rows.length > 0; rows = page.all(...rows.at(-1)!) as IdRow[]) {
      for (const [id, seq] of rows) {
        const odd = (await factsIn(log, Math.floor(seq / blockWidth))).get(seq)?.oddId
        if (odd === undefined || !(id instanceof Uint8Array) || Buffer.compare(idBytes(odd), id) !== 0)
          yield mismatch(seq, 'the index gives it an id that the log does not')
      }
    }
  }
}

type ListRow = [key: number, block: number, bits: number]

/** Rows that are read in one go. */
const pageLength = 1000

/** The entries of a block that are in a set, as the bits of a list. */
function bitsIn(ranges: readonly Range[], block: number): number {
  let bits = 0
  if (ranges.length > 0) {
    for (let bit = 0; bit < blockWidth; bit++) if (isIn(ranges, block * blockWidth + bit)) bits |= 1 << bit
  }
  return bits
}

/** A row before all that can be, of whatever type they are. */
const beforeAll = [-(2 ** 53), -(2 ** 53)] as const

/** Whether a row is one that this software writes; whatever is counted of any other would mean nothing. */
function isUsual(key: unknown, block: unknown, bits: unknown): boolean {
  const isKey = Number.isSafeInteger(key) && (key as number) >= 0 && listOfKey(key as number).name !== undefined
  return isKey && Number.isSafeInteger(block) && (block as number) >= 0 && bits === ((bits as number) | 0) && bits !== 0
}

/** What the entries of a block say. */
async function factsIn(log: LogSource, block: number): Promise<ReadonlyMap<number, Facts>> {
  const facts = new Map<number, Facts>()
  if (!(block >= 0)) return facts
  for await (const some of log.entries(block * blockWidth, (block + 1) * blockWidth)) {
    for (const stored of some) facts.set(stored.seq, factsOf(stored))
  }
  return facts
}

/** The dictionary, and who can be found by an id: nothing in it that no row needs, and nothing that cannot be found. */
async function* termDifferences(db: Connection, sql: Statements): AsyncIterable<Difference> {
  const page = db.prepare(`SELECT id, hash, text FROM term WHERE id > ? ORDER BY id LIMIT ${pageLength}`).raw()
  type Term = [id: number, hash: number, text: string]
  for (let terms = page.all(beforeAll[0]) as Term[]; terms.length > 0; terms = page.all(terms.at(-1)![0]) as Term[]) {
    await nextTurn()
    for (const [id, hash, text] of terms) {
      if (sql.isTermUsed.get(id, ...keysOf(id), id) === 0) {
        if (!isOverwritten(hash, text)) yield mismatch(undefined, `it keeps a text that no entry has (term ${id})`)
      } else if (hash !== termHash(text)) {
        yield mismatch(undefined, `a text that entries have cannot be found in it (term ${id})`)
      } else if ((sql.term.all(hash) as [number, string][]).filter(found => found[1] === text).length > 1) {
        yield mismatch(undefined, `it has a text twice (term ${id})`)
      }
    }
  }
  for (const { id, who } of db.prepare('SELECT id, who FROM identity').iterate() as Iterable<{
    id: number
    who: number
  }>) {
    const text = sql.text.get(who) as string | undefined
    const isHere = typeof text === 'string' && sql.isListed.get(listKey('who', who)) === 1
    if (isHere && bareId(text) === sql.text.get(id)) continue
    yield mismatch(undefined, `somebody is found in it by an id that is not theirs (term ${who})`)
  }
  const sets = db.prepare('SELECT id FROM flag_set WHERE id NOT IN (SELECT flags FROM entry WHERE flags IS NOT NULL)')
  for (const id of sets.pluck().all() as number[])
    yield mismatch(undefined, `it keeps flags that no entry has (set ${id})`)
}

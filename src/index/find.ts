/** From a filter to rows: which lists to intersect, between which numbers, and what to look at in each row. */
import type { CompiledFilter, Requirement } from '../core/filter.ts'
import { uuidv7Time } from '../core/time.ts'
import { idBytes, identityText } from './facts.ts'
import { countList, type Listed, listed, listKey, readList } from './lists.ts'
import { intersection, listOf, listOfAll, type Postings, union } from './postings.ts'
import { codes, type ListName, type Meta, type Row, type Statements } from './schema.ts'
import type { Terms } from './terms.ts'
import { runsOf, type TextSource, textList } from './text-blocks.ts'

/** What a plan is made from. */
export interface PlanContext {
  readonly sql: Statements
  readonly terms: Terms
  readonly meta: Meta
  readonly size: number
  readonly after?: number | undefined
  readonly order: 'asc' | 'desc'
}

/** Where to look, in which direction, and for what. */
export interface Plan {
  readonly low: number
  readonly high: number
  readonly direction: 1 | -1
  /** The numbers to look at; without, all of them. */
  readonly numbers: Postings | undefined
  /** What to look at in the row; without, its number is enough. */
  readonly accepts: ((row: Row) => boolean) | undefined
  /** Whether an entry that can be read is accepted by its number alone. */
  readonly acceptsAll: boolean
  /** How many rows there are, where the file can count them by itself. */
  readonly count: (() => number) | undefined
}

/** The plan for a filter; `undefined` when nothing can meet it. */
export function plan(filter: CompiledFilter, context: PlanContext): Plan | undefined {
  const { sql, terms, meta, size, after, order } = context
  const direction = order === 'asc' ? 1 : -1
  const { since, until } = filter
  const isOrdered = meta.disordered === 0
  const low = Math.max(
    Math.ceil(filter.firstSeq),
    direction === 1 && after !== undefined ? after + 1 : 0,
    isOrdered && since > -Infinity ? firstFrom(sql, since, size) : 0,
  )
  const high = Math.min(
    Math.floor(Math.min(filter.lastSeq, size - 1)),
    direction === -1 && after !== undefined ? after - 1 : size - 1,
    // Instants in the log are whole microseconds.
    isOrdered && until < Infinity ? firstFrom(sql, Math.floor(until) + 1, size) - 1 : size - 1,
  )
  if (!(low <= high)) return undefined

  const range = { low, high, direction } as const
  const lists: { list: Postings; count?: () => number }[] = []
  const checks: ((row: Row) => boolean)[] = []
  const masks = { kind: allCodes, outcome: allCodes, securityLevel: allCodes }
  for (const requirement of filter.required) {
    const { field } = requirement
    const names = codeNames(field)
    const values = names === undefined ? termsOf(requirement, sql, terms) : codesOf(requirement.anyOf, names)
    if (values.length === 0) return undefined
    // What is usual has no list: it is looked at in the row.
    if (names !== undefined && values.includes(1)) masks[field as keyof typeof masks] &= maskOf(values)
    else lists.push({ list: listsOf(listName(field), values, sql, range), ...counter(field, values, sql, range) })
  }
  const areUsual = Object.values(masks).some(mask => mask !== allCodes)
  if (areUsual)
    checks.push(row => isIn(masks.kind, row[2]) && isIn(masks.outcome, row[3]) && isIn(masks.securityLevel, row[4]))
  if (!isOrdered && (since > -Infinity || until < Infinity)) checks.push(row => since <= row[1] && row[1] <= until)
  const isNamed = lists.length > 0

  if (filter.ids !== undefined) lists.push({ list: listOfAll(seqsOf(filter.ids, context), direction) })
  const runs = meta.text === 1 ? runsOf(filter.fragments) : undefined
  if (runs !== undefined) lists.push({ list: textList(runs, textSource(sql), range) })
  const acceptsAll = checks.length === 0
  // An unreadable entry meets no filter. It has no value that a list could name, and no text.
  if (!isNamed && runs === undefined) checks.push(row => row[2] !== 0)
  const isCounted = lists.length === 0 && (isOrdered || checks.length === (areUsual ? 2 : 1))
  return {
    ...range,
    numbers: lists.length === 0 ? undefined : intersection(lists.map(({ list }) => list)),
    accepts: checks.length === 0 ? undefined : row => checks.every(check => check(row)),
    acceptsAll,
    count: isCounted
      ? () => sql.countRows.get(low, high, masks.kind, masks.outcome, masks.securityLevel) as number
      : lists.length === 1 && checks.length === 0
        ? lists[0]!.count
        : undefined,
  }
}

/** The rows of a plan, behind the first few. */
export function search(sql: Statements, plan: Plan, limit: number, skip = 0): Row[] {
  const found: Row[] = []
  let left = skip
  for (const row of rowsOf(sql, plan)) {
    if (left-- > 0) continue
    found.push(row)
    if (found.length >= limit) break
  }
  return found
}

/** The numbers of the rows of a plan. */
export function searchSeqs(sql: Statements, plan: Plan, limit: number): number[] {
  const { low, high, direction, numbers, accepts, acceptsAll } = plan
  if (numbers === undefined && acceptsAll) {
    return (direction === 1 ? sql.seqsUp : sql.seqsDown).all(low, high, Math.min(limit, 2 ** 50)) as number[]
  }
  if (numbers === undefined || accepts !== undefined) return search(sql, plan, limit).map(([seq]) => seq)
  const found: number[] = []
  for (let at = numbers.seek(direction === 1 ? low : high); at !== undefined; at = numbers.seek(at + direction)) {
    found.push(at)
    if (found.length >= limit) break
  }
  return found
}

function* rowsOf(sql: Statements, { low, high, direction, numbers, accepts }: Plan): Iterable<Row> {
  if (numbers === undefined) {
    const read = direction === 1 ? sql.rowsUp : sql.rowsDown
    let [from, to] = [low, high]
    for (let stretch = 256; ; stretch = Math.min(stretch * 4, 4096)) {
      const rows = read.all(from, to, stretch) as Row[]
      for (const row of rows) if (accepts?.(row) ?? true) yield row
      if (rows.length < stretch) return
      if (direction === 1) from = rows.at(-1)![0] + 1
      else to = rows.at(-1)![0] - 1
    }
  }
  for (let at = numbers.seek(direction === 1 ? low : high); at !== undefined; at = numbers.seek(at + direction)) {
    const row = sql.row.get(at) as Row | undefined
    if (row !== undefined && (accepts?.(row) ?? true)) yield row
  }
}

/**
 * How many rows a plan has: as the file counts, or one by one.
 *
 * @param most rows to look into; `undefined` when there would be more
 */
export function countRows(sql: Statements, plan: Plan, most = Infinity): number | undefined {
  if (plan.count !== undefined) return plan.count()
  let count = 0
  if (plan.numbers !== undefined && plan.accepts === undefined) {
    for (let at = plan.numbers.seek(plan.low); at !== undefined; at = plan.numbers.seek(at + 1)) count++
    return count
  }
  let looked = 0
  const { accepts } = plan
  for (const row of rowsOf(sql, { ...plan, accepts: undefined })) {
    if (++looked > most) return undefined
    if (accepts?.(row) ?? true) count++
  }
  return count
}

/** The first number from whose entry on the times are not before `time`; `size` when there is none. Needs times in order. */
export function firstFrom(sql: Statements, time: number, size: number): number {
  let low = 0
  let high = size
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const found = sql.timeFrom.get(middle) as number | undefined
    if (found === undefined || found >= time) high = middle
    else low = middle + 1
  }
  return low
}

/** The entries that may have one of these ids, in order: those of its millisecond, and those whose id says another one. */
export function seqsOf(
  ids: readonly string[],
  { sql, meta, size }: Pick<PlanContext, 'sql' | 'meta' | 'size'>,
): number[] {
  const seqs = new Set<number>()
  for (const id of new Set(ids)) {
    const ms = uuidv7Time(id)
    if (ms === undefined) continue
    for (const seq of sql.oddIds.all(idBytes(id)) as number[]) seqs.add(seq)
    const [since, until] = [ms * 1000, ms * 1000 + 999]
    if (meta.disordered === 1) for (const seq of sql.timesBetween.all(since, until) as number[]) seqs.add(seq)
    else for (let at = firstFrom(sql, since, size), to = firstFrom(sql, until + 1, size); at < to; at++) seqs.add(at)
  }
  return [...seqs].filter(seq => seq < size).sort((a, b) => a - b)
}

function textSource(sql: Statements): TextSource {
  return {
    blocks: (first, last) => sql.textBlocks.all(first, last) as [number, Uint8Array][],
    seqs: (from, to) => sql.seqsUp.all(from, to, -1) as number[],
  }
}

// Codes

const allCodes = 0xff

function maskOf(values: readonly number[]): number {
  return values.reduce((mask, code) => mask | (1 << code), 0)
}

function isIn(mask: number, code: number): boolean {
  return ((mask >> code) & 1) === 1
}

function codeNames(field: Requirement['field']): readonly string[] | undefined {
  return field === 'kind' || field === 'outcome' || field === 'securityLevel' ? codes[field] : undefined
}

function codesOf(values: readonly string[], names: readonly string[]): number[] {
  return [...new Set(values.map(value => 1 + names.indexOf(value)))].filter(code => code > 0)
}

// Lists

type Span = Pick<Plan, 'low' | 'high' | 'direction'>

function listName(field: Requirement['field']): ListName | Listed {
  return field === 'actor' ? 'who' : field
}

function isListed(name: ListName | Listed): name is Listed {
  return (listed as readonly string[]).includes(name)
}

/** The numbers of the terms that a requirement names, as far as any entry has them. */
function termsOf({ field, anyOf }: Requirement, sql: Statements, terms: Terms): number[] {
  if (field !== 'actor') return present(anyOf.map(text => terms.find(text)))
  return present(
    anyOf.flatMap(wanted => {
      const colons = [...wanted.matchAll(/:/g)].map(({ index }) => index)
      if (colons.length > 0) {
        return colons.map(at => terms.find(identityText(wanted.slice(0, at), wanted.slice(at + 1))))
      }
      const id = terms.find(wanted)
      return id === undefined ? [] : (sql.whoWithId.all(id) as number[])
    }),
  )
}

function present(ids: readonly (number | undefined)[]): number[] {
  return [...new Set(ids.filter(id => id !== undefined))]
}

function listsOf(name: ListName | Listed, values: readonly number[], sql: Statements, span: Span): Postings {
  const { low, high, direction } = span
  if (isListed(name)) {
    return union(
      values.map(value => readList(sql, listKey(name, value), span)),
      direction,
    )
  }
  const statement = sql[direction === 1 ? 'asc' : 'desc'][name]
  return union(
    values.map(value =>
      listOf(
        direction === 1
          ? (target, limit) => statement.all(value, target, high, limit) as number[]
          : (target, limit) => statement.all(value, low, target, limit) as number[],
        direction,
      ),
    ),
    direction,
  )
}

/** An entry has one operation, but many flags: lists of the one can be counted for themselves, of the other only one. */
function counter(
  field: Requirement['field'],
  values: readonly number[],
  sql: Statements,
  { low, high }: Span,
): { count?: () => number } {
  const hasMany = field === 'flag' || field === 'actor'
  if (hasMany && values.length > 1) return {}
  const name = listName(field)
  const countOf = isListed(name)
    ? (value: number) => countList(sql, listKey(name, value), low, high)
    : (value: number) => sql.count[name].get(value, low, high) as number
  return { count: () => values.reduce((sum, value) => sum + countOf(value), 0) }
}

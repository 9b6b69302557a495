/** From a filter to rows: which lists to intersect, between which numbers, and what to look at in each row. */
import type { CompiledFilter, Requirement } from '../core/filter.ts'
import { identityText } from './facts.ts'
import { intersection, listOf, type Postings, union } from './postings.ts'
import { codes, type ListName, type Meta, type Row, type Statements } from './schema.ts'
import type { Terms } from './terms.ts'

/** What a plan is made from. */
export interface PlanContext {
  readonly sql: Statements
  readonly terms: Terms
  readonly meta: Meta
  readonly size: number
  readonly after: number | undefined
  readonly order: 'asc' | 'desc'
}

/** Where to look, in which direction, and for what. */
export interface Plan {
  readonly low: number
  readonly high: number
  readonly direction: 1 | -1
  /** The numbers to look at; without, all of them. */
  readonly numbers: Postings | undefined
  readonly accepts: (row: Row) => boolean
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

  const lists: Postings[] = []
  // An unreadable entry meets no filter.
  const checks: ((row: Row) => boolean)[] = [row => row[2] !== 0]
  if (!isOrdered) checks.push(row => since <= row[1] && row[1] <= until)
  for (const requirement of filter.required) {
    const coded = codedColumns[requirement.field]
    const values = coded === undefined ? termsOf(requirement, sql, terms) : coded.codesOf(requirement.anyOf)
    if (values.length === 0) return undefined
    // What is usual has no list: it is looked at in the row.
    if (coded !== undefined && values.includes(1)) checks.push(row => values.includes(row[coded.column] as number))
    else lists.push(listsOf(listName(requirement), values, { sql, order, direction, low, high }))
  }
  return {
    low,
    high,
    direction,
    numbers: lists.length === 0 ? undefined : intersection(lists),
    accepts: row => checks.every(check => check(row)),
  }
}

/** The rows of a plan. */
export function search(sql: Statements, { low, high, direction, numbers, accepts }: Plan, limit: number): Row[] {
  const found: Row[] = []
  if (numbers === undefined) {
    const read = direction === 1 ? sql.rowsUp : sql.rowsDown
    let [from, to] = [low, high]
    for (let stretch = 256; found.length < limit; stretch = Math.min(stretch * 4, 4096)) {
      const rows = read.all(from, to, stretch) as Row[]
      for (const row of rows) if (found.length < limit && accepts(row)) found.push(row)
      if (rows.length < stretch) break
      if (direction === 1) from = rows.at(-1)![0] + 1
      else to = rows.at(-1)![0] - 1
    }
    return found
  }
  for (let at: number | undefined = direction === 1 ? low : high; found.length < limit; at += direction) {
    at = numbers.seek(at)
    if (at === undefined) break
    const row = sql.row.get(at) as Row | undefined
    if (row !== undefined && accepts(row)) found.push(row)
  }
  return found
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

interface CodedColumn {
  readonly column: number
  codesOf(values: readonly string[]): number[]
}

function coded(column: number, names: readonly string[]): CodedColumn {
  return {
    column,
    codesOf: values => [...new Set(values.map(value => 1 + names.indexOf(value)))].filter(code => code > 0),
  }
}

const codedColumns: Partial<Record<Requirement['field'], CodedColumn>> = {
  kind: coded(2, codes.kind),
  outcome: coded(3, codes.outcome),
  securityLevel: coded(4, codes.securityLevel),
}

function listName({ field }: Requirement): ListName {
  return field === 'actor' ? 'who' : field
}

/** The numbers of the terms that a requirement names, as far as any entry has them. */
function termsOf({ field, anyOf }: Requirement, sql: Statements, terms: Terms): number[] {
  if (field !== 'actor') return present(anyOf.map(text => terms.find(text)))
  return present(
    anyOf.flatMap(wanted => {
      const colons = [...wanted].flatMap((unit, i) => (unit === ':' ? [i] : []))
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

function listsOf(
  name: ListName,
  values: readonly number[],
  { sql, order, direction, low, high }: Pick<PlanContext, 'sql' | 'order'> & Omit<Plan, 'numbers' | 'accepts'>,
): Postings {
  const statement = sql[order][name]
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

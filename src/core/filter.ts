/**
 * A filter as data, and what it means.
 *
 * {@link compileFilter} is the one meaning, wherever a filter is answered: an index may be quicker, but must give what
 * `matches` gives. A filter that is not well formed is an error, never a part that silently does not count.
 */
import { nearest } from './capture.ts'
import { type Json, kinds, outcomes, securityLevels } from './entry.ts'
import { badInput, parseJson, pathOf } from './json.ts'
import { type Micros, parseTime } from './time.ts'
import { type EntryView, identitiesOf } from './view.ts'

export const operators = [
  'eq',
  'ne',
  'contains',
  'starts_with',
  'ends_with',
  'gt',
  'lt',
  'gte',
  'lte',
  'in',
  'not_in',
  'between',
  'is_null',
  'is_not_null',
] as const
export type Operator = (typeof operators)[number]

/**
 * One condition on one field.
 *
 * A field is a member of the leaf (`operation`, `attributes.gen_ai.tool.name`), a sealed value or a place in it
 * (`operationResult.data.0.id`), or `sealed.NAME` for a further sealed value. A name with dots is taken at its longest.
 * What is absent is null. Values of different types are never equal and have no order; times are compared as instants,
 * security levels by clearance, other texts by UTF-16 code units.
 */
export interface Condition {
  readonly field: string
  readonly op: Operator
  /** A list for `in` and `not_in`, two values for `between` (both inclusive), none for `is_null` and `is_not_null`. */
  readonly value?: Json
  /** True unless given. */
  readonly caseSensitive?: boolean
}

type OneOrMore<T> = T | readonly T[]

/** Which entries are meant: every member given must hold; of a list, one value is enough. */
export interface EntryFilter {
  readonly operation?: OneOrMore<string>
  readonly component?: OneOrMore<string>
  readonly memoryId?: OneOrMore<string | number>
  /** `type:id`, or an id of any type: who acted, or on whose behalf. */
  readonly actor?: OneOrMore<string>
  readonly outcome?: OneOrMore<string>
  readonly kind?: OneOrMore<string>
  readonly session?: OneOrMore<string>
  /** One of the `complianceFlags`. */
  readonly flag?: OneOrMore<string>
  readonly securityLevel?: OneOrMore<string>
  /** From this instant on: RFC 3339 with any offset, a `Date`, or microseconds since 1970. */
  readonly since?: string | Date | Micros
  /** Up to and with this instant. */
  readonly until?: string | Date | Micros
  /**
   * Words that must all occur, in upper or lower case, in texts of the entry that can be opened; a phrase stands in
   * double quotes. Names of members, numbers and hashes are not texts.
   */
  readonly text?: string
  readonly where?: readonly Condition[]
}

/** The fields that an index answers. */
const indexedFields = [
  'operation',
  'component',
  'memoryId',
  'actor',
  'outcome',
  'kind',
  'session',
  'flag',
  'securityLevel',
] as const
export type IndexedField = (typeof indexedFields)[number]

/** One of these values must stand in the field. */
export interface Requirement {
  readonly field: IndexedField
  readonly anyOf: readonly string[]
}

/** A filter that was judged, taken apart into what an index can answer and the rest. */
export interface CompiledFilter {
  /** The reference meaning. */
  matches(view: EntryView): boolean
  /** All must hold. */
  readonly required: readonly Requirement[]
  /** Microseconds, both inclusive; a fraction stands for what is finer. */
  readonly since: number
  readonly until: number
  /** Numbers in the log, both inclusive. */
  readonly firstSeq: number
  readonly lastSeq: number
  /** What only the entry itself can answer, for people to read: conditions and `text`. Empty: nothing. */
  readonly rest: readonly string[]
}

type Test = (view: EntryView) => boolean

const filterMembers = new Set<string>([...indexedFields, 'since', 'until', 'text', 'where'])

/**
 * A filter ready to be answered.
 *
 * @throws AuditError `bad_input`, naming the member that is wrong
 * @example compileFilter({ operation: ['remember', 'forget'], since: '2026-11-23T14:00:00+01:00' }).matches(view)
 */
export function compileFilter(filter: EntryFilter): CompiledFilter {
  for (const name in filter) {
    if (!filterMembers.has(name)) throw badInput(pathOf('$', name), `a filter has no such member${hint(name)}`)
  }
  const required: Requirement[] = []
  for (const field of indexedFields) {
    const given = filter[field]
    if (given !== undefined) required.push({ field, anyOf: valuesOf(field, given) })
  }
  const bounds = {
    since: filter.since === undefined ? -Infinity : instant(filter.since, '$.since'),
    until: filter.until === undefined ? Infinity : instant(filter.until, '$.until'),
    firstSeq: 0,
    lastSeq: Infinity,
  }
  const rest: string[] = []
  const tests: Test[] = []
  const where: unknown = filter.where ?? []
  if (!Array.isArray(where)) throw badInput('$.where', 'must be a list of conditions')
  where.forEach((condition: unknown, i) => {
    const path = pathOf('$.where', i)
    const judged = judge(condition, path)
    tests.push(conditionTest(judged, path))
    if (!narrow(judged, required, bounds)) rest.push(`where ${judged.field} ${judged.op}`)
  })
  if (filter.text !== undefined) {
    tests.push(textTest(wordsOf(filter.text)))
    rest.push('text')
  }
  for (const requirement of required) tests.push(requirementTest(requirement))
  const { since, until } = bounds
  if (since > -Infinity || until < Infinity) {
    tests.push(view => {
      const time = parseTime(view.time)!
      return since <= time && time <= until
    })
  }
  return { matches: view => tests.every(test => test(view)), required, ...bounds, rest }
}

function hint(name: string): string {
  const near = nearest(name, filterMembers)
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** The values that a field has where only certain ones exist. */
const closedFields: Readonly<Record<string, readonly string[]>> = {
  kind: kinds,
  outcome: outcomes,
  securityLevel: securityLevels,
}

function valuesOf(field: IndexedField, given: OneOrMore<string | number>): readonly string[] {
  const path = `$.${field}`
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length === 0) throw badInput(path, 'an empty list matches nothing; leave the member out')
  return list.map(value => {
    if (field === 'memoryId' && typeof value === 'number' && Number.isFinite(value)) return String(value)
    if (typeof value !== 'string') throw badInput(path, 'must be a text or a list of texts')
    if (field === 'securityLevel' && value === 'standard') return 'internal'
    const allowed = closedFields[field]
    if (allowed !== undefined && !allowed.includes(value)) {
      throw badInput(path, `${JSON.stringify(value)} is none of ${allowed.join(', ')}`)
    }
    return value
  })
}

/** Whether `wanted`, `type:id` or an id of any type, names this identity. */
function namesIdentity(wanted: string, { type, id }: { readonly type: string; readonly id: string }): boolean {
  return wanted.includes(':') ? wanted === `${type}:${id}` : wanted === id
}

function requirementTest({ field, anyOf }: Requirement): Test {
  const set = new Set<unknown>(anyOf)
  switch (field) {
    case 'flag':
      return view => view.complianceFlags.some(flag => set.has(flag))
    case 'actor':
      return view => identitiesOf(view.actor).some(who => anyOf.some(wanted => namesIdentity(wanted, who)))
    default:
      return view => set.has(view[field])
  }
}

const instantForm = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/**
 * The instant that an RFC 3339 text, a `Date` or a number of microseconds means, in microseconds; half a microsecond
 * more stands for any finer fraction.
 *
 * @throws AuditError `bad_input`
 */
function instant(value: unknown, path: string): number {
  const bad = () => badInput(path, 'must be a time such as 2026-11-23T14:07:00+01:00')
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw bad()
    return value.getTime() * 1000
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value
  const found = typeof value === 'string' ? instantForm.exec(value) : null
  if (found === null) throw bad()
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const fraction = found[7] ?? ''
  const offsetHours = Number(found[9] ?? 0)
  const offsetMinutes = Number(found[10] ?? 0)
  const days = new Date(0)
  days.setUTCFullYear(year, month - 1, day)
  const isDay = days.getUTCMonth() === month - 1 && days.getUTCDate() === day
  if (!isDay || hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) throw bad()
  const offset = (offsetHours * 60 + offsetMinutes) * (found[8] === '-' ? -1 : 1)
  const seconds = days.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0'))
  return seconds * 1e6 + micros + (/[1-9]/.test(fraction.slice(6)) ? 0.5 : 0)
}

// Conditions

/** Members that are always texts, so that a bare 42 typed for one of them is the text 42. */
const textFields = new Set([
  'id',
  'time',
  'kind',
  'operation',
  'component',
  'outcome',
  'intent',
  'trace',
  'securityLevel',
  'governanceStatus',
  'previousHash',
  'entryHash',
  'memoryId',
  'session',
  'actor.id',
  'actor.type',
  'actor.onBehalfOf.id',
  'actor.onBehalfOf.type',
])
const plainFields = new Set([...[...textFields].filter(name => !name.includes('.')), 'v', 'seq', 'complianceFlags'])
/** Fields below which a path may lead on. `sealed` needs one. */
const deepFields = new Set([
  'attributes',
  'performanceMetrics',
  'actor',
  'userContext',
  'operationResult',
  'arguments',
  'sealed',
])
const fieldNames = [...plainFields, ...deepFields]

/** The parts of a field's path, of which the first is a known name. */
function pathParts(field: unknown, path: string): readonly string[] {
  const here = `${path}.field`
  if (typeof field !== 'string' || field.length === 0) throw badInput(here, 'must name a field')
  const parts = field.split('.')
  const [first = '', ...below] = parts
  if (plainFields.has(first) && below.length > 0) throw badInput(here, `nothing stands below ${first}`)
  if (!plainFields.has(first) && !deepFields.has(first)) {
    const near = nearest(first, fieldNames)
    const help = near === undefined ? `a further sealed value is named sealed.${first}` : `did you mean ${near}?`
    throw badInput(here, `there is no field ${first}; ${help}`)
  }
  if (parts.length > 64 || parts.includes('')) throw badInput(here, 'must be a path of names with dots between them')
  if (first === 'sealed' && below.length === 0) throw badInput(here, 'name the sealed value: sealed.NAME')
  return first === 'sealed' ? below : parts
}

/** What stands at a path; `undefined` when nothing does. */
function valueAt(view: unknown, parts: readonly string[]): unknown {
  let value = view
  let at = 0
  while (at < parts.length) {
    if (typeof value !== 'object' || value === null) return undefined
    let take = parts.length - at
    while (take > 0 && !Object.hasOwn(value, parts.slice(at, at + take).join('.'))) take--
    const name = parts.slice(at, at + take).join('.')
    if (take === 0 || (Array.isArray(value) && name === 'length')) return undefined
    value = (value as Record<string, unknown>)[name]
    at += take
  }
  return value
}

/** A condition that is well formed. */
interface Judged {
  readonly field: string
  readonly parts: readonly string[]
  readonly op: Operator
  readonly value: Json | undefined
  readonly caseSensitive: boolean
}

function judge(condition: unknown, path: string): Judged {
  if (typeof condition !== 'object' || condition === null || Array.isArray(condition)) {
    throw badInput(path, 'a condition is an object with field, op and value')
  }
  const { field, op, value, caseSensitive = true, ...more } = condition as Record<string, unknown>
  for (const name in more) throw badInput(pathOf(path, name), 'a condition has field, op, value and caseSensitive')
  if (!operators.includes(op as Operator)) {
    const near = nearest(String(op), operators)
    const help = near === undefined ? `one of ${operators.join(', ')}` : `did you mean ${near}?`
    throw badInput(`${path}.op`, `${JSON.stringify(op)} is no operator; ${help}`)
  }
  if (typeof caseSensitive !== 'boolean') throw badInput(`${path}.caseSensitive`, 'must be true or false')
  const judged: Judged = {
    field: field as string,
    parts: pathParts(field, path),
    op: op as Operator,
    value: value as Json | undefined,
    caseSensitive,
  }
  checkValue(judged, `${path}.value`)
  return judged
}

function checkValue({ op, value }: Judged, path: string): void {
  const isOrdered = (part: Json | undefined) => typeof part === 'number' || typeof part === 'string'
  switch (op) {
    case 'is_null':
    case 'is_not_null':
      if (value !== undefined) throw badInput(path, `${op} takes no value`)
      return
    case 'in':
    case 'not_in':
      if (!Array.isArray(value) || value.length === 0) throw badInput(path, `${op} takes a list of values`)
      return
    case 'between': {
      const pair: readonly Json[] = Array.isArray(value) ? value : []
      if (pair.length !== 2 || !pair.every(isOrdered) || typeof pair[0] !== typeof pair[1]) {
        throw badInput(path, 'between takes two numbers, or two texts')
      }
      return
    }
    case 'starts_with':
    case 'ends_with':
      if (typeof value !== 'string') throw badInput(path, `${op} takes a text`)
      return
    case 'contains':
      if (value === undefined || value === null || typeof value === 'object') {
        throw badInput(path, 'contains takes a text, a number or true/false')
      }
      return
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      if (!isOrdered(value)) throw badInput(path, `${op} takes a number or a text`)
      return
    default:
      if (value === undefined) throw badInput(path, `${op} takes a value`)
  }
}

const fold = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value)

/**
 * How the values of a field are brought to a form in which equality and order are those of JavaScript: times and
 * clearances become numbers.
 */
function scaleOf({ field, caseSensitive }: Judged): { given: (value: Json, path: string) => unknown; held: Scale } {
  if (field === 'time') return { given: instant, held: value => parseTime(value as string) }
  if (field === 'securityLevel') {
    const rank = (value: unknown) => securityLevels.indexOf((value === 'standard' ? 'internal' : value) as never)
    return {
      given: (value, path) => {
        const found = rank(caseSensitive ? value : fold(value))
        if (found < 0) throw badInput(path, `must be one of ${securityLevels.join(', ')}`)
        return found
      },
      held: rank,
    }
  }
  const held: Scale = caseSensitive ? value => value : fold
  return { given: held, held }
}

type Scale = (value: unknown) => unknown

function conditionTest(condition: Judged, at: string): Test {
  const { parts, op, value, caseSensitive } = condition
  const path = `${at}.value`
  const { given, held } = scaleOf(condition)
  const read = (view: EntryView) => valueAt(view, parts)
  const equals = (part: Json): Test => {
    if (part === null) return view => (read(view) ?? null) === null
    const wanted = given(part, path)
    return view => {
      const value = read(view)
      return value !== undefined && same(held(value), wanted, caseSensitive)
    }
  }
  const order = (part: Json, holds: (difference: number) => boolean): Test => {
    const wanted = given(part, path) as number | string
    return view => {
      const value = held(read(view)) as number | string
      return typeof value === typeof wanted && holds(value < wanted ? -1 : value > wanted ? 1 : 0)
    }
  }
  const texts = (holds: (text: string, part: string) => boolean): Test => {
    const part = (caseSensitive ? value : fold(value)) as string
    return view => {
      const text = read(view)
      return typeof text === 'string' && holds(caseSensitive ? text : text.toLowerCase(), part)
    }
  }
  const not =
    (test: Test): Test =>
    view =>
      !test(view)
  const any = (): Test => {
    const tests = (value as readonly Json[]).map(equals)
    return view => tests.some(test => test(view))
  }
  switch (op) {
    case 'eq':
      return equals(value!)
    case 'ne':
      return not(equals(value!))
    case 'in':
      return any()
    case 'not_in':
      return not(any())
    case 'is_null':
      return equals(null)
    case 'is_not_null':
      return not(equals(null))
    case 'gt':
      return order(value!, difference => difference > 0)
    case 'gte':
      return order(value!, difference => difference >= 0)
    case 'lt':
      return order(value!, difference => difference < 0)
    case 'lte':
      return order(value!, difference => difference <= 0)
    case 'between': {
      const [low, high] = value as readonly [Json, Json]
      const above = order(low, difference => difference >= 0)
      const below = order(high, difference => difference <= 0)
      return view => above(view) && below(view)
    }
    case 'starts_with':
      return texts((text, part) => text.startsWith(part))
    case 'ends_with':
      return texts((text, part) => text.endsWith(part))
    case 'contains': {
      const inText = typeof value === 'string' ? texts((text, part) => text.includes(part)) : () => false
      return view => {
        const list = read(view)
        return Array.isArray(list) ? list.some(part => same(part, value, caseSensitive)) : inText(view)
      }
    }
  }
}

/** Whether two JSON values are the same: members in any order, list items in theirs. */
function same(a: unknown, b: unknown, caseSensitive: boolean): boolean {
  if (typeof a === 'string' && typeof b === 'string') {
    return caseSensitive ? a === b : a.toLowerCase() === b.toLowerCase()
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(
      name =>
        Object.hasOwn(b, name) &&
        same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name], caseSensitive),
    )
  )
}

/** Turns a condition into what an index answers, when it says exactly the same. */
function narrow(
  { field, op, value, caseSensitive }: Judged,
  required: Requirement[],
  bounds: { since: number; until: number; firstSeq: number; lastSeq: number },
): boolean {
  const list = op === 'eq' ? [value!] : op === 'in' ? (value as readonly Json[]) : []
  const texts = list.filter(part => typeof part === 'string')
  const isIndexed = indexedFields.includes(field as IndexedField) && field !== 'actor' && field !== 'flag'
  if (isIndexed && caseSensitive && texts.length > 0 && texts.length === list.length) {
    const anyOf = field === 'securityLevel' ? texts.map(text => (text === 'standard' ? 'internal' : text)) : texts
    required.push({ field: field as IndexedField, anyOf })
    return true
  }
  if (field === 'complianceFlags' && op === 'contains' && caseSensitive && typeof value === 'string') {
    required.push({ field: 'flag', anyOf: [value] })
    return true
  }
  const [low, high] = op === 'between' ? (value as readonly [Json, Json]) : [value, value]
  if (field === 'time' && (op === 'gte' || op === 'lte' || op === 'between')) {
    if (op !== 'lte') bounds.since = Math.max(bounds.since, instant(low, ''))
    if (op !== 'gte') bounds.until = Math.min(bounds.until, instant(high, ''))
    return true
  }
  if (field === 'seq' && typeof low === 'number' && (op === 'gte' || op === 'lte' || op === 'between')) {
    if (op !== 'lte') bounds.firstSeq = Math.max(bounds.firstSeq, low)
    if (op !== 'gte') bounds.lastSeq = Math.min(bounds.lastSeq, high as number)
    return true
  }
  return false
}

/**
 * The condition in a text `field op value`, as `--where` takes it.
 *
 * A value is JSON or a bare word; for a field that always holds a text, a bare number is a word. A list is JSON, or
 * separated by commas.
 *
 * @throws AuditError `bad_input`
 * @example parseCondition('performanceMetrics.duration_ms gt 12.5')
 */
export function parseCondition(text: string): Condition {
  const found = /^(\S+)\s+(\S+)(?:\s+(.*))?$/s.exec(text.trim())
  if (found === null) throw badInput('$.where', `a condition is written "field op value", not ${JSON.stringify(text)}`)
  const [, field = '', op = '', rest] = found
  const isList = op === 'in' || op === 'not_in' || op === 'between'
  const value = rest === undefined ? undefined : isList ? listIn(field, rest) : wordOrJson(field, rest)
  const condition = { field, op: op as Operator, ...(value === undefined ? {} : { value }) }
  conditionTest(judge(condition, '$.where'), '$.where')
  return condition
}

function listIn(field: string, text: string): Json {
  if (text.startsWith('[')) return jsonIn(text)
  // A comma between double quotes stands in a text.
  const items = text.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)
  return items.map(item => {
    if (item.trim() === '') throw badInput('$.where.value', `a value is missing between the commas of ${text}`)
    return wordOrJson(field, item.trim())
  })
}

function wordOrJson(field: string, text: string): Json {
  if (/^["[{]/.test(text)) return jsonIn(text)
  const isWord = textFields.has(field) || !/^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/.test(text)
  return isWord ? text : jsonIn(text)
}

function jsonIn(text: string): Json {
  try {
    return parseJson(text)
  } catch (error) {
    throw badInput('$.where.value', `${text} is not JSON: ${(error as Error).message}`)
  }
}

// Text

/** The words and phrases of a search, in lower case. */
function wordsOf(text: unknown): readonly string[] {
  if (typeof text !== 'string') throw badInput('$.text', 'must be a text')
  const parts = text.split('"')
  if (parts.length % 2 === 0) throw badInput('$.text', 'a phrase is not closed: a " is missing')
  const words = parts.flatMap((part, i) => (i % 2 === 1 ? [part] : part.split(/\s+/))).filter(word => word !== '')
  if (words.length === 0) throw badInput('$.text', 'no word is given')
  return words.map(word => word.toLowerCase())
}

const notTexts = new Set(['sealed', 'previousHash', 'entryHash'])

function textTest(words: readonly string[]): Test {
  return view => {
    const missing = new Set(words)
    const open: unknown[] = []
    for (const name in view) if (!notTexts.has(name)) open.push(view[name])
    while (open.length > 0 && missing.size > 0) {
      const value = open.pop()
      if (typeof value === 'string') {
        const text = value.toLowerCase()
        for (const word of missing) if (text.includes(word)) missing.delete(word)
      } else if (typeof value === 'object' && value !== null) {
        for (const name of Object.keys(value)) open.push((value as Record<string, unknown>)[name])
      }
    }
    return missing.size === 0
  }
}

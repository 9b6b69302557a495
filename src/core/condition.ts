/** One condition on one field: the fourteen operators, what they take, and what they mean. */
import { nearest } from './capture.ts'
import { type Json, securityLevels } from './entry.ts'
import { parseInstant } from './instant.ts'
import { badInput, pathOf } from './json.ts'
import { foldCase } from './search-text.ts'
import { parseTime } from './time.ts'
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
 * security levels by clearance, an actor with a text as `type:id`, other texts by UTF-16 code units.
 */
export interface Condition {
  readonly field: string
  readonly op: Operator
  /** A list for `in` and `not_in`, two values for `between` (both inclusive), none for `is_null` and `is_not_null`. */
  readonly value?: Json
  /** True unless given. */
  readonly caseSensitive?: boolean
}

/** A condition that is well formed. */
export interface Judged {
  readonly field: string
  readonly parts: readonly string[]
  readonly op: Operator
  readonly value: Json | undefined
  readonly caseSensitive: boolean
}

export type Test = (view: EntryView) => boolean

// Fields

/** Members that are always texts, so that a bare 42 typed for one of them is the text 42. */
export const textFields: ReadonlySet<string> = new Set([
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
  'actor',
  'actor.id',
  'actor.type',
  'actor.onBehalfOf.id',
  'actor.onBehalfOf.type',
])
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
const plainFields = new Set([
  ...[...textFields].filter(name => !name.includes('.') && !deepFields.has(name)),
  'v',
  'seq',
  'complianceFlags',
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
    throw badInput(here, `there is no field ${first}; ${fieldHelp(first)}`)
  }
  if (parts.length > 64 || parts.includes('')) throw badInput(here, 'must be a path of names with dots between them')
  if (first === 'sealed' && below.length === 0) throw badInput(here, 'name the sealed value: sealed.NAME')
  return first === 'sealed' ? below : parts
}

function fieldHelp(name: string): string {
  if (name === 'flag') return 'write complianceFlags contains NAME'
  const near = nearest(name, fieldNames)
  return near === undefined ? `a further sealed value is named sealed.${name}` : `did you mean ${near}?`
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

// Judging

/**
 * Judges a condition that came from outside.
 *
 * @param path what it is called in an error: `$.where[0]`
 * @throws AuditError `bad_input`
 */
export function judgeCondition(condition: unknown, path: string): Judged {
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
  const isOrdered = (part: Json | undefined) => Number.isFinite(part) || typeof part === 'string'
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

// Meaning

type Scale = (value: unknown) => unknown

const fold: Scale = value => (typeof value === 'string' ? foldCase(value) : value)

/**
 * How the values of a field are brought to a form in which equality and order are those of JavaScript: times and
 * clearances become numbers.
 */
function scaleOf({ field, caseSensitive }: Judged): { given: (value: Json, path: string) => unknown; held: Scale } {
  if (field === 'time') return { given: parseInstant, held: value => parseTime(value as string) }
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

/** What is held against the value: an actor as `type:id`, unless it is compared with an actor. */
function readerOf({ field, parts, value }: Judged): (view: EntryView) => unknown {
  const isText = (Array.isArray(value) ? value : [value]).every(part => typeof part === 'string')
  if (field !== 'actor' || !isText) return view => valueAt(view, parts)
  return ({ actor }) => {
    const [who] = identitiesOf(actor)
    return who === undefined ? actor : `${who.type}:${who.id}`
  }
}

/**
 * What a condition means.
 *
 * @throws AuditError `bad_input` for a value that the field cannot have
 */
export function conditionTest(condition: Judged, at: string): Test {
  const { op, value, caseSensitive } = condition
  const path = `${at}.value`
  const { given, held } = scaleOf(condition)
  const read = readerOf(condition)
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
      return typeof text === 'string' && holds(caseSensitive ? text : foldCase(text), part)
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
    return caseSensitive ? a === b : foldCase(a) === foldCase(b)
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

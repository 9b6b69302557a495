/**
 * A filter as data, and what it means.
 *
 * {@link compileFilter} is the one meaning, wherever a filter is answered: an index may be quicker, but must give what
 * `matches` gives. A filter that is not well formed is an error, never a part that silently does not count.
 */
import { nearest } from './capture.ts'
import { type Condition, conditionTest, type Judged, judgeCondition, type Test } from './condition.ts'
import { type Json, kinds, outcomes, securityLevels } from './entry.ts'
import { parseInstant } from './instant.ts'
import { badInput, pathOf } from './json.ts'
import { foldCase, hasWords, notTexts, wordsOf } from './search-text.ts'
import { type Micros, parseTime } from './time.ts'
import { type EntryView, identitiesOf } from './view.ts'

export { type Condition, type Operator, operators } from './condition.ts'
export { parseCondition } from './condition-text.ts'

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
   * double quotes. Names of members, numbers and hashes are not texts, nor are the id and the time of the entry itself.
   */
  readonly text?: string
  readonly where?: readonly Condition[]
}

/** The fields that an index answers. */
export const indexedFields = [
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
  /** Ids of which the entry must have one, whatever `rest` asks beside; `undefined` when any will do. */
  readonly ids: readonly string[] | undefined
  /** Of each list, one must occur in a text of the entry, in lower case, whatever `rest` asks beside. */
  readonly fragments: readonly (readonly string[])[]
}

const filterMembers = new Set<string>([...indexedFields, 'since', 'until', 'text', 'where'])

/**
 * A filter ready to be answered.
 *
 * @throws AuditError `bad_input`, naming the member that is wrong
 * @example compileFilter({ operation: ['remember', 'forget'], since: '2026-11-23T14:00:00+01:00' }).matches(view)
 */
export function compileFilter(filter: EntryFilter): CompiledFilter {
  const given: unknown = filter
  if (typeof given !== 'object' || given === null) throw badInput('$', 'a filter is an object')
  for (const name in filter) {
    if (!filterMembers.has(name)) throw badInput(pathOf('$', name), `a filter has no such member${hint(name)}`)
  }
  const narrowed: Narrowed = {
    required: [],
    since: filter.since === undefined ? -Infinity : parseInstant(filter.since, '$.since'),
    until: filter.until === undefined ? Infinity : parseInstant(filter.until, '$.until'),
    firstSeq: 0,
    lastSeq: Infinity,
    ids: undefined,
    fragments: [],
  }
  for (const field of indexedFields) {
    const given = filter[field]
    if (given !== undefined) narrowed.required.push({ field, anyOf: valuesGiven(field, given) })
  }
  const rest: string[] = []
  const tests: Test[] = []
  const where: unknown = filter.where ?? []
  if (!Array.isArray(where)) throw badInput('$.where', 'must be a list of conditions')
  where.forEach((condition: unknown, i) => {
    const path = pathOf('$.where', i)
    const judged = judgeCondition(condition, path)
    tests.push(conditionTest(judged, path))
    if (!narrow(judged, narrowed)) rest.push(`where ${judged.field} ${judged.op}`)
  })
  if (filter.text !== undefined) {
    const words = wordsOf(filter.text)
    tests.push(view => hasWords(view, words))
    narrowed.fragments.push(...words.map(word => [word]))
    rest.push('text')
  }
  for (const requirement of narrowed.required) tests.push(requirementTest(requirement))
  const { since, until } = narrowed
  if (since > -Infinity || until < Infinity) {
    tests.push(view => {
      const time = parseTime(view.time)!
      return since <= time && time <= until
    })
  }
  return { matches: view => tests.every(test => test(view)), ...narrowed, rest }
}

function hint(name: string): string {
  const near = nearest(name, filterMembers)
  return near === undefined ? '' : `; did you mean ${near}?`
}

// Values of fields

/** The values that a field has where only certain ones exist. */
const closedFields: Readonly<Record<string, readonly string[]>> = {
  kind: kinds,
  outcome: outcomes,
  securityLevel: securityLevels,
}

function valuesGiven(field: IndexedField, given: OneOrMore<string | number>): readonly string[] {
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

/** As much of an entry as its indexed fields are read from: whole, or as an index knows it. */
export type IndexedValues = Pick<EntryView, Exclude<IndexedField, 'flag'> | 'complianceFlags'>

/**
 * The values by which a filter finds an entry in a field, none twice: actors as `type:id`, who acted and on whose behalf.
 * None where the value is absent, gone, or no text.
 *
 * @example valuesIn(view, 'flag') // ['audit_required', 'gdpr']
 */
export function valuesIn(entry: IndexedValues, field: IndexedField): readonly string[] {
  if (field === 'flag') return unique(entry.complianceFlags)
  if (field === 'actor') return unique(identitiesOf(entry.actor).map(({ type, id }) => `${type}:${id}`))
  const value = entry[field]
  return typeof value === 'string' ? [value] : []
}

function unique(values: readonly string[]): readonly string[] {
  return values.length > 1 ? [...new Set(values)] : values
}

function requirementTest({ field, anyOf }: Requirement): Test {
  const wanted = new Set(anyOf)
  if (field !== 'actor') return view => valuesIn(view, field).some(value => wanted.has(value))
  // An id without a colon is of any type.
  return view => identitiesOf(view.actor).some(({ type, id }) => wanted.has(`${type}:${id}`) || isBareId(id, wanted))
}

function isBareId(id: string, wanted: ReadonlySet<string>): boolean {
  return !id.includes(':') && wanted.has(id)
}

// What an index can answer of a condition

/** What was found so far that every entry of the answer must have. */
interface Narrowed {
  readonly required: Requirement[]
  since: number
  until: number
  firstSeq: number
  lastSeq: number
  ids: readonly string[] | undefined
  readonly fragments: (readonly string[])[]
}

/** Adds what a condition asks for, and says whether that is all that it asks. */
function narrow(condition: Judged, narrowed: Narrowed): boolean {
  const { field, op, value, caseSensitive } = condition
  const list = op === 'eq' ? [value!] : op === 'in' ? (value as readonly Json[]) : []
  const texts = list.filter(part => typeof part === 'string')
  const areTexts = texts.length > 0 && texts.length === list.length
  const isIndexed = indexedFields.includes(field as IndexedField)
  if (isIndexed && caseSensitive && areTexts) {
    const anyOf = field === 'securityLevel' ? texts.map(text => (text === 'standard' ? 'internal' : text)) : texts
    narrowed.required.push({ field: field as IndexedField, anyOf })
    // An actor is found by whom it acts for, too.
    return field !== 'actor'
  }
  if (field === 'complianceFlags' && op === 'contains' && caseSensitive && typeof value === 'string') {
    narrowed.required.push({ field: 'flag', anyOf: [value] })
    return true
  }
  if (field === 'id' && caseSensitive && areTexts) narrowed.ids = texts
  if (field === 'time') return narrowTo(instantsOf(condition), narrowed, 'since', 'until')
  if (field === 'seq') return narrowTo(numbersOf(condition), narrowed, 'firstSeq', 'lastSeq')
  const fragments = fragmentsOf(condition)
  if (fragments !== undefined) narrowed.fragments.push(...fragments)
  return false
}

/** From one number to another, both inclusive. */
type Bounds = readonly [low: number, high: number]

function narrowTo(
  bounds: Bounds | undefined,
  narrowed: Narrowed,
  low: 'since' | 'firstSeq',
  high: 'until' | 'lastSeq',
): boolean {
  if (bounds === undefined) return false
  narrowed[low] = Math.max(narrowed[low], bounds[0])
  narrowed[high] = Math.min(narrowed[high], bounds[1])
  return true
}

function instantsOf({ op, value }: Judged): Bounds | undefined {
  if (op === 'between') {
    const [low, high] = value as readonly [Json, Json]
    return [parseInstant(low, ''), parseInstant(high, '')]
  }
  const isOrder = op === 'eq' || op === 'gt' || op === 'gte' || op === 'lt' || op === 'lte'
  return isOrder && value !== null ? boundsOf(op, parseInstant(value, '')) : undefined
}

function numbersOf({ op, value }: Judged): Bounds | undefined {
  if (op === 'between') {
    const [low, high] = value as readonly [Json, Json]
    return typeof low === 'number' ? [low, high as number] : undefined
  }
  const isOrder = op === 'eq' || op === 'gt' || op === 'gte' || op === 'lt' || op === 'lte'
  return isOrder && typeof value === 'number' ? boundsOf(op, value) : undefined
}

/** Between which whole numbers those lie that stand so to a number. */
function boundsOf(op: 'eq' | 'gt' | 'gte' | 'lt' | 'lte', number: number): Bounds {
  switch (op) {
    case 'eq':
      return [number, number]
    case 'gt':
      return [Math.floor(number) + 1, Infinity]
    case 'gte':
      return [number, Infinity]
    case 'lt':
      return [-Infinity, Math.ceil(number) - 1]
    case 'lte':
      return [-Infinity, number]
  }
}

/**
 * What must occur in some text of every entry that meets a condition: of each list, one.
 *
 * Where case counts, only the ASCII parts of a value are sure to occur in the lower case of a text that has it: other
 * letters may be written in another way there, depending on what stands beside them.
 */
function fragmentsOf({ field, parts, op, value, caseSensitive }: Judged): (readonly string[])[] | undefined {
  const isText = field !== 'actor' && !notTexts.has(parts[0]!)
  const list = op === 'in' ? (value as readonly Json[]) : [value]
  const isFound = op === 'eq' || op === 'in' || op === 'contains' || op === 'starts_with' || op === 'ends_with'
  if (!isText || !isFound || !list.every(part => typeof part === 'string')) return undefined
  if (!caseSensitive) return [list.map(foldCase)]
  const runs = list.map(text => text.split(/[^\x00-\x7f]+/).map(foldCase))
  if (runs.length === 1) return runs[0]!.map(run => [run])
  return [runs.map(of => of.reduce((longest, run) => (run.length > longest.length ? run : longest)))]
}

/**
 * Capture: what a caller hands in, read once, judged, and written as the fragments of a leaf.
 *
 * A caller may change its object a moment later, so everything is turned into text here and now. What is left open is
 * what only the log knows: the number, the time that stands, the link, the commitments.
 */
import { type EntryInput, outcomes, securityLevels } from './entry.ts'
import { badInput, canonicalize, notPlain, pathOf, sortedKeys } from './json.ts'
import { type Micros, uuidv7Time } from './time.ts'

/** The largest leaf, in bytes (tlog-tiles: a 16-bit length). */
export const maxLeafBytes = 65_535
/** The largest sealed value unless the log is opened with another limit, in bytes of JSON. */
export const defaultMaxValueBytes = 16 * 1024 * 1024

/** An entry that waits for its place in the log. */
export interface Draft {
  readonly id: string
  /** When it was captured; the log never writes a time smaller than the one before. */
  readonly time: Micros
  /** Canonical members from `attributes` to `governanceStatus`, each followed by a comma. */
  readonly first: string
  /** Canonical members from `intent` to `performanceMetrics`, each followed by a comma. */
  readonly middle: string
  /** `"securityLevel":"…",` */
  readonly level: string
  /** `"trace":"…",` or nothing. */
  readonly trace: string
  /** Name and canonical JSON of each sealed value, in turn, sorted by name. */
  readonly sealed: readonly string[]
}

/** What the log adds when it captures. */
export interface CaptureOptions {
  readonly id: string
  readonly time: Micros
  /** Bytes of canonical JSON that one sealed value may have. */
  readonly maxValueBytes?: number
  /** Lets this software write a `control` entry; a caller's is refused. */
  readonly control?: boolean
}

const members = new Set([
  'operation',
  'component',
  'kind',
  'outcome',
  'intent',
  'trace',
  'securityLevel',
  'complianceFlags',
  'governanceStatus',
  'performanceMetrics',
  'attributes',
  'actor',
  'memoryId',
  'session',
  'userContext',
  'operationResult',
  'arguments',
  'sealed',
])
const ownMembers = new Set(['v', 'seq', 'id', 'time', 'previousHash', 'entryHash', 'disclosures'])
/** Names that a further sealed value may not take: they stand for something else where an entry is shown as one object. */
const takenNames = new Set([...members, ...ownMembers])

type Given = Record<string, unknown>
/** An entry of which nothing was given: those that are read become copies of it, which all have one shape. */
const nothing: Given = Object.fromEntries([...members].map(name => [name, undefined]))

/**
 * An entry's draft.
 *
 * @throws AuditError `bad_input`, naming the path of the first bad value and what is allowed there
 * @example captureEntry({ operation: 'remember', component: 'memory' }, { id: uuidv7(ms, random), time })
 */
export function captureEntry(input: EntryInput, options: CaptureOptions): Draft {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw badInput('$', 'an entry is an object with at least operation and component')
  }
  const problem = notPlain(input)
  if (problem !== undefined) throw badInput('$', problem)
  const given: Given = { ...nothing }
  for (const name of Object.keys(input)) {
    if (!members.has(name)) throw unknownMember(name)
    given[name] = read(input, name, '$')
  }

  const { attributes, complianceFlags, governanceStatus, performanceMetrics, intent, kind, outcome, trace } = given
  const allowedKinds = options.control ? ['control'] : ['event', 'intent', 'outcome']

  let first = attributes === undefined ? '' : `"attributes":${attributeMap(attributes)},`
  first += `"complianceFlags":${flags(complianceFlags)},"component":${name(given.component, '$.component')},`
  if (governanceStatus !== undefined) first += `"governanceStatus":${name(governanceStatus, '$.governanceStatus')},`

  let middle = intent === undefined ? '' : `"intent":${intentId(intent)},`
  middle += `"kind":${oneOf(kind ?? allowedKinds[0], allowedKinds, '$.kind')},`
  middle += `"operation":${name(given.operation, '$.operation')},`
  if (outcome !== undefined) middle += `"outcome":${oneOf(outcome, outcomes, '$.outcome')},`
  if (performanceMetrics !== undefined) middle += `"performanceMetrics":${metricMap(performanceMetrics)},`
  if (intent !== undefined && kind !== 'outcome') throw badInput('$.intent', 'only an outcome closes an intent')

  const draft: Draft = {
    id: options.id,
    time: options.time,
    first,
    middle,
    level: `"securityLevel":${level(given.securityLevel)},`,
    trace: trace === undefined ? '' : `"trace":${traceparent(trace)},`,
    sealed: sealedValues(given, options.maxValueBytes ?? defaultMaxValueBytes),
  }
  checkSize(draft)
  return draft
}

const controlForm = /^"kind":"control","operation":"([^"]+)"/

/** What a control entry is about, by its draft; `undefined` for any other entry. */
export function controlOperationOf({ middle }: Draft): string | undefined {
  return middle.startsWith('"kind":"control"') ? controlForm.exec(middle)?.[1] : undefined
}

function unknownMember(name: string): Error {
  const path = pathOf('$', name)
  if (ownMembers.has(name)) return badInput(path, 'the log itself gives this member')
  const near = nearest(name, members)
  return badInput(path, `no member has this name${near === undefined ? '' : `; did you mean ${near}?`}`)
}

/** A short text: 1–max characters, well-formed, no control characters. `key` is where in `path` it stands. */
function label(value: unknown, path: string, max: number, key?: string | number): string {
  const problem = labelProblem(value, max)
  if (problem !== undefined) throw badInput(key === undefined ? path : pathOf(path, key), problem)
  return JSON.stringify(value)
}

function labelProblem(value: unknown, max: number): string | undefined {
  if (value === undefined) return 'is missing'
  if (typeof value !== 'string' || value.length === 0 || value.length > max) {
    return `must be a text of 1–${max} characters`
  }
  if (/[\u0000-\u001f\u007f-\u009f]/.test(value)) return 'must not contain control characters'
  return value.isWellFormed() ? undefined : 'the text has a lone surrogate'
}

/** The same few names come again and again: of operations, components, attributes. */
const knownNames = new Map<string, string>()
const maxKnownNames = 1000

/** A label of at most 256 characters that is likely to be known. */
function name(value: unknown, path: string, key?: string | number): string {
  const known = knownNames.get(value as string)
  if (known !== undefined) return known
  const json = label(value, path, 256, key)
  if (knownNames.size >= maxKnownNames) knownNames.clear()
  knownNames.set(value as string, json)
  return json
}

function oneOf(value: unknown, allowed: readonly string[], path: string): string {
  if (!allowed.includes(value as string)) throw badInput(path, `must be one of ${allowed.join(', ')}`)
  return `"${value as string}"`
}

function level(value: unknown): string {
  if (value === undefined || value === 'standard') return '"internal"'
  return oneOf(value, securityLevels, '$.securityLevel')
}

function intentId(value: unknown): string {
  if (typeof value !== 'string' || uuidv7Time(value) === undefined) {
    throw badInput('$.intent', 'must be the id of an intent, a lower-case UUIDv7')
  }
  return `"${value}"`
}

/** Whether a text is a W3C `traceparent` of a version that is known: no zero ids, not version ff. */
export function isTraceparent(text: string): boolean {
  return /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(text)
}

function traceparent(value: unknown): string {
  if (typeof value === 'string' && isTraceparent(value)) return `"${value}"`
  throw badInput('$.trace', 'must be a W3C traceparent, 00-<32 hex>-<16 hex>-<2 hex>')
}

function flags(value: unknown): string {
  if (value === undefined) return '[]'
  if (!Array.isArray(value)) throw badInput('$.complianceFlags', 'must be a list of texts')
  const texts = new Set<string>()
  for (let i = 0; i < value.length; i++) {
    const flag = read(value, i, '$.complianceFlags')
    name(flag, '$.complianceFlags', i)
    texts.add(flag as string)
  }
  return canonicalize([...texts].sort())
}

/** An object that is nothing but its members. */
function plain(value: unknown, path: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badInput(path, 'must be an object')
  const problem = notPlain(value)
  if (problem !== undefined) throw badInput(path, problem)
  return value
}

/** A member of what was given, read once. A getter may throw. */
function read(value: object, key: string | number, path: string): unknown {
  try {
    return (value as Record<string | number, unknown>)[key]
  } catch (cause) {
    throw badInput(pathOf(path, key), 'the value cannot be read', cause)
  }
}

function attributeMap(value: unknown): string {
  const isAllowed = (part: unknown) => typeof part === 'string' || typeof part === 'number' || typeof part === 'boolean'
  return scalarMap(value, '$.attributes', isAllowed, 'must be a text, a number or true/false')
}

function metricMap(value: unknown): string {
  return scalarMap(value, '$.performanceMetrics', part => typeof part === 'number', 'must be a number')
}

/** Names and what stands beside them, without further parts, in their canonical order. */
function scalarMap(value: unknown, path: string, isAllowed: (part: unknown) => boolean, problem: string): string {
  const given = plain(value, path)
  let text = ''
  for (const key of sortedKeys(given)) {
    const json = name(key, path, key)
    const part = read(given, key, path)
    if (!isAllowed(part)) throw badInput(pathOf(path, key), problem)
    text += `${text === '' ? '' : ','}${json}:${scalar(part, path, key)}`
  }
  return `{${text}}`
}

function scalar(value: unknown, path: string, key: string): string {
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'string' && value.isWellFormed()) return JSON.stringify(value)
  return canonicalize(value, pathOf(path, key))
}

function sealedValues(given: Given, maxBytes: number): string[] {
  const out: string[] = []
  const seal = (name: string, path: string, json: string) => {
    // One UTF-16 unit is at most three bytes: only a text near the limit is measured.
    if (json.length * 3 > maxBytes && byteLength(json) > maxBytes) {
      throw badInput(path, `the value has ${byteLength(json)} bytes of JSON; the limit is ${maxBytes}`)
    }
    out.push(name, json)
  }
  const { actor, arguments: called, memoryId, operationResult, session, userContext, sealed } = given
  if (actor !== undefined) seal('actor', '$.actor', actorJson(actor))
  if (called !== undefined) seal('arguments', '$.arguments', canonicalize(called, '$.arguments'))
  if (memoryId !== undefined) seal('memoryId', '$.memoryId', memoryIdJson(memoryId))
  if (operationResult !== undefined) {
    seal('operationResult', '$.operationResult', canonicalize(operationResult, '$.operationResult'))
  }
  if (session !== undefined) seal('session', '$.session', label(session, '$.session', 512))
  if (userContext !== undefined) seal('userContext', '$.userContext', canonicalize(userContext, '$.userContext'))
  if (sealed === undefined) return out
  const further = plain(sealed, '$.sealed')
  for (const key of Object.keys(further)) {
    name(key, '$.sealed', key)
    const path = pathOf('$.sealed', key)
    if (takenNames.has(key)) throw badInput(path, 'this name has a place of its own in the entry')
    seal(key, path, canonicalize(read(further, key, '$.sealed'), path))
  }
  return sortPairs(out)
}

function actorJson(value: unknown): string {
  const { id, type, onBehalfOf } = identityParts(value, '$.actor', 'an actor has type, id and onBehalfOf')
  const principal = onBehalfOf === undefined ? '' : `"onBehalfOf":${principalJson(onBehalfOf)},`
  return `{"id":${label(id, '$.actor.id', 512)},${principal}"type":${label(type, '$.actor.type', 256)}}`
}

function principalJson(value: unknown): string {
  const path = '$.actor.onBehalfOf'
  const problem = 'only type and id stand here'
  const { id, type, onBehalfOf } = identityParts(value, path, problem)
  if (onBehalfOf !== undefined) throw badInput(pathOf(path, 'onBehalfOf'), problem)
  return `{"id":${label(id, '$.actor.onBehalfOf.id', 512)},"type":${label(type, '$.actor.onBehalfOf.type', 256)}}`
}

/** The parts of an identity, each read once, so that what was judged is what is written. */
function identityParts(value: unknown, path: string, problem: string) {
  const given = plain(value, path)
  const parts: Record<'id' | 'type' | 'onBehalfOf', unknown> = { id: undefined, type: undefined, onBehalfOf: undefined }
  for (const key of Object.keys(given)) {
    if (key !== 'id' && key !== 'type' && key !== 'onBehalfOf') throw badInput(pathOf(path, key), problem)
    parts[key] = read(given, key, path)
  }
  return parts
}

function memoryIdJson(value: unknown): string {
  if (typeof value === 'number') return JSON.stringify(canonicalize(value, '$.memoryId'))
  return label(value, '$.memoryId', 512)
}

/** Sorts a list of name, value, name, value … by name, as the leaf's `sealed` member needs it. */
function sortPairs(pairs: string[]): string[] {
  const names: [string, string][] = []
  for (let i = 0; i < pairs.length; i += 2) names.push([pairs[i]!, pairs[i + 1]!])
  return names.sort(([a], [b]) => (a < b ? -1 : 1)).flat()
}

/** Members whose length is the log's: id, previousHash, seq, time, v and their punctuation, with room. */
const fixedBytes = 300

function checkSize(draft: Draft): void {
  let units = fixedBytes + draft.first.length + draft.middle.length + draft.level.length + draft.trace.length
  for (let i = 0; i < draft.sealed.length; i += 2) units += draft.sealed[i]!.length + 60
  if (units * 3 <= maxLeafBytes) return
  let bytes = fixedBytes + byteLength(draft.first) + byteLength(draft.middle)
  for (let i = 0; i < draft.sealed.length; i += 2) bytes += byteLength(JSON.stringify(draft.sealed[i]!)) + 48
  if (bytes > maxLeafBytes) {
    throw badInput(
      '$',
      `the open members make a leaf of ${bytes} bytes; the limit is ${maxLeafBytes}: seal large values`,
    )
  }
}

function byteLength(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit >= 0xd800 && unit < 0xe000 ? 2 : 3
  }
  return bytes
}

/** The known name that is a slip or two away, if there is one. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[_-]/g, '')
  let best: string | undefined
  let bestDistance = 3
  for (const candidate of known) {
    if (Math.abs(name.length - candidate.length) > 8) continue
    const distance = editDistance(plain(name), plain(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}

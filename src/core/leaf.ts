/**
 * The leaf: the exact bytes that are stored, hashed, exported and verified. FORMAT.md, section 2.
 *
 * Nothing is ever written again to be verified; a leaf that was read is checked to be in its one canonical spelling.
 */
import { fromUtf8 } from './bytes.ts'
import { type Draft, maxLeafBytes } from './capture.ts'
import { kinds, type Leaf, outcomes, securityLevels } from './entry.ts'
import { canonicalize } from './json.ts'
import { formatTime, type Micros, parseTime, uuidv7Time } from './time.ts'
import { sentence } from './visible.ts'

/** What only the log knows of an entry. */
export interface Place {
  readonly seq: number
  readonly time: Micros
  /** 64 hex digits. */
  readonly previousHash: string
}

/**
 * The canonical text of a leaf.
 *
 * The fragments of the draft stand between the log's own members in the order that RFC 8785 asks for.
 *
 * @param commitments one for each sealed value of the draft, in its order
 */
export function leafText(draft: Draft, place: Place, commitments: readonly string[]): string {
  let sealed = ''
  for (let i = 0; i < commitments.length; i++) {
    sealed += `${i === 0 ? '"sealed":{' : ','}${JSON.stringify(draft.sealed[2 * i])}:"${commitments[i]}"`
  }
  if (commitments.length > 0) sealed += '},'
  return `{${draft.first}"id":"${draft.id}",${draft.middle}"previousHash":"${place.previousHash}",${sealed}${
    draft.level
  }"seq":${place.seq},"time":"${formatTime(place.time)}",${draft.trace}"v":1}`
}

/** A leaf that was read, or the reason why the bytes are none. */
export type ParsedLeaf =
  | { readonly leaf: Leaf; readonly problem?: undefined }
  | { readonly leaf?: undefined; readonly problem: string }

/**
 * Reads a leaf and judges it: valid UTF-8, canonical spelling, every member of the right type, none unknown.
 *
 * @example parseLeaf(bytes).leaf?.operation
 */
export function parseLeaf(bytes: Uint8Array): ParsedLeaf {
  if (bytes.length > maxLeafBytes) return { problem: `has ${bytes.length} bytes, more than ${maxLeafBytes}` }
  const text = fromUtf8(bytes)
  if (text === undefined) return { problem: 'is not valid UTF-8' }
  const usual = readUsualLeaf(text)
  return usual === undefined ? judgeLeaf(text) : { leaf: usual }
}

/** What a check asks of every leaf; `sealed` as it is written in it: `{"name":"commitment",…}`. */
export type LeafGlance = Pick<Leaf, 'seq' | 'id' | 'time' | 'kind' | 'operation' | 'intent' | 'previousHash'> & {
  readonly sealed: string | undefined
}

/** Judges a leaf as {@link parseLeaf} does, in less time: nothing is made of most of it. `undefined` for what is none. */
export function glanceAtLeaf(bytes: Uint8Array): LeafGlance | undefined {
  const text = bytes.length > maxLeafBytes ? undefined : fromUtf8(bytes)
  const found: Captured | null = text === undefined ? null : usualSpelling.exec(text)
  if (found !== null) {
    const [, attributes, flags, , , id, intent, kind, operation, , metrics, previousHash, sealed, , number, time] =
      found
    const seq = Number(number)
    const areRight = areMembers(attributes) && areMembers(metrics) && areMembers(sealed) && flagsIn(flags!) !== null
    if (areRight && Number.isSafeInteger(seq) && parseTime(time!) !== undefined) {
      const texts = { id, time, kind, operation, previousHash } as Pick<
        Leaf,
        'id' | 'time' | 'kind' | 'operation' | 'previousHash'
      >
      return { seq, ...texts, intent, sealed }
    }
  }
  const { leaf } = parseLeaf(bytes)
  return leaf && glanceOf(leaf)
}

/** What {@link glanceAtLeaf} sees of a leaf. */
export function glanceOf(leaf: Leaf): LeafGlance {
  const { seq, id, time, kind, operation, intent, previousHash, sealed } = leaf
  return { seq, id, time, kind, operation, intent, previousHash, sealed: sealed && canonicalize(sealed) }
}

/** The judgement of any text as a leaf; {@link parseLeaf} comes here with whatever is not spelled as usual. */
export function judgeLeaf(text: string): ParsedLeaf {
  let value: unknown
  try {
    value = JSON.parse(text)
    if (!isCanonical(value, text)) return { problem: 'is not in canonical spelling' }
  } catch {
    return { problem: 'is not canonical JSON' }
  }
  const problem = leafProblem(value)
  return problem === undefined ? { leaf: value as Leaf } : { problem }
}

/**
 * Whether a text is the canonical spelling of its value. `JSON.stringify` writes as RFC 8785 does but for the order of
 * names and lone surrogates, and is four times as fast; where it says no, the canonical writer decides.
 */
function isCanonical(value: unknown, text: string): boolean {
  if (JSON.stringify(value) === text && inOrder(value) && !text.includes('\\ud')) return true
  return canonicalize(value) === text
}

function inOrder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(inOrder)
  let last = ''
  for (const name in value) {
    if (name < last || !inOrder((value as Record<string, unknown>)[name])) return false
    last = name
  }
  return true
}

type Rule = (value: unknown) => boolean

const isText: Rule = value => typeof value === 'string'
const isHash: Rule = value => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
/** What RFC 8785 writes and the format allows: an integer beyond ±(2^53−1) is neither exact nor refused by `JSON.parse`. */
const isNumber: Rule = value => typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value))
/** 32 bytes of base64url: the last two bits of the last digit are zero. */
const isCommitment: Rule = value => typeof value === 'string' && /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(value)
const isName: Rule = value => typeof value === 'string' && value.length > 0 && value.length <= 256
const isId: Rule = value => typeof value === 'string' && uuidv7Time(value) !== undefined
const isMap =
  (rule: Rule): Rule =>
  value =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(rule)
const among =
  (list: readonly string[]): Rule =>
  value =>
    list.includes(value as string)

const required: Readonly<Record<string, Rule>> = {
  v: value => value === 1,
  seq: value => Number.isSafeInteger(value) && (value as number) >= 0,
  id: isId,
  time: value => typeof value === 'string' && parseTime(value) !== undefined,
  kind: among(kinds),
  operation: isName,
  component: isName,
  securityLevel: among(securityLevels),
  complianceFlags: value =>
    Array.isArray(value) && value.every((flag, i) => isText(flag) && (i === 0 || value[i - 1] < flag)),
  previousHash: isHash,
}

const optional: Readonly<Record<string, Rule>> = {
  outcome: among(outcomes),
  intent: isId,
  trace: isText,
  governanceStatus: isText,
  performanceMetrics: isMap(isNumber),
  attributes: isMap(value => typeof value === 'string' || typeof value === 'boolean' || isNumber(value)),
  sealed: isMap(isCommitment),
}

function leafProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not an object'
  const members = value as Record<string, unknown>
  if (members.v !== 1) return sentence(`has the format version ${JSON.stringify(members.v)}; this release reads 1`)
  let found = 0
  for (const name in required) {
    if (!Object.hasOwn(members, name)) return `lacks ${name}`
    if (!required[name]!(members[name])) return `has a wrong ${name}`
    found++
  }
  for (const name in optional) {
    if (!Object.hasOwn(members, name)) continue
    if (!optional[name]!(members[name])) return `has a wrong ${name}`
    found++
  }
  return found === Object.keys(members).length ? undefined : 'has an unknown member'
}

// The usual spelling

const text = '"[^"\\\\\\x00-\\x1f]*"'
const name = '"([^"\\\\\\x00-\\x1f]{1,256})"'
const uuid = '"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"'
const commitment = '"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"'
const oneOf = (words: readonly string[]) => `"(${words.join('|')})"`
const mapOf = (value: string) => `(\\{(?:${text}:${value}(?:,${text}:${value})*)?\\})`

/**
 * A leaf whose texts need no escapes, its members in their one order, each captured. Numbers and words are only told apart
 * from the rest, and lists only found. No two ways lead through a text: it costs the same for each character of any.
 */
const usualSpelling = new RegExp(
  [
    `^\\{(?:"attributes":${mapOf(`(?:${text}|[^",{}[\\]]+)`)},)?`,
    '"complianceFlags":(\\[[^\\]]*\\]),',
    `"component":${name},`,
    `(?:"governanceStatus":(${text}),)?`,
    `"id":${uuid},`,
    `(?:"intent":${uuid},)?`,
    `"kind":${oneOf(kinds)},`,
    `"operation":${name},`,
    `(?:"outcome":${oneOf(outcomes)},)?`,
    `(?:"performanceMetrics":${mapOf('[-+.0-9e]+')},)?`,
    '"previousHash":"([0-9a-f]{64})",',
    `(?:"sealed":${mapOf(commitment)},)?`,
    `"securityLevel":${oneOf(securityLevels)},`,
    '"seq":(0|[1-9]\\d{0,15}),',
    '"time":"([-0-9T:.]{26}Z)",',
    `(?:"trace":(${text}),)?`,
    '"v":1\\}$',
  ].join(''),
)

type Captured = readonly (string | undefined)[]

/**
 * The leaf in a text that is spelled as this software spells nearly all of them; `undefined` says nothing about it.
 * Whatever this reads, {@link judgeLeaf} reads as the same, in twice the time: here nothing is written again to be compared.
 */
function readUsualLeaf(text: string): Leaf | undefined {
  const found: Captured | null = usualSpelling.exec(text)
  if (found === null) return undefined
  const attributes = membersIn(found[1])
  const complianceFlags = flagsIn(found[2]!)
  const performanceMetrics = membersIn(found[10])
  const sealed = membersIn(found[12])
  const seq = Number(found[14])
  const areWrong = attributes === null || complianceFlags === null || performanceMetrics === null || sealed === null
  if (areWrong || !Number.isSafeInteger(seq) || parseTime(found[15]!) === undefined) return undefined

  const leaf: { -readonly [name in keyof Leaf]?: unknown } = {}
  if (attributes !== undefined) leaf.attributes = attributes
  leaf.complianceFlags = complianceFlags
  leaf.component = found[3]
  if (found[4] !== undefined) leaf.governanceStatus = found[4].slice(1, -1)
  leaf.id = found[5]
  if (found[6] !== undefined) leaf.intent = found[6]
  leaf.kind = found[7]
  leaf.operation = found[8]
  if (found[9] !== undefined) leaf.outcome = found[9]
  if (performanceMetrics !== undefined) leaf.performanceMetrics = performanceMetrics
  leaf.previousHash = found[11]
  if (sealed !== undefined) leaf.sealed = sealed
  leaf.securityLevel = found[13]
  leaf.seq = seq
  leaf.time = found[15]
  if (found[16] !== undefined) leaf.trace = found[16].slice(1, -1)
  leaf.v = 1
  return leaf as Leaf
}

function flagsIn(text: string): readonly string[] | null {
  if (text === '[]') return []
  try {
    const flags: unknown = JSON.parse(text)
    return isCanonical(flags, text) && required.complianceFlags!(flags) ? (flags as string[]) : null
  } catch {
    return null
  }
}

/** The members of a flat map of which the shape is known; null when it has another spelling too, or values that are none. */
function membersIn(text: string | undefined): Record<string, string | number | boolean> | undefined | null {
  if (text === undefined) return undefined
  const members: Record<string, string | number | boolean> = {}
  return areMembers(text, members) ? members : null
}

/** Whether {@link membersIn} gives some, or needs not, and puts them into `members`. */
function areMembers(text: string | undefined, members?: Record<string, string | number | boolean>): boolean {
  if (text === undefined) return true
  let last = ''
  // Each member begins behind its first quote, and ends before a comma or the last brace.
  for (let at = 2; at < text.length; at += 2) {
    const colon = text.indexOf('"', at) + 1
    const name = text.slice(at, colon - 1)
    if ((name <= last && at > 2) || name === '__proto__') return false
    last = name
    if (text.charCodeAt(colon + 1) === quote) {
      at = text.indexOf('"', colon + 2) + 1
      if (members !== undefined) members[name] = text.slice(colon + 2, at - 1)
      continue
    }
    const comma = text.indexOf(',', colon)
    at = comma < 0 ? text.length - 1 : comma
    const value = wordIn(text.slice(colon + 1, at))
    if (value === undefined) return false
    if (members !== undefined) members[name] = value
  }
  return true
}

const quote = 0x22

/**
 * A number of at most 15 digits without an exponent. No two of these are the same double, so that each is the shortest
 * spelling of its own; below 10⁻⁶ the one spelling has an exponent.
 */
const plainNumber = /^(?!-0$)-?(?:0|[1-9]\d*)(?:\.(?!000000)\d*[1-9])?$/

/** A number or a word in its one spelling. */
function wordIn(text: string): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true'
  const value = Number(text)
  if (text.length <= 15 && plainNumber.test(text)) return value
  return Number.isFinite(value) && isNumber(value) && String(value) === text ? value : undefined
}

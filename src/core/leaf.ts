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
  if (members.v !== 1) return `has the format version ${JSON.stringify(members.v)}; this release reads 1`
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

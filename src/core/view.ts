/**
 * An entry as a reader sees it: the leaf's members, and the sealed values that can be opened under their own names.
 *
 * Made to be shown and searched, fast and without judging: whether the leaf is canonical, the chain whole, a disclosure
 * the one that was committed to, is the verifier's to say. Bytes that are no entry at all give a reason, never a throw.
 */
import { fromUtf8, toBase64url } from './bytes.ts'
import { type Actor, type Json, kinds, type Leaf, outcomes, securityLevels } from './entry.ts'
import { leafHashHex } from './hash.ts'
import { type DisclosureTriple, saltLength } from './sealed.ts'
import { parseTime, uuidv7Time } from './time.ts'
import { sentence } from './visible.ts'

/** Stands for a value whose disclosure is not there. */
export interface Erased {
  readonly erased: true
}

/**
 * An entry as one object: what `query`, `show`, `tail` and `export` print.
 *
 * A commitment without a disclosure is `{ erased: true }`. Whether the log *declares* that it is gone is the verifier's
 * to judge. Further sealed values stand under their own names.
 */
export interface EntryView extends Leaf {
  readonly actor?: Actor | Erased
  readonly memoryId?: string | Erased
  readonly session?: string | Erased
  readonly userContext?: unknown
  readonly operationResult?: unknown
  readonly arguments?: unknown
  /** The leaf hash, 64 hex digits. */
  readonly entryHash: string
  readonly [sealedName: string]: unknown
}

/** One entry as a store keeps it. */
export interface EntryBytes {
  readonly seq: number
  readonly leaf: Uint8Array
  readonly content: Uint8Array
}

/**
 * What could be made of the bytes of an entry. Without a `view`, they are no entry, and `problem` says why; beside a
 * `view`, `problem` says which part of its content could not be opened.
 */
export type OpenedEntry =
  | { readonly view: EntryView; readonly problem?: string }
  | { readonly view?: undefined; readonly problem: string }

/**
 * Opens an entry.
 *
 * @example openEntry(stored).view?.operation
 */
export function openEntry(stored: EntryBytes): OpenedEntry {
  return open(stored, () => {})
}

/** Opens an entry, and gives the disclosures that are kept of it, as they travel in JSON. */
export function openEntryWithDisclosures(
  stored: EntryBytes,
): OpenedEntry & { readonly disclosures: readonly DisclosureTriple[] } {
  const disclosures: DisclosureTriple[] = []
  const opened = open(stored, (salt, name, value) => disclosures.push([toBase64url(salt), name, value]))
  return { ...opened, disclosures }
}

function open(stored: EntryBytes, disclosed: (salt: Uint8Array, name: string, value: Json) => void): OpenedEntry {
  const read = readLeaf(stored)
  if (read.leaf === undefined) return read
  const { leaf } = read
  const values = new Map<string, Json>()
  let problem = readContent(stored.content, (name, json, salt) => {
    const value = readJson(json)
    if (value === undefined) return sentence(`the disclosure of ${name} is not JSON`)
    disclosed(salt, name, value)
    if (!values.has(name)) values.set(name, value)
    return undefined
  })
  const view: Record<string, unknown> = { ...leaf }
  for (const name of Object.keys(leaf.sealed ?? {})) {
    const value = values.get(name) ?? (values.has(name) ? null : { erased: true })
    if (leafMembers.has(name) || name === 'entryHash') problem = sentence(`a sealed value is named ${name}`)
    else Object.defineProperty(view, name, { value, enumerable: true, writable: true, configurable: true })
  }
  view.entryHash = leafHashHex(stored.leaf)
  return { view: view as unknown as EntryView, ...(problem === undefined ? {} : { problem }) }
}

/** The members that a leaf may have. */
export const leafMembers: ReadonlySet<string> = new Set([
  'v',
  'seq',
  'id',
  'time',
  'kind',
  'operation',
  'component',
  'outcome',
  'intent',
  'trace',
  'securityLevel',
  'complianceFlags',
  'governanceStatus',
  'performanceMetrics',
  'attributes',
  'sealed',
  'previousHash',
])

/**
 * The leaf in the bytes of an entry, or the reason why there is none: as much of the format as a reader relies on, and
 * no more. Costs a fifth of `parseLeaf`, which judges every byte.
 */
export function readLeaf({ seq, leaf }: EntryBytes): { leaf: Leaf } | { leaf?: undefined; problem: string } {
  const text = fromUtf8(leaf)
  if (text === undefined) return { problem: 'the leaf is not valid UTF-8' }
  const value = readJson(text)
  if (!isMap(value)) return { problem: 'the leaf is not a JSON object' }
  if (value.seq !== seq) return { problem: sentence(`the leaf says that it is entry ${JSON.stringify(value.seq)}`) }
  for (const name in value)
    if (!leafMembers.has(name)) return { problem: sentence(`the leaf has an unknown member ${name}`) }
  const wrong = wrongMember(value)
  return wrong === undefined ? { leaf: value as unknown as Leaf } : { problem: `the leaf has a wrong ${wrong}` }
}

type Members = { readonly [name: string]: Json | undefined }

function wrongMember(leaf: Members): string | undefined {
  for (const name of ['operation', 'component', 'previousHash']) if (typeof leaf[name] !== 'string') return name
  for (const name of ['intent', 'trace', 'governanceStatus']) if (!isOptional(leaf[name], 'string')) return name
  for (const name of ['performanceMetrics', 'attributes', 'sealed']) {
    if (leaf[name] !== undefined && !isMap(leaf[name])) return name
  }
  if (typeof leaf.id !== 'string' || uuidv7Time(leaf.id) === undefined) return 'id'
  if (typeof leaf.time !== 'string' || parseTime(leaf.time) === undefined) return 'time'
  if (!kinds.includes(leaf.kind as never)) return 'kind'
  if (leaf.outcome !== undefined && !outcomes.includes(leaf.outcome as never)) return 'outcome'
  if (!securityLevels.includes(leaf.securityLevel as never)) return 'securityLevel'
  const flags = leaf.complianceFlags
  if (!Array.isArray(flags) || !flags.every(flag => typeof flag === 'string')) return 'complianceFlags'
  return undefined
}

function isOptional(value: unknown, type: 'string'): boolean {
  return value === undefined || typeof value === type
}

function isMap(value: unknown): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** JSON as the log keeps it; `undefined` for anything else, and for text that no UTF-8 could carry. */
export function readJson(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json
    // A lone surrogate can only come from an escape, which canonical JSON never writes for one.
    return text.includes('\\u') && !isWellFormed(value) ? undefined : value
  } catch {
    return undefined
  }
}

function isWellFormed(value: Json): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, part]) => name.isWellFormed() && isWellFormed(part))
}

/**
 * Reads what is kept of the sealed values, as far as it can be read.
 *
 * @param visit gets each name, its canonical JSON and its salt; what it returns is a problem
 * @returns the first problem
 */
export function readContent(
  content: Uint8Array,
  visit: (name: string, json: string, salt: Uint8Array) => string | undefined,
  wanted: (name: string) => boolean = () => true,
): string | undefined {
  let problem: string | undefined
  let at = 0
  while (at < content.length) {
    const start = at + 4
    if (start > content.length) return problem ?? 'the content is cut short'
    at = start + content[at]! * 0x1000000 + ((content[at + 1]! << 16) | (content[at + 2]! << 8) | content[at + 3]!)
    if (at > content.length) return problem ?? 'the content is cut short'
    const end = content.indexOf(0, start + 1 + saltLength)
    const name = end < 0 || end >= at ? undefined : shortText(content, start + 1 + saltLength, end)
    if (name === undefined || content[start] !== 2) {
      problem ??= 'a disclosure is not a salt, a name and a value'
      continue
    }
    if (!wanted(name)) continue
    const json = fromUtf8(content.subarray(end + 1, at))
    const said =
      json === undefined
        ? sentence(`the disclosure of ${name} is not valid UTF-8`)
        : visit(name, json, content.subarray(start + 1, start + 1 + saltLength))
    problem ??= said
  }
  return problem
}

/** A name, without waking the decoder for plain ASCII. */
function shortText(bytes: Uint8Array, from: number, to: number): string | undefined {
  let text = ''
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte >= 0x80 || i - from > 32) return fromUtf8(bytes.subarray(from, to))
    text += String.fromCharCode(byte)
  }
  return text
}

/** Who acted, in a value that may be anything: the actor itself, then whom it acted for. */
export function identitiesOf(actor: unknown): { readonly type: string; readonly id: string }[] {
  if (!isMap(actor)) return []
  return [actor, actor.onBehalfOf].flatMap(who =>
    isMap(who) && typeof who.type === 'string' && typeof who.id === 'string' ? [{ type: who.type, id: who.id }] : [],
  )
}

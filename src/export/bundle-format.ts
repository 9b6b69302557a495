/**
 * The bundle: entries of one log in one file, with all that it takes to check them. Version 1.
 *
 * A bundle is lines of JSON in UTF-8, each ended by LF, each in the one spelling that the functions here write.
 *
 *     {"bundle":"memmimic-audit/bundle/v1","checkpoint":"…","consistency":[[100,["…"]]],"origin":"…","rotations":[],"vkeys":["…","…"],"whole":"0-99"}
 *     {"disclosures":[["salt","name","JSON"]],"leaf":"…","proof":["…"]}
 *     …
 *     {"count":100,"digest":"…"}
 *
 * The **header** names the log and its verifier keys, and holds one signed checkpoint. `whole` (`core/ranges.ts`) says of
 * which entries the bundle claims to hold every one; without it the bundle is a selection, and `filter` says which was
 * asked for: what else would have matched cannot be told from it. `consistency` holds proofs that the checkpoint grew out
 * of smaller trees, by their sizes, so that it can be held against a checkpoint that somebody remembers. `rotations`, where
 * the signing keys were replaced, leads from the first keys to those that signed: each holds the keys before, a checkpoint
 * that they signed, and a leaf below it that names the next.
 *
 * An **entry** is the text of its leaf, which names its place; the inclusion proof of that place under the checkpoint
 * (base64, the leaf's sibling first); and the disclosures that may be seen. A disclosure carries its value as the text
 * that was committed to. A commitment in the leaf without a disclosure is closed here, which says nothing about the log.
 *
 * The **end** counts the entries. Its digest covers every line before it: D₀ = SHA-256(header), Dᵢ = SHA-256(Dᵢ₋₁ ‖
 * SHA-256(lineᵢ)), in hex, lines without their LF. It shows that a bundle was cut or spliced by accident; against somebody
 * who writes a new one, only the checkpoint, the proofs and `whole` help.
 *
 * Nothing here needs Node: a browser reads bundles with this file and `core/`.
 */
import { concat, fromBase64, fromUtf8, toBase64, toHex, utf8 } from '../core/bytes.ts'
import type { Json } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { hashLength } from '../core/hash.ts'
import { canonicalize } from '../core/json.ts'
import { sha256 } from '../core/primitives.ts'
import { formatRanges, parseRanges, type Range } from '../core/ranges.ts'

const version = 'memmimic-audit/bundle/v1'

export interface BundleHeader {
  readonly origin: string
  /** Of the generation that signed the checkpoint. */
  readonly vkeys: readonly string[]
  /** How the generations before came to it, the oldest first. */
  readonly rotations: readonly Rotation[]
  /** A signed note. */
  readonly checkpoint: string
  /** Ascending by size. */
  readonly consistency: readonly ConsistencyProof[]
  readonly whole?: readonly Range[] | undefined
  readonly filter?: Json | undefined
}

/** A generation of keys, and its word for the next. */
export interface Rotation {
  readonly vkeys: readonly string[]
  /** A signed note. */
  readonly checkpoint: string
  /** The leaf of `key.rotated` that names the next keys. */
  readonly leaf: string
  /** That the leaf is under the checkpoint. */
  readonly proof: readonly Uint8Array[]
}

export interface ConsistencyProof {
  readonly size: number
  readonly path: readonly Uint8Array[]
}

export interface BundleEntry {
  readonly leaf: string
  readonly proof: readonly Uint8Array[]
  readonly disclosures: readonly BundleDisclosure[]
}

/** A salt in base64url, a name, and the canonical JSON that was committed to. */
export type BundleDisclosure = readonly [salt: string, name: string, json: string]

export interface BundleEnd {
  readonly count: number
  /** 64 hex digits. */
  readonly digest: string
}

export function formatHeader(header: BundleHeader): string {
  const { origin, vkeys, rotations, checkpoint, consistency, whole, filter } = header
  return canonicalize({
    bundle: version,
    checkpoint,
    consistency: consistency.map(({ size, path }) => [size, path.map(toBase64)]),
    ...(filter === undefined ? {} : { filter }),
    origin,
    rotations: rotations.map(rotation => ({ ...rotation, proof: rotation.proof.map(toBase64) })),
    vkeys,
    ...(whole === undefined ? {} : { whole: formatRanges(whole) }),
  })
}

/** The format that the first line of a bundle names, in whatever version; empty for any other line. */
export function bundleFormat(line: string): string {
  try {
    const { bundle } = objectOf(line)
    return typeof bundle === 'string' ? bundle : ''
  } catch {
    return ''
  }
}

/** @throws AuditError `bad_format` saying what is wrong */
export function parseHeader(line: string): BundleHeader {
  const value = objectOf(line)
  if (value.bundle !== version) {
    const format = value.bundle === undefined ? 'none' : JSON.stringify(value.bundle)
    throw new AuditError('bad_format', `its format is ${format}; this release reads ${version}`)
  }
  const { origin, vkeys, rotations, checkpoint, consistency, whole, filter } = value
  const areTexts = typeof origin === 'string' && typeof checkpoint === 'string' && isTexts(vkeys)
  if (areTexts && Array.isArray(consistency) && Array.isArray(rotations)) {
    const header = {
      origin,
      vkeys,
      rotations: rotations.map(rotationOf),
      checkpoint,
      consistency: consistency.map(consistencyOf),
      ...(typeof whole === 'string' ? { whole: parseRanges(whole) } : {}),
      ...(filter === undefined ? {} : { filter: filter as Json }),
    }
    const isAscending = header.consistency.every(({ size }, i, all) => i === 0 || all[i - 1]!.size < size)
    if (isAscending && formatHeader(header) === line) return header
  }
  throw new AuditError('bad_format', 'the first line is not the header of a bundle in its one spelling')
}

function rotationOf(value: unknown): Rotation {
  const { vkeys, checkpoint, leaf, proof } = (value ?? {}) as Readonly<Record<string, unknown>>
  const isWhole = isTexts(vkeys) && typeof checkpoint === 'string' && typeof leaf === 'string'
  if (!isWhole) throw new AuditError('bad_format', 'a rotation of keys is not whole')
  return { vkeys, checkpoint, leaf, proof: hashesOf(proof) }
}

function consistencyOf(value: unknown): ConsistencyProof {
  const [size, path] = Array.isArray(value) ? value : []
  if (!Number.isSafeInteger(size) || size < 0) throw new AuditError('bad_format', 'a consistency proof names no size')
  return { size, path: hashesOf(path) }
}

export function formatEntry({ leaf, proof, disclosures }: BundleEntry): string {
  return JSON.stringify({ disclosures, leaf, proof: proof.map(toBase64) })
}

/** @throws AuditError `bad_format` saying what is wrong */
export function parseEntry(line: string): BundleEntry {
  const { disclosures, leaf, proof } = objectOf(line)
  if (proof === undefined) throw new AuditError('bad_format', 'the proof is missing')
  const isWhole = isText(leaf) && Array.isArray(disclosures) && disclosures.every(isDisclosure)
  if (isWhole) {
    const entry = { leaf, proof: hashesOf(proof), disclosures }
    if (formatEntry(entry) === line) return entry
  }
  throw new AuditError('bad_format', 'the line is not an entry of a bundle in its one spelling')
}

export function formatEnd({ count, digest }: BundleEnd): string {
  return `{"count":${count},"digest":"${digest}"}`
}

/** The end of a bundle, or `undefined` when the line is none. */
export function parseEnd(line: string): BundleEnd | undefined {
  const found = /^\{"count":(0|[1-9]\d{0,15}),"digest":"([0-9a-f]{64})"\}$/.exec(line)
  return found === null ? undefined : { count: Number(found[1]), digest: found[2]! }
}

/** The digest over the lines so far. */
export class LineDigest {
  #digest: Uint8Array | undefined

  add(line: string): void {
    const hash = sha256(utf8(line))
    this.#digest = this.#digest === undefined ? hash : sha256(concat(this.#digest, hash))
  }

  hex(): string {
    return toHex(this.#digest ?? new Uint8Array(0))
  }
}

/**
 * The lines of a file, without their ends, as they come.
 *
 * @param longest bytes that a line may have
 * @throws AuditError `bad_format` for a line that is longer, is not UTF-8, or, at the end, has no end
 */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  longest: number,
): AsyncGenerator<string> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of bytes) {
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield textOf([...parts, rest.subarray(0, end)])
      parts = []
      length = 0
      rest = rest.subarray(end + 1)
    }
    length += rest.length
    if (length > longest) throw new AuditError('bad_format', `a line is longer than ${longest} bytes`)
    // A copy: whoever reads a file may use the same memory for the next chunk.
    if (rest.length > 0) parts.push(Uint8Array.from(rest))
  }
  if (parts.length > 0) throw new AuditError('bad_format', 'it ends in the middle of a line: it was cut short')
}

function textOf(parts: readonly Uint8Array[]): string {
  const text = fromUtf8(parts.length === 1 ? parts[0]! : concat(...parts))
  if (text === undefined) throw new AuditError('bad_format', 'a line is not valid UTF-8')
  return text
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new AuditError('bad_format', 'a line is not a JSON object')
}

/** What has a lone surrogate has no bytes: it would be read as a text that is spelled in another way. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText)
}

function isDisclosure(value: unknown): value is BundleDisclosure {
  return isTexts(value) && value.length === 3
}

/** The longest path of a tree of at most 2^53−1 leaves has so many hashes; a consistency proof one more. */
const longestPath = 54

function hashesOf(value: unknown): Uint8Array[] {
  if (!isTexts(value) || value.length > longestPath)
    throw new AuditError('bad_format', 'a proof is not a list of hashes')
  return value.map(text => {
    const hash = fromBase64(text)
    if (hash?.length !== hashLength) throw new AuditError('bad_format', 'a proof has something else than hashes')
    return hash
  })
}

/**
 * Sealed values: what may speak of a person never enters the leaf. In its place stands a salted commitment, and the
 * **disclosure** (salt, name, value) is kept beside the leaf, to be shown, withheld or erased on its own.
 *
 * FORMAT.md, section 3:
 *
 *     commitment = base64url( SHA-256( 0x02 ‖ salt ‖ utf8(name) ‖ 0x00 ‖ utf8(JCS(value)) ) )
 *
 * A disclosure is kept as exactly these bytes, its **preimage**: what is stored is what was hashed.
 */
import { concat, fromBase64url, fromUtf8, toBase64url, utf8 } from './bytes.ts'
import type { Json } from './entry.ts'
import { AuditError } from './errors.ts'
import { sha256Base64url } from './primitives.ts'

/** Bytes of salt in front of each sealed value. */
export const saltLength = 16

const domain = 0x02

/** One sealed value, open: the salt, the name, and the canonical JSON that was committed to. */
export interface Disclosure {
  readonly salt: Uint8Array
  readonly name: string
  /** RFC 8785 JSON text. */
  readonly json: string
}

/** The bytes that a commitment is the hash of. */
export function formatPreimage({ salt, name, json }: Disclosure): Uint8Array {
  if (salt.length !== saltLength) throw new RangeError(`a salt has ${saltLength} bytes, not ${salt.length}`)
  return concat(Uint8Array.of(domain), salt, utf8(name), Uint8Array.of(0), utf8(json))
}

/**
 * The disclosure in a preimage.
 *
 * @throws AuditError `bad_format`
 */
export function parsePreimage(preimage: Uint8Array): Disclosure {
  const name = preimageName(preimage)
  const json = name === undefined ? undefined : fromUtf8(preimage.subarray(endOfName(preimage) + 1))
  if (name === undefined || json === undefined) {
    throw new AuditError('bad_format', 'the disclosure is not a salt, a name and a value')
  }
  return { salt: preimage.subarray(1, 1 + saltLength), name, json }
}

/** The name in a preimage, without a look at its value; `undefined` when it is no preimage. */
export function preimageName(preimage: Uint8Array): string | undefined {
  const end = endOfName(preimage)
  if (preimage[0] !== domain || end < 0) return undefined
  let name = ''
  for (let i = 1 + saltLength; i < end; i++) {
    if (preimage[i]! > 0x7f) return fromUtf8(preimage.subarray(1 + saltLength, end))
    name += String.fromCharCode(preimage[i]!)
  }
  return name
}

function endOfName(preimage: Uint8Array): number {
  return preimage.indexOf(0, 1 + saltLength)
}

/** The commitment to a preimage: 43 characters of base64url. */
export function commitment(preimage: Uint8Array): string {
  return sha256Base64url(preimage)
}

/**
 * Whether a disclosure opens a commitment.
 *
 * @example opens(leaf.sealed.actor, { salt, name: 'actor', json: '{"id":"claude","type":"agent"}' })
 */
export function opens(committed: string, disclosure: Disclosure): boolean {
  return commitment(formatPreimage(disclosure)) === committed
}

/**
 * The **content** of an entry: its preimages, each behind its length (32 bits, big-endian). Stored beside the leaf and
 * never inside it, so that content can go while the leaf stays.
 */
export function formatContent(preimages: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(preimages.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const part of preimages) {
    view.setUint32(at, part.length)
    out.set(part, at + 4)
    at += 4 + part.length
  }
  return out
}

/**
 * The preimages in a content.
 *
 * @throws AuditError `bad_format` when a length leads beyond the end
 */
export function parseContent(content: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = []
  let at = 0
  while (at < content.length) {
    const start = at + 4
    const length = start <= content.length ? new DataView(content.buffer, content.byteOffset + at).getUint32(0) : 0
    at = start + length
    if (length === 0 || at > content.length) throw new AuditError('bad_format', 'the content is cut short')
    out.push(content.subarray(start, at))
  }
  return out
}

/** A disclosure as it travels in JSON: `[base64url(salt), name, value]`. */
export type DisclosureTriple = readonly [salt: string, name: string, value: Json]

export function toTriple({ salt, name, json }: Disclosure): DisclosureTriple {
  return [toBase64url(salt), name, JSON.parse(json)]
}

/** The salt of a triple, or `undefined` when it is not 16 bytes of base64url. */
export function saltOf(triple: DisclosureTriple): Uint8Array | undefined {
  const salt = fromBase64url(triple[0])
  return salt?.length === saltLength ? salt : undefined
}

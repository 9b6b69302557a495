/**
 * Bytes and their spellings. Every decoder here accepts exactly one spelling of a byte string and answers `undefined`
 * for any other, so that no two texts ever stand for the same bytes.
 */

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The UTF-8 bytes of a well-formed string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The text of UTF-8 bytes, or `undefined` when they are not valid UTF-8. A byte order mark is kept as a character. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** One byte string after another. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Whether two byte strings are the same. Not in constant time: for public values only. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const hexOf = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let out = ''
  for (const byte of bytes) out += hexOf[byte]
  return out
}

/** The bytes of lower-case hex, or `undefined`. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}

const standard = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const urlSafe = `${standard.slice(0, 62)}-_`

function toBase(alphabet: string, bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const a = bytes[i]!
    const b = bytes[i + 1] ?? 0
    const c = bytes[i + 2] ?? 0
    out += alphabet[a >> 2]! + alphabet[((a & 3) << 4) | (b >> 4)]!
    if (i + 1 < bytes.length) out += alphabet[((b & 15) << 2) | (c >> 6)]!
    if (i + 2 < bytes.length) out += alphabet[c & 63]!
  }
  return out
}

/** By character code the value of a digit, 255 for what is none. */
function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(128).fill(255)
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i
  return values
}

const standardValues = valuesOf(standard)
const urlSafeValues = valuesOf(urlSafe)

function fromBase(values: Uint8Array, digits: string): Uint8Array | undefined {
  if (digits.length % 4 === 1) return undefined
  const out = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < digits.length; i++) {
    const value = values[digits.charCodeAt(i)] ?? 255
    if (value === 255) return undefined
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[at++] = (held >> bits) & 0xff
    }
  }
  // The bits left over must be zero: else two texts would stand for one byte string.
  return (held & ((1 << bits) - 1)) === 0 ? out : undefined
}

/** Standard base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  const digits = toBase(standard, bytes)
  return digits + '='.repeat((4 - (digits.length % 4)) % 4)
}

/** The bytes of standard base64 with padding, or `undefined` for any other spelling. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  return fromBase(standardValues, text.replace(/={1,2}$/, ''))
}

/** base64url without padding (RFC 4648, section 5). */
export function toBase64url(bytes: Uint8Array): string {
  return toBase(urlSafe, bytes)
}

/** The bytes of base64url without padding, or `undefined` for any other spelling. */
export function fromBase64url(text: string): Uint8Array | undefined {
  return fromBase(urlSafeValues, text)
}

/**
 * The hashes that stand in a leaf as text: that of the entry before it, in hex, and the commitments to its sealed values,
 * in base64url. Between the texts of a block they are noise that no compression makes smaller, and that makes the rest
 * harder to compress: as bytes beside it they save a tenth of a leaf (measured on 800-byte leaves with five commitments:
 * 255 bytes in place of 282).
 *
 * What is taken out leaves an empty text behind. The place of each is found in the same way when it is taken and when it
 * is put back, whatever the bytes are, and what is not in its one spelling stays where it is.
 */

const linkName = Buffer.from('"previousHash":"')
const sealedName = Buffer.from('","sealed":{"')
export const hashBytes = 32
const hexLength = 64
const base64Length = 43

const quote = 0x22
const colon = 0x3a

/** Where something was read and written up to. */
export interface Cursor {
  /** In the leaf, or in what is left of it. */
  text: number
  /** In the hashes. */
  hash: number
  /** In what is being made. */
  out: number
}

/** The characters that the hashes put into a leaf when `count` of them were taken out. */
export function lengthOfHashes(count: number): number {
  return count === 0 ? 0 : hexLength + (count - 1) * base64Length
}

/**
 * Writes what is left of the leaf `from[cursor.text … end)` to `out`, and its hashes to `hashes`.
 *
 * @returns how many hashes were taken, at most 255
 */
export function takeHashes(from: Buffer, end: number, hashes: Uint8Array, out: Buffer, cursor: Cursor): number {
  const link = behindLinkName(from, cursor.text, end)
  let count = 0
  if (link + hexLength < end && from[link + hexLength] === quote && readHex(from, link, hashes, cursor.hash)) {
    count = 1
    cursor.hash += hashBytes
    cursor.out += from.copy(out, cursor.out, cursor.text, link)
    cursor.text = link + hexLength
    if (startsWith(from, cursor.text, end, sealedName)) count += takeCommitments(from, end, hashes, out, cursor)
  }
  cursor.out += from.copy(out, cursor.out, cursor.text, end)
  cursor.text = end
  return count
}

function takeCommitments(from: Buffer, end: number, hashes: Uint8Array, out: Buffer, cursor: Cursor): number {
  let count = 0
  while (count < 254) {
    const value = behindColonAndQuote(from, cursor.text, end)
    const last = value + base64Length
    if (last >= end || from[last] !== quote || !readBase64(from, value, hashes, cursor.hash)) return count
    count++
    cursor.hash += hashBytes
    while (cursor.text < value) out[cursor.out++] = from[cursor.text++]!
    cursor.text = last
  }
  return count
}

/**
 * Writes the leaf to `out` of which `from[cursor.text … end)` is what is left, with `count` of the hashes.
 *
 * @throws RangeError when they have no place in it
 */
export function putHashes(
  from: Buffer,
  end: number,
  count: number,
  hashes: Uint8Array,
  out: Buffer,
  cursor: Cursor,
): void {
  for (let i = 0; i < count; i++) {
    const at = i === 0 ? behindLinkName(from, cursor.text, end) : behindColonAndQuote(from, cursor.text, end)
    if (at >= end || from[at] !== quote || cursor.hash + hashBytes > hashes.length) {
      throw new RangeError('the block is damaged')
    }
    if (i === 0) {
      cursor.out += from.copy(out, cursor.out, cursor.text, at)
      cursor.text = at
      writeHex(hashes, cursor.hash, out, cursor.out)
      cursor.out += hexLength
    } else {
      while (cursor.text < at) out[cursor.out++] = from[cursor.text++]!
      writeBase64(hashes, cursor.hash, out, cursor.out)
      cursor.out += base64Length
    }
    cursor.hash += hashBytes
  }
  cursor.out += from.copy(out, cursor.out, cursor.text, end)
  cursor.text = end
}

/** Behind the first `"previousHash":"`, or `end` where there is none: it is looked for by its last letter (Horspool). */
function behindLinkName(from: Buffer, start: number, end: number): number {
  for (let last = start + linkName.length - 1; last < end; last += skips[from[last]!]!) {
    if (from[last] === quote && startsWith(from, last + 1 - linkName.length, end, linkName)) return last + 1
  }
  return end
}

/** How far a letter lets the search go on, when it stands where the last one should. */
const skips = new Uint8Array(256).fill(linkName.length)
for (let i = 0; i < linkName.length - 1; i++) skips[linkName[i]!] = linkName.length - 1 - i

/** Behind the next `:"`, or `end` where there is none. */
function behindColonAndQuote(from: Buffer, start: number, end: number): number {
  for (let at = start; at + 1 < end; at++) if (from[at] === colon && from[at + 1] === quote) return at + 2
  return end
}

function startsWith(from: Buffer, at: number, end: number, text: Buffer): boolean {
  if (at + text.length > end) return false
  for (let i = 0; i < text.length; i++) if (from[at + i] !== text[i]) return false
  return true
}

// The two spellings. A call of the platform for each would cost more than these few steps.

const hexDigits = Buffer.from('0123456789abcdef')
const base64Digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
const unknown = 0xff
const hexValue = valuesOf(hexDigits)
const base64Value = valuesOf(base64Digits)

function valuesOf(digits: Buffer): Uint8Array {
  const values = new Uint8Array(256).fill(unknown)
  for (let i = 0; i < digits.length; i++) values[digits[i]!] = i
  return values
}

/** @returns false where the text is no lower-case hex */
function readHex(from: Buffer, at: number, to: Uint8Array, toAt: number): boolean {
  let all = 0
  for (let i = 0; i < hashBytes; i++) {
    const high = hexValue[from[at + 2 * i]!]!
    const low = hexValue[from[at + 2 * i + 1]!]!
    all |= high | low
    to[toAt + i] = (high << 4) | low
  }
  return all < 16
}

function writeHex(from: Uint8Array, at: number, to: Buffer, toAt: number): void {
  for (let i = 0; i < hashBytes; i++) {
    const byte = from[at + i]!
    to[toAt + 2 * i] = hexDigits[byte >> 4]!
    to[toAt + 2 * i + 1] = hexDigits[byte & 15]!
  }
}

/** @returns false where the text is no base64url, or not the one of its bytes: the last digit has two bits to spare */
function readBase64(from: Buffer, at: number, to: Uint8Array, toAt: number): boolean {
  let all = 0
  let next = toAt
  for (let i = 0; i < 40; i += 4) {
    const a = base64Value[from[at + i]!]!
    const b = base64Value[from[at + i + 1]!]!
    const c = base64Value[from[at + i + 2]!]!
    const d = base64Value[from[at + i + 3]!]!
    all |= a | b | c | d
    to[next++] = (a << 2) | (b >> 4)
    to[next++] = (b << 4) | (c >> 2)
    to[next++] = (c << 6) | d
  }
  const a = base64Value[from[at + 40]!]!
  const b = base64Value[from[at + 41]!]!
  const c = base64Value[from[at + 42]!]!
  to[next++] = (a << 2) | (b >> 4)
  to[next] = (b << 4) | (c >> 2)
  return (all | a | b | c) < 64 && (c & 3) === 0
}

function writeBase64(from: Uint8Array, at: number, to: Buffer, toAt: number): void {
  let next = toAt
  for (let i = 0; i < 30; i += 3) {
    const a = from[at + i]!
    const b = from[at + i + 1]!
    const c = from[at + i + 2]!
    to[next++] = base64Digits[a >> 2]!
    to[next++] = base64Digits[((a & 3) << 4) | (b >> 4)]!
    to[next++] = base64Digits[((b & 15) << 2) | (c >> 6)]!
    to[next++] = base64Digits[c & 63]!
  }
  const a = from[at + 30]!
  const b = from[at + 31]!
  to[next++] = base64Digits[a >> 2]!
  to[next++] = base64Digits[((a & 3) << 4) | (b >> 4)]!
  to[next] = base64Digits[(b & 15) << 2]!
}

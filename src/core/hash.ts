/**
 * The hashes of an RFC 6962 tree, and the first link of the chain.
 *
 * Everything goes through `sha256Hex` and a scratch buffer, then back from hex to bytes. Measured on Node 24 for 65
 * bytes, copying included: 0.37 µs so, 1.2 µs when Node makes a Buffer for the digest.
 */
import { fromHex, utf8 } from './bytes.ts'
import { sha256Hex } from './primitives.ts'

/** Bytes in a hash. */
export const hashLength = 32

/** The root of the tree without leaves: SHA-256 of nothing (RFC 6962, section 2.1). Do not write into it. */
export const emptyRoot: Uint8Array = fromHex('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')!

/** Holds 0x00 and the largest leaf that fits into an entry bundle. */
const leafScratch = new Uint8Array(1 + 0xffff)
/** Holds 0x01 and two hashes. */
const nodeScratch = new Uint8Array(1 + 2 * hashLength)
nodeScratch[0] = 1

/** The leaf hash SHA-256(0x00 ‖ leaf) as 64 lower-case hex digits (RFC 6962, section 2.1). */
export function leafHashHex(leaf: Uint8Array): string {
  const scratch = leaf.length < leafScratch.length ? leafScratch : new Uint8Array(1 + leaf.length)
  scratch.set(leaf, 1)
  return sha256Hex(scratch.subarray(0, 1 + leaf.length))
}

/** The leaf hash SHA-256(0x00 ‖ leaf), 32 bytes (RFC 6962, section 2.1). */
export function leafHash(leaf: Uint8Array): Uint8Array {
  const hash = new Uint8Array(hashLength)
  writeHashHex(hash, 0, leafHashHex(leaf))
  return hash
}

/** The node hash SHA-256(0x01 ‖ left ‖ right) of two 32-byte hashes (RFC 6962, section 2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== hashLength || right.length !== hashLength) throw new RangeError('a hash has 32 bytes')
  const hash = new Uint8Array(hashLength)
  writeNodeHash(hash, 0, left, 0, right, 0)
  return hash
}

/** Writes a node hash into `target` at an offset, from two hashes at offsets. The three places may overlap. */
export function writeNodeHash(
  target: Uint8Array,
  at: number,
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
): void {
  for (let i = 0; i < hashLength; i++) {
    nodeScratch[1 + i] = left[leftAt + i]!
    nodeScratch[33 + i] = right[rightAt + i]!
  }
  writeHashHex(target, at, sha256Hex(nodeScratch))
}

/** Writes the 32 bytes of a hash into `target` at an offset. Trusts `hex` to be 64 lower-case hex digits. */
export function writeHashHex(target: Uint8Array, at: number, hex: string): void {
  for (let i = 0; i < hashLength; i++) {
    const high = hex.charCodeAt(2 * i)
    const low = hex.charCodeAt(2 * i + 1)
    // A digit's code ends in its value; a letter's, in its value less 9, and only a letter has bit 6.
    target[at + i] = (((high & 15) + (high >> 6) * 9) << 4) | ((low & 15) + (low >> 6) * 9)
  }
}

/** The `previousHash` of entry 0, which binds the chain to its log: hex of SHA-256("memmimic-audit/v1\n" origin "\n"). */
export function genesisHash(origin: string): string {
  return sha256Hex(utf8(`memmimic-audit/v1\n${origin}\n`))
}

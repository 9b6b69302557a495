/**
 * The cryptographic primitives that the core stands on, from Node's own library.
 *
 * `primitives.browser.ts` gives the same functions to a browser; the `browser` field of `package.json` swaps the
 * two. Nothing else in `core/` knows where it runs. Everything is synchronous.
 */
import { createPublicKey, hash, hkdfSync, timingSafeEqual, verify } from 'node:crypto'

/** SHA-256 as 64 lower-case hex digits: the fastest form that Node gives, because no buffer is made. */
export function sha256Hex(data: Uint8Array): string {
  return hash('sha256', data, 'hex')
}

/** SHA-256 as 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return hash('sha256', data, 'buffer')
}

/** SHA-256 as 43 characters of unpadded base64url. */
export function sha256Base64url(data: Uint8Array): string {
  return hash('sha256', data, 'base64url')
}

/** Bytes in a block of SHA-256. */
const blockLength = 64

/**
 * HMAC-SHA-256 (RFC 2104), 32 bytes.
 *
 * Two hashes: Node's own `createHmac` takes five times as long, most of it for the key object (measured on Node 24).
 */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  const block = key.length > blockLength ? sha256(key) : key
  const inner = new Uint8Array(blockLength + data.length).fill(0x36, 0, blockLength)
  const outer = new Uint8Array(blockLength + 32).fill(0x5c, 0, blockLength)
  for (let i = 0; i < block.length; i++) {
    inner[i]! ^= block[i]!
    outer[i]! ^= block[i]!
  }
  inner.set(data, blockLength)
  outer.set(sha256(inner), blockLength)
  return sha256(outer)
}

/** HKDF-SHA-256 (RFC 5869) with an empty salt. */
export function hkdfSha256(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, length))
}

/** Compares two byte strings in a time that does not depend on where they differ. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** DER prefixes that turn a raw public key into SubjectPublicKeyInfo (RFC 8410; RFC 9881). */
const spkiPrefix = {
  ed25519: Buffer.from('302a300506032b6570032100', 'hex'),
  mldsa44: Buffer.from('30820532300b06096086480165030403110382052100', 'hex'),
}

function publicKey(kind: keyof typeof spkiPrefix, raw: Uint8Array): ReturnType<typeof createPublicKey> {
  return createPublicKey({ key: Buffer.concat([spkiPrefix[kind], raw]), format: 'der', type: 'spki' })
}

/** Ed25519 (RFC 8032): true when `signature` over `message` is by the 32-byte `key`. Never throws on bad bytes. */
export function ed25519Verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false
  try {
    return verify(null, message, publicKey('ed25519', key), signature)
  } catch {
    return false
  }
}

/** ML-DSA-44 (FIPS 204, empty context): true when `signature` over `message` is by the 1312-byte `key`. */
export function mldsa44Verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 1312 || signature.length !== 2420) return false
  try {
    return verify(null, message, publicKey('mldsa44', key), signature)
  } catch {
    return false
  }
}

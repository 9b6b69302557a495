/** The primitives of `primitives.ts` for a browser: the noble libraries, because WebCrypto's digests are asynchronous. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256, sha512 } from '@noble/hashes/sha2.js'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import { concat, toBase64url, toHex } from './bytes.ts'

export function sha256Hex(data: Uint8Array): string {
  return toHex(nobleSha256(data))
}

export function sha256(data: Uint8Array): Uint8Array {
  return nobleSha256(data)
}

export function sha256Base64url(data: Uint8Array): string {
  return toBase64url(nobleSha256(data))
}

export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmac(nobleSha256, key, data)
}

export function hkdfSha256(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return hkdf(nobleSha256, key, undefined, info, length)
}

export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

export function ed25519Verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false
  try {
    return ed25519.verify(signature, message, key, { zip215: false }) && isExact(key, message, signature)
  } catch {
    return false
  }
}

/**
 * Whether the equation of RFC 8032, section 5.1.7, holds as it stands, [S]B = R + [k]A. The library multiplies it by eight
 * first, Node does not, and whoever has a key can make signatures that only the weaker one takes: a checkpoint must not be
 * signed for some and unsigned for others.
 */
function isExact(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const { Point } = ed25519
  const r = signature.subarray(0, 32)
  const k = littleEndian(sha512(concat(r, key, message))) % Point.Fn.ORDER
  const right = Point.fromBytes(r).add(Point.fromBytes(key).multiplyUnsafe(k))
  return Point.BASE.multiplyUnsafe(littleEndian(signature.subarray(32))).equals(right)
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`)
}

export function mldsa44Verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 1312 || signature.length !== 2420) return false
  try {
    return ml_dsa44.verify(signature, message, key)
  } catch {
    return false
  }
}

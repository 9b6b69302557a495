/** The primitives of `primitives.ts` for a browser: the noble libraries, because WebCrypto's digests are asynchronous. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import { toBase64url, toHex } from './bytes.ts'

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
    return ed25519.verify(signature, message, key, { zip215: false })
  } catch {
    return false
  }
}

export function mldsa44Verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 1312 || signature.length !== 2420) return false
  try {
    return ml_dsa44.verify(signature, message, key)
  } catch {
    return false
  }
}

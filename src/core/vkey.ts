/**
 * Verifier keys as text (C2SP signed-note, Verifier keys): `name+hex(key ID)+base64(type ‖ public key)`.
 */
import { concat, fromBase64, toBase64 } from './bytes.ts'
import { ed25519CosignatureVerifier, mldsa44Verifier } from './cosignature.ts'
import { AuditError } from './errors.ts'
import { ed25519Verifier, keyId, signatureTypes, type Verifier } from './note.ts'

const verifierOf = new Map([
  [signatureTypes.ed25519, ed25519Verifier],
  [signatureTypes.ed25519Cosignature, ed25519CosignatureVerifier],
  [signatureTypes.mldsa44Cosignature, mldsa44Verifier],
] as [number, (name: string, publicKey: Uint8Array) => Verifier][])

/**
 * A public key as a vkey.
 *
 * @throws RangeError when the name cannot be a key's name or the type is not a byte.
 */
export function formatVkey(name: string, type: number, publicKey: Uint8Array): string {
  const id = keyId(name, type, publicKey).toString(16).padStart(8, '0')
  return `${name}+${id}+${toBase64(concat(Uint8Array.of(type), publicKey))}`
}

/**
 * The verifier that a vkey describes: Ed25519 (0x01), or an Ed25519 (0x04) or ML-DSA-44 (0x06) cosigner.
 *
 * @throws AuditError `bad_format` when the vkey is malformed, its ID is not that of its key, or its type is another.
 */
export function parseVkey(vkey: string): Verifier {
  const [, name = '', digits = ''] = /^([^+]+)\+[0-9a-f]{8}\+(.+)$/.exec(vkey) ?? []
  const [type = -1, ...publicKey] = fromBase64(digits) ?? []
  try {
    const key = Uint8Array.from(publicKey)
    const verifier = verifierOf.get(type)?.(name, key)
    if (verifier !== undefined && formatVkey(name, type, key) === vkey) return verifier
  } catch (cause) {
    throw badVkey(vkey, cause)
  }
  throw badVkey(vkey)
}

function badVkey(vkey: string, cause?: unknown): AuditError {
  return new AuditError('bad_format', `not a verifier key of a known type: ${JSON.stringify(vkey.slice(0, 80))}`, {
    cause,
  })
}

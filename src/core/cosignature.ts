/**
 * C2SP tlog-cosignature: signatures over a checkpoint that also say when, by witnesses and by the log itself.
 *
 * Type 0x04 is Ed25519 over two lines and the checkpoint's text. Type 0x06 is ML-DSA-44 over a binary structure with the
 * cosigner's name, which can also stand for a subtree; it does not cover extension lines. Both are sent as 64 bits of
 * POSIX time, big-endian, and the signature.
 */
import { concat, fromUtf8, utf8 } from './bytes.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { hashLength } from './hash.ts'
import { assertKeyLength, keyId, type Signer, type SignFunction, signatureTypes, type Verifier } from './note.ts'
import { ed25519Verify, mldsa44Verify } from './primitives.ts'

/** A signature and the time at which it was made. */
export interface TimestampedSignature {
  /** POSIX time in seconds, 0 to 2^53−1. */
  readonly timestamp: number
  readonly signature: Uint8Array
}

/** What an ML-DSA-44 cosignature says: that these leaves of this log hash to this. */
export interface SubtreeStatement {
  /** The cosigner's name, 1–255 bytes. */
  readonly cosigner: string
  /** POSIX time in seconds; 0 when nothing is said about this being the largest tree seen. */
  readonly timestamp: number
  /** The log's origin, 1–255 bytes. */
  readonly origin: string
  /** The first leaf: 0 for a checkpoint. If not 0, `timestamp` must be 0. */
  readonly start: number
  /** One more than the last leaf: the size, for a checkpoint. */
  readonly end: number
  /** 32 bytes. */
  readonly hash: Uint8Array
}

/**
 * A `timestamped_signature` structure: 64 bits of time, big-endian, and the signature.
 *
 * @throws RangeError when the timestamp is not an integer from 0 to 2^53−1.
 */
export function encodeTimestampedSignature({ timestamp, signature }: TimestampedSignature): Uint8Array {
  assertTimestamp(timestamp)
  return concat(uint64(timestamp), signature)
}

/** The parts of a `timestamped_signature`, or `undefined` when it has no signature or a time after 2^53−1. */
export function decodeTimestampedSignature(bytes: Uint8Array): TimestampedSignature | undefined {
  if (bytes.length <= 8) return undefined
  const timestamp = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0))
  return Number.isSafeInteger(timestamp) ? { timestamp, signature: bytes.subarray(8) } : undefined
}

/**
 * What an Ed25519 cosignature (0x04) signs: `cosignature/v1`, the time, and the checkpoint's whole text.
 *
 * @throws RangeError when the timestamp is not an integer from 0 to 2^53−1.
 */
export function cosignatureMessage(timestamp: number, checkpointText: string): Uint8Array {
  assertTimestamp(timestamp)
  return utf8(`cosignature/v1\ntime ${timestamp}\n${checkpointText}`)
}

/**
 * What an ML-DSA-44 cosignature (0x06) signs: a `cosigned_message` structure.
 *
 * @throws RangeError when a name has not 1–255 bytes, a number is not an integer from 0 to 2^53−1, `start` is above
 * `end`, the hash has not 32 bytes, or a subtree that does not begin at 0 has a timestamp.
 */
export function subtreeMessage({ cosigner, timestamp, origin, start, end, hash }: SubtreeStatement): Uint8Array {
  assertTimestamp(timestamp)
  if (start !== 0 && timestamp !== 0) throw new RangeError('a subtree that does not begin at 0 has no timestamp')
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end)) {
    throw new RangeError(`no leaves from ${start} to ${end}`)
  }
  if (hash.length !== hashLength) throw new RangeError('a hash has 32 bytes')
  return concat(
    utf8('subtree/v1\n\0'),
    shortName(cosigner),
    uint64(timestamp),
    shortName(origin),
    uint64(start),
    uint64(end),
    hash,
  )
}

/**
 * Verifies Ed25519 cosignatures, type 0x04.
 *
 * @throws RangeError when the name cannot be a key's name or the key has not 32 bytes.
 */
export function ed25519CosignatureVerifier(name: string, publicKey: Uint8Array): Verifier {
  assertKeyLength(publicKey, 32)
  const type = signatureTypes.ed25519Cosignature
  return cosignatureVerifier(name, type, publicKey, ({ timestamp, signature }, text) =>
    ed25519Verify(publicKey, cosignatureMessage(timestamp, text), signature),
  )
}

/**
 * Verifies ML-DSA-44 cosignatures of checkpoints, type 0x06: a witness's, or the log's own.
 *
 * @throws RangeError when the name cannot be a key's name or has over 255 bytes, or the key has not 1312 bytes.
 */
export function mldsa44Verifier(name: string, publicKey: Uint8Array): Verifier {
  assertKeyLength(publicKey, 1312)
  shortName(name)
  const type = signatureTypes.mldsa44Cosignature
  return cosignatureVerifier(name, type, publicKey, ({ timestamp, signature }, _text, checkpoint) => {
    if (utf8(checkpoint.origin).length > 0xff) return false
    return mldsa44Verify(publicKey, checkpointMessage(name, timestamp, checkpoint), signature)
  })
}

/**
 * Makes Ed25519 cosignatures, type 0x04, that say `timestamp` (POSIX time in seconds), by the private-key operation `sign`.
 *
 * @throws RangeError when name, key length or timestamp are wrong; AuditError `bad_format`, from the signer, when the
 * text to sign is not a checkpoint.
 */
export function ed25519Cosigner(name: string, publicKey: Uint8Array, sign: SignFunction, timestamp: number): Signer {
  assertKeyLength(publicKey, 32)
  assertTimestamp(timestamp)
  const type = signatureTypes.ed25519Cosignature
  return cosigner(name, type, publicKey, timestamp, text => {
    parseCheckpoint(text)
    return sign(cosignatureMessage(timestamp, text))
  })
}

/**
 * Makes ML-DSA-44 cosignatures, type 0x06, that say `timestamp` (POSIX time in seconds), by the private-key operation
 * `sign` (FIPS 204, empty context). A log that signs its own checkpoints is a cosigner named as its origin.
 *
 * @throws RangeError when name, key length or timestamp are wrong; AuditError `bad_format`, from the signer, when the
 * text to sign is not a checkpoint.
 */
export function mldsa44Signer(name: string, publicKey: Uint8Array, sign: SignFunction, timestamp: number): Signer {
  assertKeyLength(publicKey, 1312)
  assertTimestamp(timestamp)
  shortName(name)
  const type = signatureTypes.mldsa44Cosignature
  return cosigner(name, type, publicKey, timestamp, text =>
    sign(checkpointMessage(name, timestamp, parseCheckpoint(text))),
  )
}

function checkpointMessage(cosigner: string, timestamp: number, { origin, size, root }: Checkpoint): Uint8Array {
  return subtreeMessage({ cosigner, timestamp, origin, start: 0, end: size, hash: root })
}

function cosigner(
  name: string,
  type: number,
  publicKey: Uint8Array,
  timestamp: number,
  sign: (text: string) => Uint8Array,
): Signer {
  return {
    name,
    type,
    keyId: keyId(name, type, publicKey),
    sign: text => encodeTimestampedSignature({ timestamp, signature: sign(fromUtf8(text) ?? '') }),
  }
}

function cosignatureVerifier(
  name: string,
  type: number,
  publicKey: Uint8Array,
  check: (signed: TimestampedSignature, text: string, checkpoint: Checkpoint) => boolean,
): Verifier {
  return {
    name,
    type,
    keyId: keyId(name, type, publicKey),
    verify(bytes, signature) {
      const signed = decodeTimestampedSignature(signature)
      const text = fromUtf8(bytes)
      if (signed === undefined || text === undefined) return false
      let checkpoint: Checkpoint
      try {
        checkpoint = parseCheckpoint(text)
      } catch {
        return false
      }
      return check(signed, text, checkpoint)
    },
    timestamp: signature => decodeTimestampedSignature(signature)?.timestamp,
  }
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

/** A name behind its length, as TLS writes `opaque name<1..2^8-1>` (RFC 8446, section 3.4). */
function shortName(name: string): Uint8Array {
  const bytes = utf8(name)
  if (bytes.length < 1 || bytes.length > 0xff)
    throw new RangeError(`a name of ${bytes.length} bytes: 1–255 are allowed`)
  return concat(Uint8Array.of(bytes.length), bytes)
}

function assertTimestamp(timestamp: number): void {
  if (Number.isSafeInteger(timestamp) && timestamp >= 0) return
  throw new RangeError(`timestamp ${timestamp} is not an integer from 0 to 2^53−1`)
}

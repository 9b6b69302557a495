/**
 * C2SP signed-note: a text, an empty line, and lines of signatures over the text.
 *
 *     This is an example message.
 *
 *     — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
 *
 * The base64 holds a 32-bit key ID and the signature. Name and ID together say which key signed, and how. Until
 * `openNote` has returned it, the text is anybody's.
 */
import { concat, fromBase64, toBase64, utf8 } from './bytes.ts'
import { AuditError } from './errors.ts'
import { ed25519Verify, sha256 } from './primitives.ts'

/** The signature type bytes of C2SP signed-note that this package knows. */
export const signatureTypes = {
  /** Ed25519 over the text. */
  ed25519: 0x01,
  /** Timestamped Ed25519 checkpoint cosignature (C2SP tlog-cosignature). */
  ed25519Cosignature: 0x04,
  /** Timestamped ML-DSA-44 checkpoint cosignature (C2SP tlog-cosignature). */
  mldsa44Cosignature: 0x06,
} as const

/** The most signatures that a note may carry here. The specification asks for 16 at least. */
export const maxSignatures = 100

/** The public half of a key, with its name. */
export interface Verifier {
  readonly name: string
  /** The key ID, an unsigned 32-bit integer. */
  readonly keyId: number
  /** The signature type byte. */
  readonly type: number
  /** Whether the signature, without its key ID, is by this key over the note's text. Never throws. */
  verify(text: Uint8Array, signature: Uint8Array): boolean
  /** The POSIX time, in seconds, that a verified signature carries, for the types that have one. */
  timestamp?(signature: Uint8Array): number | undefined
}

/** The private half of a key, with its name. */
export interface Signer {
  readonly name: string
  /** The key ID, an unsigned 32-bit integer. */
  readonly keyId: number
  /** The signature type byte. */
  readonly type: number
  /** The signature over the note's text, without its key ID. */
  sign(text: Uint8Array): Uint8Array
}

/** A private-key operation, given from outside: no key ever enters this folder. */
export type SignFunction = (message: Uint8Array) => Uint8Array

/** A signature as it stands in a note: nothing is known yet of who made it. */
export interface NoteSignature {
  readonly name: string
  readonly keyId: number
  /** Without the key ID. */
  readonly signature: Uint8Array
  /** The whole line, without its newline. */
  readonly line: string
}

/** A note taken apart, and not verified. */
export interface ParsedNote {
  /** The signed text, with its final newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A signature that a known key made. */
export interface VerifiedSignature extends NoteSignature {
  readonly type: number
  /** POSIX time in seconds, when this type of signature carries one. */
  readonly timestamp?: number
}

/** A note that at least one known key has signed. */
export interface OpenedNote {
  /** The signed text, with its final newline. */
  readonly text: string
  /** One signature for each known key that signed. */
  readonly verified: readonly VerifiedSignature[]
  /** The signatures of keys that are not known. */
  readonly unverified: readonly NoteSignature[]
}

/** Whether a key may have this name: well-formed, not empty, without spaces, `+` and control characters. */
export function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^\p{White_Space}+\u0000-\u001f]+$/u.test(name)
}

/**
 * The key ID: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), as an unsigned 32-bit integer.
 *
 * @throws RangeError when the name cannot be a key's name or the type is not a byte.
 */
export function keyId(name: string, type: number, publicKey: Uint8Array): number {
  if (!isKeyName(name)) throw new RangeError(`not a key name: ${JSON.stringify(name)}`)
  if (!(Number.isInteger(type) && type >= 0 && type <= 0xff))
    throw new RangeError(`signature type ${type} is not a byte`)
  return readKeyId(sha256(concat(utf8(`${name}\n`), Uint8Array.of(type), publicKey)))
}

/**
 * Takes a note apart without believing it, accepting one spelling only.
 *
 * @throws AuditError `bad_format` when the note is not well-formed Unicode, has control characters other than newline,
 * has no signature, more than 100, or one whose line is not exactly what `formatNote` would write.
 */
export function parseNote(note: string): ParsedNote {
  assertNoteText(note)
  const split = note.lastIndexOf('\n\n')
  if (split < 0) throw badNote('has no empty line before its signatures')
  const text = note.slice(0, split + 1)
  const lines = note.slice(split + 2).split('\n')
  if (lines.pop() !== '' || lines.length === 0) throw badNote('does not end in a line with a signature')
  if (lines.length > maxSignatures) throw badNote(`has ${lines.length} signatures: at most ${maxSignatures} are read`)
  const signatures = lines.map(parseSignatureLine)
  if (formatNote(text, signatures) !== note) throw badNote('is not in its canonical spelling')
  return { text, signatures }
}

function parseSignatureLine(line: string): NoteSignature {
  const [dash, name, digits, ...more] = line.split(' ')
  const bytes = fromBase64(digits ?? '')
  if (dash !== '—' || name === undefined || !isKeyName(name) || more.length > 0 || !bytes || bytes.length <= 4) {
    throw badNote(`has a malformed signature line: ${JSON.stringify(line.slice(0, 80))}`)
  }
  return { name, keyId: readKeyId(bytes), signature: bytes.slice(4), line }
}

/**
 * A note from its text and its signatures, in order.
 *
 * @throws RangeError when a part cannot stand in a note: a text that does not end in a newline, a malformed name, no
 * signature at all.
 */
export function formatNote(
  text: string,
  signatures: readonly Pick<NoteSignature, 'name' | 'keyId' | 'signature'>[],
): string {
  if (!isNoteText(text) || !text.endsWith('\n')) throw new RangeError('a note text is well-formed lines, each ended')
  if (signatures.length === 0) throw new RangeError('a note has at least one signature')
  return `${text}\n${signatures.map(signature => `${signatureLine(signature)}\n`).join('')}`
}

/**
 * The line that adds a signature to a note, without its newline.
 *
 * @throws RangeError when the name cannot be a key's name, the ID is not an unsigned 32-bit integer, or there is no signature.
 */
export function signatureLine({ name, keyId, signature }: Pick<NoteSignature, 'name' | 'keyId' | 'signature'>): string {
  if (!isKeyName(name)) throw new RangeError(`not a key name: ${JSON.stringify(name)}`)
  if (!(Number.isInteger(keyId) && keyId >= 0 && keyId <= 0xffffffff)) throw new RangeError(`${keyId} is not a key ID`)
  if (signature.length === 0) throw new RangeError('a signature has at least one byte')
  const id = Uint8Array.of(keyId >>> 24, keyId >>> 16, keyId >>> 8, keyId)
  return `— ${name} ${toBase64(concat(id, signature))}`
}

/**
 * Signs a text with each signer in turn.
 *
 * @throws RangeError when the text cannot be a note's.
 */
export function signNote(text: string, signers: readonly Signer[]): string {
  const bytes = utf8(text)
  return formatNote(
    text,
    signers.map(signer => ({ name: signer.name, keyId: signer.keyId, signature: signer.sign(bytes) })),
  )
}

/**
 * Opens a note with the keys that are known. A signature counts for a key when name and ID are both that key's; others
 * are set aside. Every signature of a known key must verify, and at least one must be there. A key that signed twice
 * counts once, by its first signature.
 *
 * @throws AuditError `bad_format` as `parseNote`; `bad_signature` when a known key's signature does not verify or no
 * known key signed. RangeError when two verifiers have the same name and ID.
 */
export function openNote(note: string, verifiers: readonly Verifier[]): OpenedNote {
  const known = new Map<string, Verifier>()
  for (const verifier of verifiers) {
    const key = keyOf(verifier)
    if (known.has(key)) throw new RangeError(`two verifiers are both ${key}`)
    known.set(key, verifier)
  }
  const { text, signatures } = parseNote(note)
  const bytes = utf8(text)
  const verified = new Map<Verifier, VerifiedSignature>()
  const unverified: NoteSignature[] = []
  for (const signature of signatures) {
    const verifier = known.get(keyOf(signature))
    if (verifier === undefined) {
      unverified.push(signature)
      continue
    }
    if (!verifier.verify(bytes, signature.signature)) {
      throw new AuditError('bad_signature', `the signature of ${keyOf(signature)} does not verify`)
    }
    if (verified.has(verifier)) continue
    const timestamp = verifier.timestamp?.(signature.signature)
    verified.set(verifier, { ...signature, type: verifier.type, ...(timestamp !== undefined && { timestamp }) })
  }
  if (verified.size === 0) throw new AuditError('bad_signature', 'no known key has signed this note')
  return { text, verified: [...verified.values()], unverified }
}

/**
 * Verifies signatures of type 0x01: Ed25519 (RFC 8032) over the note's text.
 *
 * @throws RangeError when the name cannot be a key's name or the key has not 32 bytes.
 */
export function ed25519Verifier(name: string, publicKey: Uint8Array): Verifier {
  const type = signatureTypes.ed25519
  assertKeyLength(publicKey, 32)
  return {
    name,
    type,
    keyId: keyId(name, type, publicKey),
    verify: (text, signature) => ed25519Verify(publicKey, text, signature),
  }
}

/**
 * Makes signatures of type 0x01: Ed25519 (RFC 8032) over the note's text, by the private-key operation `sign`.
 *
 * @throws RangeError when the name cannot be a key's name or the public key has not 32 bytes.
 */
export function ed25519Signer(name: string, publicKey: Uint8Array, sign: SignFunction): Signer {
  const type = signatureTypes.ed25519
  assertKeyLength(publicKey, 32)
  return { name, type, keyId: keyId(name, type, publicKey), sign }
}

/** Throws a RangeError unless a public key has `length` bytes. */
export function assertKeyLength(publicKey: Uint8Array, length: number): void {
  if (publicKey.length !== length) throw new RangeError(`a public key of ${publicKey.length} bytes, not ${length}`)
}

/** Name and ID as one string, which can be split again: a name has no `+`. */
function keyOf({ name, keyId }: { readonly name: string; readonly keyId: number }): string {
  return `${name}+${keyId.toString(16).padStart(8, '0')}`
}

function readKeyId(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}

function isNoteText(text: string): boolean {
  return text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text)
}

function assertNoteText(text: string): void {
  if (!isNoteText(text)) throw badNote('is not well-formed Unicode or has control characters')
}

function badNote(what: string): AuditError {
  return new AuditError('bad_format', `the note ${what}`)
}

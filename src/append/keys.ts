/**
 * The keys of one log: a folder apart from it, every file for its owner only.
 *
 *     log.vkeys      the public keys, to give to whoever shall check: two C2SP verifier keys
 *     ed25519.pem    signs checkpoints (signed-note type 0x01)
 *     mldsa44.pem    signs checkpoints (cosignature type 0x06)
 *     storage.key    encrypts the files; absent when the log is not encrypted
 *     storage.check  tells a wrong storage key from a file that is not the log
 *     seal.key       the seal key of this epoch; K₀ was shown once and is not here
 *     anchor         the last signed checkpoint, remembered outside the log
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, toHex, utf8 } from '../core/bytes.ts'
import { mldsa44Signer } from '../core/cosignature.ts'
import { AuditError } from '../core/errors.ts'
import { ed25519Signer, isKeyName, type Signer, signatureTypes, type Verifier } from '../core/note.ts'
import { hmacSha256 } from '../core/primitives.ts'
import { evolve, formatSealKey, parseSealKey, type SealKey } from '../core/seal.ts'
import type { Micros } from '../core/time.ts'
import { formatVkey, parseVkey } from '../core/vkey.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

/** The public half: enough to check everything that a signature says. */
export interface PublicKeys {
  /** The name of the log, which is the name in its keys. */
  readonly origin: string
  readonly vkeys: { readonly ed25519: string; readonly mldsa44: string }
  readonly verifiers: readonly Verifier[]
}

/** What a writer needs. */
export interface LogKeys extends PublicKeys {
  /** 32 bytes, or `undefined` when the log is not encrypted. */
  readonly storage: Uint8Array | undefined
  /** The log's signers; the ML-DSA-44 one states the time, in seconds since 1970. */
  signers(seconds: number): readonly Signer[]
  readonly seals: SealKeeper
}

export interface NewKeysOptions {
  readonly folder: string
  readonly origin: string
  readonly encryption: 'sqlcipher' | 'none'
  /** The time of entry 0. */
  readonly start: Micros
}

/**
 * Makes the keys of a new log, in a folder that is empty or not there yet.
 *
 * @returns K₀ as one line, to be shown once: it is not kept
 * @throws AuditError `already_exists` when the folder is there and not empty, `bad_input` for a bad origin, `io`
 */
export function createKeys({ folder, origin, encryption, start }: NewKeysOptions): string {
  checkOrigin(origin)
  const ed25519 = generateKeyPairSync('ed25519')
  const mldsa44 = generateKeyPairSync('ml-dsa-44')
  const first: SealKey = { origin, start, epoch: 0, key: randomBytes(32) }
  const files: Record<string, string> = {
    'log.vkeys': `${vkeyOf(origin, 'ed25519', ed25519.publicKey)}\n${vkeyOf(origin, 'mldsa44', mldsa44.publicKey)}\n`,
    'ed25519.pem': pem(ed25519.privateKey),
    'mldsa44.pem': pem(mldsa44.privateKey),
    'seal.key': `${formatSealKey(first)}\n`,
  }
  if (encryption === 'sqlcipher') {
    const storage = randomBytes(32)
    files['storage.key'] = `${storage.toString('hex')}\n`
    files['storage.check'] = `${storageCheck(storage)}\n`
  }

  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const [name, text] of Object.entries(files)) writePrivateFile(join(folder, name), text)
  } catch (error) {
    if (error instanceof AuditError) throw error
    throw new AuditError('io', `${folder} could not be made: ${(error as Error).message}`, { cause: error })
  }
  return formatSealKey(first)
}

/** An origin is a C2SP key name that fits into one line of a checkpoint and of a leaf. */
export function checkOrigin(origin: string): void {
  if (!isKeyName(origin) || origin.length > 200 || /[\u0000-\u001f\u007f-\u009f]/.test(origin)) {
    throw new AuditError('bad_input', 'an origin is 1–200 characters without spaces, + or control characters')
  }
}

/** Whether a folder holds the keys of a log. */
export function haveKeys(folder: string): boolean {
  return existsSync(join(folder, 'log.vkeys'))
}

/**
 * The public keys alone, as far as they are remembered outside the log.
 *
 * @throws AuditError `not_found`, `bad_key`
 */
export function loadPublicKeys(folder: string): PublicKeys {
  const lines = publicText(folder).trimEnd().split('\n')
  const [ed25519 = '', mldsa44 = ''] = lines
  const verifiers = lines.map(line => parseVkey(line))
  const origin = verifiers[0]?.name ?? ''
  const right =
    lines.length === 2 &&
    verifiers[0]?.type === signatureTypes.ed25519 &&
    verifiers[1]?.type === signatureTypes.mldsa44Cosignature &&
    verifiers[1].name === origin
  if (!right) throw new AuditError('bad_key', `${join(folder, 'log.vkeys')} is not the two verifier keys of one log`)
  return { origin, vkeys: { ed25519, mldsa44 }, verifiers }
}

/** The key that opens the files, or `undefined` when they are not encrypted. */
export function loadStorageKey(folder: string): Uint8Array | undefined {
  const file = join(folder, 'storage.key')
  const text = readPrivateFile(file)?.trim()
  const check = readPrivateFile(join(folder, 'storage.check'))?.trim()
  if (text === undefined) {
    if (check === undefined) return undefined
    throw new AuditError('bad_key', `${file} is missing: without it the log cannot be read`)
  }
  const key = fromHex(text)
  if (key?.length !== 32) throw new AuditError('bad_key', `${file} is not 64 hex digits`)
  if (check !== undefined && check !== storageCheck(key)) {
    throw new AuditError('bad_key', `${file} is not the key that this log was made with`)
  }
  return key
}

/** Whether the storage key is certainly that of the log: then a file that it does not open is not the log. */
export function knowsStorageKey(folder: string): boolean {
  return existsSync(join(folder, 'storage.check')) && loadStorageKey(folder) !== undefined
}

/** What tells whether a storage key is the right one, and nothing else of it. */
function storageCheck(key: Uint8Array): string {
  return toHex(hmacSha256(key, utf8('memmimic-audit/storage/check'))).slice(0, 32)
}

/**
 * All keys of a log.
 *
 * @throws AuditError `not_found` when there are none, `bad_key` when one is broken or can be read by others
 */
export function loadKeys(folder: string): LogKeys {
  const known = loadPublicKeys(folder)
  const ed25519 = privateKey(folder, 'ed25519.pem')
  const mldsa44 = privateKey(folder, 'mldsa44.pem')
  if (
    vkeyOf(known.origin, 'ed25519', createPublicKey(ed25519)) !== known.vkeys.ed25519 ||
    vkeyOf(known.origin, 'mldsa44', createPublicKey(mldsa44)) !== known.vkeys.mldsa44
  ) {
    throw new AuditError('bad_key', `the signing keys in ${folder} do not belong to its log.vkeys`)
  }
  return {
    ...known,
    storage: loadStorageKey(folder),
    seals: new SealKeeper(join(folder, 'seal.key')),
    signers: seconds => [
      ed25519Signer(known.origin, rawPublicKey(createPublicKey(ed25519)), message => sign(null, message, ed25519)),
      mldsa44Signer(
        known.origin,
        rawPublicKey(createPublicKey(mldsa44)),
        message => sign(null, message, mldsa44),
        seconds,
      ),
    ],
  }
}

/** The seal key of the newest epoch, or `undefined` where there is none. */
export function readSealKey(folder: string): SealKey | undefined {
  const text = readPrivateFile(join(folder, 'seal.key'))
  return text === undefined ? undefined : parseSealKey(text)
}

/** Keeps the seal key of the newest epoch, on the disk and in memory, and forgets the ones before. */
export class SealKeeper {
  readonly #file: string
  #key: SealKey

  constructor(file: string) {
    this.#file = file
    this.#key = this.#read()
  }

  get current(): SealKey {
    return this.#key
  }

  /**
   * Goes on to a later epoch. Under the log's write lock only: another process may have gone further already, and its
   * newer key must not be overwritten by an older one.
   */
  advance(epoch: number): SealKey {
    const kept = this.#read()
    this.#key = evolve(kept.epoch > this.#key.epoch ? kept : this.#key, Math.max(epoch, kept.epoch))
    if (this.#key.epoch > kept.epoch) {
      writePrivateFile(this.#file, `${formatSealKey(this.#key)}\n`, { forget: true })
    }
    return this.#key
  }

  #read(): SealKey {
    const text = readPrivateFile(this.#file)
    if (text === undefined) throw new AuditError('not_found', `${this.#file} is missing: nothing can be sealed`)
    return parseSealKey(text)
  }
}

/** Anyone may read the public keys. */
function publicText(folder: string): string {
  if (!haveKeys(folder)) throw missing(folder, 'log.vkeys')
  return readFileSync(join(folder, 'log.vkeys'), 'utf8')
}

function required(folder: string, name: string): string {
  const text = readPrivateFile(join(folder, name))
  if (text === undefined) throw missing(folder, name)
  return text
}

function missing(folder: string, name: string): AuditError {
  const there = existsSync(folder) && statSync(folder).isDirectory() && readdirSync(folder).length > 0
  return new AuditError(
    'not_found',
    there ? `${join(folder, name)} is missing` : `there are no keys at ${folder}: make a log with init`,
  )
}

function privateKey(folder: string, name: string): KeyObject {
  const text = required(folder, name)
  try {
    return createPrivateKey(text)
  } catch (error) {
    throw new AuditError('bad_key', `${join(folder, name)} is not a private key`, { cause: error })
  }
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** The raw key stands at the end of its DER. */
function rawPublicKey(key: KeyObject): Uint8Array {
  const der = key.export({ type: 'spki', format: 'der' })
  return new Uint8Array(der.subarray(key.asymmetricKeyType === 'ed25519' ? -32 : -1312))
}

function vkeyOf(origin: string, kind: 'ed25519' | 'mldsa44', key: KeyObject): string {
  const type = kind === 'ed25519' ? signatureTypes.ed25519 : signatureTypes.mldsa44Cosignature
  return formatVkey(origin, type, rawPublicKey(key))
}

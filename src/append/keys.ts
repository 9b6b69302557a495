/**
 * The keys of one log: a folder apart from it, every file for its owner only.
 *
 *     log.vkeys      the public keys, to give to whoever shall check: two C2SP verifier keys a generation, the newest last
 *     ed25519.pem    signs checkpoints (signed-note type 0x01)
 *     mldsa44.pem    signs checkpoints (cosignature type 0x06)
 *     storage.key    encrypts the files; absent when the log is not encrypted
 *     storage.check  tells a wrong storage key from a file that is not the log
 *     seal.key       the seal key of this epoch; K₀ was shown once and is not here
 *     anchor         the last signed checkpoint, remembered outside the log
 *
 * While the signing keys are replaced, the next ones stand beside them as `*.next.pem`.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fromHex, toHex, utf8 } from '../core/bytes.ts'
import { mldsa44Signer } from '../core/cosignature.ts'
import { AuditError } from '../core/errors.ts'
import { ed25519Signer, isKeyName, type Signer, signatureTypes, type Verifier } from '../core/note.ts'
import { hmacSha256 } from '../core/primitives.ts'
import { evolve, formatSealKey, parseSealKey, type SealKey } from '../core/seal.ts'
import type { Micros } from '../core/time.ts'
import { formatVkey, parseVkey } from '../core/vkey.ts'
import { forgetPrivateFile, makeFolder, readPrivateFile, writePrivateFile } from './private-file.ts'
import { lockRotation } from './rotation-lock.ts'

/** The public half: enough to check everything that a signature says. */
export interface PublicKeys {
  /** The name of the log, which is the name in its keys. */
  readonly origin: string
  /** Of every generation, the oldest first. */
  readonly generations: readonly Vkeys[]
  /** Of the generation that signs now. */
  readonly vkeys: Vkeys
  /** Of every generation, the oldest first. */
  readonly verifiers: readonly Verifier[]
}

export interface Vkeys {
  readonly ed25519: string
  readonly mldsa44: string
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
    makeFolder(folder)
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
  return publicKeysIn(publicText(folder), folder)
}

function publicKeysIn(text: string, folder: string): PublicKeys {
  const lines = text.trimEnd().split('\n')
  const verifiers = lines.map(line => parseVkey(line))
  const origin = verifiers[0]?.name ?? ''
  const types = [signatureTypes.ed25519, signatureTypes.mldsa44Cosignature]
  const right =
    lines.length % 2 === 0 && verifiers.every(({ name, type }, i) => name === origin && type === types[i % 2])
  if (!right) throw new AuditError('bad_key', `${join(folder, 'log.vkeys')} is not the two verifier keys of one log`)
  const generations = Array.from({ length: lines.length / 2 }, (_, i) => ({
    ed25519: lines[2 * i]!,
    mldsa44: lines[2 * i + 1]!,
  }))
  return { origin, generations, vkeys: generations.at(-1)!, verifiers }
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
 * All keys of a log. Another process may replace the signing keys meanwhile: they are read again when they are others,
 * and kept when they are gone.
 *
 * @throws AuditError `not_found` when there are none, `bad_key` when one is broken or can be read by others
 */
export function loadKeys(folder: string): LogKeys {
  let signing = loadSigning(folder)
  finishCutOffRotation(folder)
  const now = () => {
    if (haveKeys(folder) && publicText(folder) !== signing.text) signing = loadSigning(folder)
    return signing
  }
  return {
    origin: signing.known.origin,
    get generations() {
      return now().known.generations
    },
    get vkeys() {
      return now().known.vkeys
    },
    get verifiers() {
      return now().known.verifiers
    },
    storage: loadStorageKey(folder),
    seals: new SealKeeper(join(folder, 'seal.key')),
    signers: seconds => now().signers(seconds),
  }
}

interface Signing {
  /** The file of the public keys, as it was. */
  readonly text: string
  readonly known: PublicKeys
  signers(seconds: number): readonly Signer[]
}

/** How often the files are read when they do not fit each other: another process may be replacing them. */
const mostTries = 8

function loadSigning(folder: string): Signing {
  for (let tries = 1; ; tries++) {
    try {
      return signingIn(publicText(folder), folder)
    } catch (error) {
      if (tries >= mostTries) throw error
    }
  }
}

function signingIn(text: string, folder: string): Signing {
  const known = publicKeysIn(text, folder)
  const ed25519 = signingKey(folder, 'ed25519', known)
  const mldsa44 = signingKey(folder, 'mldsa44', known)
  const { origin } = known
  return {
    text,
    known,
    signers: seconds => [
      ed25519Signer(origin, rawPublicKey(createPublicKey(ed25519)), message => sign(null, message, ed25519)),
      mldsa44Signer(origin, rawPublicKey(createPublicKey(mldsa44)), message => sign(null, message, mldsa44), seconds),
    ],
  }
}

/** The private half of the generation that signs now. It is still the next one while a rotation comes to its end. */
function signingKey(folder: string, kind: keyof Vkeys, { origin, vkeys }: PublicKeys): KeyObject {
  const isRight = (key: KeyObject) => vkeyOf(origin, kind, createPublicKey(key)) === vkeys[kind]
  const key = privateKey(folder, `${kind}.pem`)
  if (isRight(key)) return key
  if (existsSync(join(folder, `${kind}.next.pem`))) {
    const next = privateKey(folder, `${kind}.next.pem`)
    if (isRight(next)) return next
  }
  throw new AuditError('bad_key', `the signing keys in ${folder} do not belong to its log.vkeys`)
}

/** A rotation that was cut off after it was on record is finished; one that another process is at is not disturbed. */
function finishCutOffRotation(folder: string): void {
  if (!signingKinds.some(kind => existsSync(join(folder, `${kind}.next.pem`)))) return
  try {
    const unlock = lockRotation(folder)
    try {
      takeNextKeys(folder)
    } finally {
      unlock()
    }
  } catch {
    // The next keys sign from where they are, and whoever comes next tries again.
  }
}

/**
 * Makes the signing keys that are to follow, and gives their public halves. They sign nothing yet. Under the lock of the
 * rotation.
 */
export function makeNextKeys(folder: string): Vkeys {
  takeNextKeys(folder)
  const { origin } = loadPublicKeys(folder)
  const ed25519 = generateKeyPairSync('ed25519')
  const mldsa44 = generateKeyPairSync('ml-dsa-44')
  writePrivateFile(join(folder, 'ed25519.next.pem'), pem(ed25519.privateKey))
  writePrivateFile(join(folder, 'mldsa44.next.pem'), pem(mldsa44.privateKey))
  return {
    ed25519: vkeyOf(origin, 'ed25519', ed25519.publicKey),
    mldsa44: vkeyOf(origin, 'mldsa44', mldsa44.publicKey),
  }
}

/** From here on the next keys sign: the log has on record that the old ones vouch for them. */
export function switchToNextKeys(folder: string, { ed25519, mldsa44 }: Vkeys): void {
  writePrivateFile(join(folder, 'log.vkeys'), `${publicText(folder).trimEnd()}\n${ed25519}\n${mldsa44}\n`)
  // A crash before the next line leaves keys of two generations; whoever loads them goes on from here.
  takeNextKeys(folder)
}

const signingKinds = ['ed25519', 'mldsa44'] as const

/** Puts the next keys in the place of those before, if it is they that sign now. */
function takeNextKeys(folder: string): void {
  const { origin, vkeys } = loadPublicKeys(folder)
  for (const kind of signingKinds) {
    const file = join(folder, `${kind}.next.pem`)
    const next = readPrivateFile(file)
    if (next === undefined) continue
    const isSigning = vkeyOf(origin, kind, createPublicKey(privateKey(folder, `${kind}.next.pem`))) === vkeys[kind]
    if (!isSigning) continue
    writePrivateFile(join(folder, `${kind}.pem`), next, { forget: true })
    rmSync(file, { force: true })
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
    const next = evolve(kept.epoch > this.#key.epoch ? kept : this.#key, Math.max(epoch, kept.epoch))
    // Kept on the disk first: a key that is only in memory would leave the old one there.
    if (next.epoch > kept.epoch) writePrivateFile(this.#file, `${formatSealKey(next)}\n`, { forget: true })
    this.#key = next
    return next
  }

  /** Keys that processes had written and not put in place yet when they were killed. Nobody shall ever have them. */
  get leftovers(): string[] {
    const folder = dirname(this.#file)
    const start = `${basename(this.#file)}.`
    return readdirSync(folder).flatMap(name =>
      name.startsWith(start) && name.endsWith('.new') ? [join(folder, name)] : [],
    )
  }

  /** Under the log's write lock only: whoever else holds it is writing one. */
  forgetLeftovers(): undefined {
    for (const file of this.leftovers) forgetPrivateFile(file)
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

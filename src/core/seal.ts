/**
 * Seals: a forward-secure HMAC over every committed batch. FORMAT.md, section 6.
 *
 *     seal    = HMAC-SHA-256( K_e, "memmimic-audit/seal/v1\n" ‖ origin ‖ "\n" ‖ size ‖ "\n" ‖ hex(root) ‖ "\n" )
 *     K_{e+1} = HKDF-SHA-256( K_e, salt = "", info = "memmimic-audit/seal/next", 32 )
 *
 * An epoch is 15 minutes, counted from the time of entry 0, and a batch is sealed with the key of the epoch in which
 * its last entry stands: so yesterday's entries need yesterday's key, which nobody has any more but who kept K₀.
 */
import { fromHex, toHex, utf8 } from './bytes.ts'
import { AuditError } from './errors.ts'
import { isKeyName } from './note.ts'
import { hkdfSha256, hmacSha256 } from './primitives.ts'
import { formatTime, type Micros, parseTime } from './time.ts'

/** The length of an epoch, in microseconds. */
export const epochMicros = 15 * 60 * 1_000_000

/** The last epoch whose seals are checked: a key is found by going through all before it, and a forger names any number. */
export const lastEpoch = (100 * 365.25 * 24 * 60) / 15

/** One sealed state of the log. */
export interface Seal {
  /** Entries covered. */
  readonly size: number
  readonly epoch: number
  /** 32 bytes. */
  readonly mac: Uint8Array
}

/** A seal key: K_e for its epoch, and what is needed to tell the epoch of an instant. */
export interface SealKey {
  readonly origin: string
  /** The time of entry 0. */
  readonly start: Micros
  readonly epoch: number
  /** 32 bytes. */
  readonly key: Uint8Array
}

/** The epoch in which an instant lies; an instant before the start lies in epoch 0. */
export function epochOf(start: Micros, time: Micros): number {
  return Math.max(0, Math.floor((time - start) / epochMicros))
}

const nextInfo = utf8('memmimic-audit/seal/next')

/**
 * The key of a later epoch. Keys only go forward: there is no way back to an earlier one.
 *
 * @throws RangeError when `epoch` is before the key's
 */
export function evolve(from: SealKey, epoch: number): SealKey {
  if (epoch < from.epoch) throw new RangeError(`the seal key is of epoch ${from.epoch}; epoch ${epoch} is gone`)
  let { key } = from
  for (let at = from.epoch; at < epoch; at++) key = hkdfSha256(key, nextInfo, 32)
  return { ...from, epoch, key }
}

/** The seal over a tree of `size` entries with this root, by this key. */
export function sealMac(key: SealKey, size: number, root: Uint8Array): Uint8Array {
  return hmacSha256(key.key, utf8(`memmimic-audit/seal/v1\n${key.origin}\n${size}\n${toHex(root)}\n`))
}

const label = 'memmimic-audit-seal-key'

/**
 * A seal key as one line of text, to be kept: `memmimic-audit-seal-key+<origin>+<start>+<epoch>+<hex>`.
 */
export function formatSealKey({ origin, start, epoch, key }: SealKey): string {
  return `${label}+${origin}+${formatTime(start)}+${epoch}+${toHex(key)}`
}

/**
 * Reads {@link formatSealKey}'s line, in that spelling only; white space around it is a file's, and does not count.
 *
 * @throws AuditError `bad_key`
 */
export function parseSealKey(text: string): SealKey {
  const line = text.trim()
  const [, origin = '', time = '', epoch = '', hex = ''] = line.split('+')
  const start = parseTime(time)
  const key = fromHex(hex)
  if (isKeyName(origin) && start !== undefined && /^\d{1,12}$/.test(epoch) && key?.length === 32) {
    const sealKey = { origin, start, epoch: Number(epoch), key }
    if (formatSealKey(sealKey) === line) return sealKey
  }
  throw new AuditError('bad_key', `a seal key is one line, ${label}+<origin>+<start>+<epoch>+<64 hex digits>`)
}

/** The parts of a message as the log takes them: values to seal, and short texts for open attributes. */
import { fromUtf8 } from '../core/bytes.ts'
import type { Json } from '../core/entry.ts'
import { parseJson } from '../core/json.ts'
import { sha256Hex } from '../core/primitives.ts'

/** What stands for a value that is too large, or that canonical JSON cannot say: the digest of its bytes as sent. */
export interface ValueDigest {
  /** `sha256:` and the hex digest of the JSON bytes as they were sent. */
  readonly digest: string
  /** How many bytes that is. */
  readonly length: number
  readonly reason: 'size' | 'not_canonical'
}

/** `sha256:` and 64 hex digits. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${sha256Hex(bytes)}`
}

/** The value of a part, or its digest when it has more than `maxBytes` or could not be sealed faithfully. */
export function sealable(bytes: Uint8Array, maxBytes: number): Json | ValueDigest {
  if (bytes.length > maxBytes) return { digest: digestOf(bytes), length: bytes.length, reason: 'size' }
  const text = fromUtf8(bytes)
  if (text === undefined) return asDigest(bytes)
  try {
    return parseJson(text)
  } catch {
    return asDigest(bytes)
  }
}

/** The digest of a part that the log would not take as it is. */
export function asDigest(bytes: Uint8Array): ValueDigest {
  return { digest: digestOf(bytes), length: bytes.length, reason: 'not_canonical' }
}

/** The value of a part as any JSON parser reads it; `undefined` when it is broken or has more than `maxBytes`. */
export function looseValue(bytes: Uint8Array | undefined, maxBytes = 1 << 20): unknown {
  if (bytes === undefined || bytes.length > maxBytes) return undefined
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
  } catch {
    return undefined
  }
}

/** A member of a value from outside, when that is an object. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** A member that is a text. */
export function textMember(value: unknown, name: string): string | undefined {
  const found = member(value, name)
  return typeof found === 'string' ? found : undefined
}

/**
 * A text from outside as the leaf can carry it: well-formed, without control characters, 1–256 characters. A longer one
 * is cut and ends in a digest, so that two texts never look the same.
 */
export function label(text: string): string {
  const clean = text.toWellFormed().replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
  if (clean === '') return '(empty)'
  if (clean.length <= 256) return clean
  return `${clean.slice(0, 180).toWellFormed()}…sha256:${sha256Hex(Buffer.from(text))}`
}

/** Instants as the format writes them. Inside the program an instant is a number of microseconds since 1970. */

import { toHex } from './bytes.ts'

/** Microseconds since 1970-01-01T00:00:00Z, an integer; exact to the year 2255. */
export type Micros = number

let cachedSecond = Number.NaN
let cachedText = ''

/** RFC 3339 UTC with exactly six decimals: `2026-11-23T14:07:00.123456Z`. */
export function formatTime(micros: Micros): string {
  const second = Math.floor(micros / 1e6)
  if (second !== cachedSecond) {
    cachedText = new Date(second * 1000).toISOString().slice(0, 20)
    cachedSecond = second
  }
  const part = micros - second * 1e6
  return part >= 100_000
    ? `${cachedText.slice(0, 19)}.${part}Z`
    : `${cachedText.slice(0, 19)}.${`${part}`.padStart(6, '0')}Z`
}

let readSecond = ''
let readMicros: Micros = 0

/** The instant of a time written by {@link formatTime}, or `undefined` for any other spelling. */
export function parseTime(text: string): Micros | undefined {
  if (text.length !== 27 || text[19] !== '.' || text[26] !== 'Z') return undefined
  let part = 0
  for (let i = 20; i < 26; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return undefined
    part = 10 * part + digit
  }
  // Entries stand close together: most are of the second that was read last.
  const second = text.slice(0, 19)
  if (second !== readSecond) {
    const micros = Date.parse(`${second}Z`) * 1000
    if (Number.isNaN(micros) || formatTime(micros).slice(0, 19) !== second) return undefined
    readSecond = second
    readMicros = micros
  }
  const micros = readMicros + part
  return Number.isSafeInteger(micros) ? micros : undefined
}

/** A version 7 UUID (RFC 9562, section 5.7) of a millisecond and 10 random bytes. */
export function uuidv7(ms: number, random: Uint8Array, at = 0): string {
  const time = ms.toString(16).padStart(12, '0')
  const hex = toHex(random.subarray(at, at + 10))
  const version = ((random[at]! & 0x0f) | 0x70).toString(16)
  const variant = ((random[at + 2]! & 0x3f) | 0x80).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex.slice(2, 4)}-${variant}${hex.slice(6, 8)}-${hex.slice(8)}`
}

/** The millisecond that a version 7 UUID carries, or `undefined` when the text is no lower-case UUIDv7. */
export function uuidv7Time(id: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) return undefined
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

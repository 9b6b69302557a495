/** An instant as people write it, in any spelling that means exactly one. */
import { badInput } from './json.ts'

const form = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/**
 * The instant that an RFC 3339 text with any offset, a `Date` or a number of microseconds means, in microseconds; half a
 * microsecond more stands for any finer fraction.
 *
 * @throws AuditError `bad_input`, naming `path`
 * @example parseInstant('2026-11-23T15:07:00+01:00', '$.since')
 */
export function parseInstant(value: unknown, path: string): number {
  const bad = () => badInput(path, 'must be a time such as 2026-11-23T14:07:00+01:00')
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw bad()
    return value.getTime() * 1000
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value
  const found = typeof value === 'string' ? form.exec(value) : null
  if (found === null) throw bad()
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const fraction = found[7] ?? ''
  const offsetHours = Number(found[9] ?? 0)
  const offsetMinutes = Number(found[10] ?? 0)
  const days = new Date(0)
  days.setUTCFullYear(year, month - 1, day)
  const isDay = days.getUTCMonth() === month - 1 && days.getUTCDate() === day
  if (!isDay || hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) throw bad()
  const offset = (offsetHours * 60 + offsetMinutes) * (found[8] === '-' ? -1 : 1)
  const seconds = days.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0'))
  return seconds * 1e6 + micros + (/[1-9]/.test(fraction.slice(6)) ? 0.5 : 0)
}

/** Numbers, times and shares as people read them. */

/** `1 234 567`: a narrow space that does not break. */
export function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(?:\d{3})+$)/g, '\u202f')
}

/** `1 entry`, `1 234 entries`. */
export function count(value: number, one: string, many: string): string {
  return `${grouped(value)} ${value === 1 ? one : many}`
}

/** Three digits, without a power of ten: `0.0421`, `3.14`, `12 300`. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size < 1e-6 || size >= 1e15) return value.toExponential(2)
  const places = Math.max(0, 2 - Math.floor(Math.log10(size)))
  const [whole = '', fraction] = value.toFixed(Math.min(places, 9)).split('.')
  const rest = fraction?.replace(/0+$/, '') ?? ''
  return `${whole.startsWith('-') ? `-${grouped(Number(whole.slice(1)))}` : grouped(Number(whole))}${rest === '' ? '' : `.${rest}`}`
}

/** A duration in the unit that suits it. */
export function duration(ms: number): string {
  const size = Math.abs(ms)
  if (size < 1) return `${digits(ms * 1000)}\u202fµs`
  if (size < 1000) return `${digits(ms)}\u202fms`
  if (size < 120_000) return `${digits(ms / 1000)}\u202fs`
  if (size < 2 * 3_600_000) return `${digits(ms / 60_000)}\u202fmin`
  return size < 2 * 86_400_000 ? `${digits(ms / 3_600_000)}\u202fh` : `${digits(ms / 86_400_000)}\u202fdays`
}

/** `12.3 %`; a share that is not nothing is never shown as 0 %, one that is not all never as 100 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–'
  const share = (100 * part) / whole
  if (part > 0 && share < 0.1) return '<\u202f0.1\u202f%'
  if (part < whole && share > 99.9) return '>\u202f99.9\u202f%'
  return `${share.toFixed(1).replace(/\.0$/, '')}\u202f%`
}

/** `2026-11-23 14:07:00 UTC`, of a time as entries have it. */
export function moment(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`
}

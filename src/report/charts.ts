/**
 * The charts of a report as SVG, to stand in a page: no script, no colour that is needed to read them. Outcomes differ by
 * pattern as well, quantiles by shape.
 */
import type { OutcomeCounts } from '../trail/tally.ts'
import { type Block, outcomeNames, spanText } from './document.ts'
import { escaped } from './escaped.ts'
import { count, duration, grouped } from './words.ts'

type Timeline = Extract<Block, { kind: 'timeline' }>
type Latency = Extract<Block, { kind: 'latency' }>

/** Patterns for the fills, once for a page. */
export const patterns = `<svg class="defs" aria-hidden="true" width="0" height="0"><defs>
<pattern id="p-failure" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="bg" width="6" height="6"/><rect class="fg" width="3" height="6"/></pattern>
<pattern id="p-denied" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="bg" width="6" height="6"/><path class="st" d="M0 0l6 6M6 0l-6 6"/></pattern>
<pattern id="p-pending" width="5" height="5" patternUnits="userSpaceOnUse"><rect class="bg" width="5" height="5"/><circle class="fg" cx="2.5" cy="2.5" r="1.4"/></pattern>
<pattern id="p-unknown" width="4" height="4" patternUnits="userSpaceOnUse"><rect class="bg" width="4" height="4"/><rect class="fg" width="4" height="1.5"/></pattern>
</defs></svg>`

const width = 760
const left = 56
const right = 8

/** Bars over time, each in parts by outcome. */
export function timelineSvg({ caption, widthMs, buckets }: Timeline): string {
  const height = 210
  const [top, bottom] = [10, 34]
  const room = height - top - bottom
  const most = niceAbove(Math.max(1, ...buckets.map(({ entries }) => entries)))
  const step = (width - left - right) / buckets.length
  const bars = buckets.map(({ outcomes, entries, start }, i) => {
    let y = top + room
    const parts = outcomeNames.flatMap(([name]) => {
      const tall = (room * outcomes[name]) / most
      if (tall === 0) return []
      y -= tall
      return rect(left + i * step, y, Math.max(0.6, step - Math.min(2, step / 4)), tall, name)
    })
    const title = `${start.slice(0, 16).replace('T', ' ')}, ${spanText(widthMs)}: ${count(entries, 'action', 'actions')}`
    return entries === 0 ? '' : `<g><title>${escaped(title)}</title>${parts.join('')}</g>`
  })
  const shares = Number.isInteger(most / 2) ? [0, 0.5, 1] : [0, 1]
  const lines = shares.map(share => {
    const y = top + room - share * room
    return `<path class="grid" d="M${left} ${n(y)}H${width - right}"/><text class="tick" x="${left - 6}" y="${n(y + 4)}" text-anchor="end">${shortNumber(share * most)}</text>`
  })
  const every = Math.max(1, Math.ceil(buckets.length / 6))
  const times = buckets.flatMap(({ start }, i) => {
    if (i % every !== 0) return []
    const x = left + i * step
    const [day, time] = [start.slice(0, 10), start.slice(11, 16)]
    const isLast = x > width - 90
    const second = widthMs < 86_400_000 ? `<tspan x="${n(x)}" dy="12">${time}</tspan>` : ''
    return `<text class="tick" x="${n(x)}" y="${height - bottom + 14}"${isLast ? ' text-anchor="middle"' : ''}>${day}${second}</text>`
  })
  const sum = (name: keyof OutcomeCounts) => buckets.reduce((total, { outcomes }) => total + outcomes[name], 0)
  const shown = outcomeNames.filter(([name]) => sum(name) > 0)
  const said = shown.map(([name, title]) => `${title} ${grouped(sum(name))}`).join(', ')
  const entries = buckets.reduce((total, bucket) => total + bucket.entries, 0)
  const legend = shown.map(
    ([name, title]) =>
      `<li><svg width="16" height="12" aria-hidden="true">${rect(0.5, 0.5, 15, 11, name)}</svg> ${escaped(title)} ${grouped(sum(name))}</li>`,
  )
  return `<figure><figcaption>${escaped(caption)}</figcaption>
<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${caption}: ${count(entries, 'action', 'actions')} in ${count(buckets.length, 'bar', 'bars')}; ${said}`)}">${lines.join('')}${bars.join('')}${times.join('')}</svg>
<ul class="legend">${legend.join('')}</ul></figure>`
}

/** From P50 to P99 of each operation, on a scale on which each line is ten times the one before. */
export function latencySvg({ caption, rows }: Latency): string {
  const names = 190
  const line = 24
  const top = 8
  const height = top + rows.length * line + 26
  const positive = rows.flatMap(({ p50, p95, p99 }) => [p50, p95, p99]).filter(value => value > 0)
  const low = Math.floor(Math.log10(Math.min(...positive, 1)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 0.001))))
  const x = (value: number) => {
    const share = (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)
    return names + Math.min(1, share) * (width - names - 24)
  }
  const grid = Array.from({ length: high - low + 1 }, (_, i) => {
    const at = x(10 ** (low + i))
    return `<path class="grid" d="M${n(at)} ${top}V${height - 22}"/><text class="tick" x="${n(at)}" y="${height - 8}" text-anchor="middle">${escaped(duration(10 ** (low + i)))}</text>`
  })
  const lines = rows.map(({ name, p50, p95, p99 }, i) => {
    const y = top + i * line + line / 2
    const [a, b, c] = [x(p50), x(p95), x(p99)]
    const title = `${name}: P50 ${duration(p50)}, P95 ${duration(p95)}, P99 ${duration(p99)}`
    return `<g><title>${escaped(title)}</title><text class="name" x="${names - 12}" y="${n(y + 4)}" text-anchor="end">${escaped(clipped(name, 26))}</text><path class="span" d="M${n(a)} ${n(y)}H${n(c)}"/>${marks.p50(a, y)}${marks.p95(b, y)}${marks.p99(c, y)}</g>`
  })
  const legend = Object.entries(marks).map(
    ([name, mark]) =>
      `<li><svg width="14" height="14" aria-hidden="true">${mark(7, 7)}</svg> ${name.toUpperCase()}</li>`,
  )
  const said = rows.map(({ name, p95 }) => `${name} P95 ${duration(p95)}`).join(', ')
  return `<figure><figcaption>${escaped(caption)}</figcaption>
<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${caption}: ${said}`)}">${grid.join('')}${lines.join('')}</svg>
<ul class="legend">${legend.join('')}</ul></figure>`
}

const marks = {
  p50: (x: number, y: number) => `<circle class="mark" cx="${n(x)}" cy="${n(y)}" r="4.5"/>`,
  p95: (x: number, y: number) =>
    `<path class="mark" d="M${n(x)} ${n(y - 6)}L${n(x + 6)} ${n(y)}L${n(x)} ${n(y + 6)}L${n(x - 6)} ${n(y)}Z"/>`,
  p99: (x: number, y: number) => `<rect class="mark" x="${n(x - 4.5)}" y="${n(y - 4.5)}" width="9" height="9"/>`,
}

/** A bar in a table: as long as its share of the longest. */
export function barSvg(outcomes: OutcomeCounts, of: number): string {
  const long = 120
  let x = 0
  const parts = outcomeNames.flatMap(([name]) => {
    const part = (long * outcomes[name]) / of
    if (part === 0) return []
    const at = x
    x += part
    return rect(at, 0.5, Math.max(0.8, part), 11, name)
  })
  return `<svg class="bar" width="${long}" height="12" viewBox="0 0 ${long} 12" aria-hidden="true">${parts.join('')}</svg>`
}

function rect(x: number, y: number, wide: number, tall: number, outcome: keyof OutcomeCounts): string {
  return `<rect class="o ${outcome}" x="${n(x)}" y="${n(y)}" width="${n(wide)}" height="${n(tall)}"/>`
}

/** A coordinate, short. */
function n(value: number): string {
  return String(Math.round(value * 100) / 100)
}

/** The next number with one digit that is not zero, and even where it can be: so that its half is a number too. */
function niceAbove(value: number): number {
  const ten = 10 ** Math.floor(Math.log10(value))
  return ten * [1, 2, 3, 4, 5, 6, 8, 10].find(step => step * ten >= value)!
}

function shortNumber(value: number): string {
  if (value >= 1e6) return `${value / 1e6}\u202fM`
  return value >= 10_000 ? `${value / 1000}\u202fk` : String(value)
}

function clipped(text: string, length: number): string {
  const chars = Array.from(text)
  return chars.length <= length ? text : `${chars.slice(0, length - 1).join('')}…`
}

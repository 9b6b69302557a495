/** Counts for people: how many, which values, and when. */
import type { Count, Facet, Histogram } from '../trail/aggregates.ts'
import type { Cli } from './cli.ts'
import { shortTime } from './rows.ts'
import { count as counted, pad, visible } from './text.ts'

/** `1234 entries`, or how many there are about. */
export function countText({ count, exact, margin }: Count): string {
  const entries = counted(count, 'entry', 'entries')
  return exact ? `${entries}\n` : `about ${entries}, give or take ${margin}; --exact counts them all\n`
}

/** The values of a field, one a line. */
export function facetText(cli: Cli, { field, values, exact }: Facet): string {
  const said = exact ? field : `${field} (about, from a sample)`
  const width = digitsOf(values)
  const lines = values.map(({ value, count }) => `  ${pad(String(count), width, 'left')}  ${visible(value)}`)
  const none = values.length === 0 ? [cli.style('dim', '  none')] : []
  return [cli.style('bold', said), ...lines, ...none, ''].join('\n')
}

/** The longest bar. */
const barWidth = 40

/** A bar a bucket. What ended otherwise than in success is said beside it. */
export function histogramText(cli: Cli, { buckets, exact }: Histogram): string {
  const width = digitsOf(buckets)
  const most = Math.max(1, ...buckets.map(({ count }) => count))
  const lines = buckets.map(({ time, count, outcomes }) => {
    const bar = '█'.repeat(Math.ceil((count / most) * barWidth))
    const { failure, denied } = outcomes
    const bad = [failure > 0 ? `${failure} failed` : '', denied > 0 ? `${denied} denied` : '']
      .filter(Boolean)
      .join(', ')
    const line = [cli.style('dim', shortTime(time)), pad(String(count), width, 'left'), bar, cli.style('red', bad)]
    return line.filter(part => part !== '').join('  ')
  })
  const about = exact ? [] : [cli.style('dim', 'about, from a sample')]
  return [...lines, ...about, ''].join('\n')
}

function digitsOf(rows: readonly { readonly count: number }[]): number {
  return Math.max(1, ...rows.map(({ count }) => String(count).length))
}

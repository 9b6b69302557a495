/** Sets of entry numbers as a short text: `0-99,120,300-301`, in order, as far apart as they can be. */
import { AuditError } from './errors.ts'

/** From one number to another, both inclusive. */
export type Range = readonly [first: number, last: number]

/** @param seqs in ascending order, none twice */
export function rangesOf(seqs: Iterable<number>): Range[] {
  const ranges: [number, number][] = []
  for (const seq of seqs) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === seq - 1) last[1] = seq
    else ranges.push([seq, seq])
  }
  return ranges
}

/** @example formatRanges([[0, 99], [120, 120]]) // '0-99,120' */
export function formatRanges(ranges: readonly Range[]): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

/**
 * The one spelling of a set, read back.
 *
 * @throws AuditError `bad_format`
 */
export function parseRanges(text: string): Range[] {
  if (text === '') return []
  const ranges = text.split(',').map((part): Range => {
    const found = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(part)
    if (found === null) throw new AuditError('bad_format', 'the list of entries is not numbers and ranges')
    const first = Number(found[1])
    return [first, found[2] === undefined ? first : Number(found[2])]
  })
  const isOrdered = ranges.every(([first, last], i) => first <= last && (i === 0 || ranges[i - 1]![1] + 1 < first))
  if (!isOrdered || formatRanges(ranges) !== text) {
    throw new AuditError('bad_format', 'the list of entries is not in order')
  }
  return ranges
}

/** How many numbers are in the set. */
export function countIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
}

/** Whether a number is in the set. */
export function isIn(ranges: readonly Range[], seq: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]![1] < seq) low = middle + 1
    else high = middle
  }
  return low < ranges.length && ranges[low]![0] <= seq
}

/** Any ranges as one set: in order, none touching another. */
export function unite(ranges: readonly Range[]): Range[] {
  const out: [number, number][] = []
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = out.at(-1)
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else out.push([first, last])
  }
  return out
}

/** What lies between two numbers, both inclusive, and is not in the set. */
export function* gapsIn(ranges: readonly Range[], from: number, to: number): Iterable<Range> {
  let at = from
  for (const [first, last] of ranges) {
    if (last < at) continue
    if (first > to) break
    if (at < first) yield [at, first - 1]
    at = last + 1
  }
  if (at <= to) yield [at, to]
}

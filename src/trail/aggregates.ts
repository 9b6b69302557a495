/**
 * How many entries match, by which values, and when.
 *
 * The answer is exact while few entries have to be looked at. Beyond that it is an estimate, and says so: it is made of a
 * sample in which every entry has the same chance (`index/survey.ts`), so a share of p among n entries looked at is off by
 * less than 1.96 · √(p(1−p)/n) in 95 of 100 cases: with 10 000, a half by one percentage point, a hundredth by 0.2.
 */
import { outcomes } from '../core/entry.ts'
import { type CompiledFilter, type IndexedField, type IndexedValues, indexedFields, valuesIn } from '../core/filter.ts'
import { badInput, pathOf } from '../core/json.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import type { EntryView } from '../core/view.ts'
import type { LogIndex } from '../index/log-index.ts'
import type { LogSource } from '../store/store.ts'
import type { OutcomeCounts } from './tally.ts'

export interface CountOptions {
  /** Counts all, whatever it takes: a condition that only entries can answer reads each of them. */
  readonly exact?: boolean | undefined
}

export interface Count {
  readonly count: number
  /** Whether it is that many; otherwise it is an estimate. */
  readonly exact: boolean
  /** The number is not further away than this in 95 of 100 cases; 0 when it is exact. */
  readonly margin: number
}

export interface FacetOptions {
  readonly fields: readonly IndexedField[]
  /** Values of each field, 1–1000; 10 unless given. */
  readonly limit?: number | undefined
}

/** The values of one field with the most entries. An entry with several flags, or with a principal, counts for each. */
export interface Facet {
  readonly field: IndexedField
  /** The most frequent first, equal ones in the order of their texts; spelt as a filter takes them. */
  readonly values: readonly { readonly value: string; readonly count: number }[]
  /** Whether the counts are exact; otherwise a value that few entries have may be missing, too. */
  readonly exact: boolean
}

/** So many buckets at most, in a width that is easy to read; or one every so many milliseconds. Aligned to UTC. */
export type HistogramOptions = { readonly buckets: number } | { readonly everyMs: number }

export interface HistogramBucket {
  /** When it begins, RFC 3339 UTC; it ends where the next one begins. */
  readonly time: string
  readonly count: number
  /** `none` are entries without an outcome. */
  readonly outcomes: OutcomeCounts
}

export interface Histogram {
  readonly everyMs: number
  /** From the beginning of the period to its end, without a gap; empty where the log has nothing. */
  readonly buckets: readonly HistogramBucket[]
  readonly exact: boolean
}

/** What a sample is made of: all of so many entries, or so many of more. */
interface Effort {
  readonly all: number
  readonly enough: number
}

/** Rows of the index: 4 µs each. */
const rowEffort: Effort = { all: 20_000, enough: 10_000 }
/** Whole entries: 30 µs each where they stand together, 300 µs where they are scattered. */
const entryEffort: Effort = { all: 10_000, enough: 2_000 }
/** Up to here a count is exact, whatever it takes, as long as the index answers it. */
const exactTo = 10_000
/** A value that fewer entries of the sample have than this is counted for itself: its share says little. */
const weak = 30
const mostBuckets = 10_000

export interface AggregatesOptions {
  readonly log: Pick<LogSource, 'head'>
  readonly index: LogIndex
  /** Gives the entries with these numbers that match. */
  readonly matching: (filter: CompiledFilter, seqs: readonly number[]) => Promise<EntryView[]>
}

export class Aggregates {
  readonly #options: AggregatesOptions

  constructor(options: AggregatesOptions) {
    this.#options = options
  }

  async count(filter: CompiledFilter, { exact = false }: CountOptions = {}): Promise<Count> {
    const size = await this.#size()
    if (exact && filter.rest.length > 0) return certain(await this.#countAll(filter, size))
    if (filter.rest.length === 0) {
      const counted = await this.#options.index.count(filter, size, exact ? Infinity : rowEffort.all)
      if (counted !== undefined) return certain(counted)
    }
    const [found] = await this.#sample(filter, size)
    const estimate = estimateOf(found!)
    if (estimate.exact || filter.rest.length > 0 || estimate.count - estimate.margin > exactTo) return estimate
    return certain((await this.#options.index.count(filter, size))!)
  }

  /** @throws AuditError `bad_input` */
  async facets(filter: CompiledFilter, { fields, limit = 10 }: FacetOptions): Promise<Facet[]> {
    checkFacets(fields, limit)
    const size = await this.#size()
    const [found] = await this.#sample(filter, size)
    const facets: Facet[] = []
    for (const field of new Set(fields)) {
      const counts = new Map<string, number>()
      for (const entry of found!.hits) {
        for (const value of valuesIn(entry, field)) counts.set(value, (counts.get(value) ?? 0) + 1)
      }
      const values = top([...counts], found!.isAll ? limit : 4 * limit)
      const counted = found!.isAll ? values : await this.#scaled(values, field, filter, found!, size)
      const best = top(counted, limit).map(([value, count]) => ({ value, count }))
      facets.push({ field, values: best, exact: found!.isAll })
    }
    return facets
  }

  /** @throws AuditError `bad_input` */
  async histogram(filter: CompiledFilter, options: HistogramOptions): Promise<Histogram> {
    const size = await this.#size()
    const span = await this.#options.index.span(filter, size)
    const from = filter.since > -Infinity ? Math.ceil(filter.since) : span?.[0]
    const to = filter.until < Infinity ? Math.floor(filter.until) : span?.[1]
    const width = widthOf(options, from === undefined || to === undefined ? 0 : to - from)
    if (from === undefined || to === undefined || to < from) return { everyMs: width / 1000, buckets: [], exact: true }
    const start = Math.floor(from / width) * width
    const length = Math.floor((to - start) / width) + 1
    const times = Array.from({ length: length + 1 }, (_, i) => start + i * width)
    const found = await this.#sample(filter, size, times)
    const counts = times.slice(1).map(() => noOutcomes())
    for (const { hits, weight } of found) {
      for (const { time, outcome = 'none' } of hits) {
        const bucket = counts[Math.floor((parseTime(time)! - start) / width)]
        if (bucket !== undefined) bucket[outcome] += weight
      }
    }
    const buckets = counts.map((of, i) => {
      const rounded = Object.fromEntries(Object.entries(of).map(([name, count]) => [name, Math.round(count)]))
      const count = Object.values(rounded).reduce((sum, of) => sum + of, 0)
      return { time: formatTime(times[i]!), count, outcomes: rounded as OutcomeCounts }
    })
    return { everyMs: width / 1000, buckets, exact: found.every(({ isAll }) => isAll) }
  }

  async #size(): Promise<number> {
    return (await this.#options.log.head())?.size ?? 0
  }

  /** Counts by reading every entry that the index finds, a page at a time. */
  async #countAll(filter: CompiledFilter, size: number): Promise<number> {
    const { index, matching } = this.#options
    const limit = 256
    let count = 0
    for (let after: number | undefined; ; ) {
      const seqs = await index.findSeqs(filter, { after, limit, order: 'asc', size })
      count += (await matching(filter, seqs)).length
      if (seqs.length < limit) return count
      after = seqs.at(-1)!
    }
  }

  async #sample(filter: CompiledFilter, size: number, times?: readonly Micros[]): Promise<Sample[]> {
    const { index, matching } = this.#options
    const isRest = filter.rest.length > 0
    const { all, enough } = isRest ? entryEffort : rowEffort
    const samples: Sample[] = []
    for (const { candidates, looked, rows } of await index.sample(filter, { size, times, all, enough })) {
      const seqs = isRest ? rows.map(({ seq }) => seq) : []
      const hits = isRest ? await matching(filter, seqs) : rows
      samples.push({
        candidates,
        looked,
        hits,
        isAll: looked >= candidates,
        weight: looked === 0 ? 0 : candidates / looked,
      })
    }
    return samples
  }

  /** What the sample says of all; values that are seldom in it are counted, where the index can. */
  async #scaled(
    values: readonly Counted[],
    field: IndexedField,
    filter: CompiledFilter,
    { weight }: Sample,
    size: number,
  ): Promise<Counted[]> {
    const scaled: Counted[] = []
    for (const [value, hits] of values) {
      const one = { ...filter, required: [...filter.required, { field, anyOf: [value] }] }
      const isCounted = hits < weak && filter.rest.length === 0
      const counted = isCounted ? await this.#options.index.count(one, size, rowEffort.all) : undefined
      scaled.push([value, counted ?? Math.round(hits * weight)])
    }
    return scaled
  }
}

type Counted = readonly [value: string, count: number]

/** Entries that match, out of those that were looked at. */
interface Sample {
  readonly candidates: number
  readonly looked: number
  readonly hits: readonly (IndexedValues & Pick<EntryView, 'time'>)[]
  readonly isAll: boolean
  /** How many candidates each that was looked at stands for. */
  readonly weight: number
}

function certain(count: number): Count {
  return { count, exact: true, margin: 0 }
}

function estimateOf({ candidates, looked, hits, isAll, weight }: Sample): Count {
  if (isAll) return certain(hits.length)
  const share = hits.length / looked
  // Where nothing or everything matched, the rule of three.
  const isExtreme = share === 0 || share === 1
  const error = isExtreme ? 3 / looked : 1.96 * Math.sqrt(((share * (1 - share)) / looked) * (1 - looked / candidates))
  return { count: Math.round(hits.length * weight), exact: false, margin: Math.ceil(error * candidates) }
}

function top(values: readonly Counted[], limit: number): Counted[] {
  const inOrder = ([a, countA]: Counted, [b, countB]: Counted) => countB - countA || (a < b ? -1 : a > b ? 1 : 0)
  return values.toSorted(inOrder).slice(0, limit)
}

function checkFacets(fields: unknown, limit: unknown): void {
  if (!Array.isArray(fields) || fields.length === 0) throw badInput('$.fields', 'must be a list of fields')
  fields.forEach((field, i) => {
    if (indexedFields.includes(field)) return
    throw badInput(pathOf('$.fields', i), `${JSON.stringify(field)} is none of ${indexedFields.join(', ')}`)
  })
  if (!(Number.isInteger(limit) && (limit as number) >= 1 && (limit as number) <= 1000)) {
    throw badInput('$.limit', 'must be a whole number from 1 to 1000')
  }
}

function noOutcomes(): Record<keyof OutcomeCounts, number> {
  return Object.fromEntries([...outcomes, 'none'].map(name => [name, 0])) as Record<keyof OutcomeCounts, number>
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
/** Widths that are easy to read, in milliseconds. */
const widths = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map(n => n * second),
  ...[1, 2, 5, 10, 15, 30].map(n => n * minute),
  ...[1, 2, 3, 6, 12].map(n => n * hour),
  ...[1, 2, 7, 14, 28, 91, 182, 364].map(n => n * day),
]

/** The width of a bucket, in microseconds. */
function widthOf(options: HistogramOptions, span: Micros): Micros {
  if ('everyMs' in options) {
    const { everyMs } = options
    if (!(Number.isInteger(everyMs) && everyMs >= 1)) throw badInput('$.everyMs', 'must be a whole number from 1 on')
    if (span / (everyMs * 1000) >= mostBuckets) {
      throw badInput('$.everyMs', `makes more than ${mostBuckets} buckets of this period`)
    }
    return everyMs * 1000
  }
  const { buckets } = options
  if (!(Number.isInteger(buckets) && buckets >= 2 && buckets <= mostBuckets)) {
    throw badInput('$.buckets', `must be a whole number from 2 to ${mostBuckets}`)
  }
  // A period that begins within a bucket touches one more.
  const least = span / 1000 / (buckets - 1)
  const width = widths.find(of => of >= least) ?? Math.ceil(least / (364 * day)) * 364 * day
  return width * 1000
}

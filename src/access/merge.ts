/** Counts of parts of a log that have no entry in common, put together. */
import type { Count, Facet, Histogram } from '../trail/aggregates.ts'
import type { OutcomeCounts } from '../trail/tally.ts'

/** The errors of the parts do not depend on each other: together they are smaller than their sum. */
export function addCounts(parts: readonly Count[]): Count {
  return {
    count: sum(parts.map(({ count }) => count)),
    exact: parts.every(({ exact }) => exact),
    margin: Math.ceil(Math.hypot(...parts.map(({ margin }) => margin))),
  }
}

/** @param complete how many values a part names at most: one that names as many may have more */
export function addFacets(
  field: Facet['field'],
  parts: readonly Facet[],
  { limit, complete }: { limit: number; complete: number },
): Facet {
  const counts = new Map<string, number>()
  for (const { values } of parts) {
    for (const { value, count } of values) counts.set(value, (counts.get(value) ?? 0) + count)
  }
  const values = [...counts].map(([value, count]) => ({ value, count }))
  values.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
  const exact = parts.every(part => part.exact && (parts.length === 1 || part.values.length < complete))
  return { field, values: values.slice(0, limit), exact }
}

/** Histograms of one period, in buckets of one width. */
export function addHistograms(parts: readonly [Histogram, ...Histogram[]]): Histogram {
  return parts.reduce(addHistogram)
}

function addHistogram(a: Histogram, b: Histogram): Histogram {
  const buckets = a.buckets.map((bucket, i) => {
    const other = b.buckets[i]
    if (other === undefined) return bucket
    return { ...bucket, count: bucket.count + other.count, outcomes: addOutcomes(bucket.outcomes, other.outcomes) }
  })
  return { everyMs: a.everyMs, buckets, exact: a.exact && b.exact }
}

function addOutcomes(a: OutcomeCounts, b: OutcomeCounts): OutcomeCounts {
  const names = Object.keys(a) as (keyof OutcomeCounts)[]
  return Object.fromEntries(names.map(name => [name, a[name] + b[name]])) as OutcomeCounts
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

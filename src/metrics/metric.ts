/** One metric at work: its series, its history, its thresholds, and how it looks in Prometheus. */
import type { Micros } from '../core/time.ts'
import type { MetricDefinition } from './definitions.ts'
import { MetricHistory } from './history.ts'
import { LabelSet, type Labels } from './labels.ts'
import { BucketCounts, type MetricFamily, type Sample } from './prometheus.ts'
import type { Thresholds, ThresholdType } from './settings.ts'
import { ThresholdMonitor } from './threshold.ts'

export class Metric {
  readonly definition: MetricDefinition
  readonly history: MetricHistory
  readonly monitors: readonly ThresholdMonitor[]
  readonly #labels: LabelSet
  /** Of a counter the sums, of anything else the values recorded last; NaN where there is none yet. */
  readonly #values: Float64Array
  readonly #buckets: BucketCounts | undefined

  constructor(definition: MetricDefinition, retentionHours: number) {
    this.definition = definition
    this.history = new MetricHistory(retentionHours)
    this.#labels = new LabelSet(definition.labels)
    this.#values = Float64Array.from({ length: this.#labels.size }, (_, series) => {
      // A counter that stands at 0 from the start shows its first increase; a gauge is not known, and nothing is `other`.
      return definition.type === 'counter' && this.#labels.isNamed(series) ? 0 : Number.NaN
    })
    this.#buckets = definition.prometheus?.buckets && new BucketCounts(definition.prometheus.buckets)
    const watched = { total: () => this.value(), critical: () => this.value({ severity: 'critical' }) }
    this.monitors = thresholdsOf(definition.thresholds).map(([type, limit]) => {
      return new ThresholdMonitor(type, limit, watched)
    })
  }

  record(value: number, labels: Labels, time: Micros): void {
    const series = this.#labels.seriesOf(labels)
    const { type, unit } = this.definition
    this.#values[series] = type === 'counter' ? (this.#values[series] || 0) + value : value
    this.#buckets?.add(unit === 'ms' ? value / 1000 : value)
    // Of a gauge in parts, the whole is what goes into the line in time.
    this.history.record(type === 'gauge' ? this.value() : value, time)
    for (const monitor of this.monitors) monitor.take(value, time)
  }

  /** Those of a recording, as the metric keeps them. */
  labelsOf(given: Labels): Labels {
    return this.#labels.labelsOf(this.#labels.seriesOf(given))
  }

  /** The sum of the series that have all the labels given; NaN when none of them has a value. */
  value(labels: Labels = {}): number {
    const asked = Object.entries(labels)
    let sum = Number.NaN
    for (let series = 0; series < this.#values.length; series++) {
      const value = this.#values[series]!
      if (Number.isNaN(value)) continue
      if (asked.length > 0 && !asked.every(([name, wanted]) => this.#labels.labelsOf(series)[name] === wanted)) continue
      sum = Number.isNaN(sum) ? value : sum + value
    }
    return sum
  }

  /** What Prometheus sees; `undefined` when the metric stays in here. */
  family(): MetricFamily | undefined {
    const { type, description: help, prometheus } = this.definition
    if (prometheus === undefined) return undefined
    const { name } = prometheus
    if (this.#buckets !== undefined) return { name, help, type: 'histogram', samples: this.#buckets.samples() }
    const samples: Sample[] = []
    for (const [series, value] of this.#values.entries()) {
      if (!Number.isNaN(value)) samples.push({ labels: this.#labels.labelsOf(series), value })
    }
    return { name, help, type: type === 'counter' ? 'counter' : 'gauge', samples }
  }
}

function thresholdsOf(thresholds: Thresholds = {}): [ThresholdType, number][] {
  return Object.entries(thresholds).filter(([, limit]) => limit !== undefined) as [ThresholdType, number][]
}

/** What was recorded of one metric: minute by minute for a line in time, hour by hour for statistics. In bounded memory. */
import { formatTime, type Micros } from '../core/time.ts'
import { Distribution } from './distribution.ts'
import { hour, minute, TimeRing } from './time-ring.ts'

/** What was recorded within one minute. */
export interface MetricPoint {
  /** The start of the minute, RFC 3339 UTC. */
  readonly time: string
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

/** All zero when nothing was recorded. The percentiles are exact to 2.5 % of the value. */
export interface MetricStatistics {
  /** How often a value was recorded. */
  readonly count: number
  /** Of a counter: by how much it grew. */
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Numbers a minute: count, sum, least, greatest. */
const width = 4

/** At most 0.75 MB for 168 hours, reached only when something is recorded in each minute of them. */
export class MetricHistory {
  readonly #points: Float64Array
  readonly #minutes: TimeRing
  readonly #distributions: Distribution[] = []
  readonly #hours: TimeRing

  constructor(retentionHours: number) {
    // The current minute and the current hour have only begun.
    const minutes = retentionHours * 60 + 1
    this.#points = new Float64Array(minutes * width)
    this.#minutes = new TimeRing(minute, minutes, place => {
      this.#points.set([0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], place * width)
    })
    this.#hours = new TimeRing(hour, retentionHours + 1, place => this.#distributions[place]?.clear())
  }

  record(value: number, time: Micros): void {
    const points = this.#points
    const at = this.#minutes.at(time) * width
    points[at]!++
    points[at + 1]! += value
    if (value < points[at + 2]!) points[at + 2] = value
    if (value > points[at + 3]!) points[at + 3] = value
    const place = this.#hours.at(time)
    this.#distributions[place] ??= new Distribution()
    this.#distributions[place].add(value)
  }

  /** The minutes in which something was recorded, oldest first. */
  points(from: Micros, to: Micros): MetricPoint[] {
    const points = this.#points
    const found: MetricPoint[] = []
    this.#minutes.each(from, to, (place, start) => {
      const at = place * width
      const [count, sum, min, max] = [points[at]!, points[at + 1]!, points[at + 2]!, points[at + 3]!]
      found.push({ time: formatTime(start), count, sum, min, max })
    })
    return found
  }

  /** Over whole hours: those that reach into the time asked for. */
  statistics(from: Micros, to: Micros): MetricStatistics {
    const all = new Distribution()
    this.#hours.each(from, to, place => all.merge(this.#distributions[place]!))
    const { count, sum } = all
    if (count === 0) return { count, sum, min: 0, max: 0, mean: 0, p50: 0, p95: 0, p99: 0 }
    return {
      count,
      sum,
      min: all.min,
      max: all.max,
      mean: sum / count,
      p50: all.percentile(0.5),
      p95: all.percentile(0.95),
      p99: all.percentile(0.99),
    }
  }
}

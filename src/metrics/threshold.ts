/**
 * A threshold is watched as a border: somebody is told when it is crossed, once, and not again before the value has gone
 * well back. A thousand events beyond it are one crossing.
 */
import type { Severity } from '../core/finding.ts'
import type { Micros } from '../core/time.ts'
import { Distribution } from './distribution.ts'
import type { Labels } from './labels.ts'
import type { ThresholdType } from './settings.ts'
import { hour, minute, second, TimeRing } from './time-ring.ts'

export interface ThresholdCrossing {
  readonly metricName: string
  readonly thresholdType: ThresholdType
  readonly thresholdValue: number
  readonly currentValue: number
  /** Of the recording that crossed it. */
  readonly labels: Labels
  /** RFC 3339 UTC. */
  readonly time: string
  readonly severity: Severity
}

const criticalMetrics = new Set(['tamper_attempts_detected', 'active_alerts'])

/** How grave a crossing is: the seed's rule. */
export function crossingSeverity(metricName: string, type: ThresholdType): Severity {
  if (criticalMetrics.has(metricName) || type === 'total' || type === 'critical_alerts') return 'critical'
  return type === 'p95' || type === 'p99' ? 'high' : 'medium'
}

/** What a threshold looks at beyond the values recorded. */
export interface Watched {
  /** The sum over all series. */
  total(): number
  /** The series with the label `severity` `critical`. */
  critical(): number
}

/** Watches one threshold of one metric, at the same cost for each value. */
export class ThresholdMonitor {
  readonly type: ThresholdType
  readonly limit: number
  readonly #measure: Measure
  #isBeyond = false

  constructor(type: ThresholdType, limit: number, watched: Watched) {
    this.type = type
    this.limit = limit
    this.#measure = measureOf(type, limit, watched)
  }

  take(value: number, time: Micros): void {
    this.#measure.take?.(value, time)
  }

  /** On which side the value is now, and whether this is when it came there. */
  look(time: Micros): 'within' | 'crossed' | 'beyond' {
    const was = this.#isBeyond
    this.#isBeyond = was ? !this.#measure.isBack(time) : this.#measure.isBeyond(time)
    if (!this.#isBeyond) return 'within'
    return was ? 'beyond' : 'crossed'
  }

  /** The value that is compared with the limit. */
  current(time: Micros): number {
    return this.#measure.current(time)
  }
}

interface Measure {
  take?(value: number, time: Micros): void
  isBeyond(time: Micros): boolean
  /** Whether a value that was beyond has gone back far enough. */
  isBack(time: Micros): boolean
  current(time: Micros): number
}

/** How far a value must go back: to four fifths of the limit. */
const back = 0.8

function measureOf(type: ThresholdType, limit: number, watched: Watched): Measure {
  switch (type) {
    case 'rate_per_minute':
      return rate(limit, second)
    case 'rate_per_hour':
      return rate(limit, minute)
    case 'total':
      return { isBeyond: () => watched.total() >= limit, isBack: () => false, current: () => watched.total() }
    case 'critical_alerts': {
      const current = () => watched.critical()
      return { isBeyond: () => current() >= limit, isBack: () => current() < limit * back, current }
    }
    case 'min_score': {
      // Half of the way up to a full score.
      const current = () => watched.total()
      return { isBeyond: () => current() < limit, isBack: () => current() >= (limit + 100) / 2, current }
    }
    case 'p95':
      return percentile(limit, 0.95)
    case 'p99':
      return percentile(limit, 0.99)
  }
}

/** The sum over the last 60 stretches of time, the one that has just begun among them. */
function rate(limit: number, stretch: number): Measure {
  const stretches = 60
  const sums = new Float64Array(stretches)
  const ring = new TimeRing(stretch, stretches, place => {
    sums[place] = 0
  })
  const current = (time: Micros): number => {
    let sum = 0
    ring.each(time - stretches * stretch, time, place => {
      sum += sums[place]!
    })
    return sum
  }
  return {
    take(value, time) {
      sums[ring.at(time)]! += value
    },
    isBeyond: time => current(time) > limit,
    isBack: time => current(time) < limit * back,
    current,
  }
}

/**
 * A percentile of the last hour. It is above the limit exactly when more than its share of the values is, so that they
 * need only be counted; it is back when half of that share is left. Few values have none: p95 needs twenty of them.
 */
function percentile(limit: number, share: number): Measure {
  const parts = 12
  const mayBeAbove = 1 - share
  const needed = Math.round(1 / mayBeAbove)
  const above = new Float64Array(parts)
  const values = Array.from({ length: parts }, () => new Distribution())
  const ring = new TimeRing(hour / parts, parts, place => {
    above[place] = 0
    values[place]!.clear()
  })
  const shareAbove = (time: Micros): number => {
    let count = 0
    let over = 0
    ring.each(time - hour, time, place => {
      count += values[place]!.count
      over += above[place]!
    })
    return count < needed ? 0 : over / count
  }
  const isBeyond = (time: Micros): boolean => shareAbove(time) > mayBeAbove
  return {
    take(value, time) {
      const place = ring.at(time)
      values[place]!.add(value)
      if (value > limit) above[place]!++
    },
    isBeyond,
    isBack: time => shareAbove(time) <= mayBeAbove / 2,
    current(time) {
      const all = new Distribution()
      ring.each(time - hour, time, place => all.merge(values[place]!))
      // Counting knows the side of the limit; the percentile has an error.
      return isBeyond(time) ? Math.max(all.percentile(share), limit) : Math.min(all.percentile(share), limit)
    },
  }
}

/**
 * Quantiles of any number of values in a few kilobytes: counts in buckets whose bounds grow by a fixed ratio, so that
 * each quantile is within 1 % of the value that has this rank. Masson, Rim, Lee: DDSketch, VLDB 2019.
 */

/** What is known of a set of numbers. `p50`, `p95`, `p99` are within {@link relativeError} of the value with this rank. */
export interface Statistics {
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** How far a quantile may be from the value that has its rank, as a share of it. */
export const relativeError = 0.01

const ratio = (1 + relativeError) / (1 - relativeError)
const logRatio = Math.log(ratio)
/** Below this, and where it is negative, a value counts as zero in quantiles; count, sum and bounds stay exact. */
const smallest = 1e-6
/** From here on all values are one. Milliseconds: thirty years. */
const largest = 1e12
const offset = Math.ceil(Math.log(smallest) / logRatio)
const bucketCount = Math.ceil(Math.log(largest) / logRatio) - offset + 2

/** As plain data, to cross a thread's border. */
export interface SketchState {
  readonly buckets: Uint32Array
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

export class Sketch {
  readonly #buckets = new Uint32Array(bucketCount)
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY

  /** @param value finite */
  add(value: number): void {
    this.#buckets[bucketOf(value)]!++
    this.#count++
    this.#sum += value
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  state(): SketchState {
    return { buckets: this.#buckets, count: this.#count, sum: this.#sum, min: this.#min, max: this.#max }
  }

  absorb({ buckets, count, sum, min, max }: SketchState): void {
    for (let i = 0; i < bucketCount; i++) this.#buckets[i]! += buckets[i]!
    this.#count += count
    this.#sum += sum
    this.#min = Math.min(this.#min, min)
    this.#max = Math.max(this.#max, max)
  }

  /** `undefined` when there was no value. */
  statistics(): Statistics | undefined {
    const count = this.#count
    if (count === 0) return undefined
    return {
      count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      mean: this.#sum / count,
      p50: this.#quantile(0.5),
      p95: this.#quantile(0.95),
      p99: this.#quantile(0.99),
    }
  }

  /** The smallest value that at least this share of all values does not exceed, as near as the buckets know it. */
  #quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count))
    let bucket = 0
    for (let seen = this.#buckets[0]!; seen < rank; seen += this.#buckets[bucket]!) bucket++
    const value = bucket === 0 ? 0 : (2 * ratio ** (bucket + offset - 1)) / (ratio + 1)
    return Math.min(Math.max(value, this.#min), this.#max)
  }
}

function bucketOf(value: number): number {
  if (value < smallest) return 0
  if (value >= largest) return bucketCount - 1
  return Math.ceil(Math.log(value) / logRatio) - offset + 1
}

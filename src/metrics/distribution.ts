/**
 * Many values as a few numbers: what they are in count, sum and extremes exactly, and in percentiles with a known error.
 *
 * The values are counted in buckets whose bounds grow by a fixed ratio (DDSketch: Masson, Rim and Lee, VLDB 2019), so that
 * adding one costs the same whether ten or ten million were added before, and two distributions can be put together.
 */

/** A percentile is at most this far from the value of that rank, as a share of it. */
export const percentileError = 0.025

const lowest = 1e-3
const highest = 1e7
const ratio = (1 + percentileError) / (1 - percentileError)
const logRatio = Math.log(ratio)
const bucketCount = Math.ceil(Math.log(highest / lowest) / logRatio) + 1

/** Bucket 0 has whatever is not above `lowest`, bucket i what is not above `lowest` · ratioⁱ, the last one the rest. */
function bucketOf(value: number): number {
  if (!(value > lowest)) return 0
  return Math.min(Math.ceil(Math.log(value / lowest) / logRatio), bucketCount - 1)
}

export class Distribution {
  readonly #buckets = new Uint32Array(bucketCount)
  count = 0
  sum = 0
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY

  add(value: number): void {
    this.count++
    this.sum += value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
    this.#buckets[bucketOf(value)]!++
  }

  /** Takes in the values of another. */
  merge(other: Distribution): void {
    this.count += other.count
    this.sum += other.sum
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
    for (let i = 0; i < bucketCount; i++) this.#buckets[i]! += other.#buckets[i]!
  }

  clear(): void {
    this.#buckets.fill(0)
    this.count = 0
    this.sum = 0
    this.min = Number.POSITIVE_INFINITY
    this.max = Number.NEGATIVE_INFINITY
  }

  /**
   * The smallest value that a share of all values does not exceed (nearest rank), 0 when there is none. Exact to
   * {@link percentileError} between 0.001 and 10 000 000; what lies beyond is told apart only by the extremes.
   *
   * @param share 0–1: 0.95 for p95
   */
  percentile(share: number): number {
    if (this.count === 0) return 0
    const rank = Math.max(1, Math.ceil(share * this.count))
    let bucket = 0
    for (let seen = this.#buckets[0]!; seen < rank; seen += this.#buckets[bucket]!) bucket++
    if (bucket === 0) return this.min
    if (bucket === bucketCount - 1) return this.max
    // The value in the middle, as far from both bounds in proportion.
    const middle = (lowest * ratio ** bucket * 2) / (1 + ratio)
    return Math.min(Math.max(middle, this.min), this.max)
  }
}

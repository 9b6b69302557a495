/** Numbers at random that come again with their seed. */

/** The seed of a test: `MEMMIMIC_SEED`, or one that nobody chose; printed, so that a failure can be run again. */
export function seedOf(test: string): number {
  const given = process.env.MEMMIMIC_SEED
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  console.info(`${test}: MEMMIMIC_SEED=${seed}`)
  return seed
}

/** The generator "mulberry32": small, fast, and good enough to choose tests with. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to but not including `bound`, for bounds up to 2^53. */
  below(bound: number): number {
    if (bound <= 2 ** 31) return Math.floor(this.next() * bound)
    return Math.floor(
      ((Math.floor(this.next() * 2 ** 26) * 2 ** 27 + Math.floor(this.next() * 2 ** 27)) / 2 ** 53) * bound,
    )
  }

  some(count: number, bound: number): number[] {
    return Array.from({ length: count }, () => this.below(bound))
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  chance(part: number): boolean {
    return this.next() < part
  }
}

/** The outside world as the append path sees it, passed in so that tests can hold it still. */
import { randomFillSync } from 'node:crypto'
import { type Micros, uuidv7 } from '../core/time.ts'

export interface World {
  /** Microseconds since 1970. */
  now(): Micros
  /** Fresh random bytes. */
  random(length: number): Uint8Array
}

/** Wall time to the microsecond: the system's milliseconds, subdivided by the monotonic clock. */
export function systemWorld(): World {
  let wall = Date.now()
  let mark = performance.now()
  return {
    now() {
      const ms = Date.now()
      let passed = performance.now() - mark
      // The two clocks drift apart, and the wall clock may be set: follow it.
      if (Math.abs(wall + passed - ms) > 1.5) {
        wall = ms
        mark = performance.now()
        passed = 0
      }
      return Math.floor((wall + passed) * 1000)
    },
    random: length => drawn(length),
  }
}

let pool = new Uint8Array(0)

/** Random bytes, small amounts out of a larger draw: asking the system takes longer than the bytes. */
function drawn(length: number): Uint8Array {
  if (length > 1024) return randomFillSync(new Uint8Array(length))
  if (length > pool.length) pool = randomFillSync(new Uint8Array(16_384))
  const bytes = pool.subarray(0, length)
  pool = pool.subarray(length)
  return bytes
}

/** Makes version 7 UUIDs from random bytes drawn many at a time. */
export class IdSource {
  readonly #world: World
  /** What of an id is random, ready to be put behind a time. */
  #ends: string[] = []
  #used = 0
  #ms = -1
  #start = ''

  constructor(world: World) {
    this.#world = world
  }

  next(time: Micros): string {
    const ms = Math.floor(time / 1000)
    if (this.#used === this.#ends.length) {
      const random = Buffer.from(this.#world.random(10 * 256)).toString('hex')
      this.#ends = Array.from({ length: 256 }, (_, i) => endOf(random.slice(20 * i, 20 * i + 20)))
      this.#used = 0
    }
    if (ms !== this.#ms) {
      this.#start = uuidv7(ms, new Uint8Array(10)).slice(0, 14)
      this.#ms = ms
    }
    return this.#start + this.#ends[this.#used++]!
  }
}

/** The random half of a version 7 UUID out of 20 hex digits, with its version and variant. */
function endOf(hex: string): string {
  const variant = '89ab'[Number.parseInt(hex[4]!, 16) & 3]
  return `7${hex.slice(1, 4)}-${variant}${hex.slice(5, 8)}-${hex.slice(8)}`
}

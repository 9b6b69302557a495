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
    random: length => randomFillSync(new Uint8Array(length)),
  }
}

/** Makes ids from random bytes drawn many at a time. */
export class IdSource {
  readonly #world: World
  #pool: Uint8Array = new Uint8Array(0)
  #at = 0

  constructor(world: World) {
    this.#world = world
  }

  next(time: Micros): string {
    if (this.#at + 10 > this.#pool.length) {
      this.#pool = this.#world.random(10 * 256)
      this.#at = 0
    }
    const id = uuidv7(Math.floor(time / 1000), this.#pool, this.#at)
    this.#at += 10
    return id
  }
}

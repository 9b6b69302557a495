/** A circle of places, each for the same stretch of time. What has become too old goes when its place is needed again. */
import type { Micros } from '../core/time.ts'

export const second = 1e6
export const minute = 60 * second
export const hour = 60 * minute

export class TimeRing {
  readonly #stretch: number
  /** Which stretch of time each place holds, counted from 1970. */
  readonly #held: Float64Array
  readonly #clear: (place: number) => void

  /**
   * @param stretch microseconds
   * @param places how many stretches are kept, the current one among them
   * @param clear makes a place ready for another stretch
   */
  constructor(stretch: number, places: number, clear: (place: number) => void) {
    this.#stretch = stretch
    this.#held = new Float64Array(places).fill(-1)
    this.#clear = clear
  }

  /** The place of a moment, cleared when what it holds is of another stretch. */
  at(time: Micros): number {
    const stretch = Math.floor(time / this.#stretch)
    const place = stretch % this.#held.length
    if (this.#held[place] !== stretch) {
      this.#clear(place)
      this.#held[place] = stretch
    }
    return place
  }

  /** Calls `visit` for each place in use that reaches into the time between `from` and `to`, oldest first. */
  each(from: Micros, to: Micros, visit: (place: number, start: Micros) => void): void {
    const last = Math.floor(to / this.#stretch)
    const first = Math.max(Math.floor(from / this.#stretch), last - this.#held.length + 1)
    for (let stretch = first; stretch <= last; stretch++) {
      const place = stretch % this.#held.length
      if (this.#held[place] === stretch) visit(place, stretch * this.#stretch)
    }
  }
}

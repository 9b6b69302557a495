/** A clock that runs fast, the same in every process: days pass in a run, so that content and leaves grow old in it. */
import { systemWorld, type World } from '../src/append/clock.ts'
import type { Micros } from '../src/core/time.ts'

/** Days that pass in a run, however long it is. */
export const daysPerRun = 12

export interface Speed {
  /** When the run began. */
  readonly start: Micros
  /** How many times faster than the wall's this clock runs. */
  readonly factor: number
}

export function fastWorld({ start, factor }: Speed): World {
  const world = systemWorld()
  return { ...world, now: () => Math.floor(start + Math.max(0, world.now() - start) * factor) }
}

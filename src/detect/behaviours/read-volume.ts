import type { Micros } from '../../core/time.ts'
import type { BehaviourSettings } from '../settings.ts'
import { actionOf, type Doing, isDone, nameOf } from './action.ts'
import { type Behaviour, type Mark, sightingOf, withMark } from './behaviour.ts'

/** What is known of one actor's reads. */
export interface Reads {
  /** When the window began in which reads are counted now. */
  readonly since: Micros
  readonly count: number
  /** Reads in a window in which it reads at all, of late; `undefined` before the first window has passed. */
  readonly usual: number | undefined
  readonly marks: readonly Mark[]
}

/** How much of what is usual the newest window makes. */
const weight = 0.3
const shown = 10

/**
 * One actor reads far more than it used to. What is usual follows what happens, but slowly: a window counts for no more
 * than would have been remarkable.
 */
export function readVolume(
  { windowSeconds, atLeast, factor, severity }: BehaviourSettings['readVolume'],
  doingOf: (action: string) => Doing | undefined,
): Behaviour<Reads> {
  const name = 'read_volume'
  const limitOf = (usual: number | undefined) => Math.max(atLeast, factor * (usual ?? 0))
  return {
    name,
    judge(memory, entry, at) {
      const action = actionOf(entry)
      if (entry.actor === undefined || !isDone(entry) || doingOf(action) !== 'read') return undefined
      const who = nameOf(entry.actor)
      let { since, count, usual, marks } = memory.get(who) ?? { since: at, count: 0, usual: undefined, marks: [] }
      if (at - since >= windowSeconds * 1e6) {
        const passed = Math.min(count, limitOf(usual))
        usual = usual === undefined ? passed : usual + weight * (passed - usual)
        since = at
        count = 0
      }
      count++
      const mark = { at, seq: entry.seq, action }
      marks = withMark(marks, mark, windowSeconds, shown)
      const state = [[who, { since, count, usual, marks }]] as const
      const limit = limitOf(usual)
      if (count < limit) return { state }
      const sighting = sightingOf(name, count === Math.ceil(limit) ? marks : [mark], {
        type: 'suspicious_pattern',
        severity,
        description: `one actor read more than ${Math.floor(limit)} times within ${windowSeconds} s`,
        component: entry.component,
        subject: who,
        about: who,
        confidence: usual === undefined ? 0.5 : 0.9,
      })
      return { state, sighting }
    },
  }
}

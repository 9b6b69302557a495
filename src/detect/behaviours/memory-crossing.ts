import type { Micros } from '../../core/time.ts'
import type { CountedBehaviour } from '../settings.ts'
import { actionOf, type Doing, isDone, principalOf } from './action.ts'
import { type Behaviour, type Mark, marksOf, severityOf, sightingOf, withMark } from './behaviour.ts'

/** For whom a memory was written last; or which memories of one person were used for another. */
export type Crossing =
  | { readonly writtenFor: string; readonly at: Micros }
  | { readonly uses: readonly (Mark & { readonly memoryId: string })[] }

/**
 * Memories that were written for one person are used for another soon after: the way of a poisoned memory. Agents that
 * share the memories of one person, or that work in nobody's name, are ordinary.
 */
export function memoryCrossing(
  settings: CountedBehaviour,
  doingOf: (action: string) => Doing | undefined,
): Behaviour<Crossing> {
  const { threshold, windowSeconds } = settings
  const name = 'memory_crossing'
  return {
    name,
    judge(memory, entry, at) {
      const { memoryId, component, seq } = entry
      const principal = principalOf(entry.actor)
      if (memoryId === undefined || principal === undefined || !isDone(entry)) return undefined
      const action = actionOf(entry)
      const doing = doingOf(action)
      const place = `memory ${memoryId} of ${component}`
      if (doing === 'write') return { state: [[place, { writtenFor: principal, at }]] }
      const written = memory.get(place)
      if (doing !== 'read' || written === undefined || !('writtenFor' in written)) return undefined
      const { writtenFor } = written
      if (writtenFor === principal || at - written.at > windowSeconds * 1e6) return undefined
      const way = `from ${writtenFor} to ${principal}`
      const known = memory.get(way)
      const before = known !== undefined && 'uses' in known ? known.uses : []
      const uses = withMark(
        before.filter(use => use.memoryId !== memoryId),
        { at, seq, action, memoryId },
        windowSeconds,
        marksOf(settings),
      )
      const state = [[way, { uses }]] as const
      if (uses.length < threshold) return { state }
      const sighting = sightingOf(name, uses.length === threshold ? uses : uses.slice(-1), {
        type: 'suspicious_pattern',
        severity: severityOf(uses.length, settings),
        description: `${threshold} memories or more, written for one person, were used for another within ${windowSeconds} s`,
        component,
        subject: way,
        about: way,
        confidence: 0.6,
      })
      return { state, sighting }
    },
  }
}

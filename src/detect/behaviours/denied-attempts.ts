import type { AppendedEntry } from '../../core/events.ts'
import type { BehaviourSettings } from '../settings.ts'
import { actionOf, whoOf } from './action.ts'
import { type Behaviour, type Mark, marksOf, severityOf, sightingOf, withMark } from './behaviour.ts'

/** One actor is refused again and again: by a tool, by governance, or by this log. */
export function deniedAttempts(settings: BehaviourSettings['deniedAttempts']): Behaviour<readonly Mark[]> {
  const { threshold, windowSeconds, ignoredOperations } = settings
  const name = 'denied_attempts'
  const isRefusal = ({ kind, operation, outcome }: AppendedEntry) =>
    kind === 'control'
      ? operation === 'access.refused'
      : kind !== 'intent' && outcome === 'denied' && !ignoredOperations.includes(operation)
  return {
    name,
    judge(memory, entry, at) {
      if (!isRefusal(entry)) return undefined
      const who = whoOf(entry)
      const mark = { at, seq: entry.seq, action: actionOf(entry) }
      const marks = withMark(memory.get(who), mark, windowSeconds, marksOf(settings))
      if (marks.length < threshold) return { state: [[who, marks]] }
      const sighting = sightingOf(name, marks.length === threshold ? marks : [mark], {
        type: 'unauthorized_access',
        severity: severityOf(marks.length, settings),
        description: `one actor was refused ${threshold} times or more within ${windowSeconds} s`,
        component: entry.component,
        subject: who,
        about: who,
      })
      return { state: [[who, marks]], sighting }
    },
  }
}

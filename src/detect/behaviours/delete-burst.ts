import type { CountedBehaviour } from '../settings.ts'
import { actionOf, type Doing, isDone, whoOf } from './action.ts'
import { type Behaviour, type Mark, marksOf, severityOf, sightingOf, withMark } from './behaviour.ts'

/** One actor deletes much in a short time. */
export function deleteBurst(
  settings: CountedBehaviour,
  doingOf: (action: string) => Doing | undefined,
): Behaviour<readonly Mark[]> {
  const { threshold, windowSeconds } = settings
  const name = 'delete_burst'
  return {
    name,
    judge(memory, entry, at) {
      const action = actionOf(entry)
      if (!isDone(entry) || doingOf(action) !== 'delete') return undefined
      const who = whoOf(entry)
      const marks = withMark(memory.get(who), { at, seq: entry.seq, action }, windowSeconds, marksOf(settings))
      if (marks.length < threshold) return { state: [[who, marks]] }
      const sighting = sightingOf(name, marks.length === threshold ? marks : marks.slice(-1), {
        type: 'bulk_modification',
        severity: severityOf(marks.length, settings),
        description: `one actor deleted ${threshold} times or more within ${windowSeconds} s`,
        component: entry.component,
        subject: who,
        about: who,
      })
      return { state: [[who, marks]], sighting }
    },
  }
}

import type { BehaviourSettings } from '../settings.ts'
import { actionOf, whoOf } from './action.ts'
import { type Behaviour, type Mark, sightingOf, withMark } from './behaviour.ts'

/** After failing again and again, one actor succeeds with the same thing: it may have guessed. */
export function failuresThenSuccess({
  threshold,
  windowSeconds,
  severity,
  ignoredErrors,
}: BehaviourSettings['failuresThenSuccess']): Behaviour<readonly Mark[]> {
  const name = 'failures_then_success'
  return {
    name,
    judge(memory, entry, at) {
      const { kind, outcome, component, attributes } = entry
      if (kind !== 'event' && kind !== 'outcome') return undefined
      const action = actionOf(entry)
      const who = whoOf(entry)
      const key = `${who} ${component} ${action}`
      const mark = { at, seq: entry.seq, action }
      if (outcome === 'failure' || outcome === 'denied') {
        if (ignoredErrors.includes(String(attributes?.['error.type']))) return undefined
        return { state: [[key, withMark(memory.get(key), mark, windowSeconds, threshold)]] }
      }
      const before = memory.get(key)
      if (outcome !== 'success' || before === undefined) return undefined
      const state = [[key, undefined]] as const
      const marks = withMark(before, mark, windowSeconds, threshold + 1)
      if (marks.length <= threshold) return { state }
      const sighting = sightingOf(name, marks, {
        type: 'unauthorized_access',
        severity,
        description: `one actor succeeded with ${action} after ${threshold} failures or more in a row`,
        component,
        subject: who,
        about: key,
        confidence: 0.6,
      })
      return { state, sighting }
    },
  }
}

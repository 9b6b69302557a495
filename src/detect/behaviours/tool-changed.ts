import type { BehaviourSettings } from '../settings.ts'
import { actionOf } from './action.ts'
import { type Behaviour, sightingOf } from './behaviour.ts'

/**
 * A tool is not what it was: its definition has another digest than when it was listed or called last. The recorder
 * writes the digest with each call, and `tools/changed` when a listing differs from the one before. A tool that was
 * taken away and comes back as another one is found too.
 */
export function toolChanged({ severity }: BehaviourSettings['toolChanged']): Behaviour<string> {
  const name = 'tool_changed'
  return {
    name,
    judge(memory, entry, at) {
      const digest = entry.attributes?.['mcp.tool.digest']
      if (typeof digest !== 'string') return undefined
      const tool = actionOf(entry)
      const key = `${entry.component} ${tool}`
      const previous = memory.get(key) ?? entry.attributes?.['mcp.tool.digest.previous']
      if (previous === digest) return undefined
      const state = [[key, digest]] as const
      if (previous === undefined) return { state }
      const mark = { at, seq: entry.seq, action: entry.operation }
      const sighting = sightingOf(name, [mark], {
        type: 'suspicious_pattern',
        severity,
        description: `the definition of the tool ${tool} was changed`,
        component: entry.component,
        about: key,
      })
      const [evidence] = sighting.evidence
      return {
        state,
        sighting: { ...sighting, evidence: [{ ...evidence!, expected: String(previous), actual: digest }] },
      }
    },
  }
}

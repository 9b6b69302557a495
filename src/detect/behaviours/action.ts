/** What an entry says that was done, and by whom. */
import type { Actor } from '../../core/entry.ts'
import type { AppendedEntry } from '../../core/events.ts'
import type { BehaviourSettings } from '../settings.ts'

export type Doing = 'delete' | 'read' | 'write'

/** The tool that was called, or the operation. */
export function actionOf({ operation, attributes }: AppendedEntry): string {
  const tool = attributes?.['gen_ai.tool.name']
  return typeof tool === 'string' ? tool : operation
}

/** Tells what names of operations and tools stand for, by the first word in them that is known. */
export function doings(words: BehaviourSettings['words']): (action: string) => Doing | undefined {
  const known = new Map<string, Doing>()
  for (const doing of ['delete', 'read', 'write'] as const) for (const word of words[doing]) known.set(word, doing)
  // The same few names come again and again.
  const judged = new Map<string, Doing | undefined>()
  return action => {
    if (judged.has(action)) return judged.get(action)
    const doing = wordsOf(action)
      .map(word => known.get(word))
      .find(found => found !== undefined)
    if (judged.size >= 1000) judged.clear()
    judged.set(action, doing)
    return doing
  }
}

/** `deleteMemory`, `delete_memory` and `memory/delete` have the same words. */
function wordsOf(name: string): string[] {
  return name
    .slice(0, 256)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
}

/** Whether an entry says that something was done: not that it is about to be, and not that it failed. */
export function isDone({ kind, outcome }: AppendedEntry): boolean {
  return (kind === 'event' || kind === 'outcome') && (outcome === undefined || outcome === 'success')
}

/** Who did it, with whom it was done for; where nobody is named, the component. */
export function whoOf({ actor, component }: AppendedEntry): string {
  return actor === undefined ? `component ${component}` : nameOf(actor)
}

/** An actor as a text: one agent that works for two people is two. */
export function nameOf({ type, id, onBehalfOf }: Actor): string {
  return onBehalfOf === undefined ? `${type}:${id}` : `${type}:${id} for ${onBehalfOf.type}:${onBehalfOf.id}`
}

/** The person in whose name something was done, where one is named. */
export function principalOf(actor: Actor | undefined): string | undefined {
  const principal = actor?.onBehalfOf ?? (actor?.type === 'user' ? actor : undefined)
  return principal && `${principal.type}:${principal.id}`
}

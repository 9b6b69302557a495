/** Shows each entry to every behaviour, and keeps what they remember, within a bound. */
import type { AppendedEntry } from '../../core/events.ts'
import { parseTime } from '../../core/time.ts'
import type { Sighting } from '../alert-book.ts'
import type { BehaviourSettings } from '../settings.ts'
import { doings } from './action.ts'
import type { Behaviour } from './behaviour.ts'
import { deleteBurst } from './delete-burst.ts'
import { deniedAttempts } from './denied-attempts.ts'
import { failuresThenSuccess } from './failures-then-success.ts'
import { memoryCrossing } from './memory-crossing.ts'
import { readVolume } from './read-volume.ts'
import { RecentMap } from './recent-map.ts'
import { toolChanged } from './tool-changed.ts'

/** The behaviours that are switched on. */
export function behavioursOf(settings: BehaviourSettings): Behaviour<unknown>[] {
  const doingOf = doings(settings.words)
  const all = [
    [settings.deleteBurst, deleteBurst(settings.deleteBurst, doingOf)],
    [settings.toolChanged, toolChanged(settings.toolChanged)],
    [settings.readVolume, readVolume(settings.readVolume, doingOf)],
    [settings.failuresThenSuccess, failuresThenSuccess(settings.failuresThenSuccess)],
    [settings.deniedAttempts, deniedAttempts(settings.deniedAttempts)],
    [settings.memoryCrossing, memoryCrossing(settings.memoryCrossing, doingOf)],
  ] as const
  return all.filter(([{ enabled }]) => enabled).map(([, behaviour]) => behaviour as Behaviour<unknown>)
}

/** Keys that one behaviour remembers. */
const maxKeys = 20_000

export class BehaviourWatch {
  readonly #watched: readonly { readonly behaviour: Behaviour<unknown>; readonly memory: RecentMap<unknown> }[]

  constructor(settings: BehaviourSettings) {
    this.#watched = behavioursOf(settings).map(behaviour => ({ behaviour, memory: new RecentMap(maxKeys) }))
  }

  /** What an entry completes, or goes on with. */
  observe(entry: AppendedEntry): Sighting[] {
    const sightings: Sighting[] = []
    const at = parseTime(entry.time) ?? 0
    for (const { behaviour, memory } of this.#watched) {
      const judgement = behaviour.judge(memory, entry, at)
      if (judgement === undefined) continue
      for (const [key, state] of judgement.state) {
        if (state === undefined) memory.delete(key)
        else memory.set(key, state)
      }
      if (judgement.sighting !== undefined) sightings.push(judgement.sighting)
    }
    return sightings
  }
}

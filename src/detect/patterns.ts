/**
 * Patterns: so many events of some types, within so long, are more than each of them alone.
 *
 * One engine for all patterns, built in or configured. An event costs the same whatever came before it: of each pattern
 * and group no more events are remembered than it takes to know that there are too many.
 */
import { type FindingType, findingTypes, type Severity, severities } from '../core/finding.ts'
import { badInput } from '../core/json.ts'
import type { Micros } from '../core/time.ts'
import type { TamperPattern } from './settings.ts'
import { oneStepUp } from './severity.ts'

/** Something that was noticed, as patterns see it. */
export interface TamperEvent {
  readonly time: Micros
  readonly type: FindingType
  readonly component: string
  /** The entry concerned, by number or id. */
  readonly entry?: string | undefined
}

/** A pattern has as many events as it takes. */
export interface PatternMatch<Event extends TamperEvent> {
  readonly pattern: string
  readonly settings: TamperPattern
  /** What the events have in common: a component, an entry, or nothing. */
  readonly group: string
  /** Events within the window; beyond `threshold × escalation + 1` they are not counted any more. */
  readonly count: number
  /** The newest of them, ten at most. */
  readonly events: readonly Event[]
  /** One step above that of the pattern when there are more than `threshold × escalation`. */
  readonly severity: Severity
}

/** Events that an alert shows. */
export const maxEvidence = 10

/**
 * Judges the patterns of a configuration.
 *
 * @param path what they are called in an error
 * @throws AuditError `bad_input`
 */
export function checkPatterns(patterns: { readonly [name: string]: TamperPattern }, path = '$.patterns'): void {
  for (const [name, pattern] of Object.entries(patterns)) {
    const here = `${path}.${name}`
    const { types, threshold, windowSeconds, severity, grouping, escalation } = pattern
    if (!Array.isArray(types) || types.length === 0) throw badInput(`${here}.types`, 'must be a list of finding types')
    for (const type of types) {
      if (!findingTypes.includes(type as never))
        throw badInput(`${here}.types`, `${JSON.stringify(type)} is no type of finding`)
    }
    if (!Number.isInteger(threshold) || threshold < 1 || threshold > 10_000) {
      throw badInput(`${here}.threshold`, 'must be an integer from 1 to 10000')
    }
    if (!(windowSeconds >= 1 && windowSeconds <= 2_592_000)) {
      throw badInput(`${here}.windowSeconds`, 'must be from 1 to 2592000 seconds')
    }
    if (!severities.includes(severity)) throw badInput(`${here}.severity`, `must be one of ${severities.join(', ')}`)
    if (!['all', 'component', 'entry'].includes(grouping)) {
      throw badInput(`${here}.grouping`, 'must be one of all, component, entry')
    }
    if (!(escalation >= 1 && escalation <= 100)) throw badInput(`${here}.escalation`, 'must be from 1 to 100')
  }
}

/**
 * Counts events.
 *
 * @example
 * const engine = new PatternEngine(builtInPatterns)
 * for (const match of engine.observe({ time, type: 'hash_mismatch', component: 'entries' })) alarm(match)
 */
export class PatternEngine<Event extends TamperEvent = TamperEvent> {
  /** What is counted, by the type of event. */
  readonly #byType = new Map<FindingType, Counter<Event>[]>()
  readonly #counters: Counter<Event>[] = []

  /**
   * @param maxEvents events in memory, of all patterns together; when there are more, the group that was touched longest
   * ago is forgotten
   * @throws AuditError `bad_input` for a pattern that makes no sense
   */
  constructor(patterns: { readonly [name: string]: TamperPattern }, maxEvents = 5_000) {
    checkPatterns(patterns)
    const active = Object.entries(patterns).filter(([, { enabled }]) => enabled ?? true)
    for (const [name, settings] of active) {
      const counter = new Counter<Event>(name, settings, Math.ceil(maxEvents / active.length))
      this.#counters.push(counter)
      for (const type of new Set(settings.types)) {
        const others = this.#byType.get(type)
        if (others === undefined) this.#byType.set(type, [counter])
        else others.push(counter)
      }
    }
  }

  /** Takes an event, and gives the patterns that it completes or goes on with. */
  observe(event: Event): PatternMatch<Event>[] {
    const matches: PatternMatch<Event>[] = []
    for (const counter of this.#byType.get(event.type) ?? []) {
      const match = counter.observe(event)
      if (match !== undefined) matches.push(match)
    }
    return matches
  }

  /** Events in memory. */
  get size(): number {
    return this.#counters.reduce((sum, { size }) => sum + size, 0)
  }
}

/** The events of one pattern, by group; the group that was touched last stands last. */
class Counter<Event extends TamperEvent> {
  readonly name: string
  readonly #settings: TamperPattern
  readonly #maxEvents: number
  /** Events that a group remembers: one more than are needed for the higher severity. */
  readonly #maxInGroup: number
  readonly #groups = new Map<string, Recent<Event>>()
  size = 0

  constructor(name: string, settings: TamperPattern, maxEvents: number) {
    this.name = name
    this.#settings = settings
    this.#maxInGroup = Math.max(Math.floor(settings.threshold * settings.escalation) + 1, maxEvidence)
    this.#maxEvents = Math.max(maxEvents, this.#maxInGroup)
  }

  observe(event: Event): PatternMatch<Event> | undefined {
    const { threshold, windowSeconds, severity, escalation } = this.#settings
    const group = this.#groupOf(event)
    if (group === undefined) return undefined
    const recent = this.#groups.get(group) ?? new Recent<Event>()
    this.#groups.delete(group)
    this.#groups.set(group, recent)
    this.size -= recent.size
    recent.push(event, event.time - windowSeconds * 1e6, this.#maxInGroup)
    this.size += recent.size
    this.#makeRoom()
    const count = recent.size
    if (count < threshold) return undefined
    return {
      pattern: this.name,
      settings: this.#settings,
      group,
      count,
      events: recent.newest(maxEvidence),
      severity: count > threshold * escalation ? oneStepUp(severity) : severity,
    }
  }

  #groupOf({ component, entry }: Event): string | undefined {
    switch (this.#settings.grouping) {
      case 'all':
        return ''
      case 'component':
        return component
      case 'entry':
        return entry
    }
  }

  #makeRoom(): void {
    for (const [group, { size }] of this.#groups) {
      if (this.size <= this.#maxEvents || this.#groups.size === 1) return
      this.#groups.delete(group)
      this.size -= size
    }
  }
}

/** The newest events, in order of time. Those at the front go; the array is cut when half of it is gone. */
class Recent<Event extends TamperEvent> {
  #events: Event[] = []
  #first = 0

  get size(): number {
    return this.#events.length - this.#first
  }

  push(event: Event, since: Micros, max: number): void {
    this.#events.push(event)
    while (this.size > max || this.#events[this.#first]!.time < since) this.#first++
    if (this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
  }

  newest(max: number): Event[] {
    return this.#events.slice(Math.max(this.#first, this.#events.length - max))
  }
}

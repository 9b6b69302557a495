/**
 * A behaviour: what a run of ordinary entries may say together.
 *
 * Each is a function of what it remembers and of one entry, to what it remembers now and, maybe, a sighting. It changes
 * nothing itself, and knows no clock but the time of the entry.
 */
import type { AppendedEntry } from '../../core/events.ts'
import type { Severity } from '../../core/finding.ts'
import { unite } from '../../core/ranges.ts'
import { formatTime, type Micros } from '../../core/time.ts'
import type { Evidence } from '../alert.ts'
import type { Sighting } from '../alert-book.ts'
import { maxEvidence } from '../patterns.ts'
import type { CountedBehaviour } from '../settings.ts'
import { oneStepUp } from '../severity.ts'

/** What a behaviour remembers, by key: a `Map` is one. */
export interface Memory<State> {
  get(key: string): State | undefined
}

export interface Judgement<State> {
  /** What is remembered now under these keys; `undefined` is nothing any more. All else stays as it was. */
  readonly state: readonly (readonly [key: string, state: State | undefined])[]
  readonly sighting?: Sighting
}

export interface Behaviour<State> {
  readonly name: string
  /** `undefined` when the entry says nothing to this behaviour. */
  judge(memory: Memory<State>, entry: AppendedEntry, at: Micros): Judgement<State> | undefined
}

/** An entry that counts. */
export interface Mark {
  readonly at: Micros
  readonly seq: number
  readonly action: string
}

/** The marks of a window with a new one, the oldest left out when there are more than `max`. */
export function withMark<M extends Mark>(
  marks: readonly M[] | undefined,
  mark: M,
  windowSeconds: number,
  max: number,
): M[] {
  const since = mark.at - windowSeconds * 1e6
  return [...(marks ?? []).filter(({ at }) => at >= since), mark].slice(-max)
}

/** As many marks as it takes to know that there are too many. */
export function marksOf({ threshold, escalation }: CountedBehaviour): number {
  return Math.floor(threshold * escalation) + 1
}

/** The severity of so many: one step higher above `threshold × escalation`. */
export function severityOf(count: number, { threshold, escalation, severity }: CountedBehaviour): Severity {
  return count > threshold * escalation ? oneStepUp(severity) : severity
}

/** The sighting of a behaviour; its entries are those of the marks. */
export function sightingOf(
  name: string,
  marks: readonly Mark[],
  sighting: Pick<Sighting, 'type' | 'severity' | 'description' | 'component' | 'subject'> & {
    /** What it is about besides the behaviour: the same again is the same alert. */
    readonly about: string
    readonly confidence?: number
  },
): Sighting {
  const { about, confidence = 1, ...rest } = sighting
  const evidence = marks.slice(-maxEvidence).map(
    ({ at, seq, action }): Evidence => ({
      time: formatTime(at),
      type: rest.type,
      component: rest.component,
      seq,
      operation: action,
    }),
  )
  return {
    ...rest,
    source: 'pattern',
    pattern: name,
    key: `${name} ${about}`,
    confidence,
    entries: unite(marks.map(({ seq }) => [seq, seq])),
    ids: [],
    evidence,
  }
}

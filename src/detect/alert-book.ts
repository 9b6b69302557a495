/**
 * The alerts that are at hand: what is the same becomes one, what is old goes, and each is what its steps say.
 *
 * No clock, no disk, nobody to tell: whoever keeps the book writes the steps down and passes the news on. The book is
 * bounded, and a call costs the same however much is in it.
 */
import { type FindingType, type Severity, severities } from '../core/finding.ts'
import type { Range } from '../core/ranges.ts'
import { formatTime, type Micros } from '../core/time.ts'
import type { Alert, AlertHistory, AlertStep, CountedStep, Evidence, HandledStep, RaisedStep } from './alert.ts'
import { maxEvidence } from './patterns.ts'
import { Places, Runs } from './places.ts'
import type { DetectSettings } from './settings.ts'
import { rankOf, worse } from './severity.ts'
import { Shelf } from './shelf.ts'

/** Something that is worth an alert, whoever saw it. */
export type Sighting = Omit<RaisedStep, 'step' | 'alert' | 'time'>

/** What became of a sighting. */
export interface Seen {
  /** The id of its alert. */
  readonly alert: string
  /** Whether nothing of it was known, or it was thought to be over. */
  readonly isNew: boolean
  /** To be written down, in this order; none when only the count is another. */
  readonly steps: readonly AlertStep[]
  /** What somebody should hear of. */
  readonly news?: 'raised' | 'escalated' | 'reopened'
}

export interface ComponentHealth {
  /** Compromised by an open alert that is high or critical, degraded by one that is medium. */
  readonly status: 'healthy' | 'degraded' | 'compromised'
  /** Alerts that are not resolved. */
  readonly openAlerts: number
  /** Alerts of this component, resolved ones included, since they began to be counted. */
  readonly tamperCount: number
  /** RFC 3339 UTC. */
  readonly lastTamper: string
}

/** Runs of entries that one alert lists. */
const maxRuns = 1000
/** Ids that one alert lists. */
const maxIds = 100
/** Steps that an alert lists; the log has all of them. */
const maxHistory = 500
/** Components whose health is known; where there are more, healthy ones are forgotten. */
const maxComponents = 1000

/** An alert as the book keeps it. */
interface Held {
  readonly id: string
  readonly first: RaisedStep
  readonly entries: Runs
  readonly ids: string[]
  readonly history: AlertHistory[]
  severity: Severity
  confidence: number
  count: number
  lastSeen: Micros
  evidence: readonly Evidence[]
  acknowledged: boolean
  /** When it was resolved, if it is. */
  resolvedAt: Micros | undefined
  /** What the log says of it. */
  written: { readonly count: number; readonly entries: number }
  /** The entries and ids as they are told, and how many there were then. */
  affected: { readonly entries: number; readonly ids: number; readonly list: readonly string[] }
}

interface Component {
  /** Alerts that are not resolved, by the rank of their severity. */
  readonly open: number[]
  tamperCount: number
  lastTamper: Micros
}

export class AlertBook {
  #settings: Pick<DetectSettings, 'deduplication' | 'retention'>
  readonly #newId: () => string
  readonly #alerts = new Map<string, Held>()
  /** The same thing again: by the key of a pattern or a part of the log, by the id of an entry, by its number. */
  readonly #byKey = new Map<string, string>()
  readonly #byEntry = new Map<FindingType, Places>()
  /** By how soon they may be let go of when there are too many: resolved ones first, in the order of their ends. */
  readonly #shelves: readonly Shelf[] = Array.from({ length: 2 * severities.length + 1 }, () => new Shelf())
  readonly #active = severities.map(() => 0)
  readonly #components = new Map<string, Component>()
  /** In which entries alerts were resolved. */
  readonly #ends = new Map<number, string>()
  /** Alerts of one kind within the window, and the last of them. */
  readonly #bursts = new Map<string, { readonly since: Micros; readonly raised: number; readonly last: string }>()
  #evicted = 0
  #changes = 0

  constructor(settings: Pick<DetectSettings, 'deduplication' | 'retention'>, newId: () => string) {
    this.#settings = settings
    this.#newId = newId
  }

  configure(settings: Pick<DetectSettings, 'deduplication' | 'retention'>): void {
    this.#settings = settings
  }

  // What is seen

  /** Takes a sighting: of something that is known already, or of something new. */
  see(sighting: Sighting, now: Micros): Seen {
    this.prune(now)
    const known = this.#known(sighting, now)
    if (known === undefined) {
      const whole = this.#partOf(sighting, now)
      return whole === undefined ? this.#raise(sighting, now) : { ...this.#count(whole, sighting, now), isNew: true }
    }
    if (known.resolvedAt === undefined) return this.#count(known, sighting, now)
    const before = known.severity
    const isLeftOver = this.#isLeftOver(known, sighting, now)
    this.#add(known, sighting, now)
    if (isLeftOver) return { alert: known.id, isNew: false, steps: [] }
    const step: HandledStep = { step: 'reopened', alert: known.id, time: now, note: 'it was found again' }
    this.apply(step)
    const steps = known.severity === before ? [step] : [step, this.#counted(known)]
    return { alert: known.id, isNew: true, steps, news: 'reopened' }
  }

  /** The alert, open or resolved, that is about an entry. */
  aboutEntry(type: FindingType, seq: number): string | undefined {
    return this.#byEntry.get(type)?.find(seq)
  }

  #known({ source, type, key, entries, ids }: Sighting, now: Micros): Held | undefined {
    const byEntry = entries[0] && this.aboutEntry(type, entries[0][0])
    const byId = ids[0] === undefined ? undefined : this.#byKey.get(keyOfId(type, ids[0]))
    const held = this.#alerts.get((key === undefined ? (byEntry ?? byId) : this.#byKey.get(key)) ?? '')
    if (held === undefined || source !== 'pattern') return held
    // Many events at another time are another incident.
    return held.resolvedAt === undefined && this.#isRecent(held, now) ? held : undefined
  }

  /** What was resolved a short time ago and is found just as it was: the file is still as it is known to be. */
  #isLeftOver(held: Held, { source, severity, key, evidence }: Sighting, now: Micros): boolean {
    const { resolvedAt, evidence: earlier } = held
    if (source !== 'check' || rankOf(severity) > rankOf(held.severity)) return false
    if (now - resolvedAt! > this.#settings.deduplication.reopenAfterMs * 1000) return false
    return evidence.every(one => {
      if (key !== undefined)
        return earlier.some(({ expected, actual }) => expected === one.expected && actual === one.actual)
      const before = earlier.findLast(({ seq, id }) => seq === one.seq && id === one.id)
      // A check of the single entry does not tell its hash.
      return before?.actual === undefined || one.actual === undefined || before.actual === one.actual
    })
  }

  /** The alert that something new is a part of: of its neighbour in the same flood, or the last of too many. */
  #partOf(sighting: Sighting, now: Micros): Held | undefined {
    const { source, type, key, entries, severity } = sighting
    const first = entries[0]?.[0] ?? 0
    if (source === 'check' && key === undefined && first > 0) {
      const neighbour = this.#alerts.get(this.aboutEntry(type, first - 1) ?? '')
      if (neighbour !== undefined && this.#takesMore(neighbour, now)) return neighbour
    }
    // What a caller itself says is tampered with is never folded.
    if (source === 'report' && rankOf(severity) >= rankOf('high')) return undefined
    const burst = this.#bursts.get(kindOf(sighting))
    if (burst === undefined || now - burst.since > this.#windowMicros) return undefined
    if (burst.raised < this.#settings.deduplication.alertsPerWindow) return undefined
    const last = this.#alerts.get(burst.last)
    return last !== undefined && this.#takesMore(last, now) ? last : undefined
  }

  #isRecent({ lastSeen }: Held, now: Micros): boolean {
    return now - lastSeen <= this.#windowMicros
  }

  #takesMore(held: Held, now: Micros): boolean {
    return held.resolvedAt === undefined && this.#isRecent(held, now) && held.entries.ranges.length < maxRuns
  }

  #raise(sighting: Sighting, now: Micros): Seen {
    const alert = this.#newId()
    const step: RaisedStep = { step: 'raised', alert, time: now, ...sighting }
    this.#hold(step)
    const kind = kindOf(sighting)
    const burst = this.#bursts.get(kind)
    const before = burst !== undefined && now - burst.since <= this.#windowMicros ? burst : { since: now, raised: 0 }
    this.#bursts.set(kind, { since: before.since, raised: before.raised + 1, last: alert })
    this.#makeRoom(alert)
    return { alert, isNew: true, steps: [step], news: 'raised' }
  }

  #count(held: Held, sighting: Sighting, now: Micros): Seen {
    const before = held.severity
    this.#add(held, sighting, now)
    const isWorse = held.severity !== before
    const { written, count, entries } = held
    const isDue = count >= 2 * written.count || entries.count >= 2 * Math.max(written.entries, 1)
    return {
      alert: held.id,
      isNew: false,
      steps: isDue || isWorse ? [this.#counted(held)] : [],
      ...(isWorse && { news: 'escalated' }),
    }
  }

  #add(held: Held, { severity, confidence, evidence, entries, ids }: Sighting, now: Micros): void {
    this.#worsen(held, severity)
    held.count++
    held.lastSeen = Math.max(held.lastSeen, now)
    held.confidence = Math.max(held.confidence, confidence)
    held.evidence = withNewest(held.evidence, evidence)
    this.#extend(held, entries, ids)
    this.#touch(held, 0)
  }

  /** What the log does not say yet of the entries that are affected, to be written before the book is closed. */
  unwritten(): CountedStep[] {
    const grown = [...this.#alerts.values()].filter(({ entries, written }) => entries.count > written.entries)
    return grown.map(held => this.#counted(held))
  }

  #counted(held: Held): CountedStep {
    const { id, lastSeen, severity, confidence, count, evidence } = held
    held.written = { count, entries: held.entries.count }
    const entries = held.entries.ranges.map(([first, last]) => [first, last] as const)
    return {
      step: 'counted',
      alert: id,
      time: lastSeen,
      count,
      severity,
      confidence,
      entries,
      ids: [...held.ids],
      evidence,
    }
  }

  // What its steps say

  /**
   * Takes a step, new or out of the log. One that is known already changes nothing.
   *
   * @param seq the number of its entry
   */
  apply(step: AlertStep, seq?: number): void {
    if (step.step === 'raised') {
      if (this.#alerts.has(step.alert)) return
      this.#hold(step, seq)
      this.#makeRoom(step.alert)
      return
    }
    const held = this.#alerts.get(step.alert)
    if (held === undefined) return
    if (step.step === 'counted') this.#applyCounted(held, step)
    else this.#applyHandled(held, step, seq)
  }

  /** Notes in which entry a step was written. @returns whether the step is known here */
  noteEntry(step: AlertStep, seq: number): boolean {
    const held = this.#alerts.get(step.alert)
    if (held === undefined) return false
    if (step.step === 'counted') return held.written.count >= step.count
    const index = indexIn(held.history, step)
    if (index < 0) return false
    held.history[index] = { ...held.history[index]!, seq }
    if (step.step === 'resolved') this.#ends.set(seq, held.id)
    return true
  }

  /** The alert that counts as resolved because of this entry alone. */
  resolvedBy(seq: number): string | undefined {
    const held = this.#alerts.get(this.#ends.get(seq) ?? '')
    const end = held?.history.findLast(({ step }) => step === 'resolved')
    return held?.resolvedAt !== undefined && end?.seq === seq ? held.id : undefined
  }

  #hold(step: RaisedStep, seq?: number): Held {
    const { alert: id, time, severity, confidence, evidence, entries, ids, key } = step
    const held: Held = {
      id,
      first: step,
      entries: new Runs(),
      ids: [],
      history: [historyOf(step, seq)],
      severity,
      confidence,
      count: 1,
      lastSeen: time,
      evidence: evidence.slice(-maxEvidence),
      acknowledged: false,
      resolvedAt: undefined,
      written: { count: 1, entries: 0 },
      affected: { entries: 0, ids: 0, list: [] },
    }
    this.#alerts.set(id, held)
    this.#extend(held, entries, ids)
    held.written = { count: 1, entries: held.entries.count }
    if (key !== undefined) this.#byKey.set(key, id)
    this.#shelfOf(held).add(id)
    this.#knowComponent(step.component, time)
    this.#addActive(held, 1)
    this.#touch(held, 1)
    return held
  }

  #applyCounted(held: Held, { time, count, severity, confidence, entries, ids, evidence }: CountedStep): void {
    this.#worsen(held, severity)
    held.count = Math.max(held.count, count)
    held.lastSeen = Math.max(held.lastSeen, time)
    held.confidence = Math.max(held.confidence, confidence)
    held.evidence = withNewest(held.evidence, evidence)
    this.#extend(held, entries, ids)
    held.written = { count: Math.max(held.written.count, count), entries: held.entries.count }
    this.#touch(held, 0)
  }

  #applyHandled(held: Held, step: HandledStep, seq?: number): void {
    if (indexIn(held.history, step) >= 0) return
    held.history.push(historyOf(step, seq))
    if (step.step === 'resolved' && seq !== undefined) this.#ends.set(seq, held.id)
    if (held.history.length > maxHistory) held.history.splice(1, 1)
    this.#move(held, () => {
      if (step.step === 'acknowledged') held.acknowledged = true
      if (step.step === 'resolved') held.resolvedAt = step.time
      if (step.step === 'reopened') {
        held.resolvedAt = undefined
        held.acknowledged = false
      }
    })
  }

  /** Entries and ids that an alert is about too. */
  #extend(held: Held, entries: readonly Range[], ids: readonly string[]): void {
    const { type, key } = held.first
    for (const range of entries) {
      if (held.entries.ranges.length >= maxRuns) break
      if (key === undefined) this.#placesOf(type).add(range, held.id)
      held.entries.add(range)
    }
    for (const id of ids) {
      if (held.ids.length >= maxIds || held.ids.includes(id)) continue
      if (key === undefined) this.#byKey.set(keyOfId(type, id), held.id)
      held.ids.push(id)
    }
  }

  #placesOf(type: FindingType): Places {
    const places = this.#byEntry.get(type) ?? new Places()
    this.#byEntry.set(type, places)
    return places
  }

  // What is told

  get(id: string): Alert | undefined {
    const held = this.#alerts.get(id)
    return held && viewOf(held)
  }

  /** All alerts in memory, in the order in which they were raised. */
  all(): Alert[] {
    return [...this.#alerts.values()].map(viewOf)
  }

  get size(): number {
    return this.#alerts.size
  }

  /** Alerts that had to leave the memory before they were resolved. The log keeps them. */
  get evicted(): number {
    return this.#evicted
  }

  /** Another number whenever `active` may be another. */
  get changes(): number {
    return this.#changes
  }

  /** How many alerts are not resolved, by severity. */
  active(): { readonly [severity in Severity]: number } {
    return Object.fromEntries(severities.map((severity, i) => [severity, this.#active[i]!])) as Record<Severity, number>
  }

  health(): { readonly [component: string]: ComponentHealth } {
    return Object.fromEntries([...this.#components].map(([name, component]) => [name, healthOf(component)]))
  }

  // What goes

  /** Lets go of alerts that were resolved long ago. */
  prune(now: Micros): void {
    const since = now - this.#settings.retention.resolvedDays * 86_400e6
    for (;;) {
      const held = this.#alerts.get(this.#shelves[0]!.first() ?? '')
      if (held === undefined || held.resolvedAt! >= since) return
      this.#remove(held)
    }
  }

  /** Lets go of the least of them, but not of the one that just came. */
  #makeRoom(newest: string): void {
    while (this.#alerts.size > this.#settings.retention.maxAlerts) {
      const first = this.#shelves.map(shelf => shelf.first()).find(id => id !== undefined && id !== newest)
      if (first === undefined) return
      const held = this.#alerts.get(first)!
      if (held.resolvedAt === undefined) this.#evicted++
      this.#remove(held)
    }
  }

  #remove(held: Held): void {
    const { id, first } = held
    this.#alerts.delete(id)
    for (const { seq } of held.history) if (seq !== undefined) this.#ends.delete(seq)
    this.#shelfOf(held).delete(id)
    if (held.resolvedAt === undefined) this.#addActive(held, -1)
    if (first.key === undefined) this.#byEntry.get(first.type)?.remove(id, held.entries.ranges)
    for (const key of first.key === undefined ? held.ids.map(one => keyOfId(first.type, one)) : [first.key]) {
      if (this.#byKey.get(key) === id) this.#byKey.delete(key)
    }
  }

  // What is counted along

  /** What a check of the log found goes last: nothing that a caller can bring about pushes it out. */
  #shelfOf({ resolvedAt, first, severity }: Held): Shelf {
    if (resolvedAt !== undefined) return this.#shelves[0]!
    return this.#shelves[1 + rankOf(severity) + (first.source === 'check' ? severities.length : 0)]!
  }

  #worsen(held: Held, severity: Severity): void {
    if (rankOf(severity) <= rankOf(held.severity)) return
    this.#move(held, () => {
      held.severity = worse(held.severity, severity)
    })
  }

  /** Changes what decides about where an alert is counted. */
  #move(held: Held, change: () => void): void {
    this.#shelfOf(held).delete(held.id)
    if (held.resolvedAt === undefined) this.#addActive(held, -1)
    change()
    this.#shelfOf(held).add(held.id)
    if (held.resolvedAt === undefined) this.#addActive(held, 1)
  }

  #addActive({ severity, first }: Held, one: 1 | -1): void {
    this.#changes++
    this.#active[rankOf(severity)]! += one
    const component = this.#components.get(first.component)
    if (component !== undefined) component.open[rankOf(severity)]! += one
  }

  #touch({ first, lastSeen }: Held, alerts: number): void {
    const component = this.#components.get(first.component)
    if (component === undefined) return
    component.tamperCount += alerts
    component.lastTamper = Math.max(component.lastTamper, lastSeen)
  }

  #knowComponent(name: string, time: Micros): void {
    if (this.#components.has(name)) return
    this.#components.set(name, { open: severities.map(() => 0), tamperCount: 0, lastTamper: time })
    if (this.#components.size <= maxComponents) return
    for (const [other, { open }] of this.#components) {
      if (other === name || open.some(count => count > 0)) continue
      this.#components.delete(other)
      return
    }
  }

  get #windowMicros(): number {
    return this.#settings.deduplication.windowMs * 1000
  }
}

function keyOfId(type: FindingType, id: string): string {
  return `${type} of ${id}`
}

function kindOf({ source, pattern, type, severity }: Sighting): string {
  return `${source} ${pattern ?? type} ${severity}`
}

/** The last ten, none of them twice. */
function withNewest(earlier: readonly Evidence[], newer: readonly Evidence[]): readonly Evidence[] {
  const isAgain = (one: Evidence) =>
    newer.some(
      ({ seq, id, type, actual }) => seq === one.seq && id === one.id && type === one.type && actual === one.actual,
    )
  return [...earlier.filter(one => !isAgain(one)), ...newer].slice(-maxEvidence)
}

function historyOf(step: RaisedStep | HandledStep, seq: number | undefined): AlertHistory {
  const { actor, note, response }: Partial<HandledStep> = step.step === 'raised' ? {} : step
  return {
    step: step.step,
    time: formatTime(step.time),
    ...(seq === undefined ? {} : { seq }),
    ...(actor && { actor }),
    ...(note && { note }),
    ...(response && { response }),
  }
}

/** Where a step stands already: two steps of a kind do not come within a microsecond. */
function indexIn(history: readonly AlertHistory[], { step, time }: RaisedStep | HandledStep): number {
  const at = formatTime(time)
  return history.findLastIndex(one => one.step === step && one.time === at)
}

/** All alerts that are given while nothing is added share one list, which nobody can change. */
function affectedBy(held: Held): readonly string[] {
  const { entries, ids, affected } = held
  if (affected.entries === entries.count && affected.ids === ids.length) return affected.list
  const numbers = entries.ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  const list = Object.freeze([...numbers, ...ids])
  held.affected = { entries: entries.count, ids: ids.length, list }
  return list
}

function viewOf(held: Held): Alert {
  const { id, first, history, severity, count, evidence } = held
  const { type, description, component, source, pattern, subject, time } = first
  const responses = new Map(history.flatMap(({ response }) => (response ? [[response.rule, response] as const] : [])))
  return {
    id,
    raisedAt: formatTime(time),
    lastSeenAt: formatTime(held.lastSeen),
    type,
    severity,
    description,
    component,
    detectionMethod: source === 'pattern' ? 'pattern_matching' : 'automatic',
    ...(pattern === undefined ? {} : { pattern }),
    ...(subject === undefined ? {} : { subject }),
    confidenceScore: held.confidence,
    count,
    affectedEntries: affectedBy(held),
    evidence,
    acknowledged: held.acknowledged,
    resolved: held.resolvedAt !== undefined,
    responseActions: [...responses.values()],
    history: [...history],
  }
}

function healthOf({ open, tamperCount, lastTamper }: Component): ComponentHealth {
  const worst = open.findLastIndex(count => count > 0)
  return {
    status: worst >= rankOf('high') ? 'compromised' : worst >= rankOf('medium') ? 'degraded' : 'healthy',
    openAlerts: open.reduce((sum, count) => sum + count, 0),
    tamperCount,
    lastTamper: formatTime(lastTamper),
  }
}

/**
 * Tamper detection in real time: whatever verifies tells the event stream, whatever is found becomes an alert, and each
 * step of an alert's life is an entry of the log.
 */
import { IdSource, type World } from '../append/clock.ts'
import { captureEntry } from '../core/capture.ts'
import { ownComponent, type WriteControl } from '../core/control.ts'
import type { Actor, EntryInput } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { AppendedEntry, AuditEvent, CheckedEvent, EventStream } from '../core/events.ts'
import type { Finding, FindingType, Severity } from '../core/finding.ts'
import { badInput } from '../core/json.ts'
import { unite } from '../core/ranges.ts'
import { formatTime, type Micros } from '../core/time.ts'
import type { Reader } from '../trail/reader.ts'
import type { VerificationResult } from '../verify/cryptographic-verifier.ts'
import type { ChainVerification } from '../verify/hash-chain-verifier.ts'
import {
  type Alert,
  alertOperations,
  type Evidence,
  formatStep,
  type HandledStep,
  isAlertEntry,
  parseStep,
  type ResponseRecord,
} from './alert.ts'
import { AlertBook, type ComponentHealth, type Sighting } from './alert-book.ts'
import { AlertJournal } from './alert-journal.ts'
import { BehaviourWatch } from './behaviours/watch.ts'
import { PatternEngine, type PatternMatch, type TamperEvent } from './patterns.ts'
import { dueResponses, type ResponseMeans, respond } from './responses.ts'
import { type DetectSettings, defaultDetectSettings, type SinkOptions, type SinkSettings } from './settings.ts'
import { isAtLeast } from './severity.ts'
import { commandSink } from './sinks/command.ts'
import { type LogLine, logLineSink } from './sinks/log-line.ts'
import { type AlertNotice, type AlertSink, type SinkStatistics, Sinks } from './sinks/sink.ts'
import { webhookSink } from './sinks/webhook.ts'
import { chainSeverity, evidenceOf, placesOf, type ReportedEvent, reportedSighting, typeOfStatus } from './tampering.ts'

export interface TamperDetectorOptions extends Omit<ResponseMeans, 'sinks'> {
  /** Listened to, and told of what changes. */
  readonly events: EventStream
  /** Where the alerts of earlier runs, and of other processes, are read. It should tell of its answers to no one. */
  readonly reader: Pick<Reader, 'query' | 'get'>
  readonly write: WriteControl
  readonly world: World
  readonly settings?: DetectSettings
  /** Where sinks of the type `log` write. */
  readonly logLine?: LogLine
  /**
   * Whether the entries of all processes are shown through `observe`, by a `LogFollower`. Otherwise those are looked at
   * that this process appends.
   */
  readonly isFollowing?: boolean
  /** Milliseconds, monotonic; for the time that detection takes. */
  readonly clock?: () => number
}

/** Which alerts are meant: every member given must hold. */
export interface AlertFilter {
  /** This severity and those above. */
  readonly minSeverity?: Severity
  readonly type?: FindingType
  readonly component?: string
  /** Only alerts that are resolved, or only those that are not. */
  readonly resolved?: boolean
  /** Only alerts that were seen within so many hours. */
  readonly hours?: number
  /** Alerts at most; all of them unless given. */
  readonly limit?: number
}

/** Who takes a step with an alert, and what is to be said about it. Both are sealed in the entry. */
export interface AlertAct {
  readonly actor: Actor
  /** At most 10 000 characters. */
  readonly note?: string
}

export interface DetectorStatistics {
  /** Findings, reports and entries that were looked at. */
  readonly events: number
  /** Alerts raised by this process. */
  readonly raised: number
  /** Sightings of what was known already. */
  readonly repeated: number
  /** Alerts in memory. */
  readonly alerts: number
  /** Alerts that left the memory before they were resolved, because there were too many. */
  readonly evicted: number
  readonly active: { readonly [severity in Severity]: number }
  /** Steps of alerts that are not in the log yet. */
  readonly unwritten: number
  /** Counts that were not written because too many steps waited; a later count says what they said. */
  readonly countsDropped: number
  /** What one event took, in milliseconds. */
  readonly detectionMs: { readonly mean: number; readonly max: number }
  readonly sinks: { readonly [name: string]: SinkStatistics }
}

/** Told of alerts that are raised, become worse, or are opened again. */
export type AlertCallback = (alert: Alert, what: AlertNotice['what']) => void | Promise<void>

/** An event with what an alert shows of it. */
interface NoticedEvent extends TamperEvent {
  readonly evidence: Evidence
}

/** Findings that say of an entry that it is not the one that was written there. */
const ofTheEntry: ReadonlySet<FindingType> = new Set([
  'hash_mismatch',
  'chain_break',
  'missing_entry',
  'foreign_entry',
  'format_invalid',
])

const maxNote = 10_000
const pageSize = 256

/**
 * Detects tampering, and keeps the alerts.
 *
 * @example
 * const detector = new TamperDetector({ events, reader, write: entry => logger.logControl(entry), world })
 * await detector.open()
 * detector.registerAlertCallback(({ severity, description }) => page(severity, description))
 */
export class TamperDetector {
  readonly #options: TamperDetectorOptions
  readonly #ids: IdSource
  readonly #book: AlertBook
  readonly #journal: AlertJournal
  readonly #sinks: Sinks
  readonly #clock: () => number
  #settings: DetectSettings
  #patterns: PatternEngine<NoticedEvent>
  #behaviours: BehaviourWatch
  /** What takes away the sinks of the settings, and lets them send what waits. */
  #closeSinks: () => Promise<void> = async () => {}
  #stopListening: (() => void) | undefined
  /** What came while the log is read for earlier alerts. */
  #early: (() => void)[] | undefined
  /** Responses and entries of others that are being seen to. */
  readonly #running = new Set<Promise<unknown>>()
  #lastTime: Micros = 0
  #lastActive = ''
  #lastChanges = -1
  #callbacks = 0
  readonly #counts = { events: 0, raised: 0, repeated: 0, ms: 0, maxMs: 0 }

  /** @throws AuditError `bad_input` for settings that make no sense */
  constructor(options: TamperDetectorOptions) {
    const { world, write, settings = defaultDetectSettings } = options
    this.#options = options
    this.#clock = options.clock ?? (() => performance.now())
    this.#ids = new IdSource(world)
    this.#settings = settings
    this.#patterns = new PatternEngine(settings.patterns, settings.retention.maxEvents)
    this.#behaviours = new BehaviourWatch(settings.behaviours)
    this.#book = new AlertBook(settings, () => this.#ids.next(this.#now()))
    this.#sinks = new Sinks((sink, message) => this.#fault(`sink ${sink}`, message))
    this.#journal = new AlertJournal({
      write,
      onWritten: (step, seq) => {
        if (seq >= 0) this.#book.noteEntry(step, seq)
      },
      onFault: message => this.#fault('alerts', message),
    })
    this.#addSinks(settings)
  }

  /**
   * Begins to listen, and reads the alerts that are in the log. What happens meanwhile is looked at afterwards. When the log
   * cannot be read, that is a fault, and detection begins without them.
   */
  async open(): Promise<void> {
    this.#stopListening ??= this.#options.events.on(event => this.#hear(event))
    const early: (() => void)[] = []
    this.#early = early
    try {
      await this.#replay()
    } catch (error) {
      this.#fault('alerts', `the alerts in the log cannot be read: ${messageOf(error)}`)
    }
    this.#early = undefined
    for (const look of early) look()
    this.#tellActive()
  }

  /** Stops listening, writes what is left to write, and lets the sinks send what waits. */
  async close(): Promise<void> {
    this.#stopListening?.()
    await Promise.allSettled(this.#running)
    for (const step of this.#book.unwritten()) void this.#journal.write(step)
    const left = await this.#journal.close()
    if (left > 0) this.#fault('alerts', `${left} entries of alerts could not be written before the end`)
    await this.#closeSinks()
    await this.#sinks.close()
  }

  /**
   * Goes on with other settings. Patterns and behaviours begin to count anew; alerts stay.
   *
   * @throws AuditError `bad_input`; then nothing is changed
   */
  async configure(settings: DetectSettings): Promise<void> {
    const patterns = new PatternEngine<NoticedEvent>(settings.patterns, settings.retention.maxEvents)
    const closeSinks = this.#closeSinks
    this.#addSinks(settings)
    this.#patterns = patterns
    this.#behaviours = new BehaviourWatch(settings.behaviours)
    this.#book.configure(settings)
    this.#settings = settings
    await closeSinks()
  }

  // What is looked at

  /** Looks at entries that were appended by whatever process. For a `LogFollower`. */
  observe(entries: readonly AppendedEntry[]): void {
    this.#soon(entries.length, () => {
      for (const entry of entries) this.#entry(entry)
    })
  }

  /**
   * Takes something that the caller noticed itself. It may complete a pattern.
   *
   * @returns the alerts that it raised or counted in, its own first
   * @example detector.recordEvent({ type: 'unauthorized_access', description: 'an unknown key was used', component: 'api' })
   */
  recordEvent(event: ReportedEvent): Alert[] {
    return this.#look(1, () => {
      const at = this.#now()
      const sighting = reportedSighting(event, at)
      return this.#alerts([this.#see(sighting), ...this.#count(sighting.evidence, at)])
    })
  }

  /**
   * Takes the verification of an entry: `tampered` is an alert of type `hash_mismatch`, `missing` of `missing_entry`,
   * `invalid` of `signature_invalid`, `error` of `suspicious_pattern`, and `valid` is none. A verifier that tells the event
   * stream needs no such call.
   *
   * @returns the alerts, as {@link recordEvent}
   */
  detectFromVerificationResult(
    result: Pick<VerificationResult, 'status' | 'entryId' | 'details'> & {
      readonly metadata?: { readonly seq?: number }
    },
  ): Alert[] {
    const { status, entryId, details: description, metadata: { seq } = {} } = result
    if (status === 'valid') return []
    return this.recordEvent({ ...typeOfStatus[status], description, entryId, ...(seq === undefined ? {} : { seq }) })
  }

  /**
   * Takes the verification of the chain. The severity of a broken link is that of the seed, by the part of the entries that
   * hold: below 50 % critical, below 80 % high, below 95 % medium, else low. A verifier that tells the event stream needs no
   * such call, and its findings keep their own severity where that is worse.
   *
   * @returns the alerts, one a broken link and one a pattern
   */
  detectFromChainVerification(
    result: Pick<ChainVerification, 'integrityPercentage'> & { readonly brokenLinks: readonly Finding[] },
  ): Alert[] {
    const severity = chainSeverity(result.integrityPercentage)
    const alerts = result.brokenLinks.flatMap(({ type, seq, id, message }) =>
      this.recordEvent({
        type,
        description: message,
        ...(type === 'chain_break' && { severity }),
        ...(seq === undefined ? {} : { seq }),
        ...(id === undefined ? {} : { entryId: id }),
      }),
    )
    return [...new Map(alerts.map(alert => [alert.id, alert])).values()]
  }

  #hear(event: AuditEvent): void {
    if (event.type === 'checked' && event.findings.length > 0) {
      this.#soon(event.findings.length, () => this.#checked(event))
    } else if (event.type === 'appended') {
      this.#journal.tryAgain()
      if (!this.#options.isFollowing) this.observe(event.entries)
    }
  }

  #checked({ findings, entries }: CheckedEvent): void {
    for (const { type, seq } of findings) if (seq !== undefined && ofTheEntry.has(type)) this.#distrust(seq)
    const at = this.#now()
    for (const { sighting, findings: some } of placesOf(findings, entries, at, (type, seq) =>
      this.#book.aboutEntry(type, seq),
    )) {
      if (!this.#see(sighting).isNew) continue
      // What is known already is no new event, however often a check comes by.
      this.#count(
        some.map(found => evidenceOf(found, sighting.component, at)),
        at,
      )
    }
  }

  /** An alert that counts as resolved by an entry in which something is wrong is not resolved. */
  #distrust(seq: number): void {
    const alert = this.#book.resolvedBy(seq)
    if (alert === undefined) return
    const note = `entry ${seq}, by which it was resolved, is not as it was written`
    void this.#take({ step: 'reopened', alert, time: this.#now(), note })
    this.#tell('reopened', alert)
  }

  #entry(entry: AppendedEntry): void {
    if (isAlertEntry(entry)) this.#adopt(entry)
    else if (entry.kind !== 'control' || entry.operation === 'access.refused') {
      for (const sighting of this.#behaviours.observe(entry)) this.#see(sighting)
    }
  }

  /** The entry of an alert: one of this process, or one by which another process says something about an alert. */
  #adopt(entry: AppendedEntry): void {
    const step = parseStep({ ...entry })
    if (step !== undefined && this.#book.noteEntry(step, entry.seq)) return
    this.#run(async () => {
      const view = await this.#options.reader.get(entry.seq)
      const whole = view && parseStep(view)
      if (whole !== undefined) this.#book.apply(whole, entry.seq)
      this.#tellActive()
    })
  }

  /** Shows events to the patterns, and gives what became of the patterns that they complete. */
  #count(events: readonly Evidence[], time: Micros): { readonly alert: string }[] {
    return events.flatMap(evidence => {
      const { type, component, seq, id } = evidence
      const entry = seq === undefined ? id : String(seq)
      const matches = this.#patterns.observe({ time, type, component, entry, evidence })
      return matches.map(match => this.#see(patternSighting(match)))
    })
  }

  /** Takes a sighting, and does what follows of it. */
  #see(sighting: Sighting): { readonly alert: string; readonly isNew: boolean } {
    const seen = this.#book.see(sighting, this.#now())
    const { alert, steps, news, isNew } = seen
    if (!isNew) this.#counts.repeated++
    for (const step of steps) void this.#journal.write(step)
    if (news !== undefined) {
      if (news === 'raised') this.#counts.raised++
      this.#tell(news, alert)
      if (this.#settings.responses.length > 0) this.#respond(news, alert)
    }
    return seen
  }

  #alerts(seen: readonly { readonly alert: string }[]): Alert[] {
    return seen.flatMap(({ alert }) => this.#book.get(alert) ?? [])
  }

  /** Looks at something now, or as soon as the earlier alerts are known. */
  #soon(events: number, look: () => void): void {
    if (this.#early === undefined) this.#look(events, look)
    else this.#early.push(() => this.#look(events, look))
  }

  #look<T>(events: number, look: () => T): T {
    const started = this.#clock()
    const result = look()
    this.#tellActive()
    const ms = (this.#clock() - started) / Math.max(events, 1)
    this.#counts.events += events
    this.#counts.ms += ms * events
    this.#counts.maxMs = Math.max(this.#counts.maxMs, ms)
    return result
  }

  // What is done about it

  #tell(what: AlertNotice['what'], id: string): void {
    if (this.#sinks.isEmpty) return
    const alert = this.#book.get(id)
    if (alert !== undefined) this.#sinks.tell({ what, alert, time: formatTime(this.#now()) })
  }

  #respond(what: AlertNotice['what'], id: string): void {
    const alert = this.#book.get(id)
    if (alert === undefined) return
    const due = dueResponses(this.#settings.responses, alert)
    if (due.length === 0) return
    const means = { freeze: this.#options.freeze, raisePace: this.#options.raisePace, sinks: this.#sinks }
    const notice = { what, alert, time: formatTime(this.#now()) }
    const record = (response: ResponseRecord) =>
      this.#take({ step: 'commented', alert: alert.id, time: this.#now(), response })
    for (const rule of due) this.#run(() => respond(rule, notice, means, record))
  }

  /**
   * Says that somebody has seen the alert and sees to it.
   *
   * As with every step: when the log takes no entries the step is taken all the same, and written as soon as it does.
   *
   * @returns the alert as it stands now; a step without `seq` in its history is not written yet
   * @throws AuditError `not_found`, `bad_input`
   * @example await detector.acknowledgeAlert(alert.id, { actor: { type: 'user', id: 'u1' }, note: 'looking into it' })
   */
  acknowledgeAlert(id: string, act: AlertAct): Promise<Alert> {
    return this.#handle('acknowledged', id, act)
  }

  /**
   * Says that it is over. The component is healthy again when nothing else is open. What is found again later than
   * `reopenAfterMs`, or is found otherwise than it was, opens the alert again.
   *
   * @throws AuditError `not_found`, `bad_input`
   */
  resolveAlert(id: string, act: AlertAct): Promise<Alert> {
    return this.#handle('resolved', id, act)
  }

  /**
   * Says that it is not over.
   *
   * @throws AuditError `not_found`, `bad_input`
   */
  reopenAlert(id: string, act: AlertAct): Promise<Alert> {
    return this.#handle('reopened', id, act)
  }

  /**
   * Says something about it.
   *
   * @throws AuditError `not_found`, `bad_input` when there is no note
   */
  commentAlert(id: string, act: AlertAct & { readonly note: string }): Promise<Alert> {
    return this.#handle('commented', id, act)
  }

  async #handle(kind: HandledStep['step'], id: string, { actor, note }: AlertAct): Promise<Alert> {
    if (actor === undefined) throw badInput('$.actor', 'must say who it is, with type and id')
    if (note !== undefined && (typeof note !== 'string' || note.length > maxNote)) {
      throw badInput('$.note', `must be a text of at most ${maxNote} characters`)
    }
    if (kind === 'commented' && !note) throw badInput('$.note', 'must say something')
    const alert = await this.#find(id)
    if (isAlready(kind, alert)) return alert
    const step = { step: kind, alert: id, time: this.#now(), actor, ...(note && { note }) }
    // What no entry can hold is refused now, not when it is written.
    const entry = { ...formatStep(step), component: ownComponent } as unknown as EntryInput
    captureEntry(entry, { id: this.#ids.next(step.time), time: step.time, control: true })
    await this.#take(step)
    const changed = this.#book.get(id) ?? alert
    if (kind !== 'commented') this.#tell(kind, id)
    return changed
  }

  /** Takes a step in memory at once, and in the log as soon as it takes entries. */
  async #take(step: HandledStep): Promise<void> {
    this.#book.apply(step)
    this.#tellActive()
    await this.#journal.write(step)
  }

  /** An alert in memory; one that left it is read from the log again. */
  async #find(id: string): Promise<Alert> {
    const known = this.#book.get(id)
    if (known !== undefined) return known
    const ofThis = { field: 'attributes.alert.id', op: 'eq', value: id } as const
    await this.#replay([ofThis])
    const found = this.#book.get(id)
    if (found === undefined) throw new AuditError('not_found', `there is no alert ${id}`)
    return found
  }

  async #replay(where: readonly { field: string; op: 'eq'; value: string }[] = []): Promise<void> {
    const filter = { kind: 'control', operation: alertOperations, where }
    let last: number | undefined
    let isMore = true
    while (isMore) {
      const after = last === undefined ? {} : { after: last }
      const page = await this.#options.reader.query(filter, { limit: pageSize, order: 'asc', ...after })
      for (const entry of page) {
        const step = parseStep(entry)
        if (step === undefined) this.#fault('alerts', `entry ${entry.seq} is an alert's, but cannot be understood`)
        else this.#book.apply(step, entry.seq)
      }
      last = page.at(-1)?.seq
      isMore = page.length === pageSize
    }
    if (where.length === 0) this.#book.prune(this.#now())
  }

  // What is told

  /**
   * The alerts in memory that match, the newest first: all that are not resolved, and those that were resolved within the
   * last days.
   *
   * @example const urgent = detector.getAlerts({ minSeverity: 'high', resolved: false })
   */
  getAlerts({ minSeverity = 'info', type, component, resolved, hours, limit }: AlertFilter = {}): Alert[] {
    const since = hours === undefined ? '' : formatTime(this.#now() - hours * 3600e6)
    return this.#book
      .all()
      .filter(
        alert =>
          isAtLeast(alert.severity, minSeverity) &&
          (type === undefined || alert.type === type) &&
          (component === undefined || alert.component === component) &&
          (resolved === undefined || alert.resolved === resolved) &&
          alert.lastSeenAt >= since,
      )
      .reverse()
      .slice(0, limit)
  }

  /** One alert in memory. */
  getAlert(id: string): Alert | undefined {
    return this.#book.get(id)
  }

  /** How the components are that there were alerts about; one that is not named is healthy. */
  getComponentHealth(): { readonly [component: string]: ComponentHealth } {
    return this.#book.health()
  }

  getStatistics(): DetectorStatistics {
    const { events, raised, repeated, ms, maxMs } = this.#counts
    return {
      events,
      raised,
      repeated,
      alerts: this.#book.size,
      evicted: this.#book.evicted,
      active: this.#book.active(),
      unwritten: this.#journal.waiting,
      countsDropped: this.#journal.dropped,
      detectionMs: { mean: events === 0 ? 0 : ms / events, max: maxMs },
      sinks: this.#sinks.statistics(),
    }
  }

  /**
   * Lets a function be told of alerts. What it throws, or rejects with, is a fault and harms no other.
   *
   * @param options.on of which steps it is told: `raised`, `escalated` and `reopened` unless given
   * @returns what ends it
   * @throws AuditError `bad_input` when it is no function; then nothing is registered
   */
  registerAlertCallback(callback: AlertCallback, options: Partial<SinkOptions> = {}): () => void {
    if (typeof callback !== 'function') throw badInput('$.callback', 'must be a function')
    const name = `callback ${++this.#callbacks}`
    return this.#sinks.add({ send: ({ alert, what }) => callback(alert, what) }, { name, ...options })
  }

  // Parts

  #addSinks(settings: DetectSettings): void {
    checkNames(settings)
    const made = settings.sinks.map(one => ({ options: one, sink: this.#sinkOf(one) }))
    const added = made.map(({ options, sink }) => ({ sink, remove: this.#sinks.add(sink, options) }))
    this.#closeSinks = async () => {
      for (const { remove } of added) remove()
      await Promise.allSettled(added.map(({ sink }) => sink.close?.()))
    }
  }

  #sinkOf(settings: SinkSettings): AlertSink {
    switch (settings.type) {
      case 'log': {
        const { logLine } = this.#options
        if (logLine === undefined) throw badInput(`$.sinks.${settings.name}`, 'there is no log to write to here')
        return logLineSink(logLine)
      }
      case 'webhook':
        return webhookSink(settings, this.#options.world)
      case 'command':
        return commandSink(settings)
    }
  }

  /** Runs something beside; `close` waits for it. */
  #run(job: () => Promise<unknown>): void {
    const running = job()
      .catch(error => this.#fault('alerts', messageOf(error)))
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  #tellActive(): void {
    if (this.#book.changes === this.#lastChanges) return
    this.#lastChanges = this.#book.changes
    const active = this.#book.active()
    const text = Object.values(active).join()
    if (text === this.#lastActive) return
    this.#lastActive = text
    this.#options.events.emit({ type: 'alerts', active })
  }

  #fault(where: string, message: string): void {
    this.#options.events.emit({ type: 'fault', where, message })
  }

  /** No two steps have the same time: by their time they are told apart. */
  #now(): Micros {
    this.#lastTime = Math.max(this.#options.world.now(), this.#lastTime + 1)
    return this.#lastTime
  }
}

function patternSighting({ pattern, settings, group, count, events, severity }: PatternMatch<NoticedEvent>): Sighting {
  const { types, threshold, windowSeconds, grouping } = settings
  // The first time all events, then the one that came to them.
  const some = count === threshold ? events : events.slice(-1)
  return {
    type: types.length === 1 ? types[0]! : 'bulk_modification',
    severity,
    description: `${pattern}: ${threshold} events or more within ${windowSeconds} s`,
    component: grouping === 'all' ? 'log' : events.at(-1)!.component,
    source: 'pattern',
    pattern,
    key: `${pattern} ${group}`,
    confidence: Math.min(1, count / threshold),
    entries: unite(some.flatMap(({ evidence: { seq } }) => (seq === undefined ? [] : [[seq, seq] as const]))),
    ids: some.flatMap(({ evidence: { seq, id } }) => (seq === undefined && id !== undefined ? [id] : [])),
    evidence: events.map(({ evidence }) => evidence),
  }
}

/** Whether an alert stands as it would after a step: then there is nothing to write. */
function isAlready(kind: HandledStep['step'], { acknowledged, resolved }: Alert): boolean {
  if (kind === 'acknowledged') return acknowledged
  if (kind === 'resolved') return resolved
  return kind === 'reopened' && !resolved
}

function checkNames({ sinks, responses }: DetectSettings): void {
  for (const [path, list] of [
    ['$.sinks', sinks],
    ['$.responses', responses],
  ] as const) {
    const names = new Set<string>()
    for (const { name } of list) {
      if (names.has(name)) throw badInput(path, `two have the name ${name}`)
      names.add(name)
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

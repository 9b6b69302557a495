/** Who is told of alerts: any number of sinks, of which one that fails harms no other. */
import type { Alert } from '../alert.ts'
import type { SinkOptions } from '../settings.ts'
import { isAtLeast } from '../severity.ts'

/** What is told of an alert. */
export interface AlertNotice {
  readonly what: 'raised' | 'escalated' | 'reopened' | 'acknowledged' | 'resolved'
  /** RFC 3339 UTC. */
  readonly time: string
  readonly alert: Alert
}

/** What a sink has done so far. */
export interface SinkStatistics {
  readonly sent: number
  /** Notices that did not arrive, however often it was tried. */
  readonly failed: number
  /** Notices for which there was no room. */
  readonly dropped: number
  /** Notices that wait, or are on their way. */
  readonly waiting: number
  readonly lastError?: string
}

/** Takes notices to one place. */
export interface AlertSink {
  /** Resolves when the notice has arrived; rejects when it will not. */
  send(notice: AlertNotice): void | Promise<void>
  /** Sends what waits, within a few seconds. */
  close?(): Promise<void>
}

/** A notice that found no room. */
export class NoRoom extends Error {}

/** As much of an alert as may leave the program: what is open in the log, so neither evidence nor notes nor names. */
export function openPart({ alert, what, time }: AlertNotice): { readonly [name: string]: unknown } {
  const { id, type, severity, description, component, detectionMethod, pattern } = alert
  return {
    what,
    time,
    id,
    type,
    severity,
    description,
    component,
    detectionMethod,
    ...(pattern === undefined ? {} : { pattern }),
    confidenceScore: alert.confidenceScore,
    count: alert.count,
    raisedAt: alert.raisedAt,
    lastSeenAt: alert.lastSeenAt,
    affectedEntries: alert.affectedEntries,
    acknowledged: alert.acknowledged,
    resolved: alert.resolved,
  }
}

const toldUnlessGiven: readonly AlertNotice['what'][] = ['raised', 'escalated', 'reopened']

interface Told {
  readonly sink: AlertSink
  readonly options: SinkOptions
  sent: number
  failed: number
  dropped: number
  waiting: number
  lastError: string | undefined
}

/** Tells all sinks, and counts how that went. */
export class Sinks {
  readonly #onFault: (sink: string, message: string) => void
  #told: readonly Told[] = []

  /** @param onFault told of each notice that did not arrive */
  constructor(onFault: (sink: string, message: string) => void) {
    this.#onFault = onFault
  }

  get isEmpty(): boolean {
    return this.#told.length === 0
  }

  /** @returns what takes the sink away again */
  add(sink: AlertSink, options: SinkOptions): () => void {
    const told: Told = { sink, options, sent: 0, failed: 0, dropped: 0, waiting: 0, lastError: undefined }
    this.#told = [...this.#told, told]
    return () => {
      this.#told = this.#told.filter(other => other !== told)
    }
  }

  /** Tells those who asked to be told. Returns at once. */
  tell(notice: AlertNotice): void {
    for (const told of this.#told) {
      const { minSeverity = 'info', on = toldUnlessGiven } = told.options
      if (on.includes(notice.what) && isAtLeast(notice.alert.severity, minSeverity)) void this.#send(told, notice)
    }
  }

  /**
   * Tells sinks by name, whatever they asked for.
   *
   * @throws Error when one of them fails, or is not there
   */
  async tellThese(names: readonly string[], notice: AlertNotice): Promise<void> {
    const missing = names.filter(name => !this.#told.some(({ options }) => options.name === name))
    const results = await Promise.all(
      this.#told.filter(({ options }) => names.includes(options.name)).map(told => this.#send(told, notice)),
    )
    if (missing.length > 0) throw new Error(`there is no sink ${missing.join(', ')}`)
    const failed = results.find(error => error !== undefined)
    if (failed !== undefined) throw new Error(failed)
  }

  statistics(): { readonly [name: string]: SinkStatistics } {
    return Object.fromEntries(
      this.#told.map(({ options, sent, failed, dropped, waiting, lastError }) => [
        options.name,
        { sent, failed, dropped, waiting, ...(lastError === undefined ? {} : { lastError }) },
      ]),
    )
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#told.map(({ sink }) => sink.close?.()))
  }

  /** @returns why it did not arrive */
  async #send(told: Told, notice: AlertNotice): Promise<string | undefined> {
    told.waiting++
    try {
      await told.sink.send(notice)
      told.sent++
      return undefined
    } catch (error) {
      if (error instanceof NoRoom) told.dropped++
      else told.failed++
      told.lastError = error instanceof Error ? error.message : String(error)
      this.#onFault(told.options.name, told.lastError)
      return told.lastError
    } finally {
      told.waiting--
    }
  }
}

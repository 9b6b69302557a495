/**
 * What happens in an open log, as one stream of typed events: metrics, detection and logs listen to it, and whatever
 * makes the events knows none of them.
 */
import type { Actor, Kind, Outcome, SecurityLevel } from './entry.ts'
import type { AuditErrorCode } from './errors.ts'
import type { Finding, Trust } from './finding.ts'

/** As much of an entry as listeners look at. It is durable. */
export interface AppendedEntry {
  readonly seq: number
  readonly id: string
  /** RFC 3339 UTC. */
  readonly time: string
  readonly kind: Kind
  readonly operation: string
  readonly component: string
  readonly outcome: Outcome | undefined
  /** The id of the intent that an outcome closes. */
  readonly intent?: string | undefined
  /** W3C `traceparent`. */
  readonly trace?: string | undefined
  readonly securityLevel: SecurityLevel
  readonly complianceFlags: readonly string[]
  readonly governanceStatus: string | undefined
  readonly actor: Actor | undefined
  readonly memoryId: string | undefined
  readonly session: string | undefined
  readonly attributes: { readonly [name: string]: string | number | boolean } | undefined
  readonly performanceMetrics: { readonly [name: string]: number } | undefined
}

/** What was checked, and what came of it. */
export interface CheckedEvent {
  readonly type: 'checked'
  /** One entry, a run of links, the log or a range of it, the head and anchors at opening, a stretch in the background. */
  readonly scope: 'entry' | 'chain' | 'log' | 'opening' | 'scrub' | 'read'
  /** Entries checked. */
  readonly entries: number
  readonly valid: boolean
  /** Absent where completeness was not looked at. */
  readonly complete?: boolean
  readonly trust?: Trust
  readonly findings: readonly Finding[]
  readonly durationMs: number
}

export type AuditEvent =
  /** Entries were acknowledged together. `durationMs` is the longest wait of any, from the call to its receipt. */
  | { readonly type: 'appended'; readonly entries: readonly AppendedEntry[]; readonly durationMs: number }
  /** Entries could not be recorded, and whoever gave them was told. */
  | { readonly type: 'refused'; readonly entries: number; readonly code: AuditErrorCode | 'unknown' }
  /** A question was answered. */
  | { readonly type: 'queried'; readonly entries: number; readonly durationMs: number; readonly cached: boolean }
  | CheckedEvent
  /** The files were touched on behalf of something else than an entry or a question. */
  | {
      readonly type: 'stored'
      readonly op: 'checkpoint' | 'prune' | 'erase' | 'backup' | 'migrate'
      readonly ok: boolean
      readonly durationMs: number
    }
  /** A governance check gave its result. */
  | {
      readonly type: 'governed'
      readonly status: string
      readonly violations: readonly { readonly type: string; readonly severity: string }[]
      readonly durationMs: number
    }
  /** The number of open alerts is another. */
  | { readonly type: 'alerts'; readonly active: { readonly [severity: string]: number } }
  /** A listener, a sink or a stream failed: said here, because it harms nothing else. */
  | { readonly type: 'fault'; readonly where: string; readonly message: string }

export type AuditListener = (event: AuditEvent) => void

/**
 * Carries events to whoever listens. A listener that throws harms no other, and is told of as a `fault`.
 *
 * @example const off = events.on(event => { if (event.type === 'checked') console.log(event.valid) })
 */
export class EventStream {
  #listeners: readonly AuditListener[] = []

  /** Whether anybody listens: what is costly to tell need not be told otherwise. */
  get isHeard(): boolean {
    return this.#listeners.length > 0
  }

  /** @returns what ends the listening */
  on(listener: AuditListener): () => void {
    this.#listeners = [...this.#listeners, listener]
    return () => {
      this.#listeners = this.#listeners.filter(other => other !== listener)
    }
  }

  emit(event: AuditEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        // A listener that fails at being told of faults is not told again.
        if (event.type === 'fault') continue
        this.emit({ type: 'fault', where: 'listener', message: error instanceof Error ? error.message : String(error) })
      }
    }
  }
}

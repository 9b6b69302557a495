/** The metrics of an audit log, recorded by listening: whoever appends, asks, checks or alarms knows nothing of them. */
import { kinds, outcomes } from '../core/entry.ts'
import type { AppendedEntry, AuditEvent, CheckedEvent, EventStream } from '../core/events.ts'
import { severities } from '../core/finding.ts'
import type { Micros } from '../core/time.ts'
import { memoryOperations, noOutcome } from './definitions.ts'
import { healthScore } from './health.ts'
import type { MetricStatistics } from './history.ts'
import type { Labels } from './labels.ts'
import { type OutsideFacts, readOutside } from './outside.ts'
import { formatPrometheus } from './prometheus.ts'
import { SecurityMetrics } from './security-metrics.ts'
import type { MetricsSettings } from './settings.ts'
import type { ThresholdCrossing } from './threshold.ts'

export interface AuditMetricsOptions {
  readonly events: EventStream
  /** Microseconds since 1970. */
  readonly now: () => Micros
  readonly settings?: MetricsSettings | undefined
  readonly outside?: OutsideFacts | undefined
}

/** What the last hours were like. */
export interface AuditSummary {
  readonly timePeriodHours: number
  readonly entriesLogged: MetricStatistics
  readonly verificationsPerformed: MetricStatistics
  readonly tamperAttempts: MetricStatistics
  readonly governanceValidations: MetricStatistics
  /** 0–100. */
  readonly currentHealthScore: number
  readonly activeAlerts: number
  readonly openCriticalAlerts: number
  readonly systemPerformance: {
    /** Milliseconds. */
    readonly append: MetricStatistics
    readonly query: MetricStatistics
    readonly verification: MetricStatistics
    readonly totalOperations: number
  }
  readonly crossedThresholds: readonly ThresholdCrossing[]
}

/**
 * The seed's metrics, which record themselves.
 *
 * @example
 * const metrics = new AuditMetrics({ events: log.events, now: () => Date.now() * 1000 })
 * await log.append({ operation: 'remember', component: 'memory' })
 * metrics.getCurrentValue('audit_entries_logged') // 1
 */
export class AuditMetrics extends SecurityMetrics {
  readonly #events: EventStream
  readonly #now: () => Micros
  readonly #outside: OutsideFacts
  readonly #stop: () => void
  /** The chain is not valid: a check of this many entries said so. */
  #doubted: number | undefined

  /** @throws AuditError `bad_input` for settings that cannot be */
  constructor({ events, now, settings, outside = {} }: AuditMetricsOptions) {
    super({ now, settings, onFault: error => this.#fault(error) })
    this.#events = events
    this.#now = now
    this.#outside = outside
    this.set('last_integrity_check', 0)
    this.#stop = events.on(event => this.#hear(event))
  }

  /** Ends the listening; what was recorded can still be read. */
  close(): void {
    this.#stop()
  }

  /** @param hours 24 unless given */
  getAuditSummary(hours = 24): AuditSummary {
    this.#setHealth()
    return {
      timePeriodHours: hours,
      entriesLogged: this.getMetricStatistics('audit_entries_logged', hours),
      verificationsPerformed: this.getMetricStatistics('hash_verifications', hours),
      tamperAttempts: this.getMetricStatistics('tamper_attempts_detected', hours),
      governanceValidations: this.getMetricStatistics('governance_validations', hours),
      currentHealthScore: this.getCurrentValue('system_health_score')!,
      activeAlerts: this.getCurrentValue('active_alerts') ?? 0,
      openCriticalAlerts: this.#openCriticalAlerts(),
      systemPerformance: {
        append: this.getMetricStatistics('audit_append_time', hours),
        query: this.getMetricStatistics('audit_query_time', hours),
        verification: this.getMetricStatistics('entry_verification_time', hours),
        totalOperations: this.getMetricStatistics('storage_operations', hours).sum,
      },
      crossedThresholds: this.getCrossedThresholds(),
    }
  }

  /** As {@link SecurityMetrics.prometheus}, with what only the outside knows. A gauge that fails is left out, and said. */
  override async prometheus(): Promise<string> {
    this.#setHealth()
    const outside = await readOutside(this.#outside, error => this.#fault(error))
    return formatPrometheus([...this.families(), ...outside])
  }

  #hear(event: AuditEvent): void {
    switch (event.type) {
      case 'appended':
        this.#appended(event.entries, event.durationMs)
        break
      case 'refused':
        this.increment('storage_operations', event.entries, { op: 'append', result: 'failure' })
        this.increment('entries_dropped', event.entries)
        break
      case 'queried':
        this.observe('audit_query_time', event.durationMs)
        break
      case 'checked':
        this.#checked(event)
        break
      case 'stored':
        this.increment('storage_operations', 1, { op: event.op, result: event.ok ? 'success' : 'failure' })
        this.observe('storage_performance', event.durationMs)
        break
      case 'governed':
        this.increment('governance_validations', 1, { status: event.status })
        this.#count('governance_violations', 'policy', event.violations)
        break
      case 'alerts':
        for (const severity of severities) this.#setAlerts(severity, event.active[severity] ?? 0)
        this.#setHealth()
        break
      case 'fault':
        this.increment('component_faults')
        break
    }
  }

  /** Entries come by the hundred: each is looked at once, and each series grows once. */
  #appended(entries: readonly AppendedEntry[], durationMs: number): void {
    const logged = new Map<Labels, number>()
    const remembered = new Map<Labels, number>()
    for (const { kind, outcome, operation, component } of entries) {
      const labels = entryLabels[kind]?.[outcome ?? noOutcome] ?? {}
      addOne(logged, labels)
      const onMemory = operationLabels.get(operation) ?? (component === memoryComponent ? otherOperation : undefined)
      if (onMemory === undefined || kind === 'intent' || kind === 'control') continue
      addOne(remembered, onMemory)
    }
    for (const [labels, count] of logged) this.increment('audit_entries_logged', count, labels)
    for (const [labels, count] of remembered) this.increment('memory_operations_audited', count, labels)
    this.increment('storage_operations', entries.length, { op: 'append', result: 'success' })
    this.observe('storage_performance', durationMs)
    this.observe('audit_append_time', durationMs)
  }

  #checked({ scope, entries, valid, findings, durationMs }: CheckedEvent): void {
    const named = new Set(findings.map(({ seq }) => seq).filter(seq => seq !== undefined))
    const bad = Math.min(named.size, entries)
    if (entries > bad) this.increment('hash_verifications', entries - bad, { result: 'valid' })
    if (bad > 0) this.increment('hash_verifications', bad, { result: 'invalid' })
    // The keys and signatures of a whole log, shared among few entries, say nothing of an entry.
    // One that is not there was not verified.
    const tells = scope === 'entry' ? entries > 0 : entries >= fewEntries
    if (tells) this.observe('entry_verification_time', durationMs / entries)
    this.#count('tamper_attempts_detected', 'type', findings)
    if (scope !== 'entry' && scope !== 'read') {
      this.increment('chain_integrity_checks', 1, { result: valid ? 'valid' : 'invalid' })
      // An opening looks at head and anchors only.
      if (valid && scope !== 'opening') this.set('last_integrity_check', this.#now() / 1e6)
    }
    if (!valid) this.#doubted = Math.max(this.#doubted ?? 0, entries)
    // What one check found wrong, only a check of the log that reaches as far finds right.
    else if (scope === 'log' && entries >= (this.#doubted ?? 0)) this.#doubted = undefined
    this.#setHealth()
  }

  /** Counts things by their type, each type once. */
  #count(metric: string, label: string, things: readonly { readonly type: string }[]): void {
    const types = new Map<string, number>()
    for (const { type } of things) addOne(types, type)
    for (const [type, count] of types) this.increment(metric, count, { [label]: type })
  }

  #setAlerts(severity: string, active: number): void {
    if (this.getCurrentValue('active_alerts', { severity }) !== active) this.set('active_alerts', active, { severity })
  }

  #openCriticalAlerts(): number {
    return this.getCurrentValue('active_alerts', { severity: 'critical' }) ?? 0
  }

  /** Sets the score when it is another. */
  #setHealth(): void {
    const { criticalAlertsOfLastDay = () => this.#openCriticalAlerts() } = this.#outside
    try {
      const chainValid = this.#doubted === undefined
      const score = healthScore({ chainValid, criticalAlertsOfLastDay: criticalAlertsOfLastDay() })
      if (this.getCurrentValue('system_health_score') !== score) this.set('system_health_score', score)
    } catch (error) {
      this.#fault(error)
    }
  }

  #fault(error: unknown): void {
    this.#events.emit({
      type: 'fault',
      where: 'metrics',
      message: error instanceof Error ? error.message : String(error),
    })
  }
}

/** Fewer entries than this in a check, and what it took is not for an entry to answer. */
const fewEntries = 100

/** Under this name the seed's system audits its memory; its operations are more than the five. */
const memoryComponent = 'memmimic_storage'

const entryLabels: { readonly [kind: string]: { readonly [outcome: string]: Labels } } = Object.fromEntries(
  kinds.map(kind => [kind, Object.fromEntries([...outcomes, noOutcome].map(outcome => [outcome, { kind, outcome }]))]),
)

const operationLabels = new Map<string, Labels>(memoryOperations.map(operation => [operation, { operation }]))
const otherOperation: Labels = {}

function addOne<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** The calls of the seed's telemetry, for programs that make them: times and outcomes by operation, in constant memory. */
import { badInput } from '../core/json.ts'
import { formatTime, type Micros } from '../core/time.ts'
import { Sketch, type Statistics } from '../trail/sketch.ts'

/** One measurement, as it is passed on. */
export interface TelemetryMeasurement {
  readonly operation: string
  readonly durationMs: number
  readonly success: boolean
  readonly metadata: { readonly [name: string]: unknown }
}

export interface TelemetryCollectorOptions {
  /** Microseconds since 1970. */
  readonly now: () => Micros
  /** Told of every measurement: `m => metrics.observe('storage_performance', m.durationMs)`. */
  readonly onMeasurement?: (measurement: TelemetryMeasurement) => void
  /** The text that `exportPrometheusMetrics` gives. */
  readonly exportPrometheus?: () => string
  /** Operations that are told apart; those that come later are counted as `other`. 100 unless given. */
  readonly maxOperations?: number
}

export interface OperationSummary {
  readonly totalCount: number
  readonly errorCount: number
  /** 0–1. */
  readonly successRate: number
  /** Milliseconds; percentiles within 1 %. */
  readonly duration: Statistics
}

export interface PerformanceSummary {
  /** RFC 3339 UTC. */
  readonly timestamp: string
  readonly totalEvents: number
  readonly totalErrors: number
  /** 0–100; 100 when nothing was measured. */
  readonly successRatePercent: number
  readonly operations: { readonly [operation: string]: OperationSummary }
}

interface Tally {
  readonly durations: Sketch
  errors: number
}

const otherOperation = 'other'

/**
 * Takes measurements by the calls of the seed's `TelemetryCollector`, under their names and in camelCase.
 *
 * A measurement costs the same whatever the history, and none is dropped: what comes when there are too many different
 * operations is counted as `other`.
 *
 * @example
 * const telemetry = new TelemetryCollector({ now })
 * telemetry.recordOperation('recall', 1.2)
 * telemetry.getPerformanceSummary().operations.recall.duration.p95 // 1.2
 */
export class TelemetryCollector {
  readonly #options: TelemetryCollectorOptions
  readonly #maxOperations: number
  readonly #tallies = new Map<string, Tally>()

  constructor(options: TelemetryCollectorOptions) {
    this.#options = options
    this.#maxOperations = options.maxOperations ?? 100
  }

  /**
   * @param durationMs milliseconds
   * @throws AuditError `bad_input` when that is no finite number of at least 0
   */
  recordOperation(
    operation: string,
    durationMs: number,
    metadata: TelemetryMeasurement['metadata'] = {},
    success = true,
  ): void {
    if (!(durationMs >= 0 && durationMs < Number.POSITIVE_INFINITY)) {
      throw badInput('$.durationMs', 'must be a number of at least 0')
    }
    const tally = this.#tallyOf(operation)
    tally.durations.add(durationMs)
    if (!success) tally.errors++
    this.#options.onMeasurement?.({ operation, durationMs, success, metadata })
  }

  /** A governance check. It counts as failed when there were violations. */
  recordGovernanceMetrics(
    operation: string,
    governanceTimeMs: number,
    violations = 0,
    warnings = 0,
    status = 'approved',
  ): void {
    const metadata = { type: 'governance', violations, warnings, status }
    this.recordOperation(`governance_${operation}`, governanceTimeMs, metadata, violations === 0)
  }

  recordStorageMetrics(operation: string, durationMs: number, contextSize = 0, cacheHit = false, success = true): void {
    this.recordOperation(`storage_${operation}`, durationMs, { type: 'storage', contextSize, cacheHit }, success)
  }

  recordMemoryMetrics(
    operation: string,
    durationMs: number,
    memoryType = 'enhanced',
    tagCount = 0,
    success = true,
  ): void {
    this.recordOperation(`memory_${operation}`, durationMs, { type: 'memory', memoryType, tagCount }, success)
  }

  getPerformanceSummary(): PerformanceSummary {
    const operations = [...this.#tallies].map(([operation, { durations, errors }]) => {
      const duration = durations.statistics()!
      const { count } = duration
      return [operation, { totalCount: count, errorCount: errors, successRate: 1 - errors / count, duration }] as const
    })
    const totalEvents = operations.reduce((sum, [, { totalCount }]) => sum + totalCount, 0)
    const totalErrors = operations.reduce((sum, [, { errorCount }]) => sum + errorCount, 0)
    return {
      timestamp: formatTime(this.#options.now()),
      totalEvents,
      totalErrors,
      successRatePercent: totalEvents === 0 ? 100 : 100 * (1 - totalErrors / totalEvents),
      operations: Object.fromEntries(operations),
    }
  }

  /** @throws AuditError `bad_input` when the collector was made without a text to give */
  exportPrometheusMetrics(): string {
    const { exportPrometheus } = this.#options
    if (exportPrometheus === undefined) throw badInput('$.exportPrometheus', 'was not given to this collector')
    return exportPrometheus()
  }

  #tallyOf(operation: string): Tally {
    const known = this.#tallies.get(operation)
    if (known !== undefined) return known
    if (this.#tallies.size >= this.#maxOperations && operation !== otherOperation) return this.#tallyOf(otherOperation)
    const tally = { durations: new Sketch(), errors: 0 }
    this.#tallies.set(operation, tally)
    return tally
  }

  // The names as the seed spells them.

  record_operation(...args: Parameters<TelemetryCollector['recordOperation']>): void {
    this.recordOperation(...args)
  }

  record_governance_metrics(...args: Parameters<TelemetryCollector['recordGovernanceMetrics']>): void {
    this.recordGovernanceMetrics(...args)
  }

  record_storage_metrics(...args: Parameters<TelemetryCollector['recordStorageMetrics']>): void {
    this.recordStorageMetrics(...args)
  }

  record_memory_metrics(...args: Parameters<TelemetryCollector['recordMemoryMetrics']>): void {
    this.recordMemoryMetrics(...args)
  }

  get_performance_summary(): PerformanceSummary {
    return this.getPerformanceSummary()
  }

  export_prometheus_metrics(): string {
    return this.exportPrometheusMetrics()
  }
}

/** Metrics under their names: what is counted, measured and watched, at the same cost whatever there was before. */
import { badInput } from '../core/json.ts'
import { formatTime, type Micros } from '../core/time.ts'
import { checkDefinition } from './check-definition.ts'
import { auditMetricDefinitions, type MetricDefinition } from './definitions.ts'
import type { MetricPoint, MetricStatistics } from './history.ts'
import type { Labels } from './labels.ts'
import { Metric } from './metric.ts'
import { formatPrometheus, type MetricFamily, prometheusContentType } from './prometheus.ts'
import { defaultMetricsSettings, type MetricsSettings } from './settings.ts'
import { crossingSeverity, type ThresholdCrossing, type ThresholdMonitor } from './threshold.ts'
import { hour } from './time-ring.ts'

export interface SecurityMetricsOptions {
  /** Microseconds since 1970. */
  readonly now: () => Micros
  readonly settings?: MetricsSettings | undefined
  /** Told when a listener to crossings throws, which harms nothing else. */
  readonly onFault?: ((error: unknown) => void) | undefined
}

/**
 * Collects metrics: the thirteen of the seed under their names, and whatever else is registered.
 *
 * All is in memory and bounded: values are kept for 168 h unless set otherwise, and go without a timer when their place is
 * needed again.
 *
 * @example
 * const metrics = new SecurityMetrics({ now: () => Date.now() * 1000 })
 * metrics.increment('governance_violations', 2, { policy: 'tag_count_exceeded' })
 * metrics.getMetricStatistics('governance_violations').sum // 2
 */
export class SecurityMetrics {
  readonly #now: () => Micros
  readonly #settings: MetricsSettings
  readonly #onFault: (error: unknown) => void
  readonly #metrics = new Map<string, Metric>()
  #listeners: readonly ((crossing: ThresholdCrossing) => void)[] = []

  /** @throws AuditError `bad_input` for settings that cannot be */
  constructor({ now, settings = defaultMetricsSettings, onFault = () => {} }: SecurityMetricsOptions) {
    const { retentionHours, thresholds } = settings
    if (!Number.isInteger(retentionHours) || retentionHours < 1 || retentionHours > 744) {
      throw badInput('$.retentionHours', `${retentionHours} is not a whole number of hours from 1 to 744`)
    }
    this.#now = now
    this.#settings = settings
    this.#onFault = onFault
    for (const definition of auditMetricDefinitions) {
      this.registerMetric({ ...definition, thresholds: thresholds[definition.name] })
    }
    for (const name of Object.keys(thresholds)) {
      if (!this.#metrics.has(name)) throw badInput(`$.thresholds.${name}`, `there is no metric ${name}`)
    }
  }

  /** What is collected, in the order of registration. */
  get definitions(): readonly MetricDefinition[] {
    return Array.from(this.#metrics.values(), ({ definition }) => definition)
  }

  /**
   * Adds a metric of one's own.
   *
   * @throws AuditError `bad_input` with the path of what cannot be, `already_exists` for a name that is taken
   * @example
   * metrics.registerMetric({
   *   name: 'tool_calls',
   *   type: 'counter',
   *   description: 'Calls of tools.',
   *   unit: 'calls',
   *   securityLevel: 'internal',
   *   labels: { server: ['files', 'memory'] },
   *   prometheus: { name: 'myapp_tool_calls_total' },
   * })
   */
  registerMetric(definition: MetricDefinition): void {
    checkDefinition(definition, this.definitions)
    this.#metrics.set(definition.name, new Metric({ ...definition }, this.#settings.retentionHours))
  }

  /**
   * Records a value: a counter grows by it, a gauge is set to it, a histogram or timer takes it in. A label that the
   * metric does not have plays no part, and a value that its label does not have becomes `other`.
   *
   * @param value in the unit of the metric: milliseconds where it is `ms`
   * @throws RangeError for a metric that there is not, a value that is no finite number, a counter that would fall
   */
  recordMetric(name: string, value: number, labels: Labels = {}): void {
    const metric = this.#metric(name)
    if (!Number.isFinite(value)) throw new RangeError(`${name}: ${value} is not a finite number`)
    if (value < 0 && metric.definition.type === 'counter') throw new RangeError(`${name}: a counter cannot fall`)
    const time = this.#now()
    metric.record(value, labels, time)
    for (const monitor of metric.monitors) {
      if (monitor.look(time) === 'crossed') this.#tell(crossingOf(metric, monitor, time, labels))
    }
  }

  /** Lets a counter grow. @throws RangeError as {@link recordMetric}, and for a metric that is no counter */
  increment(name: string, by = 1, labels?: Labels): void {
    this.#expect(name, 'counter')
    this.recordMetric(name, by, labels)
  }

  /** Sets a gauge. @throws RangeError as {@link recordMetric}, and for a metric that is no gauge */
  set(name: string, value: number, labels?: Labels): void {
    this.#expect(name, 'gauge')
    this.recordMetric(name, value, labels)
  }

  /** Takes a value into a histogram or timer. @throws RangeError as {@link recordMetric}, and for any other metric */
  observe(name: string, value: number): void {
    this.#expect(name, 'histogram', 'timer')
    this.recordMetric(name, value)
  }

  /**
   * Of a counter what it has come to since the start, of anything else the value recorded last: over all series that have
   * the labels given. `undefined` before the first.
   *
   * @example metrics.getCurrentValue('audit_entries_logged', { outcome: 'denied' })
   */
  getCurrentValue(name: string, labels?: Labels): number | undefined {
    const value = this.#metric(name).value(labels)
    return Number.isNaN(value) ? undefined : value
  }

  /**
   * Count, sum, least, greatest, mean and percentiles of what was recorded within the last hours: over whole hours of the
   * clock, so up to one more than asked for. Percentiles are within 2.5 % of the value of that rank.
   *
   * @param hours all that is kept unless given
   */
  getMetricStatistics(name: string, hours = this.#settings.retentionHours): MetricStatistics {
    const to = this.#now()
    return this.#metric(name).history.statistics(to - hours * hour, to)
  }

  /**
   * What was recorded within the last hours, minute by minute, oldest first; minutes in which nothing was are not there.
   *
   * @param hours 24 unless given; what is older than the retention is gone
   */
  getMetricHistory(name: string, hours = 24): MetricPoint[] {
    const to = this.#now()
    return this.#metric(name).history.points(to - hours * hour, to)
  }

  /**
   * Tells of each threshold that is crossed, once a crossing: not again before the value has gone back to four fifths of
   * the limit (a score: half of the way up to 100; a percentile: half of the share that may be above).
   *
   * @returns what ends the listening
   */
  onCrossing(listener: (crossing: ThresholdCrossing) => void): () => void {
    this.#listeners = [...this.#listeners, listener]
    return () => {
      this.#listeners = this.#listeners.filter(other => other !== listener)
    }
  }

  /** The thresholds that are crossed at this moment. */
  getCrossedThresholds(): ThresholdCrossing[] {
    const time = this.#now()
    const crossed: ThresholdCrossing[] = []
    for (const metric of this.#metrics.values()) {
      for (const monitor of metric.monitors) {
        const side = monitor.look(time)
        if (side === 'within') continue
        const crossing = crossingOf(metric, monitor, time)
        crossed.push(crossing)
        // Good values became too old, and bad ones are left.
        if (side === 'crossed') this.#tell(crossing)
      }
    }
    return crossed
  }

  /** The `Content-Type` of {@link prometheus}. */
  readonly contentType: string = prometheusContentType

  /** All metrics as the text that Prometheus reads. */
  async prometheus(): Promise<string> {
    return formatPrometheus(this.families())
  }

  protected families(): MetricFamily[] {
    return Array.from(this.#metrics.values(), metric => metric.family()).filter(family => family !== undefined)
  }

  #metric(name: string): Metric {
    const metric = this.#metrics.get(name)
    if (metric === undefined) throw new RangeError(`there is no metric ${name}`)
    return metric
  }

  #expect(name: string, ...types: readonly string[]): void {
    const { type } = this.#metric(name).definition
    if (!types.includes(type)) throw new RangeError(`${name} is a ${type}, not a ${types.join(' or ')}`)
  }

  #tell(crossing: ThresholdCrossing): void {
    for (const listener of this.#listeners) {
      try {
        listener(crossing)
      } catch (error) {
        this.#onFault(error)
      }
    }
  }
}

function crossingOf(metric: Metric, monitor: ThresholdMonitor, time: Micros, labels?: Labels): ThresholdCrossing {
  const { name } = metric.definition
  return {
    metricName: name,
    thresholdType: monitor.type,
    thresholdValue: monitor.limit,
    currentValue: monitor.current(time),
    labels: labels === undefined ? {} : metric.labelsOf(labels),
    time: formatTime(time),
    severity: crossingSeverity(name, monitor.type),
  }
}

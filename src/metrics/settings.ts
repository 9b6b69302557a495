/** What can be set about metrics. */

/** Values at which somebody is told, by kind; the kinds are the seed's. Each kind goes with some types of metric only. */
export interface Thresholds {
  /** Counters: more than this within the last 60 s. */
  readonly rate_per_minute?: number
  /** Counters: more than this within the last 60 min. */
  readonly rate_per_hour?: number
  /** Counters: this many since the start, or more. Stays crossed. */
  readonly total?: number
  /** Histograms and timers: the 95th percentile of the last hour above this, in the unit of the metric. */
  readonly p95?: number
  /** Histograms and timers: the 99th percentile of the last hour above this, in the unit of the metric. */
  readonly p99?: number
  /** Gauges with a label `severity`: this many that are `critical`, or more. */
  readonly critical_alerts?: number
  /** Gauges that are scores from 0 to 100: below this. */
  readonly min_score?: number
}
export type ThresholdType = keyof Thresholds

export interface MetricsSettings {
  /** Hours for which values are kept in memory, minute by minute, 1–744. */
  readonly retentionHours: number
  /** By the name of the metric. A metric that is not named here has no thresholds. */
  readonly thresholds: { readonly [metric: string]: Thresholds | undefined }
}

/** The seed's numbers, and the p95 of appending from its monitoring section. */
export const defaultMetricsSettings: MetricsSettings = {
  retentionHours: 168,
  thresholds: {
    audit_entries_logged: { rate_per_minute: 1000 },
    tamper_attempts_detected: { total: 1 },
    audit_append_time: { p95: 10 },
    audit_query_time: { p95: 1000 },
    entry_verification_time: { p95: 10 },
    active_alerts: { critical_alerts: 5 },
    governance_violations: { rate_per_hour: 10 },
    system_health_score: { min_score: 80 },
    storage_performance: { p95: 50 },
  },
}

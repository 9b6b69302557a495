/** What a metric is, and the metrics of this system: the seed's thirteen under their names, and what else must be watched. */
import { kinds, outcomes, type SecurityLevel } from '../core/entry.ts'
import { findingTypes, severities } from '../core/finding.ts'
import type { Thresholds } from './settings.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'timer'

/** How a metric looks in Prometheus. A `ms` becomes seconds there. */
export interface PrometheusForm {
  /** With `_total` for a counter, and the base unit. */
  readonly name: string
  /** Upper bounds of the buckets of a histogram or timer, ascending, in the unit that Prometheus sees. */
  readonly buckets?: readonly number[]
}

export interface MetricDefinition {
  /** Lower case, digits and `_`. */
  readonly name: string
  /** A `timer` is a histogram of durations in `ms`. */
  readonly type: MetricType
  /** One sentence; the HELP text in Prometheus. */
  readonly description: string
  readonly unit: string
  /** Who may see it. */
  readonly securityLevel: SecurityLevel
  /** Each label with every value that it can have: whatever else comes is `other`. Nothing that grows belongs here. */
  readonly labels?: { readonly [name: string]: readonly string[] }
  readonly thresholds?: Thresholds | undefined
  /** Absent for a metric that stays in here. */
  readonly prometheus?: PrometheusForm
}

/** The seed's memory operations. */
export const memoryOperations = ['remember', 'recall', 'update', 'search', 'forget'] as const

/** What an entry without an outcome has as its label: Prometheus cannot tell an empty label from none. */
export const noOutcome = 'none'

const verdicts = ['valid', 'invalid']

/** Seconds. Each default threshold is a bound of its buckets, so that Prometheus sees it exactly. */
const buckets = {
  append: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
  storage: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 10, 60],
  query: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  verification: [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25],
}

/** N1–N13 of the seed in its order, then those that are ours. Their thresholds are settings. */
export const auditMetricDefinitions: readonly MetricDefinition[] = [
  {
    name: 'audit_entries_logged',
    type: 'counter',
    description: 'Entries that became durable.',
    unit: 'entries',
    securityLevel: 'internal',
    labels: { kind: kinds, outcome: [...outcomes, noOutcome] },
    prometheus: { name: 'memmimic_audit_entries_total' },
  },
  {
    name: 'hash_verifications',
    type: 'counter',
    description: 'Entries verified.',
    unit: 'verifications',
    securityLevel: 'internal',
    labels: { result: verdicts },
    prometheus: { name: 'memmimic_audit_verified_entries_total' },
  },
  {
    name: 'tamper_attempts_detected',
    type: 'counter',
    description: 'Findings of checks, each time that they were found.',
    unit: 'attempts',
    securityLevel: 'confidential',
    labels: { type: findingTypes },
    prometheus: { name: 'memmimic_audit_tamper_findings_total' },
  },
  {
    name: 'chain_integrity_checks',
    type: 'counter',
    description: 'Checks of the chain or a stretch of it, of the whole log, and of its head at opening.',
    unit: 'checks',
    securityLevel: 'internal',
    labels: { result: verdicts },
    prometheus: { name: 'memmimic_audit_integrity_checks_total' },
  },
  {
    name: 'audit_query_time',
    type: 'histogram',
    description: 'Time to answer a question.',
    unit: 'ms',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_query_duration_seconds', buckets: buckets.query },
  },
  {
    name: 'entry_verification_time',
    type: 'histogram',
    description: 'Time to verify one entry; of a check of many, their mean.',
    unit: 'ms',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_verify_duration_seconds', buckets: buckets.verification },
  },
  {
    name: 'active_alerts',
    type: 'gauge',
    description: 'Alerts that are not resolved.',
    unit: 'alerts',
    securityLevel: 'confidential',
    labels: { severity: severities },
    prometheus: { name: 'memmimic_audit_alerts_active' },
  },
  {
    name: 'storage_operations',
    type: 'counter',
    description: 'Operations on the files of the log; appending an entry is one.',
    unit: 'operations',
    securityLevel: 'internal',
    labels: {
      op: ['append', 'checkpoint', 'prune', 'erase', 'backup', 'migrate'],
      result: ['success', 'failure'],
    },
    prometheus: { name: 'memmimic_audit_storage_operations_total' },
  },
  {
    name: 'governance_violations',
    type: 'counter',
    description: 'Violations that governance checks found.',
    unit: 'violations',
    securityLevel: 'confidential',
    labels: {
      policy: [
        'content_size_exceeded',
        'tag_count_exceeded',
        'tag_length_exceeded',
        'summary_length_exceeded',
        'metadata_size_exceeded',
      ],
    },
    prometheus: { name: 'memmimic_audit_policy_violations_total' },
  },
  {
    name: 'system_health_score',
    type: 'gauge',
    description: 'Health from 0 to 100: less 30 while the chain is invalid, less 10 for each critical alert of a day.',
    unit: 'score',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_health_score' },
  },
  {
    name: 'memory_operations_audited',
    type: 'counter',
    description: 'Operations on a memory that ended and are on the record.',
    unit: 'operations',
    securityLevel: 'internal',
    labels: { operation: memoryOperations },
    prometheus: { name: 'memmimic_audit_memory_operations_total' },
  },
  {
    name: 'governance_validations',
    type: 'counter',
    description: 'Governance checks that gave a result.',
    unit: 'validations',
    securityLevel: 'internal',
    labels: { status: ['approved', 'approved_with_warnings', 'rejected', 'error'] },
    prometheus: { name: 'memmimic_audit_governance_validations_total' },
  },
  {
    name: 'storage_performance',
    type: 'histogram',
    description: 'Time of an operation on the files of the log, appends among them.',
    unit: 'ms',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_storage_duration_seconds', buckets: buckets.storage },
  },
  // Beyond the seed's thirteen.
  {
    name: 'audit_append_time',
    type: 'timer',
    description: 'Time from a call to its receipt; of entries acknowledged together, the longest.',
    unit: 'ms',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_append_duration_seconds', buckets: buckets.append },
  },
  {
    name: 'last_integrity_check',
    type: 'gauge',
    description: 'When a check of the chain or the log last ended well, in Unix time; 0 before the first.',
    unit: 'seconds',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_integrity_check_last_success_timestamp_seconds' },
  },
  {
    name: 'entries_dropped',
    type: 'counter',
    description: 'Entries that were given and could not be recorded; whoever gave them was told. Must stay 0.',
    unit: 'entries',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_dropped_total' },
  },
  {
    name: 'component_faults',
    type: 'counter',
    description: 'Failures of listeners, sinks and streams, which harm nothing else.',
    unit: 'faults',
    securityLevel: 'internal',
    prometheus: { name: 'memmimic_audit_faults_total' },
  },
]

/** Metrics of the log's health, which no event tells. */
import type { MetricFamily } from '../metrics/prometheus.ts'
import { type DegradedMode, degradedModes } from '../trail/degraded.ts'

/** Each mode with 1 for on and 0 for off. */
export function degradedFamily(degraded: readonly { readonly mode: DegradedMode }[]): MetricFamily {
  const on = new Set(degraded.map(({ mode }) => mode))
  return {
    name: 'memmimic_audit_degraded',
    help: 'Whether the log is in a degraded mode.',
    type: 'gauge',
    samples: degradedModes.map(mode => ({ labels: { mode }, value: on.has(mode) ? 1 : 0 })),
  }
}

/** @param age seconds, if there is a checkpoint */
export function checkpointAgeFamily(age: number | undefined): MetricFamily {
  return {
    name: 'memmimic_audit_checkpoint_age_seconds',
    help: 'Seconds since the newest checkpoint was signed.',
    type: 'gauge',
    samples: age === undefined ? [] : [{ labels: {}, value: age }],
  }
}

export function readyFamily(ready: boolean): MetricFamily {
  const samples = [{ labels: {}, value: ready ? 1 : 0 }]
  return { name: 'memmimic_audit_ready', help: 'Whether the server is ready.', type: 'gauge', samples }
}

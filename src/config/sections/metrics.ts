import { z } from 'zod'
import { auditMetricDefinitions } from '../../metrics/definitions.ts'
import type { MetricsSettings, Thresholds } from '../../metrics/settings.ts'

const positive = z.number().gt(0)
const [first = '', ...others] = auditMetricDefinitions.map(({ name }) => name)

const thresholds = z.strictObject({
  rate_per_minute: positive.describe('Counters: more than this within the last 60 s.').optional(),
  rate_per_hour: positive.describe('Counters: more than this within the last 60 min.').optional(),
  total: positive.describe('Counters: this many since the start, or more.').optional(),
  p95: positive.describe('Histograms: the 95th percentile of the last hour, in the unit of the metric.').optional(),
  p99: positive.describe('Histograms: the 99th percentile of the last hour, in the unit of the metric.').optional(),
  critical_alerts: positive.describe('Gauges with a severity: this many that are critical, or more.').optional(),
  min_score: z.number().min(0).max(100).describe('Scores: below this.').optional(),
}) satisfies z.ZodType<Thresholds>

/** What is measured, and when somebody is told. */
export const metricsSection = z.strictObject({
  retentionHours: z.int().min(1).max(744).describe('Hours for which values are kept in memory.'),
  thresholds: z
    .partialRecord(z.enum([first, ...others]), thresholds)
    .describe('Values at which somebody is told, by the name of the metric; null for none.'),
}) satisfies z.ZodType<MetricsSettings>

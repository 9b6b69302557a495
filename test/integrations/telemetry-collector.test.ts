import { describe, expect, it } from 'vitest'
import { TelemetryCollector, type TelemetryMeasurement } from '../../src/integrations/telemetry-collector.ts'

const now = () => Date.UTC(2026, 10, 23, 12) * 1000

describe('the telemetry collector', () => {
  it('answers to the seed’s calls, by its names and in camelCase', () => {
    const passedOn: TelemetryMeasurement[] = []
    const telemetry = new TelemetryCollector({
      now,
      onMeasurement: measurement => passedOn.push(measurement),
      exportPrometheus: () => 'memmimic_audit_entries_total 1\n',
    })
    telemetry.recordOperation('recall', 2, { query: 'x' })
    telemetry.record_operation('recall', 4, undefined, false)
    telemetry.record_governance_metrics('store', 0.5, 1, 0, 'rejected')
    telemetry.recordGovernanceMetrics('store', 0.5)
    telemetry.record_storage_metrics('get', 1, 10, true)
    telemetry.recordStorageMetrics('get', 1, 0, false, false)
    telemetry.record_memory_metrics('remember', 3)
    telemetry.recordMemoryMetrics('remember', 3, 'plain', 2, true)
    expect(
      passedOn.map(({ operation, durationMs, success, metadata }) => [operation, durationMs, success, metadata]),
    ).toEqual([
      ['recall', 2, true, { query: 'x' }],
      ['recall', 4, false, {}],
      ['governance_store', 0.5, false, { type: 'governance', violations: 1, warnings: 0, status: 'rejected' }],
      ['governance_store', 0.5, true, { type: 'governance', violations: 0, warnings: 0, status: 'approved' }],
      ['storage_get', 1, true, { type: 'storage', contextSize: 10, cacheHit: true }],
      ['storage_get', 1, false, { type: 'storage', contextSize: 0, cacheHit: false }],
      ['memory_remember', 3, true, { type: 'memory', memoryType: 'enhanced', tagCount: 0 }],
      ['memory_remember', 3, true, { type: 'memory', memoryType: 'plain', tagCount: 2 }],
    ])
    const summary = telemetry.getPerformanceSummary()
    expect(telemetry.get_performance_summary()).toEqual(summary)
    expect(summary).toMatchObject({
      timestamp: '2026-11-23T12:00:00.000000Z',
      totalEvents: 8,
      totalErrors: 3,
      successRatePercent: 62.5,
    })
    expect(summary.operations.recall).toMatchObject({
      totalCount: 2,
      errorCount: 1,
      successRate: 0.5,
      duration: { mean: 3, min: 2, max: 4 },
    })
    expect(telemetry.export_prometheus_metrics()).toBe('memmimic_audit_entries_total 1\n')
    expect(() => new TelemetryCollector({ now }).exportPrometheusMetrics()).toThrow('was not given to this collector')
  })

  it('drops no measurement, however many operations there are, and takes none that is none', () => {
    const telemetry = new TelemetryCollector({ now, maxOperations: 3 })
    for (let i = 0; i < 1000; i++) telemetry.recordOperation(`op ${i}`, i)
    const { operations, totalEvents } = telemetry.getPerformanceSummary()
    expect(totalEvents).toBe(1000)
    expect(Object.keys(operations)).toEqual(['op 0', 'op 1', 'op 2', 'other'])
    expect(operations.other).toMatchObject({ totalCount: 997, duration: { max: 999 } })
    for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => telemetry.recordOperation('x', bad)).toThrow('must be a number of at least 0')
    }
    expect(new TelemetryCollector({ now }).getPerformanceSummary()).toMatchObject({
      totalEvents: 0,
      successRatePercent: 100,
    })
  })

  it('takes as long for a measurement after a million as after none', () => {
    const telemetry = new TelemetryCollector({ now })
    const microsEach = () => {
      const started = performance.now()
      for (let i = 0; i < 100_000; i++) telemetry.recordOperation('recall', i % 100)
      return (performance.now() - started) / 100
    }
    microsEach()
    const early = microsEach()
    for (let i = 0; i < 8; i++) microsEach()
    expect(microsEach()).toBeLessThan(Math.max(3 * early, 5))
    expect(telemetry.getPerformanceSummary().operations.recall!.duration.p95).toBeCloseTo(94, -1)
  })
})

/** The collector: what is recorded is what is read, at the same cost whatever there was before, in bounded memory. */
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Micros } from '../../src/core/time.ts'
import type { MetricDefinition } from '../../src/metrics/definitions.ts'
import { percentileError } from '../../src/metrics/distribution.ts'
import { SecurityMetrics } from '../../src/metrics/security-metrics.ts'
import { defaultMetricsSettings, type Thresholds } from '../../src/metrics/settings.ts'
import { crossingSeverity, type ThresholdCrossing } from '../../src/metrics/threshold.ts'

const start = Date.UTC(2026, 10, 23, 12) * 1000
const ms = 1000
const second = 1000 * ms
const minute = 60 * second
const hour = 60 * minute

/** Metrics with a clock that stands still until it is moved. */
function makeMetrics(settings = defaultMetricsSettings) {
  const clock = { time: start }
  const crossings: ThresholdCrossing[] = []
  const metrics = new SecurityMetrics({ now: () => clock.time, settings })
  metrics.onCrossing(crossing => crossings.push(crossing))
  return { clock, metrics, crossings }
}

const own = (definition: Partial<MetricDefinition> = {}): MetricDefinition => ({
  name: 'own',
  type: 'histogram',
  description: 'A metric of ours.',
  unit: 'ms',
  securityLevel: 'internal',
  ...definition,
})

describe('the metrics of the seed', () => {
  it.each<[string, string, string, string, Thresholds | undefined]>([
    ['audit_entries_logged', 'counter', 'entries', 'internal', { rate_per_minute: 1000 }],
    ['hash_verifications', 'counter', 'verifications', 'internal', undefined],
    ['tamper_attempts_detected', 'counter', 'attempts', 'confidential', { total: 1 }],
    ['chain_integrity_checks', 'counter', 'checks', 'internal', undefined],
    ['audit_query_time', 'histogram', 'ms', 'internal', { p95: 1000 }],
    ['entry_verification_time', 'histogram', 'ms', 'internal', { p95: 10 }],
    ['active_alerts', 'gauge', 'alerts', 'confidential', { critical_alerts: 5 }],
    ['storage_operations', 'counter', 'operations', 'internal', undefined],
    ['governance_violations', 'counter', 'violations', 'confidential', { rate_per_hour: 10 }],
    ['system_health_score', 'gauge', 'score', 'internal', { min_score: 80 }],
    ['memory_operations_audited', 'counter', 'operations', 'internal', undefined],
    ['governance_validations', 'counter', 'validations', 'internal', undefined],
    ['storage_performance', 'histogram', 'ms', 'internal', { p95: 50 }],
  ])('%s is there, with its type, unit, level and threshold', (name, type, unit, securityLevel, thresholds) => {
    const { metrics } = makeMetrics()
    const definition = metrics.definitions.find(metric => metric.name === name)
    expect(definition).toMatchObject({ type, unit, securityLevel })
    expect(definition?.thresholds).toEqual(thresholds)
  })
})

describe('a counter', () => {
  it('raised 2,000 times by each of eight threads has come to 16,000', async () => {
    const { metrics } = makeMetrics()
    const code = `const { parentPort } = require('node:worker_threads')
      for (let i = 0; i < 2000; i++) parentPort.postMessage(i)`
    const threads = Array.from({ length: 8 }, async () => {
      const worker = new Worker(code, { eval: true })
      worker.on('message', async i => {
        if (i % 2 === 0) await Promise.resolve()
        metrics.increment('audit_entries_logged', 1, { kind: 'event', outcome: 'success' })
      })
      await new Promise(resolve => worker.on('exit', resolve))
    })
    await Promise.all(threads)
    expect(metrics.getCurrentValue('audit_entries_logged')).toBe(16_000)
    expect(metrics.getMetricStatistics('audit_entries_logged')).toMatchObject({ count: 16_000, sum: 16_000, max: 1 })
  })

  it('raised by 500 operations on 500 memories reads 500', () => {
    const { metrics } = makeMetrics()
    for (let i = 0; i < 500; i++) {
      metrics.recordMetric('audit_entries_logged', 1, { kind: 'event', outcome: 'success', memory_id: `mem_${i}` })
    }
    expect(metrics.getCurrentValue('audit_entries_logged')).toBe(500)
    expect(metrics.getCurrentValue('audit_entries_logged', { kind: 'event' })).toBe(500)
    expect(metrics.getCurrentValue('audit_entries_logged', { outcome: 'success', kind: 'event' })).toBe(500)
    expect(metrics.getCurrentValue('audit_entries_logged', { outcome: 'denied' })).toBe(0)
  })

  it('raised ten times by one has a sum of ten, not of fifty-five', () => {
    const { metrics } = makeMetrics()
    for (let i = 0; i < 10; i++) metrics.increment('storage_operations')
    const statistics = { count: 10, sum: 10, min: 1, max: 1, mean: 1, p50: 1, p95: 1, p99: 1 }
    expect(metrics.getMetricStatistics('storage_operations')).toEqual(statistics)
  })

  it('keeps what its labels do not name as other, and never falls', () => {
    const { metrics } = makeMetrics()
    metrics.increment('hash_verifications', 3, { result: 'valid' })
    metrics.increment('hash_verifications', 4, { result: 'who knows' })
    metrics.increment('hash_verifications', 5)
    expect(metrics.getCurrentValue('hash_verifications', { result: 'valid' })).toBe(3)
    expect(metrics.getCurrentValue('hash_verifications', { result: 'other' })).toBe(9)
    expect(() => metrics.increment('hash_verifications', -1)).toThrow(RangeError)
  })
})

describe('a value', () => {
  it('goes where its metric takes values, and nowhere else', () => {
    const { metrics } = makeMetrics()
    expect(metrics.getCurrentValue('system_health_score')).toBeUndefined()
    metrics.recordMetric('system_health_score', 90)
    metrics.set('system_health_score', 70)
    expect(metrics.getCurrentValue('system_health_score')).toBe(70)
    metrics.set('active_alerts', 2, { severity: 'high' })
    metrics.set('active_alerts', 1, { severity: 'critical' })
    metrics.set('active_alerts', 1, { severity: 'high' })
    expect(metrics.getCurrentValue('active_alerts')).toBe(2)
    metrics.recordMetric('audit_query_time', 3)
    expect(metrics.getCurrentValue('audit_query_time')).toBe(3)
    expect(() => metrics.increment('audit_query_time')).toThrow('audit_query_time is a histogram, not a counter')
    expect(() => metrics.observe('active_alerts', 1)).toThrow('active_alerts is a gauge, not a histogram or timer')
    expect(() => metrics.set('storage_operations', 1)).toThrow('storage_operations is a counter, not a gauge')
    expect(() => metrics.recordMetric('audit_entries', 1)).toThrow('there is no metric audit_entries')
    expect(() => metrics.observe('audit_query_time', Number.NaN)).toThrow('NaN is not a finite number')
  })
})

describe('statistics', () => {
  /** Times as they are: mostly short, some long, and now and then the same again. */
  const time = fc.oneof(
    fc.double({ min: 0.001, max: 10, noNaN: true }),
    fc.double({ min: 10, max: 1e6, noNaN: true }),
    fc.constantFrom(0.5, 1, 100),
  )

  it('are those of a sorted list: exactly, and the percentiles to 2.5 %', () => {
    fc.assert(
      fc.property(fc.array(time, { minLength: 1, maxLength: 400 }), values => {
        const { clock, metrics } = makeMetrics()
        for (const value of values) {
          metrics.observe('audit_query_time', value)
          clock.time += 10 * minute
        }
        const sorted = values.toSorted((a, b) => a - b)
        const sum = values.reduce((a, b) => a + b, 0)
        const { p50, p95, p99, ...exact } = metrics.getMetricStatistics('audit_query_time')
        expect(exact).toMatchObject({ count: values.length, min: sorted[0], max: sorted.at(-1) })
        expect(Math.abs(exact.sum - sum)).toBeLessThanOrEqual(1e-9 * sum)
        expect(exact.mean).toBe(exact.sum / exact.count)
        for (const [share, found] of [
          [0.5, p50],
          [0.95, p95],
          [0.99, p99],
        ] as const) {
          const right = sorted[Math.ceil(share * sorted.length) - 1]!
          expect(Math.abs(found - right)).toBeLessThanOrEqual(right * percentileError * (1 + 1e-9))
        }
      }),
    )
  })

  it('are of the hours asked for, and all zero when nothing was', () => {
    const { clock, metrics } = makeMetrics()
    for (const value of [1, 2, 3]) {
      metrics.observe('audit_query_time', value)
      clock.time += hour
    }
    expect(metrics.getMetricStatistics('audit_query_time', 1)).toMatchObject({ count: 1, sum: 3 })
    expect(metrics.getMetricStatistics('audit_query_time', 2)).toMatchObject({ count: 2, sum: 5 })
    expect(metrics.getMetricStatistics('audit_query_time')).toMatchObject({ count: 3, sum: 6 })
    clock.time += 200 * hour
    const nothing = { count: 0, sum: 0, min: 0, max: 0, mean: 0, p50: 0, p95: 0, p99: 0 }
    expect(metrics.getMetricStatistics('audit_query_time')).toEqual(nothing)
  })
})

describe('what was recorded', () => {
  it('is kept for seven days minute by minute, and then no longer', () => {
    const { clock, metrics } = makeMetrics()
    for (let i = 0; i < 30 * 24 * 60; i++) {
      metrics.increment('storage_operations', 2)
      metrics.increment('storage_operations', 4)
      clock.time += minute
    }
    const points = metrics.getMetricHistory('storage_operations', 1000)
    expect(points).toHaveLength(168 * 60)
    expect(points[0]).toEqual({ time: '2026-12-16T12:00:00.000000Z', count: 2, sum: 6, min: 2, max: 4 })
    expect(points.at(-1)!.time).toBe('2026-12-23T11:59:00.000000Z')
    expect(metrics.getMetricHistory('storage_operations', 1)).toEqual(points.slice(-60))
    expect(metrics.getMetricStatistics('storage_operations').sum).toBe(168 * 60 * 6)
    expect(metrics.getCurrentValue('storage_operations')).toBe(30 * 24 * 60 * 6)
  })

  it('takes less than 0.8 MB a metric, whatever was recorded', () => {
    const { clock, metrics } = makeMetrics()
    const before = process.memoryUsage().arrayBuffers
    metrics.registerMetric(
      own({ thresholds: { p95: 10, p99: 100 }, prometheus: { name: 'own_seconds', buckets: [1] } }),
    )
    for (let i = 0; i < 1_000_000; i++) {
      metrics.observe('own', i % 1000)
      clock.time += second
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(0.8e6)
  })

  it('goes without a timer, by the passing of time alone', () => {
    const { clock, metrics } = makeMetrics()
    const timers = () => process.getActiveResourcesInfo().filter(resource => resource === 'Timeout').length
    const before = timers()
    const another = makeMetrics()
    another.metrics.increment('storage_operations')
    expect(timers()).toBe(before)
    metrics.increment('storage_operations')
    clock.time += 169 * hour
    expect(metrics.getMetricHistory('storage_operations', 1000)).toEqual([])
    expect(metrics.getMetricStatistics('storage_operations').count).toBe(0)
  })

  it('outlives a clock that is set back', () => {
    const { clock, metrics } = makeMetrics()
    metrics.increment('storage_operations')
    clock.time -= 2 * hour
    metrics.increment('storage_operations')
    expect(metrics.getMetricHistory('storage_operations')).toHaveLength(1)
    clock.time += 3 * hour
    expect(metrics.getMetricHistory('storage_operations')).toHaveLength(2)
    clock.time -= 1000 * hour
    metrics.increment('storage_operations')
    expect(metrics.getMetricHistory('storage_operations')).toHaveLength(1)
    expect(metrics.getCurrentValue('storage_operations')).toBe(3)
  })
})

describe('a threshold', () => {
  it('that 1,500 entries in a minute cross is crossed once, not five hundred times', () => {
    const { clock, metrics, crossings } = makeMetrics()
    for (let i = 0; i < 1500; i++) {
      metrics.increment('audit_entries_logged', 1, { kind: 'event', outcome: 'success', memory_id: `mem_${i}` })
      clock.time += 30 * ms
    }
    expect(crossings).toEqual([
      {
        metricName: 'audit_entries_logged',
        thresholdType: 'rate_per_minute',
        thresholdValue: 1000,
        currentValue: 1001,
        labels: { kind: 'event', outcome: 'success' },
        time: '2026-11-23T12:00:30.000000Z',
        severity: 'medium',
      },
    ])
  })

  /** What is recorded, and when; and the values at which somebody is told. */
  type Step = readonly [after: Micros, value: number, times?: number]
  const criticals = { labels: { severity: ['high', 'critical'] } }
  it.each<[string, Partial<MetricDefinition>, readonly Step[], readonly number[]]>([
    [
      'a rate is over a sliding minute',
      { type: 'counter', thresholds: { rate_per_minute: 10 } },
      [
        [0, 6],
        [59 * second, 5],
      ],
      [11],
    ],
    [
      'a rate that is reached is not crossed',
      { type: 'counter', thresholds: { rate_per_minute: 10 } },
      [
        [0, 6],
        [59 * second, 4],
      ],
      [],
    ],
    [
      'a rate forgets what is a minute old',
      { type: 'counter', thresholds: { rate_per_minute: 10 } },
      [
        [0, 6],
        [60 * second, 5],
      ],
      [],
    ],
    [
      'a rate is crossed again after it went well back',
      { type: 'counter', thresholds: { rate_per_minute: 10 } },
      [
        [0, 11],
        [second, 1],
        [minute, 7],
        [second, 4],
      ],
      [11, 11],
    ],
    [
      'a rate that stays near its limit is not crossed again',
      { type: 'counter', thresholds: { rate_per_minute: 10 } },
      [
        [0, 11],
        [50 * second, 9],
        [15 * second, 1],
        [second, 1],
      ],
      [11],
    ],
    [
      'a rate an hour is over a sliding hour',
      { type: 'counter', thresholds: { rate_per_hour: 10 } },
      [
        [0, 6],
        [59 * minute, 5],
      ],
      [11],
    ],
    [
      'a rate an hour forgets what is an hour old',
      { type: 'counter', thresholds: { rate_per_hour: 10 } },
      [
        [0, 6],
        [hour, 5],
      ],
      [],
    ],
    [
      'a total is crossed once and for all',
      { type: 'counter', thresholds: { total: 2 } },
      [
        [0, 1],
        [0, 1],
        [hour, 1, 50],
      ],
      [2],
    ],
    [
      'open alerts are crossed again after they were well below',
      { type: 'gauge', ...criticals, thresholds: { critical_alerts: 5 } },
      [
        [0, 4],
        [0, 5],
        [0, 9],
        [0, 4],
        [0, 5],
        [0, 3],
        [0, 6],
      ],
      [5, 6],
    ],
    [
      'a score is crossed downwards, and again after it was half of the way up',
      { type: 'gauge', thresholds: { min_score: 80 } },
      [
        [0, 100],
        [0, 80],
        [0, 70],
        [0, 60],
        [0, 80],
        [0, 70],
        [0, 90],
        [0, 70],
      ],
      [70, 70],
    ],
    ['a p95 of few values is none', { thresholds: { p95: 10 } }, [[0, 50, 19]], []],
    [
      'a p95 may have one value in twenty above it',
      { thresholds: { p95: 10 } },
      [
        [0, 1, 19],
        [0, 50],
      ],
      [],
    ],
    [
      'a p95 is crossed by two in twenty',
      { thresholds: { p95: 10 } },
      [
        [0, 1, 18],
        [0, 50, 2],
      ],
      [50],
    ],
    [
      'a p99 needs a hundred values',
      { thresholds: { p99: 10 } },
      [
        [0, 1, 97],
        [0, 50, 2],
        [0, 50],
      ],
      [50],
    ],
    [
      'a p95 is over the last hour',
      { thresholds: { p95: 10 } },
      [
        [0, 1, 1000],
        [hour, 1, 18],
        [0, 50, 2],
      ],
      [50],
    ],
    [
      'a p95 is crossed again after half of the share was left',
      { thresholds: { p95: 10 } },
      [
        [0, 1, 95],
        [0, 50, 6],
        [0, 1, 20],
        [0, 50],
        [0, 1, 200],
        [0, 50, 20],
      ],
      [50, 50],
    ],
  ])('%s', (_name, definition, steps, expected) => {
    const { clock, metrics, crossings } = makeMetrics()
    metrics.registerMetric(own(definition))
    for (const [after, value, times = 1] of steps) {
      clock.time += after
      for (let i = 0; i < times; i++) metrics.recordMetric('own', value, { severity: 'critical' })
    }
    expect(crossings.map(({ currentValue }) => Math.round(currentValue))).toEqual(expected)
  })

  it('is as grave as the seed says', () => {
    expect(crossingSeverity('tamper_attempts_detected', 'rate_per_hour')).toBe('critical')
    expect(crossingSeverity('active_alerts', 'critical_alerts')).toBe('critical')
    expect(crossingSeverity('own', 'total')).toBe('critical')
    expect(crossingSeverity('own', 'critical_alerts')).toBe('critical')
    expect(crossingSeverity('audit_query_time', 'p95')).toBe('high')
    expect(crossingSeverity('own', 'p99')).toBe('high')
    expect(crossingSeverity('audit_entries_logged', 'rate_per_minute')).toBe('medium')
    expect(crossingSeverity('system_health_score', 'min_score')).toBe('medium')
  })

  it('is seen to be crossed for as long as it is, and no longer', () => {
    const { clock, metrics, crossings } = makeMetrics()
    expect(metrics.getCrossedThresholds()).toEqual([])
    metrics.increment('governance_violations', 11, { policy: 'tag_count_exceeded' })
    metrics.increment('tamper_attempts_detected', 1, { type: 'hash_mismatch' })
    const names = () => metrics.getCrossedThresholds().map(({ metricName, currentValue }) => [metricName, currentValue])
    expect(names()).toEqual([
      ['tamper_attempts_detected', 1],
      ['governance_violations', 11],
    ])
    clock.time += hour
    expect(names()).toEqual([['tamper_attempts_detected', 1]])
    expect(crossings).toHaveLength(2)
  })

  it('that is crossed because good values became too old is told of when somebody looks', () => {
    const { clock, metrics, crossings } = makeMetrics()
    for (let i = 0; i < 1000; i++) metrics.observe('audit_query_time', 1)
    clock.time += 30 * minute
    for (let i = 0; i < 40; i++) metrics.observe('audit_query_time', 2000)
    expect(crossings).toEqual([])
    clock.time += 31 * minute
    expect(metrics.getCrossedThresholds()).toHaveLength(1)
    expect(metrics.getCrossedThresholds()).toHaveLength(1)
    expect(crossings).toMatchObject([{ metricName: 'audit_query_time', severity: 'high', labels: {} }])
  })

  it('is told of to everyone who listens, though one of them fails, and to nobody who has stopped', () => {
    const faults: unknown[] = []
    const told: string[] = []
    const metrics = new SecurityMetrics({ now: () => start, onFault: error => faults.push(error) })
    metrics.onCrossing(() => {
      throw new Error('broken')
    })
    const stop = metrics.onCrossing(({ metricName }) => told.push(metricName))
    metrics.increment('tamper_attempts_detected')
    stop()
    metrics.set('system_health_score', 10)
    expect(told).toEqual(['tamper_attempts_detected'])
    expect(faults).toEqual([new Error('broken'), new Error('broken')])
  })
})

describe('a definition', () => {
  it('makes a metric of one’s own', async () => {
    const { metrics } = makeMetrics()
    const labels = { server: ['files', 'a "b"\n\\'] }
    metrics.registerMetric(own({ type: 'counter', unit: 'calls', labels, prometheus: { name: 'app_calls_total' } }))
    metrics.increment('own', 2, { server: 'a "b"\n\\' })
    metrics.increment('own', 3, { server: 'memory' })
    const text = await metrics.prometheus()
    expect(text.slice(text.indexOf('# HELP app_calls_total')).split('\n').slice(2)).toEqual([
      'app_calls_total{server="files"} 0',
      'app_calls_total{server="a \\"b\\"\\n\\\\"} 2',
      'app_calls_total{server="other"} 3',
      '',
    ])
  })

  it.each<[string, Partial<MetricDefinition>]>([
    ['$.name', { name: 'Own metric' }],
    ['$.type', { type: 'summary' as never }],
    ['$.description', { description: ' ' }],
    ['$.securityLevel', { securityLevel: 'standard' as never }],
    ['$.labels', { labels: { server: ['files'] } }],
    ['$.labels.__server', { type: 'counter', labels: { __server: ['files'] } }],
    ['$.labels', { type: 'counter', labels: { id: Array.from({ length: 1000 }, (_, i) => `${i}`) } }],
    ['$.thresholds.p90', { thresholds: { p90: 1 } as never }],
    ['$.thresholds.rate_per_minute', { thresholds: { rate_per_minute: 1 } }],
    ['$.thresholds.p95', { type: 'counter', thresholds: { p95: 1 } }],
    ['$.thresholds.p95', { thresholds: { p95: Number.NaN } }],
    ['$.thresholds.critical_alerts', { type: 'gauge', thresholds: { critical_alerts: 1 } }],
    ['$.prometheus.name', { type: 'counter', prometheus: { name: 'own' } }],
    ['$.prometheus.name', { prometheus: { name: 'own time', buckets: [1] } }],
    ['$.prometheus.buckets', { prometheus: { name: 'own_seconds' } }],
    ['$.prometheus.buckets', { prometheus: { name: 'own_seconds', buckets: [] } }],
    ['$.prometheus.buckets', { prometheus: { name: 'own_seconds', buckets: [2, 1] } }],
    ['$.prometheus.buckets', { type: 'gauge', prometheus: { name: 'own_seconds', buckets: [1] } }],
  ])('is refused at %s: %j', (path, definition) => {
    const { metrics } = makeMetrics()
    expect(() => metrics.registerMetric(own(definition))).toThrow(expect.objectContaining({ code: 'bad_input', path }))
  })

  it('is refused when its name is taken, here or in Prometheus', () => {
    const { metrics } = makeMetrics()
    const taken = expect.objectContaining({ code: 'already_exists' })
    expect(() => metrics.registerMetric(own({ name: 'active_alerts' }))).toThrow(taken)
    const prometheus = { name: 'memmimic_audit_query_duration_seconds', buckets: [1] }
    expect(() => metrics.registerMetric(own({ prometheus }))).toThrow(taken)
  })

  it('is refused with settings that could not work', () => {
    const refused = (path: string) => expect.objectContaining({ code: 'bad_input', path })
    for (const retentionHours of [0, 1.5, 745]) {
      expect(() => makeMetrics({ retentionHours, thresholds: {} })).toThrow(refused('$.retentionHours'))
    }
    const thresholds = { audit_entries: { total: 1 } }
    expect(() => makeMetrics({ retentionHours: 1, thresholds })).toThrow(refused('$.thresholds.audit_entries'))
  })
})

describe('the cost', () => {
  /** Microseconds a call: the best of some rounds, so that whatever else the machine does counts little. */
  function microsOf(calls: number, call: () => void): number {
    const rounds = Array.from({ length: 7 }, () => {
      const began = performance.now()
      for (let i = 0; i < calls; i++) call()
      return ((performance.now() - began) * 1000) / calls
    })
    return Math.min(...rounds)
  }

  it('of a counter, an observation and statistics is the same after ten values as after a million', () => {
    const { clock, metrics } = makeMetrics()
    const measure = () => ({
      counter: microsOf(2000, () =>
        metrics.increment('audit_entries_logged', 1, { kind: 'event', outcome: 'success' }),
      ),
      observation: microsOf(2000, () => metrics.observe('audit_append_time', 3)),
      statistics: microsOf(100, () => metrics.getMetricStatistics('audit_query_time')),
    })
    // The compiler gets to know the code first.
    for (let i = 0; i < 5; i++) measure()
    for (let i = 0; i < 10; i++) metrics.observe('audit_query_time', i)
    const few = measure()
    for (let i = 0; i < 1_000_000; i++) {
      metrics.observe('audit_query_time', i % 5000)
      if (i % 1000 === 0) clock.time += second
    }
    const many = measure()
    expect(metrics.getMetricStatistics('audit_query_time').count).toBe(1_000_010)
    expect(many.counter / few.counter).toBeLessThan(5)
    expect(many.observation / few.observation).toBeLessThan(5)
    expect(many.statistics / few.statistics).toBeLessThan(5)
    // An order of magnitude above what is measured on two quiet cores.
    expect(many.counter).toBeLessThan(5)
    expect(many.observation).toBeLessThan(5)
  })

  it('of statistics over seven full days is bounded, and far below that of sorting them', () => {
    const { clock, metrics } = makeMetrics()
    for (let i = 0; i < 1_000_000; i++) {
      metrics.observe('audit_query_time', i % 5000)
      clock.time += 600 * ms
    }
    expect(microsOf(20, () => metrics.getMetricStatistics('audit_query_time'))).toBeLessThan(1500)
  })
})

/** What Prometheus is shown: names, kinds and labels as they are promised, text that it takes, and nothing that grows. */
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { type AppendedEntry, EventStream } from '../../src/core/events.ts'
import { AuditMetrics } from '../../src/metrics/audit-metrics.ts'
import { BucketCounts, formatPrometheus } from '../../src/metrics/prometheus.ts'
import { fixedWorld } from '../../src/testing.ts'
import { debianProgram } from '../support/debian.ts'
import { parseExposition } from './exposition.ts'

function makeMetrics(outside = {}) {
  const events = new EventStream()
  const world = fixedWorld()
  return { events, world, metrics: new AuditMetrics({ events, now: () => world.now(), outside }) }
}

function entry(i: number, members: Partial<AppendedEntry> = {}): AppendedEntry {
  return {
    seq: i,
    id: `01a00000-0000-7000-8000-${String(i).padStart(12, '0')}`,
    time: '2026-11-23T12:00:00.000000Z',
    kind: 'event',
    operation: 'remember',
    component: `component-${i}`,
    outcome: 'success',
    securityLevel: 'internal',
    complianceFlags: [],
    governanceStatus: undefined,
    actor: { type: 'agent', id: `agent-${i}` },
    memoryId: `mem_${i}`,
    session: `session-${i}`,
    attributes: { path: `path-${i}` },
    performanceMetrics: { durationMs: i },
    ...members,
  }
}

/** One of everything that metrics listen to. */
function tellAll(events: EventStream): void {
  events.emit({
    type: 'appended',
    entries: [entry(1), entry(2, { kind: 'intent', outcome: undefined })],
    durationMs: 3,
  })
  events.emit({ type: 'refused', entries: 2, code: 'io' })
  events.emit({ type: 'queried', entries: 5, durationMs: 12, cached: false })
  events.emit({
    type: 'checked',
    scope: 'log',
    entries: 10,
    valid: false,
    findings: [{ type: 'hash_mismatch', severity: 'high', seq: 3, message: 'entry 3 was changed' }],
    durationMs: 20,
  })
  events.emit({ type: 'checked', scope: 'scrub', entries: 10, valid: true, findings: [], durationMs: 10 })
  events.emit({ type: 'checked', scope: 'entry', entries: 1, valid: true, findings: [], durationMs: 2 })
  events.emit({ type: 'checked', scope: 'scrub', entries: 1000, valid: true, findings: [], durationMs: 1000 })
  events.emit({ type: 'stored', op: 'checkpoint', ok: true, durationMs: 4 })
  const violations = [{ type: 'tag_count_exceeded', severity: 'high' }]
  events.emit({ type: 'governed', status: 'rejected', violations, durationMs: 0.1 })
  events.emit({ type: 'alerts', active: { critical: 1, high: 2 } })
  events.emit({ type: 'fault', where: 'webhook', message: 'no answer' })
}

const outside = {
  bufferEntries: () => 17,
  checkpointAgeSeconds: async () => 12.5,
  witnessLagEntries: () => 3,
  streamLagEntries: () => ({ siem: 40, 'a "quoted" \\ name\n': 2 }),
}

describe('the metrics in Prometheus', () => {
  it('have the names, kinds and labels that are promised', async () => {
    const { events, metrics } = makeMetrics(outside)
    tellAll(events)
    const shown = [...parseExposition(await metrics.prometheus()).values()].map(({ name, type, samples }) => {
      const labels = new Set(samples.flatMap(sample => Object.keys(sample.labels)))
      labels.delete('le')
      return `${type} ${name}{${[...labels]}}`
    })
    expect(shown).toEqual([
      'counter memmimic_audit_entries_total{kind,outcome}',
      'counter memmimic_audit_verified_entries_total{result}',
      'counter memmimic_audit_tamper_findings_total{type}',
      'counter memmimic_audit_integrity_checks_total{result}',
      'histogram memmimic_audit_query_duration_seconds{}',
      'histogram memmimic_audit_verify_duration_seconds{}',
      'gauge memmimic_audit_alerts_active{severity}',
      'counter memmimic_audit_storage_operations_total{op,result}',
      'counter memmimic_audit_policy_violations_total{policy}',
      'gauge memmimic_audit_health_score{}',
      'counter memmimic_audit_memory_operations_total{operation}',
      'counter memmimic_audit_governance_validations_total{status}',
      'histogram memmimic_audit_storage_duration_seconds{}',
      'histogram memmimic_audit_append_duration_seconds{}',
      'gauge memmimic_audit_integrity_check_last_success_timestamp_seconds{}',
      'counter memmimic_audit_dropped_total{}',
      'counter memmimic_audit_faults_total{}',
      'gauge memmimic_audit_buffer_entries{}',
      'gauge memmimic_audit_checkpoint_age_seconds{}',
      'gauge memmimic_audit_witness_lag_entries{}',
      'gauge memmimic_audit_stream_lag_entries{stream}',
    ])
    expect(metrics.contentType).toBe(new Registry().contentType)
  })

  it('say what happened', async () => {
    const { events, metrics, world } = makeMetrics(outside)
    tellAll(events)
    const families = parseExposition(await metrics.prometheus())
    const lines = [...families.values()].flatMap(({ samples }) =>
      samples.filter(({ name, value }) => value !== 0 && !name.endsWith('_bucket')),
    )
    const checked = lines.find(({ name }) => name.endsWith('_timestamp_seconds'))!
    expect(checked.value).toBeCloseTo(world.time / 1e6, 0)
    expect(lines.filter(line => line !== checked).map(({ name, labels, value }) => [name, labels, value])).toEqual([
      ['memmimic_audit_entries_total', { kind: 'event', outcome: 'success' }, 1],
      ['memmimic_audit_entries_total', { kind: 'intent', outcome: 'none' }, 1],
      ['memmimic_audit_verified_entries_total', { result: 'valid' }, 1020],
      ['memmimic_audit_verified_entries_total', { result: 'invalid' }, 1],
      ['memmimic_audit_tamper_findings_total', { type: 'hash_mismatch' }, 1],
      ['memmimic_audit_integrity_checks_total', { result: 'valid' }, 2],
      ['memmimic_audit_integrity_checks_total', { result: 'invalid' }, 1],
      ['memmimic_audit_query_duration_seconds_sum', {}, 0.012],
      ['memmimic_audit_query_duration_seconds_count', {}, 1],
      ['memmimic_audit_verify_duration_seconds_sum', {}, 0.003],
      ['memmimic_audit_verify_duration_seconds_count', {}, 2],
      ['memmimic_audit_alerts_active', { severity: 'high' }, 2],
      ['memmimic_audit_alerts_active', { severity: 'critical' }, 1],
      ['memmimic_audit_storage_operations_total', { op: 'append', result: 'success' }, 2],
      ['memmimic_audit_storage_operations_total', { op: 'checkpoint', result: 'success' }, 1],
      ['memmimic_audit_storage_operations_total', { op: 'append', result: 'failure' }, 2],
      ['memmimic_audit_policy_violations_total', { policy: 'tag_count_exceeded' }, 1],
      ['memmimic_audit_health_score', {}, 60],
      ['memmimic_audit_memory_operations_total', { operation: 'remember' }, 1],
      ['memmimic_audit_governance_validations_total', { status: 'rejected' }, 1],
      ['memmimic_audit_storage_duration_seconds_sum', {}, 0.007],
      ['memmimic_audit_storage_duration_seconds_count', {}, 2],
      ['memmimic_audit_append_duration_seconds_sum', {}, 0.003],
      ['memmimic_audit_append_duration_seconds_count', {}, 1],
      ['memmimic_audit_dropped_total', {}, 2],
      ['memmimic_audit_faults_total', {}, 1],
      ['memmimic_audit_buffer_entries', {}, 17],
      ['memmimic_audit_checkpoint_age_seconds', {}, 12.5],
      ['memmimic_audit_witness_lag_entries', {}, 3],
      ['memmimic_audit_stream_lag_entries', { stream: 'siem' }, 40],
      ['memmimic_audit_stream_lag_entries', { stream: 'a "quoted" \\ name\n' }, 2],
    ])
  })

  it('show the first finding as an increase: what can be counted stands at 0 before it is', async () => {
    const { metrics } = makeMetrics()
    const families = parseExposition(await metrics.prometheus())
    const findings = families.get('memmimic_audit_tamper_findings_total')!.samples
    expect(findings.map(({ value }) => value)).toEqual(Array(17).fill(0))
    expect(families.get('memmimic_audit_alerts_active')!.samples).toEqual([])
  })

  it('have as many series after ten thousand actors, memories and components as after one', async () => {
    const { events, metrics } = makeMetrics()
    const tell = (from: number, to: number) => {
      const entries = Array.from({ length: to - from }, (_, i) => entry(from + i, { operation: `operation-${i}` }))
      events.emit({ type: 'appended', entries, durationMs: 1 })
      for (const { id } of entries) {
        events.emit({ type: 'governed', status: id, violations: [{ type: id, severity: id }], durationMs: 1 })
        metrics.increment('audit_entries_logged', 1, { kind: id, memory_id: id })
        events.emit({ type: 'alerts', active: { [id]: 1, critical: 1 } })
      }
    }
    tell(0, 1)
    const once = await metrics.prometheus()
    tell(1, 10_000)
    const text = await metrics.prometheus()
    expect(text.split('\n').length).toBe(once.split('\n').length)
    expect(text).not.toMatch(/mem_\d|agent-|component-|session-|path-|operation-|01a00000/)
    const [status] = parseExposition(text)
      .get('memmimic_audit_governance_validations_total')!
      .samples.filter(({ value }) => value > 0)
    expect(status).toMatchObject({ labels: { status: 'other' }, value: 10_000 })
    expect(metrics.getCurrentValue('audit_entries_logged')).toBe(20_000)
  })

  it('leave out a gauge that cannot be read, and say so', async () => {
    const faults: string[] = []
    const { events, metrics } = makeMetrics({
      bufferEntries: () => undefined,
      checkpointAgeSeconds: () => Promise.reject(new Error('the log is closed')),
      witnessLagEntries: () => 3,
      criticalAlertsOfLastDay: () => {
        throw new Error('no alerts')
      },
    })
    events.on(event => event.type === 'fault' && faults.push(`${event.where}: ${event.message}`))
    const families = parseExposition(await metrics.prometheus())
    expect(families.get('memmimic_audit_buffer_entries')?.samples).toEqual([])
    expect(families.get('memmimic_audit_checkpoint_age_seconds')?.samples).toEqual([])
    expect(families.get('memmimic_audit_witness_lag_entries')?.samples).toMatchObject([{ value: 3 }])
    expect(families.has('memmimic_audit_stream_lag_entries')).toBe(false)
    expect(faults).toEqual(['metrics: no alerts', 'metrics: the log is closed'])
  })
})

describe('the text', () => {
  it('says what was said, whatever stands in labels, help and values', () => {
    const text = fc.string({ unit: 'binary' })
    const samples = fc.array(fc.record({ a: text, b: text, value: fc.double({ noDefaultInfinity: false }) }))
    fc.assert(
      fc.property(text, samples, (help, rows) => {
        const written = formatPrometheus([
          { name: 'x', help, type: 'gauge', samples: rows.map(({ a, b, value }) => ({ labels: { a, b }, value })) },
        ])
        const read = parseExposition(written).get('x')!
        expect(read).toMatchObject({ help, type: 'gauge' })
        expect(read.samples).toEqual(rows.map(({ a, b, value }) => ({ name: 'x', labels: { a, b }, value: value + 0 })))
      }),
    )
  })

  it('of a histogram is that of prom-client, to the letter', async () => {
    const bounds = [0.001, 0.0025, 0.01, 0.1, 1, 10]
    const onOrNearBounds = fc.oneof(fc.constantFrom(...bounds), fc.double({ min: 0, max: 20, noNaN: true }))
    await fc.assert(
      fc.asyncProperty(fc.array(onOrNearBounds), async values => {
        const registry = new Registry()
        const theirs = new Histogram({ name: 'x', help: 'Help.', buckets: bounds, registers: [registry] })
        const ours = new BucketCounts(bounds)
        for (const value of values) {
          theirs.observe(value)
          ours.add(value)
        }
        const text = formatPrometheus([{ name: 'x', help: 'Help.', type: 'histogram', samples: ours.samples() }])
        expect(text).toBe(await registry.metrics())
      }),
      { numRuns: 50 },
    )
  })
})

const promtool = debianProgram('promtool', 'prometheus')
describe.skipIf(promtool === undefined)('promtool', () => {
  const check = (input: string) =>
    execFileSync(promtool!, ['check', 'metrics'], { input, encoding: 'utf8', stdio: 'pipe' })

  it('has nothing to say about the metrics, before anything happened and after everything did', async () => {
    const { events, metrics } = makeMetrics(outside)
    expect(check(await metrics.prometheus())).toBe('')
    tellAll(events)
    expect(check(await metrics.prometheus())).toBe('')
  })

  it('has something to say about worse ones', () => {
    expect(() => check('# TYPE x_total gauge\nx_total 1\n')).toThrow(/x_total/)
  })
})

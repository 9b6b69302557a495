/** The metrics of a log: they record themselves, from what happens in it, and say how it is. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemWorld } from '../../src/append/clock.ts'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { type AuditEvent, type CheckedEvent, EventStream } from '../../src/core/events.ts'
import { finding } from '../../src/core/finding.ts'
import { openAuditLog } from '../../src/index.ts'
import { AuditMetrics } from '../../src/metrics/audit-metrics.ts'
import { healthScore, systemStatus } from '../../src/metrics/health.ts'
import { fixedWorld } from '../../src/testing.ts'

describe('a log that is used', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-metrics-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const open = async () => {
    const files = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
    const log = await openAuditLog({ ...files, threads: false, closeOnExit: false, onCreate: () => {} })
    const world = systemWorld()
    return { log, metrics: new AuditMetrics({ events: log.events, now: () => world.now() }), ...files }
  }

  it('records its metrics, and nobody calls them', async () => {
    const { log, metrics } = await open()
    const remember = { operation: 'remember', component: 'memory' }
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => log.append({ ...remember, memoryId: i, outcome: 'success' })),
    )
    const call = await log.begin({ operation: 'forget', component: 'memory' })
    await call.deny('not yours')
    expect(await Array.fromAsync(log.query({ operation: 'forget' }))).toHaveLength(2)
    expect(await log.verify()).toMatchObject({ valid: true })
    await log.close()

    const value = (name: string, labels?: Record<string, string>) => metrics.getCurrentValue(name, labels)
    expect(value('audit_entries_logged', { kind: 'event', outcome: 'success' })).toBe(300)
    expect(value('audit_entries_logged', { kind: 'intent', outcome: 'none' })).toBe(1)
    expect(value('audit_entries_logged', { kind: 'outcome', outcome: 'denied' })).toBe(1)
    expect(value('memory_operations_audited', { operation: 'remember' })).toBe(300)
    expect(value('memory_operations_audited', { operation: 'forget' })).toBe(1)
    expect(value('storage_operations', { op: 'append', result: 'success' })).toBe(302)
    expect(value('hash_verifications', { result: 'valid' })).toBeGreaterThanOrEqual(303)
    expect(value('chain_integrity_checks', { result: 'valid' })).toBeGreaterThanOrEqual(1)
    expect(value('tamper_attempts_detected')).toBe(0)
    expect(value('entries_dropped')).toBe(0)
    expect(value('last_integrity_check')! * 1000).toBeGreaterThan(Date.now() - 60_000)
    const { systemPerformance, currentHealthScore, crossedThresholds } = metrics.getAuditSummary()
    expect(systemPerformance.append.count).toBeGreaterThan(1)
    expect(systemPerformance.append.p99).toBeGreaterThan(0)
    expect(systemPerformance.query.count).toBeGreaterThanOrEqual(1)
    expect(systemPerformance.verification.mean).toBeGreaterThan(0)
    expect(currentHealthScore).toBe(100)
    expect(crossedThresholds).toEqual([])
  })

  it('and tampered with says so: one crossing, and a score that warns', async () => {
    const first = await open()
    await first.log.append({ operation: 'remember', component: 'memory' })
    await first.log.close()
    const tamper = Tamper.open(first.file, loadStorageKey(first.keys))
    tamper.edit(1, { operation: 'recall' })
    tamper.save().db.close()

    const { log, metrics } = await open()
    const crossed: string[] = []
    metrics.onCrossing(({ metricName, severity }) => crossed.push(`${metricName} ${severity}`))
    for (let i = 0; i < 3; i++) expect(await log.verify()).toMatchObject({ valid: false })
    await log.close()
    expect(metrics.getCurrentValue('tamper_attempts_detected', { type: 'hash_mismatch' })).toBe(3)
    expect(metrics.getCurrentValue('hash_verifications', { result: 'invalid' })).toBeGreaterThanOrEqual(3)
    expect(metrics.getCurrentValue('chain_integrity_checks', { result: 'invalid' })).toBe(3)
    expect(metrics.getCurrentValue('system_health_score')).toBe(70)
    expect(crossed).toEqual(['tamper_attempts_detected critical', 'system_health_score medium'])
  })
})

function makeMetrics(outside = {}) {
  const events = new EventStream()
  const world = fixedWorld()
  return { events, metrics: new AuditMetrics({ events, now: () => world.now(), outside }) }
}

const check = (members: Partial<CheckedEvent>): CheckedEvent => ({
  type: 'checked',
  scope: 'log',
  entries: 100,
  valid: true,
  findings: [],
  durationMs: 10,
  ...members,
})
const mismatch = finding('hash_mismatch', 'entry 7 was changed', { seq: 7 })

describe('an event', () => {
  it.each<[string, AuditEvent, Record<string, number | undefined>]>([
    [
      'of a check at opening is no check of the entries',
      check({ scope: 'opening', entries: 0 }),
      {
        chain_integrity_checks: 1,
        last_integrity_check: 0,
        hash_verifications: 0,
        entry_verification_time: undefined,
      },
    ],
    [
      'of one entry verified is none of the chain',
      check({ scope: 'entry', entries: 1, durationMs: 0.25 }),
      {
        chain_integrity_checks: 0,
        hash_verifications: 1,
        entry_verification_time: 0.25,
      },
    ],
    [
      'of a check of many counts their mean',
      check({ scope: 'scrub', entries: 100, durationMs: 10 }),
      {
        chain_integrity_checks: 1,
        hash_verifications: 100,
        entry_verification_time: 0.1,
      },
    ],
    [
      'of a refusal counts each entry',
      { type: 'refused', entries: 5, code: 'io' },
      {
        storage_operations: 5,
        entries_dropped: 5,
        audit_entries_logged: 0,
      },
    ],
    [
      'of an operation on the files that failed',
      { type: 'stored', op: 'backup', ok: false, durationMs: 70 },
      {
        storage_operations: 1,
        storage_performance: 70,
      },
    ],
    [
      'of governance counts its violations',
      {
        type: 'governed',
        status: 'rejected',
        violations: [
          { type: 'content_size_exceeded', severity: 'critical' },
          { type: 'of our own', severity: 'low' },
        ],
        durationMs: 1,
      },
      { governance_validations: 1, governance_violations: 2 },
    ],
    [
      'of alerts replaces their numbers',
      { type: 'alerts', active: { critical: 2, low: 3 } },
      { active_alerts: 5, system_health_score: 80 },
    ],
    [
      'of an answer takes its time',
      { type: 'queried', entries: 3, durationMs: 8, cached: true },
      { audit_query_time: 8 },
    ],
  ])('%s', (_name, event, expected) => {
    const { events, metrics } = makeMetrics()
    events.emit(event)
    const found = Object.keys(expected).map(name => [name, metrics.getCurrentValue(name)])
    expect(Object.fromEntries(found)).toEqual(expected)
  })

  it('that comes after the end is not recorded', () => {
    const { events, metrics } = makeMetrics()
    metrics.close()
    events.emit({ type: 'fault', where: 'webhook', message: 'no answer' })
    expect(metrics.getCurrentValue('component_faults')).toBe(0)
  })

  it('of a threshold that a listener fails at is a fault like any other', () => {
    const { events, metrics } = makeMetrics()
    metrics.onCrossing(() => {
      throw new Error('broken')
    })
    events.emit(check({ valid: false, findings: [mismatch] }))
    expect(metrics.getCurrentValue('component_faults')).toBe(2)
    expect(metrics.getCurrentValue('tamper_attempts_detected')).toBe(1)
  })
})

describe('the health score', () => {
  it.each([
    [true, 0, 100],
    [true, 1, 90],
    [true, 3, 70],
    [false, 0, 70],
    [false, 2, 50],
    [true, 10, 0],
    [false, 7, 0],
    [false, 100, 0],
  ])(
    'of a chain that is valid (%s), with %i critical alerts in a day, is %i',
    (chainValid, criticalAlertsOfLastDay, score) => {
      expect(healthScore({ chainValid, criticalAlertsOfLastDay })).toBe(score)
    },
  )

  it('falls with a check that fails, and rises with one of the log that reaches as far and does not', () => {
    const { events, metrics } = makeMetrics()
    const scoreAfter = (event: AuditEvent) => {
      events.emit(event)
      return metrics.getCurrentValue('system_health_score')
    }
    expect(scoreAfter(check({}))).toBe(100)
    expect(scoreAfter(check({ scope: 'scrub', entries: 1000, valid: false, findings: [mismatch] }))).toBe(70)
    expect(scoreAfter(check({ scope: 'scrub', entries: 1000 }))).toBe(70)
    expect(scoreAfter(check({ entries: 10 }))).toBe(70)
    expect(scoreAfter(check({ entries: 1000 }))).toBe(100)
  })

  it('is of the alerts of the last day where they are known, and else of those that are open', () => {
    let ofLastDay = 4
    const known = makeMetrics({ criticalAlertsOfLastDay: () => ofLastDay })
    expect(known.metrics.getAuditSummary().currentHealthScore).toBe(60)
    ofLastDay = 0
    expect(known.metrics.getAuditSummary()).toMatchObject({ currentHealthScore: 100, openCriticalAlerts: 0 })
    const { events, metrics } = makeMetrics()
    events.emit({ type: 'alerts', active: { critical: 3, medium: 1 } })
    expect(metrics.getAuditSummary()).toMatchObject({ currentHealthScore: 70, activeAlerts: 4, openCriticalAlerts: 3 })
    expect(metrics.getAuditSummary().crossedThresholds).toMatchObject([{ metricName: 'system_health_score' }])
  })
})

describe('the status', () => {
  const good = { meanAppendMs: 1, meanVerificationMs: 0.5, openCriticalAlerts: 0, entries: 1 }
  it.each([
    [good, 100, 'healthy'],
    [{ ...good, meanAppendMs: 0, meanVerificationMs: 0 }, 100, 'healthy'],
    [{ ...good, meanAppendMs: 5 }, 75, 'degraded'],
    [{ ...good, meanVerificationMs: 2 }, 75, 'degraded'],
    [{ ...good, openCriticalAlerts: 1 }, 75, 'degraded'],
    [{ ...good, entries: 0 }, 75, 'degraded'],
    [{ ...good, entries: 0, openCriticalAlerts: 1 }, 50, 'critical'],
    [{ meanAppendMs: 9, meanVerificationMs: 9, openCriticalAlerts: 9, entries: 0 }, 0, 'critical'],
  ])('of %j is %i: %s', (facts, score, status) => {
    expect(systemStatus(facts)).toMatchObject({ score, status })
  })
})

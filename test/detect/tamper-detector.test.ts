import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemWorld } from '../../src/append/clock.ts'
import { loadStorageKey } from '../../src/append/keys.ts'
import { AuditError } from '../../src/core/errors.ts'
import { EventStream } from '../../src/core/events.ts'
import { type Finding, type FindingType, finding, findingTypes, type Severity } from '../../src/core/finding.ts'
import type { Alert } from '../../src/detect/alert.ts'
import { LogFollower } from '../../src/detect/log-follower.ts'
import { defaultDetectSettings } from '../../src/detect/settings.ts'
import { TamperDetector } from '../../src/detect/tamper-detector.ts'
import { chainSeverity } from '../../src/detect/tampering.ts'
import { openIndexFile } from '../../src/index/file.ts'
import { entryOf, looseDetector, type Opened, person, Site } from './system.ts'
import { agentFor } from './trace.ts'

let site: Site
beforeEach(() => {
  site = new Site()
})
afterEach(() => site.dispose())

const checked = (findings: readonly Finding[], entries = 1000) =>
  ({ type: 'checked', scope: 'log', entries, valid: findings.length === 0, findings, durationMs: 1 }) as const
const changed = (seq: number) => finding('hash_mismatch', `entry ${seq} was changed`, { seq })

describe('a real log that was tampered with', () => {
  async function tampered(): Promise<Opened> {
    const first = await site.open()
    await first.grow(900)
    expect(first.detector.getAlerts()).toEqual([])
    await first.close()
    site.tamper(file => {
      file.edit(300, { component: 'somebody else' })
      delete file.rows[700]
      file.save()
    })
    return site.open()
  }
  const shown = (alerts: readonly Alert[]) =>
    alerts.map(({ type, affectedEntries }) => `${type} ${affectedEntries}`).sort()

  it('is found by the scrubber, and the alerts are entries: raised, acknowledged, resolved, opened again, commented, the same after a restart', async () => {
    let log = await tampered()
    await log.scrub()
    const { detector } = log
    expect(shown(detector.getAlerts())).toEqual(['hash_mismatch 300', 'missing_entry 700'])
    expect(detector.getComponentHealth().entries).toMatchObject({ status: 'compromised', openAlerts: 2 })
    const changedEntry = detector.getAlerts({ type: 'hash_mismatch' })[0]!
    const gone = detector.getAlerts({ type: 'missing_entry' })[0]!
    expect(changedEntry).toMatchObject({
      severity: 'high',
      component: 'entries',
      detectionMethod: 'automatic',
      confidenceScore: 0.9,
      acknowledged: false,
      resolved: false,
      evidence: [{ type: 'hash_mismatch', seq: 300, expected: expect.any(String), actual: expect.any(String) }],
    })
    await detector.acknowledgeAlert(changedEntry.id, { actor: person, note: 'looking into it' })
    await detector.resolveAlert(changedEntry.id, { actor: person, note: 'restored from the backup' })
    await detector.resolveAlert(gone.id, { actor: person })
    expect(detector.getComponentHealth().entries).toMatchObject({ status: 'healthy', openAlerts: 0 })
    await detector.reopenAlert(gone.id, { actor: person, note: 'not so soon' })
    await detector.commentAlert(gone.id, { actor: person, note: 'asked the vendor' })
    expect(detector.getComponentHealth().entries).toMatchObject({ status: 'degraded', openAlerts: 1 })
    const before = detector.getAlerts()
    const health = detector.getComponentHealth()
    const entries = await log.entries()
    expect(entries.map(({ operation }) => operation)).toEqual([
      'alert.raised',
      'alert.raised',
      'alert.acknowledged',
      'alert.resolved',
      'alert.resolved',
      'alert.reopened',
      'alert.commented',
    ])
    expect(entries.at(-1)).toMatchObject({ kind: 'control', actor: person, note: 'asked the vendor' })
    expect(before.find(({ id }) => id === gone.id)!.history.map(({ seq }) => seq)).toEqual(
      entries.filter(entry => entry.attributes!['alert.id'] === gone.id).map(({ seq }) => seq),
    )
    // What speaks of a person is not in the leaf.
    const leaves = await Promise.all(
      entries.map(async ({ seq }) => Buffer.from((await log.reader.leaf(seq))!).toString()),
    )
    expect(leaves.join()).not.toMatch(/Zoë|Quartz|vendor|looking/)

    await log.close()
    log = await site.open()
    expect(log.detector.getAlerts()).toEqual(before)
    expect(log.detector.getComponentHealth()).toEqual(health)
    // The pass that comes finds the same again: nothing new.
    await log.scrub()
    expect(shown(log.detector.getAlerts({ resolved: false }))).toEqual(['missing_entry 700'])
    expect(log.detector.getAlert(changedEntry.id)).toMatchObject({ resolved: true, count: 2 })
    // What was written about the alerts is itself whole.
    const last = await log.log.verify({ from: 768 })
    expect(last.findings).toEqual([])
    await log.close()
  })

  it('raises an alert whoever checks it: a verification of the log, of the chain, of an entry, or the opening', async () => {
    const log = await tampered()
    const { detector, events } = log
    const seen = (scope: 'entry' | 'chain' | 'read' | 'opening', seq: number) => {
      events.emit({ ...checked([changed(seq)]), scope })
      return detector.getAlerts().some(({ affectedEntries }) => affectedEntries.includes(String(seq)))
    }
    expect([seen('entry', 10), seen('chain', 20), seen('read', 30), seen('opening', 40)]).toEqual(Array(4).fill(true))
    await log.log.verify()
    expect(shown(detector.getAlerts({ type: 'missing_entry' }))).toEqual(['missing_entry 700'])
    await log.close()
  })

  it('an alert marked as resolved in the file is noticed, and is not resolved', async () => {
    let log = await site.open()
    await log.grow(300)
    log.events.emit(checked([changed(7)]))
    const alert = log.detector.getAlerts()[0]!
    await log.detector.acknowledgeAlert(alert.id, { actor: person })
    const { seq } = (await log.entries()).at(-1)!
    await log.grow(300)
    await log.close()
    site.tamper(file => {
      file.edit(seq, { operation: 'alert.resolved' })
      file.save()
    })
    log = await site.open()
    await log.scrub()
    expect(log.detector.getAlert(alert.id)).toMatchObject({ resolved: false })
    expect(shown(log.detector.getAlerts({ resolved: false }))).toContain(`hash_mismatch ${seq}`)
    await log.close()
  })

  it('an alert marked as resolved in the index changes nothing, and is noticed', async () => {
    let log = await site.open()
    await log.grow(20)
    log.events.emit(checked([changed(7)]))
    const alert = log.detector.getAlerts()[0]!
    await log.detector.commentAlert(alert.id, { actor: person, note: 'hm' })
    const { seq } = (await log.entries()).at(-1)!
    await log.close()
    const index = openIndexFile(`${site.file}.index`, loadStorageKey(site.keys), { mode: 'write' })
    const columns = index.prepare("SELECT name FROM pragma_table_info('entry')").pluck().all() as string[]
    expect(columns).toContain('operation')
    const other = index.prepare('SELECT operation FROM entry WHERE seq = 3').pluck().get()
    expect(index.prepare('UPDATE entry SET operation = ? WHERE seq = ?').run(other, seq).changes).toBe(1)
    index.close()
    log = await site.open()
    expect(log.detector.getAlert(alert.id)).toMatchObject({ resolved: false })
    await log.log.verify({ deep: true })
    const found = log.detector.getAlerts({ type: 'index_mismatch' })
    expect(found.some(({ affectedEntries }) => affectedEntries.includes(`${seq}`))).toBe(true)
    expect(log.detector.getComponentHealth().index).toMatchObject({ status: 'compromised' })
    await log.close()
  })
})

describe('what is an alert', () => {
  it('every type of finding is; what the log declares is not', async () => {
    const { detector, events } = looseDetector()
    await detector.open()
    for (const [i, type] of findingTypes.entries())
      events.emit(checked([finding(type, `it is ${type}`, { seq: 10 * i })]))
    const ownTypes = detector.getAlerts().filter(({ detectionMethod }) => detectionMethod === 'automatic')
    expect(new Set(ownTypes.map(({ type }) => type))).toEqual(new Set(findingTypes))
    for (const { type, severity } of ownTypes) expect(severity).toBe(finding(type, '').severity)
    const before = detector.getStatistics()
    for (const operation of ['retention.pruned', 'subject.erased', 'log.restored', 'key.rotated', 'gap.recorded']) {
      detector.observe([{ ...entryOf(operation), kind: 'control', component: 'memmimic-audit' }])
    }
    events.emit(checked([]))
    expect(detector.getStatistics()).toMatchObject({ raised: before.raised, alerts: before.alerts })
    await detector.close()
  })

  it.each<['tampered' | 'missing' | 'invalid' | 'error', FindingType, Severity]>([
    ['tampered', 'hash_mismatch', 'high'],
    ['missing', 'missing_entry', 'medium'],
    ['invalid', 'signature_invalid', 'high'],
    ['error', 'suspicious_pattern', 'low'],
  ])('the status %s is %s, %s', async (status, type, severity) => {
    const { detector } = looseDetector()
    const [alert] = detector.detectFromVerificationResult({ status, entryId: 'e1', details: 'so it is' })
    expect(alert).toMatchObject({
      type,
      severity,
      affectedEntries: ['e1'],
      description: 'so it is',
      confidenceScore: 0.9,
    })
    expect(detector.detectFromVerificationResult({ status: 'valid', entryId: 'e2', details: '' })).toEqual([])
  })

  it.each<[number, Severity]>([
    [0, 'critical'],
    [49.9, 'critical'],
    [50, 'high'],
    [79.9, 'high'],
    [80, 'medium'],
    [94.9, 'medium'],
    [95, 'low'],
    [100, 'low'],
  ])('a chain that holds to %d percent is %s', (integrityPercentage, severity) => {
    expect(chainSeverity(integrityPercentage)).toBe(severity)
    const { detector } = looseDetector()
    const link = finding('chain_break', 'entry 4 does not follow', { seq: 4 })
    expect(detector.detectFromChainVerification({ integrityPercentage, brokenLinks: [link] })).toMatchObject([
      { type: 'chain_break', severity },
    ])
  })

  it('a check that finds most links broken is critical, and one broken link is never less than the finding', async () => {
    const { detector, events } = looseDetector()
    await detector.open()
    const broken = (count: number, from: number) =>
      Array.from({ length: count }, (_, i) => finding('chain_break', 'does not follow', { seq: from + 2 * i }))
    events.emit(checked(broken(1, 5), 1000))
    expect(detector.getAlerts()).toMatchObject([{ severity: 'high', component: 'chain' }])
    events.emit(checked(broken(6, 100), 10))
    const worst = detector
      .getAlerts({ type: 'chain_break' })
      .filter(({ pattern, affectedEntries }) => !pattern && affectedEntries.includes('100'))
    expect(worst).toMatchObject([{ severity: 'critical' }])
  })

  it('a thousand events of each status are the patterns of the seed, not none', () => {
    const { detector } = looseDetector()
    for (const status of ['tampered', 'missing', 'invalid', 'error'] as const) {
      for (let i = 0; i < 1000; i++)
        detector.detectFromVerificationResult({ status, entryId: `${status} ${i}`, details: '' })
    }
    const patterns = detector.getAlerts().filter(({ pattern }) => pattern !== undefined)
    expect(patterns.map(({ pattern }) => pattern).sort()).toEqual([
      'bulk_tampering',
      'hash_verification_failures',
      'signature_failures',
    ])
    expect(
      patterns.every(
        ({ detectionMethod, evidence }) => detectionMethod === 'pattern_matching' && evidence.length === 10,
      ),
    ).toBe(true)
  })

  it('one tampered entry that is read again and again is one alert, and no pattern', async () => {
    const { detector, events, written } = looseDetector()
    await detector.open()
    for (let i = 0; i < 1000; i++) events.emit({ ...checked([changed(50)]), scope: 'read' })
    expect(detector.getAlerts()).toMatchObject([{ count: 1000, severity: 'high' }])
    expect(detector.getAlerts()).toHaveLength(1)
    await detector.close()
    expect(written.length).toBeLessThan(15)
  })

  it('three entries that were changed are a pattern beside their own alerts', async () => {
    const { detector, events } = looseDetector()
    await detector.open()
    events.emit(checked([changed(10), changed(20), changed(30)]))
    expect(detector.getAlerts().map(({ pattern, severity }) => pattern ?? severity)).toEqual([
      'hash_verification_failures',
      ...['high', 'high', 'high'],
    ])
    expect(detector.getAlerts()[0]).toMatchObject({ affectedEntries: ['10', '20', '30'], confidenceScore: 1 })
  })

  it('what was written to be refused is an alert too, and an entry', async () => {
    const log = await site.open()
    await log.grow(3)
    const hostile = { seq: -1, id: '\ud800', expected: 'x'.repeat(100_000), actual: '\udfff' }
    log.events.emit(checked([finding('signature_invalid', 'a lone \ud800 surrogate', hostile)]))
    log.events.emit(checked([finding('hash_mismatch', '\ud800', { ...hostile, seq: 2 })]))
    await log.detector.close()
    expect((await log.entries()).map(({ attributes }) => attributes!['alert.entries'])).toEqual(['', '2'])
    await log.close()
  })

  it('what a caller reports is judged: type, severity, number', () => {
    const { detector } = looseDetector()
    const event = { type: 'fork', description: 'x' } as const
    for (const [wrong, path] of [
      [{ type: 'tampered' }, '$.type'],
      [{ severity: 'urgent' }, '$.severity'],
      [{ seq: -1 }, '$.seq'],
    ] as const) {
      const record = () => detector.recordEvent({ ...event, ...(wrong as object) })
      expect(record).toThrow(expect.objectContaining({ code: 'bad_input', path }))
    }
    expect(detector.getAlerts()).toEqual([])
  })

  it('a pattern of one’s own fires, and settings that make no sense are refused', async () => {
    const own = {
      types: ['unauthorized_access'],
      threshold: 2,
      windowSeconds: 5,
      severity: 'critical',
      grouping: 'component',
      escalation: 1,
    } as const
    const { detector } = looseDetector({ ...defaultDetectSettings, patterns: { own } })
    const event = { type: 'unauthorized_access', description: 'a key that is not known', component: 'api' } as const
    detector.recordEvent(event)
    expect(detector.recordEvent(event).map(({ pattern }) => pattern)).toEqual([undefined, 'own'])
    const wrong = { ...defaultDetectSettings, patterns: { own: { ...own, threshold: -1 } } }
    await expect(detector.configure(wrong)).rejects.toMatchObject({
      code: 'bad_input',
      path: '$.patterns.own.threshold',
    })
    expect(() => looseDetector(wrong)).toThrow(AuditError)
    await detector.configure(defaultDetectSettings)
    for (let i = 0; i < 5; i++) expect(detector.recordEvent(event).map(({ pattern }) => pattern)).toEqual([undefined])
  })
})

describe('the life of an alert', () => {
  it('no alert is acknowledged but by somebody: not even one that is low', async () => {
    const { detector, written } = looseDetector()
    for (const severity of ['info', 'low', 'medium'] as const) {
      detector.recordEvent({ type: 'suspicious_pattern', severity, description: 'odd', entryId: severity })
    }
    await detector.close()
    expect(detector.getAlerts().map(({ acknowledged }) => acknowledged)).toEqual([false, false, false])
    expect(written.map(({ operation }) => operation)).toEqual(Array(3).fill('alert.raised'))
  })

  it('a step that changes nothing leaves no entry, and a bad one is refused', async () => {
    const { detector, written } = looseDetector()
    const [{ id }] = detector.recordEvent({ type: 'hash_mismatch', description: 'x', entryId: 'e' }) as [Alert]
    await detector.reopenAlert(id, { actor: person })
    await detector.acknowledgeAlert(id, { actor: person })
    await detector.acknowledgeAlert(id, { actor: person })
    expect(written.map(({ operation }) => operation)).toEqual(['alert.raised', 'alert.acknowledged'])
    await expect(detector.acknowledgeAlert('no such id', { actor: person })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(detector.resolveAlert(id, {} as never)).rejects.toMatchObject({ path: '$.actor' })
    for (const wrong of [{ id: 'u1' }, { type: 'user', id: '\u0000' }, { type: 'user', id: 'u1', role: 'admin' }]) {
      await expect(detector.resolveAlert(id, { actor: wrong as never })).rejects.toMatchObject({ code: 'bad_input' })
    }
    await expect(detector.commentAlert(id, { actor: person, note: '' })).rejects.toMatchObject({ path: '$.note' })
    await expect(detector.resolveAlert(id, { actor: person, note: 'x'.repeat(10_001) })).rejects.toMatchObject({
      path: '$.note',
    })
    expect(detector.getAlert(id)).toMatchObject({ resolved: false, acknowledged: true })
  })

  it('an alert that was resolved long ago is not in memory, but in the log, and can be opened again', async () => {
    let log = await site.open()
    const [{ id }] = log.detector.recordEvent({ type: 'hash_mismatch', description: 'x', entryId: 'e' }) as [Alert]
    const resolved = await log.detector.resolveAlert(id, { actor: person })
    site.world.time += 8 * 86_400e6
    await log.close()
    log = await site.open()
    expect(log.detector.getAlerts()).toEqual([])
    const reopened = await log.detector.reopenAlert(id, { actor: person })
    expect(reopened.history.slice(0, 2)).toEqual(resolved.history)
    expect(log.detector.getAlerts()).toMatchObject([{ id, resolved: false }])
    await log.close()
  })
})

describe('a log that takes no entries', () => {
  it('loses no alert: it is told at once, and written with its own time as soon as that is possible', async () => {
    const first = await site.open()
    await first.grow(5)
    await first.close()
    let isBroken = true
    const told: Alert[] = []
    const log = await site.open({
      write: entry =>
        isBroken ? Promise.reject(new AuditError('io', 'the disk is full')) : log.logger.logControl(entry),
    })
    log.detector.registerAlertCallback(alert => void told.push(alert))
    log.events.emit(checked([changed(3)]))
    expect(told).toMatchObject([{ type: 'hash_mismatch' }])
    const { id, raisedAt } = told[0]!
    const alert = await log.detector.acknowledgeAlert(id, { actor: person, note: 'I see it' })
    expect(alert.acknowledged).toBe(true)
    expect(alert.history.every(({ seq }) => seq === undefined)).toBe(true)
    expect(log.detector.getStatistics().unwritten).toBe(2)
    expect(log.heard).toContainEqual({
      type: 'fault',
      where: 'alerts',
      message: expect.stringContaining('the disk is full'),
    })
    expect(await log.entries()).toEqual([])
    site.world.time += 3600e6

    isBroken = false
    await log.grow(1)
    await vi.waitFor(() => expect(log.detector.getStatistics().unwritten).toBe(0))
    const entries = await log.entries()
    expect(entries.map(({ operation }) => operation)).toEqual(['alert.raised', 'alert.acknowledged'])
    expect(entries[0]!.time > raisedAt).toBe(true)
    expect(log.detector.getAlert(id)!.history.map(({ seq }) => seq)).toEqual(entries.map(({ seq }) => seq))
    const before = log.detector.getAlerts()
    await log.close()
    const again = await site.open()
    expect(again.detector.getAlerts()).toEqual(before)
    expect(before[0]!.raisedAt).toBe(raisedAt)
    await again.close()
  })

  it('that cannot even be read does not stop detection', async () => {
    const events = new EventStream()
    const faults: string[] = []
    events.on(event => event.type === 'fault' && faults.push(event.message))
    const fail = () => Promise.reject(new AuditError('io', 'the disk is gone'))
    const detector = new TamperDetector({
      events,
      world: systemWorld(),
      reader: { query: fail, get: fail },
      write: fail,
    })
    await detector.open()
    events.emit(checked([changed(3)]))
    expect(detector.getAlerts()).toHaveLength(1)
    await detector.close()
    expect(faults[0]).toMatch(/cannot be read: the disk is gone/)
    expect(faults.at(-1)).toMatch(/1 entries of alerts could not be written/)
  })
})

describe('alerts about the entries of alerts', () => {
  it('do not call forth ever more of them', async () => {
    const log = await site.open()
    await log.grow(5)
    log.events.emit(checked([changed(3)]))
    for (let round = 0; round < 30; round++) {
      const entries = await log.entries()
      log.events.emit(checked(entries.map(({ seq }) => changed(seq))))
      await log.log.checkpoint()
    }
    // One alert for each entry of an alert would never end; neighbours in one flood are one.
    expect((await log.entries()).length).toBeLessThan(40)
    expect(log.detector.getAlerts({ type: 'hash_mismatch' }).length).toBeLessThan(10)
    await log.close()
  })

  it('are seen by no behaviour', async () => {
    const log = await site.open()
    const [{ id }] = log.detector.recordEvent({ type: 'hash_mismatch', description: 'x', entryId: 'e' }) as [Alert]
    for (let i = 0; i < 60; i++) await log.detector.commentAlert(id, { actor: person, note: `delete ${i}` })
    expect(log.detector.getAlerts()).toHaveLength(1)
    await log.close()
  })
})

describe('what is appended', () => {
  it('by this process is watched: a burst of deletes is an alert that names nobody openly', async () => {
    const log = await site.open()
    for (let i = 0; i < 40; i++) {
      await log.log.append({ operation: 'forget', component: 'memory', memoryId: i, actor: agentFor('Zoë Quartz') })
    }
    expect(log.detector.getAlerts()).toMatchObject([
      { pattern: 'delete_burst', subject: 'agent:claude for user:Zoë Quartz', count: 11 },
    ])
    await log.detector.close()
    for (const { seq, subject } of await log.entries()) {
      expect(Buffer.from((await log.reader.leaf(seq))!).toString()).not.toMatch(/Zoë/)
      if (subject !== undefined) expect(subject).toBe('agent:claude for user:Zoë Quartz')
    }
    await log.close()
  })

  it('by other processes is watched through a follower, and what they do with alerts is seen', async () => {
    const writer = await site.open()
    const server = await site.open({ isFollowing: true })
    const follower = new LogFollower({
      reader: server.quietReader,
      onEntries: entries => server.detector.observe(entries),
      onFault: message => expect.unreachable(message),
    })
    await follower.start()
    for (let i = 0; i < 40; i++) {
      await writer.log.append({ operation: 'forget', component: 'memory', actor: agentFor('u1') })
    }
    const [{ id }] = writer.detector.recordEvent({ type: 'fork', description: 'two histories', component: 'tree' }) as [
      Alert,
    ]
    await writer.detector.acknowledgeAlert(id, { actor: person, note: 'seen' })
    await follower.poll()
    await vi.waitFor(() => expect(server.detector.getAlert(id)?.acknowledged).toBe(true))
    expect(server.detector.getAlert(id)).toEqual(writer.detector.getAlert(id))
    expect(server.detector.getAlerts().filter(({ pattern }) => pattern === 'delete_burst').length).toBeGreaterThan(0)
    // And back: the server resolves what the other raised.
    await server.detector.resolveAlert(id, { actor: person })
    const back = new LogFollower({
      reader: writer.quietReader,
      after: -1,
      onEntries: entries => writer.detector.observe(entries),
      onFault: message => expect.unreachable(message),
    })
    await back.poll()
    await vi.waitFor(() => expect(writer.detector.getAlert(id)?.resolved).toBe(true))
    await follower.close()
    await server.close()
    await writer.close()
  })
})

describe('who listens', () => {
  it('a callback without a name is registered and told, one that is no function is refused before', async () => {
    const { detector, events } = looseDetector()
    await detector.open()
    const told: string[] = []
    const nameless = (
      () => (alert: Alert, what: string) =>
        void told.push(`${what} ${alert.type}`)
    )()
    Object.defineProperty(nameless, 'name', { value: undefined })
    const end = detector.registerAlertCallback(nameless)
    detector.registerAlertCallback(new Proxy(nameless, {}))
    for (const wrong of [undefined, null, {}, 'name']) {
      expect(() => detector.registerAlertCallback(wrong as never)).toThrow(AuditError)
    }
    events.emit(checked([changed(1)]))
    expect(told).toEqual(Array(2).fill('raised hash_mismatch'))
    end()
    events.emit(checked([changed(9)]))
    expect(told).toHaveLength(3)
    expect(Object.keys(detector.getStatistics().sinks)).toHaveLength(1)
  })

  it('one that throws harms neither the others nor the log, and is a fault', async () => {
    const { detector, events, written } = looseDetector()
    const faults: unknown[] = []
    const active: unknown[] = []
    events.on(event => event.type === 'fault' && faults.push(event))
    events.on(event => event.type === 'alerts' && active.push(event.active.high))
    await detector.open()
    detector.registerAlertCallback(() => {
      throw new Error('no')
    })
    const told = vi.fn()
    detector.registerAlertCallback(told, { on: ['raised', 'acknowledged', 'resolved'], minSeverity: 'high' })
    events.emit(checked([changed(1), finding('temporal_violation', 'older', { seq: 5 })]))
    const [alert] = detector.getAlerts({ minSeverity: 'high' })
    await detector.acknowledgeAlert(alert!.id, { actor: person })
    await detector.resolveAlert(alert!.id, { actor: person })
    expect(told.mock.calls.map(([, what]) => what)).toEqual(['raised', 'acknowledged', 'resolved'])
    expect(faults).toEqual(Array(2).fill({ type: 'fault', where: 'sink callback 1', message: 'no' }))
    expect(active).toEqual([0, 1, 0])
    expect(written).toHaveLength(4)
  })
})

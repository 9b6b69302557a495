/** The seed's system as its users call it: every part open, wired, and closed in order. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { writerMark } from '../../src/append/liveness.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { AuditLog } from '../../src/audit-log.ts'
import { MemMimicAuditSystem, type SystemOptions, verifyBundle, withContext } from '../../src/index.ts'
import { openParts } from '../../src/system.ts'
import { openReader } from '../../src/trail/reader.ts'
import { startChild } from '../support/child.ts'

let folder: string
let file: string
let keys: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-whole-'))
  file = join(folder, 'audit.db')
  keys = join(folder, 'keys')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (more: Omit<SystemOptions, 'file'> = {}) =>
  new MemMimicAuditSystem(file, { keys, closeOnExit: false, onCreate: () => {}, ...more })

function tamper(seq: number): void {
  const opened = Tamper.open(file, loadStorageKey(keys))
  opened.edit(seq, { operation: 'never' })
  opened.save()
  opened.db.close()
}

async function until<T>(ask: () => T | Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const answer = await ask()
    if (isIt(answer)) return answer
    await new Promise(resolve => setTimeout(resolve, 25))
  }
  return await ask()
}

describe('the system', () => {
  it('answers every call of the seed, over a restart, with nothing called to open or to flush', async () => {
    const first = open()
    await first.auditMemoryOperation({
      operation: 'remember',
      memoryId: 17,
      userContext: { userId: 'ada', gdpr_applicable: true },
      operationResult: { success: true, data: { content: 'likes window seats' } },
      governanceResult: { status: 'approved', violations: [], warnings: ['long'] },
      performanceData: { storage_ms: 2 },
    })
    await first.auditMemoryOperation({ operation: 'forget', memoryId: 17, operationResult: { success: false } })
    await first.close()

    await using system = open()
    const { entries } = await system.queryAuditHistory({ memoryId: 17 })
    expect(entries).toMatchObject([
      { operation: 'forget', outcome: 'failure', securityLevel: 'confidential', component: 'memmimic_storage' },
      {
        operation: 'remember',
        outcome: 'success',
        securityLevel: 'internal',
        memoryId: '17',
        governanceStatus: 'approved',
        complianceFlags: ['audit_required', 'gdpr_compliance', 'governance_warnings', 'retention_required'],
        performanceMetrics: { storage_ms: 2 },
        governanceResult: { status: 'approved', violations: [], warnings: ['long'] },
      },
    ])
    expect((await system.verifyEntryIntegrity(entries[0]!.id)).status).toBe('valid')
    expect((await system.verifyEntryIntegrity(99)).status).toBe('missing')
    expect(await system.verifyHashChainIntegrity()).toMatchObject({ valid: true, integrityPercentage: 100 })
    expect(await system.verifySystemIntegrity()).toMatchObject({
      score: 100,
      report: { valid: true, complete: true, trust: 'anchored' },
    })
    const compliance = await system.generateComplianceReport()
    expect(compliance.auditSummary.totalEntries).toBe(3)
    expect((await system.generateAuditReport({ type: 'security' })).integrityStatus.valid).toBe(true)
    expect(await system.getSystemStatus()).toMatchObject({ status: 'healthy', openAlerts: 0, log: { size: 3 } })

    const out = join(folder, 'out.json')
    const { digest, receipt } = await system.exportAuditData(out)
    expect(JSON.parse(readFileSync(out, 'utf8')).metadata.total_entries).toBe(3)
    expect(await system.log.get(receipt!.seq)).toMatchObject({
      operation: 'access.export',
      attributes: { digest },
    })
    await system.exportAuditData(join(folder, 'out.bundle'), 'bundle')
    const bundle = readFileSync(join(folder, 'out.bundle'))
    expect(await verifyBundle([bundle])).toMatchObject({ valid: true })
  })

  it('raises an alert by itself when what is read was changed, keeps it over a restart, and is well again', async () => {
    const system = await open().ready()
    for (let i = 0; i < 5; i++) await system.log.append({ operation: 'remember', component: 'memory', memoryId: i })
    tamper(3)
    await Array.fromAsync(system.log.query({}))
    const [alert] = await until(
      () => system.detector.getAlerts({ type: 'hash_mismatch' }),
      alerts => alerts.length > 0,
    )
    expect(alert).toMatchObject({ severity: 'high', affectedEntries: ['3'], resolved: false })
    expect((await system.verifySystemIntegrity()).score).toBeLessThanOrEqual(70)
    expect(await system.getSystemStatus()).toMatchObject({ openAlerts: expect.any(Number) })
    expect(await system.metrics.prometheus()).toMatch(
      /memmimic_audit_tamper_findings_total\{type="hash_mismatch"\} [1-9]/,
    )
    await system.close()

    await using again = await open({ settings: {} }).ready()
    expect(again.detector.getAlert(alert!.id)).toMatchObject({ id: alert!.id, resolved: false })
    const actor = { type: 'user', id: 'ada' }
    for (const { id } of again.detector.getAlerts({ resolved: false })) {
      await again.detector.resolveAlert(id, { actor, note: 'a drill' })
    }
    expect(again.detector.getAlerts({ resolved: false })).toEqual([])
  })

  it('takes secrets out, gives entries their context, and lets a principal see what it may', async () => {
    await using system = await open().ready()
    await withContext({ actor: { type: 'agent', id: 'helper' }, session: 's1' }, () =>
      system.log.append({
        operation: 'tools/call',
        component: 'memory',
        securityLevel: 'secret',
        arguments: { token: `ghp_${'a1B2'.repeat(9)}` },
      }),
    )
    const [entry] = await Array.fromAsync(system.log.query({ operation: 'tools/call' }))
    expect(entry).toMatchObject({ actor: { id: 'helper' }, session: 's1' })
    expect(JSON.stringify(entry)).not.toContain('ghp_')
    expect(entry!.attributes).toMatchObject({ 'redaction.count': 1 })

    const clerk = await system.guard({
      name: 'clerk',
      actor: { type: 'user', id: 'clerk' },
      aboveClearance: 'closed',
      grants: [{ clearance: 'internal', components: ['*'], permissions: ['read', 'disclose'] }],
    } as never)
    const [closed] = await Array.fromAsync(clerk.query({ operation: 'tools/call' }))
    expect(closed).not.toHaveProperty('arguments.token')
    await expect(clerk.verify()).rejects.toMatchObject({ code: 'not_allowed' })
    const accesses = await Array.fromAsync(system.log.query({ operation: ['access.query', 'access.refused'] }))
    expect(accesses.map(({ operation }) => operation)).toEqual(['access.refused', 'access.query'])
  })

  it('erases, holds and prunes on the same log, and says so', async () => {
    await using system = await open().ready()
    for (const id of ['ada', 'ben']) {
      await system.auditMemoryOperation({
        operation: 'remember',
        userContext: { userId: id },
        actor: { type: 'user', id },
      })
    }
    const { id } = await system.placeHold({ name: 'case 7', filter: { actor: 'user:ada' } })
    expect(await system.eraseSubject({ subject: 'user:ada' })).toMatchObject({ entries: 0, held: 1 })
    expect((await system.activeHolds()).map(hold => hold.id)).toEqual([id])
    await system.releaseHold('case 7')
    expect(await system.eraseSubject({ subject: 'user:ada' })).toMatchObject({ entries: 1, held: 0 })
    expect(await system.runRetention({ dryRun: true })).toMatchObject({ dryRun: true, entries: 0 })
    expect(await system.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true })
  })

  it('leaves nothing open when it cannot be opened, and refuses settings that make no sense', async () => {
    const bad = open({ settings: { metrics: { retentionHours: -1, thresholds: {} } } })
    await expect(bad.ready()).rejects.toMatchObject({ code: 'bad_input' })
    expect(() => bad.log).toThrow('await its ready()')
    await using good = await open().ready()
    expect(await good.log.verify()).toMatchObject({ valid: true })
    expect(existsSync(`${file}-wal`)).toBe(true)
  })
})

it('a burst of 100 000 entries, killed in the middle with everything on, loses nothing that was acknowledged', async () => {
  const child = startChild('burst.ts', file, keys)
  await child.said('open')
  while (child.lines.length < 20_000) await new Promise(resolve => setTimeout(resolve, 2))
  child.process.kill('SIGKILL')
  expect((await child.ended).signal).toBe('SIGKILL')
  const receipts = child.lines.filter(line => /^\d+ [0-9a-f]{64}$/.test(line)).map(line => line.split(' '))
  expect(receipts.length).toBeGreaterThanOrEqual(19_000)

  const reader = await openReader({ file, keys })
  const hashes = new Map<number, string>()
  for (let after = -1; ; ) {
    const views = await reader.query({ component: 'burst' }, { limit: 1000, after, order: 'asc' })
    for (const { seq, entryHash } of views) hashes.set(seq, entryHash)
    if (views.length < 1000) break
    after = views.at(-1)!.seq
  }
  expect(receipts.filter(([seq, hash]) => hashes.get(Number(seq)) !== hash)).toEqual([])
  expect(await reader.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
  await reader.close()
}, 120_000)

it('an action that its process ended just now is not closed a second time', async () => {
  const parts = await openParts({ file, keys, threads: false, closeOnExit: false, onCreate: () => {} })
  const about = { operation: 'tools/call', component: 'files' }
  const { id } = await parts.log.append({ ...about, kind: 'intent', attributes: { 'process.mark': 'x' } })
  const stale = await parts.reader.openIntents()
  // The process that announced it is gone, by what can be told of it.
  const [machine, , namespace] = writerMark().split('.')
  const ended = [machine, 'another boot', namespace, 1, 1].join('.')
  let asked = 0
  const reader = {
    ...parts.reader,
    async openIntents() {
      asked++
      const open = asked === 1 ? stale : await parts.reader.openIntents()
      return open
        .filter(intent => intent.id === id)
        .map(intent => ({ ...intent, attributes: { 'process.mark': ended } }))
    },
  }
  await parts.log.append({ ...about, kind: 'outcome', intent: id, outcome: 'success' })
  const log = new AuditLog({ ...parts, reader, now: () => parts.world.now(), onClose: () => {} })
  expect(await log.closeOrphans()).toBe(0)
  expect(asked).toBe(2)
  expect(await Array.fromAsync(parts.log.list({ outcome: 'unknown' }))).toEqual([])
  await parts.log.close()
})

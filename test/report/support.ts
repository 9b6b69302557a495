/** A real log with an entry of every kind, written over some days by the parts that write such entries. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uuidv7 } from '../../src/core/time.ts'
import type { EntryView } from '../../src/core/view.ts'
import { type AlertStep, formatStep } from '../../src/detect/alert.ts'
import { eraseSubject } from '../../src/retention/erasure.ts'
import { placeHold, releaseHold } from '../../src/retention/holds.ts'
import { runRetention } from '../../src/retention/retention.ts'
import { defaultErasureSettings, defaultRetentionSettings } from '../../src/retention/settings.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { fixedWorld } from '../../src/testing.ts'
import type { Reader } from '../../src/trail/reader.ts'

export const hour = 3_600_000_000
export const day = 24 * hour
/** A Monday. */
export const start = Date.UTC(2026, 10, 2, 8) * 1000

export const at = (micros: number) => new Date(micros / 1000).toISOString()

export interface OpenLog extends OpenedParts {
  readonly folder: string
  readonly file: string
  readonly keys: string
  /** Sets the clock. */
  goTo(micros: number): void
  dispose(): Promise<void>
}

export async function openLog(): Promise<OpenLog> {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-report-'))
  const places = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
  const world = fixedWorld(start)
  const parts = await openParts({
    ...places,
    origin: 'example.com/reports',
    threads: false,
    world,
    closeOnExit: false,
    onCreate: () => {},
    onNotice: () => {},
  })
  return {
    ...parts,
    folder,
    ...places,
    goTo(micros) {
      world.time = micros
    },
    async dispose() {
      await parts.log.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export const alertIds = [1, 2, 3].map(n => `01a00000-0000-7000-8000-00000000000${n}`)

export function raised(alert: string, time: number, more: Partial<Extract<AlertStep, { step: 'raised' }>> = {}) {
  return formatStep({
    step: 'raised',
    alert,
    time,
    type: 'hash_mismatch',
    severity: 'high',
    description: 'an entry was changed',
    component: 'memory',
    source: 'check',
    confidence: 0.9,
    entries: [[3, 3]],
    ids: [],
    evidence: [],
    ...more,
  })
}

/** Writes something of everything over five days. Leaves one action open. */
export async function writeStory(log: OpenLog): Promise<void> {
  const { logger, writer, reader, world } = log
  const control = logger.logControl.bind(logger)
  for (let d = 0; d < 5; d++) {
    log.goTo(start + d * day)
    for (let i = 0; i < 30; i++) {
      await logger.logAuditEntry({
        operation: ['remember', 'recall', 'tools/call', 'forget'][(i * i + d) % 4]!,
        component: i % 3 === 0 ? 'memory' : 'files',
        ...(i % 10 === 0 ? {} : { outcome: (['success', 'success', 'failure', 'denied', 'unknown'] as const)[i % 5]! }),
        ...(i % 7 === 0
          ? {}
          : {
              actor: {
                type: 'agent',
                id: `a${i % 4}`,
                ...(i % 2 === 0 ? { onBehalfOf: { type: 'user', id: `u${i % 3}` } } : {}),
              },
            }),
        securityLevel: (['internal', 'public', 'confidential', 'secret', 'top_secret'] as const)[(i + d) % 5]!,
        complianceFlags: i % 4 === 0 ? ['gdpr'] : i % 6 === 1 ? ['pii', 'gdpr'] : [],
        ...(i % 3 === 1 ? { governanceStatus: i % 2 ? 'approved' : 'rejected' } : {}),
        performanceMetrics: { durationMs: 0.3 * 1.31 ** i, ...(i % 2 ? { tokens: i * 100 } : {}) },
        ...(i % 5 === 1 ? { attributes: { 'gen_ai.tool.name': `tool-${i % 3}` } } : {}),
        memoryId: `m${i}`,
        userContext: { userId: `u${i % 3}` },
      })
    }
    await control({ operation: 'access.query', actor: { type: 'user', id: 'auditor' }, attributes: { results: d } })
  }
  const call = await log.log.begin({ operation: 'tools/call', component: 'files', actor: { type: 'agent', id: 'a1' } })
  await call.fail(new Error('no such file'))
  await log.log.begin({ operation: 'tools/call', component: 'files' })
  // A caller may name an operation as it likes: it is no alert for that.
  await logger.logAuditEntry({
    operation: 'alert.raised',
    component: 'memory',
    attributes: { 'alert.severity': 'critical' },
  })

  const [first, second, third] = alertIds as [string, string, string]
  const time = world.now()
  await control(raised(first, time))
  await control(raised(second, time, { severity: 'medium', type: 'suspicious_pattern', pattern: 'delete_burst' }))
  const seen = { time, confidence: 1, entries: [[3, 4]], ids: [], evidence: [] } as const
  await control(formatStep({ ...seen, step: 'counted', alert: second, severity: 'critical', count: 17 }))
  await control(formatStep({ step: 'acknowledged', alert: first, time, actor: { type: 'user', id: 'sec' } }))
  await control(formatStep({ step: 'resolved', alert: first, time }))
  await control(formatStep({ step: 'resolved', alert: third, time }))
  await control({ operation: 'access.export', actor: { type: 'user', id: 'auditor' }, attributes: { format: 'csv' } })
  await control({ operation: 'access.refused', outcome: 'denied', actor: { type: 'user', id: 'guest' } })
  await control({ operation: 'gap.recorded', attributes: { entries: 4, reason: 'the disk was full' } })
  await control({ operation: 'config.changed', attributes: { path: 'retention.days' } })
  await placeHold(control, { name: 'case 7', filter: { memoryId: 'm9' } })
  await releaseHold(reader, control, { id: 'case 7' })
  await writer.rotateKeys()
  const newId = () => uuidv7(Math.floor(world.now() / 1000), world.random(10))
  await eraseSubject({ reader, remove: writer.remove, newId }, { subject: 'user:u1' }, defaultErasureSettings)
  const now = () => world.now()
  await runRetention({ reader, remove: writer.remove, now }, { ...defaultRetentionSettings, days: 3 })
  await logger.logAuditEntry({ operation: 'remember', component: 'memory', outcome: 'success' })
}

/** Every entry, in order. */
export async function everyEntry(reader: Pick<Reader, 'query'>): Promise<EntryView[]> {
  const all: EntryView[] = []
  for (;;) {
    const after = all.at(-1)?.seq
    const page = await reader.query({}, { limit: 500, order: 'asc', ...(after === undefined ? {} : { after }) })
    all.push(...page)
    if (page.length < 500) return all
  }
}

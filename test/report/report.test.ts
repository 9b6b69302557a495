import { existsSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { fromUtf8, toHex } from '../../src/core/bytes.ts'
import { peekCheckpoint } from '../../src/core/checkpoint.ts'
import { sha256Hex } from '../../src/core/primitives.ts'
import { generateComplianceReport } from '../../src/report/compliance-report.ts'
import { controlFrameworkIds, controlFrameworks } from '../../src/report/controls/index.ts'
import { formatHtml } from '../../src/report/html.ts'
import { formatJson } from '../../src/report/json.ts'
import { formatMarkdown } from '../../src/report/markdown.ts'
import { recordReport, reportFormats } from '../../src/report/record.ts'
import { type AuditReport, generateAuditReport, type ReportRequest, type reportTypes } from '../../src/report/report.ts'
import { defaultReportSettings } from '../../src/report/settings.ts'
import { openReader } from '../../src/trail/reader.ts'
import { alertIds, at, day, hour, type OpenLog, openLog, raised, start, writeStory } from './support.ts'

const retention = { days: 90, rules: [{ name: 'secrets', days: 400 }] }
const everything: ReportRequest = { frameworks: controlFrameworkIds }

let log: OpenLog
let report: AuditReport
beforeAll(async () => {
  log = await openLog()
  await writeStory(log)
  report = await generateAuditReport({ ...log, retention, sign: () => log.writer.checkpoint() }, everything)
})
afterAll(() => log.dispose())

const formats = { html: formatHtml, md: formatMarkdown, json: formatJson }
const pages = (of: AuditReport) => reportFormats.map(format => formats[format](of))

/** Every number in a report that names the question behind it. */
function figuresIn(value: unknown, path = ''): { path: string; value: number; query: string }[] {
  if (typeof value !== 'object' || value === null) return []
  const { query, value: figure, entries, count } = value as Record<string, unknown>
  const number = figure ?? entries ?? count ?? (value as { duration?: { count: number } }).duration?.count
  const own = typeof query === 'string' && typeof number === 'number' ? [{ path, value: number, query }] : []
  return [...own, ...Object.entries(value).flatMap(([name, part]) => figuresIn(part, `${path}.${name}`))]
}

async function answerOf({ queries }: AuditReport, id: string): Promise<number | undefined> {
  const filter = queries.find(query => query.id === id)?.filter
  return filter && (await Array.fromAsync(log.log.query(filter))).length
}

describe('an audit report', () => {
  test('has the same number behind every figure when the question is asked again, though the log has grown', async () => {
    await log.log.append({ operation: 'remember', component: 'memory', outcome: 'success', complianceFlags: ['gdpr'] })
    const figures = figuresIn(report)
    expect(figures.length).toBeGreaterThan(60)
    const answers = new Map<string, number | undefined>()
    for (const { path, value, query } of figures) {
      if (!answers.has(query)) answers.set(query, await answerOf(report, query))
      expect([path, answers.get(query)]).toEqual([path, value])
    }
    const used = new Set(JSON.stringify(report).match(/"q\d+"/g))
    expect(report.queries.map(({ id }) => id).filter(id => !used.has(`"${id}"`))).toEqual([])
  })

  test('carries the seed’s fields, and both verdicts of the same entries', async () => {
    const { integrityStatus: status, complianceStatus } = report
    expect(report).toMatchObject({
      title: 'Audit report',
      startTime: expect.stringMatching(/^2026-11-02T08/),
      endTime: expect.stringMatching(/^2026-11-06T08/),
      totalEntries: report.to,
      tamperAlerts: { raised: { value: 2 } },
    })
    expect(status).toMatchObject({ hashChainValid: true, valid: true, complete: false, brokenLinks: 0, findings: [] })
    expect(status).toMatchObject({
      trust: 'anchored',
      entriesVerified: report.to,
      unsignedEntries: 0,
      openIntentsTotal: 1,
    })
    expect(status).toMatchObject({ gaps: { value: 1 }, lostEntries: 4 })
    expect(complianceStatus).toMatchObject({ totalEntries: report.to, governanceValidations: { value: 50 } })
    expect(report.operationsSummary!.rows.map(({ name }) => name)).toContain('tools/call')
    expect(report.accesses).toMatchObject({ total: { value: 7 }, refused: { value: 1 } })
    expect(report.acts!.operations.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['key.rotated', 'hold.placed', 'subject.erased', 'retention.pruned', 'gap.recorded']),
    )
    // The checkpoint is the log's own note, and signs the very root that the report names.
    const checkpoint = peekCheckpoint(status.checkpoint!.note)!
    expect(checkpoint.size).toBe(status.size)
    expect(toHex(checkpoint.root)).toBe(status.rootHash)
    expect(await log.reader.checkpoint()).toBe(status.checkpoint!.note)
  })

  test('tells of the alerts of the period, as they stood when it ended', async () => {
    const { alerts, bySeverity, ...states } = report.tamperAlerts!
    expect(bySeverity).toEqual({ info: 0, low: 0, medium: 0, high: 1, critical: 1 })
    expect(states).toMatchObject({ open: 1, acknowledged: 0, resolved: 2, omitted: 0 })
    expect(alerts.map(({ alertId, severity, state, count }) => [alertId, severity, state, count])).toEqual([
      [alertIds[1], 'critical', 'open', 17],
      [alertIds[0], 'high', 'resolved', 1],
      // Raised before the period: only its end is in it.
      [alertIds[2], undefined, 'resolved', 1],
    ])
    const before = await generateAuditReport(log, { until: at(start + day) })
    expect(before.tamperAlerts).toMatchObject({ raised: { value: 0 }, alerts: [], open: 0 })
  })

  test('on 2020 lists nothing of today, and the check shows that there was nothing', async () => {
    const empty = await generateAuditReport(log, {
      since: '2020-01-01T00:00:00Z',
      until: '2020-12-31T23:59:59Z',
      frameworks: controlFrameworkIds,
    })
    expect(empty).toMatchObject({ from: 0, to: 0, totalEntries: 0, tamperAlerts: { raised: { value: 0 }, alerts: [] } })
    expect(empty.integrityStatus).toMatchObject({ valid: true, complete: true })
    expect(empty.recommendations.map(({ type }) => type)).not.toContain('security')
    expect(figuresIn(empty).filter(({ value }) => value !== 0)).toEqual([])
    for (const page of pages(empty)) expect(page).not.toMatch(/NaN|undefined|Infinity/)
  })

  test('has the sections of its type, and in each the verdicts', async () => {
    const has = async (type: (typeof reportTypes)[number]) => {
      const made = await generateAuditReport({ ...log, retention }, { type })
      expect(made.integrityStatus.valid).toBe(true)
      expect(made.type).toBe(type)
      for (const page of pages(made)) expect(page).not.toMatch(/NaN|undefined|Infinity/)
      return [made.tamperAlerts, made.performanceSummary, made.complianceStatus, made.accesses, made.controls].map(
        Boolean,
      )
    }
    expect(await has('comprehensive')).toEqual([true, true, true, true, false])
    expect(await has('security')).toEqual([true, false, true, true, false])
    expect(await has('performance')).toEqual([false, true, false, false, false])
    expect(await has('compliance')).toEqual([true, false, true, true, true])
    await expect(generateAuditReport(log, { type: 'secret' as never })).rejects.toMatchObject({ code: 'bad_input' })
    await expect(generateAuditReport(log, { frameworks: ['iso' as never] })).rejects.toMatchObject({
      code: 'bad_input',
    })
  })

  test('names nobody where actors are not to be named', async () => {
    const made = await generateAuditReport({ ...log, settings: { nameActors: false } }, everything)
    for (const page of pages(made)) expect(page).not.toMatch(/agent:a\d|user:|auditor"|"auditor/)
    const { rows, others } = made.actorsSummary!
    expect([rows.length, others.values]).toEqual([0, report.actorsSummary!.rows.length])
  })

  test('says so on the first screen when the log was tampered with, and which figures it cannot answer for', async () => {
    const copy = await openLog()
    await writeStory(copy)
    await copy.log.close()
    const tamper = Tamper.open(copy.file, loadStorageKey(copy.keys))
    tamper.edit(40, { outcome: 'success', operation: 'nothing' })
    tamper.save().close()
    const reader = await openReader({ file: copy.file, keys: copy.keys })
    const made = await generateAuditReport({ reader, world: copy.world })
    await reader.close()
    rmSync(copy.folder, { recursive: true, force: true })
    expect(made.integrityStatus).toMatchObject({ valid: false, findingsTotal: 1, firstUntrusted: 40, brokenLinks: 1 })
    expect(made.recommendations[0]).toMatchObject({ type: 'integrity', priority: 'critical' })
    const [html, md] = pages(made) as [string, string]
    expect(html).toContain('<title>TAMPERING FOUND')
    expect(html.indexOf('TAMPERING FOUND</p>')).toBeLessThan(html.indexOf('class="key"'))
    expect(md.indexOf('TAMPERING FOUND')).toBeLessThan(md.indexOf('## '))
    for (const page of [html, md]) expect(page).toContain('The first entry that can no longer be trusted is 40')
  })

  test('never says that anything is compliant or certified, nor promises it', () => {
    const words = /\b(?:non-?)?compliant\b|\bcertif|\bguarantee|\bensures? compliance|\bfully compl/i
    for (const page of pages(report)) expect(page).not.toMatch(words)
    expect(JSON.stringify(controlFrameworks)).not.toMatch(words)
    expect('is compliant, certified').toMatch(words)
  })
})

describe('recommendations', () => {
  const types = ({ recommendations }: AuditReport) => recommendations.map(({ type, priority }) => `${type} ${priority}`)

  test('follow the seed’s rules: slow auditing, critical alerts, a broken chain, many governance results', async () => {
    const slow = { count: 9, sum: 99, min: 9, max: 12, mean: 11, p50: 11, p95: 12, p99: 12 }
    const measured = {
      since: at(start),
      times: [
        { name: 'append', statistics: slow, target: { of: 'p99', ms: 5 } as const },
        { name: 'check', statistics: { ...slow, mean: 9.9 } },
      ],
    }
    const made = await generateAuditReport({ ...log, measured, settings: { governanceValidations: 49 } })
    const found = made.recommendations.filter(({ description }) => /append|critical alert|governance/.test(description))
    expect(found.map(({ type, priority }) => [type, priority])).toEqual([
      ['security', 'high'],
      ['performance', 'medium'],
      ['performance', 'medium'],
      ['compliance', 'low'],
    ])
    expect(types(await generateAuditReport({ ...log, settings: { governanceValidations: 50 } }))).not.toContain(
      'compliance low',
    )
  })

  test('are of open actions, gaps and periods that are shorter than a chosen framework asks for', async () => {
    expect(types(report)).toEqual(expect.arrayContaining(['completeness high', 'completeness medium']))
    const retentions = report.recommendations.filter(({ type }) => type === 'retention')
    expect(retentions.map(({ description }) => description.match(/EU|PCI|HIPAA/)?.[0])).toEqual(['EU', 'HIPAA', 'PCI'])
    const longer = await generateAuditReport(
      { ...log, retention: { days: 200, rules: [] } },
      { frameworks: ['eu-ai-act', 'soc2'] },
    )
    expect(types(longer)).not.toContain('retention high')
    const unknown = await generateAuditReport(log, { frameworks: ['eu-ai-act'] })
    expect(types(unknown)).not.toContain('retention high')
  })

  test('are of a period in which everything was denied', async () => {
    const denied = await openLog()
    try {
      for (let i = 0; i < 20; i++)
        await denied.log.append({ operation: 'forget', component: 'gate', outcome: 'denied' })
      const made = await generateAuditReport({ ...denied, sign: () => denied.writer.checkpoint() })
      expect(made.totals.outcomes.filter(({ entries }) => entries > 0)).toMatchObject([{ name: 'denied', entries: 20 }])
      expect(types(made)).toContain('security medium')
      expect(formatMarkdown(made)).toContain('100\u202f% of the actions that have an outcome were denied')
      for (const page of pages(made)) expect(page).not.toMatch(/NaN|undefined|Infinity/)
    } finally {
      await denied.dispose()
    }
  })
})

describe('control mappings', () => {
  test('say for each control what it asks, where that stands, what is shown and what cannot be', () => {
    expect(Object.keys(controlFrameworks)).toEqual(['eu-ai-act', 'nist-800-53', 'soc2', 'hipaa', 'pci', 'iso-42001'])
    for (const { id, controls } of report.controls!) {
      expect(controls.length).toBeGreaterThan(0)
      expect(new Set(controls.map(control => control.id)).size).toBe(controls.length)
      for (const control of controls) {
        expect([id, control.id, control.url]).toEqual([id, control.id, expect.stringMatching(/^https:\/\//)])
        for (const text of [control.title, control.asks, control.cannotShow]) expect(text.length).toBeGreaterThan(5)
        expect(control.shows.length).toBeGreaterThan(0)
        for (const { says } of control.shows) expect(says).toMatch(/^[A-Z0-9].*\.$/s)
      }
    }
    const ids = (framework: string) => report.controls!.find(({ id }) => id === framework)!.controls.map(({ id }) => id)
    expect(ids('eu-ai-act')).toEqual(expect.arrayContaining(['Article 12(1)', 'Article 19', 'Article 26(6)']))
    expect(ids('nist-800-53')).toEqual(expect.arrayContaining(['AU-3', 'AU-5', 'AU-9(3)', 'AU-10', 'AU-11', 'AU-12']))
    expect(ids('hipaa')).toEqual(expect.arrayContaining(['164.312(b)', '164.312(c)(1)', '164.316(b)']))
    expect(ids('iso-42001')).toEqual(['A.6.2.8'])
    // It is not written there.
    expect(JSON.stringify(controlFrameworks['eu-ai-act'])).not.toMatch(/tamper/i)
  })
})

describe('the seed’s compliance report', () => {
  test('groups the same report as the seed did, by type', async () => {
    const { reportMetadata, auditSummary, securityAnalysis, ...rest } = await generateComplianceReport(log)
    expect(reportMetadata).toMatchObject({ type: 'comprehensive', origin: 'example.com/reports' })
    expect(auditSummary.operationsSummary!.rows.length).toBeGreaterThan(3)
    expect(securityAnalysis!.criticalIssues).toEqual(['an entry was changed', 'an entry was changed'])
    expect(Object.keys(rest).sort()).toEqual(['complianceStatus', 'performanceMetrics', 'recommendations', 'report'])
    const performance = await generateComplianceReport(log, { type: 'performance' })
    expect(performance).not.toHaveProperty('securityAnalysis')
    expect(performance).toHaveProperty('performanceMetrics.duration.p95')
    const security = await generateComplianceReport(log, { type: 'security', since: at(start + 3 * day + hour) })
    expect(security).not.toHaveProperty('performanceMetrics')
  })
})

describe('a report on the record', () => {
  test('is an entry with the digest of the file, to the byte, and the root that it speaks for; who asked is sealed', async () => {
    const control = log.logger.logControl.bind(log.logger)
    for (const format of reportFormats) {
      const bytes = Buffer.from(formats[format](report))
      const { seq, digest } = await recordReport(control, {
        report,
        format,
        bytes,
        actor: { type: 'user', id: 'auditor' },
      })
      const entry = (await log.log.get(seq))!
      expect(digest).toBe(sha256Hex(bytes))
      expect(entry).toMatchObject({
        kind: 'control',
        operation: 'access.report',
        actor: { type: 'user', id: 'auditor' },
      })
      expect(entry.attributes).toMatchObject({
        reportId: report.reportId,
        digest: sha256Hex(bytes),
        bytes: bytes.length,
        format,
        type: 'comprehensive',
        rootHash: report.integrityStatus.rootHash,
        size: report.integrityStatus.size,
        since: report.startTime,
        until: report.endTime,
      })
      expect(fromUtf8((await log.log.leaf(seq))!)).not.toContain('auditor')
    }
    // And the next report knows of this one.
    const next = await generateAuditReport(log, everything)
    expect(next.accesses!.operations.find(({ name }) => name === 'access.report')?.entries).toBe(3)
    expect(next.integrityStatus.valid).toBe(true)
    expect(existsSync(log.file)).toBe(true)
  })

  test('10 000 alerts in a period are 10 000 alerts in its report', async () => {
    const many = await openLog()
    try {
      const ids = Array.from({ length: 10_000 }, (_, i) => `01a00000-0000-7000-8000-${String(i).padStart(12, '0')}`)
      await Promise.all(ids.map(id => many.logger.logControl(raised(id, many.world.now()))))
      const made = await generateAuditReport(many, { type: 'security' })
      expect(made.tamperAlerts).toMatchObject({
        raised: { value: 10_000 },
        open: 10_000,
        omitted: 0,
        bySeverity: { high: 10_000 },
      })
      expect(made.tamperAlerts!.alerts).toHaveLength(100)
      expect(defaultReportSettings.topValues).toBe(20)
    } finally {
      await many.dispose()
    }
  })
})

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { sha256Hex } from '../../src/core/primitives.ts'
import type { EntryView } from '../../src/core/view.ts'
import type { AuditReport } from '../../src/report/report.ts'
import { type Home, homeIn, lines } from './support.ts'

let home: Home
const folder = mkdtempSync(join(tmpdir(), 'memmimic-report-cli-'))
beforeAll(async () => {
  home = homeIn(join(folder, 'home'))
  await home.run(['init'])
  await home.run(['ingest', '-'], lines(300))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const entriesOf = (operation: string) => home.json<EntryView>(['query', '--operation', operation, '--limit', 'all'])

test('report writes a file, and the log has the digest of that very file, the period and who asked', async () => {
  const told = []
  for (const name of ['report.html', 'report.json']) {
    const [answer] = await home.json<Record<string, unknown>>(['report', '-o', name, '--actor', 'user:auditor'])
    const bytes = readFileSync(join(home.folder, name))
    expect(answer).toMatchObject({
      file: name,
      bytes: bytes.length,
      digest: sha256Hex(bytes),
      valid: true,
      complete: true,
    })
    told.push(answer!)
  }
  const entries = (await entriesOf('access.report')).toReversed()
  expect(entries.map(({ seq, attributes }) => ({ seq, ...attributes }))).toMatchObject(
    told.map(({ seq, report, digest, format }) => ({ seq, reportId: report, digest, format, type: 'comprehensive' })),
  )
  expect(entries[0]!.actor).toEqual({ type: 'user', id: 'auditor' })
  const report = JSON.parse(readFileSync(join(home.folder, 'report.json'), 'utf8')) as AuditReport
  // The one before it is among what it counts.
  expect(report.accesses).toMatchObject({ total: { value: 1 }, operations: [{ name: 'access.report', entries: 1 }] })
  expect(report.integrityStatus).toMatchObject({ trust: 'anchored', unsignedEntries: 0 })
  expect(report.totals.actions.value).toBe(300)
})

test('- is stdout, in Markdown unless told otherwise, and what was printed is on record too', async () => {
  const { stdout, code } = await home.run(['report', '--type', 'security', '--since', '2020-01-01T00:00:00Z'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^# Security report\n\n- Log: `/)
  const [newest] = await entriesOf('access.report')
  expect(newest!.attributes).toMatchObject({ digest: sha256Hex(Buffer.from(stdout)), format: 'md', type: 'security' })
  const json = await home.run(['report', '--json', '--until', '2020-12-31T23:59:59Z'])
  expect(JSON.parse(json.stdout)).toMatchObject({ type: 'comprehensive', totalEntries: 0 })
})

test('a period, frameworks, a title and no actors are as asked for', async () => {
  const made = await home.run([
    ...['report', '--format', 'json', '--until', '2020-12-31T23:59:59Z', '--title', 'Nothing yet', '--no-actors'],
    ...['--framework', 'pci', '--framework', 'soc2'],
  ])
  const report = JSON.parse(made.stdout) as AuditReport
  expect(report).toMatchObject({ title: 'Nothing yet', totalEntries: 0, endTime: '2020-12-31T23:59:59.000000Z' })
  expect(report.controls!.map(({ id }) => id)).toEqual(['pci', 'soc2'])
  // As configured, which is the default here: 90 days.
  expect(report.complianceStatus!.retentionCompliance).toMatchObject({
    policy: { days: 90 },
    frameworks: [{ isShorter: true }, { id: 'soc2' }],
  })
})

test('wrong usage is said in a sentence, and writes nothing', async () => {
  const table: [args: string[], says: RegExp][] = [
    [['--since', 'yesterday'], /--since: must be a time/],
    [['--type', 'all'], /comprehensive, security, performance, compliance/],
    [['--framework', 'iso'], /eu-ai-act/],
    [['--format', 'pdf'], /html, md, json/],
    [['--console-url', 'javascript:x', '-o', 'never.html'], /http:\/\/ or https:\/\//],
  ]
  const runs = await Promise.all(table.map(([args]) => home.run(['report', ...args])))
  runs.forEach(({ code, stderr, stdout }, i) => {
    const [args, says] = table[i]!
    expect([args, code, stdout]).toEqual([args, 2, ''])
    expect(stderr).toMatch(says)
  })
  expect(existsSync(join(home.folder, 'never.html'))).toBe(false)
})

test('a log that was tampered with gives a report that says so, and the exit code 3', async () => {
  const copy = homeIn(join(folder, 'copy'))
  for (const part of ['data', 'config']) cpSync(join(home.folder, part), join(copy.folder, part), { recursive: true })
  const tamper = Tamper.open(copy.file, loadStorageKey(copy.keys))
  tamper.edit(17, { outcome: 'success', operation: 'nothing' })
  tamper.save().close()
  const { code, stderr } = await copy.run(['report', '-o', 'report.html'])
  expect(code).toBe(3)
  expect(stderr).toMatch(/tampering was found: 1 finding; the report says what and where\n$/)
  expect(readFileSync(join(copy.folder, 'report.html'), 'utf8')).toContain('<title>TAMPERING FOUND')
  // A log that is gone cannot be reported on; the anchor remembers that there was one.
  rmSync(copy.file)
  expect((await copy.run(['report'])).code).toBe(3)
  expect((await homeIn(join(folder, 'none')).run(['report'])).code).toBe(4)
})

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { finding } from '../../src/core/finding.ts'
import type { Alert } from '../../src/detect/alert.ts'
import { type DetectSettings, defaultDetectSettings, type ResponseRule } from '../../src/detect/settings.ts'
import type { TamperDetectorOptions } from '../../src/detect/tamper-detector.ts'
import { person, Site } from './system.ts'

const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-responses-'))
afterAll(() => rmSync(folder, { recursive: true }))

const withRules = (...responses: ResponseRule[]): DetectSettings => ({ ...defaultDetectSettings, responses })
const freezing: ResponseRule = { name: 'freeze it', minSeverity: 'high', action: 'freeze' }

async function open(site: Site, options: Partial<TamperDetectorOptions>) {
  const log = await site.open(options)
  const check = (seq: number, type: 'hash_mismatch' | 'missing_entry' = 'hash_mismatch') =>
    log.events.emit({
      type: 'checked',
      scope: 'scrub',
      entries: 1000,
      valid: false,
      findings: [finding(type, 'so it is', { seq })],
      durationMs: 1,
    })
  const responsesOf = async () =>
    (await log.entries())
      .filter(({ attributes }) => attributes!['alert.response'] !== undefined)
      .map(({ attributes, outcome, detail }) => [attributes!['alert.response'], outcome, ...(detail ? [detail] : [])])
  return { ...log, check, responsesOf }
}

it('the log is frozen once for an alert, however often it is found, and after a restart', async () => {
  const site = new Site()
  const freeze = vi.fn(async () => {})
  let log = await open(site, { settings: withRules(freezing), freeze })
  log.check(5, 'missing_entry')
  log.check(50)
  log.check(50)
  await vi.waitFor(() =>
    expect(log.detector.getAlerts({ type: 'hash_mismatch' })[0]!.responseActions[0]!.outcome).toBe('success'),
  )
  const [alert] = log.detector.getAlerts({ type: 'hash_mismatch' }) as [Alert]
  expect(freeze.mock.calls).toEqual([[`alert ${alert.id}: hash_mismatch, high`]])
  expect(alert.responseActions).toEqual([{ rule: 'freeze it', outcome: 'success' }])
  expect(await log.responsesOf()).toEqual([
    ['freeze it', 'pending'],
    ['freeze it', 'success'],
  ])
  await log.close()

  log = await open(site, { settings: withRules(freezing), freeze })
  log.check(50)
  await log.detector.resolveAlert(alert.id, { actor: person })
  await log.detector.reopenAlert(alert.id, { actor: person })
  log.check(50)
  expect(log.detector.getAlert(alert.id)!.responseActions).toEqual(alert.responseActions)
  expect(freeze).toHaveBeenCalledTimes(1)
  log.check(90)
  await vi.waitFor(() => expect(freeze).toHaveBeenCalledTimes(2))
  await log.close()
  site.dispose()
})

it('what was started before a crash is not started again', async () => {
  const site = new Site()
  let log = await open(site, { settings: withRules(freezing), freeze: () => new Promise(() => {}) })
  log.check(50)
  await vi.waitFor(async () => expect(await log.responsesOf()).toEqual([['freeze it', 'pending']]))
  // The process ends here: nothing of the detector is closed.
  await log.log.close()
  const freeze = vi.fn(async () => {})
  log = await open(site, { settings: withRules(freezing), freeze })
  log.check(50)
  expect(log.detector.getAlerts()[0]!.responseActions).toEqual([{ rule: 'freeze it', outcome: 'started' }])
  await log.close()
  expect(freeze).not.toHaveBeenCalled()
  site.dispose()
})

it('a rule applies from its severity on and for its types, also when an alert becomes worse', async () => {
  const site = new Site()
  const raisePace = vi.fn()
  const log = await open(site, {
    raisePace,
    settings: withRules(
      { name: 'look closer', minSeverity: 'critical', types: ['hash_mismatch'], action: 'pace', forMs: 60_000 },
      { name: 'freeze it', minSeverity: 'info', types: ['fork'], action: 'freeze' },
    ),
  })
  const report = (severity: 'medium' | 'critical') =>
    log.detector.recordEvent({ type: 'hash_mismatch', severity, description: 'x', entryId: 'e' })
  report('medium')
  expect(raisePace).not.toHaveBeenCalled()
  report('critical')
  await vi.waitFor(() => expect(raisePace.mock.calls).toEqual([[60_000]]))
  log.detector.recordEvent({ type: 'fork', description: 'x' })
  await vi.waitFor(async () =>
    expect((await log.responsesOf()).at(-1)).toEqual(['freeze it', 'failure', 'this process cannot freeze the log']),
  )
  await log.close()
  site.dispose()
})

it('a command gets the alert, a sink is told by name, and what fails is recorded', async () => {
  const site = new Site()
  const file = join(folder, 'told.json')
  const script = `require('fs').writeFileSync(process.argv[1], require('fs').readFileSync(0))`
  const lines: string[] = []
  const log = await open(site, {
    logLine: (level, message) => lines.push(`${level}: ${message}`),
    settings: {
      ...withRules(
        { name: 'write', minSeverity: 'high', action: 'command', command: [process.execPath, '-e', script, file] },
        { name: 'fail', minSeverity: 'high', action: 'command', command: [process.execPath, '-e', 'process.exit(7)'] },
        { name: 'tell', minSeverity: 'high', action: 'notify', sinks: ['line'] },
        { name: 'tell nobody', minSeverity: 'high', action: 'notify', sinks: ['line', 'phone'] },
      ),
      sinks: [{ type: 'log', name: 'line', minSeverity: 'critical' }],
    },
  })
  log.check(50)
  await vi.waitFor(
    () => expect(log.detector.getAlerts()[0]!.responseActions.every(({ outcome }) => outcome !== 'started')).toBe(true),
    5000,
  )
  expect(log.detector.getAlerts()[0]!.responseActions).toEqual([
    { rule: 'write', outcome: 'success' },
    { rule: 'fail', outcome: 'failure', detail: expect.stringMatching(/ended with 7$/) },
    { rule: 'tell', outcome: 'success' },
    { rule: 'tell nobody', outcome: 'failure', detail: 'there is no sink phone' },
  ])
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ type: 'hash_mismatch', affectedEntries: ['50'] })
  expect(lines).toEqual(Array(2).fill('error: alert raised: so it is'))
  await log.close()
  site.dispose()
})

it('two sinks or two rules of one name are refused, and a line that nobody takes', async () => {
  const site = new Site()
  const log = await open(site, {})
  for (const [wrong, path] of [
    [withRules(freezing, freezing), '$.responses'],
    [{ ...defaultDetectSettings, sinks: Array(2).fill({ type: 'command', name: 'c', command: ['true'] }) }, '$.sinks'],
    [{ ...defaultDetectSettings, sinks: [{ type: 'log', name: 'line' }] }, '$.sinks.line'],
  ] as const) {
    await expect(log.detector.configure(wrong)).rejects.toMatchObject({ code: 'bad_input', path })
  }
  // Nothing of it was taken over.
  log.check(50)
  expect(log.detector.getAlerts()[0]!.responseActions).toEqual([])
  expect(log.detector.getStatistics().sinks).toEqual({})
  await log.close()
  site.dispose()
})

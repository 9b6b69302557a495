import { type ChildProcessWithoutNullStreams, execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { formatStep } from '../../src/detect/alert.ts'
import { openAuditLog } from '../../src/index.ts'
import { placeHold } from '../../src/retention/holds.ts'
import { openParts } from '../../src/system.ts'
import { startChild } from '../support/child.ts'
import { debianProgram } from '../support/debian.ts'
import { ended, type Home, makeHome, type Run } from './support.ts'

interface Serving {
  readonly child: ChildProcessWithoutNullStreams
  readonly url: string
  readonly run: Promise<Run>
  /** Status and body. */
  get(path: string): Promise<[number, string]>
  stderr(): string
}

/** A server on a port that is free. */
async function serving(home: Home, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const child = home.start(['serve', '--port', '0', ...args], env)
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', text => {
    stderr += text
  })
  const run = ended(child)
  let url: string | undefined
  while (url === undefined) {
    url = /"url":"([^"]+)"/.exec(stderr)?.[1]
    if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}: ${stderr}`)
    await sleep(20)
  }
  return {
    child,
    url,
    run,
    async get(path) {
      const response = await fetch(url + path)
      return [response.status, await response.text()]
    },
    stderr: () => stderr,
  }
}

describe('serve', () => {
  test('makes a log where there is none, says where it is and how to look, serves it, and ends in good order', async () => {
    const home = makeHome()
    const drainDelay = { MEMMIMIC_AUDIT_SERVER__DRAIN_DELAY_MS: '300' }
    const { child, run, get, url, stderr } = await serving(home, [], drainDelay)
    expect(existsSync(home.file)).toBe(true)
    expect(stderr()).toContain(`memmimic-audit: a new log was made at ${home.file}, its keys at ${home.keys}\n`)
    expect(stderr()).toContain(`see ${url}/v1/status`)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await get('/livez')).toEqual([200, 'ok\n'])
    expect(await get('/readyz')).toEqual([200, 'ok\n'])
    await home.json([
      'append',
      '--operation',
      'remember',
      '--component',
      'memory',
      '--context',
      '{"who":"canary-7f3a"}',
    ])
    const status = JSON.parse((await get('/v1/status'))[1])
    expect(status).toMatchObject({ ready: true, log: { encrypted: true }, degraded: [] })
    expect((await get('/metrics'))[1]).toContain('memmimic_audit_entries_total')

    child.kill('SIGTERM')
    // Whoever sends requests here has a moment to notice.
    let code = 200
    while (code === 200) code = (await get('/readyz'))[0]
    expect(code).toBe(503)
    expect((await get('/livez'))[0]).toBe(200)
    const { code: exit, stderr: all } = await run
    expect(exit).toBe(0)
    await expect(get('/livez')).rejects.toThrow()
    const lines = all
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line))
    expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['listening', 'request', 'closing', 'closed']))
    expect(all).not.toContain('canary-7f3a')
    const [{ size, signed, anchored } = { size: 0, signed: 1, anchored: 2 }] = await home.json<Record<string, number>>([
      'status',
    ])
    expect([signed, anchored]).toEqual([size, size])
    expect(await home.verifiedSize()).toBe(size)
  })

  test('ends at once when it is told twice', async () => {
    const home = makeHome()
    writeFileSync(join(home.folder, 'memmimic-audit.yaml'), 'server: { drainDelayMs: 20000 }\n')
    const { child, run, stderr } = await serving(home)
    child.kill('SIGTERM')
    while (!stderr().includes('"closing"')) await sleep(10)
    child.kill('SIGTERM')
    expect((await run).code).toBe(143)
    expect((await home.run(['verify', '--quiet'])).code).toBe(0)
  })

  test('takes new settings when its file changes, and records them', async () => {
    const home = makeHome()
    const file = join(home.folder, 'memmimic-audit.yaml')
    writeFileSync(file, 'server: { drainDelayMs: 0 }\n')
    const { child, run, get, stderr } = await serving(home)
    writeFileSync(file, 'server: { drainDelayMs: 0, maxBodyBytes: 5 }\nlogging: { level: debug }\n')
    child.kill('SIGHUP')
    while (!stderr().includes('the configuration was changed')) await sleep(20)
    expect(stderr()).toContain('logging.level holds now; server.maxBodyBytes needs a restart')
    expect(JSON.parse((await get('/v1/status'))[1]).needsRestart).toEqual(['server.maxBodyBytes'])
    await get('/livez')
    expect(stderr()).toContain('"level":"debug"')
    writeFileSync(file, 'server: { drainDelayMs: 0, maxBodyBytes: five }\n')
    child.kill('SIGHUP')
    while (!stderr().includes('stays as it was')) await sleep(20)
    expect(stderr()).toContain(`${file}:1:42: server.maxBodyBytes must be a whole number from 0 on`)
    child.kill('SIGINT')
    expect((await run).code).toBe(0)
    writeFileSync(file, '')
    const changes = await home.json<{ attributes: Record<string, unknown> }>(['query', '--operation', 'config.changed'])
    expect(changes.map(({ attributes }) => [attributes['config.at'], attributes['config.settings']])).toEqual([
      ['reload', 'logging.level, server.maxBodyBytes'],
      ['start', 'server.drainDelayMs, server.port'],
    ])
  })

  test('loses nothing that it acknowledged when it is told to end under load', async () => {
    const home = makeHome()
    const { lines, process: child, said, ended } = startChild('serve.ts', home.file, home.keys)
    await said('listening')
    while (lines.length < 500) await sleep(20)
    child.kill('SIGTERM')
    const { code, stderr } = await ended
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const acknowledged = lines.filter(line => /^\d+ /.test(line))
    expect(acknowledged.length).toBeGreaterThan(500)
    expect(lines).toContain('refused after the end: closed')
    const log = await openAuditLog({ file: home.file, keys: home.keys, create: false, closeOnExit: false })
    const hashes = new Map<number, string>()
    for await (const { seq, entryHash } of log.query()) hashes.set(seq, entryHash)
    for (const line of acknowledged) {
      const [seq, hash] = line.split(' ')
      expect(hashes.get(Number(seq))).toBe(hash)
    }
    expect(await log.verify()).toMatchObject({ valid: true, complete: true, size: hashes.size })
    await log.close()
    expect(await home.json(['status'])).toMatchObject([{ size: hashes.size, signed: hashes.size, degraded: [] }])
  })

  test('refuses an address beyond this machine, and a port that is taken, before anything is made or changed', async () => {
    const home = makeHome()
    const remote = await home.run(['serve', '--host', '0.0.0.0'])
    expect(remote).toMatchObject({
      code: 1,
      stderr:
        'memmimic-audit: --host: server.host can be reached from other machines: set server.allowRemote to true if that is meant\n',
    })
    expect(existsSync(home.file)).toBe(false)
    const { url, child, run } = await serving(home)
    const port = new URL(url).port
    const taken = await home.run(['serve', '--port', port])
    expect(taken.code).toBe(1)
    expect(taken.stderr).toBe(
      `memmimic-audit: the server cannot listen on 127.0.0.1:${port}: something else listens there: choose another port with --port\n`,
    )
    child.kill('SIGINT')
    expect((await run).code).toBe(0)
    expect(await home.verifiedSize()).toBeGreaterThan(0)
  })
})

test('status, doctor and metrics tell of alerts, holds and degraded modes, without a server', async context => {
  const home = makeHome()
  await home.json(['init'])
  const { log, logger } = await openParts({ file: home.file, keys: home.keys, threads: false, closeOnExit: false })
  const control = logger.logControl.bind(logger)
  for (const severity of ['high', 'high', 'low'] as const) {
    const alert = randomUUID()
    const raised = {
      alert,
      time: Date.now() * 1000,
      type: 'hash_mismatch',
      description: 'x',
      component: 'memory',
    } as const
    await control(
      formatStep({
        ...raised,
        step: 'raised',
        severity,
        source: 'check',
        confidence: 0.9,
        entries: [],
        ids: [],
        evidence: [],
      }),
    )
    if (severity === 'low') await control(formatStep({ step: 'resolved', alert, time: Date.now() * 1000 }))
  }
  await placeHold(control, { name: 'case 7', filter: { component: 'memory' } })
  await control({ operation: 'log.frozen' })
  await log.close()
  chmodSync(join(home.keys, 'ed25519.pem'), 0o644)

  const [status] = await home.json(['status'])
  expect(status).toMatchObject({
    frozen: true,
    alerts: { high: 2, low: 0 },
    retention: { holds: 1 },
    degraded: [{ mode: 'lost_key' }, { mode: 'frozen' }],
  })
  const { stdout } = await home.run(['status'])
  expect(stdout).toContain('  alerts    2 high\n')
  expect(stdout).toContain('  retention nothing was pruned yet; 1 legal hold\n')
  expect(stdout).toMatch(/^ {2}frozen {2}the log is frozen/m)
  chmodSync(join(home.keys, 'ed25519.pem'), 0o600)

  const doctor = await home.run(['doctor', '--json'])
  expect(JSON.parse(doctor.stdout).checks).toEqual(
    expect.arrayContaining([
      { name: 'alerts', result: 'warn', message: '2 high: see alerts' },
      { name: 'frozen', result: 'warn', message: expect.stringContaining('it is frozen') },
      { name: 'clock', result: 'ok', message: 'not behind the newest entry' },
      { name: 'retention', result: 'ok', message: 'content is kept for 90 days or longer' },
    ]),
  )
  const metrics = await home.run(['metrics'])
  expect(metrics.stdout).toContain('memmimic_audit_entries_total{kind="control",outcome="none"} 7\n')
  expect(metrics.stdout).toContain('memmimic_audit_alerts_active{severity="high"} 2\n')
  expect(metrics.stdout).toContain('memmimic_audit_degraded{mode="frozen"} 1\n')
  const promtool = debianProgram('promtool', 'prometheus')
  if (promtool === undefined) return context.skip('there is no promtool')
  expect(execFileSync(promtool, ['check', 'metrics'], { input: metrics.stdout, encoding: 'utf8' })).toBe('')
})

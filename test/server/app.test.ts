import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { defaultServerSettings } from '../../src/config/sections/server.ts'
import { AuditError, type AuditErrorCode } from '../../src/core/errors.ts'
import { debianProgram } from '../support/debian.ts'
import { makeServed } from './support.ts'

describe('probes', () => {
  test('say ok and no more, unless they are asked to say it all', async () => {
    const { get } = await makeServed()
    for (const path of ['/livez', '/readyz', '/healthz']) expect(await get(path)).toEqual([200, 'ok\n'])
    const [, text] = await get('/readyz?verbose')
    expect(text.split('\n')).toEqual([
      '[+]log ok: 1 entries',
      '[+]disk ok: it takes what is written',
      '[+]keys ok: all there',
      '[+]clock ok: not behind the newest entry',
      '[+]frozen ok: no',
      '[+]integrity ok: not checked since the start',
      '[+]index ok: 0 entries behind',
      expect.stringMatching(/^\[\+]checkpoint ok: \d s old, covers 1 of 1 entries$/),
      '[+]alerts ok: none open',
      '[+]queue ok: 0 entries wait',
      '[+]shutdown ok',
      'readyz check passed',
      '',
    ])
    expect(await get('/livez?verbose')).toEqual([200, '[+]threads ok\nlivez check passed\n'])
  })

  test('fail when the log takes no entries, say why, and leave out what they are told to', async () => {
    const { get, logger } = await makeServed()
    await logger.logControl({ operation: 'log.frozen' })
    const failed = '[-]frozen failed: the log is frozen: it takes no entries until that is lifted'
    for (const path of ['/readyz', '/healthz', '/readyz?exclude=disk,keys']) {
      expect(await get(path)).toEqual([503, expect.stringContaining(failed)])
    }
    expect(await get('/readyz?exclude=frozen')).toEqual([200, 'ok\n'])
    expect(await get('/readyz?verbose&exclude=keys&exclude=disk,frozen,colour')).toEqual([
      200,
      expect.stringMatching(/\[\+]frozen excluded: [\s\S]*warn: there are no checks "colour"\nreadyz check passed\n$/),
    ])
    // A restart does not help.
    expect(await get('/livez')).toEqual([200, 'ok\n'])
    await logger.logControl({ operation: 'log.unfrozen' })
    expect(await get('/readyz')).toEqual([200, 'ok\n'])
  })

  test('never fail for tampering, which they tell; the operator may decide otherwise', async () => {
    const strict = { settings: { ...defaultServerSettings, notReadyWhen: ['tampering_found' as const] } }
    for (const options of [{}, strict]) {
      const { get, log, config, logged } = await makeServed(options)
      await log.append({ operation: 'remember', component: 'memory' })
      const tamper = Tamper.open(config.log.file, loadStorageKey(config.log.keys))
      tamper.edit(1, { operation: 'forget' })
      tamper.save().db.close()
      expect(await log.verify()).toMatchObject({ valid: false })
      expect(await get('/livez')).toEqual([200, 'ok\n'])
      const mark = options === strict ? '[-]integrity failed' : '[~]integrity degraded'
      expect(await get('/readyz?verbose')).toEqual([
        options === strict ? 503 : 200,
        expect.stringContaining(`${mark}: a check found`),
      ])
      const [, metrics] = await get('/metrics')
      expect(metrics).toContain('memmimic_audit_degraded{mode="tampering_found"} 1')
      expect(JSON.parse((await get('/v1/status'))[1])).toMatchObject({
        degraded: [{ mode: 'tampering_found', since: expect.stringMatching(/Z$/) }],
        lastCheck: { valid: false },
      })
      expect(logged.find(({ msg }) => msg === 'tampering was found')).toMatchObject({
        level: 'error',
        first: [{ type: 'hash_mismatch', seq: 1 }],
      })
    }
  })

  test('fail for a lost key, and recover when it is back', async () => {
    const { get, config } = await makeServed()
    const key = join(config.log.keys, 'storage.key')
    renameSync(key, `${key}.away`)
    expect(await get('/readyz')).toEqual([503, expect.stringContaining('[-]keys failed: ')])
    renameSync(`${key}.away`, key)
    expect(await get('/readyz')).toEqual([200, 'ok\n'])
  })

  test('are not ready while the process is about to end, and alive', async () => {
    const { get, drain } = await makeServed()
    drain()
    expect(await get('/readyz')).toEqual([
      503,
      expect.stringContaining('[-]shutdown failed: the server is about to end'),
    ])
    expect(await get('/readyz?exclude=shutdown')).toEqual([503, expect.anything()])
    expect(await get('/livez')).toEqual([200, 'ok\n'])
  })

  test('fail liveness for a thread that has ended: there a restart helps', async () => {
    const { get, events } = await makeServed()
    events.emit({ type: 'refused', entries: 1, code: 'closed' })
    expect(await get('/livez')).toEqual([503, '[-]threads failed: a thread of the log has ended\nlivez check failed\n'])
  })
})

describe('the metrics', () => {
  test('are clean for Prometheus, and count what happened', async context => {
    const { get, log } = await makeServed()
    for (let i = 0; i < 3; i++) await log.append({ operation: 'remember', component: 'memory', outcome: 'success' })
    const [status, text] = await get('/metrics')
    expect(status).toBe(200)
    expect(text).toContain('memmimic_audit_entries_total{kind="event",outcome="success"} 3\n')
    expect(text).toContain('memmimic_audit_buffer_entries 0\n')
    expect(text).toContain('memmimic_audit_ready 1\n')
    expect(text).toMatch(/^memmimic_audit_checkpoint_age_seconds \d/m)
    const promtool = debianProgram('promtool', 'prometheus')
    if (promtool === undefined) return context.skip('there is no promtool')
    expect(execFileSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('')
  })
})

describe('the status', () => {
  test('shows the log, its health, and what the parts add', async () => {
    const { get, log } = await makeServed({ facts: async () => ({ needsRestart: ['server.port'] }) })
    await log.append({ operation: 'remember', component: 'memory' })
    const status = JSON.parse((await get('/v1/status'))[1])
    expect(status).toMatchObject({
      ready: true,
      draining: false,
      alive: true,
      log: {
        size: 2,
        signed: 1,
        frozen: false,
        encrypted: true,
        openIntents: 0,
        rootHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      degraded: [],
      indexLag: expect.any(Number),
      waiting: 0,
      openAlerts: {},
      needsRestart: ['server.port'],
    })
  })

  test('is given as far as it is known when the index does not answer', async () => {
    const { get } = await makeServed({ status: () => Promise.reject(new Error('the index is gone')) })
    const [code, text] = await get('/v1/status')
    expect([code, JSON.parse(text)]).toEqual([
      200,
      expect.objectContaining({ log: expect.objectContaining({ size: 1 }) }),
    ])
  })
})

describe('the shell', () => {
  test('answers what it does not know with a problem (RFC 9457)', async () => {
    const { app } = await makeServed()
    const ask = async (path: string, init?: RequestInit) => {
      const response = await app.request(path, init)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      return [response.status, await response.json(), response.headers.get('allow')]
    }
    expect(await ask('/nope')).toEqual([404, { type: 'about:blank', title: 'Not Found', status: 404 }, null])
    expect(await ask('/livez', { method: 'POST' })).toEqual([
      405,
      { type: 'about:blank', title: 'Method Not Allowed', status: 405 },
      'GET, HEAD',
    ])
    const body = 'x'.repeat(1024 * 1024 + 1)
    const headers = { 'content-length': String(body.length) }
    expect(await ask('/livez', { method: 'POST', body, headers })).toEqual([
      413,
      { type: 'about:blank', title: 'Content Too Large', status: 413, detail: 'at most 1048576 bytes' },
      null,
    ])
    const chunked = { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }
    expect((await ask('/livez', chunked))[0]).toBe(411)
  })

  test('turns an error into a status, and tells why where the caller can act on it', async () => {
    const errors: [AuditErrorCode | undefined, number, boolean][] = [
      ['bad_input', 400, true],
      ['not_found', 404, true],
      ['frozen', 423, true],
      ['busy', 503, false],
      ['io', 503, false],
      ['closed', 503, false],
      ['damaged', 500, false],
      [undefined, 500, false],
    ]
    let error: Error
    const { app, logged } = await makeServed({ metrics: () => Promise.reject(error) })
    for (const [code, status, tellsWhy] of errors) {
      error = code === undefined ? new Error('why') : new AuditError(code, 'why')
      const response = await app.request('/metrics')
      const text = await response.text()
      expect([response.status, text.includes('why')], code).toEqual([status, tellsWhy])
      expect(response.headers.has('retry-after')).toBe(status === 503)
    }
    expect(logged.filter(({ level, msg }) => level === 'error' && msg === 'why')).toHaveLength(errors.length)
  })

  test('answers under its own names and under addresses only', async () => {
    const { app } = await makeServed({ settings: { ...defaultServerSettings, allowedHosts: ['Audit.example'] } })
    const asked = async (host: string) => (await app.request('/livez', { headers: { host } })).status
    for (const host of ['localhost', 'LOCALHOST:7330', '127.0.0.1:7330', '[::1]:7330', '10.1.2.3', 'audit.example']) {
      expect(await asked(host), host).toBe(200)
    }
    const strange = [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'audit.example@evil.example',
      '',
    ]
    for (const host of strange) expect(await asked(host), host).toBe(421)
  })

  test('tells browsers to keep their hands off, and nobody what it is made of', async () => {
    const { app } = await makeServed()
    for (const path of ['/livez', '/v1/status', '/nope']) {
      const { headers } = await app.request(path)
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('cache-control')).toBe('no-store')
      expect([headers.get('server'), headers.get('x-powered-by')]).toEqual([null, null])
    }
    expect((await app.request('/livez', { method: 'HEAD' })).status).toBe(200)
  })
})

describe('the server’s own log', () => {
  test('has a line for each request, without a value of its query', async () => {
    const { app, logged } = await makeServed({ level: 'info' })
    await app.request('/v1/status?token=very-secret&verbose=1')
    await app.request('/readyz')
    const requests = logged.filter(({ msg }) => msg === 'request')
    expect(requests).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        method: 'GET',
        path: '/v1/status',
        query: ['token', 'verbose'],
        status: 200,
        durationMs: expect.any(Number),
        msg: 'request',
      },
    ])
    expect(JSON.stringify(logged)).not.toContain('very-secret')
  })

  test('never has a sealed value, at any level and whatever happens', async () => {
    const { app, log, logger, events, logged, config } = await makeServed({ level: 'trace' })
    const canary = 'canary-7f3a'
    const entry = {
      operation: 'remember',
      component: 'memory',
      memoryId: canary,
      session: canary,
      actor: { type: 'user', id: canary },
      userContext: { name: canary },
      operationResult: { text: canary },
      arguments: { [canary]: canary },
      sealed: { note: canary },
    }
    await log.append(entry)
    await log.append({ ...entry, userContext: { [canary]: undefined } } as never).catch(() => {})
    await logger.logControl({ operation: 'config.changed', sealed: { after: canary } })
    for await (const _ of log.query({ text: canary })) await app.request('/v1/status')
    const tamper = Tamper.open(config.log.file, loadStorageKey(config.log.keys))
    tamper.edit(1, { operation: canary })
    tamper.save().db.close()
    await log.verify({ deep: true })
    await app.request(`/v1/status?${canary}=x`.replace(canary, 'q'))
    events.emit({ type: 'governed', status: 'rejected', violations: [{ type: 'x', severity: 'high' }], durationMs: 1 })
    events.emit({ type: 'stored', op: 'erase', ok: false, durationMs: 1 })
    events.emit({ type: 'alerts', active: { high: 1 } })
    events.emit({ type: 'fault', where: 'sink', message: 'it is gone' })
    expect(new Set(logged.map(({ msg }) => msg))).toEqual(
      new Set(['appended', 'queried', 'tampering was found', 'request', 'governed', 'stored', 'alerts', 'it is gone']),
    )
    expect(JSON.stringify(logged)).not.toContain(canary)
  })
})

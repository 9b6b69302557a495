import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Alert } from '../../src/detect/alert.ts'
import type { WebhookSinkSettings } from '../../src/detect/settings.ts'
import { commandSink } from '../../src/detect/sinks/command.ts'
import { logLineSink } from '../../src/detect/sinks/log-line.ts'
import { type AlertNotice, Sinks } from '../../src/detect/sinks/sink.ts'
import { signatureOf, webhookSink } from '../../src/detect/sinks/webhook.ts'
import { fixedWorld } from '../../src/testing.ts'

const secretName = 'Zoë Quartz'

function noticeOf(more: Partial<Alert> = {}, what: AlertNotice['what'] = 'raised'): AlertNotice {
  const alert: Alert = {
    id: '0199a3c1-7f00-7abc-8def-0123456789ab',
    raisedAt: '2026-11-23T12:00:00.000000Z',
    lastSeenAt: '2026-11-23T12:00:00.000000Z',
    type: 'hash_mismatch',
    severity: 'high',
    description: 'entry 50 was changed',
    component: 'entries',
    detectionMethod: 'automatic',
    subject: `agent:a for user:${secretName}`,
    confidenceScore: 0.9,
    count: 1,
    affectedEntries: ['50'],
    evidence: [],
    acknowledged: false,
    resolved: false,
    responseActions: [],
    history: [{ step: 'raised', time: '2026-11-23T12:00:00.000000Z', note: secretName }],
    ...more,
  }
  return { what, time: '2026-11-23T12:00:01.000000Z', alert }
}

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

describe('a webhook', () => {
  let server: Server
  let url: string
  let received: Received[]
  /** What is answered, in turn; 204 when there is no more. */
  let answers: (number | 'never' | { status: number; headers: Record<string, string> })[]

  beforeEach(async () => {
    received = []
    answers = []
    server = createServer(async (request, response) => {
      let body = ''
      for await (const part of request.setEncoding('utf8')) body += part
      received.push({ headers: request.headers, body })
      const answer = answers.shift() ?? 204
      if (answer === 'never') return
      if (typeof answer === 'number') response.writeHead(answer).end()
      else response.writeHead(answer.status, answer.headers).end('moved')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=of-the-url`
  })
  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  const sinks = (settings: Partial<WebhookSinkSettings> = {}) => {
    const faults: string[] = []
    const all = new Sinks((sink, message) => faults.push(`${sink}: ${message}`))
    const world = fixedWorld()
    all.add(webhookSink({ type: 'webhook', name: 'hook', url, retryMs: 5, ...settings }, world), { name: 'hook' })
    return { all, faults, statistics: () => all.statistics().hook! }
  }

  it('is signed as Standard Webhooks says, and gets nothing that is sealed', async () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const { all, statistics } = sinks({ secret, headers: { authorization: 'Bearer x' } })
    all.tell(noticeOf())
    await vi.waitFor(() => expect(statistics().sent).toBe(1))
    const [{ headers, body }] = received as [Received]
    expect(headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer x' })
    const id = String(headers['webhook-id'])
    const timestamp = String(headers['webhook-timestamp'])
    expect(timestamp).toMatch(/^\d{10}$/)
    expect(headers['webhook-signature']).toBe(signatureOf(secret, id, timestamp, body))
    expect(JSON.parse(body)).toMatchObject({
      type: 'alert.raised',
      timestamp: '2026-11-23T12:00:01.000000Z',
      data: { type: 'hash_mismatch', severity: 'high', affectedEntries: ['50'], description: 'entry 50 was changed' },
    })
    expect(body).not.toContain(secretName)
  })

  it('has the signature of the vector that the specification gives', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const signature = signatureOf(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}')
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('is tried again under the same id until it arrives', async () => {
    answers = [500, 503, 429, 'never']
    const { all, faults, statistics } = sinks({ timeoutMs: 100 })
    all.tell(noticeOf())
    await vi.waitFor(() => expect(statistics().sent).toBe(1), 4000)
    expect(received).toHaveLength(5)
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(faults).toEqual([])
  })

  it.each<[string, typeof answers, RegExp, number]>([
    ['for good', [404], /answered 404$/, 1],
    ['again and again', [500, 500, 500], /answered 500$/, 3],
    ['with another place', [{ status: 302, headers: { location: '/elsewhere' } }], /cannot be reached/, 1],
  ])(
    'that refuses %s is a fault that is seen, and does not tell the secrets of its URL',
    async (_, says, message, tries) => {
      answers = says
      const { all, faults, statistics } = sinks({ attempts: tries })
      all.tell(noticeOf())
      await vi.waitFor(() => expect(statistics().failed).toBe(1))
      expect(received.length).toBe(tries)
      expect(statistics()).toMatchObject({ sent: 0, failed: 1, waiting: 0, lastError: expect.stringMatching(message) })
      expect(faults).toEqual([`hook: ${statistics().lastError}`])
      expect(faults.join()).not.toContain('of-the-url')
      all.tell(noticeOf())
      await vi.waitFor(() => expect(statistics().sent).toBe(1))
    },
  )

  it('that hangs holds no more than a bounded number of notices, and says what it drops', async () => {
    answers = ['never']
    const { all, faults, statistics } = sinks({ maxWaiting: 3, timeoutMs: 300, attempts: 1 })
    for (let i = 0; i < 10; i++) all.tell(noticeOf())
    await vi.waitFor(() => expect(statistics()).toMatchObject({ dropped: 6, waiting: 4 }))
    expect(faults).toEqual(Array(6).fill('hook: 3 notices wait already'))
    await vi.waitFor(() => expect(statistics()).toMatchObject({ sent: 3, failed: 1, waiting: 0 }))
  })

  it('sends what waits when it is closed, and gives up what does not go', async () => {
    const quick = sinks()
    for (let i = 0; i < 5; i++) quick.all.tell(noticeOf())
    await quick.all.close()
    expect(quick.statistics()).toMatchObject({ sent: 5, waiting: 0 })
    server.closeAllConnections()
    server.close()
    const dead = sinks({ retryMs: 100_000 })
    dead.all.tell(noticeOf())
    const before = performance.now()
    await dead.all.close()
    expect(performance.now() - before).toBeLessThan(4500)
    expect(dead.statistics()).toMatchObject({ failed: 1, waiting: 0 })
  })
})

describe('a command', () => {
  const run = async (command: readonly string[], timeoutMs = 5000) => {
    const faults: string[] = []
    const all = new Sinks((_, message) => faults.push(message))
    all.add(commandSink({ type: 'command', name: 'command', command, timeoutMs }), { name: 'command' })
    all.tell(noticeOf())
    await all.close()
    await vi.waitFor(() => expect(all.statistics().command!.waiting).toBe(0))
    return { faults, ...all.statistics().command! }
  }
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-sinks-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('gets the alert as JSON on its standard input, and no shell reads its arguments', async () => {
    const file = join(folder, '$(echo oops); out.json')
    const script = `require('fs').writeFileSync(process.argv[1], require('fs').readFileSync(0))`
    process.env.MEMMIMIC_AUDIT_SECRET__THING = 'of the log'
    expect(await run([process.execPath, '-e', script, file])).toMatchObject({ sent: 1, faults: [] })
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ what: 'raised', severity: 'high' })
    expect(readFileSync(file, 'utf8')).not.toContain(secretName)
    const env = `if (process.env.MEMMIMIC_AUDIT_SECRET__THING) process.exit(9)`
    expect(await run([process.execPath, '-e', env])).toMatchObject({ sent: 1 })
    delete process.env.MEMMIMIC_AUDIT_SECRET__THING
  })

  it.each<[string, readonly string[], number, RegExp]>([
    ['fails', [process.execPath, '-e', 'console.error("no paper"); process.exit(3)'], 5000, /ended with 3: no paper$/],
    ['does not end', [process.execPath, '-e', 'setTimeout(() => {}, 60000)'], 300, /ended by SIGKILL, after 300 ms/],
    ['is not there', ['/no/such/program'], 5000, /cannot be started/],
    ['leaves a child that holds its pipe', ['/bin/sh', '-c', 'sleep 30 & exit 4'], 5000, /ended with 4$/],
  ])('that %s is a fault', async (_, command, timeoutMs, message) => {
    const before = performance.now()
    expect(await run(command, timeoutMs)).toMatchObject({
      sent: 0,
      failed: 1,
      faults: [expect.stringMatching(message)],
    })
    expect(performance.now() - before).toBeLessThan(4000)
  })
})

describe('sinks together', () => {
  it('one that throws, rejects or never answers harms no other', async () => {
    const faults: string[] = []
    const told: string[] = []
    const all = new Sinks((sink, message) => faults.push(`${sink}: ${message}`))
    all.add(
      {
        send: () => {
          throw new Error('at once')
        },
      },
      { name: 'throws' },
    )
    all.add({ send: () => Promise.reject(new Error('later')) }, { name: 'rejects' })
    all.add({ send: () => new Promise(() => {}) }, { name: 'hangs' })
    all.add({ send: ({ what }) => void told.push(what) }, { name: 'good' })
    all.tell(noticeOf())
    await vi.waitFor(() => expect(faults).toEqual(['throws: at once', 'rejects: later']))
    expect(told).toEqual(['raised'])
    expect(all.statistics()).toMatchObject({ throws: { failed: 1 }, hangs: { waiting: 1 }, good: { sent: 1 } })
  })

  it('are told what they asked for: from a severity on, of some steps', () => {
    const told: string[] = []
    const all = new Sinks(() => {})
    const add = (name: string, options: object) =>
      all.add({ send: ({ what, alert }) => void told.push(`${name} ${what} ${alert.severity}`) }, { name, ...options })
    add('all', {})
    add('bad', { minSeverity: 'critical' })
    const end = add('ends', { on: ['resolved'] })
    for (const severity of ['high', 'critical'] as const) all.tell(noticeOf({ severity }))
    all.tell(noticeOf({}, 'acknowledged'))
    all.tell(noticeOf({}, 'resolved'))
    end()
    all.tell(noticeOf({}, 'resolved'))
    expect(told).toEqual(['all raised high', 'all raised critical', 'bad raised critical', 'ends resolved high'])
  })

  it('a line of the program’s log has the facts, a level, and nothing that is sealed', () => {
    const lines: unknown[][] = []
    const sink = logLineSink((...line) => lines.push(line))
    sink.send(noticeOf())
    sink.send(noticeOf({ severity: 'medium' }))
    sink.send(noticeOf({}, 'resolved'))
    expect(lines.map(([level]) => level)).toEqual(['error', 'warn', 'info'])
    expect(lines[0]!.slice(1)).toMatchObject([
      'alert raised: entry 50 was changed',
      { type: 'hash_mismatch', count: 1 },
    ])
    expect(JSON.stringify(lines)).not.toContain(secretName)
  })
})

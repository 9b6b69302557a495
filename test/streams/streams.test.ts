/** Streams to receivers that work, fail, hang, refuse and die; and from a process that is killed. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, test } from 'vitest'
import type { AuditEvent } from '../../src/core/events.ts'
import { defaultStreamSettings, type StreamSettings } from '../../src/streams/settings.ts'
import { openStreams, type Streams } from '../../src/streams/streams.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { startChild } from '../support/child.ts'
import { sample } from '../support/log.ts'
import { type HttpRequest, httpReceiver, selfSigned, syslogServer, until } from './receivers.ts'

let parts: OpenedParts & { readonly file: string; readonly keys: string }
let faults: string[]
beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-streams-'))
  const place = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
  parts = { ...(await openParts({ ...place, onCreate: () => {}, threads: false, closeOnExit: false })), ...place }
  faults = []
  parts.events.on((event: AuditEvent) => {
    if (event.type === 'fault') faults.push(`${event.where}: ${event.message}`)
  })
  const { log } = parts
  onTestFinished(async () => {
    await log.close()
    rmSync(folder, { recursive: true, force: true })
  })
})

const quick = { pollMs: 20, retryMs: 10, maxRetryMs: 40, timeoutMs: 300, batchEntries: 20 }

async function start(settings: Partial<StreamSettings> & Pick<StreamSettings, 'to'>): Promise<Streams> {
  const streams = await openStreams([{ name: 'siem', ...quick, ...settings }], parts)
  onTestFinished(() => streams.close(0))
  return streams
}

const append = (count: number) => Promise.all(Array.from({ length: count }, (_, i) => parts.log.append(sample(i))))
const sent = (streams: Streams, size: number) =>
  until(() => streams.status()[0]!.lag === 0 && streams.status()[0]!.size >= size, `lag 0 at ${size}`)
const upTo = (size: number) => Array.from({ length: size }, (_, seq) => seq)

const seqsIn = (messages: readonly string[]) => messages.map(message => Number(/ seq="(\d+)"/.exec(message)![1]))
const seqsOf = (requests: readonly HttpRequest[]) =>
  requests.flatMap(({ body }) =>
    body
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).seq as number),
  )
/** Each number, as it came for the first time. */
const firsts = (seqs: readonly number[]) => [...new Set(seqs)]

describe('a stream to syslog', () => {
  it('over TCP brings every entry once, in order, in frames of octets, and goes on where it was', async () => {
    const server = await syslogServer()
    const to = { type: 'syslog', host: '127.0.0.1', port: server.port, hostname: 'host.example' } as const
    await append(100)
    const first = await start({ to, batchEntries: 60 })
    await append(50)
    await sent(first, 151)
    expect(seqsIn(server.messages)).toEqual(upTo(151))
    for (const message of server.messages) expect(message).toMatch(/^<\d+>1 \S+Z host\.example memmimic-audit - /)
    expect(first.status()).toEqual([
      { name: 'siem', sent: 151, refused: 0, size: 151, lag: 0, lastSentAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    ])
    await first.close()
    const place = `${parts.file}.stream-siem`
    expect(statSync(place).mode & 0o077).toBe(0)
    expect(JSON.parse(readFileSync(place, 'utf8'))).toMatchObject({ next: 151, last: { seq: 150 } })

    const second = await start({ to })
    await append(10)
    await sent(second, 161)
    expect(seqsIn(server.messages)).toEqual(upTo(161))
    expect(faults).toEqual([])
  })

  it('sends the leaf alone unless values are switched on, and only what its filter lets through', async () => {
    const server = await syslogServer()
    const to = { type: 'syslog', host: '127.0.0.1', port: server.port } as const
    await append(40)
    const filter = { operation: 'forget' }
    const closed = await start({ name: 'closed', to, filter })
    await sent(closed, 41)
    const leaves = server.messages
    expect(leaves).toHaveLength(10)
    for (const message of leaves) {
      expect(message).toContain('operation="forget"')
      expect(message).not.toMatch(/agent-|Zoë|mem_|session|überall/)
    }
    const open = await start({ name: 'open', to, filter, disclose: true })
    await sent(open, 41)
    expect(server.messages.slice(10).every(message => /actor="agent:agent-\d".*mem_\d+.*überall/s.test(message))).toBe(
      true,
    )
  })

  it('over TLS believes whom it is told to believe, and nobody else', async () => {
    const identity = selfSigned()
    const server = await syslogServer(identity)
    await append(30)
    const to = { type: 'syslog', host: '127.0.0.1', port: server.port } as const
    const tls = { caFile: identity.certFile, serverName: 'localhost' }
    const good = await start({ name: 'good', to: { ...to, tls } })
    await sent(good, 31)
    expect(seqsIn(server.messages)).toEqual(upTo(31))
    for (const wrong of [{}, { caFile: identity.certFile, serverName: 'other.example' }]) {
      const bad = await start({ name: `bad${Object.keys(wrong).length}`, to: { ...to, tls: wrong } })
      await until(() => bad.status()[0]!.lastError !== undefined, 'an error')
      expect(bad.status()[0]).toMatchObject({
        sent: 0,
        lag: 31,
        lastError: expect.stringMatching(/self-signed|altnames/),
      })
      await bad.close(0)
    }
    expect(server.messages).toHaveLength(31)
    const { file } = parts
    await expect(start({ to: { ...to, tls: { caFile: `${file}.nothing` } } })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  it('sends again what a receiver may not have read: one that refuses, dies in the middle, or hangs', async () => {
    const server = await syslogServer()
    server.behave.push('refuse', 'die', 'hang', 'die later', 'refuse')
    await append(120)
    const streams = await start({ to: { type: 'syslog', host: '127.0.0.1', port: server.port }, batchEntries: 40 })
    await sent(streams, 121)
    expect(firsts(seqsIn(server.messages))).toEqual(upTo(121))
    expect(server.behave).toEqual([])
    expect(faults.length).toBeGreaterThanOrEqual(5)
    expect(faults.join('\n')).toContain('did not take a batch in time')
    expect(streams.status()[0]!.lastError).toBeUndefined()
  })

  it('takes what was written for received where the receiver never closes, if it is told to', async () => {
    const server = await syslogServer()
    server.behave.push(...Array<'hang'>(20).fill('hang'))
    await append(60)
    const streams = await start({
      to: { type: 'syslog', host: '127.0.0.1', port: server.port, confirm: 'written', message: 'cef' },
    })
    await sent(streams, 61)
    expect(faults).toEqual([])
  })
})

describe('a stream over HTTP', () => {
  it('posts lines, lists or OCSF events, each batch under a key of its own', async () => {
    const receiver = await httpReceiver()
    await append(45)
    const { origin } = await parts.reader.status()
    for (const [name, to] of Object.entries({
      lines: { body: 'lines' },
      array: { body: 'array' },
      ocsf: { item: 'ocsf', headers: { Authorization: 'Bearer secret' } },
    } as const)) {
      receiver.taken.length = 0
      const streams = await start({ name, to: { type: 'http', url: `${receiver.url}/in`, ...to } })
      await sent(streams, 46)
      const batches = receiver.taken.map(({ body }) =>
        name === 'array'
          ? JSON.parse(body)
          : body
              .trimEnd()
              .split('\n')
              .map(line => JSON.parse(line)),
      )
      expect(batches.map(batch => batch.length)).toEqual([20, 20, 6])
      expect(batches.flat().map(item => item.seq ?? item.unmapped.seq)).toEqual(upTo(46))
      expect(receiver.taken.map(({ headers }) => headers['idempotency-key'])).toEqual(
        ['0-19', '20-39', '40-45'].map(range => `"${origin}/${range}"`),
      )
      expect(receiver.taken[0]).toMatchObject({ path: '/in', headers: { 'memmimic-origin': origin } })
      if (name === 'ocsf') expect(receiver.taken[0]!.headers.authorization).toBe('Bearer secret')
      if (name === 'lines')
        expect(batches[0][1]).toMatchObject({ operation: 'remember', entryHash: expect.any(String), sealed: {} })
    }
  })

  it('tries again, with the same key, when the receiver fails, hangs, breaks off or asks for patience', async () => {
    const receiver = await httpReceiver()
    const bad: ((request: HttpRequest, response: Parameters<typeof receiver.answer>[1]) => number | 'handled')[] = [
      () => 503,
      () => 500,
      () => 'handled',
      (_, response) => {
        response.socket!.destroy()
        return 'handled'
      },
      (_, response) => {
        response.writeHead(200, { 'Content-Length': '10' }).write('half')
        setTimeout(() => response.socket?.destroy(), 10)
        return 'handled'
      },
      () => 302,
      () => 401,
      (_, response) => {
        response.writeHead(429, { 'Retry-After': '1' }).end()
        return 'handled'
      },
    ]
    receiver.answer = (request, response) => bad.shift()?.(request, response)
    await append(50)
    const started = Date.now()
    const streams = await start({ to: { type: 'http', url: receiver.url } })
    await sent(streams, 51)
    expect(Date.now() - started).toBeGreaterThan(1000)
    expect(seqsOf(receiver.taken)).toEqual(upTo(51))
    expect(new Set(receiver.seen.slice(0, 9).map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(faults).toHaveLength(8)
    expect(faults.join('\n')).toMatch(/answered 503: not now[\s\S]*did not answer in time[\s\S]*answered 429/)
  })

  it('never holds up who appends, shows its lag meanwhile, and catches up', async () => {
    const receiver = await httpReceiver()
    receiver.answer = () => 'handled'
    const streams = await start({ to: { type: 'http', url: receiver.url }, timeoutMs: 60_000 })
    await until(() => receiver.seen.length === 1, 'a request that hangs')
    const receipts = await append(300)
    expect(receipts).toHaveLength(300)
    expect(streams.status()[0]).toMatchObject({ size: 301, lag: 301, sent: 0 })
    receiver.answer = () => undefined
    await streams.close(0)
    const again = await start({ to: { type: 'http', url: receiver.url } })
    await sent(again, 301)
    expect(firsts(seqsOf(receiver.taken))).toEqual(upTo(301))
  })

  it('halves a batch that is refused until the entry to blame is alone, and holds there or goes on, as it was told', async () => {
    const receiver = await httpReceiver()
    receiver.answer = ({ body }) => (body.includes('"seq":33,') ? 400 : body.length > 9000 ? 413 : undefined)
    await append(60)
    const to = { type: 'http', url: receiver.url } as const
    const holding = await start({ name: 'hold', to })
    await until(
      () => receiver.seen.filter(({ body }) => seqsOf([{ body } as HttpRequest]).join() === '33').length > 1,
      'two attempts',
    )
    expect(holding.status()[0]).toMatchObject({
      sent: 33,
      refused: 0,
      lag: 28,
      lastError: expect.stringContaining('400'),
    })
    await holding.close(0)
    expect(seqsOf(receiver.taken)).toEqual(upTo(33))

    const skipping = await start({ name: 'skip', to, onRefused: 'skip' })
    await sent(skipping, 61)
    expect(seqsOf(receiver.taken).slice(33)).toEqual(upTo(61).filter(seq => seq !== 33))
    expect(skipping.status()[0]).toMatchObject({ sent: 60, refused: 1 })
    expect(faults.join('\n')).toContain('stream skip: entry 33 was refused and is left out')
  })

  it('cuts batches by bytes, and sends alone what is larger', async () => {
    const receiver = await httpReceiver()
    for (const length of [10, 50_000, 10, 10])
      await parts.log.append({ operation: 'x', component: 'c', userContext: 'x'.repeat(length) })
    const streams = await start({ to: { type: 'http', url: receiver.url }, disclose: true, batchBytes: 4000 })
    await sent(streams, 5)
    expect(receiver.taken.map(request => seqsOf([request]))).toEqual([[0, 1], [2], [3, 4]])
  })
})

describe('a stream to OpenTelemetry', () => {
  it('posts what OTLP asks for, to where OTLP asks for it', async () => {
    const receiver = await httpReceiver()
    await append(5)
    const streams = await start({
      to: { type: 'otlp', url: receiver.url, serviceName: 'agents', headers: { 'x-tenant': 't1' } },
    })
    await sent(streams, 6)
    const [{ path, headers, body } = {} as HttpRequest] = receiver.taken
    expect({ path, type: headers['content-type'], tenant: headers['x-tenant'] }).toEqual({
      path: '/v1/logs',
      type: 'application/json',
      tenant: 't1',
    })
    const { resourceLogs } = JSON.parse(body)
    expect(resourceLogs[0].resource.attributes[0]).toEqual({ key: 'service.name', value: { stringValue: 'agents' } })
    expect(resourceLogs[0].scopeLogs[0].logRecords).toHaveLength(6)
  })

  it('says what a collector took note of and threw away, and does not send it again', async () => {
    const receiver = await httpReceiver()
    let answered = 0
    receiver.answer = (_, response) => {
      const partialSuccess = { rejectedLogRecords: '2', errorMessage: 'too old' }
      response.writeHead(200).end(answered++ === 0 ? JSON.stringify({ partialSuccess }) : '')
      return 'handled'
    }
    await append(30)
    const streams = await start({ to: { type: 'otlp', url: `${receiver.url}/custom` } })
    await sent(streams, 31)
    expect(receiver.seen.map(({ path }) => path)).toEqual(['/custom', '/custom'])
    expect(streams.status()[0]).toMatchObject({ sent: 29, refused: 2, lag: 0 })
    expect(faults).toEqual(['stream siem: the receiver threw away 2 of the entries 0 to 19: too old'])
  })
})

describe('the place of a stream', () => {
  it('holds where the log is not the one that was sent from', async () => {
    const receiver = await httpReceiver()
    const to = { type: 'http', url: receiver.url } as const
    await append(10)
    const first = await start({ to })
    await sent(first, 11)
    await first.close()
    const place = `${parts.file}.stream-siem`
    const kept = JSON.parse(readFileSync(place, 'utf8'))
    for (const [wrong, says] of [
      [{ ...kept, last: { ...kept.last, entryHash: 'ab'.repeat(32) } }, 'not the log that entry 10 was sent from'],
      [{ ...kept, next: 100, last: { ...kept.last, seq: 99 } }, 'not the log that entry 99 was sent from'],
      [{ ...kept, origin: 'example.com/other' }, 'a place in the log example.com/other'],
      ['nonsense', 'no place of a stream'],
    ] as const) {
      writeFileSync(place, JSON.stringify(wrong))
      const streams = await start({ to })
      await until(() => streams.status()[0]!.lastError !== undefined, 'an error')
      expect(streams.status()[0]!.lastError).toContain(says)
      await streams.close(0)
    }
    expect(seqsOf(receiver.taken)).toEqual(upTo(11))
    writeFileSync(place, JSON.stringify(kept), { mode: 0o600 })
    const again = await start({ to })
    await append(1)
    await sent(again, 12)
    expect(seqsOf(receiver.taken)).toEqual(upTo(12))
  })

  it('says what is not there to be sent', async () => {
    const receiver = await httpReceiver()
    await append(40)
    const reader = {
      ...parts.reader,
      query: async (...asked: Parameters<typeof parts.reader.query>) =>
        (await parts.reader.query(...asked)).filter(({ seq }) => seq !== 7 && seq !== 25 && seq !== 26),
    }
    const streams = await openStreams(
      [{ name: 'siem', ...quick, to: { type: 'http', url: receiver.url }, batchEntries: 200 }],
      { ...parts, reader },
    )
    onTestFinished(() => streams.close(0))
    await sent(streams, 41)
    expect(faults.map(fault => fault.replace(/: verify.*/, ''))).toEqual([
      'stream siem: entry 7 is not there to be sent',
      'stream siem: the entries 25 to 26 are not there to be sent',
    ])
  })
})

describe('closing', () => {
  it('sends what is left, as long as the receiver takes it', async () => {
    const receiver = await httpReceiver()
    const streams = await start({ to: { type: 'http', url: receiver.url }, pollMs: 60_000 })
    await append(200)
    await streams.close()
    expect(seqsOf(receiver.taken)).toEqual(upTo(201))
  })

  it.each<[string, number]>([
    ['that hangs', 300],
    ['that is not there', 60_000],
  ])('does not wait for a receiver %s longer than it may', async (what, deadlineMs) => {
    const receiver = await httpReceiver()
    receiver.answer = () => 'handled'
    const url = what === 'that hangs' ? receiver.url : 'http://127.0.0.1:9'
    const streams = await start({ to: { type: 'http', url }, timeoutMs: 60_000, maxRetryMs: 60_000, retryMs: 60_000 })
    await append(5)
    if (what === 'that hangs') await until(() => receiver.seen.length > 0, 'a request')
    else await until(() => faults.length > 0, 'a failure')
    const started = Date.now()
    await streams.close(deadlineMs)
    expect(Date.now() - started).toBeLessThan(2000)
  })
})

describe('a process that is killed in the middle', () => {
  it('leaves nothing out: whoever goes on sends the rest, in order, some of it twice', async () => {
    const receiver = await httpReceiver()
    const { file, keys } = parts
    await parts.log.close()
    const count = 120
    for (const at of [15, 40, 70]) {
      const child = startChild('stream.ts', file, keys, receiver.url, String(count / 3))
      await until(() => new Set(seqsOf(receiver.taken)).size >= at, `${at} entries`)
      child.process.kill('SIGKILL')
      await child.ended
    }
    const last = startChild('stream.ts', file, keys, receiver.url, '1')
    await last.said('done')
    parts = { ...(await openParts({ file, keys, threads: false, closeOnExit: false })), file, keys }
    const { size } = await parts.reader.status()
    await until(() => new Set(seqsOf(receiver.taken)).size >= size, 'the rest')
    last.process.kill('SIGKILL')
    await last.ended
    const seqs = seqsOf(receiver.taken)
    expect(firsts(seqs)).toEqual(upTo(size))
    const { log } = parts
    onTestFinished(() => log.close())
    const views = await parts.reader.query({}, { limit: size, order: 'asc' })
    const bodies = receiver.taken.map(({ body }) => body).join('')
    for (const { entryHash } of views) expect(bodies).toContain(entryHash)
  })
})

describe('settings', () => {
  const to = { type: 'http', url: 'http://127.0.0.1:1/' } as const
  test.each<[string, unknown[]]>([
    ['$[0].name', [{ name: '../x', to }]],
    [
      '$[1].name',
      [
        { name: 'a', to },
        { name: 'a', to },
      ],
    ],
    ['$[0].batchEntries', [{ name: 'a', to, batchEntries: 0 }]],
    ['$[0].batchEntries', [{ name: 'a', to, batchEntries: 20_000 }]],
    ['$[0].retryMs', [{ name: 'a', to, retryMs: 1.5 }]],
    ['$.operaton', [{ name: 'a', to, filter: { operaton: 'x' } }]],
    ['$.to.url', [{ name: 'a', to: { type: 'http', url: 'ftp://x' } }]],
    ['$.to.url', [{ name: 'a', to: { type: 'otlp', url: 'https://user:secret@x/' } }]],
    ['syslog, http, otlp', [{ name: 'a', to: { type: 'kafka' } }]],
  ])('that are wrong are refused, naming %s', async (says, settings) => {
    const refused = openStreams(settings as StreamSettings[], parts)
    await expect(refused).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining(says) })
    await expect(refused).rejects.not.toThrow('secret')
  })

  it('hold with nothing given but a name and a receiver, and no streams are none', async () => {
    expect(defaultStreamSettings.disclose).toBe(false)
    const none = await openStreams([], parts)
    expect(none.status()).toEqual([])
    await none.close()
  })
})

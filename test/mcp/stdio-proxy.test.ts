import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AuditError } from '../../src/core/errors.ts'
import { runStdioProxy, type StdioProxyEnd, type StdioProxyOptions } from '../../src/mcp/index.ts'
import { FakeLog, gist, line } from './support.ts'

const fixtures = join(import.meta.dirname, 'fixtures')
const examples = join(import.meta.dirname, '../../../shared/vectors/mcp/examples-2026-07-28.tar.gz')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-proxy-'))
let files = 0

/** Runs the proxy in this process, over a server of bytes in another. */
function start(args: readonly string[], more: Partial<StdioProxyOptions> = {}) {
  const seenFile = join(scratch, `seen-${files++}`)
  const log = new FakeLog()
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const received: Buffer[] = []
  stdout.on('data', (chunk: Buffer) => received.push(chunk))
  const end = runStdioProxy({
    ...{ command: process.execPath, args: [join(fixtures, 'raw-server.ts'), ...args] },
    ...{ log, stdin, stdout, stderr, env: { ...process.env, SEEN: seenFile } },
    now: () => performance.now(),
    newSessionId: () => 'session-1',
    ...more,
  })
  const out = () => Buffer.concat(received)
  const answers = () =>
    out()
      .toString()
      .split('\n')
      .filter(Boolean)
      .map(text => JSON.parse(text))
  const seen = () => (existsSync(seenFile) ? readFileSync(seenFile) : Buffer.alloc(0))
  return { log, stdin, stdout, stderr, end, out, answers, seen }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return
    await sleep(10)
  }
  throw new Error(`never happened: ${what}`)
}

const call = (id: unknown, name = 'ok', args: unknown = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

describe('bytes', () => {
  test('of every example message of the specification pass unchanged in both directions, in chunks of any size', async context => {
    if (!existsSync(examples)) return context.skip(`${examples} is not there`)
    execFileSync('tar', ['xzf', examples, '-C', scratch])
    const texts = readdirSync(scratch, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.json'))
      .map(name => readFileSync(join(scratch, name), 'utf8'))
    expect(texts.length).toBeGreaterThan(80)
    const messages = texts.flatMap((text, i) => {
      const value = JSON.parse(text)
      const wrapped = { jsonrpc: '2.0', id: `x${i}`, method: i % 2 ? 'tools/call' : 'acme/new', params: value }
      return [JSON.stringify(value), ` ${JSON.stringify(wrapped, null, 1).replaceAll('\n', ' ')}\r`]
    })
    const noise = ['', 'not JSON {', '\ufeff{}', '[]', '{"id":1', 'ünï\u2028cödé', '\r']
    const bytes = Buffer.from([...messages, ...noise, '{"a last line": "without newline"}'].join('\n'))

    const proxy = start(['echo'])
    let at = 0
    for (const size of fc.sample(fc.integer({ min: 1, max: 4000 }), { numRuns: 400, seed: 7 })) {
      proxy.stdin.write(bytes.subarray(at, at + size))
      at += size
    }
    proxy.stdin.end(bytes.subarray(at))
    expect((await proxy.end).exitCode).toBe(0)
    expect(proxy.seen().equals(bytes)).toBe(true)
    expect(proxy.out().equals(bytes)).toBe(true)
    expect(proxy.log.of('tools/call', 'intent').length).toBeGreaterThan(80)
  })

  test('of a message of 64 MiB pass both ways, soon and in bounded memory, and are recorded as a digest', async () => {
    const text = 'x"\\'.repeat(10).repeat(1_400_000)
    const bytes = line(call(1, 'big', text))
    expect(bytes.length).toBeGreaterThan(64 * 1024 * 1024)
    const raw = JSON.stringify(text)
    const hash = createHash('sha256')
    const stdout = new Writable({
      write(chunk, _, done) {
        hash.update(chunk)
        done()
      },
    })
    const before = process.memoryUsage().rss
    const began = performance.now()
    const proxy = start(['echo'], { stdout })
    proxy.stdin.end(bytes)
    await proxy.end
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(performance.now() - began).toBeLessThan(15_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(8 * bytes.length)
    const digest = `sha256:${createHash('sha256').update(raw).digest('hex')}`
    expect(proxy.log.of('tools/call')[0]!.arguments).toEqual({ digest, length: Buffer.byteLength(raw), reason: 'size' })
  })
})

describe('a call', () => {
  test('does not reach the server before its intent is durable, and calls that wait together stay in order', async () => {
    const proxy = start(['script'])
    proxy.log.delayMs = 400
    const ids = Array.from({ length: 40 }, (_, i) => i)
    const ping = { jsonrpc: '2.0', id: 'p', method: 'ping' }
    proxy.stdin.write(Buffer.concat([...ids.map(id => line(call(id))), line(ping), line(call('last'))]))
    await until(() => proxy.log.of('session.opened').length === 1, 'the session is opened')
    const began = performance.now()
    expect(proxy.seen().length).toBe(0)
    await sleep(200)
    expect(proxy.log.of('tools/call').length).toBe(0)
    expect(proxy.seen().length).toBe(0)
    await until(() => proxy.answers().length === 41, 'every call is answered')
    expect(performance.now() - began).toBeLessThan(3000)
    const seen = proxy
      .seen()
      .toString()
      .trim()
      .split('\n')
      .map(text => JSON.parse(text).id)
    expect(seen).toEqual([...ids, 'p', 'last'])
    expect(proxy.answers().map(answer => answer.id)).toEqual([...ids, 'last'])
    proxy.stdin.end()
    await proxy.end
    const intents = proxy.log.of('tools/call', 'intent')
    expect(intents.map(entry => entry.attributes!['jsonrpc.request.id'])).toEqual([...ids, 'last'])
    expect(new Set(proxy.log.of('tools/call', 'outcome').map(entry => entry.intent)).size).toBe(41)
  })

  test('that cannot be recorded is answered with an error and never seen by the server; the rest goes on', async () => {
    const proxy = start(['script'])
    proxy.log.failure = new AuditError('io', 'The disk is full.')
    proxy.stdin.write(Buffer.concat([line(call(1)), line({ jsonrpc: '2.0', id: 2, method: 'ping' }), line(call('3'))]))
    await until(() => proxy.answers().length === 2 && proxy.seen().includes('ping'), 'both are refused')
    expect(proxy.answers()).toMatchObject([
      { jsonrpc: '2.0', id: 1, error: { code: -32010 } },
      { jsonrpc: '2.0', id: '3', error: { code: -32010 } },
    ])
    proxy.log.failure = undefined
    proxy.stdin.end(line(call(4)))
    await proxy.end
    expect(proxy.seen().toString()).not.toContain('"id":1')
    expect(proxy.log.entries.map(gist)).toContain('event recorder.refused denied')
    expect(proxy.log.of('tools/call', 'intent')).toHaveLength(1)
  })

  test('many thousands at once go through a slow log without loss, a bounded number at a time', async () => {
    const proxy = start(['script'])
    proxy.log.delayMs = 2
    proxy.stdin.write(Buffer.concat(Array.from({ length: 3000 }, (_, i) => line(call(i)))))
    await until(() => proxy.out().includes('"id":2999'), 'the last call is answered')
    proxy.stdin.end()
    await proxy.end
    expect(proxy.log.of('tools/call', 'outcome')).toHaveLength(3000)
    expect(proxy.log.of('session.closed')[0]!.performanceMetrics).toMatchObject({ 'calls.success': 3000 })
    expect(proxy.log.mostAtOnce).toBeGreaterThan(100)
    expect(proxy.log.mostAtOnce).toBeLessThan(800)
  })

  test.each([
    ['crash', 'failure server_exited', { exitCode: null, signal: 'SIGKILL' }, 'failure'],
    ['exit', 'failure server_exited', { exitCode: 3, signal: null }, 'failure'],
    ['hang', 'unknown session_ended', { exitCode: 0, signal: null }, 'success'],
  ] as const)('named %s ends as %s when the server ends', async (name, expected, how, session) => {
    const proxy = start(['script'])
    proxy.stdin.write(line(call(1, name)))
    if (name === 'hang') {
      await until(() => proxy.seen().length > 0, 'the call arrives')
      proxy.stdin.end()
    }
    expect(await proxy.end).toEqual({ ...how, lost: 0 })
    const [outcome] = proxy.log.of('tools/call', 'outcome')
    expect(gist(outcome!)).toBe(`outcome tools/call ${expected.replace(' ', ` ${name} `)}`)
    const [closed] = proxy.log.of('session.closed')
    expect(closed).toMatchObject({ outcome: session, performanceMetrics: { [`calls.${expected.split(' ')[0]}`]: 1 } })
    const attribute = how.signal === null ? 'process.exit.code' : 'process.exit.signal'
    for (const entry of [outcome, closed]) expect(entry!.attributes![attribute]).toBe(how.signal ?? how.exitCode)
  })
})

describe('the end', () => {
  test('of a server gives its exit code, and its stderr passes unchanged', async () => {
    const proxy = start(['exit', '42'])
    expect(await proxy.end).toEqual<StdioProxyEnd>({ exitCode: 42, signal: null, lost: 0 })
    expect(proxy.stderr.read().toString()).toContain('about to end\n')
  })

  test('of a client that reads no more ends the server politely', async () => {
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) })
    const proxy = start(['stay'], { stdout, graceMs: 300 })
    expect(await proxy.end).toMatchObject({ exitCode: 7 })
  })

  test('is one clear sentence when there is no such command', async () => {
    const error = await start([], { command: '/nowhere/to/be/found' }).end.catch(cause => cause)
    expect(error).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('"/nowhere/to/be/found" was not found'),
    })
    expect(process.listenerCount('SIGTERM')).toBe(0)
  })

  test('leaves no listeners and no timers behind, even when a grandchild keeps the pipe open', async () => {
    const proxy = start([], { command: 'sh', args: ['-c', 'sleep 3 & echo "{}"'], graceMs: 200 })
    expect((await proxy.end).exitCode).toBe(0)
    expect(proxy.out().toString()).toBe('{}\n')
    expect(process.listenerCount('SIGINT')).toBe(0)
  })

  function run(args: readonly string[]) {
    const logFile = join(scratch, `log-${files++}`)
    writeFileSync(logFile, '')
    const child = spawn(process.execPath, [join(fixtures, 'proxy.ts'), logFile, ...args], { detached: true })
    let out = ''
    child.stdout.on('data', chunk => {
      out += chunk
    })
    const end = new Promise<number | null>(resolve => child.once('close', resolve))
    return {
      child,
      end,
      out: () => out,
      log: () =>
        readFileSync(logFile, 'utf8')
          .split('\n')
          .filter(Boolean)
          .map(text => JSON.parse(text)),
    }
  }
  const server = (mode: string) => [process.execPath, join(fixtures, 'raw-server.ts'), mode]

  test.each([
    ['SIGTERM', 7],
    ['SIGINT', 8],
    ['SIGHUP', 8],
  ] as const)('by %s is the server’s own end', async (signal, code) => {
    const proxy = run(server('stay'))
    await until(() => proxy.out().includes('pid'), 'the server runs')
    // To the whole group, as a terminal does it: the server must get it once.
    process.kill(-proxy.child.pid!, signal)
    expect(await proxy.end).toBe(code)
    expect(proxy.out().split(`"signal":"${signal}"`)).toHaveLength(2)
    expect(proxy.log().at(-1)).toMatchObject({ operation: 'session.closed', attributes: { 'process.exit.code': code } })
  })

  test('by a signal that the server does not survive is 128 and the signal', async () => {
    const proxy = run(server('stay'))
    await until(() => proxy.out().includes('pid'), 'the server runs')
    process.kill(JSON.parse(proxy.out()).params.pid, 'SIGKILL')
    expect(await proxy.end).toBe(137)
  })

  test('of standard input is the end of it all', async () => {
    const proxy = run(server('echo'))
    proxy.child.stdin.end('{"jsonrpc":"2.0","id":1,"method":"ping"}')
    expect(await proxy.end).toBe(0)
    expect(proxy.out()).toBe('{"jsonrpc":"2.0","id":1,"method":"ping"}')
    expect(proxy.log().map(gist)).toEqual(['intent session.opened', 'outcome session.closed success'])
  })

  test('is 127 when there is no such command', async () => {
    expect(await run(['/nowhere/at/all']).end).toBe(127)
  })
})

/**
 * What comes in from files and over wires, spoiled: files of keys, of the spill, of the seed, of the log itself; bytes on
 * a socket, and bytes between an MCP client and its server. Whatever they are, the answer is one that is documented.
 *
 * `MEMMIMIC_SEED` runs a failure again; `MEMMIMIC_LONG=fuzz` tries twenty times as much.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FileAnchor } from '../../src/append/anchor.ts'
import { loadPublicKeys, loadStorageKey, readSealKey } from '../../src/append/keys.ts'
import { Spill } from '../../src/append/spill.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { peekCheckpoint } from '../../src/core/checkpoint.ts'
import type { AuditErrorCode } from '../../src/core/errors.ts'
import { leafText, parseLeaf } from '../../src/core/leaf.ts'
import { runStdioProxy } from '../../src/mcp/stdio-proxy.ts'
import { SeedFile } from '../../src/migrate/seed-file.ts'
import { listen } from '../../src/server/listen.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { FakeLog } from '../mcp/support.ts'
import { SeedDatabase } from '../migrate/seed-database.ts'
import { makeServed } from '../server/support.ts'
import { recordEvidence } from '../support/evidence.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'
import { Random, seedOf } from '../support/random.ts'
import { mutate } from './mutate.ts'
import { checkRefusal } from './targets.ts'

const seed = seedOf('outside')
const random = new Random(seed)
/** `MEMMIMIC_LONG=fuzz` goes on for as many rounds more as there are here. */
const rounds = process.env.MEMMIMIC_LONG?.startsWith('fuzz') ? 20 : 1
const counts = { files: 0, requests: 0, proxied: 0 }
afterAll(() => recordEvidence('fuzzing-outside', { seed, ...counts }))

const folder = mkdtempSync(join(tmpdir(), 'memmimic-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let log: TestLog
beforeAll(async () => {
  log = await makeTestLog({ encryption: 'none' })
  await log.grow(300)
})
afterAll(() => log.dispose())

/** What `use` makes of a file, refused as it may. */
async function accepted<T>(use: () => T | Promise<T>, ...codes: AuditErrorCode[]): Promise<T | undefined> {
  counts.files++
  try {
    return await use()
  } catch (error) {
    try {
      // A message may name the file, which is ours and not spoiled.
      checkRefusal(error, codes)
    } catch (wrong) {
      throw new Error(`seed ${seed}: ${(wrong as Error).message}`, { cause: error })
    }
    return undefined
  }
}

/** Many of a file, each a little other than it should be. */
function* spoiled(text: string | Uint8Array, times: number): Generator<Uint8Array> {
  const corpus = [typeof text === 'string' ? utf8(text) : Uint8Array.from(text)]
  for (let i = 0; i < times * rounds; i++) yield mutate(random, corpus, [])
}

const timeout = 30_000 * rounds

describe('a file that was spoiled', { timeout }, () => {
  it('of keys is read or refused', async () => {
    for (const name of ['log.vkeys', 'seal.key', 'anchor']) {
      const file = join(folder, name)
      writeFileSync(file, '', { mode: 0o600 })
      for (const bytes of spoiled(readFileSync(join(log.keysFolder, name)), 300)) {
        writeFileSync(file, bytes)
        if (name === 'log.vkeys') await accepted(() => loadPublicKeys(folder), 'bad_format', 'bad_key')
        if (name === 'seal.key') await accepted(() => readSealKey(folder), 'bad_key')
        if (name === 'anchor') peekCheckpoint(new FileAnchor(file).read()!)
      }
    }
    const encrypted = await makeTestLog()
    try {
      for (const name of ['storage.key', 'storage.check']) {
        for (const other of ['storage.key', 'storage.check']) {
          writeFileSync(join(folder, other), readFileSync(join(encrypted.keysFolder, other)), { mode: 0o600 })
        }
        for (const bytes of spoiled(readFileSync(join(encrypted.keysFolder, name)), 200)) {
          writeFileSync(join(folder, name), bytes)
          const key = await accepted(() => loadStorageKey(folder), 'bad_key')
          if (key !== undefined) expect(Buffer.from(key)).toEqual(Buffer.from(encrypted.keys.storage!))
        }
      }
    } finally {
      encrypted.dispose()
    }
  })

  it('of the spill gives drafts that the log can take, and no act that excuses anything', async () => {
    for (const key of [undefined, new Uint8Array(32).fill(1)]) {
      const own = join(folder, key === undefined ? 'plain.db' : 'closed.db')
      const spill = new Spill(own, key)
      spill.keep([log.draft({}), log.draft({ memoryId: 'm', actor: { type: 'user', id: 'u' } })])
      const [file] = spill.waiting()
      const text = readFileSync(file!, 'utf8')
      expect(spill.read(file!)).toMatchObject({ drafts: [{}, {}], unreadable: 0 })
      for (const bytes of spoiled(text, 400)) {
        writeFileSync(file!, bytes)
        const read = await accepted(() => spill.read(file!))
        for (const draft of read?.drafts ?? []) {
          const commitments = draft.sealed.filter((_, i) => i % 2 === 0).map(() => 'A'.repeat(43))
          const { leaf, problem } = parseLeaf(
            utf8(leafText(draft, { seq: 3, time: draft.time, previousHash: 'ab'.repeat(32) }, commitments)),
          )
          expect(problem).toBeUndefined()
          expect(leaf!.seq).toBe(3)
        }
      }
      if (key !== undefined) continue
      const draft = log.draft({})
      const excuses = ['retention.pruned', 'subject.erased', 'key.rotated', 'log.created', 'log.restored']
      const lines: unknown[] = [
        ...excuses.map(operation => ({ ...draft, middle: `"kind":"control","operation":"${operation}",` })),
        { ...draft, trace: '"trace":"x","v":1}' },
        { ...draft, level: '"securityLevel":"internal","seq":7,' },
        { ...draft, id: `${draft.id}","kind":"control` },
        { ...draft, sealed: ['x', '{"a": 1}'] },
        { ...draft, sealed: ['x'] },
        { ...draft, sealed: ['x', '1', 'x', '2'] },
        { ...draft, time: 0.5 },
        { ...draft, first: undefined },
        null,
        [],
        7,
      ]
      writeFileSync(file!, lines.map(line => `${JSON.stringify(line)}\n`).join(''))
      expect(spill.read(file!)).toEqual({ drafts: [], unreadable: lines.length })
    }
  })

  it('of the seed gives rows, or a refusal', async () => {
    const file = join(folder, 'seed.db')
    const seedDatabase = new SeedDatabase(file)
    seedDatabase.add(...Array.from({ length: 20 }, () => ({})))
    seedDatabase.db.pragma('wal_checkpoint(TRUNCATE)')
    seedDatabase.db.pragma('journal_mode=DELETE')
    seedDatabase.db.close()
    const bytes = readFileSync(file)
    const other = join(folder, 'other.db')
    for (let i = 0; i < 60 * rounds; i++) {
      const changed = Uint8Array.from(bytes)
      for (let times = 1 + random.below(40); times > 0; times--) {
        const at = random.chance(0.3) ? random.below(100) : random.below(bytes.length)
        changed[at] = random.below(256)
      }
      writeFileSync(other, random.chance(0.2) ? changed.subarray(0, random.below(bytes.length)) : changed)
      await accepted(
        () => {
          const seedFile = SeedFile.open(other)
          try {
            let rows = 0
            for (const row of seedFile.rows()) if (row.number !== ++rows) throw new Error('rows are not counted')
          } finally {
            seedFile.close()
          }
        },
        'bad_format',
        'io',
        'busy',
        'not_found',
      )
    }
  })

  it('of the log is checked, or cannot be read', async () => {
    log.store.checkpointFile()
    const bytes = readFileSync(log.file)
    const other = join(folder, 'log.db')
    for (let i = 0; i < 25 * rounds; i++) {
      const changed = Uint8Array.from(bytes)
      for (let times = 1 + random.below(10); times > 0; times--) changed[random.below(bytes.length)] = random.below(256)
      for (const end of ['-wal', '-shm']) rmSync(other + end, { force: true })
      writeFileSync(other, changed)
      await accepted(
        async () => {
          const store = openSqliteStore({ file: other, key: undefined, mode: 'read' })
          try {
            await verifyLog(store, { verifiers: log.keys.verifiers, deep: true })
          } finally {
            store.close()
          }
        },
        'bad_format',
        'bad_key',
        'io',
        'damaged',
        'newer_schema',
        'not_found',
      )
    }
  })
})

describe('the server', { timeout }, () => {
  it('answers what it can and ends the rest, whatever stands on the wire, and goes on', async () => {
    const { app, config } = await makeServed({ level: 'silent' })
    const server = await listen(app, { ...config.server, host: '127.0.0.1', port: 0 })
    const port = Number(new URL(server.url).port)
    const good = [
      'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /readyz?verbose&exclude=a,b&exclude=%FF HTTP/1.1\r\nHost: 127.0.0.1:7330\r\nConnection: close\r\n\r\n',
      'POST /v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\n{}\n',
      'HEAD /metrics HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET //evil.example/%2e%2e/livez HTTP/1.0\r\n\r\n',
      'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ].map(utf8)
    const words = [
      'Host: ',
      'Content-Length: ',
      'Transfer-Encoding: chunked',
      '\r\n',
      'HTTP/1.1',
      'GET ',
      '/livez',
      '?',
      '%',
      'localhost',
    ].map(utf8)
    /** What comes back until nothing more does. A client that closes its half first is not answered. */
    const ask = (bytes: Uint8Array, patienceMs = 150): Promise<string> =>
      new Promise((resolve, reject) => {
        let answer = ''
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
        const end = () => socket.end()
        let timer = setTimeout(end, patienceMs)
        socket.on('data', data => {
          answer += data.toString('latin1')
          clearTimeout(timer)
          timer = setTimeout(end, 10)
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve(answer))
        const told = () => reject(new Error(`no end: seed ${seed}, ${Buffer.from(bytes).toString('base64')}`))
        socket.setTimeout(25_000, told)
      })
    try {
      for (let i = 0; i < 600 * rounds; i += 100) {
        const batch = Array.from({ length: 100 }, (_, j) =>
          i === 0 && j < good.length ? good[j]! : mutate(random, good, words),
        )
        const answers = await Promise.all(batch.map(bytes => ask(bytes)))
        for (const [j, answer] of answers.entries()) {
          counts.requests++
          const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status))
          const known = [200, 400, 404, 405, 408, 411, 413, 414, 417, 421, 431, 503]
          expect(
            statuses.filter(status => !known.includes(status)),
            `seed ${seed}: ${Buffer.from(batch[j]!).toString('base64')}\n${answer.slice(0, 500)}`,
          ).toEqual([])
        }
        expect(await ask(good[1]!, 20_000)).toMatch(/^HTTP\/1\.1 200 /)
      }
    } finally {
      server.closeNow()
      await server.close()
    }
  })

  it('answers any request that the platform lets through', async () => {
    const { app } = await makeServed({ level: 'silent' })
    const paths = ['/livez', '/readyz?verbose', '/v1/status', '/metrics', '/healthz?exclude=a'].map(utf8)
    for (let i = 0; i < 400 * rounds; i++) {
      const path = new TextDecoder().decode(mutate(random, paths, []))
      const header = new TextDecoder('latin1').decode(mutate(random, [utf8('localhost'), utf8('a, b')], []))
      let request: Request
      try {
        const method = random.pick(['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'X-Y'])
        request = new Request(new URL(path, 'http://localhost'), {
          method,
          headers: { [random.pick(['host', 'content-length', 'accept', 'x-a'])]: header },
        })
      } catch {
        continue
      }
      counts.requests++
      const { status } = await app.request(request)
      expect([200, 404, 405, 411, 413, 421, 503], `${request.method} ${request.url} ${header}`).toContain(status)
    }
  })
})

describe('the MCP proxy', () => {
  it('passes any bytes on unchanged, both ways', { timeout }, async () => {
    const call = (id: number) =>
      `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'x', arguments: { id } } })}\n`
    const corpus = [
      call(1),
      `${call(2)}${call(3)}`,
      '{"jsonrpc":"2.0","id":1,"result":{}}\n',
      '\n',
      '{"method":',
      `[${call(4).trim()}]\r\n`,
    ].map(utf8)
    const words = ['\n', '\r', '"id":', '"method":"tools/call"', '\u2028'].map(utf8)
    for (let round = 0; round < 4 * rounds; round++) {
      const stdin = new PassThrough()
      const stdout = new PassThrough()
      const out: Buffer[] = []
      stdout.on('data', (data: Buffer) => out.push(data))
      // A server that gives back all that it is given: so each byte goes both ways.
      const proxy = runStdioProxy({
        command: process.execPath,
        args: ['-e', 'process.stdin.pipe(process.stdout)'],
        log: new FakeLog(),
        stdin,
        stdout,
        stderr: new PassThrough(),
        now: () => performance.now(),
        newSessionId: () => 'session',
      })
      const sent: Uint8Array[] = []
      for (let i = 0; i < 150; i++) {
        const bytes = mutate(random, corpus, words)
        sent.push(bytes)
        if (!stdin.write(Buffer.from(bytes))) await new Promise(resolve => stdin.once('drain', resolve))
        counts.proxied++
      }
      stdin.end()
      const { exitCode, lost } = await proxy
      expect([exitCode, lost], `seed ${seed}`).toEqual([0, 0])
      const same = Buffer.concat(out).equals(Buffer.concat(sent))
      expect(
        same,
        `seed ${seed}, round ${round}: ${Buffer.concat(out).length} of ${Buffer.concat(sent).length} bytes`,
      ).toBe(true)
    }
  })
})

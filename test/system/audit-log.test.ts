import { chmodSync, existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { checkTlogProof, parseTlogProof } from '../../src/core/tlog-proof.ts'
import { parseVkey } from '../../src/core/vkey.ts'
import { AuditError, type CreatedLog, openAuditLog, type VerifyPosition } from '../../src/index.ts'

let folder: string
let file: string
let keys: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-system-'))
  file = join(folder, 'data', 'audit.db')
  keys = join(folder, 'config', 'keys')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (more: Parameters<typeof openAuditLog>[0] = {}) =>
  openAuditLog({ file, keys, closeOnExit: false, onCreate: () => {}, ...more })

for (const threads of [true, false]) {
  describe(`an open log, ${threads ? 'with its threads' : 'on one thread'}`, () => {
    it('keeps every entry of a burst that nobody waited for, in order, over a restart', async () => {
      const log = await open({ threads })
      const receipts = await Promise.all(
        Array.from({ length: 5000 }, (_, i) => log.append({ operation: 'remember', component: 'burst', memoryId: i })),
      )
      expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1))
      await log.close()
      await using again = await open({ threads })
      let next = 1
      for await (const entry of again.query({ component: 'burst' }, { order: 'asc' })) {
        expect(entry).toMatchObject({ seq: next, memoryId: String(next - 1), entryHash: receipts[next - 1]!.entryHash })
        next++
      }
      expect(next).toBe(5001)
      expect(await again.verify({ deep: true })).toMatchObject({
        valid: true,
        complete: true,
        trust: 'anchored',
        size: 5001,
      })
    })

    it('shows an entry to the very next query, and knows it by number and by id', async () => {
      await using log = await open({ threads })
      for (let i = 0; i < 20; i++) {
        const { seq, id, entryHash } = await log.append({
          operation: 'remember',
          component: 'memory',
          session: `s${i}`,
        })
        const found = await Array.fromAsync(log.query({ session: `s${i}` }))
        expect(found.map(entry => entry.entryHash)).toEqual([entryHash])
        expect((await log.get(id))?.seq).toBe(seq)
        expect((await log.get(seq))?.id).toBe(id)
      }
      expect(await log.get(4711)).toBeUndefined()
      expect(await log.get('01a00000-0000-7000-8000-000000000000')).toBeUndefined()
    })

    it('writes what it was given when it was given, though the caller changes its object a moment later', async () => {
      await using log = await open({ threads })
      const userContext = { note: 'as it was' }
      const waiting = log.append({ operation: 'remember', component: 'memory', userContext })
      userContext.note = 'as it became'
      const { seq } = await waiting
      expect((await log.get(seq))?.userContext).toEqual({ note: 'as it was' })
    })

    it('refuses a bad entry alone: the others of the same moment go in', async () => {
      await using log = await open({ threads })
      const good = { operation: 'remember', component: 'memory' }
      const bad = { ...good, userContext: { deep: [1, { at: () => 1 }] } }
      const results = await Promise.allSettled([log.append(good), log.append(bad), log.append(good)])
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
        code: 'bad_input',
        path: '$.userContext.deep[1].at',
        message: '$.userContext.deep[1].at: function is not a JSON value',
      })
      expect(await log.verify()).toMatchObject({ valid: true, size: 3 })
    })

    it('proves an entry to someone who has nothing but the public key', async () => {
      let created: CreatedLog | undefined
      await using log = await open({
        threads,
        onCreate: made => {
          created = made
        },
      })
      await Promise.all(Array.from({ length: 300 }, () => log.append({ operation: 'remember', component: 'memory' })))
      const proof = parseTlogProof(await log.prove(123))
      const { origin, vkeys } = created!
      for (const vkey of [vkeys.ed25519, vkeys.mldsa44]) {
        const { checkpoint } = checkTlogProof(proof, (await log.leaf(123))!, origin, [parseVkey(vkey)])
        expect(checkpoint.size).toBe(301)
      }
      const other = (await log.leaf(124))!
      expect(() => checkTlogProof(proof, other, origin, [parseVkey(vkeys.ed25519)])).toThrow(AuditError)
    })

    it('tells what was announced and never ended, and what ended how', async () => {
      await using log = await open({ threads })
      const start = { operation: 'tools/call', component: 'files', arguments: { path: '/x' } }
      await (await log.begin(start)).succeed({ ok: true })
      await (await log.begin(start)).fail(new Error('no such file'))
      const denied = await log.begin(start)
      await denied.deny('not allowed')
      expect(() => denied.succeed()).toThrow(AuditError)
      const left = await log.begin(start)
      const report = await log.verify()
      expect(report).toMatchObject({ valid: true, complete: false })
      expect(report.missing).toMatchObject([{ kind: 'open_intent', seq: left.receipt.seq, operation: 'tools/call' }])
      const ends = await Array.fromAsync(log.query({ kind: 'outcome' }, { order: 'asc' }))
      expect(ends.map(({ outcome }) => outcome)).toEqual(['success', 'failure', 'denied'])
      expect(ends[1]!.operationResult).toEqual({ name: 'Error', message: 'no such file' })
    })

    it('is closed once, and says so to whoever comes later', async () => {
      const log = await open({ threads })
      const waiting = log.append({ operation: 'remember', component: 'memory' })
      await Promise.all([log.close(), log.close()])
      expect((await waiting).seq).toBe(1)
      await expect(log.append({ operation: 'remember', component: 'memory' })).rejects.toMatchObject({ code: 'closed' })
    })
  })
}

describe('opening', () => {
  it('says K₀ once, and leaves no trace of it', async () => {
    let created: CreatedLog | undefined
    const log = await open({
      onCreate: made => {
        created = made
      },
    })
    await log.append({ operation: 'remember', component: 'memory' })
    await log.close()
    expect(readdirSync(keys).sort()).toEqual([
      'anchor',
      'ed25519.pem',
      'log.vkeys',
      'mldsa44.pem',
      'seal.key',
      'storage.check',
      'storage.key',
    ])
    expect(created!.sealKey).toMatch(/^memmimic-audit-seal-key\+memmimic-audit\.local\/[0-9a-f]{16}\+/)
    await using again = await open({ onCreate: () => expect.unreachable() })
    expect(await again.verify({ sealKey: created!.sealKey })).toMatchObject({ valid: true })
  })

  it('encrypts the whole file, and does not when told not to', async () => {
    await (await open()).close()
    expect(readFileSync(file).subarray(0, 15).toString()).not.toBe('SQLite format 3')
    const plain = join(folder, 'plain.db')
    await (await open({ file: plain, keys: join(folder, 'plain-keys'), encryption: 'none' })).close()
    expect(readFileSync(plain).subarray(0, 15).toString()).toBe('SQLite format 3')
  })

  const refusals: [string, string, RegExp, () => void | Promise<void>][] = [
    ['a log that is gone while its keys remember it', 'damaged', /is gone/, () => rmSync(file)],
    [
      'keys that others can read',
      'bad_key',
      /can be read by others/,
      () => chmodSync(join(keys, 'ed25519.pem'), 0o644),
    ],
    [
      'a storage key that is not the log’s',
      'bad_key',
      /storage\.key/,
      () => writeFileSync(join(keys, 'storage.key'), `${'00'.repeat(32)}\n`),
    ],
    ['keys that are gone', 'not_found', /is missing/, () => rmSync(join(keys, 'mldsa44.pem'))],
    ['a file that is no log', 'bad_key', /not a memmimic-audit log/, () => writeFileSync(file, 'x'.repeat(5000))],
    [
      'an unencrypted database in its place',
      'bad_format',
      /unencrypted/,
      () => writeFileSync(file, `SQLite format 3\0${'\0'.repeat(4080)}`),
    ],
    [
      'a log from a newer release',
      'newer_schema',
      /newer/,
      () => {
        const t = Tamper.open(file, loadStorageKey(keys))
        t.db.pragma('user_version=99')
        t.close()
      },
    ],
    [
      'a stranger’s database',
      'bad_format',
      /not one of memmimic-audit/,
      () => {
        const t = Tamper.open(file, loadStorageKey(keys))
        t.db.pragma('application_id=5')
        t.close()
      },
    ],
    [
      'a log cut short behind what was signed',
      'damaged',
      /were signed/,
      () => {
        const t = Tamper.open(file, loadStorageKey(keys))
        t.rewrite(99, 3)
        t.close()
      },
    ],
    [
      'a log whose newest entry was changed',
      'damaged',
      /run verify/,
      () => {
        const t = Tamper.open(file, loadStorageKey(keys))
        t.db.exec('UPDATE tail SET hash = zeroblob(32) WHERE seq = 4')
        t.close()
      },
    ],
  ]
  for (const [what, code, sentence, spoil] of refusals) {
    it(`refuses ${what}, in a sentence, and changes nothing`, async () => {
      const log = await open()
      for (let i = 0; i < 5; i++) await log.append({ operation: 'remember', component: 'memory' })
      await log.close()
      await spoil()
      const before = existsSync(file) ? readFileSync(file) : undefined
      const attempt = open().then(async again => {
        try {
          await again.append({ operation: 'remember', component: 'memory' })
        } finally {
          await again.close()
        }
      })
      await expect(attempt).rejects.toMatchObject({ code, message: expect.stringMatching(sentence) })
      expect(existsSync(file) ? readFileSync(file) : undefined).toEqual(before)
    })
  }

  it('finishes a creation that was cut off between the keys and the file', async () => {
    await (await open()).close()
    const keyId = parseVkey(readFileSync(join(keys, 'log.vkeys'), 'utf8').split('\n')[0]!).keyId
    linkSync(file, `${file}.${keyId.toString(16).padStart(8, '0')}.new`)
    rmSync(file)
    // Nobody may have been told K₀ by the one that was cut off.
    const told: string[] = []
    await using log = await open({ onCreate: ({ sealKey }) => told.push(sealKey) })
    expect(told).toEqual([readFileSync(join(keys, 'seal.key'), 'utf8').trimEnd()])
    expect(await log.verify({ sealKey: told[0]! })).toMatchObject({ valid: true, size: 1 })
  })

  it('makes nothing when it may not', async () => {
    await expect(open({ create: false })).rejects.toMatchObject({ code: 'not_found' })
    await expect(open({ origin: 'no spaces allowed' })).rejects.toMatchObject({ code: 'bad_input' })
    expect(existsSync(file)).toBe(false)
    expect(existsSync(keys)).toBe(false)
  })
})

describe('a check of a log that grows', () => {
  it('gives no false alarm, whatever is written, signed and moved meanwhile', async () => {
    await using log = await open({ checkpoints: { everyEntries: 50, everyMs: 10 } })
    let growing = true
    const writers = Array.from({ length: 20 }, async () => {
      while (growing)
        await log.append({ operation: 'remember', component: 'memory', memoryId: 1, actor: { type: 'agent', id: 'a' } })
    })
    const sizes: number[] = []
    const found = []
    for (let i = 0; i < 12; i++) {
      const { findings, size } = await log.verify({ deep: i % 4 === 0 })
      found.push(...findings)
      sizes.push(size)
    }
    growing = false
    await Promise.all(writers)
    expect(found).toEqual([])
    expect(sizes.at(-1)).toBeGreaterThan(sizes[0]! + 300)
  })

  it('can be checked in parts: a range, one entry, and from where an earlier check stopped', async () => {
    await using log = await open({ threads: false })
    const calls = await Promise.all(
      Array.from({ length: 900 }, () => log.append({ operation: 'x', component: 'y', kind: 'intent' })),
    )
    for (let i = 0; i < 800; i++)
      log.append({ operation: 'x', component: 'y', kind: 'outcome', outcome: 'success', intent: calls[i]!.id })
    await log.checkpoint()
    const whole = await log.verify()
    expect(whole).toMatchObject({ valid: true, complete: false, entries: 1701 })
    expect(whole.missing).toHaveLength(100)
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [255, 257],
      [256, 512],
      [700, 701],
      [1700, 1701],
      [1200, 5000],
      [1701, 1701],
    ] as const) {
      expect(await log.verify({ from, to }), `${from}–${to}`).toMatchObject({
        valid: true,
        findings: [],
        entries: Math.max(0, Math.min(to, 1701) - from),
      })
    }
    const positions: VerifyPosition[] = []
    await log.verify({ onProgress: position => positions.push(structuredClone(position)) })
    expect(positions.map(({ next }) => next)).toEqual([256, 512, 768, 1024, 1280, 1536, 1701])
    const rest = await log.verify({ resume: positions[3]! })
    expect(rest).toMatchObject({ valid: true, entries: 1701 - 1024, rootHash: whole.rootHash, missing: whole.missing })
    const stop = new AbortController()
    await expect(log.verify({ signal: stop.signal, onProgress: () => stop.abort() })).rejects.toThrow('abort')
  })
})

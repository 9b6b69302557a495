/** One entry at a time: the five statuses told apart, nothing given away, and nobody in anybody's way. */
import { copyFileSync, cpSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { systemWorld } from '../../src/append/clock.ts'
import { loadStorageKey } from '../../src/append/keys.ts'
import { createSubjectKeys, openSubjectKeys } from '../../src/append/subject-keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { toBase64, toBase64url, toHex } from '../../src/core/bytes.ts'
import type { CheckedEvent } from '../../src/core/events.ts'
import { EventStream } from '../../src/core/events.ts'
import type { FindingType } from '../../src/core/finding.ts'
import { leafHash } from '../../src/core/hash.ts'
import { evolve, formatSealKey, parseSealKey, sealMac } from '../../src/core/seal.ts'
import { RightEdge } from '../../src/core/tree.ts'
import { openAuditLog } from '../../src/index.ts'
import { eraseSubject } from '../../src/retention/erasure.ts'
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite.ts'
import { openReader, type Reader, startReaderThread } from '../../src/trail/reader.ts'
import {
  CryptographicVerifier,
  type VerificationResult,
  type VerificationStatus,
} from '../../src/verify/cryptographic-verifier.ts'
import { EntryCheck } from '../../src/verify/entry-check.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'
import { makeAgingLog } from '../support/removal.ts'

let log: TestLog
let size: number
let copies = 0
const now = () => Date.UTC(2026, 10, 24) * 1000

beforeAll(async () => {
  log = await makeTestLog()
  await log.grow(300, 1, 1)
  log.world.time += 3 * 3600e6
  await log.grow(200, 40)
  log.store.checkpointFile()
  size = log.store.head()!.size
})
afterAll(() => log.dispose())

/** A copy of the log, after something was done to it. */
function tampered(play: (file: Tamper) => void): SqliteStore {
  const file = join(log.folder, `copy-${copies++}.db`)
  cpSync(log.file, file)
  const tamper = Tamper.open(file, log.keys.storage)
  play(tamper)
  tamper.close()
  const store = openSqliteStore({ file, key: log.keys.storage, mode: 'read' })
  onTestFinished(() => store.close())
  return store
}

/** A verifier, and what it tells to those who listen. */
function verifierOf(source: ConstructorParameters<typeof CryptographicVerifier>[0]['log'], sealKey?: string) {
  const events = new EventStream()
  const heard: CheckedEvent[] = []
  events.on(event => {
    if (event.type === 'checked') heard.push(event)
  })
  return { verifier: new CryptographicVerifier({ log: source, events, now, ...(sealKey && { sealKey }) }), heard }
}

const over = (store: SqliteStore) => new EntryCheck({ log: store, origin: log.keys.origin })

describe('every entry of a log that nobody touched', () => {
  const sources: [string, () => Promise<Reader | EntryCheck>][] = [
    ['read here', async () => over(log.store)],
    ['asked of a reader', () => openReader({ file: log.file, keys: log.keysFolder })],
    ['asked of a reader thread', () => startReaderThread({ file: log.file, keys: log.keysFolder })],
  ]
  it.each(sources)('is valid and sealed in its time, by number and by id (%s)', async (_, open) => {
    const source = await open()
    if ('close' in source) onTestFinished(() => source.close())
    const { verifier, heard } = verifierOf(source, log.sealKey)
    for (let seq = 0; seq < size; seq += 1 + (seq % 3)) {
      const result = await verifier.verifyEntryIntegrity(seq)
      expect(result).toEqual({
        status: 'valid',
        entryId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        verificationTimeMs: expect.any(Number),
        details: `entry ${seq} is what was recorded, and sealed in its time`,
        metadata: { seq, size, findings: [], seal: 'valid' },
        timestamp: '2026-11-24T00:00:00.000000Z',
      })
      if (seq % 50 === 0) expect(await verifier.verifyEntryIntegrity(result.entryId)).toMatchObject({ status: 'valid' })
    }
    expect(heard.every(event => event.scope === 'entry' && event.entries === 1 && event.valid)).toBe(true)
  })

  it('is valid without a key as well, and its seal is not said to be checked', async () => {
    const { verifier } = verifierOf(over(log.store))
    expect(await verifier.verifyEntryIntegrity(5)).toMatchObject({ status: 'valid', metadata: { seal: 'unchecked' } })
    const today = formatSealKey(evolve(parseSealKey(log.sealKey), 12))
    const later = verifierOf(over(log.store), today).verifier
    expect((await later.verifyEntryIntegrity(5)).metadata.seal).toBe('unchecked')
    expect((await later.verifyEntryIntegrity(size - 1)).metadata.seal).toBe('valid')
  })

  it('refuses a seal key that is none or another log’s, instead of calling the log bad', async () => {
    for (const key of ['no key', log.sealKey.replace('example.com/test', 'example.com/else')]) {
      const { verifier } = verifierOf(over(log.store), key)
      await expect(verifier.verifyEntryIntegrity(5)).rejects.toMatchObject({ code: 'bad_key' })
    }
  })
})

interface Move {
  readonly what: string
  readonly status: VerificationStatus
  readonly found: readonly FindingType[]
  /** The entry that is asked for; 350 unless given. */
  readonly seq?: number
  /** What becomes of others. */
  readonly others?: { readonly [seq: number]: VerificationStatus }
  play(file: Tamper): void
}

const change = (file: Tamper, seq: number, row: Partial<Tamper['rows'][number]>) => {
  file.rows[seq] = { ...file.rows[seq]!, ...row }
  file.save()
}

/** The tree and its head follow from what is written; no link does. */
const rewriteLast = (file: Tamper, members: Record<string, unknown>) => {
  const last = file.rows.length - 1
  file.edit(last, members)
  file.rows[last]!.hash = leafHash(file.rows[last]!.leaf)
  file.rewrite(file.rows.length)
}

const moves: Move[] = [
  {
    what: 'a field changed',
    status: 'tampered',
    found: ['hash_mismatch'],
    others: { 349: 'valid', 351: 'valid' },
    play(file) {
      file.edit(350, { operation: 'nothing' })
      file.save()
    },
  },
  {
    what: 'one bit of an old leaf flipped',
    status: 'tampered',
    found: ['format_invalid', 'hash_mismatch'],
    seq: 77,
    others: { 76: 'valid', 78: 'valid' },
    play(file) {
      const leaf = Uint8Array.from(file.rows[77]!.leaf)
      leaf[0]! ^= 1
      change(file, 77, { leaf })
    },
  },
  {
    what: 'a field and the kept hash changed',
    status: 'tampered',
    found: ['tree_mismatch', 'chain_break'],
    others: { 349: 'valid', 351: 'valid' },
    play(file) {
      file.edit(350, { operation: 'nothing' })
      change(file, 350, { hash: leafHash(file.rows[350]!.leaf) })
    },
  },
  {
    what: 'the newest, with another link, and the tree made to fit',
    status: 'tampered',
    found: ['chain_break'],
    seq: 542,
    others: { 541: 'tampered', 502: 'valid' },
    play: file => rewriteLast(file, { previousHash: '1'.repeat(64) }),
  },
  {
    what: 'the newest, with another number, and the tree made to fit',
    status: 'tampered',
    found: ['chain_break'],
    seq: 542,
    others: { 541: 'invalid', 502: 'valid' },
    play: file => rewriteLast(file, { seq: 9 }),
  },
  {
    what: 'the kept hash changed',
    status: 'tampered',
    found: ['tree_mismatch'],
    seq: 77,
    others: { 76: 'valid', 78: 'valid', 300: 'valid' },
    play: file => change(file, 77, { hash: new Uint8Array(32).fill(1) }),
  },
  {
    what: 'two entries in each other’s place',
    status: 'tampered',
    found: ['chain_break', 'hash_mismatch'],
    play(file) {
      const [a, b] = [file.rows[350]!, file.rows[360]!]
      file.rows[350] = { ...b, hash: a.hash }
      change(file, 360, { ...a, hash: b.hash })
    },
  },
  {
    what: 'a sealed value changed',
    status: 'tampered',
    found: ['disclosure_mismatch'],
    play: file =>
      change(file, 350, {
        content: Buffer.from(
          Buffer.from(file.rows[350]!.content).toString('latin1').replace('agent-', 'angel-'),
          'latin1',
        ),
      }),
  },
  {
    what: 'the sealed values deleted, and nothing declares it',
    status: 'tampered',
    found: ['disclosure_missing'],
    play: file => change(file, 350, { content: new Uint8Array(0) }),
  },
  {
    what: 'deleted',
    status: 'missing',
    found: ['missing_entry'],
    others: { 349: 'valid', 351: 'valid' },
    play(file) {
      delete file.rows[350]
      file.save()
    },
  },
  {
    what: 'deleted out of a block, so that those behind it stand too early',
    status: 'missing',
    found: ['missing_entry'],
    seq: 77,
    others: { 76: 'valid', 78: 'valid', 95: 'valid', 96: 'valid' },
    play(file) {
      delete file.rows[77]
      file.save()
    },
  },
  {
    what: 'rewritten with all that follows, without the keys',
    status: 'invalid',
    found: ['seal_invalid'],
    others: { 349: 'invalid', 400: 'invalid', 299: 'valid' },
    play(file) {
      file.edit(350, { operation: 'nothing' })
      file.rewrite(350)
    },
  },
  {
    what: 'its seal changed',
    status: 'invalid',
    found: ['seal_invalid'],
    others: { 10: 'valid', 502: 'invalid', 503: 'valid' },
    play: file => file.db.prepare('UPDATE seal SET mac = ? WHERE size = 503').run(new Uint8Array(32)),
  },
  {
    what: 'its seal made anew, for another epoch',
    status: 'invalid',
    found: ['seal_invalid'],
    seq: 10,
    others: { 350: 'valid' },
    play(file) {
      const [first] = file.db.prepare('SELECT size FROM seal WHERE size > 10 ORDER BY size').pluck().all() as number[]
      const later = evolve(parseSealKey(log.sealKey), 12)
      const edge = RightEdge.empty()
      for (const row of file.rows.slice(0, first)) edge.append(row!.hash)
      const root = edge.root()
      file.db.prepare('UPDATE seal SET epoch = 12, mac = ? WHERE size = ?').run(sealMac(later, first!, root), first!)
    },
  },
  {
    what: 'all seals deleted',
    status: 'invalid',
    found: ['seal_invalid'],
    play: file => file.db.exec('DELETE FROM seal'),
  },
  {
    what: 'the head changed',
    status: 'invalid',
    found: ['tree_mismatch'],
    play: file => file.db.prepare('UPDATE head SET root = ?').run(new Uint8Array(32)),
  },
  {
    what: 'a tile above the entries changed',
    status: 'invalid',
    found: ['tree_mismatch'],
    seq: 77,
    play: file => file.db.exec('UPDATE tile SET hashes = zeroblob(32) || substr(hashes, 33) WHERE level = 1'),
  },
]

describe('an entry', () => {
  it.each(moves)('is $status: $what', async ({ status, found, seq = 350, others = {}, play }) => {
    const { verifier, heard } = verifierOf(over(tampered(play)), log.sealKey)
    const result = await verifier.verifyEntryIntegrity(seq)
    expect(result).toMatchObject({ status, metadata: { seq } })
    for (const type of found) expect(result.metadata.findings).toContain(type)
    expect(heard).toMatchObject([{ scope: 'entry', entries: 1, valid: false }])
    for (const [other, expected] of Object.entries(others)) {
      expect([other, (await verifier.verifyEntryIntegrity(Number(other))).status]).toEqual([other, expected])
    }
  })

  it('is invalid under a seal of a later time, also for whoever has the key of that later time only', async () => {
    const { play } = moves.find(({ what }) => what === 'its seal made anew, for another epoch')!
    const today = formatSealKey(evolve(parseSealKey(log.sealKey), 12))
    const { verifier } = verifierOf(over(tampered(play)), today)
    expect(await verifier.verifyEntryIntegrity(10)).toMatchObject({ status: 'invalid', metadata: { seal: 'invalid' } })
  })

  it('is tampered with when an index leads to it by another’s id', async () => {
    const { verifier } = verifierOf(new EntryCheck({ log: log.store, seqOf: () => 5 }))
    const { entryId } = await verifier.verifyEntryIntegrity(5)
    const { entryId: other } = await verifier.verifyEntryIntegrity(6)
    expect(await verifier.verifyEntryIntegrity(entryId)).toMatchObject({ status: 'valid' })
    expect(await verifier.verifyEntryIntegrity(other)).toMatchObject({
      status: 'tampered',
      metadata: { seq: 5, findings: ['index_mismatch'] },
    })
  })

  it('is missing, without any finding, when there never was one', async () => {
    const { verifier, heard } = verifierOf(over(log.store))
    for (const name of [size, 4711, -1, 0.5, '9999', '01a00000-0000-7000-8000-000000000000', 'nonsense']) {
      expect(await verifier.verifyEntryIntegrity(name)).toMatchObject({
        status: 'missing',
        entryId: String(name),
        details: `there is no entry ${name}`,
        metadata: { findings: [] },
      })
    }
    expect(heard.every(({ entries, valid }) => entries === 0 && valid)).toBe(true)
  })

  it('is an error when the log cannot be read: that is not called tampering', async () => {
    const file = join(log.folder, 'unreadable.db')
    copyFileSync(log.file, file)
    const store = openSqliteStore({ file, key: log.keys.storage, mode: 'read' })
    onTestFinished(() => store.close())
    const fd = openSync(file, 'r+')
    for (let at = 4096; at < statSync(file).size; at += 4096) writeSync(fd, Buffer.alloc(64, 0x55), 0, 64, at)
    const { verifier, heard } = verifierOf(over(store))
    const result = await verifier.verifyEntryIntegrity(5)
    expect(result).toMatchObject({ status: 'error', entryId: '5', metadata: { seal: 'unchecked' } })
    expect(result.details).toMatch(/^the log could not be read: /)
    expect(heard).toMatchObject([
      { entries: 0, valid: false, findings: [{ type: 'suspicious_pattern', severity: 'low' }] },
    ])
  })

  it('is valid, or missing, as the log declares, when it went on record', async () => {
    const own = await makeTestLog()
    onTestFinished(() => own.dispose())
    await own.grow(300, 300)
    const request = { operation: 'retention.pruned', attributes: { policy: 'test' } } as const
    await own.sequencer().remove({ ...request, entries: '1-270', below: 256 })
    const { verifier, heard } = verifierOf(new EntryCheck({ log: own.store }), own.sealKey)
    expect(await verifier.verifyEntryIntegrity(100)).toMatchObject({
      status: 'missing',
      details: 'entry 100 went by retention, as the log declares',
      metadata: { findings: [], declaredGone: 'entry' },
    })
    expect(await verifier.verifyEntryIntegrity(260)).toMatchObject({
      status: 'valid',
      metadata: { findings: [], declaredGone: 'content', seal: 'valid' },
    })
    for (const seq of [0, 256, 271, 300, 601]) {
      expect([seq, (await verifier.verifyEntryIntegrity(seq)).status]).toEqual([seq, 'valid'])
    }
    expect(heard.every(({ valid }) => valid)).toBe(true)
  })
})

describe('values under the keys of their subjects', () => {
  it('are checked as they were sealed, and are gone on record when a key is destroyed', async () => {
    const prepareKeys = (folder: string) =>
      createSubjectKeys({ folder, storage: loadStorageKey(folder) }, ['userId'], systemWorld())
    const own = await makeAgingLog({ prepareKeys })
    onTestFinished(() => own.dispose())
    await own.append(4, i => ({ userContext: { userId: i % 2 === 0 ? 'ada' : 'ben', n: i } }))
    const { verifier } = verifierOf(own.reader)
    const statuses = async () => {
      const results = await Promise.all([1, 2, 3, 4].map(seq => verifier.verifyEntryIntegrity(seq)))
      return results.map(({ status, metadata }) => [status, metadata.declaredGone, metadata.seal])
    }
    expect(await statuses()).toEqual(Array.from({ length: 4 }, () => ['valid', undefined, 'valid']))
    const keys = openSubjectKeys({ folder: own.keysFolder, storage: loadStorageKey(own.keysFolder) }, 'write')
    const parts = { reader: own.reader, remove: own.writer.remove, keys, newId: () => 'erasure-1' }
    await eraseSubject(parts, { subject: 'user:ada' }, { subjectPaths: ['userContext.userId'] })
    keys?.close()
    const ada = ['valid', 'content', 'valid']
    const ben = ['valid', undefined, 'valid']
    expect(await statuses()).toEqual([ada, ben, ada, ben])
  })
})

describe('what is answered', () => {
  it('never holds the hash, the salt or the MAC that would have been right', async () => {
    const secrets = (store: SqliteStore) => {
      const bytes = [...store.entries(0, size)]
        .flat()
        .flatMap(({ leaf, content }) => [leafHash(leaf), content.subarray(5, 21)])
      for (const { mac } of store.seals(0, size)) bytes.push(mac)
      bytes.push(store.head()!.root)
      return bytes
        .filter(({ length }) => length >= 16)
        .flatMap(part => [toHex(part), toBase64(part), toBase64url(part)])
    }
    const all = new Set(secrets(log.store))
    expect(all.size).toBeGreaterThan(1000)
    for (const { play, seq = 350 } of moves) {
      const store = tampered(play)
      const { verifier, heard } = verifierOf(over(store), log.sealKey)
      const results: VerificationResult[] = []
      for (const at of [seq - 1, seq, seq + 1]) results.push(await verifier.verifyEntryIntegrity(at))
      const told = JSON.stringify([results, heard])
      for (const secret of [...all, ...secrets(store)]) expect(told.includes(secret)).toBe(false)
    }
  })
})

describe('many callers at once', () => {
  it('all get the right answer while entries go in, and the log stays one', async () => {
    const folder = join(log.folder, 'busy')
    const file = join(folder, 'audit.db')
    const keys = join(folder, 'keys')
    await using open = await openAuditLog({ file, keys, closeOnExit: false, onCreate: () => {} })
    const receipts = await Promise.all(
      Array.from({ length: 600 }, (_, i) => open.append({ operation: 'remember', component: 'memory', memoryId: i })),
    )
    const reader = await startReaderThread({ file, keys })
    onTestFinished(() => reader.close())
    const { verifier, heard } = verifierOf(reader)
    const appending = Array.from({ length: 600 }, (_, i) =>
      open.append({ operation: 'remember', component: 'memory', memoryId: `late ${i}` }),
    )
    const asked = receipts.map(({ seq, id }, i) => verifier.verifyEntryIntegrity(i % 2 === 0 ? seq : id))
    const results = await Promise.all(asked)
    const late = await Promise.all(appending)
    results.push(...(await Promise.all(late.map(({ id }) => verifier.verifyEntryIntegrity(id)))))
    expect(results.filter(({ status }) => status !== 'valid')).toEqual([])
    expect(results.map(({ entryId }) => entryId)).toEqual([...receipts, ...late].map(({ id }) => id))
    expect(heard.length).toBe(1200)
    expect(heard.every(({ durationMs, valid }) => durationMs > 0 && valid)).toBe(true)
    expect(await open.verify()).toMatchObject({ valid: true, size: 1201 })
  })
})

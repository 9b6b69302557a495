/** The chain and its parts: what does not hold, by how much, and from where on nothing can be trusted. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Tamper } from '../../src/attack/tamper.ts'
import { type CheckedEvent, EventStream } from '../../src/core/events.ts'
import { leafHash, leafHashHex } from '../../src/core/hash.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite.ts'
import { openReader } from '../../src/trail/reader.ts'
import { type ChainVerification, HashChainVerifier } from '../../src/verify/hash-chain-verifier.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
let size: number
let copies = 0

beforeAll(async () => {
  log = await makeTestLog()
  await log.grow(300, 1, 1, 250, 48)
  log.store.checkpointFile()
  size = log.store.head()!.size
})
afterAll(() => log.dispose())

function verifierOf(store: SqliteStore) {
  const events = new EventStream()
  const heard: CheckedEvent[] = []
  events.on(event => {
    if (event.type === 'checked') heard.push(event)
  })
  const { verifiers } = log.keys
  const verifier = new HashChainVerifier({
    check: (range, hooks) => verifyLog(store, { verifiers, sealKey: parseSealKey(log.sealKey), ...range, ...hooks }),
    events,
    now: () => Date.UTC(2026, 10, 24) * 1000,
  })
  return { verifier, heard }
}

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

const edit = (seq: number, members: Record<string, unknown>) => (file: Tamper) => {
  file.edit(seq, members)
  file.save()
}

const result = (from: number, to: number): Partial<ChainVerification> => ({
  valid: true,
  totalEntries: to - from,
  verifiedEntries: to - from,
  brokenLinks: [],
  timeFaults: [],
  findings: [],
  integrityPercentage: 100,
  startPosition: from,
  endPosition: to,
})

describe('a chain that nobody touched', () => {
  it('holds as a whole and in every part, and none of its entries is left out', async () => {
    const { verifier, heard } = verifierOf(log.store)
    expect(await verifier.verifyHashChainIntegrity()).toEqual({
      ...result(0, size),
      findingsOmitted: 0,
      verificationTimeMs: expect.any(Number),
      timestamp: '2026-11-24T00:00:00.000000Z',
    })
    for (const [startPosition, endPosition] of [
      [0, 1],
      [1, 2],
      [5, 5],
      [255, 257],
      [300, size],
      [size - 1, size],
    ] as const) {
      expect(await verifier.verifyHashChainIntegrity({ startPosition, endPosition })).toMatchObject(
        result(startPosition, endPosition),
      )
    }
    expect(heard.every(({ scope, valid }) => scope === 'chain' && valid)).toBe(true)
    expect(heard.map(({ entries }) => entries)).toEqual([size, 1, 1, 0, 2, size - 300, 1])
  })

  it('is nothing where nothing is asked for: 0 as the end is no end, and 100 per cent of nothing hold', async () => {
    const { verifier } = verifierOf(log.store)
    expect(await verifier.verifyHashChainIntegrity({ endPosition: 0 })).toMatchObject(result(0, 0))
    expect(await verifier.verifyHashChainIntegrity({ startPosition: size })).toMatchObject(result(size, size))
    expect(await verifier.verifyHashChainIntegrity({ startPosition: 9999 })).toMatchObject(result(9999, 9999))
  })

  it.each([
    [{ startPosition: -1 }, '$.startPosition'],
    [{ endPosition: 1.5 }, '$.endPosition'],
    [{ startPosition: 5, endPosition: 4 }, '$.endPosition'],
    [{ startPosition: Number.NaN }, '$.startPosition'],
  ])('is not looked for at %j', async (options, path) => {
    const { verifier } = verifierOf(log.store)
    await expect(verifier.verifyHashChainIntegrity(options)).rejects.toMatchObject({ code: 'bad_input', path })
  })

  it('is asked of a reader in the same words', async () => {
    const reader = await openReader({ file: log.file, keys: log.keysFolder })
    onTestFinished(() => reader.close())
    const verifier = new HashChainVerifier({ check: reader.verify, events: new EventStream(), now: () => 0 })
    expect(await verifier.verifyHashChainIntegrity({ startPosition: 100 })).toMatchObject(result(100, size))
  })
})

describe('batches', () => {
  it('cover the chain once, whatever their size, and can be gone on with', async () => {
    const { verifier, heard } = verifierOf(log.store)
    for (const batchSize of [1, 100, 256, 257, 10_000]) {
      const startPosition = batchSize === 1 ? size - 5 : 0
      const ends: number[] = [startPosition]
      for await (const batch of verifier.batches({ batchSize, startPosition })) {
        expect(batch).toMatchObject(result(ends.at(-1)!, batch.endPosition))
        expect(batch.totalEntries).toBeLessThanOrEqual(batchSize)
        ends.push(batch.endPosition)
      }
      expect(ends.at(-1)).toBe(size)
    }
    heard.length = 0
    for await (const { endPosition } of verifier.batches({ batchSize: 100 })) if (endPosition === 300) break
    expect(heard.length).toBe(3)
    const rest: number[] = []
    for await (const { endPosition } of verifier.batches({ batchSize: 200, startPosition: 300 })) rest.push(endPosition)
    expect(rest).toEqual([500, size])
  })

  it('say in which of them something is wrong', async () => {
    const { verifier } = verifierOf(tampered(edit(333, { operation: 'nothing' })))
    const wrong: number[] = []
    for await (const { valid, startPosition } of verifier.batches({ batchSize: 50 }))
      if (!valid) wrong.push(startPosition)
    expect(wrong).toEqual([300])
  })

  it.each([0, -1, 0.5])('do not have %d entries', async batchSize => {
    const { verifier } = verifierOf(log.store)
    await expect(Array.fromAsync(verifier.batches({ batchSize }))).rejects.toMatchObject({ path: '$.batchSize' })
  })
})

describe('the analysis of a break', () => {
  const changed = (seq: number) => (file: Tamper) => edit(seq, { operation: 'nothing' })(file)

  it('names the entry, both hashes, and from where on nothing can be trusted', async () => {
    const right = leafHashHex([...log.store.entries(333, 334)].flat()[0]!.leaf)
    const store = tampered(changed(333))
    const wrong = leafHashHex([...store.entries(333, 334)].flat()[0]!.leaf)
    const { verifier, heard } = verifierOf(store)
    expect(await verifier.verifyHashChainIntegrity()).toMatchObject({
      valid: false,
      totalEntries: size,
      verifiedEntries: size - 1,
      firstUntrusted: 333,
      integrityPercentage: ((size - 1) / size) * 100,
      brokenLinks: [
        {
          fault: 'hash_verification_failed',
          type: 'hash_mismatch',
          severity: 'high',
          seq: 333,
          expected: right,
          actual: wrong,
          message: 'entry 333 was changed: it does not have the hash that was recorded',
        },
      ],
    })
    expect(heard).toMatchObject([{ scope: 'chain', valid: false, findings: [{ type: 'hash_mismatch', seq: 333 }] }])
  })

  it.each<[string, string, number, (file: Tamper) => void]>([
    [
      'entry 0, when its link leads anywhere',
      'invalid_first_entry',
      0,
      file => {
        file.edit(0, { previousHash: '1'.repeat(64) })
        file.rewrite(0)
        file.rows[0] = { ...file.rows[0]!, hash: leafHash(file.rows[0]!.leaf) }
        file.rewrite(0)
      },
    ],
    [
      'a link that was changed with its hash',
      'broken_chain_link',
      200,
      file => {
        file.edit(200, { previousHash: '1'.repeat(64) })
        file.rows[200] = { ...file.rows[200]!, hash: leafHash(file.rows[200]!.leaf) }
        file.save()
      },
    ],
    [
      'an entry that is gone',
      'missing_entry',
      320,
      file => {
        delete file.rows[320]
        file.save()
      },
    ],
    ['the last entry, when it was changed', 'hash_verification_failed', 600, file => changed(600)(file)],
  ])('knows %s', async (_, fault, seq, play) => {
    const { verifier } = verifierOf(tampered(play))
    const { brokenLinks, totalEntries, verifiedEntries, integrityPercentage, firstUntrusted } =
      await verifier.verifyHashChainIntegrity()
    expect(brokenLinks[0]).toMatchObject({ fault, seq })
    expect(firstUntrusted).toBe(seq)
    expect(totalEntries).toBe(size)
    expect(verifiedEntries).toBeLessThan(size)
    expect(integrityPercentage).toBeGreaterThan(99)
  })

  it('never counts below nothing, however much is broken', async () => {
    const everything = tampered(file => {
      for (let seq = 0; seq < size; seq++) file.edit(seq, { seq: seq + 7, previousHash: '2'.repeat(64) })
      file.save()
    })
    const all = await verifierOf(everything).verifier.verifyHashChainIntegrity()
    expect(all).toMatchObject({ valid: false, totalEntries: size, verifiedEntries: 0, integrityPercentage: 0 })
    expect(all.brokenLinks.length).toBeGreaterThan(size)
    const longer = tampered(file => file.db.exec('UPDATE head SET size = 1000000'))
    const reached = await verifierOf(longer).verifier.verifyHashChainIntegrity()
    expect(reached.totalEntries).toBe(1_000_000)
    expect(reached.integrityPercentage).toBeGreaterThan(0)
    expect(reached.integrityPercentage).toBeLessThan(0.1)
    const emptied = tampered(file => file.db.exec('DELETE FROM tail; DELETE FROM leaves'))
    const none = await verifierOf(emptied).verifier.verifyHashChainIntegrity()
    expect(none).toMatchObject({ valid: false, totalEntries: size, verifiedEntries: 0, integrityPercentage: 0 })
  })

  it('tells by how many seconds time ran backwards, and where', async () => {
    const store = tampered(file => {
      const time = String(file.leaf(400).time)
      const earlier = new Date(Date.parse(time) - 90_500).toISOString().replace('Z', '000Z')
      file.edit(401, { time: earlier })
      file.rewrite(401)
    })
    const { verifier } = verifierOf(store)
    const { timeFaults, valid, verifiedEntries, findings } = await verifier.verifyHashChainIntegrity()
    expect(valid).toBe(false)
    const [before, at] = [...store.entries(400, 402)].flat().map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString()))
    expect(timeFaults).toEqual([
      {
        position: 401,
        entryId: at.id,
        currentTime: at.time,
        previousTime: before.time,
        timeDiffSeconds: expect.closeTo(90.5, 2),
      },
    ])
    expect(verifiedEntries).toBe(size - 1)
    // Whoever wrote that had no keys: the links hold, but nothing that is signed or sealed does.
    expect(new Set(findings.map(({ type }) => type))).toEqual(new Set(['seal_invalid', 'signature_invalid']))
  })

  it('tells no MAC: what a seal should have been is for nobody to learn', async () => {
    const macs = [...log.store.seals(0, size)].map(({ mac }) => Buffer.from(mac))
    const store = tampered(file => file.db.prepare('UPDATE seal SET mac = zeroblob(32)').run())
    const { verifier, heard } = verifierOf(store)
    const verification = await verifier.verifyHashChainIntegrity()
    expect(verification.findings.length).toBeGreaterThan(0)
    const told = JSON.stringify([verification, heard])
    for (const mac of macs)
      for (const form of ['hex', 'base64', 'base64url'] as const) expect(told).not.toContain(mac.toString(form))
  })

  it('counts what went on record neither as there nor as broken', async () => {
    const own = await makeTestLog()
    onTestFinished(() => own.dispose())
    await own.grow(300, 300)
    await own
      .sequencer()
      .remove({ operation: 'retention.pruned', attributes: { policy: 'x' }, entries: '1-270', below: 256 })
    const { verifier } = verifierOf(own.store)
    const { valid, totalEntries, verifiedEntries, integrityPercentage, brokenLinks } =
      await verifier.verifyHashChainIntegrity({ startPosition: 0 })
    expect(brokenLinks).toEqual([])
    expect({ totalEntries, verifiedEntries, integrityPercentage }).toEqual({
      totalEntries: 602 - 255,
      verifiedEntries: 602 - 255,
      integrityPercentage: 100,
    })
    // Its keys are others than those that this verifier was given.
    expect(valid).toBe(false)
  })
})

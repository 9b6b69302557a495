/** What a log lets go of on record is no finding; what goes without a record is one. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RemovalRequest } from '../../src/append/sequencer.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { leafHash } from '../../src/core/hash.ts'
import { checkInclusion, inclusionProof, tilesForInclusion } from '../../src/core/proof.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { readTiles } from '../../src/store/tiles.ts'
import { FaultStore } from '../../src/testing.ts'
import { type VerifyOptions, verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
beforeEach(async () => {
  log = await makeTestLog()
  await log.grow(300, 1, 1, 500)
})
afterEach(() => log.dispose())

const request = (entries: string, below = 0): RemovalRequest => ({
  operation: 'retention.pruned',
  entries,
  below,
  attributes: { policy: 'test' },
})

const check = (options: VerifyOptions = {}) =>
  verifyLog(log.store, {
    verifiers: log.keys.verifiers,
    sealKey: parseSealKey(log.sealKey),
    deep: true,
    ...options,
  })

const tamper = (change: (open: Tamper) => void) => {
  const open = Tamper.open(log.file, log.keys.storage)
  change(open)
  open.db.close()
}

describe('content that went on record', () => {
  it('is no finding, in the whole log and in any range of it', async () => {
    const receipt = await log.sequencer().remove(request('3,40-90,256-300,802'))
    await log.sequencer().checkpoint()
    expect(await check()).toMatchObject({ valid: true, complete: true, findings: [], size: 804 })
    for (const [from, to] of [
      [0, 10],
      [3, 4],
      [50, 60],
      [100, 110],
      [256, 804],
      [802, 803],
      [803, 804],
    ] as const) {
      expect((await check({ from, to })).findings, `${from}–${to}`).toEqual([])
    }
    expect((await check()).declared).toEqual([
      expect.objectContaining({ operation: 'retention.pruned', seq: receipt.seq, entries: '3,40-90,256-300,802' }),
    ])
  })

  it('says what the tree was before, and the digest of the list', async () => {
    const before = await log.store.head()
    const { seq } = await log.sequencer().remove(request('1-2'))
    let leaf: { attributes?: object } = {}
    for (const [entry] of log.store.entries(seq, seq + 1)) leaf = JSON.parse(Buffer.from(entry!.leaf).toString())
    expect(leaf.attributes).toEqual({
      policy: 'test',
      entries: '1-2',
      below: 0,
      sizeBefore: 803,
      rootBefore: Buffer.from(before!.root).toString('hex'),
      listDigest: createHash('sha256').update('1-2').digest('hex'),
    })
  })

  it.each([
    ['an entry that no declaration names', '3', 4],
    ['an entry behind the declaration', '3', 804],
  ])('does not excuse %s', async (_, entries, seq) => {
    await log.sequencer().remove(request(entries))
    await log.grow(300)
    tamper(open => {
      open.rows[seq]!.content = new Uint8Array(0)
      open.save()
    })
    const { findings } = await check()
    expect(findings.every(({ type }) => type === 'disclosure_missing')).toBe(true)
    expect(new Set(findings.map(found => found.seq))).toEqual(new Set([seq]))
    expect((await check({ from: seq, to: seq + 1 })).valid).toBe(false)
  })

  it('does not excuse a part of the content, or other content in its place', async () => {
    await log.sequencer().remove(request('3-10'))
    tamper(open => {
      open.rows[5]!.content = open.rows[50]!.content
      open.save()
    })
    expect((await check()).findings.map(({ type, seq }) => `${type} ${seq}`)).toContain('disclosure_mismatch 5')
  })

  it('is not excused by a declaration that is not in the tree', async () => {
    tamper(open => {
      const last = open.rows.length - 1
      open.edit(last, {
        kind: 'control',
        operation: 'retention.pruned',
        attributes: { entries: '7', below: 0 },
        component: 'memmimic-audit',
      })
      open.rows[7]!.content = new Uint8Array(0)
      open.save()
      open.db.exec(`INSERT INTO declared VALUES (${last})`)
    })
    expect((await check()).valid).toBe(false)
    expect((await check({ from: 7, to: 8 })).findings.map(({ type }) => type)).toContain('disclosure_missing')
  })

  it('is not excused when the list of declarations is taken away', async () => {
    await log.sequencer().remove(request('7'))
    tamper(open => open.db.exec('DELETE FROM declared'))
    expect((await check()).findings.map(({ type }) => type)).toContain('disclosure_missing')
  })
})

describe('leaves that went on record', () => {
  it('are no finding; every seal, checkpoint and later proof still holds', async () => {
    const early = log.store.lastCheckpoint()!
    await log.sequencer().remove(request('1-600', 512))
    await log.grow(3)
    for (const options of [{}, { anchors: [early.note] }, { from: 512 }, { from: 600, to: 700 }, { from: 1, to: 9 }]) {
      expect((await check(options)).findings, JSON.stringify(options)).toEqual([])
    }
    const { size, root } = (await log.store.head())!
    const tiles = await readTiles(log.store, size, tilesForInclusion(700, size))
    let leaf = new Uint8Array(0)
    for (const [entry] of log.store.entries(700, 701)) leaf = new Uint8Array(entry!.leaf)
    expect(checkInclusion(inclusionProof(700, size, tiles), 700, size, leafHash(leaf), root)).toBe(true)
  })

  it('are no finding where the first of them was written long after the log was made, under a later seal', async () => {
    log.dispose()
    log = await makeTestLog()
    log.world.time += 3600e6
    await log.grow(1, 300, 1)
    expect((await check()).findings).toEqual([])
    await log.sequencer().remove(request('1-255', 256))
    expect((await check()).findings).toEqual([])
  })

  it('excuse nothing at or above the minimum, and not entry 0', async () => {
    await log.sequencer().remove(request('', 256))
    tamper(open => open.db.exec('DELETE FROM leaves WHERE first = 256; DELETE FROM tail WHERE seq = 0'))
    const { findings } = await check()
    expect(findings.find(({ seq }) => seq === 0)?.type).toBe('missing_entry')
    expect(findings.filter(({ seq }) => seq! >= 256 && seq! < 288).every(({ type }) => type === 'missing_entry')).toBe(
      true,
    )
  })

  it('leave hashes that cannot be changed', async () => {
    await log.sequencer().remove(request('', 256))
    tamper(open => {
      const hashes = open.db.prepare('SELECT hashes FROM tile WHERE level = 0 AND n = 0').pluck().get() as Buffer
      hashes[32 * 9] = hashes[32 * 9]! ^ 1
      open.db.prepare('UPDATE tile SET hashes = ? WHERE level = 0 AND n = 0').run(hashes)
    })
    expect((await check()).findings.map(({ type }) => type)).toContain('tree_mismatch')
  })
})

describe('a removal', () => {
  it.each([
    ['999-1000', 0],
    ['803', 0],
    ['5-3', 0],
    ['3,2', 0],
    ['1-2,3', 0],
    ['', 100],
    ['', 1024],
  ])('of %j below %i is refused, and nothing changes', async (entries, below) => {
    await expect(log.sequencer().remove(request(entries, below))).rejects.toMatchObject({ name: 'AuditError' })
    expect(await check()).toMatchObject({ valid: true, size: 803 })
  })

  it.each(['lost', 'persisted'] as const)('that fails and is %s leaves a log that verifies', async fault => {
    const store = new FaultStore(log.store)
    store.next = fault
    const removed = log.sequencer(store).remove(request('1-300'))
    if (fault === 'lost') await expect(removed).rejects.toMatchObject({ code: 'io' })
    else expect((await removed).seq).toBe(803)
    const report = await check()
    expect(report).toMatchObject({ valid: true, findings: [], size: fault === 'lost' ? 803 : 804 })
    expect(report.declared.length).toBe(fault === 'lost' ? 0 : 1)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { AuditError } from '../../src/core/errors.ts'
import { epochMicros, parseSealKey } from '../../src/core/seal.ts'
import { type Fault, FaultStore } from '../../src/testing.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
afterEach(() => log.dispose())

const check = (from = log) =>
  verifyLog(from.store, { verifiers: from.keys.verifiers, sealKey: parseSealKey(from.sealKey), deep: true })

describe('the commit path', () => {
  it('gives receipts that name the entries that are there, and the log verifies with K₀', async () => {
    log = await makeTestLog()
    const sequencer = log.sequencer()
    const receipts = []
    for (const count of [1, 5, 1, 300, 1, 700, 1]) {
      receipts.push(...(await sequencer.commit(Array.from({ length: count }, () => log.draft({ memoryId: 7 })))))
    }
    await sequencer.checkpoint()
    expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: 1009 }, (_, i) => i + 1))
    const report = await check()
    expect(report).toMatchObject({ valid: true, complete: true, entries: 1010, findings: [], trust: 'signed' })
  })

  const faults: [Fault, 'commit' | 'checkpoint'][] = [
    ['lost', 'commit'],
    ['persisted', 'commit'],
    ['lost', 'checkpoint'],
    ['persisted', 'checkpoint'],
  ]
  for (const [fault, at] of faults) {
    for (const before of [1, 255, 256, 600]) {
      it(`survives a ${at} that fails and is ${fault}, after ${before} entries`, async () => {
        log = await makeTestLog()
        await log.grow(before)
        const store = new FaultStore(log.store)
        const sequencer = log.sequencer(store)
        const first = await sequencer.commit([log.draft({})])
        store.next = fault
        if (at === 'checkpoint') {
          await expect(sequencer.checkpoint()).rejects.toMatchObject({ code: 'io' })
        } else if (fault === 'lost') {
          await expect(sequencer.commit([log.draft({})])).rejects.toMatchObject({ code: 'io' })
        } else {
          // It was refused by the disk and is there all the same: then it must be acknowledged, not reported as refused.
          const [receipt] = await sequencer.commit([log.draft({})])
          expect(receipt?.seq).toBe(first[0]!.seq + 1)
        }
        const [after] = await sequencer.commit([log.draft({})])
        expect(after?.seq).toBe(first[0]!.seq + (at === 'commit' && fault === 'persisted' ? 2 : 1))
        await sequencer.checkpoint()
        expect(await check()).toMatchObject({ valid: true, findings: [], size: after!.seq + 1 })
      })
    }
  }

  it('goes on from where another writer left the log, on the border of a tile too', async () => {
    log = await makeTestLog()
    const [a, b] = [log.sequencer(), log.sequencer()]
    let seq = 0
    for (const count of [1, 100, 154, 1, 1, 3, 252, 600, 1]) {
      for (const writer of [a, b]) {
        const receipts = await writer.commit(Array.from({ length: count }, () => log.draft({})))
        expect(receipts[0]!.seq).toBe(++seq)
        seq += count - 1
      }
    }
    await a.checkpoint()
    expect(await b.checkpoint()).toContain(`${seq + 1}\n`)
    expect(await check()).toMatchObject({ valid: true, findings: [] })
  })

  it('never lets time go back, though the clock does', async () => {
    log = await makeTestLog()
    const sequencer = log.sequencer()
    const times: string[] = []
    for (const step of [0, 5e6, -3600e6, 1e6, -86_400e6, 2 * 3600e6]) {
      log.world.time += step
      const receipts = await sequencer.commit([log.draft({}), log.draft({})])
      times.push(...receipts.map(({ time }) => time))
    }
    expect(times).toEqual([...times].sort())
    expect(await check()).toMatchObject({ valid: true, findings: [] })
  })

  it('seals each epoch with its own key, also in the middle of a commit, and forgets the key before', async () => {
    log = await makeTestLog()
    const sequencer = log.sequencer()
    const first = log.keys.seals.current
    await sequencer.commit([log.draft({})])
    const drafts = [log.draft({}), log.draft({})]
    log.world.time += epochMicros
    drafts.push(log.draft({}))
    log.world.time += 5 * epochMicros
    drafts.push(log.draft({}), log.draft({}))
    await sequencer.commit(drafts)
    const seals = [...log.store.seals(0, 100)].map(({ size, epoch }) => [size, epoch])
    expect(seals).toEqual([
      [1, 0],
      [2, 0],
      [4, 0],
      [5, 1],
      [7, 6],
    ])
    expect(log.keys.seals.current.epoch).toBe(6)
    expect(log.keys.seals.current.key).not.toEqual(first.key)
    await sequencer.checkpoint()
    expect(await check()).toMatchObject({ valid: true, findings: [] })
  })

  it('goes on when a crash came between a new seal key and its first entry, and the clock was then set back', async () => {
    log = await makeTestLog()
    const sequencer = log.sequencer()
    await sequencer.commit([log.draft({})])
    log.keys.seals.advance(3)
    const [receipt] = await sequencer.commit([log.draft({})])
    expect(receipt!.time).toBe('2026-11-23T12:45:00.001000Z')
    await sequencer.checkpoint()
    expect(await check()).toMatchObject({ valid: true, findings: [] })
  })

  it('refuses to append to a log that is not the one that was signed', async () => {
    log = await makeTestLog()
    await log.grow(300)
    const other = await makeTestLog()
    try {
      await other.grow(20)
      const sequencer = log.sequencer(other.store)
      await expect(sequencer.checkAnchor()).rejects.toThrow(AuditError)
      await expect(sequencer.checkAnchor()).rejects.toMatchObject({ code: 'damaged' })
    } finally {
      other.dispose()
    }
  })
})

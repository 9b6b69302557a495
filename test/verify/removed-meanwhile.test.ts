/** What goes on record while a check is under way is no finding of it. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadKeys, makeNextKeys, readSealKey, switchToNextKeys } from '../../src/append/keys.ts'
import type { LogReader } from '../../src/store/store.ts'
import { EntryCheck } from '../../src/verify/entry-check.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
beforeEach(async () => {
  log = await makeTestLog()
  await log.grow(700)
})
afterEach(() => log.dispose())

/** The log, in which something is let go of just before the entries from `at` on are read for the first time. */
function letGoing(at: number, ...removals: { entries: string; below: number }[]): LogReader {
  let isDone = false
  const { store } = log
  return {
    head: () => store.head(),
    tile: (level, index) => store.tile(level, index),
    seals: (from, to) => store.seals(from, to),
    checkpoints: (from, to) => store.checkpoints(from, to),
    declarations: () => store.declarations(),
    async *entries(from, to) {
      if (from >= at && !isDone) {
        isDone = true
        const sequencer = log.sequencer()
        for (const removal of removals) {
          await sequencer.remove({ operation: 'retention.pruned', attributes: { policy: 'a test' }, ...removal })
        }
      }
      yield* store.entries(from, to)
    },
  }
}

const erasure = (entries: string) => ({ entries, below: 0 })

it.each([
  ['content', [erasure('300-320,600')]],
  ['content, after other content that had gone before', [erasure('290-310'), erasure('600')]],
  ['content and leaves', [erasure('1-511'), { entries: '', below: 512 }]],
])('%s that goes behind the place of the check', async (_, removals) => {
  await log.sequencer().remove({ operation: 'subject.erased', attributes: {}, entries: '3,280', below: 0 })
  const { verifiers } = log.keys
  const sealKey = readSealKey(log.keysFolder)!
  for (const range of [{}, { from: 100, to: 690 }]) {
    const reader = letGoing(256, ...removals)
    const report = await verifyLog(reader, { verifiers, sealKey, ...range })
    expect(report.findings, JSON.stringify(range)).toEqual([])
  }
  expect((await verifyLog(log.store, { verifiers, sealKey })).findings).toEqual([])
})

it('content that is taken out meanwhile without a word is one all the same', async () => {
  const reader = letGoing(256, erasure('300'))
  const silent: LogReader = { ...reader, declarations: () => [] }
  const { findings } = await verifyLog(silent, { verifiers: log.keys.verifiers })
  expect(new Set(findings.map(({ type }) => type))).toEqual(new Set(['disclosure_missing']))
  expect(new Set(findings.map(({ seq }) => seq))).toEqual(new Set([300]))
})

it('keys that are replaced, and sign, before the check has come to its end', async () => {
  const { verifiers } = log.keys
  const reader = letGoing(512)
  let isDone = false
  const rotating: LogReader = {
    ...reader,
    async *entries(from, to) {
      if (from >= 512 && !isDone) {
        isDone = true
        const sequencer = log.sequencer()
        const next = makeNextKeys(log.keysFolder)
        await sequencer.announceKeys(next)
        switchToNextKeys(log.keysFolder, next)
        await sequencer.commit([log.draft({})])
        await sequencer.checkpoint()
      }
      yield* log.store.entries(from, to)
    },
  }
  expect((await verifyLog(rotating, { verifiers })).findings).toEqual([])
  expect(isDone).toBe(true)
  const now = loadKeys(log.keysFolder).verifiers
  expect((await verifyLog(log.store, { verifiers: now })).findings).toEqual([])
})

it('one entry that is let go of while it is looked at', async () => {
  const reader = letGoing(298, erasure('299'))
  const check = new EntryCheck({
    log: reader,
    origin: log.keys.origin,
    seqOf: async () => undefined,
    sealKey: () => undefined,
  })
  expect(await check.checkEntry(299)).toMatchObject({ findings: [], declaredGone: 'content' })
})

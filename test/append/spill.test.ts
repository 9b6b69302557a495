/** The journal for what the log cannot take: what a full disk, a crash or a power cut may leave of it. */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { IdSource } from '../../src/append/clock.ts'
import { GroupCommit } from '../../src/append/group-commit.ts'
import { writerMark } from '../../src/append/liveness.ts'
import { Spill } from '../../src/append/spill.ts'
import { captureEntry, type Draft } from '../../src/core/capture.ts'
import { readLeaf } from '../../src/core/view.ts'
import { FaultStore } from '../../src/testing/fault-store.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
beforeEach(async () => {
  log = await makeTestLog()
})
afterEach(() => log.dispose())

const journal = () => `${log.file}.spill.${writerMark()}`
const ended = () => `${log.file}.spill.${writerMark().split('.').with(3, '999999999').join('.')}`
const drafts = (...operations: string[]): Draft[] => operations.map(operation => log.draft({ operation }))
const spill = () => new Spill(log.file, log.keys.storage)
const group = (store = new FaultStore(log.store)) =>
  new GroupCommit({
    sequencer: log.sequencer(store),
    world: log.world,
    checkpoints: { everyEntries: 10_000, everyMs: 60_000 },
    spill: spill(),
  })

function entries() {
  const found = []
  for (const some of log.store.entries(1, log.store.head()!.size)) {
    for (const stored of some) found.push(readLeaf(stored).leaf!)
  }
  return found
}

const operations = () => entries().map(({ operation }) => operation)

it('a line that was cut short ends where it was cut, and spoils none that is kept after it', () => {
  spill().keep(drafts('one', 'two'))
  const whole = readFileSync(journal())
  writeFileSync(journal(), whole.subarray(0, whole.length - 40))
  spill().keep(drafts('three'))
  const { drafts: kept, unreadable } = spill().read(journal())
  expect([kept.map(({ middle }) => /"operation":"(\w+)"/.exec(middle)?.[1]), unreadable]).toEqual([['one', 'three'], 1])
})

it('lines that nobody can read keep nothing else out of the log, and are declared', async () => {
  spill().keep(drafts('one', 'two'))
  appendFileSync(journal(), Buffer.concat([Buffer.alloc(700), Buffer.from('\n')]))
  spill().keep(drafts('three'))
  const commit = group()
  await commit.append(drafts('four'))
  await commit.close()
  expect(operations()).toEqual(['one', 'two', 'three', 'gap.recorded', 'four'])
  expect(entries()[3]?.attributes).toEqual({ entries: 1, reason: 'spill_unreadable' })
  expect(readdirSync(log.folder).filter(name => name.includes('.spill.'))).toEqual([])
})

it('of two that find the journal of one that ended, only one brings it in', async () => {
  spill().keep(drafts('one', 'two'))
  writeFileSync(ended(), readFileSync(journal()))
  spill().drop(journal())
  const [first, second] = [group(), group()]
  // Both have seen it; the first to come takes it away from the other.
  await Promise.all([first.append(drafts('three')), second.append(drafts('four'))])
  await Promise.all([first.close(), second.close()])
  expect(operations().sort()).toEqual(['four', 'one', 'three', 'two'])
})

it('what was brought in and not dropped is known again, however much came after it', async () => {
  spill().keep(drafts('one'))
  const kept = readFileSync(journal())
  const first = group()
  await first.append(drafts('two'))
  await log.grow(...Array<number>(12).fill(1000))
  writeFileSync(journal(), kept)
  const second = group()
  await second.append(drafts('three'))
  await Promise.all([first.close(), second.close()])
  expect(operations().filter(operation => operation === 'one')).toHaveLength(1)
})

it('while the log is frozen it waits, and does not keep anyone from lifting that', async () => {
  const store = new FaultStore(log.store)
  const commit = group(store)
  const control = (operation: 'log.frozen' | 'log.unfrozen') => {
    const time = log.world.now()
    const id = new IdSource(log.world).next(time)
    return captureEntry({ operation, component: 'memmimic-audit' }, { id, time, control: true })
  }
  await commit.append([control('log.frozen')])
  spill().keep(drafts('one'))
  const other = group(store)
  await other.append([control('log.unfrozen')])
  await other.append(drafts('two'))
  await Promise.all([commit.close(), other.close()])
  expect(operations()).toEqual(['log.frozen', 'log.unfrozen', 'one', 'two'])
})

/** The index lets go of what the log lets go of, and is then the index that would be built from what is left. */
import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EntryInput } from '../../src/core/entry.ts'
import { compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import { formatRanges, type Range, rangesOf } from '../../src/core/ranges.ts'
import { LogIndex } from '../../src/index/log-index.ts'
import type { StoredEntry } from '../../src/store/store.ts'
import { makeTestLog, sample, type TestLog } from '../support/log.ts'

let log: TestLog
let file: string
const open: LogIndex[] = []
beforeEach(async () => {
  log = await makeTestLog({ encryption: 'none' })
  file = join(log.folder, 'audit.db.index')
})
afterEach(() => {
  for (const index of open.splice(0)) index.close()
  log.dispose()
})

function openIndex(at = file, notices: string[] = []): LogIndex {
  const index = LogIndex.open({
    file: at,
    key: undefined,
    log: log.store,
    origin: log.keys.origin,
    onRebuild: reason => notices.push(reason),
  })
  open.push(index)
  return index
}

async function append(count: number, entry: (i: number) => Partial<EntryInput>): Promise<void> {
  await log.sequencer().commit(Array.from({ length: count }, (_, i) => log.draft({ ...sample(i), ...entry(i) })))
}

const person = (i: number, of = 'mallory'): Partial<EntryInput> => ({
  actor: {
    type: 'user',
    id: `marker-${of}`,
    ...(i % 2 === 0 && { onBehalfOf: { type: 'user', id: `marker-boss-${i % 3}` } }),
  },
  memoryId: `marker-memory-${i}-of-${of}`,
  session: `marker-session-${of}`,
  userContext: { secret: `marker-secret ${i}` },
})

async function remove(
  operation: 'retention.pruned' | 'subject.erased',
  content: readonly Range[],
  below = 0,
): Promise<void> {
  await log.sequencer().remove({ operation, entries: formatRanges(content), below, attributes: {} })
}

async function findings(index: LogIndex) {
  const found = []
  for await (const finding of index.check()) found.push(finding)
  return found
}

const questions: EntryFilter[] = [
  {},
  { actor: 'marker-mallory' },
  { actor: 'user:marker-boss-0' },
  { memoryId: ['marker-memory-2-of-mallory', 'mem_3'] },
  { session: 'marker-session-mallory' },
  { text: 'marker-secret' },
  { flag: 'audit_required', outcome: 'failure' },
]

async function rows(index: LogIndex) {
  const all = []
  for (const filter of questions) all.push(await index.find(compileFilter(filter), { limit: Infinity, order: 'asc' }))
  return all
}

/** Holds an index against one that is built anew from the log as it is. */
async function expectAsRebuilt(index: LogIndex): Promise<void> {
  const fresh = openIndex(join(log.folder, `fresh-${open.length}.index`))
  expect(await rows(index)).toEqual(await rows(fresh))
  expect(index.openIntents()).toEqual(fresh.openIntents())
  expect(await findings(fresh)).toEqual([])
  expect(await findings(index)).toEqual([])
}

/** Where a text stands in the files of the index, pages that are free included. */
function traces(text: string): string[] {
  return ['', '-wal'].filter(end => {
    try {
      return readFileSync(file + end).includes(text)
    } catch {
      return false
    }
  })
}

const seqsOf = (first: number, count: number, keep: (i: number) => boolean = () => true) =>
  rangesOf(Array.from({ length: count }, (_, i) => first + i).filter((_, i) => keep(i)))

describe('content that is gone', () => {
  test('is gone from the rows, from every table, and from the dictionary as far as nobody else needs it', async () => {
    await append(300, i => (i % 3 === 0 ? person(i) : {}))
    await append(300, i => (i % 5 === 0 ? person(i, 'other') : {}))
    const index = openIndex()
    await index.catchUp()
    const before = await rows(index)
    await remove(
      'retention.pruned',
      seqsOf(1, 300, i => i % 3 === 0),
    )
    await expectAsRebuilt(index)
    const after = await rows(index)
    expect(before[1]).toHaveLength(100)
    expect([after[1], after[4]]).toEqual([[], []])
    // The principals are in other entries, too.
    expect(after[2]!.length).toBeGreaterThan(0)
    await index.catchUp()
    expect(traces('marker-memory-3-of-mallory')).toEqual([])
    expect(traces('marker-memory-0-of-other')).not.toEqual([])
  })

  test('leaves nothing readable behind: in tables, free pages, pages that were split, or the write-ahead log', async () => {
    // Entries come one by one and in groups, so that pages are split again and again, before and after.
    for (let i = 0; i < 60; i++) {
      await append(1, () => person(i))
      if (i % 7 === 0) await openIndex().catchUp()
    }
    await append(1500, i => (i % 2 === 0 ? person(i) : { memoryId: `zz-${(i * 7919) % 1500}-keep` }))
    const index = openIndex()
    await index.catchUp()
    await append(40, i => person(i))
    await index.catchUp()
    for (const text of ['marker-mallory', 'marker-memory-2-of', 'marker-session']) expect(traces(text)).not.toEqual([])
    await remove(
      'subject.erased',
      seqsOf(1, 1600, i => i < 60 || i >= 1560 || (i - 60) % 2 === 0),
    )
    await append(50, () => ({ memoryId: 'afterwards' }))
    await index.catchUp()
    expect(traces('marker')).toEqual([])
    expect(traces('-keep')).not.toEqual([])
    await expectAsRebuilt(index)
    // Whatever the pages are shuffled into later.
    await append(1500, i => ({ memoryId: `later ${i}` }))
    await index.catchUp()
    expect(traces('marker')).toEqual([])
  })

  test('is not asked for by a search any more, whose other blocks are as they were', async () => {
    await append(200, i => ({ userContext: { secret: i === 40 ? 'marker-secret' : `word ${i}` } }))
    const index = openIndex()
    const secret = compileFilter({ text: 'marker-secret' })
    const looked = async () => (await index.find(secret, { limit: Infinity, order: 'asc' })).map(({ seq }) => seq)
    const inBlock = await looked()
    expect(inBlock).toContain(41)
    expect(inBlock.length).toBeLessThan(60)
    await remove('subject.erased', [[41, 41]])
    expect(await looked()).not.toContain(41)
    await expectAsRebuilt(index)
  })

  test('may be of entries that were handed over a moment before, and of the block that is being filled', async () => {
    await append(40, i => person(i))
    const stale = new Map<number, StoredEntry>()
    for (const some of log.store.entries(0, 41)) for (const stored of some) stale.set(stored.seq, stored)
    await remove('subject.erased', [[1, 40]])
    const handed = {
      head: () => log.store.head(),
      async *entries(from: number, to: number) {
        for (const some of log.store.entries(from, to)) yield some.map(stored => stale.get(stored.seq) ?? stored)
      },
    }
    const index = LogIndex.open({ file, key: undefined, log: handed, settled: log.store, origin: log.keys.origin })
    open.push(index)
    await index.catchUp()
    expect(traces('marker')).toEqual([])
    await append(40, () => ({}))
    await expectAsRebuilt(index)
  })

  test('is gone for every process that has the index open, and numbers of its terms are not used again', async () => {
    await append(100, i => person(i))
    const [one, two] = [openIndex(), openIndex()]
    await Promise.all([rows(one), rows(two)])
    await remove('subject.erased', [[1, 100]])
    await append(10, i => person(i))
    await Promise.all([one.catchUp(), two.catchUp()])
    await append(10, i => person(i))
    await two.catchUp()
    expect(await rows(one)).toEqual(await rows(two))
    expect((await rows(two))[1]).toHaveLength(20)
    await expectAsRebuilt(one)
  })

  test('is gone from the write-ahead log as soon as nobody reads in it any more', async () => {
    await append(300, i => person(i))
    const index = openIndex()
    await index.catchUp()
    const other = new Database(file)
    other.exec('BEGIN; SELECT count(*) FROM entry')
    await remove('subject.erased', [[1, 300]])
    await index.catchUp()
    expect(traces('marker')).not.toEqual([])
    expect((await rows(index))[1]).toEqual([])
    other.close()
    await index.catchUp()
    expect(traces('marker')).toEqual([])
    await expectAsRebuilt(index)
  })

  test('is let go once more where that was interrupted', async () => {
    await append(2500, i => person(i))
    const index = openIndex()
    await index.catchUp()
    index.close()
    await remove('subject.erased', [[1, 2500]])
    // Stops in each step of reading; what was done until then stays.
    for (let steps = 0; steps < 4; steps++) {
      let left = steps
      const faulty = {
        head: () => log.store.head(),
        async *entries(from: number, to: number) {
          if (left-- <= 0) throw new Error('the disk is gone')
          yield* log.store.entries(from, to)
        },
      }
      const broken = LogIndex.open({ file, key: undefined, log: log.store, settled: faulty, origin: log.keys.origin })
      await broken.catchUp().catch(() => {})
      broken.close()
    }
    await expectAsRebuilt(openIndex())
    expect(traces('marker')).toEqual([])
  })

  test('named by a declaration that is none is not looked for', async () => {
    await append(50, i => person(i))
    for (const entries of ['1-', '9-1', 'all', '60-900']) {
      const attributes = { entries, below: entries.length }
      const declaration = { operation: 'retention.pruned', component: 'forged', attributes }
      const draft = log.draft({})
      const forged = { ...draft, middle: draft.middle.replace('"kind":"event"', '"kind":"control"') }
      expect(JSON.stringify(forged)).toContain('control')
      await log.sequencer().commit([log.draft(declaration), forged])
    }
    await expectAsRebuilt(openIndex())
  })
})

describe('leaves that are gone', () => {
  test('are gone from every table, with their flags, ids and open intents; the first one stays', async () => {
    await append(900, i => ({
      ...(i % 3 === 0 ? person(i) : {}),
      kind: i % 50 === 0 ? 'intent' : 'event',
      complianceFlags: i < 500 ? ['only_early', `f${i % 3}`] : [`f${i % 3}`],
      operation: i < 400 ? 'early' : 'later',
    }))
    const index = openIndex()
    await index.catchUp()
    expect(index.openIntents()).toHaveLength(18)
    await remove('retention.pruned', [[1, 767]])
    await index.catchUp()
    await remove('retention.pruned', [], 256)
    await index.catchUp()
    await expectAsRebuilt(index)
    await remove('retention.pruned', [], 768)
    await expectAsRebuilt(index)
    const [all] = await rows(index)
    expect(all!.map(({ seq }) => seq)).toEqual([0, ...Array.from({ length: 136 }, (_, i) => 768 + i)])
    expect(index.openIntents().map(({ seq }) => seq)).toEqual([801, 851])
    expect(traces('only_early')).toEqual([])
  })

  test('are no reason for doubt: an index made from nothing, or closed before, goes on', async () => {
    await append(1000, i => person(i))
    const first = openIndex()
    await first.catchUp()
    first.close()
    await append(1000, () => ({}))
    await remove('retention.pruned', [[1, 1999]])
    await remove('retention.pruned', [], 768)
    await append(1000, i => person(i, 'other'))
    const notices: string[] = []
    await expectAsRebuilt(openIndex(file, notices))
    expect(notices).toEqual([])
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
    await expectAsRebuilt(openIndex(file, notices))
    expect(notices).toEqual(['it was not there'])
  })
})

test('the first entry that is left may be the one that declares what is gone before it', async () => {
  await append(500, i => person(i))
  const index = openIndex()
  await index.catchUp()
  index.close()
  copyFileSync(file, `${file}.old`)
  await append(267, i => person(i))
  await remove('retention.pruned', [[1, 767]])
  await append(300, i => person(i, 'other'))
  await remove('retention.pruned', [], 768)
  await expectAsRebuilt(openIndex())
  copyFileSync(`${file}.old`, `${file}.again`)
  await expectAsRebuilt(openIndex(`${file}.again`))
})

test('an index can be without texts, is then smaller, and answers the same', async () => {
  await append(600, i => person(i))
  const bare = LogIndex.open({ file, key: undefined, log: log.store, origin: log.keys.origin, text: false })
  open.push(bare)
  await bare.catchUp()
  const blocks = (of: string) => new Database(of).prepare('SELECT count(*) FROM text_block').pluck().get()
  expect(blocks(file)).toBe(0)
  expect(await findings(bare)).toEqual([])
  // Whoever does not care takes it as it is; whoever wants it otherwise has it built anew.
  await openIndex().catchUp()
  expect(blocks(file)).toBe(0)
  const notices: string[] = []
  const options = { file, key: undefined, log: log.store, origin: log.keys.origin, text: true }
  const other = LogIndex.open({ ...options, onRebuild: reason => notices.push(reason) })
  open.push(other)
  await other.catchUp()
  expect(notices).toEqual(['it is to be with the texts'])
  expect(blocks(file)).toBe(Math.floor(601 / 32))
  expect(await findings(other)).toEqual([])
})

test('a check that reads the log while something goes from it says nothing false', async () => {
  await append(600, i => person(i))
  let isFirst = true
  const settled = {
    head: () => log.store.head(),
    async *entries(from: number, to: number) {
      for (const some of log.store.entries(from, to)) {
        yield some
        if (to - from < 100 || !isFirst) continue
        isFirst = false
        await remove('subject.erased', [[300, 350]])
      }
    },
  }
  const index = LogIndex.open({ file, key: undefined, log: log.store, settled, origin: log.keys.origin })
  open.push(index)
  await index.catchUp()
  isFirst = true
  expect(await findings(index)).toEqual([])
  expect(isFirst).toBe(false)
})

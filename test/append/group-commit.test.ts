import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { GroupCommit } from '../../src/append/group-commit.ts'
import { writerMark } from '../../src/append/liveness.ts'
import { Spill } from '../../src/append/spill.ts'
import { parseLeaf } from '../../src/core/leaf.ts'
import { FaultStore } from '../../src/testing.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
afterEach(() => log.dispose())

const policy = { everyEntries: 1_000_000, everyMs: 1_000_000 }

async function setUp({ spill, ...checkpoints }: { spill?: boolean; everyEntries?: number; everyMs?: number } = {}) {
  log = await makeTestLog()
  const store = new FaultStore(log.store)
  const group = () =>
    new GroupCommit({
      sequencer: log.sequencer(store),
      world: log.world,
      checkpoints: { ...policy, ...checkpoints },
      spill: spill ? new Spill(log.file, log.keys.storage) : undefined,
    })
  return { store, group }
}

/** The log as `operation` by number. */
const operations = () => [...log.store.entries(0, 10_000)].flat().map(({ leaf }) => parseLeaf(leaf).leaf!.operation)
const spills = () => readdirSync(log.folder).filter(name => name.includes('.spill.'))

describe('a group', () => {
  it('shares one commit among all who wait, and answers each with its own', async () => {
    const { group } = await setUp()
    const commit = group()
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => commit.append(Array.from({ length: (i % 3) + 1 }, () => log.draft({})))),
    )
    expect(answers.flat().map(({ seq }) => seq)).toEqual(answers.flat().map((_, i) => i + 1))
    expect([...log.store.seals(1, 1000)]).toHaveLength(1)
    await commit.close()
  })

  it('signs when enough entries came, when they have waited long enough, and at the end', async () => {
    const { group } = await setUp({ everyEntries: 10, everyMs: 30 })
    const commit = group()
    const signed = () => [...log.store.checkpoints(0, 1000)].at(-1)!.size
    await commit.append(Array.from({ length: 9 }, () => log.draft({})))
    expect(signed()).toBe(1)
    await commit.append([log.draft({})])
    await expect.poll(signed).toBe(11)
    await commit.append([log.draft({})])
    await expect.poll(signed).toBe(12)
    await commit.append([log.draft({})])
    await commit.close()
    expect(signed()).toBe(13)
  })
})

describe('when the log cannot be written', () => {
  it('everyone who waits is refused, and the next entry that can be written declares how many and why', async () => {
    const { store, group } = await setUp()
    const commit = group()
    for (const count of [3, 2]) {
      store.next = 'lost'
      await expect(commit.append(Array.from({ length: count }, () => log.draft({})))).rejects.toMatchObject({
        code: 'io',
      })
    }
    await commit.append([log.draft({ operation: 'after' })])
    await commit.close()
    expect(operations()).toEqual(['log.created', 'gap.recorded', 'after'])
    const report = await verifyLog(log.store, { verifiers: log.keys.verifiers })
    expect(report).toMatchObject({ valid: true, complete: false })
    expect(report.missing).toMatchObject([{ kind: 'gap', seq: 1 }])
    expect(report.declared).toMatchObject([{ operation: 'gap.recorded', seq: 1, entries: 5, reason: 'io' }])
  })

  it('entries are spilled, encrypted and durable, and brought in first and in order when it can be written again', async () => {
    const { store, group } = await setUp({ spill: true })
    const commit = group()
    for (const operation of ['one', 'two']) {
      store.next = 'lost'
      const [receipt] = await commit.append([log.draft({ operation, userContext: { secret: 'plain words' } })])
      expect(receipt).toMatchObject({ seq: -1, spilled: true })
    }
    expect(spills()).toHaveLength(1)
    expect(readFileSync(`${log.file}.spill.${writerMark()}`, 'utf8')).not.toContain('plain words')
    expect(operations()).toEqual(['log.created'])
    await commit.append([log.draft({ operation: 'three' })])
    expect(operations()).toEqual(['log.created', 'one', 'two', 'three'])
    expect(spills()).toHaveLength(0)
    await commit.close()
    expect(await verifyLog(log.store, { verifiers: log.keys.verifiers, deep: true })).toMatchObject({
      valid: true,
      complete: true,
    })
  })

  it('what a process left spilled when it ended is brought in by the next, once, whatever moment it ended at', async () => {
    const { store, group } = await setUp({ spill: true })
    const first = group()
    store.next = 'lost'
    await first.append([log.draft({ operation: 'one' }), log.draft({ operation: 'two' })])
    const own = `${log.file}.spill.${writerMark()}`
    const journal = readFileSync(own)
    // As a process would leave it that died between bringing its entries in and dropping the journal, mid-line at that.
    const dead = `${log.file}.spill.${writerMark().split('.').with(3, '999999999').join('.')}`
    await first.append([log.draft({ operation: 'three' })])
    writeFileSync(dead, Buffer.concat([journal, Buffer.from('half a li')]))
    await first.close()
    const second = group()
    await second.append([log.draft({ operation: 'four' })])
    await second.close()
    expect(operations()).toEqual(['log.created', 'one', 'two', 'three', 'four'])
    expect(existsSync(dead)).toBe(false)
  })

  it('a checkpoint that cannot be kept is told to who asked, and loses nothing', async () => {
    const { store, group } = await setUp()
    const commit = group()
    await commit.append([log.draft({})])
    store.next = 'lost'
    await expect(commit.checkpoint()).rejects.toMatchObject({ code: 'io' })
    await commit.append([log.draft({})])
    await commit.close()
    expect(await verifyLog(log.store, { verifiers: log.keys.verifiers })).toMatchObject({
      valid: true,
      complete: true,
      size: 3,
    })
  })
})

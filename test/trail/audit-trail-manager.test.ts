/** The seed's queries, in each of the ways in which they went wrong there: SEED.md, Q1–Q5 and 6.4. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Tamper } from '../../src/attack/tamper.ts'
import type { EntryInput } from '../../src/core/entry.ts'
import type { AuditEvent } from '../../src/core/events.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { type AuditQuery, AuditTrailManager } from '../../src/trail/audit-trail-manager.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let testLog: TestLog
let parts: OpenedParts
let trail: AuditTrailManager
let told: AuditEvent[]
let clock = 0

async function open(): Promise<void> {
  parts = await openParts({
    file: testLog.file,
    keys: testLog.keysFolder,
    threads: false,
    closeOnExit: false,
    world: testLog.world,
    onNotice: () => {},
  })
  told = []
  parts.events.on(event => told.push(event))
  trail = new AuditTrailManager({
    reader: parts.quietReader,
    events: parts.events,
    now: () => testLog.world.now(),
    clock: () => clock,
  })
}

beforeEach(async () => {
  clock = 0
  testLog = await makeTestLog({ encryption: 'none' })
  await testLog.grow(120)
  await open()
})
afterEach(async () => {
  await parts.log.close()
  testLog.dispose()
})

const append = (entry: Partial<EntryInput> = {}) =>
  parts.log.append({ operation: 'remember', component: 'memory', ...entry })
const seqs = async (query: AuditQuery) => (await trail.queryAuditTrail(query)).entries.map(({ seq }) => seq)
const queried = () => told.filter(event => event.type === 'queried')

describe('a query', () => {
  test('has the seed’s options and result', async () => {
    const operation = ['remember', 'recall'] as const
    const result = await trail.queryAuditTrail({
      filters: [{ field: 'operationResult.text', operation: 'contains', value: 'ÜBERALL', caseSensitive: false }],
      startTime: '2026-11-23T00:00:00+02:00',
      endTime: new Date('2027-01-01'),
      operations: operation,
      components: ['component-0', 'component-1'],
      limit: 3,
      orderDirection: 'ASC',
    })
    expect(result.entries.map(({ seq }) => seq)).toEqual([1, 2, 5])
    expect(result).toMatchObject({
      totalCount: 40,
      totalCountIsExact: true,
      query: { limit: 3, offset: 0, orderBy: 'timestamp', orderDirection: 'ASC', includeEvidence: true },
      hasMore: true,
      nextOffset: 3,
    })
    expect(result.executedAt).toMatch(/^2026-.*Z$/)
    expect(result.queryTimeMs).toBeGreaterThanOrEqual(0)
    expect(result.verificationResults).toBeUndefined()
    expect(result.entries[0]).toMatchObject({ memoryId: 'mem_0', attributes: { n: 0 }, session: 'session 0' })
  })

  test('understands the seed’s names of fields, and gives ids, memories and both ends of the period', async () => {
    const { entries } = await trail.queryAuditTrail({ limit: 5, orderDirection: 'ASC', offset: 50 })
    const [first, , last] = entries
    expect(await seqs({ startTime: first!.time, endTime: last!.time })).toEqual([52, 51, 50])
    expect(await seqs({ entryIds: [last!.id, first!.id] })).toEqual([52, 50])
    expect(await seqs({ memoryIds: ['mem_7', 'mem_9'] })).toEqual([10, 8])
    const field = (name: string, operation: 'eq' | 'is_null' | 'between', value: never) =>
      seqs({ filters: [{ field: name, operation, value }] })
    expect(await field('entry_id', 'eq', first!.id as never)).toEqual([50])
    expect(await field('memory_id', 'eq', 'mem_7' as never)).toEqual([8])
    expect(await field('operation_result.text', 'eq', 'result 7 — überall 🌍' as never)).toEqual([8])
    expect(await field('timestamp', 'between', [first!.time, last!.time] as never)).toEqual([52, 51, 50])
    expect(await field('memory_id', 'is_null', null as never)).toEqual([0])
  })

  test('leaves out what is not wanted', async () => {
    const [plain] = (await trail.queryAuditTrail({ limit: 1, includeMetadata: false, includeEvidence: false })).entries
    for (const name of ['attributes', 'userContext', 'sealed', 'previousHash', 'entryHash'])
      expect(plain).not.toHaveProperty(name)
    expect(plain).toMatchObject({ seq: 120, operation: 'forget', operationResult: { ok: true } })
  })

  test('sees every entry that was acknowledged before it', async () => {
    for (let i = 0; i < 5; i++) {
      const { seq } = await append({ memoryId: `new-${i}` })
      expect(await seqs({ memoryIds: [`new-${i}`] })).toEqual([seq])
    }
  })

  test('that is malformed is an error that names its member; no text of it reaches the database', async () => {
    const wrong: [query: object, path: string][] = [
      [{ filters: [{ field: "operation='nope' OR 1=1 --", operation: 'eq', value: 'x' }] }, '$.filters[0].field'],
      [{ filters: [{ field: 'operation', operation: 'equals', value: 'x' }] }, '$.filters[0].operation'],
      [{ filters: [{ field: 'operation', operation: 'in', value: 'remember' }] }, '$.filters[0].value'],
      [{ filters: [{ field: 'seq', operation: 'between', value: [1] }] }, '$.filters[0].value'],
      [{ filters: [{ field: 'timestamp', operation: 'gt', value: 'noon' }] }, '$.filters[0].value'],
      [{ filters: [{ field: 'seq', operation: 'eq', value: 1, case: false }] }, '$.filters[0].case'],
      [{ filters: {} }, '$.filters'],
      [{ orderBy: 'operation; DROP TABLE entry' }, '$.orderBy'],
      [{ orderDirection: 'DESC, 1' }, '$.orderDirection'],
      [{ limit: -1 }, '$.limit'],
      [{ offset: 0.5 }, '$.offset'],
      [{ startTime: 'yesterday' }, '$.startTime'],
      [{ endTime: new Date('x') }, '$.endTime'],
      [{ operations: [] }, '$.operations'],
      [{ entry_ids: ['x'] }, '$.entry_ids'],
      [{ includeEvidence: 'yes' }, '$.includeEvidence'],
    ]
    for (const [query, path] of wrong) {
      const asked = trail.queryAuditTrail(query as AuditQuery)
      await expect(asked, path).rejects.toMatchObject({ code: 'bad_input', path })
    }
  })

  test('pages with an offset are the whole answer, and say what comes next', async () => {
    const query: AuditQuery = { filters: [{ field: 'attributes.n', operation: 'gte', value: 20 }], limit: 30 }
    const all: number[] = []
    for (let offset: number | undefined = 0; offset !== undefined; ) {
      const page = await trail.queryAuditTrail({ ...query, offset })
      all.push(...page.entries.map(({ seq }) => seq))
      expect(page).toMatchObject({ totalCount: 100, totalCountIsExact: true })
      offset = page.nextOffset
    }
    expect(all).toEqual(Array.from({ length: 100 }, (_, i) => 120 - i))
    expect(await trail.queryAuditTrail({ ...query, offset: 500 })).toMatchObject({
      entries: [],
      totalCount: 100,
      hasMore: false,
    })
    expect(await seqs({ offset: 118 })).toEqual([2, 1, 0])
  })
})

describe('answers are remembered', () => {
  test('for five minutes, and told of as such; callers get copies', async () => {
    const ask = () => trail.queryAuditTrail({ operations: ['recall'], limit: 2 })
    const first = await ask()
    ;(first.entries as unknown[]).length = 0
    const second = await ask()
    expect(second.entries).toHaveLength(2)
    expect(second).toEqual({ ...(await ask()), queryTimeMs: second.queryTimeMs })
    expect(queried().map(event => [event.entries, event.cached])).toEqual([
      [2, false],
      [2, true],
      [2, true],
    ])
    clock += 299_999
    await ask()
    clock += 1
    await ask()
    expect(queried().map(({ cached }) => cached)).toEqual([false, true, true, true, false])
  })

  test('and never stale: an entry more, and all of them are forgotten', async () => {
    const recent = { limit: 1 } as const
    for (let i = 0; i < 10; i++) {
      const { seq } = await append()
      expect(await seqs(recent)).toEqual([seq])
      expect((await trail.queryAuditTrail({ operations: ['remember'], limit: 1 })).totalCount).toBe(31 + i)
    }
    expect(queried().every(({ cached }) => !cached)).toBe(true)
  })

  test('no more than a hundred of them, and none that is too large', async () => {
    for (let i = 0; i <= 100; i++) await trail.queryAuditTrail({ limit: 1, offset: i })
    await trail.queryAuditTrail({ limit: 1, offset: 100 })
    await trail.queryAuditTrail({ limit: 1, offset: 0 })
    expect(
      queried()
        .slice(-2)
        .map(({ cached }) => cached),
    ).toEqual([true, false])
    await append({ operationResult: 'x'.repeat(5_000_000) })
    for (let i = 0; i < 2; i++) await trail.queryAuditTrail({ limit: 1 })
    expect(queried().at(-1)!.cached).toBe(false)
  })
})

test('the entries returned are verified when asked, and the ones that fail are named', async () => {
  const query: AuditQuery = { memoryIds: ['mem_3', 'mem_5', 'mem_70'], includeVerificationStatus: true }
  expect((await trail.queryAuditTrail(query)).verificationResults).toEqual({
    totalEntries: 3,
    verifiedEntries: 3,
    failedVerifications: 0,
    tamperDetected: false,
    details: [],
  })
  await parts.log.close()
  const tamper = Tamper.open(testLog.file, undefined)
  tamper.edit(6, { operation: 'never happened' })
  tamper.save().close()
  await open()
  const { verificationResults, entries } = await trail.queryAuditTrail(query)
  expect(entries.map(({ operation }) => operation)).toEqual(['search', 'never happened', 'forget'])
  expect(verificationResults).toMatchObject({
    totalEntries: 3,
    verifiedEntries: 2,
    failedVerifications: 1,
    tamperDetected: true,
  })
  expect(verificationResults!.details).toMatchObject([{ seq: 6, entryId: entries[1]!.id, status: 'tampered' }])
  expect(verificationResults!.details[0]!.reasons.join()).toContain('entry 6')
})

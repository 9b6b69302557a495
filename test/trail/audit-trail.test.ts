import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { EntryInput } from '../../src/core/entry.ts'
import { type Condition, compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import { type EntryView, openEntry } from '../../src/core/view.ts'
import { LogIndex } from '../../src/index/log-index.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { AuditTrail, type PageOptions } from '../../src/trail/audit-trail.ts'
import { LogBuilder, newKeys, type TestEntry, temporaryFolder } from './build-log.ts'

const closing: (() => void)[] = []
afterAll(() => {
  for (const close of closing) close()
})

function newLog(kind: 'memory' | 'sqlite') {
  const folder = temporaryFolder()
  const keys = newKeys(join(folder, 'keys'), kind === 'sqlite' ? 'sqlcipher' : 'none')
  const file = join(folder, 'audit.db')
  const store: Store =
    kind === 'memory' ? new MemoryStore() : openSqliteStore({ file, key: keys.storage, mode: 'create' })
  const index = LogIndex.open({ file: `${file}.index`, key: keys.storage, log: store, origin: keys.origin })
  closing.push(() => {
    index.close()
    store.close()
  })
  return { store, index, builder: new LogBuilder(store, keys), trail: new AuditTrail(store, index) }
}

async function everything(store: Store): Promise<EntryView[]> {
  const all: EntryView[] = []
  for await (const some of store.entries(0, Number.MAX_SAFE_INTEGER)) {
    for (const stored of some) all.push(openEntry(stored).view!)
  }
  return all
}

/** The slow reference: every entry, held against the filter. */
function reference(all: readonly EntryView[], filter: EntryFilter, { limit, after, order }: PageOptions): EntryView[] {
  const { matches } = compileFilter(filter)
  const behind = all.filter(({ seq }) => after === undefined || (order === 'asc' ? seq > after : seq < after))
  return (order === 'asc' ? behind : behind.reverse()).filter(matches).slice(0, limit)
}

const operations = ['remember', 'recall', 'forget', "x' OR 1=1 --"]
const components = ['store', 'api']
const flags = ['audit_required', 'gdpr', 'hipaa']
const ids = ['a', 'b', 'c:d', 'ünï']
const identity = fc.record({ type: fc.constantFrom('user', 'agent'), id: fc.constantFrom(...ids) })
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })

const input: fc.Arbitrary<TestEntry> = fc
  .record({
    input: fc.record(
      {
        operation: fc.constantFrom(...operations),
        component: fc.constantFrom(...components),
        kind: fc.constantFrom('event', 'event', 'intent', 'outcome'),
        outcome: fc.constantFrom('success', 'success', 'failure', 'denied'),
        securityLevel: fc.constantFrom('internal', 'internal', 'public', 'secret'),
        complianceFlags: fc.subarray(flags),
        memoryId: fc.constantFrom(...ids),
        session: fc.constantFrom('s1', 's2'),
        actor: fc.record(
          { ...{ type: fc.constant('agent'), id: fc.constantFrom(...ids) }, onBehalfOf: identity },
          {
            requiredKeys: ['type', 'id'],
          },
        ),
        performanceMetrics: fc.record({ duration_ms: fc.integer({ min: 0, max: 5 }) }),
        operationResult: fc.record({ data: fc.constantFrom('one two', 'two three', 3) }),
        attributes: fc.record({ 'tool.name': fc.constantFrom('read', 'write') }),
      },
      { requiredKeys: ['operation', 'component'] },
    ) as fc.Arbitrary<EntryInput>,
    later: fc.constantFrom(0, 1, 700, 5_000_000),
    idAge: fc.constantFrom(0, 0, 10_000_000),
  })
  .map(entry => entry as TestEntry)

const start = Date.UTC(2026, 10, 23, 14) * 1000
const someOf = (values: readonly string[]) =>
  fc.oneof(fc.constantFrom(...values), fc.subarray([...values], { minLength: 1 }))
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc
    .record({
      field: fc.constantFrom('operation', 'component', 'memoryId', 'session', 'kind', 'outcome', 'securityLevel'),
      op: fc.constantFrom('eq', 'ne'),
      value: fc.constantFrom('remember', 'store', 'a', 's1', 'event', 'success', 'internal'),
    })
    .filter(({ field, value }) => field !== 'securityLevel' || value === 'internal'),
  fc.constantFrom<Condition>(
    { field: 'operation', op: 'in', value: ['recall', 'forget'] },
    { field: 'operation', op: 'eq', value: 'REMEMBER', caseSensitive: false },
    { field: 'complianceFlags', op: 'contains', value: 'gdpr' },
    { field: 'performanceMetrics.duration_ms', op: 'between', value: [2, 4] },
    { field: 'operationResult.data', op: 'contains', value: 'two' },
    { field: 'seq', op: 'gte', value: 40 },
    { field: 'seq', op: 'between', value: [9.5, 120] },
    { field: 'time', op: 'lte', value: new Date((start + 100_000_000) / 1000).toISOString() },
    { field: 'memoryId', op: 'is_null' },
    { field: 'securityLevel', op: 'gt', value: 'internal' },
  ),
)
const filter: fc.Arbitrary<EntryFilter> = fc
  .record({
    operation: optional(someOf(operations)),
    component: optional(someOf([...components, 'nobody'])),
    memoryId: optional(someOf(ids)),
    actor: optional(someOf(['a', 'agent:a', 'user:b', 'agent:c:d', 'ünï', 'user:nobody'])),
    outcome: optional(someOf(['success', 'failure', 'denied', 'pending'])),
    kind: optional(someOf(['event', 'intent', 'outcome', 'control'])),
    session: optional(someOf(['s1', 's2'])),
    flag: optional(someOf(flags)),
    securityLevel: optional(someOf(['internal', 'public', 'secret'])),
    since: optional(fc.integer({ min: start, max: start + 400_000_000 })),
    until: optional(fc.integer({ min: start, max: start + 800_000_000 })),
    text: optional(fc.constantFrom('two', '"two three"', 'ÜNÏ')),
    where: optional(fc.array(condition, { maxLength: 2 })),
  })
  // Mostly few members, or nothing is ever found.
  .chain(all => fc.subarray(Object.keys(all), { maxLength: 3 }).map(names => pick(all, names)))

function pick(all: object, names: readonly string[]): EntryFilter {
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => names.includes(name) && value !== undefined))
}

const page: fc.Arbitrary<PageOptions> = fc.record({
  limit: fc.constantFrom(1, 7, 100, Number.POSITIVE_INFINITY),
  after: optional(fc.integer({ min: -1, max: 420 })),
  order: fc.constantFrom('asc', 'desc'),
})

describe.each(['memory', 'sqlite'] as const)('over the %s store', kind => {
  test('the answer is that of the slow reference, for any filter, order, cursor and limit', async () => {
    const { store, builder, trail } = newLog(kind)
    for (const seed of [1, 2]) {
      await builder.append(fc.sample(input, { seed, numRuns: 200 }))
      const all = await everything(store)
      let found = 0
      await fc.assert(
        fc.asyncProperty(filter, page, async (filter, page) => {
          const expected = reference(all, filter, page)
          const compiled = compileFilter(filter)
          expect(await trail.query(compiled, page)).toEqual(expected)
          const rows = await trail.list(compiled, page)
          expect(rows).toEqual(
            expected.map(
              ({ seq, time, kind, operation, component, outcome, securityLevel, actor, memoryId, session }) =>
                JSON.parse(
                  JSON.stringify({
                    seq,
                    time,
                    kind,
                    operation,
                    component,
                    outcome,
                    securityLevel,
                    actor,
                    memoryId,
                    session,
                  }),
                ),
            ),
          )
          found += expected.length
        }),
        { numRuns: 200, seed },
      )
      expect(found).toBeGreaterThan(2000)
    }
  })

  test('pages put together are the whole answer', async () => {
    const { store, builder, trail } = newLog(kind)
    await builder.append(fc.sample(input, { seed: 5, numRuns: 700 }))
    const everyone = await everything(store)
    for (const filter of [{}, { operation: 'recall' }, { text: 'two' }] satisfies EntryFilter[]) {
      for (const order of ['asc', 'desc'] as const) {
        const seen: number[] = []
        for (;;) {
          const after = seen.at(-1)
          const some = await trail.query(compileFilter(filter), { limit: 60, after, order })
          seen.push(...some.map(({ seq }) => seq))
          if (some.length < 60) break
        }
        const all = reference(everyone, filter, { limit: Infinity, order })
        expect(seen).toEqual(all.map(({ seq }) => seq))
      }
    }
  })

  test('what was acknowledged a moment ago is seen by query, list, get and openIntents', async () => {
    const { builder, trail } = newLog(kind)
    for (let i = 0; i < 70; i++) {
      const [receipt] = await builder.append([{ input: { operation: 'act', component: 'test', kind: 'intent' } }])
      const { seq, id, entryHash } = receipt!
      const newest: PageOptions = { limit: 1, order: 'desc' }
      expect(await trail.query(compileFilter({}), newest)).toMatchObject([{ seq, id, entryHash }])
      expect(await trail.list(compileFilter({ operation: 'act' }), newest)).toMatchObject([{ seq }])
      expect(await trail.get(id)).toMatchObject({ seq, entryHash, disclosures: [] })
      expect((await trail.openIntents()).at(-1)?.id).toBe(id)
      await builder.append([{ input: { operation: 'act', component: 'test', kind: 'outcome', intent: id } }])
      expect(await trail.openIntents()).toEqual([])
    }
  })
})

test('get takes a number or an id, gives the disclosures, and nothing for what is not there', async () => {
  const { builder, trail } = newLog('memory')
  const [receipt] = await builder.append([{ input: { operation: 'o', component: 'c', memoryId: 'm', session: 's' } }])
  const entry = await trail.get('0')
  expect(entry).toEqual(await trail.get(receipt!.id))
  expect(entry?.disclosures.map(([, name, value]) => [name, value])).toEqual([
    ['memoryId', 'm'],
    ['session', 's'],
  ])
  for (const wrong of [1, -1, 0.5, 'x', '99', '0199a3c1-7f00-7abc-8def-0123456789ab']) {
    expect(await trail.get(wrong)).toBeUndefined()
    expect(await trail.leaf(wrong)).toBeUndefined()
  }
})

test('an entry that cannot be read any more is in no answer, and its number is told', async () => {
  const { store, index, builder } = newLog('memory')
  await builder.append(Array.from({ length: 10 }, () => ({ input: { operation: 'o', component: 'c' } })))
  await index.catchUp()
  const broken = {
    head: () => store.head(),
    async *entries(from: number, to: number) {
      for await (const some of store.entries(from, to)) {
        yield some
          .filter(({ seq }) => seq !== 6)
          .map(stored => (stored.seq === 4 ? { ...stored, leaf: Buffer.from('{') } : stored))
      }
    },
  }
  const told: number[] = []
  const trail = new AuditTrail(broken, index, { onUnreadable: seq => told.push(seq) })
  const found = await trail.query(compileFilter({}), { limit: 100, order: 'asc' })
  expect(found.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 5, 7, 8, 9])
  expect(told).toEqual([4, 6])
  await expect(trail.get(4)).rejects.toMatchObject({ code: 'damaged' })
  expect(await trail.leaf(4)).toEqual(Uint8Array.from(Buffer.from('{')))
})

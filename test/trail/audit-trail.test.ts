import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import type { EntryView } from '../../src/core/view.ts'
import { AuditTrail, type PageOptions } from '../../src/trail/audit-trail.ts'
import { everything, filter, input, newLog, optional } from './random-log.ts'

/** The slow reference: every entry, held against the filter. */
function reference(
  all: readonly EntryView[],
  filter: EntryFilter,
  { limit, after, skip = 0, order }: PageOptions,
): EntryView[] {
  const { matches } = compileFilter(filter)
  const behind = all.filter(({ seq }) => after === undefined || (order === 'asc' ? seq > after : seq < after))
  return (order === 'asc' ? behind : behind.reverse()).filter(matches).slice(skip, skip + limit)
}

const page: fc.Arbitrary<PageOptions> = fc.record({
  limit: fc.constantFrom(1, 7, 100, Number.POSITIVE_INFINITY),
  after: optional(fc.integer({ min: -1, max: 420 })),
  skip: fc.constantFrom(undefined, 0, 3, 150),
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
              ({
                seq,
                time,
                kind,
                operation,
                component,
                outcome,
                securityLevel,
                complianceFlags,
                actor,
                memoryId,
                session,
              }) =>
                JSON.parse(
                  JSON.stringify({
                    seq,
                    time,
                    kind,
                    operation,
                    component,
                    outcome,
                    securityLevel,
                    complianceFlags,
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
  const trail = new AuditTrail(broken, index, { onUnreadable: seq => void told.push(seq) })
  const found = await trail.query(compileFilter({}), { limit: 100, order: 'asc' })
  expect(found.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 5, 7, 8, 9])
  expect(told).toEqual([4, 6])
  await expect(trail.get(4)).rejects.toMatchObject({ code: 'damaged' })
  expect(await trail.leaf(4)).toEqual(Uint8Array.from(Buffer.from('{')))
})

test('a search reads the entries in which its words may stand, and few others', async () => {
  const { store, index, builder } = newLog('sqlite')
  const word = (i: number) => ((i * 2654435761) % 2 ** 32).toString(36)
  const entry = (i: number) => ({
    input: { operation: 'o', component: 'c', operationResult: { data: { content: `Wort ${word(i)} Übung` } } },
  })
  await builder.append(Array.from({ length: 3200 }, (_, i) => entry(i)))
  let read = 0
  const counted = {
    head: () => store.head(),
    async *entries(from: number, to: number) {
      for await (const some of store.entries(from, to)) {
        read += some.length
        yield some
      }
    },
  }
  const trail = new AuditTrail(counted, index)
  for (const filter of [
    { text: `"${word(1234)} übung"` },
    { where: [{ field: 'operationResult.data.content', op: 'contains', value: word(1234) }] },
    { where: [{ field: 'operationResult.data.content', op: 'ends_with', value: `${word(1234)} Übung` }] },
  ] as const) {
    read = 0
    const found = await trail.query(compileFilter(filter), { limit: 100, order: 'desc' })
    expect(found.map(({ seq }) => seq)).toEqual([1234])
    expect(read).toBeLessThan(3200 / 8)
  }
})

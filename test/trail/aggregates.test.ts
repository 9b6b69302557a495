/** Counts, facets and histograms against slow ones over `matches`; and how far estimates are off. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileFilter, type EntryFilter, type IndexedField, indexedFields } from '../../src/core/filter.ts'
import { parseTime } from '../../src/core/time.ts'
import { type EntryView, identitiesOf } from '../../src/core/view.ts'
import { LogIndex } from '../../src/index/log-index.ts'
import type { Facet, HistogramOptions } from '../../src/trail/aggregates.ts'
import { AuditTrail } from '../../src/trail/audit-trail.ts'
import { temporaryFolder } from './build-log.ts'
import { everything, filter, input, newLog, start } from './random-log.ts'

function slowFacet(matching: readonly EntryView[], field: IndexedField, limit: number): Facet {
  const counts: Record<string, number> = {}
  const count = (value: unknown) => {
    if (typeof value === 'string') counts[value] = (counts[value] ?? 0) + 1
  }
  for (const view of matching) {
    if (field === 'flag') view.complianceFlags.forEach(count)
    else if (field === 'actor') new Set(identitiesOf(view.actor).map(({ type, id }) => `${type}:${id}`)).forEach(count)
    else count(view[field])
  }
  const values = Object.entries(counts).map(([value, count]) => ({ value, count }))
  values.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
  return { field, values: values.slice(0, limit), exact: true }
}

const widths: fc.Arbitrary<HistogramOptions> = fc.oneof(
  fc.record({ buckets: fc.constantFrom(2, 7, 60) }),
  fc.record({ everyMs: fc.constantFrom(1000, 60_000, 86_400_000) }),
)

describe.each(['memory', 'sqlite'] as const)('over the %s store', kind => {
  test('count, facets and histogram are what the entries say, for any filter', async () => {
    const { store, builder, trail } = newLog(kind)
    for (const seed of [3, 4]) {
      await builder.append(fc.sample(input, { seed, numRuns: 150 }))
      const all = await everything(store)
      await fc.assert(
        fc.asyncProperty(
          filter,
          fc.subarray([...indexedFields], { minLength: 1 }),
          widths,
          async (filter, fields, width) => {
            const compiled = compileFilter(filter)
            const matching = all.filter(compiled.matches)
            const exact = { count: matching.length, exact: true, margin: 0 }
            expect(await trail.count(compiled)).toEqual(exact)
            expect(await trail.count(compiled, { exact: true })).toEqual(exact)
            expect(await trail.facets(compiled, { fields, limit: 3 })).toEqual(
              fields.map(field => slowFacet(matching, field, 3)),
            )
            const histogram = await trail.histogram(compiled, width)
            expect(histogram.exact).toBe(true)
            const { buckets, everyMs } = histogram
            if ('everyMs' in width) expect(everyMs).toBe(width.everyMs)
            else expect(buckets.length).toBeLessThanOrEqual(width.buckets)
            const times = buckets.map(({ time }) => parseTime(time)!)
            for (const [i, time] of times.entries()) {
              expect(time).toBe(times[0]! + i * everyMs * 1000)
              const inside = matching.filter(
                view => Math.floor((parseTime(view.time)! - time) / (everyMs * 1000)) === 0,
              )
              const { count, outcomes } = buckets[i]!
              expect(count).toBe(inside.length)
              const said = Object.entries(outcomes).filter(([, n]) => n > 0)
              expect(Object.fromEntries(said)).toEqual(
                Object.fromEntries(
                  Object.entries(Object.groupBy(inside, ({ outcome }) => outcome ?? 'none')).map(([name, of]) => [
                    name,
                    of!.length,
                  ]),
                ),
              )
            }
            expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(matching.length)
          },
        ),
        { numRuns: 60, seed },
      )
    }
  })
})

test('what is asked in a wrong way is an error that names its member', async () => {
  const { trail } = newLog('memory')
  const all = compileFilter({})
  const wrong: [() => Promise<unknown>, string][] = [
    [() => trail.facets(all, { fields: [] }), '$.fields'],
    [() => trail.facets(all, { fields: ['operation', 'userContext' as never] }), '$.fields[1]'],
    [() => trail.facets(all, { fields: ['kind'], limit: 0 }), '$.limit'],
    [() => trail.histogram(all, { buckets: 1 }), '$.buckets'],
    [() => trail.histogram(all, { buckets: 10_001 }), '$.buckets'],
    [() => trail.histogram(all, { everyMs: 0.5 }), '$.everyMs'],
    [
      () => trail.histogram(compileFilter({ since: '2020-01-01T00:00:00Z', until: start }), { everyMs: 1 }),
      '$.everyMs',
    ],
  ]
  for (const [ask, path] of wrong) await expect(ask()).rejects.toMatchObject({ code: 'bad_input', path })
  expect(await trail.count(all)).toEqual({ count: 0, exact: true, margin: 0 })
  expect(await trail.facets(all, { fields: ['kind'] })).toEqual([{ field: 'kind', values: [], exact: true }])
  expect(await trail.histogram(all, { buckets: 10 })).toMatchObject({ buckets: [], exact: true })
})

test('the histogram of a log whose times run backwards is counted all the same', async () => {
  const { builder, store, index } = newLog('memory')
  await builder.append([0, 5, 5, 5, 5].map(s => ({ input: { operation: 'o', component: 'c' }, later: s * 1_000_000 })))
  const log = {
    head: () => store.head(),
    async *entries(from: number, to: number) {
      for await (const some of store.entries(from, to)) {
        yield some.map(stored => {
          const text = Buffer.from(stored.leaf).toString()
          return stored.seq === 3 ? { ...stored, leaf: Buffer.from(text.replace('14:00:15', '14:00:04')) } : stored
        })
      }
    },
  }
  const backwards = LogIndex.open({
    file: `${temporaryFolder()}/index`,
    key: undefined,
    log,
    origin: 'test.example/log',
  })
  const { buckets } = await new AuditTrail(log, backwards).histogram(compileFilter({}), { everyMs: 5000 })
  expect(buckets.map(({ count }) => count)).toEqual([2, 1, 1, 0, 1])
  const straight = await new AuditTrail(store, index).histogram(compileFilter({}), { everyMs: 5000 })
  expect(straight.buckets.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1])
  backwards.close()
})

describe('beyond what is looked at one by one', () => {
  const size = 24_000
  /** Intents and outcomes in turns, sessions of 300, three operations, one entry in forty a failure. */
  const entry = (i: number) => ({
    input: {
      operation: ['read', 'write', 'forget'][i % 10 < 6 ? 0 : i % 10 < 9 ? 1 : 2]!,
      component: i % 2 === 0 ? 'even' : 'odd',
      session: `s${Math.floor(i / 300)}`,
      memoryId: `m${i % 9000}`,
      outcome: i % 40 === 7 ? ('failure' as const) : ('success' as const),
      complianceFlags: ['all'],
      attributes: { n: i % 100 },
    },
    later: i < size / 2 ? 1000 : 3000,
  })

  test('answers are estimates that say so, within their margin, and out of step with nothing', {
    timeout: 30_000,
  }, async () => {
    const { builder, trail, index } = newLog('sqlite')
    await builder.append(Array.from({ length: size }, (_, i) => entry(i)))
    const count = (filter: EntryFilter, exact = false) => trail.count(compileFilter(filter), { exact })
    const success = { outcome: 'success', flag: 'all' } as const

    // What the lists can tell is exact, however much it is.
    expect(await count({})).toEqual({ count: size, exact: true, margin: 0 })
    expect(await count({ component: 'odd' })).toMatchObject({ count: size / 2, exact: true })
    expect(await count({ component: ['odd', 'even'], operation: 'read' })).toMatchObject({ count: 14_400, exact: true })
    expect(await count({ outcome: 'success' })).toMatchObject({ count: 23_400, exact: true })
    // Where each row has to be looked at, it is an estimate.
    const estimate = await count(success)
    expect(estimate.exact).toBe(false)
    expect(estimate.margin).toBeLessThan(100)
    expect(Math.abs(estimate.count - 23_400)).toBeLessThanOrEqual(estimate.margin)
    expect(await count(success, true)).toEqual({ count: 23_400, exact: true, margin: 0 })
    // And exact again where it is not more than 10 000.
    expect(
      await count({ flag: 'all', securityLevel: 'internal', where: [{ field: 'seq', op: 'lt', value: 8000 }] }),
    ).toEqual({ count: 8000, exact: true, margin: 0 })
    const rest: EntryFilter = { where: [{ field: 'attributes.n', op: 'lt', value: 25 }] }
    const guess = await count(rest)
    expect(guess.exact).toBe(false)
    expect(Math.abs(guess.count - size / 4)).toBeLessThanOrEqual(guess.margin)
    expect(await count(rest, true)).toMatchObject({ count: size / 4, exact: true })

    const [component, operation, session, memoryId, outcome] = await trail.facets(compileFilter(success), {
      fields: ['component', 'operation', 'session', 'memoryId', 'outcome'],
      limit: 5,
    })
    expect([component!.exact, outcome!.values.length]).toEqual([false, 1])
    // Odd and even numbers come in turns: a sample in step with them would see only one kind.
    for (const { value, count } of component!.values) {
      expect(Math.abs(count - (value === 'even' ? 12_000 : 11_400)) / 12_000).toBeLessThan(0.05)
    }
    expect(operation!.values.map(({ value }) => value)).toEqual(['read', 'write', 'forget'])
    // Values that are rare in the sample are counted for themselves.
    for (const { count } of memoryId!.values) expect(count).toBeLessThanOrEqual(3)
    for (const { count } of session!.values) expect(count).toBeLessThan(450)

    const { buckets, exact } = await trail.histogram(compileFilter(success), { everyMs: 6000 })
    expect([exact, buckets.length]).toEqual([false, 9])
    for (const [i, { count, outcomes }] of buckets.slice(1, -1).entries()) {
      const real = i < 1 ? 6000 * 0.975 : 2000 * 0.975
      expect(Math.abs(count - real) / real, `bucket ${i}`).toBeLessThan(0.08)
      expect(outcomes.success).toBe(count)
    }
    // Each number has the same chance.
    const [some] = await index.sample(compileFilter({ flag: 'all' }), { size, all: 100, enough: 2000 })
    expect(some!.candidates).toBe(size)
    expect(some!.looked).toBeGreaterThan(2000)
    const even = some!.rows.filter(({ seq }) => seq % 2 === 0).length
    expect(Math.abs(even / some!.looked - 0.5)).toBeLessThan(0.04)
  })
})

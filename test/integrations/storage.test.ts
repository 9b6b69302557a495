import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EntryView } from '../../src/core/view.ts'
import { defaultGovernanceSettings, type EnforcementMode } from '../../src/governance/settings.ts'
import { SimpleGovernance } from '../../src/governance/simple-governance.ts'
import { prepareEntry } from '../../src/intake/prepare.ts'
import { defaultIntakeSettings } from '../../src/intake/settings.ts'
import type { Governance } from '../../src/integrations/audited.ts'
import { withContext } from '../../src/integrations/context.ts'
import { auditStorage } from '../../src/integrations/storage.ts'
import { PlainStore, SeedStore } from './memory-stores.ts'
import { type OpenLog, openLog } from './support.ts'

const now = () => Date.UTC(2026, 10, 23) * 1000
const governanceIn = (enforcementMode: EnforcementMode): SimpleGovernance =>
  new SimpleGovernance({ settings: { ...defaultGovernanceSettings, enforcementMode }, now })
const long = 'x'.repeat(1_000_001)

/** Checks that what stands in the log are pairs, and gives each as what matters of it. */
async function pairsIn({ log, entries }: OpenLog): Promise<string[]> {
  const all = await entries()
  const intents = all.filter(({ kind }) => kind === 'intent')
  const pairs = intents.map(intent => {
    const outcomes = all.filter(entry => entry.intent === intent.id)
    expect(outcomes, `outcomes of ${intent.operation}`).toHaveLength(1)
    const outcome = outcomes[0]!
    expect(outcome.seq).toBeGreaterThan(intent.seq)
    expect(outcome.performanceMetrics!.durationMs).toBeGreaterThanOrEqual(0)
    expect(intent.arguments).toBeInstanceOf(Array)
    return `${intent.operation} ${outcome.outcome} ${outcome.memoryId ?? '-'} ${intent.attributes!['code.function.name']}`
  })
  expect(all).toHaveLength(2 * pairs.length)
  expect(await log.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [] })
  return pairs
}

describe('a wrapped memory store', () => {
  it('has every operation on the record, under the names of the seed’s store', async () => {
    await using open = await openLog()
    const store = auditStorage(new SeedStore(), open.log)
    const a = await store.store_enhanced_memory_optimized({ content: 'likes window seats', summary: 'windows' })
    expect(a).toBe('mem_1')
    expect(await store.store_memory({ id: 'own', content: 'dislikes layovers' })).toBe('own')
    expect(await store.retrieve_summary_optimized(a)).toBe('windows')
    expect(await store.retrieve_full_context_optimized(a)).toMatchObject({ id: a })
    expect(await store.retrieve_memory('own')).toMatchObject({ content: 'dislikes layovers' })
    expect(await store.search_enhanced_memories('likes')).toHaveLength(2)
    expect(await store.search_memories('window')).toHaveLength(1)
    expect(await store.count_enhanced_memories()).toBe(2)
    expect(await store.list_memories(1)).toHaveLength(1)
    await store.update_memory({ id: 'own', content: 'none' })
    expect(await store.delete_memory('own')).toBe(true)
    expect(await pairsIn(open)).toEqual([
      'remember success mem_1 store_enhanced_memory_optimized',
      'remember success own store_memory',
      'recall success mem_1 retrieve_summary_optimized',
      'recall success mem_1 retrieve_full_context_optimized',
      'recall success own retrieve_memory',
      'search success - search_enhanced_memories',
      'search success - search_memories',
      'count success - count_enhanced_memories',
      'list success - list_memories',
      'update success own update_memory',
      'forget success own delete_memory',
    ])
    const counted = (await open.entries()).flatMap(({ attributes }) => attributes?.['gen_ai.memory.record.count'] ?? [])
    expect(counted).toEqual([2, 1, 2, 1])
  })

  it('has every operation on the record, under plain names, in camelCase, and under names of one’s own', async () => {
    await using open = await openLog()
    const store = auditStorage(new PlainStore(), open.log, { methods: { scan: 'list', count: 'off' } })
    expect(await store.set('a', { text: 'one' })).toBe(store)
    expect(await store.get('a')).toEqual({ text: 'one' })
    expect(await store.update('a', { more: 2 })).toEqual({ text: 'one', more: 2 })
    expect(await store.search('one')).toHaveLength(1)
    expect(await store.list()).toEqual(['a'])
    expect(await Array.fromAsync(store.scan())).toEqual(['a'])
    expect(store.count()).toBe(1)
    expect(await store.delete('a')).toBe(true)
    await store.clear()
    const camel = auditStorage({ storeMemory: (m: { id: number }) => m.id, searchEnhancedMemories: () => [] }, open.log)
    expect(await camel.storeMemory({ id: 7 })).toBe(7)
    await camel.searchEnhancedMemories()
    const map = auditStorage(new Map<string, string>(), open.log)
    await map.set('k', 'v')
    expect(await map.get('k')).toBe('v')
    expect(await pairsIn(open)).toEqual([
      'remember success a set',
      'recall success a get',
      'update success a update',
      'search success - search',
      'list success - list',
      'list success - scan',
      'forget success a delete',
      'forget success - clear',
      'remember success 7 storeMemory',
      'search success - searchEnhancedMemories',
      'remember success k set',
      'recall success k get',
    ])
    expect(() => auditStorage(new PlainStore(), open.log, { methods: { scan: 'read' as 'list' } })).toThrow(
      '$.methods.scan: must be one of remember, recall, update, search, forget, list, count, off',
    )
  })

  it('is called when its intent is on the disk, and not before', async () => {
    await using open = await openLog()
    const seen: unknown[] = []
    const store = auditStorage(
      {
        async get(id: string) {
          const [intent] = await Array.fromAsync(open.log.query({ operation: 'recall' }))
          seen.push(intent?.kind, intent?.memoryId, intent?.arguments)
          expect(await open.log.verify()).toMatchObject({
            valid: true,
            complete: false,
            missing: [{ kind: 'open_intent' }],
          })
          return id
        },
      },
      open.log,
    )
    await store.get('a')
    expect(seen).toEqual(['intent', 'a', ['a']])
    expect(await open.log.verify()).toMatchObject({ complete: true })
  })

  it('throws what the store throws, the same object, and records it', async () => {
    await using open = await openLog()
    const thrown = [
      Object.assign(new RangeError('no such memory'), { code: 'ENOENT' }),
      Object.freeze({ name: 'NotAnError', why: [1] }),
      'a text',
      undefined,
      null,
    ]
    for (const error of thrown) {
      const failing = {
        get: () => {
          throw error
        },
        async delete() {
          throw error
        },
      }
      const store = auditStorage(failing, open.log)
      for (const call of [store.get, store.delete]) {
        const caught = await call().then(
          () => expect.unreachable(),
          (reason: unknown) => ({ reason }),
        )
        expect(caught.reason).toBe(error)
      }
    }
    await pairsIn(open)
    const outcomes = (await open.entries()).filter(
      ({ kind, operation }) => kind === 'outcome' && operation === 'recall',
    )
    expect(
      outcomes.map(({ outcome, operationResult, attributes }) => [outcome, operationResult, attributes!['error.type']]),
    ).toEqual([
      ['failure', { name: 'RangeError', message: 'no such memory', code: 'ENOENT' }, 'ENOENT'],
      ['failure', { name: 'NotAnError', why: [1] }, 'NotAnError'],
      ['failure', 'a text', 'error'],
      ['failure', null, 'error'],
      ['failure', null, 'error'],
    ])
  })

  it('is not called when the log does not take the intent', async () => {
    const open = await openLog()
    const plain = new SeedStore()
    const store = auditStorage(plain, open.log)
    await open.log.close()
    await expect(store.store_memory({ content: 'x' })).rejects.toMatchObject({ code: 'closed' })
    expect(plain.calls).toBe(0)
    await open[Symbol.asyncDispose]()
  })

  it('keeps its result when the log fails under a call: the intent stays open, and listeners are told', async () => {
    await using open = await openLog()
    let fails = false
    const log = {
      append: (entry: Parameters<typeof open.log.append>[0]) =>
        fails ? Promise.reject(new Error('the disk is full')) : open.log.append(entry),
    }
    const boom = new Error('boom')
    const store = auditStorage(
      {
        get() {
          fails = true
          return 42
        },
        delete() {
          fails = true
          throw boom
        },
      },
      { log, events: open.log.events },
    )
    expect(await store.get()).toBe(42)
    fails = false
    await expect(store.delete()).rejects.toBe(boom)
    const faults = open.heard.filter(event => event.type === 'fault')
    expect(faults.map(({ message }) => message)).toEqual([
      'the outcome of recall was not recorded: the disk is full',
      'the outcome of forget was not recorded: the disk is full',
    ])
    expect(await open.log.verify()).toMatchObject({ valid: true, complete: false })
  })

  it('behaves like the store, for whatever sequence of calls, at once or one by one', async () => {
    await using open = await openLog()
    const id = fc.constantFrom('a', 'b', 'c')
    const call = fc.oneof(
      fc.record({
        name: fc.constant('store_memory' as const),
        args: fc.tuple(fc.record({ id, content: fc.string() })),
      }),
      fc.record({ name: fc.constant('retrieve_memory' as const), args: fc.tuple(id) }),
      fc.record({ name: fc.constant('delete_memory' as const), args: fc.tuple(id) }),
      fc.record({
        name: fc.constant('update_memory' as const),
        args: fc.tuple(fc.record({ id, content: fc.string() })),
      }),
      fc.record({ name: fc.constant('list_memories' as const), args: fc.tuple(fc.nat(5)) }),
    )
    let pairs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 8 }), fc.boolean(), async (calls, atOnce) => {
        const plain = new SeedStore()
        const store = auditStorage(new SeedStore(), open.log)
        const run = async (on: object) => {
          const results: Promise<unknown>[] = []
          for (const { name, args } of calls) {
            const method = (on as Record<string, (...args: unknown[]) => Promise<unknown>>)[name]!
            const result = method.apply(on, args).then(JSON.stringify, (error: Error) => error.message)
            results.push(result)
            if (!atOnce) await result
          }
          return Promise.all(results)
        }
        expect(await run(store)).toEqual(await run(plain))
        pairs += calls.length
      }),
      { numRuns: 25 },
    )
    expect(await pairsIn(open)).toHaveLength(pairs)
  })
})

describe('the stand-in', () => {
  it('is the store in every other way', async () => {
    await using open = await openLog()
    const plain = new SeedStore()
    const store = auditStorage(plain, open.log)
    expect(store).toBeInstanceOf(SeedStore)
    expect(store.constructor).toBe(SeedStore)
    expect(store.size).toBe(0)
    expect(store.describe()).toBe('0 memories')
    expect(store.store_memory).toBe(store.store_memory)
    expect(store.store_memory.length).toBe(1)
    expect('calls' in store).toBe(true)
    expect(Object.keys(store)).toEqual(Object.keys(plain))
    store.calls = 5
    expect(plain.calls).toBe(5)
    const { store_memory: taken } = store
    expect(await taken.call(store, { content: 'x' })).toBe('mem_1')
    expect(plain.size).toBe(1)
    expect(await open.entries()).toHaveLength(2)
  })

  it('records methods of a frozen object too, and methods that are set later', async () => {
    await using open = await openLog()
    const frozen = auditStorage(Object.freeze({ get: (id: string) => id }), open.log)
    expect(await frozen.get('a')).toBe('a')
    const loose = auditStorage({ get: (id: string) => id }, open.log)
    loose.get = async id => `${id}!`
    expect(await loose.get('b')).toBe('b!')
    expect(await pairsIn(open)).toEqual(['recall success a get', 'recall success b get'])
  })

  it('makes an async generator of a generator, with an outcome that says how far it was read', async () => {
    await using open = await openLog()
    const store = auditStorage(
      {
        *list() {
          yield* [1, 2, 3]
        },
        async *search(fails: boolean) {
          yield 1
          if (fails) throw new Error('lost')
          yield 2
        },
      },
      open.log,
    )
    expect(await Array.fromAsync(store.list())).toEqual([1, 2, 3])
    for await (const item of store.list()) if (item === 2) break
    await expect(Array.fromAsync(store.search(true))).rejects.toThrow('lost')
    await pairsIn(open)
    const outcomes = (await open.entries()).filter(({ kind }) => kind === 'outcome')
    expect(outcomes.map(({ outcome, operationResult }) => [outcome, operationResult])).toEqual([
      ['success', { items: 3 }],
      ['success', { items: 2, endedEarly: true }],
      ['failure', { name: 'Error', message: 'lost' }],
    ])
  })

  it('records arguments and results that were not made to be recorded', async () => {
    await using open = await openLog()
    class Note {
      readonly #hidden = 1
      readonly content = 'c'
      readonly none = undefined
      get hidden() {
        return this.#hidden
      }
    }
    const loop: Record<string, unknown> = { n: 1n, bad: Number.NaN, raw: Buffer.from('x'), at: new Date(0), f() {} }
    loop.self = loop
    const store = auditStorage({ add: (..._args: unknown[]) => new Map([['a', Symbol('s')]]) }, open.log)
    await store.add(new Note(), loop, '\ud800', 'y'.repeat(2_000_000), undefined, 2 ** 60)
    const [intent, outcome] = await open.entries()
    expect(intent!.arguments).toEqual({
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      length: expect.any(Number),
      reason: 'size',
    })
    expect(outcome!.operationResult).toEqual([['a', '[Symbol(s)]']])
    await store.add(
      new Note(),
      loop,
      '\ud800',
      undefined,
      2 ** 60,
      new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('no')
          },
        },
      ),
    )
    expect((await open.entries())[2]!.arguments).toEqual([
      { content: 'c' },
      {
        n: '1',
        bad: 'NaN',
        raw: { digest: 'sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881', length: 1 },
        at: '1970-01-01T00:00:00.000Z',
        f: '[function f]',
        self: '[circular]',
      },
      '\ufffd',
      null,
      '1152921504606847000',
      '[unreadable]',
    ])
  })

  it('does not stand in the way of values that cannot be read', async () => {
    await using open = await openLog()
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('no')
        },
        has() {
          throw new Error('no')
        },
      },
    )
    const thrown = new Proxy(new Error('x'), {
      get() {
        throw new Error('no')
      },
    })
    const store = auditStorage(
      {
        add: async (memory: object) => [memory],
        update: (memory: object) => memory === hostile,
        search: async () => [hostile],
        async forget() {
          throw thrown
        },
      },
      {
        log: open.log,
        events: open.log.events,
        governance: { validateMemory: () => ({ approved: true, status: 'approved' }) },
      },
    )
    expect((await store.add(hostile))[0]).toBe(hostile)
    expect(await store.update(hostile)).toBe(true)
    expect((await store.search())[0]).toBe(hostile)
    await expect(store.forget().catch(reason => ({ isSame: reason === thrown }))).resolves.toEqual({ isSame: true })
    expect(await pairsIn(open)).toHaveLength(4)
  })

  it('gives an id only where there is one that the log can keep', async () => {
    await using open = await openLog()
    const store = auditStorage({ get: (..._: unknown[]) => undefined, add: (memory: unknown) => memory }, open.log)
    for (const id of ['', 'a\nb', 'x'.repeat(513), '\ud800', 1.5, null, {}]) await store.get(id)
    for (const id of ['x', 0, { memory_id: 'm' }, { memoryId: 5 }, { id: { id: 1 } }]) await store.get(id)
    await store.add({ content: 'x', id: 'given' })
    expect((await pairsIn(open)).map(pair => pair.split(' ')[2])).toEqual([
      ...Array<string>(7).fill('-'),
      'x',
      '0',
      'm',
      '5',
      '-',
      'given',
    ])
  })
})

describe('governance over a wrapped store', () => {
  const statuses = (entries: readonly EntryView[]) =>
    entries.map(({ kind, outcome, governanceStatus }) => `${kind} ${outcome ?? '-'} ${governanceStatus ?? '-'}`)

  it('refuses a memory before the store sees it, and the refusal is on the record', async () => {
    await using open = await openLog({ prepare: prepareEntry(defaultIntakeSettings) })
    const plain = new SeedStore()
    const { log } = open
    const store = auditStorage(plain, { log, governance: governanceIn('strict'), events: log.events })
    await expect(store.store_memory({ content: long, tags: ['a'] })).rejects.toMatchObject({
      name: 'AuditError',
      code: 'not_allowed',
      message: 'governance does not allow remember: rejected, content_size_exceeded',
      cause: { approved: false, status: 'rejected', operationContext: 'store' },
    })
    expect(plain.calls).toBe(0)
    await pairsIn(open)
    const [intent, outcome] = await open.entries()
    expect(statuses([intent!, outcome!])).toEqual(['intent - rejected', 'outcome denied rejected'])
    expect(intent).toMatchObject({
      complianceFlags: ['audit_required', 'governance_violations', 'retention_required'],
      governanceResult: { status: 'rejected', violations: [{ type: 'content_size_exceeded', severity: 'critical' }] },
      performanceMetrics: { governanceMs: 0 },
    })
    expect(outcome!.operationResult).toEqual({ reason: 'governance: rejected' })
    expect(open.heard.filter(event => event.type === 'governed')).toEqual([
      {
        type: 'governed',
        status: 'rejected',
        violations: [{ type: 'content_size_exceeded', severity: 'critical' }],
        durationMs: 0,
      },
    ])
  })

  it('lets pass what its mode lets pass, and says so', async () => {
    await using open = await openLog()
    const { log } = open
    const tags = Array.from({ length: 101 }, () => 't')
    for (const mode of ['permissive', 'audit_only', 'strict'] as const) {
      const store = auditStorage(new SeedStore(), { log, governance: governanceIn(mode) })
      await store.store_memory({ content: 'x', tags }).catch(() => {})
    }
    expect(statuses(await open.entries())).toEqual([
      'intent - approved_with_warnings',
      'outcome success approved_with_warnings',
      'intent - approved_with_warnings',
      'outcome success approved_with_warnings',
      'intent - rejected',
      'outcome denied rejected',
    ])
  })

  it('judges updates as updates, texts and other values by their size, and what is read without keeping it back', async () => {
    await using open = await openLog()
    const { log } = open
    const asked: [unknown, string][] = []
    const strict = governanceIn('strict')
    const governance: Governance = {
      validateMemory(memory: { content: string }, context: string) {
        asked.push([memory, context])
        return strict.validateMemory(memory, context)
      },
    }
    const store = auditStorage(new PlainStore(), { log, governance })
    await store.set('a', 'a text')
    await store.update('a', { tags: ['x'] })
    await store.set('b', { other: 1 })
    await expect(store.set('c', { other: long })).rejects.toMatchObject({ code: 'not_allowed' })
    expect(asked).toEqual([
      ['a text', 'store'],
      [{ tags: ['x'] }, 'update'],
      [{ content: '{"other":1}' }, 'store'],
      [{ content: expect.stringMatching(/^{"other":"x/) }, 'store'],
    ])
    const old = auditStorage({ get: () => ({ id: 'old', content: long }) }, { log, governance })
    expect(await old.get()).toMatchObject({ id: 'old' })
    expect(asked.at(-1)![1]).toBe('retrieve')
    const last = (await open.entries()).at(-1)
    expect(last).toMatchObject({
      outcome: 'success',
      governanceStatus: 'rejected',
      governanceResult: { status: 'rejected' },
    })
  })

  it.each<[unknown, string]>([
    [null, 'error'],
    ['approved', 'error'],
    [{}, 'error'],
    [{ approved: 'yes', status: 'approved' }, 'approved'],
    [
      { approved: false, status: 'rejected', violations: [{ type: 'x', severity: 'high' }], processing_time: 3 },
      'rejected',
    ],
    [{ approved: false, status: 'a status\nof two lines', violations: 'x' }, 'error'],
  ])('that does not approve in so many words allows nothing: %j', async (result, status) => {
    await using open = await openLog()
    const plain = new SeedStore()
    const store = auditStorage(plain, { log: open.log, governance: { validateMemory: () => result } })
    await expect(store.store_memory({ content: 'x' })).rejects.toMatchObject({ code: 'not_allowed', cause: result })
    expect(plain.calls).toBe(0)
    const [intent, outcome] = await open.entries()
    expect([intent!.governanceStatus, outcome!.outcome]).toEqual([status, 'denied'])
    expect(await open.log.verify()).toMatchObject({ valid: true, complete: true })
  })

  it('that fails allows nothing', async () => {
    await using open = await openLog()
    const { log } = open
    const plain = new SeedStore()
    const governance = { validateMemory: () => Promise.reject(new Error('no policy server')) }
    const store = auditStorage(plain, { log, governance })
    await expect(store.store_memory({ content: 'x' })).rejects.toMatchObject({ code: 'not_allowed' })
    expect(plain.calls).toBe(0)
    expect((await open.entries())[0]).toMatchObject({
      governanceStatus: 'error',
      governanceResult: { error: { message: 'no policy server' } },
    })
  })

  it('and the context of the caller stand in both entries', async () => {
    await using open = await openLog()
    const store = auditStorage(new SeedStore(), open.log, { component: 'crm' })
    const actor = { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u1' } }
    await withContext({ actor, session: 's1', userContext: { tenant: 't' } }, () =>
      store.store_memory({ content: 'x' }),
    )
    for (const entry of await open.entries()) {
      expect(entry).toMatchObject({ component: 'crm', actor, session: 's1', userContext: { tenant: 't' } })
    }
  })
})

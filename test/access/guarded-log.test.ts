/** A log in the hands of one principal: it gives what may be seen, nothing that follows from the rest, and all on record. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GuardedLog, guardLog } from '../../src/access/guarded-log.ts'
import { guardReader } from '../../src/access/guarded-reader.ts'
import { type Principal, sightOf } from '../../src/access/principal.ts'
import type { Grant } from '../../src/access/settings.ts'
import { systemWorld } from '../../src/append/clock.ts'
import type { OpenCall } from '../../src/audit-log.ts'
import { exitCodeOf } from '../../src/cli/failure.ts'
import { securityLevels } from '../../src/core/entry.ts'
import { type Condition, compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import type { EntryView } from '../../src/core/view.ts'
import { closeValues } from '../../src/export/values.ts'
import { verifyBundle } from '../../src/export/verify-bundle.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'

const components = ['memory', 'files', 'mail']
const secretWord = 'hydrangea'

let folder: string
let parts: OpenedParts
/** The entries that the tests began with. */
let entries: EntryView[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-access-'))
  const where = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
  parts = await openParts({ ...where, threads: false, closeOnExit: false, onCreate: () => {} })
  await Promise.all(
    Array.from({ length: 600 }, (_, i) =>
      parts.log.append({
        operation: ['remember', 'recall', 'forget'][i % 3]!,
        component: components[Math.floor(i / 7) % 3]!,
        securityLevel: securityLevels[i % 5]!,
        memoryId: `mem_${i % 10}`,
        session: `session ${i % 4}`,
        actor: { type: 'agent', id: `agent-${i % 6}` },
        userContext: { note: i % 11 === 0 ? secretWord : 'plain', n: i },
        attributes: { n: i % 8, word: i % 13 === 0 ? secretWord : 'open' },
        ...(i % 2 === 0 ? { outcome: 'success' as const } : {}),
      }),
    ),
  )
  entries = await Array.fromAsync(parts.log.query({}, { order: 'asc' }))
})
afterAll(async () => {
  await parts.log.close()
  rmSync(folder, { recursive: true, force: true })
})

const alice = { type: 'user', id: 'alice' }
const principal = (grants: readonly Grant[], aboveClearance: Principal['aboveClearance'] = 'closed'): Principal => ({
  actor: alice,
  grants,
  aboveClearance,
})
const everything: Grant = {
  clearance: 'top_secret',
  components: ['*'],
  permissions: ['append', 'read', 'disclose', 'verify', 'export', 'erase', 'administer'],
}
const upTo = (clearance: Grant['clearance'], only: readonly string[] = ['*']): Grant => ({
  ...everything,
  clearance,
  components: only,
})

function guard(who: Principal): GuardedLog<OpenCall> {
  return guardLog(parts.log, who, { reader: parts.reader, control: entry => parts.logger.logControl(entry) })
}

/** What was recorded since the log had this size. */
const since = (size: number) =>
  Array.fromAsync(parts.log.query({ where: [{ field: 'seq', op: 'gte', value: size }] }, { order: 'asc' }))
const sizeNow = async () => (await parts.log.status()).size

/** An entry as this principal sees it. */
function shown(entry: EntryView, who: Principal): EntryView[] {
  const sight = sightOf(who, entry, 'read')
  return sight === 'nothing' ? [] : [sight === 'whole' ? entry : closeValues(entry, () => false)]
}

describe('what a principal finds', () => {
  const grants = fc.array(
    fc.record<Grant>({
      clearance: fc.constantFrom(...securityLevels),
      components: fc.oneof(fc.constant(['*']), fc.uniqueArray(fc.constantFrom(...components), { minLength: 1 })),
      permissions: fc.constantFrom(['read'], ['read', 'disclose'], ['disclose'], ['read', 'disclose', 'export']),
    }),
    { minLength: 1, maxLength: 3 },
  )
  const conditions = fc.constantFrom<Condition>(
    { field: 'memoryId', op: 'ne', value: 'mem_3' },
    { field: 'memoryId', op: 'is_null' },
    { field: 'userContext.note', op: 'eq', value: secretWord },
    { field: 'userContext.note', op: 'not_in', value: [secretWord] },
    { field: 'userContext.n', op: 'lt', value: 100 },
    { field: 'attributes.n', op: 'gt', value: 5 },
    { field: 'actor.id', op: 'starts_with', value: 'agent-1' },
    { field: 'component', op: 'contains', value: 'm' },
  )
  /** Two members at most: more find nothing. */
  const members: fc.Arbitrary<EntryFilter> = fc.oneof(
    fc.record({ operation: fc.constantFrom('remember', ['recall', 'forget']) }),
    fc.record({ component: fc.constantFrom('memory', ['memory', 'mail']) }),
    fc.record({ memoryId: fc.constantFrom('mem_1', ['mem_1', 'mem_2']) }),
    fc.record({ actor: fc.constantFrom('agent:agent-1', 'agent-2') }),
    fc.record({ session: fc.constant('session 1') }),
    fc.record({ outcome: fc.constant('success') }),
    fc.record({ securityLevel: fc.constantFrom('secret', ['public', 'top_secret']) }),
    fc.record({ text: fc.constantFrom(secretWord, 'open', '"session 1"') }),
    fc.record({ where: fc.array(conditions, { maxLength: 2 }) }),
  )
  const filters = fc.tuple(members, members).map(([one, two]): EntryFilter => ({ ...one, ...two }))

  const reachesIntoValues = ({ actor, memoryId, session, text, where = [] }: EntryFilter) =>
    [actor, memoryId, session, text].some(given => given !== undefined) ||
    where.some(({ field }) => /^(memoryId|userContext|actor)/.test(field))

  it('is what it sees of what is asked for, and of closed entries only what is asked of their leaves', async () => {
    const given = { whole: 0, closed: 0 }
    await fc.assert(
      fc.asyncProperty(
        grants,
        fc.constantFrom('closed', 'nothing'),
        filters,
        fc.constantFrom('asc', 'desc'),
        fc.constantFrom(3, 50, 1000),
        async (granted, aboveClearance, filter, order, limit) => {
          const who = principal(granted, aboveClearance)
          const seen = guardReader(parts.reader, who, 'read')
          const { matches } = compileFilter(filter)
          const right = entries
            .filter(({ kind }) => kind === 'event')
            .flatMap(entry => {
              const [seenEntry] = shown(entry, who)
              const isAsked = seenEntry === entry || !reachesIntoValues(filter)
              return seenEntry !== undefined && isAsked && matches(entry) ? [seenEntry] : []
            })
          if (order === 'desc') right.reverse()
          const asked = { ...filter, kind: 'event' }
          expect(await seen.query(asked, { limit, order })).toEqual(right.slice(0, limit))
          const rows = await seen.list(asked, { limit, order })
          expect(rows.map(({ seq }) => seq)).toEqual(right.slice(0, limit).map(({ seq }) => seq))
          for (const row of rows) {
            given[row.actor === undefined ? 'closed' : 'whole']++
            const entry = right.find(({ seq }) => seq === row.seq)!
            expect([row.actor, row.memoryId, row.session]).toEqual([entry.actor, entry.memoryId, entry.session])
          }
          expect(await seen.count(asked, { exact: true })).toEqual({ count: right.length, exact: true, margin: 0 })
          const fields = ['component', 'memoryId', 'securityLevel'] as const
          for (const { field, values, exact } of await seen.facets(asked, { fields, limit: 1000 })) {
            expect(exact).toBe(true)
            const named = right.flatMap(entry => (field in entry ? [entry[field]] : []))
            const counts = [...new Set(named)].map(value => ({
              value,
              count: named.filter(other => other === value).length,
            }))
            expect(new Set(values)).toEqual(new Set(counts))
          }
          const { buckets } = await seen.histogram(asked, { buckets: 7 })
          expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(right.length)
          expect(buckets.reduce((sum, { outcomes }) => sum + outcomes.success, 0)).toBe(
            right.filter(({ outcome }) => outcome === 'success').length,
          )
          const after = right[1]?.seq
          if (after !== undefined) {
            expect(await seen.query(asked, { limit, order, after })).toEqual(right.slice(2, 2 + limit))
          }
        },
      ),
      { numRuns: 60 },
    )
    expect(Math.min(given.whole, given.closed)).toBeGreaterThan(100)
  })

  it('is no oracle: whether a closed value is what one guesses, no question tells', async () => {
    const mine = guard(principal([upTo('internal')]))
    const above = entries.filter(
      ({ kind, securityLevel }) => kind === 'event' && securityLevels.indexOf(securityLevel) > 1,
    )
    const closed = above.find(({ userContext }) => (userContext as { note?: string } | undefined)?.note === secretWord)!
    const asks: EntryFilter[] = [
      { memoryId: closed.memoryId as string },
      { session: closed.session as string },
      { actor: (closed.actor as { id: string }).id },
      { text: secretWord },
      { where: [{ field: 'userContext.note', op: 'eq', value: secretWord }] },
      { where: [{ field: 'userContext.note', op: 'is_not_null' }] },
    ]
    for (const ask of asks) {
      const found = await Array.fromAsync(mine.query(ask))
      expect(found.filter(entry => above.some(({ seq }) => seq === entry.seq))).toEqual([])
      expect(await mine.count(ask)).toEqual({ count: found.length, exact: true, margin: 0 })
    }
    // Nor does it tell by what is left out.
    for (const value of [closed.memoryId as string, 'something else']) {
      const found = await Array.fromAsync(mine.list({ where: [{ field: 'memoryId', op: 'ne', value }] }))
      expect(found.filter(({ seq }) => above.some(entry => entry.seq === seq))).toEqual([])
    }
    const [facet] = await mine.facets({ kind: 'event' }, { fields: ['memoryId'], limit: 100 })
    expect(facet!.values.reduce((sum, { count }) => sum + count, 0)).toBe(600 - above.length)
    expect((await mine.count({ kind: 'event' })).count).toBe(600)
  })
})

describe('what is above the clearance', () => {
  const secret = () => entries.find(({ securityLevel }) => securityLevel === 'secret')!
  const open = () => entries.find(({ securityLevel }) => securityLevel === 'public')!

  it('is a leaf with its proof, and closed values, by the policy closed', async () => {
    const mine = guard(principal([upTo('internal')], 'closed'))
    const entry = await mine.get(secret().seq)
    expect(entry).toEqual({ ...closeValues(secret(), () => false), disclosures: [] })
    expect(Object.keys(entry!.sealed!)).toEqual(['actor', 'memoryId', 'session', 'userContext'])
    for (const name of ['actor', 'memoryId', 'session', 'userContext']) expect(entry).not.toHaveProperty(name)
    expect(Buffer.from((await mine.leaf(secret().id))!).toString()).toContain(secret().id)
    expect(await mine.prove(secret().seq)).toContain('c2sp.org/tlog-proof')
    expect(await mine.checkEntry(secret().seq)).toMatchObject({ status: 'valid', seq: secret().seq, id: secret().id })
  })

  it('is as if it were not there, by the policy nothing', async () => {
    const mine = guard(principal([upTo('internal')], 'nothing'))
    const nowhere = '01a00000-0000-7000-8000-000000000000'
    expect(await mine.get(secret().seq)).toBeUndefined()
    expect(await mine.get(secret().id)).toBeUndefined()
    expect(await mine.leaf(secret().id)).toBeUndefined()
    const proving = async (name: string) => await mine.prove(name).catch(({ code, message }) => [code, message])
    expect(await proving(secret().id)).toEqual(['not_found', `there is no entry ${secret().id}`])
    expect(await proving(nowhere)).toEqual(['not_found', `there is no entry ${nowhere}`])
    expect(await mine.checkEntry(secret().seq)).not.toHaveProperty('id')
    expect((await mine.get(open().seq))?.disclosures.length).toBe(4)
    expect((await mine.count({ securityLevel: ['secret', 'top_secret', 'confidential'] })).count).toBe(0)
  })

  it('goes into no bundle: its content stays, and by the policy nothing its leaf as well', async () => {
    const seqs = [open().seq, secret().seq]
    const kept = async (who: Principal) =>
      (await guardReader(parts.reader, who, 'read').kept(seqs)).map(({ seq, content }) => [seq, content.length > 0])
    expect(await kept(principal([everything]))).toEqual(seqs.map(seq => [seq, true]))
    const [first, second] = seqs.toSorted((a, b) => a - b)
    const isOpen = (seq: number | undefined) => [seq, seq === open().seq]
    expect(await kept(principal([upTo('internal')], 'closed'))).toEqual([isOpen(first), isOpen(second)])
    expect(await kept(principal([upTo('internal')], 'nothing'))).toEqual([[open().seq, true]])
  })

  it('cannot be guessed from what is shown of it: equal values have nothing in common but their size', async () => {
    const mine = guard(principal([upTo('internal')]))
    const closed = await Array.fromAsync(mine.list({ securityLevel: 'secret', kind: 'event' }))
    const shownLeaves = await Promise.all(closed.map(({ seq }) => mine.get(seq)))
    const commitments = shownLeaves.map(entry => entry!.sealed!.memoryId)
    expect(new Set(shownLeaves.map(entry => entries[entry!.seq]!.memoryId)).size).toBeLessThan(10)
    expect(new Set(commitments).size).toBe(120)
  })

  it('is on record when it is asked for', async () => {
    const size = await sizeNow()
    await guard(principal([upTo('internal')], 'nothing')).get(secret().id)
    await guard(principal([upTo('internal')], 'closed')).get(secret().id)
    await guard(principal([upTo('secret')], 'closed')).get(secret().id)
    await guard(principal([upTo('internal')], 'nothing')).get('01a00000-0000-7000-8000-000000000000')
    expect((await since(size)).map(({ operation, outcome, attributes }) => [operation, outcome, attributes])).toEqual([
      ['access.refused', 'denied', { call: 'get', entry: secret().id }],
      ['access.read', 'success', { call: 'get', entry: secret().seq, closed: true }],
      ['access.disclose', 'success', { call: 'get', entry: secret().seq }],
      ['access.read', 'success', { call: 'get', entry: '01a00000-0000-7000-8000-000000000000', results: 0 }],
    ])
  })

  it('is not told by a check either: the verdicts stay, of hidden entries nothing else', async () => {
    const call = await parts.log.begin({ operation: 'hidden operation', component: 'mail', securityLevel: 'secret' })
    const near = { from: call.receipt.seq }
    const hidden = await guard(principal([upTo('internal')], 'nothing')).verify(near)
    expect(hidden).toMatchObject({ valid: true, complete: false, missing: [], declared: [] })
    expect(JSON.stringify(hidden)).not.toContain('hidden operation')
    const whole = await guard(principal([everything])).verify(near)
    expect(whole.missing).toMatchObject([{ operation: 'hidden operation' }])
    expect((await guard(principal([upTo('internal')], 'nothing')).status()).openIntents).toBe(0)
    expect((await guard(principal([everything])).status()).openIntents).toBe(1)
    await call.succeed()
  })
})

describe('the record of accesses', () => {
  type Ask = (mine: GuardedLog<OpenCall>) => Promise<unknown>
  const drain = async (answer: AsyncIterable<unknown>) => (await Array.fromAsync(answer)).length
  const asks: [string, Ask, string, Record<string, unknown>][] = [
    [
      'query',
      mine => drain(mine.query({ memoryId: 'mem_1' })),
      'access.query',
      { call: 'query', results: 60, order: 'desc' },
    ],
    [
      'query of nothing',
      mine => drain(mine.query({ component: 'x' })),
      'access.query',
      { call: 'query', results: 0, order: 'desc' },
    ],
    [
      'query of a part',
      mine => drain(mine.query({ kind: 'event' }, { limit: 5, after: 300, order: 'asc' })),
      'access.query',
      { call: 'query', results: 5, order: 'asc', after: 300 },
    ],
    [
      'list',
      mine => drain(mine.list({ kind: 'event' })),
      'access.query',
      { call: 'list', results: 600, order: 'desc' },
    ],
    ['count', mine => mine.count({ kind: 'event' }), 'access.query', { call: 'count', results: 600 }],
    [
      'facets',
      mine => mine.facets({ kind: 'event' }, { fields: ['component', 'outcome'] }),
      'access.query',
      { call: 'facets', fields: 'component,outcome' },
    ],
    [
      'histogram',
      mine => mine.histogram({ kind: 'event' }, { buckets: 5 }),
      'access.query',
      { call: 'histogram', results: 600 },
    ],
    ['get', mine => mine.get(7), 'access.disclose', { call: 'get', entry: 7 }],
    ['get of an entry without values', mine => mine.get(0), 'access.read', { call: 'get', entry: 0 }],
    ['leaf', mine => mine.leaf(7), 'access.read', { call: 'leaf', entry: 7 }],
    ['prove', mine => mine.prove(7), 'access.read', { call: 'prove', entry: 7 }],
    [
      'verify',
      mine => mine.verify({ to: 10 }),
      'access.verify',
      { call: 'verify', valid: true, complete: true, trust: expect.any(String), results: 10, findings: 0 },
    ],
    ['checkEntry', mine => mine.checkEntry(7), 'access.verify', { call: 'checkEntry', entry: 7, status: 'valid' }],
    [
      'report',
      mine => mine.report({ world: systemWorld() }, { type: 'performance' }),
      'access.report',
      expect.objectContaining({ call: 'report', type: 'performance' }),
    ],
  ]
  it.each(asks)('has one entry for one %s, and none for itself', async (_, ask, operation, attributes) => {
    const mine = guard(principal([everything]))
    const size = await sizeNow()
    expect(await ask(mine)).toBeDefined()
    const recorded = await since(size)
    expect(recorded).toMatchObject([
      {
        kind: 'control',
        operation,
        outcome: 'success',
        component: 'memmimic-audit',
        securityLevel: 'confidential',
        actor: alice,
      },
    ])
    expect(recorded[0]!.attributes).toEqual(attributes)
  })

  it('names who looked and what for in sealed values only', async () => {
    const size = await sizeNow()
    await drain(guard(principal([everything])).query({ actor: 'user:zoe', since: new Date(0) }))
    const [recorded] = await since(size)
    expect(recorded!.filter).toEqual({ actor: 'user:zoe', since: '1970-01-01T00:00:00.000Z' })
    const leaf = Buffer.from((await parts.log.leaf(recorded!.seq))!).toString()
    expect(leaf).not.toMatch(/zoe|alice/)
    expect(recorded!.sealed).toEqual({ actor: expect.any(String), filter: expect.any(String) })
  })

  it('is durable before the first entry of a long answer is given, with the number of all of them', async () => {
    const size = await sizeNow()
    const answer = guard(principal([everything]))
      .query({ kind: 'event' })
      [Symbol.asyncIterator]()
    expect(await since(size)).toEqual([])
    await answer.next()
    expect(await since(size)).toMatchObject([{ operation: 'access.query', attributes: { results: 600 } }])
    await answer.return?.()
    expect((await since(size)).length).toBe(1)
  })

  it('counts what is given, also while entries go in', async () => {
    const size = await sizeNow()
    const answer = guard(principal([everything])).query({ component: ['memory', 'late'] }, { order: 'asc' })
    let given = 0
    for await (const _ of answer) {
      if (given++ === 0) await parts.log.append({ operation: 'remember', component: 'late' })
    }
    expect(await since(size)).toMatchObject([{ attributes: { results: given } }, { component: 'late' }])
  })

  it('is what keeps an answer back when it fails', async () => {
    const own = mkdtempSync(join(tmpdir(), 'memmimic-audit-access-'))
    const where = { file: join(own, 'audit.db'), keys: join(own, 'keys') }
    const closing = await openParts({ ...where, threads: false, closeOnExit: false, onCreate: () => {} })
    await closing.log.append({ operation: 'remember', component: 'memory', memoryId: 'm' })
    const { reader, logger, log } = closing
    const mine = guardLog(log, principal([everything]), { reader, control: entry => logger.logControl(entry) })
    // Nothing can be recorded any more; everything could still be read.
    await logger.close()
    expect((await reader.query({}, { limit: 9, order: 'asc' })).length).toBe(2)
    const refused = {
      code: 'closed',
      message: expect.stringMatching(/^the access could not be recorded, so nothing is given: /),
    }
    for (const [, ask] of asks) await expect(ask(mine)).rejects.toMatchObject(refused)
    const pieces: string[] = []
    await expect(
      mine.export({ format: 'jsonl', write: piece => void pieces.push(piece), now: () => 0 }),
    ).rejects.toMatchObject(refused)
    expect(pieces).toEqual([])
    await expect(
      guardLog(log, principal([]), { reader, control: entry => logger.logControl(entry) }).get(1),
    ).rejects.toMatchObject(refused)
    await log.close()
    rmSync(own, { recursive: true, force: true })
  })

  it('is not needed to know how far the log has come', async () => {
    const mine = guard(principal([everything]))
    const size = await sizeNow()
    expect(await mine.status()).toMatchObject({ size })
    expect(await mine.checkpoint()).toContain((await parts.log.status()).origin)
    expect(await sizeNow()).toBe(size)
  })
})

describe('a refusal', () => {
  const without = (...missing: Grant['permissions'][number][]): Principal =>
    principal([
      { ...everything, permissions: everything.permissions.filter(permission => !missing.includes(permission)) },
    ])
  const now = () => 0
  const write = () => expect.unreachable()
  const entry = { operation: 'remember', component: 'memory' }
  const calls: [string, Grant['permissions'][number], (mine: GuardedLog<OpenCall>) => Promise<unknown>][] = [
    ['append', 'append', mine => mine.append(entry)],
    ['begin', 'append', mine => mine.begin(entry)],
    ['query', 'read', mine => Array.fromAsync(mine.query())],
    ['list', 'read', mine => Array.fromAsync(mine.list())],
    ['count', 'read', mine => mine.count()],
    ['facets', 'read', mine => mine.facets({}, { fields: ['component'] })],
    ['histogram', 'read', mine => mine.histogram({}, { buckets: 5 })],
    ['get', 'read', mine => mine.get(1)],
    ['leaf', 'read', mine => mine.leaf(1)],
    ['prove', 'read', mine => mine.prove(1)],
    ['verify', 'verify', mine => mine.verify()],
    ['checkEntry', 'verify', mine => mine.checkEntry(1)],
    ['checkpoint', 'verify', mine => mine.checkpoint()],
    ['status', 'verify', mine => mine.status()],
    ['report', 'verify', mine => mine.report({ world: systemWorld() })],
    ['export', 'export', mine => mine.export({ format: 'jsonl', write, now })],
    ['erase', 'erase', mine => mine.require('erase', 'erase')],
    ['freeze', 'administer', mine => mine.require('administer', 'freeze')],
  ]
  it.each(calls)('of %s is an error with a code, and on record', async (call, permission, ask) => {
    const size = await sizeNow()
    const error: unknown = await ask(guard(without(permission))).catch(error => error)
    expect(error).toMatchObject({
      code: 'not_allowed',
      message: `${call} needs the permission ${permission}, which you do not have`,
    })
    expect(exitCodeOf(error)).toBe(1)
    expect(await since(size)).toMatchObject([
      { operation: 'access.refused', outcome: 'denied', actor: alice, attributes: { call, permission } },
    ])
  })

  it('of a report comes to whoever does not see everything: its figures would tell', async () => {
    const size = await sizeNow()
    const mine = guard(principal([upTo('secret')]))
    await expect(mine.report({ world: systemWorld() })).rejects.toMatchObject({
      code: 'not_allowed',
      message: 'a report tells of every entry, and some are closed to you',
    })
    expect(await since(size)).toMatchObject([{ operation: 'access.refused', attributes: { call: 'report' } }])
  })

  it('of an entry comes to whoever may append for other components', async () => {
    const mine = guard(principal([upTo('public', ['memory'])]))
    expect((await mine.append({ ...entry, securityLevel: 'top_secret' })).seq).toBeGreaterThan(0)
    await expect(mine.append({ ...entry, component: 'mail' })).rejects.toMatchObject({
      code: 'not_allowed',
      message: 'append needs the permission append for mail, which you do not have',
    })
  })
})

describe('an export', () => {
  const exported = async (
    who: Principal,
    format: 'jsonl' | 'bundle' = 'jsonl',
    filter: EntryFilter = { kind: 'event' },
  ) => {
    const pieces: string[] = []
    const write = (piece: string) => void pieces.push(piece)
    const sign = () => parts.log.checkpoint()
    const summary = await guard(who).export({ format, filter, write, now: () => 0, sign })
    return { summary, text: pieces.join('') }
  }

  it('holds what may be exported, open as far as it may be disclosed, and is announced before its first byte', async () => {
    const size = await sizeNow()
    const who = principal([
      upTo('internal', ['memory', 'mail']),
      { ...upTo('secret', ['files']), permissions: ['read'] },
    ])
    const { summary, text } = await exported(who)
    const lines = text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as EntryView)
    expect(new Set(lines.map(({ component }) => component))).toEqual(new Set(['memory', 'mail']))
    for (const line of lines) {
      const isOpen = ['public', 'internal'].includes(line.securityLevel)
      expect('userContext' in line).toBe(isOpen)
    }
    expect(await since(size)).toMatchObject([
      {
        operation: 'access.export',
        outcome: 'pending',
        actor: alice,
        attributes: { format: 'jsonl', results: lines.length },
      },
      {
        operation: 'access.export',
        outcome: 'success',
        actor: alice,
        attributes: { announced: size, digest: summary.digest, entries: lines.length },
      },
    ])
  })

  it('as a bundle verifies with nothing else at hand, closed values and all', async () => {
    const { text } = await exported(principal([upTo('internal')]), 'bundle', { operation: 'forget', component: 'mail' })
    expect(await verifyBundle([Buffer.from(text)])).toMatchObject({ valid: true, findings: [] })
    const secretNotes = entries
      .filter(({ securityLevel }) => securityLevel === 'secret')
      .map(({ userContext }) => JSON.stringify(userContext))
    expect(secretNotes.length).toBeGreaterThan(9)
    for (const note of secretNotes) expect(text.includes(note)).toBe(false)
  })

  it('that fails says so on record', async () => {
    const size = await sizeNow()
    const write = () => {
      throw new Error('the other side is gone')
    }
    await expect(guard(principal([everything])).export({ format: 'csv', write, now: () => 0 })).rejects.toThrow('gone')
    expect((await since(size)).map(({ operation, outcome }) => [operation, outcome])).toEqual([
      ['access.export', 'pending'],
      ['access.export', 'failure'],
    ])
  })
})

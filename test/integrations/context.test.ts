import { EventEmitter, once } from 'node:events'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Actor } from '../../src/core/entry.ts'
import { type AuditContext, contextual, currentContext, withContext } from '../../src/integrations/context.ts'
import { openLog } from './support.ts'

const agent = (id: string): Actor => ({ type: 'agent', id })
const entry = { operation: 'remember', component: 'memory' }

describe('a context', () => {
  it('is known to what is called inside it, and to nothing else', () => {
    expect(currentContext()).toBeUndefined()
    expect(contextual(entry)).toBe(entry)
    const result = withContext({ actor: agent('a') }, () => {
      expect(currentContext()).toEqual({ actor: agent('a') })
      return 42
    })
    expect(result).toBe(42)
    expect(() =>
      withContext({}, () => {
        throw new RangeError('inside')
      }),
    ).toThrow(RangeError)
    expect(currentContext()).toBeUndefined()
  })

  it('is still known behind awaits, timers, events and in every branch', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        withContext({ session: `s${i}` }, async () => {
          const here = () => currentContext()?.session
          const seen = [here()]
          await sleep(i % 3)
          seen.push(here())
          await Promise.all([immediate().then(() => seen.push(here())), (async () => seen.push(here()))()])
          await new Promise<void>(resolve => queueMicrotask(() => resolve(void seen.push(here()))))
          await new Promise<void>(resolve => process.nextTick(() => resolve(void seen.push(here()))))
          const emitter = new EventEmitter()
          setTimeout(() => emitter.emit('done', here()), 1)
          seen.push((await once(emitter, 'done'))[0] as string)
          async function* numbers() {
            yield here()
            await sleep(1)
            yield here()
          }
          for await (const value of numbers()) seen.push(value)
          expect(seen).toEqual(Array.from({ length: 9 }, () => `s${i}`))
        }),
      ),
    )
  })

  it('inside another says only what is different', () => {
    const outer: AuditContext = {
      actor: agent('outer'),
      session: 's',
      securityLevel: 'internal',
      complianceFlags: ['gdpr', 'a'],
      userContext: { tenant: 't', role: 'reader' },
      attributes: { 'app.version': '1' },
    }
    const inner: AuditContext = {
      actor: agent('inner'),
      session: undefined as unknown as string,
      securityLevel: 'secret',
      complianceFlags: ['b', 'a'],
      userContext: { role: 'writer', x: 1 },
    }
    withContext(outer, () => {
      withContext(inner, () => {
        expect(currentContext()).toEqual({
          actor: agent('inner'),
          session: 's',
          securityLevel: 'secret',
          complianceFlags: ['gdpr', 'a', 'b'],
          userContext: { tenant: 't', role: 'writer', x: 1 },
          attributes: { 'app.version': '1' },
        })
      })
      expect(currentContext()).toEqual(outer)
    })
  })

  it('is as it was when it was given', () => {
    const userContext: Record<string, unknown> = { a: 1 }
    const context = { session: 's', userContext }
    withContext(context, () => {
      context.session = 'changed'
      userContext.a = 2
      expect(currentContext()).toEqual({ session: 's', userContext: { a: 1 } })
    })
  })

  it('has no other members', () => {
    expect(() => withContext({ user: 'u1' } as AuditContext, () => {})).toThrow(
      '$.user: a context has actor, session, trace, securityLevel, complianceFlags, userContext and attributes',
    )
  })

  it('costs less than a microsecond where there is none', () => {
    const rounds = 200_000
    for (let i = 0; i < rounds; i++) contextual(entry)
    const started = performance.now()
    for (let i = 0; i < rounds; i++) contextual(entry)
    expect(((performance.now() - started) / rounds) * 1000).toBeLessThan(1)
  })
})

describe('an entry', () => {
  it('gets what it does not say itself, and keeps what it says', () => {
    const actor = fc.constantFrom(undefined, agent('x'), agent('y'))
    const session = fc.constantFrom(undefined, 's1', 's2')
    const context = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(3), { maxKeys: 3, noNullPrototype: true })
    const part = fc.record({ actor, session, userContext: fc.option(context, { nil: undefined }) })
    const clean = (value: object) => Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined))
    fc.assert(
      fc.property(part, part, (given, own) => {
        const out = withContext(clean(given), () => contextual({ ...entry, ...clean(own) }))
        expect(out).toEqual(
          clean({
            ...entry,
            actor: own.actor ?? given.actor,
            session: own.session ?? given.session,
            userContext: (own.userContext ?? given.userContext) && { ...given.userContext, ...own.userContext },
          }),
        )
      }),
    )
  })

  it('that is not well formed is left for the log to refuse', () => {
    withContext({ userContext: { a: 1 }, complianceFlags: ['x'] }, () => {
      expect(contextual(null as unknown as object)).toBeNull()
      const list = [1]
      expect(contextual({ ...entry, userContext: list, complianceFlags: 'y' as never })).toEqual({
        ...entry,
        userContext: list,
        complianceFlags: 'y',
      })
    })
  })

  it('is appended with it, the intent and the outcome alike, by a log that was opened so', async () => {
    await using open = await openLog({ prepare: contextual, threads: true })
    await Promise.all(
      ['a', 'b', 'c'].map(id =>
        withContext({ actor: agent(id), session: `s-${id}`, userContext: { tenant: id } }, async () => {
          const call = await open.log.begin({ operation: id, component: 'memory' })
          await sleep(2)
          await withContext({ userContext: { step: 2 } }, () => call.succeed())
        }),
      ),
    )
    await open.log.append({ operation: 'outside', component: 'memory' })
    const entries = await open.entries()
    for (const { kind, operation, actor, session, userContext } of entries) {
      if (operation === 'outside') {
        expect([actor, session, userContext]).toEqual([undefined, undefined, undefined])
        continue
      }
      expect([actor, session]).toEqual([agent(operation), `s-${operation}`])
      expect(userContext).toEqual(kind === 'intent' ? { tenant: operation } : { tenant: operation, step: 2 })
    }
    expect(entries).toHaveLength(7)
  })
})

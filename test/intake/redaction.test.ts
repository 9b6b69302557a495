import { createHmac } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { captureEntry } from '../../src/core/capture.ts'
import type { EntryInput } from '../../src/core/entry.ts'
import { openAuditLog } from '../../src/index.ts'
import { prepareEntry } from '../../src/intake/prepare.ts'
import { redactor } from '../../src/intake/redaction.ts'
import { defaultIntakeSettings, type RedactionRule, type RedactionSettings } from '../../src/intake/settings.ts'

const key = new Uint8Array(32).fill(7)
const defaults = defaultIntakeSettings.redaction
const withRules = (...rules: RedactionRule[]) => redactor({ ...defaults, rules }, key)
const base = { operation: 'tools/call', component: 'files' } satisfies EntryInput

/** An entry with something everywhere. */
const full: EntryInput = {
  ...base,
  actor: { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u1' } },
  memoryId: 'mem_1',
  session: 's1',
  attributes: { 'http.url': 'https://x/y', n: 1, 'gen_ai.tool.name': 'read' },
  userContext: {
    name: 'Zoë',
    'odd name': 'x',
    prefs: { phone: '1', theme: 'dark' },
    list: [{ phone: '2' }, { phone: '3' }],
  },
  operationResult: { rows: [{ a_note: 1 }, { b_note: 2, c: 3 }] },
  arguments: { first: { n: 1 }, text: 'x' },
  sealed: { transcript: { turns: [{ says: 'a', phone: '4' }] }, other: 'y' },
}

describe('a rule about a place', () => {
  const masked = (name: string) => `[redacted:${name}]`
  const cases: [path: string, count: number, Partial<EntryInput>][] = [
    ['userContext.name', 1, { userContext: { ...(full.userContext as object), name: masked('userContext.name') } }],
    ['userContext', 1, { userContext: masked('userContext') }],
    [
      'operationResult.rows[1].c',
      1,
      { operationResult: { rows: [{ a_note: 1 }, { b_note: 2, c: masked('operationResult.rows[1].c') }] } },
    ],
    [
      'operationResult.rows[*].*Note',
      2,
      {
        operationResult: {
          rows: [
            { a_note: masked('operationResult.rows[*].*Note') },
            { b_note: masked('operationResult.rows[*].*Note'), c: 3 },
          ],
        },
      },
    ],
    ['arguments.*', 2, { arguments: { first: masked('arguments.*'), text: masked('arguments.*') } }],
    [
      'sealed.transcript.**.phone',
      1,
      { sealed: { transcript: { turns: [{ says: 'a', phone: masked('sealed.transcript.**.phone') }] }, other: 'y' } },
    ],
    ['sealed.other', 1, { sealed: { ...full.sealed, other: masked('sealed.other') } }],
    ['sealed', 2, { sealed: { transcript: masked('sealed'), other: masked('sealed') } }],
    ['attributes.http.url', 1, { attributes: { ...full.attributes, 'http.url': masked('attributes.http.url') } }],
    [
      'attributes.gen_ai.*',
      1,
      { attributes: { ...full.attributes, 'gen_ai.tool.name': masked('attributes.gen_ai.*') } },
    ],
    ['operation', 1, { operation: masked('operation') }],
    ['memoryId', 1, { memoryId: masked('memoryId') }],
    ['session', 1, { session: masked('session') }],
    ['actor.id', 1, { actor: { type: 'agent', id: masked('actor.id'), onBehalfOf: { type: 'user', id: 'u1' } } }],
    [
      'actor.onBehalfOf',
      1,
      { actor: { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: masked('actor.onBehalfOf') } } },
    ],
    ['actor', 1, { actor: { type: 'agent', id: masked('actor') } }],
  ]
  it.each(cases)('finds what is meant, and nothing else: %s', (path, count, expected) => {
    const out = withRules({ path, action: 'mask' })(full)
    expect(out).toEqual({
      ...full,
      ...expected,
      attributes: { ...(expected.attributes ?? full.attributes), 'redaction.rules': path, 'redaction.count': count },
    })
    expect(() => captureEntry(out, { id: 'x', time: 0 })).not.toThrow()
  })

  it('reaches any depth, any item, and names with dots', () => {
    const out = withRules(
      { path: '**.phone', action: 'mask', name: 'phone' },
      { path: 'userContext["odd name"]', action: 'drop', name: 'odd' },
    )(full)
    expect(out.userContext).toEqual({
      name: 'Zoë',
      prefs: { phone: '[redacted:phone]', theme: 'dark' },
      list: [{ phone: '[redacted:phone]' }, { phone: '[redacted:phone]' }],
    })
    expect(out.sealed?.transcript).toEqual({ turns: [{ says: 'a', phone: '[redacted:phone]' }] })
    expect(out.attributes).toMatchObject({ 'redaction.rules': 'odd,phone', 'redaction.count': 5 })
  })

  it('drops members, list items and whole values, and leaves standing what an entry cannot be without', () => {
    const drop = (path: string) => withRules({ path, action: 'drop' })(full)
    expect(drop('operationResult.rows[0]').operationResult).toEqual({ rows: [{ b_note: 2, c: 3 }] })
    expect(drop('attributes.n').attributes).toMatchObject({ 'redaction.count': 1, 'http.url': 'https://x/y' })
    expect(Object.hasOwn(drop('attributes.n').attributes!, 'n')).toBe(false)
    for (const whole of ['userContext', 'actor', 'memoryId', 'session'] as const) {
      expect(Object.hasOwn(drop(whole), whole), whole).toBe(false)
    }
    expect(drop('operation').operation).toBe('[redacted:dropped]')
    expect(drop('actor.id').actor).toMatchObject({ type: 'agent', id: '[redacted:dropped]' })
    expect(drop('sealed.other').sealed).toEqual({ transcript: full.sealed!.transcript })
  })

  it('hashes with the key, so that the same value is the same wherever it stands', () => {
    const out = withRules(
      { path: 'actor.onBehalfOf.id', action: 'hash', name: 'user' },
      { path: 'arguments.who', action: 'hash', name: 'user' },
      { path: 'arguments.order', action: 'hash', name: 'order' },
    )({ ...full, arguments: { who: 'u1', order: { b: 2, a: 1 } } })
    const mac = (text: string) => createHmac('sha256', key).update(text).digest().subarray(0, 16).toString('base64url')
    expect(out.actor?.onBehalfOf?.id).toBe(`[hashed:user:${mac('u1')}]`)
    expect(out.arguments).toEqual({
      who: `[hashed:user:${mac('u1')}]`,
      order: `[hashed:order:${mac('{"a":1,"b":2}')}]`,
    })
  })

  it.each<[Partial<RedactionSettings>, string]>([
    [{ rules: [{ path: 'password', action: 'mask' }] }, '$.redaction.rules[0].path: password must begin with **'],
    [{ rules: [{ path: 'userContext..x', action: 'mask' }] }, 'is not a name behind a dot'],
    [{ rules: [{ path: 'userContext[x]', action: 'mask' }] }, '[x] is not a name behind a dot'],
    [{ rules: [{ path: '', action: 'mask' }] }, 'a place is missing'],
    [
      { rules: [{ path: 'userContext', action: 'mask', name: 'a,b' }] },
      '$.redaction.rules[0].name: must be 1–80 characters',
    ],
    [{ rules: [{ path: 'userContext', action: 'hash' }] }, 'the action hash needs a key of at least 16 bytes'],
    [{ detectors: { ...defaults.detectors, email: 'hash' } }, 'the action hash needs a key of at least 16 bytes'],
    [{ maxTextLength: 0 }, '$.redaction.maxTextLength: must be above 0'],
  ])('that cannot be followed is refused in a sentence: %j', (settings, sentence) => {
    expect(() => redactor({ ...defaults, ...settings })).toThrow(
      expect.objectContaining({ code: 'bad_input', message: expect.stringContaining(sentence) }),
    )
  })
})

describe('a redacted entry', () => {
  const redact = redactor(defaults)

  it('is the one that was given when there is nothing to take out', () => {
    const entry = { ...full, arguments: { text: 'nothing' } }
    expect(redact(entry)).toBe(entry)
    expect(redactor({ ...defaults, enabled: false })({ ...base, arguments: { password: 'x' } })).toMatchObject({
      arguments: { password: 'x' },
    })
  })

  it('leaves what the caller holds as it was', () => {
    const entry = {
      ...base,
      attributes: { a: 'Bearer abc.def-123' },
      arguments: { list: [{ password: 'hunter2' }, 'x'], keep: { a: 1 } },
    }
    const before = structuredClone(entry)
    const out = redact(entry)
    expect(entry).toEqual(before)
    expect(out).toEqual({
      ...base,
      attributes: { a: 'Bearer [redacted:token]', 'redaction.rules': 'password,token', 'redaction.count': 2 },
      arguments: { list: [{ password: '[redacted:password]' }, 'x'], keep: { a: 1 } },
    })
  })

  it('knows secrets by the names of members, and what only sounds like one', () => {
    const out = redact({
      ...base,
      sealed: { token: 'a further value' },
      userContext: {
        dbPassword: 'a',
        'X-API-Key': 'b',
        client_secret: ['c', ['d', 3]],
        AWS_SECRET_ACCESS_KEY: 'e',
        'set-cookie': 'f',
        token: 4,
        password: { changed: true },
        nextPageToken: 'g',
        tokens: 'h',
        secretary: 'i',
        accessToken: '',
      },
    })
    expect(out.userContext).toEqual({
      dbPassword: '[redacted:password]',
      'X-API-Key': '[redacted:password]',
      client_secret: ['[redacted:password]', ['[redacted:password]', 3]],
      AWS_SECRET_ACCESS_KEY: '[redacted:password]',
      'set-cookie': '[redacted:password]',
      token: 4,
      password: { changed: true },
      nextPageToken: 'g',
      tokens: 'h',
      secretary: 'i',
      accessToken: '',
    })
    expect(out.sealed).toEqual({ token: '[redacted:password]' })
  })

  it('has no secret in the names of members either, and no name twice', () => {
    const emails = redactor({ ...defaults, detectors: { ...defaults.detectors, email: 'mask' } })
    const out = emails({ ...base, userContext: { 'bob@mail.example.com': 1, 'amy@mail.example.com': { n: 2 }, x: 3 } })
    expect(out.userContext).toEqual({ '[redacted:email]': 1, '[redacted:email] (2)': { n: 2 }, x: 3 })
  })

  it('loses card numbers that are numbers, and leaves other numbers alone', () => {
    const cards = redactor({ ...defaults, detectors: { ...defaults.detectors, card_number: 'drop' } })
    const out = cards({
      ...base,
      arguments: { pan: 4111111111111111, id: 4111111111111112, list: [5555555555554444, 7] },
    })
    expect(out.arguments).toEqual({ id: 4111111111111112, list: [7] })
  })

  it('has nothing of it left, wherever in a value it stood', () => {
    const secret = `ghp_${'a1B2'.repeat(9)}`
    const { tree } = fc.letrec(tie => ({
      leaf: fc.oneof(fc.constant(`see ${secret}.`), fc.constant(secret), fc.integer(), fc.string({ maxLength: 8 })),
      tree: fc.oneof(
        { maxDepth: 5 },
        tie('leaf'),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.string({ maxLength: 6 }), fc.constant(secret)), tie('tree'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(tree, value => {
        const entry = { ...base, operationResult: value, sealed: { more: value }, attributes: { a: 'b' } }
        const before = JSON.stringify(entry)
        const out = redact(entry)
        expect(JSON.stringify(out)).not.toContain(secret)
        expect(JSON.stringify(entry)).toBe(before)
        const count = before.split(secret).length - 1
        expect(out === entry).toBe(count === 0)
        if (count > 0)
          expect(out.attributes).toEqual({ a: 'b', 'redaction.rules': 'api_key', 'redaction.count': count })
      }),
    )
  })

  it.each<[string, () => Record<string, unknown>]>([
    [
      'a cycle',
      () => {
        const a: Record<string, unknown> = { b: [] }
        ;(a.b as unknown[]).push(a, a)
        return a
      },
    ],
    [
      'nesting without end',
      () => {
        let a: Record<string, unknown> = {}
        for (let i = 0; i < 500; i++) a = { a }
        return a
      },
    ],
    [
      'a class instance',
      () => ({
        deep: [
          new (class Secret {
            password = 'x'
          })(),
        ],
      }),
    ],
    [
      'a getter that throws',
      () => ({
        list: [
          {
            get bad() {
              throw new Error('no')
            },
          },
        ],
      }),
    ],
    ['a function', () => ({ f: () => 1 })],
    ['a map', () => ({ m: new Map([['password', 'x']]) })],
    ['an array of a million arrays', () => ({ a: Array.from({ length: 1_000_001 }, () => []) })],
  ])('that cannot be captured is refused as it would be without redaction: %s', (_what, make) => {
    const reasonOf = (act: () => unknown) => {
      try {
        act()
      } catch (error) {
        return (error as Error).message
      }
    }
    const entry = { ...base, userContext: make() }
    const without = reasonOf(() => captureEntry(entry, { id: 'x', time: 0 }))
    expect(without).toMatch(/^\$\.userContext/)
    expect(reasonOf(() => captureEntry(redact(entry), { id: 'x', time: 0 }))).toBe(without)
  })

  it.each([null, undefined, 3, 'x', [], {}])('that is none is left for the log to refuse: %j', entry => {
    expect(redact(entry as unknown as EntryInput)).toBe(entry)
  })
})

describe('in a log', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-redaction-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('a secret is never on the disk, and its entry says that something was taken out', async () => {
    const secret = `sk-ant-${'api03-Zz9'.repeat(4)}`
    const log = await openAuditLog({
      file: join(folder, 'audit.db'),
      keys: join(folder, 'keys'),
      encryption: 'none',
      closeOnExit: false,
      onCreate: () => {},
      prepare: prepareEntry(defaultIntakeSettings),
    })
    const heard: unknown[] = []
    log.events.on(event => heard.push(event))
    const call = await log.begin({
      ...base,
      arguments: { q: `use ${secret}` },
      attributes: { url: `https://u:${secret}@h/` },
    })
    await call.succeed({ echo: [secret] })
    const [outcome, intent] = await Array.fromAsync(log.query({ component: 'files' }))
    expect(intent).toMatchObject({
      arguments: { q: 'use [redacted:api_key]' },
      attributes: { url: 'https://u:[redacted:api_key]@h/', 'redaction.rules': 'api_key', 'redaction.count': 2 },
    })
    expect(outcome).toMatchObject({ operationResult: { echo: ['[redacted:api_key]'] } })
    expect(await log.verify({ deep: true })).toMatchObject({ valid: true, complete: true })
    expect(JSON.stringify(heard)).not.toContain(secret)
    await log.close()
    for (const name of readdirSync(folder)) {
      if (name !== 'keys') expect(readFileSync(join(folder, name)).includes(secret.slice(8)), name).toBe(false)
    }
  })
})

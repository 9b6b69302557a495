import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { captureEntry, maxLeafBytes, nearest } from '../../src/core/capture.ts'
import { type EntryInput, outcomes, securityLevels } from '../../src/core/entry.ts'
import { canonicalize } from '../../src/core/json.ts'
import { leafText, type Place, parseLeaf } from '../../src/core/leaf.ts'
import { uuidv7 } from '../../src/core/time.ts'

const time = Date.UTC(2026, 10, 23, 14, 7) * 1000 + 123_456
const id = uuidv7(Math.floor(time / 1000), new Uint8Array(10).fill(7))
const intent = uuidv7(Math.floor(time / 1000) - 5, new Uint8Array(10).fill(8))
const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const commitmentText = 'A'.repeat(43)
const place: Place = { seq: 9_007_199_254_740_991, time, previousHash: 'ab'.repeat(32) }
const least = { operation: 'remember', component: 'memory' }

const capture = (input: unknown, options = {}) => captureEntry(input as EntryInput, { id, time, ...options })
const textOf = (input: unknown, options = {}): string => {
  const draft = capture(input, options)
  return leafText(
    draft,
    place,
    draft.sealed.flatMap((_, i) => (i % 2 === 0 ? [commitmentText] : [])),
  )
}
const leafOf = (input: unknown, options = {}) => {
  const text = textOf(input, options)
  const { leaf, problem } = parseLeaf(utf8(text))
  expect(problem).toBeUndefined()
  expect(canonicalize(JSON.parse(text))).toBe(text)
  return leaf!
}
const sealedOf = (input: object, options = {}): Record<string, string> => {
  const { sealed } = capture({ ...least, ...input }, options)
  return Object.fromEntries(sealed.flatMap((name, i) => (i % 2 === 0 ? [[name, sealed[i + 1]!]] : [])))
}
const refuse = (message: string) =>
  expect.objectContaining({ code: 'bad_input', message, path: message.slice(0, message.indexOf(': ')) })

const text = (max: number) => `must be a text of 1–${max} characters`
const control = 'must not contain control characters'
const thrower = {
  get x() {
    throw new Error('no')
  },
}

describe('captureEntry', () => {
  it('needs an operation and a component, and no more', () => {
    expect(leafOf(least)).toEqual({
      v: 1,
      seq: place.seq,
      id,
      time: '2026-11-23T14:07:00.123456Z',
      kind: 'event',
      ...least,
      securityLevel: 'internal',
      complianceFlags: [],
      previousHash: place.previousHash,
    })
  })

  it('takes every member to its place in the leaf, or seals it', () => {
    const open = {
      ...least,
      kind: 'outcome',
      outcome: 'denied',
      intent,
      trace,
      securityLevel: 'top_secret',
      complianceFlags: ['gdpr', 'GDPR', 'eu-ai-act', 'gdpr'],
      governanceStatus: 'approved_with_warnings',
      performanceMetrics: { durationMs: 1.5, '9': -0, '10': 1 },
      attributes: { 'gen_ai.tool.name': 'read_file', retry: false, n: 1e-7 },
    }
    const sealed = {
      actor: { type: 'agent', onBehalfOf: { type: 'user', id: 'ü1' }, id: 'claude' },
      memoryId: 'mem_123',
      session: 's1',
      userContext: { b: [new Date(0)], a: null },
      operationResult: null,
      arguments: [],
      sealed: { Zed: 0, prompt: 'hello', __proto__: null },
    }
    const leaf = leafOf({ ...open, ...sealed })
    expect(leaf).toMatchObject({
      ...open,
      complianceFlags: ['GDPR', 'eu-ai-act', 'gdpr'],
      performanceMetrics: { durationMs: 1.5, '9': 0, '10': 1 },
    })
    const names = ['Zed', 'actor', 'arguments', 'memoryId', 'operationResult', 'prompt', 'session', 'userContext']
    expect(Object.keys(leaf.sealed!)).toEqual(names)
    expect(sealedOf(sealed)).toEqual({
      Zed: '0',
      actor: '{"id":"claude","onBehalfOf":{"id":"ü1","type":"user"},"type":"agent"}',
      arguments: '[]',
      memoryId: '"mem_123"',
      operationResult: 'null',
      prompt: '"hello"',
      session: '"s1"',
      userContext: '{"a":null,"b":["1970-01-01T00:00:00.000Z"]}',
    })
  })

  it('takes an undefined member as one that is not there', () => {
    const nothing = Object.fromEntries(
      ['kind', 'outcome', 'intent', 'trace', 'securityLevel', 'complianceFlags', 'governanceStatus']
        .concat(['performanceMetrics', 'attributes', 'actor', 'memoryId', 'session', 'userContext'])
        .concat(['operationResult', 'arguments', 'sealed'])
        .map(name => [name, undefined]),
    )
    expect(textOf({ ...least, ...nothing })).toBe(textOf(least))
  })

  it.each<[string | undefined, string]>([
    ['standard', 'internal'],
    [undefined, 'internal'],
    ...securityLevels.map(level => [level, level] as [string, string]),
  ])('writes the security level %s as %s', (securityLevel, written) => {
    expect(leafOf({ ...least, securityLevel }).securityLevel).toBe(written)
  })

  it.each([
    [42, '"42"'],
    [-0, '"0"'],
    [-1.5, '"-1.5"'],
    [Number.MAX_SAFE_INTEGER, '"9007199254740991"'],
    ['042', '"042"'],
    ['mem 1 "x" ü😀', '"mem 1 \\"x\\" ü😀"'],
  ])('writes the memory id %s as %s', (memoryId, written) => {
    expect(sealedOf({ memoryId })).toEqual({ memoryId: written })
  })

  it('writes flags sorted and once each', () => {
    const flags = ['z', '\ue000', '😀', 'a', '10', '9', 'a', 'z']
    expect(leafOf({ ...least, complianceFlags: flags }).complianceFlags).toEqual(['10', '9', 'a', 'z', '😀', '\ue000'])
    expect(flags).toHaveLength(8)
  })

  it.each<[string, unknown]>([
    ['$: an entry is an object with at least operation and component', null],
    ['$: an entry is an object with at least operation and component', [least]],
    ['$: an entry is an object with at least operation and component', 'remember'],
    ['$: an instance of Map is not a JSON value', new Map(Object.entries(least))],
    [
      '$: an instance of a class is not a JSON value',
      Object.assign(Object.create(Object.create(Object.create(null))), least),
    ],
    ['$: an instance of Entry is not a JSON value', Object.assign(new (class Entry {})(), least)],
    ['$: the object is not a plain one', { ...least, [Symbol('actor')]: 'x' }],
    ['$.component: is missing', {}],
    ['$.component: is missing', { operation: 'x', component: undefined }],
    ['$.operation: is missing', { component: 'x' }],
  ])('refuses what is no entry: %s', (message, input) => {
    expect(() => capture(input)).toThrow(refuse(message))
  })

  it.each<[string, Record<string, unknown>]>([
    [`$.operation: ${text(256)}`, { operation: '' }],
    [`$.operation: ${text(256)}`, { operation: 'x'.repeat(257) }],
    [`$.operation: ${text(256)}`, { operation: null }],
    [`$.operation: ${text(256)}`, { operation: 1 }],
    [`$.operation: ${text(256)}`, { operation: Object('remember') }],
    [`$.operation: ${control}`, { operation: 'a\0b' }],
    [`$.operation: ${control}`, { operation: 'a\u001b[31m' }],
    [`$.operation: ${control}`, { operation: 'a\u007f' }],
    [`$.operation: ${control}`, { operation: 'a\u009b31m' }],
    ['$.operation: the text has a lone surrogate', { operation: '\ud800' }],
    [`$.component: ${control}`, { component: 'a\nb' }],
    [`$.component: ${text(256)}`, { component: ['memory'] }],
    ['$.kind: must be one of event, intent, outcome', { kind: 'control' }],
    ['$.kind: must be one of event, intent, outcome', { kind: 'Event' }],
    ['$.outcome: must be one of success, failure, denied, pending, unknown', { outcome: 'ok' }],
    ['$.outcome: must be one of success, failure, denied, pending, unknown', { outcome: null }],
    ['$.outcome: must be one of success, failure, denied, pending, unknown', { outcome: ['success'] }],
    ['$.securityLevel: must be one of public, internal, confidential, secret, top_secret', { securityLevel: 'Secret' }],
    ['$.securityLevel: must be one of public, internal, confidential, secret, top_secret', { securityLevel: 3 }],
    ['$.intent: must be the id of an intent, a lower-case UUIDv7', { kind: 'outcome', intent: intent.toUpperCase() }],
    ['$.intent: must be the id of an intent, a lower-case UUIDv7', { kind: 'outcome', intent: `${intent} ` }],
    ['$.intent: must be the id of an intent, a lower-case UUIDv7', { kind: 'outcome', intent: null }],
    ['$.intent: only an outcome closes an intent', { intent }],
    ['$.intent: only an outcome closes an intent', { kind: 'intent', intent }],
    ['$.trace: must be a W3C traceparent, 00-<32 hex>-<16 hex>-<2 hex>', { trace: trace.toUpperCase() }],
    ['$.trace: must be a W3C traceparent, 00-<32 hex>-<16 hex>-<2 hex>', { trace: trace.slice(3) }],
    ['$.trace: must be a W3C traceparent, 00-<32 hex>-<16 hex>-<2 hex>', { trace: `ff${trace.slice(2)}` }],
    [
      '$.trace: must be a W3C traceparent, 00-<32 hex>-<16 hex>-<2 hex>',
      { trace: trace.replace(/[0-9a-f]{32}/, '0'.repeat(32)) },
    ],
    ['$.trace: must be a W3C traceparent, 00-<32 hex>-<16 hex>-<2 hex>', { trace: `${trace}\n` }],
    ['$.complianceFlags: must be a list of texts', { complianceFlags: 'gdpr' }],
    ['$.complianceFlags: must be a list of texts', { complianceFlags: new Set(['gdpr']) }],
    [`$.complianceFlags[1]: ${text(256)}`, { complianceFlags: ['gdpr', 1] }],
    ['$.complianceFlags[0]: is missing', { complianceFlags: Array(2) }],
    [`$.complianceFlags[2]: ${control}`, { complianceFlags: ['a', 'b', 'c\t'] }],
    [`$.governanceStatus: ${text(256)}`, { governanceStatus: null }],
    [`$.governanceStatus: ${control}`, { governanceStatus: 'x\r' }],
    ['$.performanceMetrics: must be an object', { performanceMetrics: [1] }],
    ['$.performanceMetrics: must be an object', { performanceMetrics: null }],
    ['$.performanceMetrics: an instance of Map is not a JSON value', { performanceMetrics: new Map([['a', 1]]) }],
    ['$.performanceMetrics.ms: must be a number', { performanceMetrics: { ms: '1' } }],
    ['$.performanceMetrics.ms: must be a number', { performanceMetrics: { ms: 1n } }],
    ['$.performanceMetrics.ms: must be a number', { performanceMetrics: { ms: undefined } }],
    ['$.performanceMetrics.ms: NaN is not a JSON number', { performanceMetrics: { ms: Number.NaN } }],
    ['$.performanceMetrics.ms: Infinity is not a JSON number', { performanceMetrics: { ms: 1 / 0 } }],
    [`$.performanceMetrics.ns: ${beyond()}`, { performanceMetrics: { ns: 2 ** 53 } }],
    ['$.attributes: must be an object', { attributes: 'a=b' }],
    ['$.attributes: an instance of Headers is not a JSON value', { attributes: new Headers({ a: 'b' }) }],
    ['$.attributes.a: must be a text, a number or true/false', { attributes: { a: null } }],
    ['$.attributes["a b"]: must be a text, a number or true/false', { attributes: { 'a b': ['x'] } }],
    ['$.attributes.at: must be a text, a number or true/false', { attributes: { at: new Date() } }],
    ['$.attributes.a: the text has a lone surrogate', { attributes: { a: '\udfff' } }],
    [`$.attributes.n: ${beyond()}`, { attributes: { n: 1e21 } }],
    [`$.attributes[""]: ${text(256)}`, { attributes: { '': 1 } }],
    [`$.attributes["a\\u0000"]: ${control}`, { attributes: { 'a\0': 1 } }],
    ['$.attributes["\\ud800"]: the text has a lone surrogate', { attributes: { '\ud800': 1 } }],
    ['$.actor: must be an object', { actor: 'claude' }],
    ['$.actor: must be an object', { actor: null }],
    ['$.actor: an instance of User is not a JSON value', { actor: new (class User {})() }],
    ['$.actor.id: is missing', { actor: { type: 'user' } }],
    ['$.actor.type: is missing', { actor: { id: 'u1' } }],
    [`$.actor.id: ${text(512)}`, { actor: { type: 'user', id: 1 } }],
    [`$.actor.id: ${text(512)}`, { actor: { type: 'user', id: 'x'.repeat(513) } }],
    [`$.actor.type: ${text(256)}`, { actor: { type: 'x'.repeat(257), id: 'u1' } }],
    ['$.actor.role: an actor has type, id and onBehalfOf', { actor: { type: 'user', id: 'u1', role: 'x' } }],
    ['$.actor.onBehalfOf: must be an object', { actor: { type: 'a', id: 'b', onBehalfOf: null } }],
    ['$.actor.onBehalfOf.id: is missing', { actor: { type: 'a', id: 'b', onBehalfOf: { type: 'user' } } }],
    [
      '$.actor.onBehalfOf.onBehalfOf: only type and id stand here',
      { actor: { type: 'a', id: 'b', onBehalfOf: { type: 'c', id: 'd', onBehalfOf: {} } } },
    ],
    ['$.memoryId: NaN is not a JSON number', { memoryId: Number.NaN }],
    [`$.memoryId: ${beyond()}`, { memoryId: 2 ** 53 }],
    [`$.memoryId: ${text(512)}`, { memoryId: 1n }],
    [`$.memoryId: ${text(512)}`, { memoryId: '' }],
    [`$.memoryId: ${text(512)}`, { memoryId: null }],
    [`$.memoryId: ${text(512)}`, { memoryId: 'x'.repeat(513) }],
    [`$.memoryId: ${control}`, { memoryId: '\0' }],
    [`$.session: ${text(512)}`, { session: {} }],
    ['$.userContext.a[1]: undefined is not a JSON value', { userContext: { a: [1, undefined] } }],
    ['$.userContext: function is not a JSON value', { userContext: () => 1 }],
    ['$.operationResult.big: bigint is not a JSON value', { operationResult: { big: 1n } }],
    ['$.operationResult.x: the value cannot be read', { operationResult: thrower }],
    ['$.arguments.m: an instance of Map is not a JSON value', { arguments: { m: new Map() } }],
    ['$.sealed: must be an object', { sealed: [] }],
    ['$.sealed: an instance of Map is not a JSON value', { sealed: new Map([['a', 1]]) }],
    ['$.sealed.prompt.x: symbol is not a JSON value', { sealed: { prompt: { x: Symbol.iterator } } }],
    ['$.sealed.prompt: undefined is not a JSON value', { sealed: { prompt: undefined } }],
    ['$.sealed.x: the value cannot be read', { sealed: thrower }],
    [`$.sealed["a\\u0000b"]: ${control}`, { sealed: { 'a\0b': 1 } }],
    [`$.sealed[""]: ${text(256)}`, { sealed: { '': 1 } }],
  ])('refuses %s', (message, input) => {
    expect(() => capture({ ...least, ...input })).toThrow(refuse(message))
  })

  it('refuses members whose getters throw, wherever they stand', () => {
    const bad = (name: string, value: object = { ...least }) =>
      Object.defineProperty(value, name, { get: () => thrower.x, enumerable: true })
    expect(() => capture(bad('outcome'))).toThrow(refuse('$.outcome: the value cannot be read'))
    for (const [where, value, at] of [
      ['attributes', {}, 'a'],
      ['performanceMetrics', {}, 'a'],
      ['actor', { type: 'user' }, 'id'],
      ['complianceFlags', ['x', 'y'], '1'],
    ] as const) {
      const path = where === 'complianceFlags' ? `$.${where}[${at}]` : `$.${where}.${at}`
      const input = { ...least, [where]: bad(at, value) }
      if (Array.isArray(value)) expect(() => capture(input)).toThrow(refuse(`${path}: the value cannot be read`))
      else expect(() => capture(input)).toThrow(refuse(`${path}: the value cannot be read`))
    }
  })

  it.each(['operation', 'kind', 'intent', 'attributes', 'actor', 'arguments', 'sealed', 'id', 'seq', 'entryHash'])(
    'refuses a further sealed value with the name %s, which has a place of its own',
    name => {
      const message = `$.sealed.${name}: this name has a place of its own in the entry`
      expect(() => capture({ ...least, sealed: { [name]: 1 } })).toThrow(refuse(message))
    },
  )

  it.each(['v', 'seq', 'id', 'time', 'previousHash', 'entryHash', 'disclosures'])(
    'refuses the member %s, which the log gives',
    name => {
      expect(() => capture({ ...least, [name]: 1 })).toThrow(refuse(`$.${name}: the log itself gives this member`))
    },
  )

  it.each([
    ['opration', 'operation'],
    ['memory_id', 'memoryId'],
    ['MemoryID', 'memoryId'],
    ['compliance_flags', 'complianceFlags'],
    ['complianceFlag', 'complianceFlags'],
    ['security_Level', 'securityLevel'],
    ['userContent', 'userContext'],
    ['result', undefined],
    ['toString', undefined],
  ])('refuses the unknown member %s and suggests %s', (name, known) => {
    const message = `$.${name}: no member has this name${known === undefined ? '' : `; did you mean ${known}?`}`
    expect(() => capture({ ...least, [name]: 1 })).toThrow(refuse(message))
  })

  it('says one short line about a name of a megabyte, and soon', () => {
    const long = 'x'.repeat(1e6)
    const message = `$["${'x'.repeat(80)}…"]: no member has this name`
    expect(() => capture({ ...least, [long]: 1 })).toThrow(refuse(message))
    expect(() => capture({ ...least, attributes: { [long]: 1 } })).toThrow(
      refuse(`$.attributes["${'x'.repeat(80)}…"]: ${text(256)}`),
    )
  })

  it('refuses a member __proto__ as any other', () => {
    const message = '$.__proto__: no member has this name'
    expect(() => capture(JSON.parse('{"operation":"a","component":"b","__proto__":{"kind":"intent"}}'))).toThrow(
      refuse(message),
    )
    const nested = JSON.parse('{"type":"a","id":"b","__proto__":{}}')
    expect(() => capture({ ...least, actor: nested })).toThrow(
      refuse('$.actor.__proto__: an actor has type, id and onBehalfOf'),
    )
    expect(leafOf({ ...least, attributes: JSON.parse('{"__proto__":1}') }).attributes).toEqual(
      JSON.parse('{"__proto__":1}'),
    )
    expect(Object.keys(leafOf({ ...least, sealed: JSON.parse('{"__proto__":[]}') }).sealed!)).toEqual(['__proto__'])
  })

  it('writes a control entry for this software only', () => {
    const created = { operation: 'log.created', component: 'memmimic_audit' }
    expect(leafOf(created, { control: true }).kind).toBe('control')
    expect(() => capture({ ...created, kind: 'event' }, { control: true })).toThrow(
      refuse('$.kind: must be one of control'),
    )
  })

  it('has done with its input when it returns', () => {
    const input = {
      ...least,
      complianceFlags: ['a'],
      attributes: { a: 1 } as Record<string, unknown>,
      actor: { type: 'user', id: 'u1' },
      userContext: { list: [1], at: new Date(0) },
      sealed: { prompt: { text: 'x' } },
    }
    const before = JSON.stringify(capture(input))
    const draft = capture(input)
    input.operation = 'forget'
    input.complianceFlags.push('b')
    input.attributes.b = Symbol('s')
    input.actor.id = 'u2'
    input.userContext.list[0] = 2
    input.userContext.at.setTime(1)
    input.sealed.prompt.text = 'y'
    expect(JSON.stringify(draft)).toBe(before)
  })

  it('reads each member once, so that what was judged is what is written', () => {
    const reads = new Map<string, number>()
    /** Good at the first look, and bad at every later one. */
    const once = (values: Record<string, unknown>, at = ''): object => {
      const out = Array.isArray(values) ? [] : {}
      for (const [name, value] of Object.entries(values)) {
        const path = `${at}/${name}`
        const get = () => {
          reads.set(path, (reads.get(path) ?? 0) + 1)
          if (reads.get(path) !== 1) return Symbol('read again')
          return typeof value === 'object' && value !== null ? once(value as Record<string, unknown>, path) : value
        }
        Object.defineProperty(out, name, { get, enumerable: true })
      }
      return out
    }
    const input = {
      ...least,
      kind: 'outcome',
      outcome: 'success',
      intent,
      trace,
      securityLevel: 'secret',
      complianceFlags: ['b', 'a'],
      governanceStatus: 'approved',
      performanceMetrics: { ms: 1 },
      attributes: { a: 'x', b: true },
      actor: { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u1' } },
      memoryId: 7,
      session: 's',
      userContext: { a: { b: [1] } },
      operationResult: [null],
      arguments: { q: '?' },
      sealed: { prompt: { text: 'x' } },
    }
    expect(capture(once(input))).toEqual(capture(input))
    expect(reads.size).toBe(35)
    expect([...reads].filter(([, count]) => count !== 1)).toEqual([])
  })

  it('refuses a sealed value above the limit, and takes one at it', () => {
    const maxValueBytes = 100
    for (const [unit, bytes] of [
      ['x', 1],
      ['ü', 2],
      ['€', 3],
      ['😀', 4],
      ['\n', 2],
    ] as const) {
      const fit = unit.repeat(Math.floor(98 / bytes))
      expect(Buffer.byteLength(JSON.stringify(fit))).toBeLessThanOrEqual(100)
      expect(sealedOf({ userContext: fit }, { maxValueBytes }).userContext).toBe(JSON.stringify(fit))
      const over = JSON.stringify(fit + unit)
      const message = `the value has ${Buffer.byteLength(over)} bytes of JSON; the limit is 100`
      for (const [path, input] of [
        ['$.userContext', { userContext: fit + unit }],
        ['$.operationResult', { operationResult: fit + unit }],
        ['$.sealed.prompt', { sealed: { a: 1, prompt: fit + unit } }],
      ] as const) {
        expect(() => sealedOf(input, { maxValueBytes })).toThrow(refuse(`${path}: ${message}`))
      }
    }
  })

  it('never makes a leaf of more than 65 535 bytes, whatever its number, and says what to do', () => {
    const big = (unit: string, count: number) => ({
      ...least,
      trace,
      kind: 'outcome',
      intent,
      securityLevel: 'confidential',
      attributes: { a: unit.repeat(count) },
      actor: { type: 'a', id: 'b' },
      sealed: { '"\\ü': 1 },
    })
    for (const unit of ['x', 'ü', '\u07ff', '\u0800', '€', '😀', '\n', '"', '\u0001']) {
      let [fits, over] = [0, maxLeafBytes]
      while (over - fits > 1) {
        const middle = (fits + over) >> 1
        try {
          capture(big(unit, middle))
          fits = middle
        } catch {
          over = middle
        }
      }
      const bytes = Buffer.byteLength(textOf(big(unit, fits)))
      expect(bytes, unit).toBeLessThanOrEqual(maxLeafBytes)
      expect(bytes, unit).toBeGreaterThan(maxLeafBytes - 100)
      expect(() => capture(big(unit, over))).toThrow(
        /^\$: the open members make a leaf of \d+ bytes; the limit is 65535: seal large values$/,
      )
    }
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`name ${i}`, null]))
    expect(() => capture({ ...least, sealed: many(1200) })).toThrow(/seal large values/)
    expect(Buffer.byteLength(textOf({ ...least, sealed: many(1000) }))).toBeLessThan(maxLeafBytes)
  })

  it('makes of anything that it takes a leaf that is canonical and can be read', () => {
    const label = fc
      .oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), fc.constantFrom('__proto__', '10', '9', '\\ud'))
      .map(found => found.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·'))
    const number = fc
      .double({ noDefaultInfinity: true, noNaN: true })
      .filter(n => !Number.isInteger(n) || Number.isSafeInteger(n))
    const map = <T>(value: fc.Arbitrary<T>) =>
      fc.array(fc.tuple(label, value), { maxLength: 4 }).map(pairs => Object.fromEntries(pairs) as Record<string, T>)
    const identity = fc.record({ type: label, id: label })
    const entries: fc.Arbitrary<EntryInput> = fc
      .record(
        {
          operation: label,
          component: label,
          kind: fc.constantFrom('event', 'intent', 'outcome'),
          outcome: fc.constantFrom(...outcomes),
          intent: fc.constant(intent),
          trace: fc.constant(trace),
          securityLevel: fc.constantFrom(...securityLevels, 'standard' as const),
          complianceFlags: fc.array(label),
          governanceStatus: label,
          performanceMetrics: map(number),
          attributes: map(fc.oneof(fc.string({ unit: 'binary' }), number, fc.boolean())),
          actor: fc.record({ type: label, id: label, onBehalfOf: identity }, { requiredKeys: ['type', 'id'] }),
          memoryId: fc.oneof(label, number),
          session: label,
          userContext: fc.json().map(json => JSON.parse(json)),
          operationResult: fc.string({ unit: 'binary' }),
          arguments: fc.constantFrom(null, false, 0, '', [], {}),
          sealed: map(fc.string({ unit: 'binary' })),
        },
        { requiredKeys: ['operation', 'component'] },
      )
      .map(entry => (entry.kind === 'outcome' ? entry : (({ intent: _, ...rest }) => rest)(entry)))
    const unsafe = (value: unknown) =>
      typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
    fc.assert(
      fc.property(entries, entry => {
        fc.pre(!JSON.stringify(entry.userContext ?? null, (_, v) => (unsafe(v) ? 'unsafe' : v)).includes('"unsafe"'))
        const leaf = leafOf(entry)
        const { actor, memoryId, session, userContext, operationResult, arguments: given, sealed, ...open } = entry
        const always = Object.entries({ actor, memoryId, session, userContext, operationResult, arguments: given })
        const names = always.flatMap(([name, value]) => (value === undefined ? [] : [name]))
        expect(Object.keys(leaf.sealed ?? {}).sort()).toEqual([...names, ...Object.keys(sealed ?? {})].sort())
        expect(leaf.operation).toBe(open.operation)
        expect(canonicalize(leaf.attributes ?? {})).toBe(canonicalize(open.attributes ?? {}))
        expect(leaf.complianceFlags).toEqual([...new Set(open.complianceFlags ?? [])].sort())
      }),
      { numRuns: 1000 },
    )
  })
})

describe('nearest', () => {
  it('finds the name that is up to two slips away, the nearest first', () => {
    const known = ['actor', 'factor', 'trace']
    expect(nearest('actor', known)).toBe('actor')
    expect(nearest('Ac-tor', known)).toBe('actor')
    expect(nearest('faktor', known)).toBe('factor')
    expect(nearest('tarce', known)).toBe('trace')
    expect(nearest('trapeze', known)).toBeUndefined()
    expect(nearest('', known)).toBeUndefined()
  })
})

function beyond(): string {
  return 'the integer is beyond ±(2^53−1); write it as a string'
}

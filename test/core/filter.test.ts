import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import type { Json } from '../../src/core/entry.ts'
import { AuditError } from '../../src/core/errors.ts'
import { type Condition, compileFilter, type EntryFilter, parseCondition, valuesIn } from '../../src/core/filter.ts'
import { canonicalize } from '../../src/core/json.ts'
import { formatContent, formatPreimage } from '../../src/core/sealed.ts'
import { type EntryView, openEntry, openEntryWithDisclosures } from '../../src/core/view.ts'

const view: EntryView = {
  v: 1,
  seq: 7,
  id: '0199a3c1-7f00-7abc-8def-0123456789ab',
  time: '2026-11-23T14:07:00.123456Z',
  kind: 'event',
  operation: 'remember',
  component: 'Memory',
  outcome: 'success',
  securityLevel: 'confidential',
  complianceFlags: ['audit_required', 'gdpr_compliance'],
  performanceMetrics: { duration_ms: 10 },
  attributes: { 'gen_ai.tool.name': 'store', retries: 2, cached: false, code: '10' },
  previousHash: '0'.repeat(64),
  entryHash: 'f'.repeat(64),
  actor: { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u:1' } },
  memoryId: '42',
  session: { erased: true },
  operationResult: { data: [{ content: 'Das Kind 50%_x' }, { content: 'zwei' }], ok: true, none: null },
  prompt: { text: 'weather in Graz' },
}
const holds = (filter: EntryFilter) => compileFilter(filter).matches(view)
const where = (text: string) => holds({ where: [parseCondition(text)] })

/** A value at a path of names. */
function nested(path: readonly string[], value: unknown): object {
  const [first = '', ...rest] = path
  return { [first]: rest.length === 0 ? value : nested(rest, value) }
}

describe('the operators', () => {
  test.each<[string, boolean]>([
    ['operation eq remember', true],
    ['operation eq Remember', false],
    ['operation ne remember', false],
    ['outcome ne failure', true],
    ['governanceStatus ne approved', true],
    ['memoryId eq 42', true],
    ['attributes.code eq "10"', true],
    ['attributes.code eq 10', false],
    ['attributes.code ne 10', true],
    ['attributes.cached eq false', true],
    ['attributes.gen_ai.tool.name eq store', true],
    ['actor eq {"id":"claude","onBehalfOf":{"id":"u:1","type":"user"},"type":"agent"}', true],
    ['actor.onBehalfOf.id eq u:1', true],
    ['operationResult.data.0.content contains 50%_x', true],
    ['operationResult.data.0.content contains 50%x', false],
    ['operationResult.data.length is_null', true],
    ['complianceFlags contains gdpr_compliance', true],
    ['complianceFlags contains gdpr', false],
    ['component starts_with Mem', true],
    ['component starts_with mem', false],
    ['component ends_with ory', true],
    ['performanceMetrics.duration_ms gt 9', true],
    ['performanceMetrics.duration_ms gt 10', false],
    ['performanceMetrics.duration_ms gte 10', true],
    ['performanceMetrics.duration_ms lt 100', true],
    ['performanceMetrics.duration_ms lte 9.99', false],
    ['performanceMetrics.duration_ms gt "9"', false],
    ['attributes.code lt 9', false],
    ['attributes.code lt "9"', true],
    ['seq between 7,9', true],
    ['seq between 8,9', false],
    ['operation in forget,remember', true],
    ['operation in ["forget","remember"]', true],
    ['operation not_in forget,recall', true],
    ['operation not_in forget,remember', false],
    ['attributes.retries in 1,2', true],
    ['attributes.retries in "1","2"', false],
    ['attributes.missing not_in 1,2', true],
    ['attributes.missing gt 1', false],
    ['operationResult.none is_null', true],
    ['userContext is_null', true],
    ['session is_not_null', true],
    ['operationResult.data is_not_null', true],
    ['userContext eq null', true],
    ['time gte 2026-11-23T15:07:00.123456+01:00', true],
    ['time gt 2026-11-23T15:07:00.123456+01:00', false],
    ['time lt 2026-11-23T14:07:00.1234561Z', true],
    ['time eq 2026-11-23T14:07:00.123456000Z', true],
    ['time starts_with 2026-11', true],
    ['securityLevel gt internal', true],
    ['securityLevel lt secret', true],
    ['securityLevel eq confidential', true],
    ["operationResult.data.0.content contains 'Kind 50%'", true],
    ["operationResult.data.0.content contains 'kind'", false],
    ["operationResult.data.1.content eq 'zwei'", true],
    ["attributes.code eq '10'", true],
    ["component in 'a, b','Memory'", true],
    ['actor eq agent:claude', true],
    ['actor eq user:u:1', false],
    ['actor starts_with agent:', true],
    ['actor ends_with :claude', true],
    ['actor in agent:x,agent:claude', true],
    ['actor not_in agent:claude', false],
    ['actor is_not_null', true],
    ['session contains x', false],
    ['sealed.prompt.text eq "weather in Graz"', true],
    ['sealed.prompt.text eq weather in Graz', true],
  ])('%s is %s', (text, expected) => {
    expect(where(text)).toBe(expected)
  })

  test('without case sensitivity, texts are folded on both sides', () => {
    const folded = (op: Condition['op'], value: string) =>
      holds({ where: [{ field: 'component', op, value, caseSensitive: false }] })
    expect(['MEMORY', 'memory'].map(value => folded('eq', value))).toEqual([true, true])
    expect([folded('contains', 'MOR'), folded('starts_with', 'mEM'), folded('ends_with', 'x')]).toEqual([
      true,
      true,
      false,
    ])
  })

  test.each(['attributes.code', 'userContext.role', 'operationResult.data.0.content', 'sealed.prompt.text'])(
    'all work on %s, in their case and in any',
    field => {
      const text = 'Ganz Große Größe'
      const place = field === 'sealed.prompt.text' ? { prompt: { text } } : nested(field.split('.'), text)
      const matches = (condition: Condition) => compileFilter({ where: [condition] }).matches({ ...view, ...place })
      const holds: [Condition['op'], Json | undefined, inCase: boolean, inAny: boolean][] = [
        ['eq', 'Ganz große größe', false, true],
        ['eq', text, true, true],
        ['ne', 'ganz große größe', true, false],
        ['contains', 'GROSSE', false, false],
        ['contains', 'GROẞE', false, true],
        ['starts_with', 'ganz', false, true],
        ['ends_with', 'GRÖSSE', false, false],
        ['ends_with', 'größe', false, true],
        ['gt', 'Ganz', true, true],
        ['gt', 'ganz h', false, false],
        ['gte', text, true, true],
        ['lt', 'GANZ Z', false, true],
        ['lte', text, true, true],
        ['in', ['x', text.toUpperCase().replaceAll('SS', 'ß')], false, true],
        ['not_in', ['x', 'ganz große größe'], true, false],
        ['between', ['GANZ', 'HALB'], true, true],
        ['between', ['ganz', 'halb'], false, true],
        ['is_null', undefined, false, false],
        ['is_not_null', undefined, true, true],
      ]
      for (const [op, value, inCase, inAny] of holds) {
        const condition = { field, op, ...(value === undefined ? {} : { value }) }
        expect([op, value, matches(condition), matches({ ...condition, caseSensitive: false })]).toEqual([
          op,
          value,
          inCase,
          inAny,
        ])
      }
    },
  )

  test('a field of an object is never one of its prototype', () => {
    expect(where('operationResult.constructor is_null')).toBe(true)
    expect(where('attributes.__proto__ is_null')).toBe(true)
  })
})

describe('the members', () => {
  test('a list is OR, members are AND', () => {
    expect(holds({ operation: ['forget', 'remember'], component: 'Memory' })).toBe(true)
    expect(holds({ operation: 'remember', component: 'memory' })).toBe(false)
    expect(holds({ memoryId: 42, flag: 'gdpr_compliance', securityLevel: ['public', 'confidential'] })).toBe(true)
    expect(holds({ securityLevel: 'standard' })).toBe(false)
  })

  test('an actor is found by type:id, by its id alone, and by whom it acts for', () => {
    expect(['agent:claude', 'claude', 'user:u:1'].map(actor => holds({ actor }))).toEqual([true, true, true])
    expect(['user:claude', 'agent', 'u:1'].map(actor => holds({ actor }))).toEqual([false, false, false])
  })

  test('since and until are inclusive instants, whatever their spelling', () => {
    const at = Date.UTC(2026, 10, 23, 14, 7) * 1000 + 123456
    expect(holds({ since: at, until: at })).toBe(true)
    expect(holds({ since: '2026-11-23T09:07:00.123456-05:00', until: '2026-11-23t14:07:00.123456z' })).toBe(true)
    expect(holds({ since: at + 1 })).toBe(false)
    expect(holds({ since: '2026-11-23T14:07:00.1234561Z' })).toBe(false)
    expect(holds({ until: new Date(at / 1000) })).toBe(false)
  })

  test('text: all words, anywhere, in any case; a phrase as one; names and hashes are no text', () => {
    expect(['KIND graz', '"das kind" zwei', 'claude U:1'].map(text => holds({ text }))).toEqual([true, true, true])
    const none = ['"kind das"', 'graz linz', 'content', 'ffff', '10.0', '0199a3c1', '2026-11']
    expect(none.map(text => holds({ text }))).toEqual(none.map(() => false))
  })
})

describe('what an index can answer of a filter', () => {
  const compiled = (text: string) => compileFilter({ where: [parseCondition(text)] })

  test.each<[string, object]>([
    ['seq gt 7.5', { firstSeq: 8, rest: [] }],
    ['seq lt 7', { lastSeq: 6, rest: [] }],
    ['seq eq 7', { firstSeq: 7, lastSeq: 7, rest: [] }],
    ['time gt 1970-01-01T00:00:00.0000011Z', { since: 2, rest: [] }],
    ['time lt 1970-01-01T00:00:01+00:00', { until: 999_999, rest: [] }],
    ['time eq 1970-01-01T00:00:01Z', { since: 1e6, until: 1e6, rest: [] }],
    ['operation eq a', { required: [{ field: 'operation', anyOf: ['a'] }], rest: [] }],
    ['actor eq agent:a', { required: [{ field: 'actor', anyOf: ['agent:a'] }], rest: ['where actor eq'] }],
    ['id in a,b', { ids: ['a', 'b'], rest: ['where id in'] }],
    ['userContext.a contains Größe', { fragments: [['gr'], ['e']], rest: ['where userContext.a contains'] }],
    ['operationResult in Wien,Graz', { fragments: [['wien', 'graz']] }],
    ['operationResult ne Wien', { fragments: [] }],
    ['attributes.n eq 7', { fragments: [] }],
  ])('%s is %j', (text, expected) => expect(compiled(text)).toMatchObject(expected))
})

describe('the values by which an entry is found', () => {
  test('are those of its field, each once, and none that is gone or no text', () => {
    const fields = ['operation', 'memoryId', 'actor', 'flag', 'session'] as const
    expect(fields.map(field => valuesIn({ ...view, complianceFlags: ['b', 'a', 'b'] }, field))).toEqual([
      ['remember'],
      ['42'],
      ['agent:claude', 'user:u:1'],
      ['b', 'a'],
      [],
    ])
  })
})

describe('a malformed filter is an error that names its member', () => {
  test.each<[unknown, string]>([
    [{ operaton: 'x' }, '$.operaton: a filter has no such member; did you mean operation?'],
    [{ operation: [] }, '$.operation'],
    [{ operation: 5 }, '$.operation'],
    [{ outcome: 'sucess' }, '$.outcome: "sucess" is none of success'],
    [{ since: 'yesterday' }, '$.since'],
    [{ since: '2026-02-30T00:00:00Z' }, '$.since'],
    [{ until: '2026-11-23T14:07:00' }, '$.until'],
    [{ until: new Date('x') }, '$.until'],
    [{ text: '  ' }, '$.text'],
    [{ text: 'an "open phrase' }, '$.text'],
    [{ where: {} }, '$.where'],
    [{ where: [{ field: 'memory_id', op: 'eq', value: 'x' }] }, 'did you mean memoryId?'],
    [{ where: [{ field: 'prompt', op: 'eq', value: 'x' }] }, 'sealed.prompt'],
    [{ where: [{ field: 'operation.x', op: 'eq', value: 'x' }] }, 'nothing stands below operation'],
    [{ where: [{ field: 'operation', op: 'equals', value: 'x' }] }, '$.where[0].op'],
    [{ where: [{ field: 'operation', op: 'eq' }] }, '$.where[0].value'],
    [{ where: [{ field: 'operation', op: 'in', value: 'x' }] }, 'in takes a list'],
    [{ where: [{ field: 'operation', op: 'not_in', value: [] }] }, 'not_in takes a list'],
    [{ where: [{ field: 'seq', op: 'between', value: [1] }] }, 'between takes two'],
    [{ where: [{ field: 'seq', op: 'between', value: [1, 'x'] }] }, 'between takes two'],
    [{ where: [{ field: 'seq', op: 'is_null', value: 1 }] }, 'takes no value'],
    [{ where: [{ field: 'seq', op: 'gt', value: true }] }, 'gt takes a number'],
    [{ where: [{ field: 'seq', op: 'gte', value: Number.NaN }] }, 'gte takes a number'],
    [{ where: [{ field: 'flag', op: 'eq', value: 'x' }] }, 'write complianceFlags contains NAME'],
    [{ where: [{ field: 'time', op: 'gt', value: 'noon' }] }, 'must be a time'],
    [{ where: [{ field: 'securityLevel', op: 'gte', value: 'high' }] }, 'must be one of public'],
    [{ where: [{ field: 'operation', op: 'eq', value: 'x', casesensitive: false }] }, 'casesensitive'],
  ])('%j', (filter, message) => {
    const compile = () => compileFilter(filter as EntryFilter)
    expect(compile).toThrow(AuditError)
    expect(compile).toThrow(message)
  })

  test.each([
    'operation',
    'operation eq',
    'seq between 1',
    'operation in a,,b',
    'operation eq "x',
    'attributes.a eq {x}',
    "operation eq 'x",
    "operation eq 'it's'",
    "operation in 'a,b",
    'operation in a,',
  ])('the condition %j', text => expect(() => parseCondition(text)).toThrow(AuditError))

  test('quotes hold a comma together', () => {
    expect(parseCondition('operation in "a,b", c').value).toEqual(['a,b', 'c'])
    expect(parseCondition("operation in 'a, b' ,\"c\\\",d\", it's, 'it''s, x'").value).toEqual([
      'a, b',
      'c",d',
      "it's",
      "it's, x",
    ])
    expect(parseCondition("operation eq 'it''s'").value).toBe("it's")
    expect(parseCondition("attributes.n eq '5'").value).toBe('5')
  })
})

describe('opening an entry', () => {
  const salt = new Uint8Array(16).fill(7)
  const leaf = (more: object = {}) => {
    const { entryHash, actor, memoryId, session, operationResult, prompt, ...members } = view
    return utf8(canonicalize({ ...members, ...more }))
  }
  const content = (values: Record<string, unknown>) =>
    formatContent(
      Object.entries(values).map(([name, value]) => formatPreimage({ salt, name, json: canonicalize(value) })),
    )
  const sealed = { actor: 'a'.repeat(43), memoryId: 'b'.repeat(43) }

  test('gives what can be opened, and says which commitment has no disclosure', () => {
    const stored = { seq: 7, leaf: leaf({ sealed }), content: content({ memoryId: 'm1', stranger: 1 }) }
    const { view: opened, disclosures } = openEntryWithDisclosures(stored)
    expect(opened).toMatchObject({ seq: 7, operation: 'remember', memoryId: 'm1', actor: { erased: true } })
    expect(opened).not.toHaveProperty('stranger')
    expect(disclosures.map(([, name, value]) => [name, value])).toEqual([
      ['memoryId', 'm1'],
      ['stranger', 1],
    ])
  })

  test('bytes that are no entry give a reason and never throw', () => {
    const none = new Uint8Array(0)
    const reasons = [
      Uint8Array.of(0xff),
      utf8('{'),
      utf8('[]'),
      leaf({ seq: 8 }),
      leaf({ operation: 5 }),
      leaf({ actor: {} }),
    ]
    for (const bytes of reasons) {
      const opened = openEntry({ seq: 7, leaf: bytes, content: none })
      expect([opened.view, typeof opened.problem]).toEqual([undefined, 'string'])
    }
    for (const name of ['operation', 'entryHash', '__proto__']) {
      const members = `{"sealed":{${JSON.stringify(name)}:"x"},${new TextDecoder().decode(leaf()).slice(1)}`
      const opened = openEntry({ seq: 7, leaf: utf8(members), content: none })
      expect(opened.view?.operation).toBe('remember')
      expect(Object.getPrototypeOf(opened.view)).toBe(Object.prototype)
    }
    const cut = content({ memoryId: 'm1', actor: { type: 'agent', id: 'x' } })
    for (let length = 0; length < cut.length; length++) {
      const opened = openEntry({ seq: 7, leaf: leaf({ sealed }), content: cut.subarray(0, length) })
      expect(opened.view?.actor).toEqual({ erased: true })
    }
  })
})

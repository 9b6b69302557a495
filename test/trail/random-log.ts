/** Random logs and random questions to them, made so that they often meet. */
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll } from 'vitest'
import type { EntryInput, Json } from '../../src/core/entry.ts'
import { type Condition, compileFilter, type EntryFilter, operators } from '../../src/core/filter.ts'
import { type EntryView, openEntry } from '../../src/core/view.ts'
import { LogIndex } from '../../src/index/log-index.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { AuditTrail } from '../../src/trail/audit-trail.ts'
import { LogBuilder, newKeys, type TestEntry, temporaryFolder } from './build-log.ts'

const closing: (() => void)[] = []
afterAll(() => {
  for (const close of closing) close()
})

export function newLog(kind: 'memory' | 'sqlite') {
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

export async function everything(store: Store): Promise<EntryView[]> {
  const all: EntryView[] = []
  for await (const some of store.entries(0, Number.MAX_SAFE_INTEGER)) {
    for (const stored of some) all.push(openEntry(stored).view!)
  }
  return all
}

const operations = ['remember', 'recall', 'forget', "x' OR 1=1 --"]
const components = ['store', 'api']
const flags = ['audit_required', 'gdpr', 'hipaa']
const ids = ['a', 'b', 'c:d', 'ünï']
/** Words in few entries, so that a search can pass by most blocks. */
const notes = Array.from(
  { length: 60 },
  (_, i) => `Notiz über ${(i * 7919).toString(36)} und ${(i * 104729).toString(36)}`,
)
const identity = fc.record({ type: fc.constantFrom('user', 'agent'), id: fc.constantFrom(...ids) })
export const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })

export const input: fc.Arbitrary<TestEntry> = fc
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
        operationResult: fc.record({
          data: fc.constantFrom('one two', 'two three', 'Drei Äpfel', 3),
          list: fc.subarray(flags),
        }),
        userContext: fc.record({ role: fc.constantFrom('Admin', 'reader', null), note: fc.constantFrom(...notes) }),
        attributes: fc.record({ 'tool.name': fc.constantFrom('read', 'write'), n: fc.integer({ min: 0, max: 3 }) }),
      },
      { requiredKeys: ['operation', 'component'] },
    ) as fc.Arbitrary<EntryInput>,
    later: fc.constantFrom(0, 1, 700, 5_000_000),
    idAge: fc.constantFrom(0, 0, 10_000_000),
  })
  .map(entry => entry as TestEntry)

export const start = Date.UTC(2026, 10, 23, 14) * 1000
const someOf = (values: readonly string[]) =>
  fc.oneof(fc.constantFrom(...values), fc.subarray([...values], { minLength: 1 }))
const fields = [
  'operation',
  'component',
  'memoryId',
  'session',
  'kind',
  'outcome',
  'securityLevel',
  'complianceFlags',
  'actor',
  'actor.id',
  'actor.onBehalfOf.type',
  'time',
  'seq',
  'id',
  'intent',
  'attributes.tool.name',
  'attributes.n',
  'attributes',
  'performanceMetrics.duration_ms',
  'userContext.role',
  'userContext.note',
  'userContext.missing',
  'operationResult.data',
  'operationResult.list',
  'operationResult.list.0',
]
const values: readonly Json[] = [
  ...['remember', 'RECALL', 'store', 'a', 'Ünï', 's1', 'event', 'success', 'internal', 'secret', 'gdpr', 'agent:a'],
  ...['two', 'one two', 'äpfel', 'drei', 'read', 'Admin', 'user', notes[7]!, notes[8]!.slice(7, 16), '', 'x'],
  ...[0, 2, 3, 9.5, 40, 120, true, null],
  ...[100, 300].map(s => new Date(start / 1000 + s * 1000).toISOString()),
]
/** Every operator on every field, with whatever it takes. */
const condition: fc.Arbitrary<Condition> = fc
  .record({
    field: fc.constantFrom(...fields),
    op: fc.constantFrom(...operators),
    pair: fc.tuple(fc.constantFrom(...values), fc.constantFrom(...values)),
    caseSensitive: fc.boolean(),
  })
  .map(({ field, op, pair, caseSensitive }): Condition => {
    if (op === 'is_null' || op === 'is_not_null') return { field, op }
    const takesList = op === 'in' || op === 'not_in' || op === 'between'
    return { field, op, value: takesList ? pair : pair[0], caseSensitive }
  })
  .filter(isWellFormed)

function isWellFormed(condition: Condition): boolean {
  try {
    compileFilter({ where: [condition] })
    return true
  } catch {
    return false
  }
}

export const filter: fc.Arbitrary<EntryFilter> = fc
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
    text: optional(fc.constantFrom('two', '"two three"', 'ÜNÏ', 'äpfel', notes[9]!.slice(11), 'notiz apfel')),
    where: optional(fc.array(condition, { maxLength: 2 })),
  })
  // Mostly few members, or nothing is ever found.
  .chain(all => fc.subarray(Object.keys(all), { maxLength: 3 }).map(names => pick(all, names)))

function pick(all: object, names: readonly string[]): EntryFilter {
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => names.includes(name) && value !== undefined))
}

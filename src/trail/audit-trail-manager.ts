/** The audit trail by the seed's names: one call that filters, orders, pages, counts, verifies, and remembers its answers. */
import { nearest } from '../core/capture.ts'
import type { Json } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { EventStream } from '../core/events.ts'
import { type Condition, compileFilter, type EntryFilter, type Operator, operators } from '../core/filter.ts'
import { badInput, canonicalize, pathOf } from '../core/json.ts'
import type { EntryView } from '../core/view.ts'
import type { EntryStatus } from '../verify/entry-check.ts'
import type { Reader } from './reader.ts'

/** One condition. What it means is said at `Condition`; the seed's names of fields are understood as well. */
export interface AuditQueryFilter {
  /** `operation`, `operationResult.data.content`, `user_context.role`, `timestamp` … */
  readonly field: string
  readonly operation: Operator
  /** None, or null, for `is_null` and `is_not_null`. */
  readonly value?: Json
  /** True unless given. */
  readonly caseSensitive?: boolean
}

/** What is asked. Every member narrows the answer; of a list, one value is enough. */
export interface AuditQuery {
  readonly filters?: readonly AuditQueryFilter[]
  /** Both inclusive: RFC 3339 with any offset, or a `Date`. */
  readonly startTime?: string | Date
  readonly endTime?: string | Date
  readonly entryIds?: readonly string[]
  readonly memoryIds?: readonly (string | number)[]
  readonly operations?: readonly string[]
  readonly components?: readonly string[]
  /** Entries at most, 1–100 000; 1000 unless given. */
  readonly limit?: number
  /** How many of those that match are left out at the beginning; 0 unless given. For long answers, cursors are cheaper. */
  readonly offset?: number
  /** Entries stand in the log in the order of their times, so `seq` means the same. */
  readonly orderBy?: 'timestamp' | 'time' | 'seq'
  /** `DESC`, the newest first, unless given. */
  readonly orderDirection?: 'ASC' | 'DESC'
  /** With what surrounds the action: `userContext`, `attributes`, `performanceMetrics`, `trace`; true unless given. */
  readonly includeMetadata?: boolean
  /** With what proves it: `sealed`, `previousHash`, `entryHash`; true unless given. */
  readonly includeEvidence?: boolean
  /** Whether each entry returned is verified; false unless given. About 1 ms an entry. */
  readonly includeVerificationStatus?: boolean
}

/** An entry as it was asked for. */
export type AuditQueryEntry = Pick<EntryView, 'seq' | 'id' | 'time' | 'kind' | 'operation' | 'component'> &
  Partial<EntryView>

/** What came of the verification of the entries returned. */
export interface VerificationResults {
  readonly totalEntries: number
  readonly verifiedEntries: number
  readonly failedVerifications: number
  /** Whether any of them is not what was recorded. */
  readonly tamperDetected: boolean
  /** Those that failed. */
  readonly details: readonly {
    readonly seq: number
    readonly entryId: string
    readonly status: EntryStatus
    readonly reasons: readonly string[]
  }[]
}

export interface AuditQueryResult {
  readonly entries: readonly AuditQueryEntry[]
  /** How many entries match, of which `entries` are a part. */
  readonly totalCount: number
  /** False where `totalCount` is an estimate: see `Reader.count`. */
  readonly totalCountIsExact: boolean
  /** Milliseconds, of this call. */
  readonly queryTimeMs: number
  /** What was asked, with everything that was not said. */
  readonly query: AuditQuery
  /** When the answer was made, RFC 3339 UTC: an answer that was remembered keeps its time. */
  readonly executedAt: string
  readonly verificationResults?: VerificationResults
  readonly hasMore: boolean
  /** The `offset` of what comes next. */
  readonly nextOffset?: number
}

export interface AuditTrailManagerOptions {
  /** A reader that tells nobody of its answers: this class does. */
  readonly reader: Pick<Reader, 'query' | 'count' | 'size' | 'checkEntry'>
  readonly events?: EventStream
  /** Microseconds since 1970. */
  readonly now: () => number
  /** Milliseconds, monotonic. */
  readonly clock?: () => number
}

const defaultLimit = 1000
const mostEntries = 100_000
/** How long an answer is remembered, in milliseconds, how many, and how many characters of JSON in all and each. */
const rememberedMs = 300_000
const mostAnswers = 100
const mostText = 32 * 1024 * 1024
const mostTextEach = mostText / 8

const metadata = ['userContext', 'attributes', 'performanceMetrics', 'trace'] as const
const evidence = ['sealed', 'previousHash', 'entryHash'] as const

/**
 * Answers queries over an audit trail.
 *
 * Answers are remembered for five minutes, by what was asked and the size of the log: one that was given before an entry
 * was added is never given after it. Callers get copies.
 *
 * @example
 * const trail = new AuditTrailManager({ reader, events, now: () => Date.now() * 1000 })
 * const { entries, totalCount } = await trail.queryAuditTrail({ operations: ['forget'], limit: 20 })
 */
export class AuditTrailManager {
  readonly #reader: AuditTrailManagerOptions['reader']
  readonly #events: EventStream | undefined
  readonly #now: () => number
  readonly #clock: () => number
  /** Answers over a log of `#size` entries, the oldest first: as JSON, so that everybody has a copy. */
  readonly #answers = new Map<string, { readonly json: string; readonly since: number }>()
  #size = 0
  #text = 0

  constructor({ reader, events, now, clock = () => performance.now() }: AuditTrailManagerOptions) {
    this.#reader = reader
    this.#events = events
    this.#now = now
    this.#clock = clock
  }

  /**
   * Answers a query. Sees every entry that was acknowledged before the call.
   *
   * @throws AuditError `bad_input`, naming the member that is wrong
   * @example await trail.queryAuditTrail({ filters: [{ field: 'operationResult.data.content', operation: 'contains', value: 'x' }] })
   */
  async queryAuditTrail(query: AuditQuery = {}): Promise<AuditQueryResult> {
    const started = this.#clock()
    const asked = complete(query)
    const filter = filterOf(asked)
    judge(filter)
    const size = await this.#reader.size()
    const key = canonicalize(asked)
    const remembered = this.#recall(key, size)
    const answer = remembered ?? (await this.#answer(asked, filter))
    if (remembered === undefined) this.#remember(key, size, answer)
    const queryTimeMs = this.#clock() - started
    const entries = answer.entries.length
    this.#events?.emit({ type: 'queried', entries, durationMs: queryTimeMs, cached: remembered !== undefined })
    return { ...answer, queryTimeMs }
  }

  async #answer(query: Complete, filter: EntryFilter): Promise<AuditQueryResult> {
    const { limit, offset, includeVerificationStatus } = query
    const executedAt = new Date(this.#now() / 1000).toISOString()
    const order = query.orderDirection === 'ASC' ? 'asc' : 'desc'
    // One more than wanted says whether there are more, however large the number of all.
    const found = await this.#reader.query(filter, { limit: limit + 1, skip: offset, order })
    const views = found.slice(0, limit)
    const hasMore = found.length > limit
    const isKnown = !hasMore && (views.length > 0 || offset === 0)
    const counted = isKnown ? undefined : await this.#reader.count(filter)
    return {
      entries: views.map(view => without(view, query)),
      totalCount: Math.max(counted?.count ?? 0, views.length > 0 ? offset + found.length : 0),
      totalCountIsExact: counted?.exact ?? true,
      queryTimeMs: 0,
      query,
      executedAt,
      ...(includeVerificationStatus && { verificationResults: await this.#verify(views) }),
      hasMore,
      ...(hasMore && { nextOffset: offset + limit }),
    }
  }

  async #verify(views: readonly EntryView[]): Promise<VerificationResults> {
    const details: VerificationResults['details'][number][] = []
    for (const { seq, id } of views) {
      const { status, findings } = await this.#reader.checkEntry(seq)
      if (status !== 'valid')
        details.push({ seq, entryId: id, status, reasons: findings.map(({ message }) => message) })
    }
    return {
      totalEntries: views.length,
      verifiedEntries: views.length - details.length,
      failedVerifications: details.length,
      tamperDetected: details.some(({ status }) => status === 'tampered'),
      details,
    }
  }

  // What is remembered

  #recall(key: string, size: number): AuditQueryResult | undefined {
    // What was said of a log of another size is not asked for again.
    if (size !== this.#size) this.#forget([...this.#answers.keys()])
    this.#size = size
    const tooOld = this.#clock() - rememberedMs
    this.#forget([...this.#answers].filter(([, { since }]) => since <= tooOld).map(([old]) => old))
    const answer = this.#answers.get(key)
    return answer === undefined ? undefined : (JSON.parse(answer.json) as AuditQueryResult)
  }

  #remember(key: string, size: number, answer: AuditQueryResult): void {
    const json = JSON.stringify(answer)
    if (size !== this.#size || json.length > mostTextEach) return
    this.#forget([key])
    this.#answers.set(key, { json, since: this.#clock() })
    this.#text += json.length
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= mostAnswers && this.#text <= mostText) break
      this.#forget([oldest])
    }
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) {
      this.#text -= this.#answers.get(key)?.json.length ?? 0
      this.#answers.delete(key)
    }
  }
}

// What is asked

/** A query in which nothing is left to be guessed, as plain data. */
type Complete = AuditQuery &
  Required<Pick<AuditQuery, 'limit' | 'offset' | 'orderDirection' | 'includeVerificationStatus'>>

const defaults = {
  filters: [] as readonly AuditQueryFilter[],
  limit: defaultLimit,
  offset: 0,
  orderBy: 'timestamp',
  orderDirection: 'DESC',
  includeMetadata: true,
  includeEvidence: true,
  includeVerificationStatus: false,
} as const
const members = new Set([
  ...Object.keys(defaults),
  'startTime',
  'endTime',
  'entryIds',
  'memoryIds',
  'operations',
  'components',
])

function complete(query: AuditQuery): Complete {
  for (const name in query) {
    if (members.has(name)) continue
    const near = nearest(name, members)
    const help = near === undefined ? '' : `; did you mean ${near}?`
    throw badInput(pathOf('$', name), `a query has no such member${help}`)
  }
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
  const asked: Complete = { ...defaults, ...given }
  const { limit, offset, orderBy, orderDirection } = asked
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= mostEntries)) {
    throw badInput('$.limit', `must be a whole number from 1 to ${mostEntries}`)
  }
  if (!(Number.isSafeInteger(offset) && offset >= 0)) throw badInput('$.offset', 'must be a whole number from 0 on')
  if (!['timestamp', 'time', 'seq'].includes(orderBy as string)) {
    throw badInput('$.orderBy', 'must be timestamp, time or seq')
  }
  if (orderDirection !== 'ASC' && orderDirection !== 'DESC') throw badInput('$.orderDirection', 'must be ASC or DESC')
  for (const name of ['includeMetadata', 'includeEvidence', 'includeVerificationStatus'] as const) {
    if (typeof asked[name] !== 'boolean') throw badInput(`$.${name}`, 'must be true or false')
  }
  const { startTime, endTime } = asked
  return {
    ...asked,
    ...(startTime instanceof Date && { startTime: timeText(startTime, '$.startTime') }),
    ...(endTime instanceof Date && { endTime: timeText(endTime, '$.endTime') }),
  }
}

function timeText(date: Date, path: string): string {
  if (Number.isNaN(date.getTime())) throw badInput(path, 'must be a time')
  return date.toISOString()
}

/** The seed's names of fields, in both of their spellings. */
const seedNames: Readonly<Record<string, string>> = {
  entry_id: 'id',
  entryId: 'id',
  timestamp: 'time',
  memory_id: 'memoryId',
  user_context: 'userContext',
  operation_result: 'operationResult',
  governance_status: 'governanceStatus',
  performance_metrics: 'performanceMetrics',
  security_level: 'securityLevel',
  compliance_flags: 'complianceFlags',
  previous_hash: 'previousHash',
  entry_hash: 'entryHash',
}

function filterOf({ filters, startTime, endTime, entryIds, memoryIds, operations, components }: Complete): EntryFilter {
  if (!Array.isArray(filters)) throw badInput('$.filters', 'must be a list of filters')
  const where = filters.map((filter: unknown, i) => conditionOf(filter, pathOf('$.filters', i)))
  if (entryIds !== undefined) where.push({ field: 'id', op: 'in', value: [...entryIds] })
  const filter = {
    since: startTime,
    until: endTime,
    memoryId: memoryIds,
    operation: operations,
    component: components,
    where,
  }
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))
}

/** The members of a filter, as a query calls them. */
const queryNames: Readonly<Record<string, string>> = {
  since: 'startTime',
  until: 'endTime',
  memoryId: 'memoryIds',
  operation: 'operations',
  component: 'components',
  where: 'filters',
}

/** Refuses a filter that is not well formed, by the names that the caller knows. */
function judge(filter: EntryFilter): void {
  try {
    compileFilter(filter)
  } catch (error) {
    if (!(error instanceof AuditError) || error.path === undefined) throw error
    const path = error.path.replace(/^\$\.(\w+)/, (_, name: string) => `$.${queryNames[name] ?? name}`)
    throw badInput(path, error.message.slice(error.path.length + 2), error)
  }
}

function conditionOf(filter: unknown, path: string): Condition {
  if (typeof filter !== 'object' || filter === null) {
    throw badInput(path, 'a filter is an object with field, operation and value')
  }
  const { field, operation, value, caseSensitive, ...more } = filter as Record<string, unknown>
  for (const name in more) throw badInput(pathOf(path, name), 'a filter has field, operation, value and caseSensitive')
  if (typeof field !== 'string') throw badInput(`${path}.field`, 'must name a field')
  if (!operators.includes(operation as Operator)) {
    throw badInput(`${path}.operation`, `${JSON.stringify(operation)} is none of ${operators.join(', ')}`)
  }
  const [first = '', ...below] = field.split('.')
  const isValueless = (operation === 'is_null' || operation === 'is_not_null') && (value ?? null) === null
  return {
    field: [Object.hasOwn(seedNames, first) ? seedNames[first]! : first, ...below].join('.'),
    op: operation as Operator,
    ...(isValueless || value === undefined ? {} : { value: value as Json }),
    ...(caseSensitive === undefined ? {} : { caseSensitive: caseSensitive as boolean }),
  }
}

function without(view: EntryView, { includeMetadata, includeEvidence }: AuditQuery): AuditQueryEntry {
  const left = new Set<string>([...(includeMetadata ? [] : metadata), ...(includeEvidence ? [] : evidence)])
  if (left.size === 0) return view
  return Object.fromEntries(Object.entries(view).filter(([name]) => !left.has(name))) as unknown as AuditQueryEntry
}

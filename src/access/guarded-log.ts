/**
 * A log as one principal may use it, with every use on record.
 *
 * What is asked is answered only when the record of it is durable: where that fails, nothing is given. An answer of many
 * entries is one access, however many pages it is read in. The record itself is no access.
 */
import type { ControlInput, ControlOperation, WriteControl } from '../core/control.ts'
import type { EntryInput, Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'
import type { VerificationReport } from '../core/finding.ts'
import type { EntryView } from '../core/view.ts'
import { type ExportRequest, type ExportSummary, exportEntries } from '../export/export.ts'
import { type AuditReport, generateAuditReport, type ReportRequest, type ReportSources } from '../report/report.ts'
import type { Count, CountOptions, Facet, FacetOptions, Histogram, HistogramOptions } from '../trail/aggregates.ts'
import type { EntryWithDisclosures, ListRow } from '../trail/audit-trail.ts'
import type { LogStatus, Reader, VerifyRequest } from '../trail/reader.ts'
import type { CheckedEntry } from '../verify/entry-check.ts'
import { type GuardedReader, guardReader } from './guarded-reader.ts'
import { may, type Principal, seesEverything, sightOf } from './principal.ts'
import type { Permission } from './settings.ts'

/** What of an open log is guarded besides questions. */
export interface WritableLog<Call> {
  append(entry: EntryInput): Promise<Receipt>
  begin(entry: Omit<EntryInput, 'kind' | 'intent' | 'outcome'>): Promise<Call>
  checkpoint(): Promise<string | undefined>
}

export interface GuardParts {
  readonly reader: Reader
  /** Records the accesses: `logControl` of the log. */
  readonly control: WriteControl
}

export interface GuardedQueryOptions {
  /** Entries at most; all of them unless given. */
  readonly limit?: number
  /** The last `seq` seen: the answer goes on behind it. */
  readonly after?: number
  /** `desc`, newest first, unless given. */
  readonly order?: 'asc' | 'desc'
  readonly signal?: AbortSignal
}

/** Entries that are read in one go, and rows where they are only counted. */
const pageSize = 256
const countedAtOnce = 2048
const everything = { limit: Number.POSITIVE_INFINITY, order: 'desc' } as const

/**
 * A log as this principal may use it.
 *
 * @example
 * const mine = guardLog(log, principalOf(settings, 'alice'), { reader, control: entry => logger.logControl(entry) })
 * for await (const entry of mine.query({ outcome: 'denied' })) show(entry)
 */
export function guardLog<Call>(log: WritableLog<Call>, principal: Principal, parts: GuardParts): GuardedLog<Call> {
  return new GuardedLog(log, principal, parts)
}

export class GuardedLog<Call> {
  readonly #log: WritableLog<Call>
  readonly #principal: Principal
  readonly #reader: Reader
  readonly #seen: GuardedReader
  readonly #control: WriteControl

  constructor(log: WritableLog<Call>, principal: Principal, { reader, control }: GuardParts) {
    this.#log = log
    this.#principal = principal
    this.#reader = reader
    this.#seen = guardReader(reader, principal, 'read')
    this.#control = control
  }

  /**
   * Appends one entry, at any level, for a component that the principal may append for. The entry is its own record.
   *
   * @throws AuditError `not_allowed`, and as the log's own `append`
   */
  async append(entry: EntryInput): Promise<Receipt> {
    await this.require('append', 'append', entry?.component)
    return await this.#log.append(entry)
  }

  /**
   * Announces an action, as the log's own `begin`.
   *
   * @throws AuditError `not_allowed`, and as the log's own `begin`
   */
  async begin(entry: Omit<EntryInput, 'kind' | 'intent' | 'outcome'>): Promise<Call> {
    await this.require('append', 'begin', entry?.component)
    return await this.#log.begin(entry)
  }

  /**
   * Entries that match, as the principal sees them; of closed ones the leaf. One `access.query` entry with the number of them
   * is durable before the first is given.
   *
   * @throws AuditError `not_allowed`, `bad_input` for a malformed filter, and what keeps the access from being recorded
   */
  query(filter: EntryFilter = {}, options: GuardedQueryOptions = {}): AsyncIterable<EntryView> {
    return this.#answer('query', this.#seen.query, filter, options)
  }

  /** The narrow rows of the same entries. On record like {@link query}. */
  list(filter: EntryFilter = {}, options: GuardedQueryOptions = {}): AsyncIterable<ListRow> {
    return this.#answer('list', this.#seen.list, filter, options)
  }

  /**
   * How many entries match, of those that the principal sees; as exact as a reader counts. On record like {@link query}.
   *
   * @throws AuditError as {@link query}
   */
  async count(filter: EntryFilter = {}, options: CountOptions = {}): Promise<Count> {
    await this.require('read', 'count')
    const counted = await this.#seen.count(filter, options)
    await this.#record('access.query', { call: 'count', results: counted.count }, filter)
    return counted
  }

  /**
   * The most frequent values of fields, among entries that the principal sees; of sealed fields, among those that are open.
   * On record like {@link query}.
   *
   * @throws AuditError as {@link query}
   */
  async facets(filter: EntryFilter, options: FacetOptions): Promise<Facet[]> {
    await this.require('read', 'facets')
    const facets = await this.#seen.facets(filter, options)
    await this.#record('access.query', { call: 'facets', fields: options.fields.join(',') }, filter)
    return facets
  }

  /**
   * When the entries that match were made, of those that the principal sees. On record like {@link query}.
   *
   * @throws AuditError as {@link query}
   */
  async histogram(filter: EntryFilter, options: HistogramOptions): Promise<Histogram> {
    await this.require('read', 'histogram')
    const histogram = await this.#seen.histogram(filter, options)
    const results = histogram.buckets.reduce((sum, { count }) => sum + count, 0)
    await this.#record('access.query', { call: 'histogram', results }, filter)
    return histogram
  }

  /**
   * One entry with its disclosures, of a closed one its leaf; nothing where the principal sees nothing. What is disclosed is
   * an `access.disclose`, anything else an `access.read`, and what there is but is not shown an `access.refused`.
   *
   * @throws AuditError `not_allowed`, and what keeps the access from being recorded
   */
  async get(seqOrId: number | string): Promise<EntryWithDisclosures | undefined> {
    await this.require('read', 'get')
    const entry = await this.#seen.get(seqOrId)
    if (entry === undefined) return await this.#notShown('get', seqOrId)
    const disclosed = entry.disclosures.length > 0
    const isClosed = sightOf(this.#principal, entry, 'read') === 'closed'
    const facts = { call: 'get', entry: entry.seq, ...(isClosed && { closed: true }) }
    await this.#record(disclosed ? 'access.disclose' : 'access.read', facts)
    return entry
  }

  /** The exact bytes of a leaf, where the principal sees it. On record as {@link get}. */
  async leaf(seqOrId: number | string): Promise<Uint8Array | undefined> {
    await this.require('read', 'leaf')
    const leaf = await this.#seen.leaf(seqOrId)
    if (leaf === undefined) return await this.#notShown('leaf', seqOrId)
    await this.#record('access.read', { call: 'leaf', ...nameOf(seqOrId) })
    return leaf
  }

  /**
   * A `.tlog-proof` that an entry is in the log, also of a closed one; a checkpoint is signed now when none covers it.
   *
   * @throws AuditError `not_found` also for what is not shown, `not_allowed`, and what keeps the access from being recorded
   */
  async prove(seqOrId: number | string): Promise<string> {
    await this.require('read', 'prove')
    if ((await this.#seen.leaf(seqOrId)) === undefined) {
      await this.#notShown('prove', seqOrId)
      throw new AuditError('not_found', `there is no entry ${seqOrId}`)
    }
    const proof = await this.#seen.prove(seqOrId).catch(async error => {
      if (!(error instanceof AuditError && error.code === 'not_found')) throw error
      await this.#log.checkpoint()
      return await this.#seen.prove(seqOrId)
    })
    await this.#record('access.read', { call: 'prove', ...nameOf(seqOrId) })
    return proof
  }

  /**
   * Checks the log, or a range of it. The verdicts are about everything; of an entry that is not shown, a finding says only
   * that there is one.
   *
   * @throws AuditError `not_allowed`, and what keeps the access from being recorded
   */
  async verify(request: VerifyRequest = {}, hooks: Parameters<Reader['verify']>[1] = {}): Promise<VerificationReport> {
    await this.require('verify', 'verify')
    const report = await this.#seen.verify(request, hooks)
    const { valid, complete, trust, entries, findings, findingsOmitted } = report
    const found = findings.length + findingsOmitted
    await this.#record('access.verify', { call: 'verify', valid, complete, trust, results: entries, findings: found })
    return report
  }

  /**
   * Checks one entry. Of one that is not shown, only the verdict is told.
   *
   * @throws AuditError `not_allowed`, and what keeps the access from being recorded
   */
  async checkEntry(seqOrId: number | string, sealKey?: string): Promise<CheckedEntry> {
    await this.require('verify', 'checkEntry')
    const checked = await this.#seen.checkEntry(seqOrId, sealKey)
    await this.#record('access.verify', { call: 'checkEntry', status: checked.status, ...nameOf(seqOrId) })
    return checked
  }

  /**
   * Exports what the principal may export, with what it may disclose. An `access.export` that is `pending` is durable before
   * the first byte leaves; another one, with the digest of the bytes, says how it ended.
   *
   * @throws AuditError `not_allowed`, and as `exportEntries`
   */
  async export(
    request: Omit<ExportRequest, 'reader' | 'partOf' | 'record' | 'actor' | 'mayOpen'>,
  ): Promise<ExportSummary> {
    await this.require('export', 'export')
    const { filter = {}, format } = request
    compileFilter(filter)
    const reader = guardReader(this.#reader, this.#principal, 'export')
    const facts = { call: 'export', format, results: await this.#count(reader, filter) }
    const { seq: announced } = await this.#record('access.export', facts, filter, 'pending')
    try {
      return await exportEntries({
        ...request,
        reader,
        ...(seesEverything(this.#principal, 'export') ? {} : { partOf: this.#reader }),
        actor: this.#principal.actor,
        mayOpen: entry => sightOf(this.#principal, entry, 'export') === 'whole',
        record: entry => this.#control({ ...entry, attributes: { ...entry.attributes, announced } }),
      })
    } catch (error) {
      await this.#record('access.export', { ...facts, announced }, filter, 'failure')
      throw error
    }
  }

  /**
   * A report of a period, for a principal that sees everything: its figures tell of every entry.
   *
   * @throws AuditError `not_allowed` also where an entry would be closed, and as `generateAuditReport`
   */
  async report(
    sources: Omit<ReportSources, 'reader'>,
    request: ReportRequest = {},
    hooks?: Parameters<typeof generateAuditReport>[2],
  ): Promise<AuditReport> {
    await this.require('verify', 'report')
    if (!seesEverything(this.#principal, 'read')) {
      return await this.#refuse('report', 'read', 'a report tells of every entry, and some are closed to you')
    }
    const report = await generateAuditReport({ ...sources, reader: this.#reader }, request, hooks)
    const { type, reportId, from, to } = report
    await this.#record('access.report', { call: 'report', type, reportId, from, to, results: report.totalEntries })
    return report
  }

  /**
   * The newest signed checkpoint. It tells how long the log is and nothing of its entries: it is not on record.
   *
   * @throws AuditError `not_allowed`
   */
  async checkpoint(): Promise<string | undefined> {
    await this.require('verify', 'checkpoint')
    return await this.#reader.checkpoint()
  }

  /**
   * The log at a glance; of the open intents, those that are shown. Not on record, as {@link checkpoint}.
   *
   * @throws AuditError `not_allowed`
   */
  async status(): Promise<LogStatus> {
    await this.require('verify', 'status')
    return await this.#seen.status()
  }

  /**
   * Lets pass who has a permission, and refuses everyone else, on record: for what is not a call of this object, such as
   * erasing.
   *
   * @param call what was asked for, for the record
   * @throws AuditError `not_allowed`, and what keeps the refusal from being recorded
   */
  async require(permission: Permission, call: string, component?: string): Promise<void> {
    if (may(this.#principal, permission, component)) return
    const where = component === undefined || !may(this.#principal, permission) ? '' : ` for ${component}`
    await this.#refuse(call, permission, `${call} needs the permission ${permission}${where}, which you do not have`)
  }

  async #refuse(call: string, permission: Permission, message: string): Promise<never> {
    await this.#record('access.refused', { call, permission }, undefined, 'denied')
    throw new AuditError('not_allowed', message)
  }

  /** There is no such entry, or it is not shown: whoever asks learns no difference, and the record does. */
  async #notShown(call: string, seqOrId: number | string): Promise<undefined> {
    const there = await this.#reader.leaf(seqOrId)
    if (there === undefined) await this.#record('access.read', { call, ...nameOf(seqOrId), results: 0 })
    else await this.#record('access.refused', { call, ...nameOf(seqOrId) }, undefined, 'denied')
    return undefined
  }

  async *#answer<T extends { readonly seq: number }>(
    call: string,
    read: (
      filter: EntryFilter,
      page: { limit: number; after?: number | undefined; order: 'asc' | 'desc' },
    ) => Promise<T[]>,
    filter: EntryFilter,
    { limit = Number.POSITIVE_INFINITY, after, order = 'desc', signal }: GuardedQueryOptions,
  ): AsyncIterable<T> {
    await this.require('read', call)
    compileFilter(filter)
    let wanted = Math.min(limit, pageSize)
    let page = await read(filter, { limit: wanted, after, order })
    const isAll = page.length < wanted || page.length === limit
    const more = { limit: limit - page.length, after: page.at(-1)?.seq, order }
    const results = page.length + (isAll ? 0 : await this.#count(this.#seen, filter, more))
    await this.#record('access.query', { call, results, order, ...(after === undefined ? {} : { after }) }, filter)
    // What was appended since is not of this answer: it was not counted.
    for (let left = results; ; ) {
      signal?.throwIfAborted()
      for (const one of page.slice(0, left)) yield one
      left -= page.length
      if (left <= 0 || page.length < wanted) return
      wanted = Math.min(left, pageSize)
      page = await read(filter, { limit: wanted, after: page.at(-1)!.seq, order })
    }
  }

  async #count(
    reader: GuardedReader,
    filter: EntryFilter,
    { limit, after, order }: { limit: number; after?: number | undefined; order: 'asc' | 'desc' } = everything,
  ): Promise<number> {
    let count = 0
    for (let last = after; count < limit; ) {
      const wanted = Math.min(limit - count, countedAtOnce)
      const rows = await reader.list(filter, { limit: wanted, after: last, order })
      count += rows.length
      if (rows.length < wanted) break
      last = rows.at(-1)!.seq
    }
    return count
  }

  /** Resolves when it is on the disk that this was asked: an answer waits for it, and is not given without. */
  async #record(
    operation: ControlOperation,
    attributes: NonNullable<ControlInput['attributes']>,
    filter?: EntryFilter,
    outcome: ControlInput['outcome'] = 'success',
  ): Promise<Receipt> {
    const { actor } = this.#principal
    // What is looked for may name a person, as who looks does.
    const sealed = filter === undefined ? {} : { sealed: { filter: JSON.parse(JSON.stringify(filter)) } }
    try {
      return await this.#control({ operation, outcome, securityLevel: 'confidential', actor, attributes, ...sealed })
    } catch (cause) {
      const { code = 'io', message } = cause as Partial<AuditError>
      throw new AuditError(code, `the access could not be recorded, so nothing is given: ${message}`, { cause })
    }
  }
}

/** An entry as it was asked for. Ids of entries are drawn by the log and say nothing of anyone. */
function nameOf(seqOrId: number | string): { entry: string | number } {
  return { entry: typeof seqOrId === 'string' ? seqOrId.slice(0, 64) : seqOrId }
}

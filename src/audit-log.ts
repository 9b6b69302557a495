/** An open log, as a program holds it: one way in, many questions, one way out. */
import type { ImmutableAuditLogger } from './append/immutable-audit-logger.ts'
import { hasEnded } from './append/liveness.ts'
import type { Writer } from './append/writer.ts'
import type { EntryInput, Receipt } from './core/entry.ts'
import { AuditError } from './core/errors.ts'
import type { EventStream } from './core/events.ts'
import type { EntryFilter } from './core/filter.ts'
import type { VerificationReport } from './core/finding.ts'
import type { EntryView } from './core/view.ts'
import type { Count, CountOptions, Facet, FacetOptions, Histogram, HistogramOptions } from './trail/aggregates.ts'
import type { EntryWithDisclosures, ListRow } from './trail/audit-trail.ts'
import type { LogStatus, Reader, VerifyRequest } from './trail/reader.ts'
import type { VerifyPosition } from './verify/log-verifier.ts'

/** How many entries of an answer are read at a time. */
const pageSize = 256

export interface QueryOptions {
  /** Entries at most; all of them unless given. */
  readonly limit?: number
  /** The last `seq` seen: the answer goes on behind it. */
  readonly after?: number
  /** `desc`, newest first, unless given. */
  readonly order?: 'asc' | 'desc'
  readonly signal?: AbortSignal
}

export interface VerifyLogOptions extends VerifyRequest {
  readonly onProgress?: (position: VerifyPosition, size: number) => void
  readonly signal?: AbortSignal
}

/** An action that was announced and has not ended yet. Exactly one of its three ends may be called, until one is durable. */
export interface OpenCall {
  /** The receipt of the intent, which is durable. */
  readonly receipt: Receipt
  succeed(result?: unknown): Promise<Receipt>
  fail(error: unknown): Promise<Receipt>
  deny(reason: string): Promise<Receipt>
}

/** What an open log is made of; `system.ts` puts it together. */
export interface AuditLogParts {
  readonly logger: ImmutableAuditLogger
  readonly writer: Writer
  readonly reader: Reader
  readonly events: EventStream
  readonly now: () => number
  readonly onClose: (log: AuditLog) => void
}

/**
 * An audit log, open for appending and for questions.
 *
 * @example
 * await using log = await openAuditLog({ file: 'audit.db', keys: 'audit-keys' })
 * await log.append({ operation: 'remember', component: 'memory', memoryId: 'mem_1' })
 * const { valid, complete, trust } = await log.verify()
 */
export class AuditLog {
  readonly #parts: AuditLogParts
  #closing: Promise<void> | undefined
  #orphans: Promise<unknown> | undefined

  constructor(parts: AuditLogParts) {
    this.#parts = parts
  }

  /** What happens in this log, told to whoever listens: appends, answers, checks. */
  get events(): EventStream {
    return this.#parts.events
  }

  /**
   * Appends one entry.
   *
   * @returns the receipt, when the entry is durable: committed and synced to the disk
   * @throws AuditError `bad_input` naming the path, `busy`, `closed`, `io`
   */
  append(entry: EntryInput): Promise<Receipt> {
    return this.#parts.logger.logAuditEntry(entry)
  }

  /**
   * Announces an action: resolves when the intent is durable, so that what may have happened is on the record before it
   * happens.
   *
   * @example
   * const call = await log.begin({ operation: 'tools/call', component: 'files', arguments: { path } })
   * try { await call.succeed(await run()) } catch (error) { await call.fail(error); throw error }
   */
  async begin(entry: Omit<EntryInput, 'kind' | 'intent' | 'outcome'>): Promise<OpenCall> {
    const receipt = await this.append({ ...entry, kind: 'intent' })
    const started = this.#parts.now()
    const { arguments: _arguments, sealed: _sealed, ...again } = entry
    let ended = false
    const end = (outcome: 'success' | 'failure' | 'denied', operationResult: unknown): Promise<Receipt> => {
      if (ended) throw new AuditError('closed', 'this call has its outcome already')
      ended = true
      const durationMs = (this.#parts.now() - started) / 1000
      const written = this.append({
        ...again,
        kind: 'outcome',
        intent: receipt.id,
        outcome,
        performanceMetrics: { ...entry.performanceMetrics, durationMs },
        ...(operationResult === undefined ? {} : { operationResult }),
      })
      // An end that the log did not take is none: it may be given again.
      return written.catch(error => {
        ended = false
        throw error
      })
    }
    return {
      receipt,
      succeed: result => end('success', result),
      fail: error => end('failure', error instanceof Error ? { name: error.name, message: error.message } : error),
      deny: reason => end('denied', { reason }),
    }
  }

  /**
   * Whole entries that match, newest first unless asked otherwise. Sees every entry acknowledged before the call.
   *
   * @throws AuditError `bad_input` for a malformed filter
   */
  async *query(filter: EntryFilter = {}, options: QueryOptions = {}): AsyncIterable<EntryView> {
    yield* pages(options, page => this.#parts.reader.query(filter, page))
  }

  /** The narrow rows of what matches, without reading any value: for lists. */
  async *list(filter: EntryFilter = {}, options: QueryOptions = {}): AsyncIterable<ListRow> {
    yield* pages(options, page => this.#parts.reader.list(filter, page))
  }

  /**
   * How many entries match: exactly up to 10 000, beyond that by an estimate that says so, unless asked otherwise.
   *
   * @example const { count, exact } = await log.count({ outcome: 'denied' })
   */
  count(filter: EntryFilter = {}, options: CountOptions = {}): Promise<Count> {
    return this.#parts.reader.count(filter, options)
  }

  /** The most frequent values of some fields among the entries that match. */
  facets(filter: EntryFilter, options: FacetOptions): Promise<Facet[]> {
    return this.#parts.reader.facets(filter, options)
  }

  /** The entries that match over time, with how they ended. */
  histogram(filter: EntryFilter, options: HistogramOptions): Promise<Histogram> {
    return this.#parts.reader.histogram(filter, options)
  }

  /** One entry with its disclosures, by number or id. */
  get(seqOrId: number | string): Promise<EntryWithDisclosures | undefined> {
    return this.#parts.reader.get(seqOrId)
  }

  /** The exact bytes of a leaf. */
  leaf(seqOrId: number | string): Promise<Uint8Array | undefined> {
    return this.#parts.reader.leaf(seqOrId)
  }

  /**
   * A C2SP `.tlog-proof` that the entry is in the log, under a signed checkpoint; one is signed now when none covers it.
   *
   * @throws AuditError `not_found`
   */
  async prove(seqOrId: number | string): Promise<string> {
    try {
      return await this.#parts.reader.prove(seqOrId)
    } catch (error) {
      if (!(error instanceof AuditError && error.code === 'not_found')) throw error
      // No such entry, or none that is signed for yet.
      await this.#parts.writer.checkpoint()
      return this.#parts.reader.prove(seqOrId)
    }
  }

  /**
   * Checks the log, or a range of it. What is wrong is in the report, never thrown.
   *
   * @example const { valid, complete, trust, findings } = await log.verify({ deep: true })
   */
  verify({ onProgress, signal, ...request }: VerifyLogOptions = {}): Promise<VerificationReport> {
    return this.#parts.reader.verify(request, { ...(onProgress && { onProgress }), ...(signal && { signal }) })
  }

  /** Signs the head now, and gives the signed note. */
  checkpoint(): Promise<string | undefined> {
    return this.#parts.writer.checkpoint()
  }

  status(): Promise<LogStatus> {
    return this.#parts.reader.status()
  }

  /**
   * Closes, as `unknown`, the intents of processes that ended without saying how their action did.
   *
   * @returns how many were closed
   */
  async closeOrphans(): Promise<number> {
    const ended = (await this.#openOfEnded()).map(({ id }) => id)
    if (ended.length === 0) return 0
    let closed = 0
    // Looked for again: it may have ended the action, and then itself, since it was looked for first.
    for (const { id, operation, component } of await this.#openOfEnded()) {
      if (!ended.includes(id)) continue
      await this.append({
        kind: 'outcome',
        operation: operation === 'session.opened' ? 'session.closed' : operation,
        component,
        intent: id,
        outcome: 'unknown',
        attributes: { 'error.type': 'process_ended' },
      })
      closed++
    }
    return closed
  }

  /** The open intents of processes that have ended. */
  async #openOfEnded(): Promise<EntryView[]> {
    const open = await this.#parts.reader.openIntents()
    return open.filter(({ attributes }) => {
      const mark = attributes?.['process.mark']
      return typeof mark === 'string' && hasEnded(mark)
    })
  }

  /** Lets `closeOrphans` run beside the first appends; `close` waits for it. */
  closeOrphansInBackground(): void {
    this.#orphans = this.closeOrphans().catch(() => {})
  }

  /**
   * Commits what waits, signs the last checkpoint, ends the threads. Idempotent.
   *
   * @param later what happens to appends that come afterwards: `refuse`, or `hold` where the process ends anyway
   */
  close(later: 'refuse' | 'hold' = 'refuse'): Promise<void> {
    this.#closing ??= this.#close(later)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(later: 'refuse' | 'hold'): Promise<void> {
    const { logger, writer, reader, onClose } = this.#parts
    await this.#orphans
    await logger.close(later)
    onClose(this)
    try {
      await writer.close()
    } finally {
      await reader.close()
    }
  }
}

async function* pages<T extends { readonly seq: number }>(
  { limit = Number.POSITIVE_INFINITY, after, order = 'desc', signal }: QueryOptions,
  read: (page: { limit: number; after?: number; order: 'asc' | 'desc' }) => Promise<T[]>,
): AsyncIterable<T> {
  let left = limit
  let last = after
  while (left > 0) {
    signal?.throwIfAborted()
    const wanted = Math.min(left, pageSize)
    const page = await read({ limit: wanted, order, ...(last === undefined ? {} : { after: last }) })
    yield* page
    if (page.length < wanted) return
    left -= page.length
    last = page.at(-1)!.seq
  }
}

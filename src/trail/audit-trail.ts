/**
 * Questions to the log: the index finds, the log answers.
 *
 * Every answer is as of the head at the time of asking, so that every acknowledged entry is seen.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AuditError } from '../core/errors.ts'
import type { CompiledFilter } from '../core/filter.ts'
import type { DisclosureTriple } from '../core/sealed.ts'
import { type EntryView, openEntry, openEntryWithDisclosures } from '../core/view.ts'
import type { EntryRow, LogIndex } from '../index/log-index.ts'
import type { LogSource, StoredEntry } from '../store/store.ts'
import {
  Aggregates,
  type Count,
  type CountOptions,
  type Facet,
  type FacetOptions,
  type Histogram,
  type HistogramOptions,
} from './aggregates.ts'
import { quickLook } from './quick-look.ts'
import type { ReadEntry } from './read-check.ts'

/** An entry as far as the index knows it. */
export type ListRow = EntryRow

export type EntryWithDisclosures = EntryView & { readonly disclosures: readonly DisclosureTriple[] }

/** Which part of an answer. */
export interface PageOptions {
  /** Entries at most; fewer are given only when there are no more. */
  readonly limit: number
  /** The last `seq` seen: the page goes on behind it. */
  readonly after?: number | undefined
  /** How many are left out at the beginning: each is found all the same. A cursor is cheaper. */
  readonly skip?: number | undefined
  readonly order: 'asc' | 'desc'
}

export interface AuditTrailOptions {
  /**
   * Told of an entry that the index found and that cannot be read any more: no answer can show it. What happened to it is
   * for a check to say.
   */
  readonly onUnreadable?: (seq: number, problem: string) => void | Promise<void>
  /** Given the entries of an answer before it is given, and as of which size of the log the index found them, if it did. */
  readonly onRead?: (entries: readonly ReadEntry[], size: number | undefined) => Promise<void>
}

/** Entries that are looked at in one go while a page is filled. */
const stretch = 256
/** Numbers as near as this are read together: a block of the store holds as many. */
const nearby = 32

export class AuditTrail {
  readonly #log: LogSource
  readonly #index: LogIndex
  readonly #onUnreadable: NonNullable<AuditTrailOptions['onUnreadable']>
  readonly #onRead: NonNullable<AuditTrailOptions['onRead']>
  readonly #aggregates: Aggregates
  /** Entries, since others of this thread were last let in. */
  #looked = 0

  constructor(log: LogSource, index: LogIndex, options: AuditTrailOptions = {}) {
    this.#log = log
    this.#index = index
    this.#onUnreadable = options.onUnreadable ?? (() => {})
    this.#onRead = options.onRead ?? (async () => {})
    const matching = async (filter: CompiledFilter, seqs: readonly number[]) =>
      (await this.#matching(filter, seqs)).map(viewOf)
    this.#aggregates = new Aggregates({ log, index, matching })
  }

  /** Whole entries that match. Each was held against the filter itself, whatever the index says. */
  async query(filter: CompiledFilter, page: PageOptions): Promise<EntryView[]> {
    const size = await this.#size()
    const entries = await this.#collect(filter, page, size)
    await this.#onRead(entries, size)
    return entries.map(viewOf)
  }

  /** The rows of what matches. Reads no entry, unless the filter asks for what only the entry can answer. */
  async list(filter: CompiledFilter, page: PageOptions): Promise<ListRow[]> {
    const size = await this.#size()
    if (filter.rest.length > 0) {
      return await this.#index.rows((await this.#collect(filter, page, size)).map(seqOf), size)
    }
    const { limit, order } = page
    const out: ListRow[] = []
    for (let { after, skip } = page; out.length < limit; skip = 0, after = out.at(-1)!.seq) {
      const wanted = Math.min(limit - out.length, stretch)
      const rows = await this.#index.find(filter, { after, skip, limit: wanted, order, size })
      out.push(...rows)
      if (rows.length < wanted) break
    }
    return out
  }

  /** How many entries match. */
  count(filter: CompiledFilter, options?: CountOptions): Promise<Count> {
    return this.#aggregates.count(filter, options)
  }

  /** The most frequent values of fields, among entries that match. */
  facets(filter: CompiledFilter, options: FacetOptions): Promise<Facet[]> {
    return this.#aggregates.facets(filter, options)
  }

  /** When the entries that match were made. */
  histogram(filter: CompiledFilter, options: HistogramOptions): Promise<Histogram> {
    return this.#aggregates.histogram(filter, options)
  }

  /**
   * One entry with its disclosures, by its number or its id.
   *
   * @throws AuditError `damaged` when its bytes are no entry any more
   */
  async get(seqOrId: number | string): Promise<EntryWithDisclosures | undefined> {
    const stored = await this.#stored(seqOrId)
    if (stored === undefined) return undefined
    const { view, problem, disclosures } = openEntryWithDisclosures(stored)
    if (view === undefined) {
      await this.#onUnreadable(stored.seq, problem)
      throw new AuditError('damaged', `entry ${stored.seq} cannot be read: ${problem}; run verify`)
    }
    await this.#onRead([{ stored, view }], undefined)
    return { ...view, disclosures }
  }

  /** The exact bytes of a leaf, whatever they are. */
  async leaf(seqOrId: number | string): Promise<Uint8Array | undefined> {
    const stored = await this.#stored(seqOrId)
    return stored === undefined ? undefined : Uint8Array.from(stored.leaf)
  }

  /** The intents that no later outcome names, oldest first. */
  async openIntents(): Promise<EntryView[]> {
    await this.#index.catchUp()
    return (await this.#open(this.#index.openIntents().map(({ seq }) => seq))).map(viewOf)
  }

  async #size(): Promise<number> {
    return (await this.#log.head())?.size ?? 0
  }

  /** Looks at what the index finds until the page is full. */
  async #collect(
    filter: CompiledFilter,
    { limit, after, skip = 0, order }: PageOptions,
    size: number,
  ): Promise<ReadEntry[]> {
    const isIndexed = filter.rest.length === 0
    const out: ReadEntry[] = []
    let last = after
    let left = skip
    while (out.length < limit) {
      const wanted = isIndexed ? Math.min(limit - out.length, stretch) : stretch
      const found = { after: last, skip: isIndexed ? left : 0, limit: wanted, order, size }
      const seqs = await this.#index.findSeqs(filter, found)
      if (isIndexed) left = 0
      for (const entry of await this.#matching(filter, seqs)) {
        if (left > 0) left--
        else if (out.length < limit) out.push(entry)
      }
      if (seqs.length < wanted) break
      last = seqs.at(-1)!
    }
    return out
  }

  async #matching(filter: CompiledFilter, seqs: readonly number[]): Promise<ReadEntry[]> {
    return (await this.#open(seqs, quickLook(filter))).filter(({ view }) => filter.matches(view))
  }

  /** Entries in the order of their numbers as given; neighbours are read together, and what cannot match is not opened. */
  async #open(seqs: readonly number[], mayMatch: (stored: StoredEntry) => boolean = () => true): Promise<ReadEntry[]> {
    const ordered = seqs.toSorted((a, b) => a - b)
    const wanted = new Set(ordered)
    const opened = new Map<number, ReadEntry>()
    for (let i = 0; i < ordered.length; ) {
      const from = ordered[i]!
      let to = from
      while (i < ordered.length && ordered[i]! - to <= nearby) to = ordered[i++]!
      for await (const some of this.#log.entries(from, to + 1)) {
        await this.#letOthersIn(some.length)
        for (const stored of some) {
          if (!wanted.delete(stored.seq) || !mayMatch(stored)) continue
          const { view, problem } = openEntry(stored)
          if (view === undefined) await this.#onUnreadable(stored.seq, problem)
          else opened.set(stored.seq, { stored, view })
        }
      }
    }
    for (const seq of wanted) await this.#onUnreadable(seq, 'it is not in the log')
    return seqs.flatMap(seq => opened.get(seq) ?? [])
  }

  /** A search that looks through much of the log does not hold its thread meanwhile. */
  async #letOthersIn(looked: number): Promise<void> {
    this.#looked += looked
    if (this.#looked < stretch) return
    this.#looked = 0
    await nextTurn()
  }

  async #stored(seqOrId: number | string): Promise<StoredEntry | undefined> {
    const isNumber = typeof seqOrId === 'number' || /^\d{1,15}$/.test(seqOrId)
    const seq = isNumber ? Number(seqOrId) : await this.#index.seqOf(seqOrId)
    if (seq === undefined || !Number.isSafeInteger(seq) || seq < 0) return undefined
    for await (const some of this.#log.entries(seq, seq + 1)) for (const stored of some) return stored
    return undefined
  }
}

function viewOf({ view }: ReadEntry): EntryView {
  return view
}

function seqOf({ view }: ReadEntry): number {
  return view.seq
}

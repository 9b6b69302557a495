/**
 * The reader of a log: everything that is asked of it, and nothing that changes it.
 *
 * `openReader` runs it on the caller's own thread; `startReaderThread` gives it one. Calls and answers are plain data.
 */
import { rmSync } from 'node:fs'
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { FileAnchor, rememberedOf } from '../append/anchor.ts'
import type { CommittedEntries } from '../append/committed.ts'
import { loadPublicKeys, loadStorageKey, readSealKey } from '../append/keys.ts'
import { Pace } from '../append/pace.ts'
import { anchorFile, indexFile } from '../append/places.ts'
import { openSubjectKeys } from '../append/subject-keys.ts'
import { SubjectStore } from '../append/subject-store.ts'
import { toHex } from '../core/bytes.ts'
import { peekCheckpoint } from '../core/checkpoint.ts'
import { AuditError } from '../core/errors.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'
import type { Finding, VerificationReport } from '../core/finding.ts'
import type { Verifier } from '../core/note.ts'
import { inclusionProof, tilesForInclusion } from '../core/proof.ts'
import { parseSealKey } from '../core/seal.ts'
import type { TileId } from '../core/tile.ts'
import { formatTlogProof } from '../core/tlog-proof.ts'
import type { EntryView } from '../core/view.ts'
import { parseVkey } from '../core/vkey.ts'
import { LogIndex } from '../index/log-index.ts'
import { makeScratch, whyUnwritable } from '../index/scratch.ts'
import { openSqliteStore, type SqliteStore } from '../store/sqlite.ts'
import type { StoredEntry } from '../store/store.ts'
import { InnerHashes, keepTiles, readTiles } from '../store/tiles.ts'
import { Remote } from '../threads/rpc.ts'
import { type CheckedEntry, EntryCheck } from '../verify/entry-check.ts'
import { type VerifyPosition, verifyLog } from '../verify/log-verifier.ts'
import { remembering } from '../verify/remembered.ts'
import type { Count, CountOptions, Facet, FacetOptions, Histogram, HistogramOptions } from './aggregates.ts'
import { aheadOf } from './ahead.ts'
import { AuditTrail, type EntryWithDisclosures, type ListRow, type PageOptions } from './audit-trail.ts'
import { FollowedLog } from './followed-log.ts'
import { keptEntries } from './kept.ts'
import { ReadCheck } from './read-check.ts'
import { type LogSummary, type SummaryHooks, type SummaryRequest, summarize } from './summary.ts'

export interface ReaderOptions {
  readonly file: string
  /** The folder of the keys: the public keys, the storage key and the anchor are read from it. */
  readonly keys: string
  /** Hands over what this process commits: the index follows at once. */
  readonly committed?: MessagePort
  /** Shared with the writer of this process: how far the index is. */
  readonly pace?: SharedArrayBuffer
  /** Told in a sentence when the index was thrown away and built again, or stands elsewhere. */
  readonly onNotice?: (sentence: string) => void
  /**
   * Told what is wrong with an entry that `query` or `get` returns. The answer is the same with it and without; without,
   * what is returned is not checked.
   */
  readonly onFinding?: (finding: Finding) => void
  readonly index?: IndexSettings
}

/** How the index beside the log is kept. */
export interface IndexSettings {
  /**
   * Whether a search for texts looks only into entries that may have them: 43 bytes and 4 µs an entry more. Unless given: as
   * the index is, and `true` for one that is made now; another index than that is built anew.
   */
  readonly text?: boolean
}

/** What a check shall reach for beyond the log and the keys beside it. */
export interface VerifyRequest {
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly deep?: boolean | undefined
  /** Signed checkpoints remembered elsewhere, beside the default anchor. */
  readonly anchors?: readonly string[] | undefined
  /** K₀ as it was shown once; without it the seals of this epoch are checked. */
  readonly sealKey?: string | undefined
  /** The log's verifier keys, when they are known from elsewhere than the folder of the keys. */
  readonly vkeys?: readonly string[] | undefined
  /** Verifier keys of witnesses. */
  readonly witnesses?: readonly string[] | undefined
  readonly resume?: VerifyPosition | undefined
  /** Threads that work for the check, 1–16; by the length of the log and the machine unless given. */
  readonly threads?: number | undefined
}

/** A log at a glance. */
export interface LogStatus {
  readonly origin: string
  readonly size: number
  /** 64 hex digits. */
  readonly rootHash: string
  /** Entries covered by the newest signed checkpoint. */
  readonly signed: number
  /** Entries covered by what the anchor remembers. */
  readonly anchored: number
  readonly openIntents: number
  readonly encrypted: boolean
  /** Whether the log takes no entries but those about itself. */
  readonly frozen: boolean
  /** Entries that the index had when it was asked; it was brought on since. */
  readonly indexed: number
}

export interface Reader {
  /** Whole entries, a page at a time: `after` is the last `seq` seen. */
  query(filter: EntryFilter, page: PageOptions): Promise<EntryView[]>
  /** The narrow rows of the same entries, without reading their values. */
  list(filter: EntryFilter, page: PageOptions): Promise<ListRow[]>
  /**
   * How many entries match: exactly up to 10 000, and further as long as the index can tell quickly; an estimate beyond,
   * with how far it may be off.
   *
   * @throws AuditError `bad_input`
   */
  count(filter: EntryFilter, options?: CountOptions): Promise<Count>
  /**
   * The most frequent values of fields among the entries that match: exactly while not more than 20 000 have to be looked
   * at (10 000 where only the entries can tell), from a sample beyond.
   *
   * @throws AuditError `bad_input`
   */
  facets(filter: EntryFilter, options: FacetOptions): Promise<Facet[]>
  /**
   * When the entries that match were made, and how they ended: as exact as {@link facets}.
   *
   * @throws AuditError `bad_input`
   */
  histogram(filter: EntryFilter, options: HistogramOptions): Promise<Histogram>
  get(seqOrId: number | string): Promise<EntryWithDisclosures | undefined>
  /** The exact bytes of a leaf. */
  leaf(seqOrId: number | string): Promise<Uint8Array | undefined>
  /**
   * A `.tlog-proof` for an entry under the newest signed checkpoint.
   *
   * @throws AuditError `not_found` when there is no such entry, or no checkpoint that covers it yet
   */
  prove(seqOrId: number | string): Promise<string>
  /** Entries exactly as they are kept, in the order of the log; those that are not there are left out. */
  kept(seqs: readonly number[]): Promise<StoredEntry[]>
  /**
   * The tiles of a plan, in its order, each as wide as the plan says.
   *
   * @throws AuditError `damaged` when one is missing or too short
   */
  tiles(plan: readonly TileId[]): Promise<Uint8Array[]>
  verify(
    request: VerifyRequest,
    hooks?: { onProgress?: (position: VerifyPosition, size: number) => void; signal?: AbortSignal },
  ): Promise<VerificationReport>
  /** The check of one entry, with what is known of the log beside it: quicker than a range of one by far. */
  checkEntry(seqOrId: number | string, sealKey?: string): Promise<CheckedEntry>
  /**
   * What happened in a period, counted on the way of the check of the same entries: for reports.
   *
   * @throws AuditError `bad_input` for a wrong period
   */
  summarize(request: SummaryRequest, hooks?: SummaryHooks): Promise<LogSummary>
  /** Intents that nothing has closed. */
  openIntents(): Promise<EntryView[]>
  /** The newest signed checkpoint. */
  checkpoint(): Promise<string | undefined>
  status(): Promise<LogStatus>
  /** Entries in the log. */
  size(): Promise<number>
  /** Brings the index to the head. */
  catchUp(): Promise<void>
  close(): Promise<void>
}

/** How long the index waits for company, where entries come one by one: a transaction costs more than an entry. */
const gatheringMs = 10
const fewEntries = 64
/** A log of fewer entries is indexed in less than half a second. */
const unnoticed = 10_000

/**
 * Opens a log for reading on this thread.
 *
 * @throws AuditError `not_found`, `bad_key`, `bad_format`, `newer_schema`, `io`
 */
export async function openReader(options: ReaderOptions): Promise<Reader> {
  const { keys: folder, committed, onNotice = () => {}, onFinding } = options
  const known = loadPublicKeys(folder)
  const key = loadStorageKey(folder)
  const { file, store, scratch } = openWhereverItIs(options.file, key, onNotice)
  const subjects = openSubjectKeys({ folder, storage: key }, 'read')
  const opened = subjects === undefined ? store : new SubjectStore(store, subjects)
  const log = new FollowedLog(opened)
  const pace = options.pace && new Pace(options.pace)
  const index = LogIndex.open({
    file: indexFile(options.file),
    key,
    log,
    settled: opened,
    quietBelow: unnoticed,
    origin: known.origin,
    ...(pace && { onAdvance: size => pace.reached(size) }),
    text: options.index?.text,
    onRebuild: reason => onNotice(`the index is built again: ${reason}`),
    onElsewhere: reason => onNotice(`the index is kept in a temporary folder while the log is open: ${reason}`),
  })
  const anchor = new FileAnchor(anchorFile(folder))
  const tiles = keepTiles(store)
  const inner = new InnerHashes()
  let keysInUse = { text: '', verifiers: known.verifiers }
  const entries = new EntryCheck({
    log: opened,
    seqOf: id => index.seqOf(id),
    origin: known.origin,
    sealKey: () => readSealKey(folder),
  })
  const reads = onFinding && new ReadCheck({ log: opened, tiles, index, entries, onFinding })
  const trail = new AuditTrail(opened, index, {
    ...(reads && {
      onRead: (read, size) => checked(reads.check(read, size)),
      onUnreadable: seq => checked(reads.suspect(seq)),
    }),
  })
  let newest: { note: string; size: number } | undefined
  let following: Promise<void> | undefined
  let isBehind = false
  committed?.on('message', (entries: CommittedEntries) => {
    log.take(entries)
    isBehind = true
    following ??= follow().finally(() => {
      following = undefined
    })
  })
  committed?.unref()

  /** The index follows what is committed. A single entry waits for a moment, so that others may come along. */
  async function follow(): Promise<void> {
    let moment = gatheringMs
    while (isBehind) {
      await new Promise(resolve => setTimeout(resolve, moment))
      isBehind = false
      const before = index.size
      try {
        await index.catchUp()
      } catch (error) {
        onNotice(`the index does not follow: ${(error as Error).message}`)
      }
      log.forgetBelow(index.size)
      moment = index.size - before < fewEntries ? gatheringMs : 0
    }
  }

  /** A check that fails must not keep the answer back. */
  async function checked(check: Promise<void>): Promise<void> {
    await check.catch(error => onNotice(`what was read could not be checked: ${(error as Error).message}`))
  }

  async function find(seqOrId: number | string): Promise<number> {
    const size = store.head()?.size ?? 0
    const seq = typeof seqOrId === 'string' ? await index.seqOf(seqOrId) : seqOrId
    if (seq !== undefined && Number.isSafeInteger(seq) && seq >= 0 && seq < size) return seq
    throw new AuditError('not_found', `there is no entry ${seqOrId}`)
  }

  /** The log's keys as they are now, with what they have verified before while they are the same. */
  function verifiersNow(): readonly Verifier[] {
    const { generations, verifiers } = loadPublicKeys(folder)
    const text = JSON.stringify(generations)
    if (text !== keysInUse.text) keysInUse = { text, verifiers: verifiers.map(remembering) }
    return keysInUse.verifiers
  }

  /** The newest checkpoint, read anew only when it is another. */
  function newestCheckpoint(): { note: string; size: number } | undefined {
    const note = store.lastCheckpoint()?.note
    if (note !== undefined && note !== newest?.note) newest = { note, size: peekCheckpoint(note)?.size ?? 0 }
    return note === undefined ? undefined : newest
  }

  return {
    query: async (filter, page) => await trail.query(compileFilter(filter), page),
    list: async (filter, page) => await trail.list(compileFilter(filter), page),
    count: async (filter, options) => await trail.count(compileFilter(filter), options),
    facets: async (filter, options) => await trail.facets(compileFilter(filter), options),
    histogram: async (filter, options) => await trail.histogram(compileFilter(filter), options),
    get: seqOrId => trail.get(seqOrId),
    leaf: seqOrId => trail.leaf(seqOrId),
    async prove(seqOrId) {
      const seq = await find(seqOrId)
      const signed = newestCheckpoint()
      if (signed === undefined || seq >= signed.size) {
        throw new AuditError('not_found', `entry ${seq} is not covered by a checkpoint yet`)
      }
      const plan = await readTiles(tiles, signed.size, tilesForInclusion(seq, signed.size), inner)
      const path = inclusionProof(seq, signed.size, plan)
      return formatTlogProof({ index: seq, path, checkpoint: signed.note })
    },
    kept: seqs => keptEntries(opened, seqs),
    async tiles(plan) {
      const read = await readTiles(tiles, 0, plan)
      return plan.map(({ level, index, width }) => Uint8Array.from(read(level, index, width)))
    },
    async verify(request, hooks = {}) {
      const sealKey = request.sealKey === undefined ? readSealKey(folder) : parseSealKey(request.sealKey)
      const own = await rememberedOf(store, anchor)
      const { threads, resume, deep = false } = request
      const size = store.head()?.size ?? 0
      const from = Math.min(size, resume?.next ?? request.from ?? 0)
      const to = Math.min(size, request.to ?? size)
      const ahead = aheadOf({ file, keys: folder }, [from, to], { threads, deep })
      const report = verifyLog(opened, {
        // As they are now, and behind the anchor: another process may have replaced the keys that sign.
        verifiers: request.vkeys?.map(parseVkey) ?? verifiersNow(),
        anchors: own === undefined ? [] : [own],
        projections: [() => index.check()],
        ...definedOf({
          from: request.from,
          to: request.to,
          deep: request.deep,
          keptElsewhere: request.anchors,
          witnesses: request.witnesses?.map(parseVkey),
          resume,
          sealKey,
          ahead: ahead && (at => ahead.examined(at)),
          inner,
        }),
        ...hooks,
      })
      return await report.finally(() => ahead?.end())
    },
    checkEntry: (seqOrId, sealKey) => entries.checkEntry(seqOrId, sealKey),
    async summarize(request, hooks) {
      const own = await rememberedOf(store, anchor)
      const openIntents = async () => {
        await index.catchUp()
        return new Set(index.openIntents().map(({ id }) => id))
      }
      const source = { store: opened, file, keys: folder, anchors: own === undefined ? [] : [own], openIntents }
      return await summarize(source, request, hooks)
    },
    openIntents: () => trail.openIntents(),
    checkpoint: async () => store.lastCheckpoint()?.note,
    async status() {
      const indexed = index.size
      await index.catchUp()
      const head = store.head()
      return {
        origin: known.origin,
        size: head?.size ?? 0,
        rootHash: head === undefined ? '' : toHex(head.root),
        signed: newestCheckpoint()?.size ?? 0,
        anchored: peekCheckpoint(anchor.read() ?? '')?.size ?? 0,
        openIntents: index.openIntents().length,
        encrypted: key !== undefined,
        frozen: head?.frozen ?? false,
        indexed,
      }
    },
    size: async () => store.head()?.size ?? 0,
    catchUp: () => index.catchUp(),
    async close() {
      committed?.close()
      await following
      index.close()
      await opened.close()
      if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
    },
  }
}

/** Opens the store of a log; where its folder cannot be written and SQLite needs that, a copy of it elsewhere. */
function openWhereverItIs(
  file: string,
  key: Uint8Array | undefined,
  onNotice: (sentence: string) => void,
): { readonly file: string; readonly store: SqliteStore; readonly scratch?: string } {
  try {
    return { file, store: openSqliteStore({ file, key, mode: 'read' }) }
  } catch (error) {
    const reason = whyUnwritable(file)
    if (reason === undefined || !(error instanceof AuditError && error.code === 'io')) throw error
    const scratch = makeScratch(file)
    onNotice(`a copy of the log in a temporary folder is read, what is added later is not seen: ${reason}`)
    return {
      file: scratch.file,
      store: openSqliteStore({ file: scratch.file, key, mode: 'read' }),
      scratch: scratch.folder,
    }
  }
}

/** What a reader thread is started with, and what it tells on the port that it is given. */
export interface ReaderThreadData {
  readonly options: Omit<ReaderOptions, 'onNotice' | 'onFinding'>
  readonly told: MessagePort
  readonly checksReads: boolean
}
export type Told = { readonly notice: string } | { readonly finding: Finding }

/** Opens a log for reading on a thread of its own. */
export async function startReaderThread({ onNotice, onFinding, ...options }: ReaderOptions): Promise<Reader> {
  const { port1: told, port2 } = new MessageChannel()
  const hear = (message: Told) => {
    if ('finding' in message) onFinding?.(message.finding)
    else onNotice?.(message.notice)
  }
  told.on('message', hear)
  told.unref()
  const ports = options.committed === undefined ? [port2] : [port2, options.committed]
  const data: ReaderThreadData = { options, told: port2, checksReads: onFinding !== undefined }
  const remote = new Remote(new URL('./reader-thread', import.meta.url), data, { transferList: ports })
  // The thread opens in its own time; whoever asks first waits for it.
  remote.call('open', undefined).catch(() => {})
  return {
    query: (filter, page) => remote.call('query', { filter, page }),
    list: (filter, page) => remote.call('list', { filter, page }),
    count: (filter, options) => remote.call('count', { filter, options }),
    facets: (filter, options) => remote.call('facets', { filter, options }),
    histogram: (filter, options) => remote.call('histogram', { filter, options }),
    get: seqOrId => remote.call('get', seqOrId),
    leaf: seqOrId => remote.call('leaf', seqOrId),
    prove: seqOrId => remote.call('prove', seqOrId),
    kept: seqs => remote.call('kept', seqs),
    tiles: plan => remote.call('tiles', plan),
    verify: (request, { onProgress, signal } = {}) =>
      remote.call('verify', request, {
        onEvent: ({ position, size }: { position: VerifyPosition; size: number }) => onProgress?.(position, size),
        signal,
      }),
    checkEntry: (seqOrId, sealKey) => remote.call('checkEntry', { seqOrId, sealKey }),
    summarize: (request, { onProgress, signal } = {}) =>
      remote.call('summarize', request, {
        onEvent: ({ done, total }: { done: number; total: number }) => onProgress?.(done, total),
        signal,
      }),
    openIntents: () => remote.call('openIntents', undefined),
    checkpoint: () => remote.call('checkpoint', undefined),
    status: () => remote.call('status', undefined),
    size: () => remote.call('size', undefined),
    catchUp: () => remote.call('catchUp', undefined),
    async close() {
      try {
        await remote.call('close', undefined)
      } finally {
        for (let left = receiveMessageOnPort(told); left !== undefined; left = receiveMessageOnPort(told)) {
          hear(left.message as Told)
        }
        told.close()
        await remote.end()
      }
    },
  }
}

/** An object without the members that are `undefined`. */
function definedOf<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}

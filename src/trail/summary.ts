/**
 * What happened in a period, and whether it can be believed: one walk over its entries that verifies and counts.
 *
 * The figures are of the very bytes that were checked, not of the index. A long period is walked in several parts at
 * once, each on a thread of its own; each part is held against the head, so that together they say what one walk would.
 * Where anything is found, one walk over the whole period judges it. Memory does not grow with the period.
 */
import { availableParallelism } from 'node:os'
import { loadPublicKeys, readSealKey } from '../append/keys.ts'
import { equal, toHex } from '../core/bytes.ts'
import { type OpenedCheckpoint, openCheckpoint } from '../core/checkpoint.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'
import { type Finding, finding, type Trust, type VerificationReport } from '../core/finding.ts'
import { badInput } from '../core/json.ts'
import { parseLeaf } from '../core/leaf.ts'
import { signatureTypes } from '../core/note.ts'
import { checkConsistency, consistencyProof, tilesForConsistency } from '../core/proof.ts'
import { parseSealKey } from '../core/seal.ts'
import { tileWidth } from '../core/tile.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { parseVkey } from '../core/vkey.ts'
import type { Head, LogReader, MaybePromise, StoredCheckpoint, StoredEntry } from '../store/store.ts'
import { readTiles } from '../store/tiles.ts'
import { Remote } from '../threads/rpc.ts'
import { verifyLog } from '../verify/log-verifier.ts'
import { type Counts, type OpenIntent, type Span, Tally, type TallyState } from './tally.ts'
import { type LogPlaces, walkLimits } from './thread-store.ts'

export interface SummaryRequest {
  /** From this instant on, and up to and with that one; from the first entry, and to the last, unless given. */
  readonly since?: EntryFilter['since'] | undefined
  readonly until?: EntryFilter['until'] | undefined
  /** Values that each table names, 1–1000; 20 unless given. */
  readonly top?: number | undefined
  /** Threads that share the walk, 1–16; by the length of the period and the machine unless given. */
  readonly threads?: number | undefined
  /** As for a check of the log. */
  readonly anchors?: readonly string[] | undefined
  readonly sealKey?: string | undefined
  readonly vkeys?: readonly string[] | undefined
  readonly witnesses?: readonly string[] | undefined
}

/** The newest signed checkpoint, held against the log. */
export interface SignedHead {
  /** The signed note, verbatim. */
  readonly note: string
  readonly size: number
  /** 64 hex digits. */
  readonly rootHash: string
  /** When it was signed, RFC 3339 UTC, as its signature says. */
  readonly time?: string
}

export interface LogSummary {
  readonly origin: string
  /** The head against which all was checked. */
  readonly size: number
  /** 64 hex digits. */
  readonly rootHash: string
  /** As asked for, RFC 3339 UTC. */
  readonly since?: string
  readonly until?: string
  /** The entries of the period: `from ≤ seq < to`. */
  readonly from: number
  readonly to: number
  /** The times of the first and of the last of them. */
  readonly firstTime?: string
  readonly lastTime?: string
  /** Of the same entries, and of the ones just before and after, which show that none is left out. */
  readonly verification: {
    /** Nothing was changed. */
    readonly valid: boolean
    /** Nothing is missing: every action that was announced has ended, and no gap is on record. */
    readonly complete: boolean
    readonly trust: Trust
    /** Entries checked. */
    readonly entries: number
    readonly findings: readonly Finding[]
    readonly findingsOmitted: number
    readonly firstUntrusted?: number
    readonly durationMs: number
  }
  readonly checkpoint?: SignedHead
  /** Entries of the period that no checkpoint covers yet. */
  readonly unsigned: number
  /** Entries of the period that are not there or cannot be read, declared or not. */
  readonly absent: number
  readonly counts: Counts
}

/** What a summary is drawn from. */
export interface SummarySource {
  readonly store: LogReader & { lastCheckpoint(): MaybePromise<StoredCheckpoint | undefined> }
  readonly file: string
  /** The folder of the keys. */
  readonly keys: string
  /** Signed checkpoints that were remembered outside the log. */
  readonly anchors: readonly string[]
  /** The ids of the intents that are open at the head. */
  openIntents(): Promise<ReadonlySet<string>>
}

export interface SummaryHooks {
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** Entries for which a thread of their own is worth its start. */
const entriesPerThread = 50_000
const mostThreads = 4
/** Tiles between two words about the progress. */
const tilesPerWord = 16

/**
 * Checks a period and counts what happened in it.
 *
 * Entries that are appended meanwhile are not of it, whatever the period.
 *
 * @throws AuditError `bad_input` for a wrong request, `io`, `busy`
 */
export async function summarize(
  source: SummarySource,
  request: SummaryRequest,
  hooks: SummaryHooks = {},
): Promise<LogSummary> {
  const started = performance.now()
  const { top = 20, threads, sealKey, vkeys, witnesses } = request
  assertWithin('$.top', top, 1000)
  if (threads !== undefined) assertWithin('$.threads', threads, 16)
  const { since, until } = compileFilter({
    ...(request.since !== undefined && { since: request.since }),
    ...(request.until !== undefined && { until: request.until }),
  })
  const { store, keys } = source
  const newest = await store.lastCheckpoint()
  const head = (await store.head()) ?? { size: 0, root: new Uint8Array(0) }
  const from = await firstAt(store, head.size, time => time >= since)
  const to = Math.max(from, await firstAt(store, head.size, time => time > until))
  const first = (await leafAt(store, from, to))?.time
  const last = (await leafBefore(store, from, to))?.time
  const plan: Walk = {
    // With the neighbours of the period: they show that it begins and ends where it should.
    from: Math.max(0, from - 1),
    to: Math.min(to + 1, head.size),
    since,
    until,
    span: { first: first ?? 0, last: last ?? first ?? 0 },
    check: { sealKey, vkeys, witnesses, anchors: source.anchors, keptElsewhere: request.anchors ?? [] },
  }
  const { reports, tally } = await walkAll(source, plan, threads ?? threadsFor(to - from), hooks)
  const signed = await signedHead(source, newest, head, vkeys)

  const counts = tally.counts(top)
  const openIntents = await stillOpen(source, counts.openIntents, to < head.size)
  const inWalk = reports.flatMap(({ findings }) => findings)
  // Over the whole log, the walk misses a checkpoint too.
  const found = [...inWalk, ...signed.findings.filter(({ message }) => inWalk.every(one => one.message !== message))]
  const findingsOmitted = reports.reduce((sum, report) => sum + report.findingsOmitted, 0)
  const untrusted = [...reports, signed].flatMap(({ firstUntrusted }) => firstUntrusted ?? [])
  return {
    origin: loadPublicKeys(keys).origin,
    size: head.size,
    rootHash: toHex(head.root),
    ...(request.since !== undefined && { since: instantText(since) }),
    ...(request.until !== undefined && { until: instantText(until) }),
    from,
    to,
    ...(first !== undefined && { firstTime: formatTime(first) }),
    ...(last !== undefined && { lastTime: formatTime(last) }),
    verification: {
      valid: found.length === 0,
      complete: openIntents.length === 0 && !('gap.recorded' in counts.control.operations),
      trust: strongest(reports.map(({ trust }) => trust)),
      entries: reports.reduce((sum, { entries }) => sum + entries, 0),
      findings: found,
      findingsOmitted,
      ...(untrusted.length > 0 && { firstUntrusted: Math.min(...untrusted) }),
      durationMs: performance.now() - started,
    },
    ...(signed.checkpoint && { checkpoint: signed.checkpoint }),
    unsigned: Math.max(0, to - Math.max(from, signed.checkpoint?.size ?? 0)),
    absent: Math.max(0, to - from - counts.entries),
    counts: { ...counts, openIntents },
  }
}

function assertWithin(path: string, value: number, most: number): void {
  if (Number.isInteger(value) && 1 <= value && value <= most) return
  throw badInput(path, `must be a whole number from 1 to ${most}`)
}

// The period

/**
 * The first entry whose time is as wanted, by halving: times do not fall. A leaf that was changed may lead this astray,
 * but then it is one of those that are checked.
 */
async function firstAt(store: LogReader, size: number, isWanted: (time: Micros) => boolean): Promise<number> {
  let low = 0
  let high = size
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const found = await leafAt(store, middle, high)
    if (found === undefined || isWanted(found.time)) high = middle
    else low = found.seq + 1
  }
  return low
}

interface Placed {
  readonly seq: number
  readonly time: Micros
}

/** The first entry from `at` on that can be read. */
async function leafAt(store: LogReader, at: number, end: number): Promise<Placed | undefined> {
  for await (const some of store.entries(at, end)) {
    for (const stored of some) {
      const placed = timeOf(stored)
      if (placed !== undefined) return placed
    }
  }
  return undefined
}

/** The last entry before `end` that can be read, looked for further and further back. */
async function leafBefore(store: LogReader, begin: number, end: number): Promise<Placed | undefined> {
  for (let span = 1; begin < end; span *= 16) {
    let last: Placed | undefined
    for await (const some of store.entries(Math.max(begin, end - span), end)) {
      for (const stored of some) last = timeOf(stored) ?? last
    }
    if (last !== undefined || end - span <= begin) return last
  }
  return undefined
}

function timeOf({ seq, leaf }: StoredEntry): Placed | undefined {
  const time = parseLeaf(leaf).leaf?.time
  return time === undefined ? undefined : { seq, time: parseTime(time)! }
}

/** Half a microsecond stands for what is finer. */
function instantText(micros: number): string {
  return formatTime(Math.floor(micros))
}

// The walk

/** A stretch of the log to be checked and counted: plain data, to cross a thread's border. */
export interface Walk {
  readonly from: number
  readonly to: number
  /** Which entries of the stretch count, in microseconds. */
  readonly since: number
  readonly until: number
  readonly span: Span
  readonly check: Pick<SummaryRequest, 'sealKey' | 'vkeys' | 'witnesses'> & {
    readonly anchors: readonly string[]
    readonly keptElsewhere: readonly string[]
  }
}

export interface Walked {
  readonly report: VerificationReport
  readonly tally: TallyState
  /** It could not remember all ends of actions that began before it. */
  readonly hasLostEnds: boolean
}

function threadsFor(entries: number): number {
  return Math.max(1, Math.min(mostThreads, availableParallelism(), Math.floor(entries / entriesPerThread)))
}

async function walkAll(
  source: SummarySource,
  plan: Walk,
  threads: number,
  hooks: SummaryHooks,
): Promise<{ reports: VerificationReport[]; tally: Tally }> {
  const { store, keys, file } = source
  const total = plan.to - plan.from
  const tally = new Tally(plan.span)
  const parts = partsOf(plan, threads)
  if (parts.length > 1) {
    const done = parts.map(() => 0)
    const walked = await Promise.all(
      parts.map((part, i) =>
        walkOnThread({ file, keys }, part, {
          ...hooks,
          onProgress: entries => {
            done[i] = entries
            hooks.onProgress?.(
              done.reduce((sum, some) => sum + some, 0),
              total,
            )
          },
        }),
      ),
    )
    // What is found at a seam is better judged by a walk that has none.
    if (walked.every(({ report, hasLostEnds }) => report.valid && !hasLostEnds)) {
      for (const part of walked) tally.absorb(part.tally)
      return { reports: walked.map(({ report }) => report), tally }
    }
  }
  const whole = await walk(store, keys, plan, {
    ...hooks,
    onProgress: entries => hooks.onProgress?.(entries, total),
  })
  tally.absorb(whole.tally)
  return { reports: [whole.report], tally }
}

/** The stretch in parts that begin at tiles. */
function partsOf(plan: Walk, threads: number): Walk[] {
  const step = Math.ceil((plan.to - plan.from) / threads / tileWidth) * tileWidth
  const bounds = [plan.from]
  for (let at = plan.from - (plan.from % tileWidth) + step; at < plan.to; at += step) bounds.push(at)
  return bounds.map((from, i) => ({ ...plan, from, to: bounds[i + 1] ?? plan.to }))
}

interface WalkHooks {
  readonly onProgress: (entries: number) => void
  readonly signal?: AbortSignal
}

async function walkOnThread(places: LogPlaces, part: Walk, { onProgress, signal }: WalkHooks): Promise<Walked> {
  const thread = new Remote(new URL('./summary-thread', import.meta.url), places, { limits: walkLimits })
  try {
    return await thread.call('walk', part, { onEvent: onProgress, signal })
  } finally {
    await thread.end()
  }
}

/** Walks one stretch on this thread. */
export async function walk(
  store: LogReader,
  keys: string,
  { from, to, since, until, span, check }: Walk,
  { onProgress, signal }: WalkHooks,
): Promise<Walked> {
  const tally = new Tally(span)
  const sealKey = check.sealKey === undefined ? readSealKey(keys) : parseSealKey(check.sealKey)
  const report = await verifyLog(watched(store, onProgress), {
    from,
    to,
    verifiers: check.vkeys?.map(parseVkey) ?? loadPublicKeys(keys).verifiers,
    anchors: check.anchors,
    keptElsewhere: check.keptElsewhere,
    ...(check.witnesses && { witnesses: check.witnesses.map(parseVkey) }),
    ...(sealKey && { sealKey }),
    ...(signal && { signal }),
    onLeaf(leaf, content) {
      const time = parseTime(leaf.time)!
      if (since <= time && time <= until) tally.add(leaf, time, content)
    },
  })
  return { report, tally: tally.state(), hasLostEnds: tally.hasLostEnds }
}

/** A log that tells how far it is read, and lets the thread do other things between two tiles. */
function watched(store: LogReader, onProgress: (entries: number) => void): LogReader {
  let tiles = 0
  return {
    head: () => store.head(),
    tile: (level, index) => store.tile(level, index),
    seals: (from, to) => store.seals(from, to),
    checkpoints: (from, to) => store.checkpoints(from, to),
    declarations: () => store.declarations(),
    async *entries(from, to) {
      await new Promise(resolve => setImmediate(resolve))
      if (++tiles % tilesPerWord === 0) onProgress(tiles * tileWidth)
      yield* store.entries(from, to)
    },
  }
}

function strongest(labels: readonly Trust[]): Trust {
  const rank = (trust: Trust) => ['chained', 'signed', 'anchored'].indexOf(trust)
  const witnesses = (trust: Trust) => (trust.startsWith('witnessed:') ? Number(trust.slice('witnessed:'.length)) : 0)
  return labels.toSorted((a, b) => witnesses(b) - witnesses(a) || rank(b) - rank(a))[0] ?? 'chained'
}

// What is signed, and what is open

/** The newest checkpoint, if it is the log's and its tree grew into the head that was checked. */
async function signedHead(
  { store, keys }: SummarySource,
  newest: StoredCheckpoint | undefined,
  head: Head,
  vkeys: readonly string[] | undefined,
): Promise<{ checkpoint?: SignedHead; findings: readonly Finding[]; firstUntrusted?: number }> {
  if (head.size === 0) return { findings: [] }
  const seq = head.size - 1
  const wrong = (message: string) => ({ findings: [finding('signature_invalid', message, { seq })] })
  if (newest === undefined) return wrong('the log has no signed checkpoint')
  const opened = opening(newest.note, keys, vkeys)
  if (typeof opened === 'string') return wrong(`the newest checkpoint is not signed by the log's keys: ${opened}`)
  const { size, root } = opened.checkpoint
  if (!(await growsTo(store, size, root, head))) {
    return wrong(`what was signed at ${size} entries does not lead to the head of the log`)
  }
  const seconds = opened.verified.flatMap(({ timestamp }) => timestamp ?? [])[0]
  const time = seconds === undefined ? {} : { time: formatTime(seconds * 1e6) }
  return { checkpoint: { note: newest.note, size, rootHash: toHex(root), ...time }, findings: [] }
}

/** The checkpoint, signed by both kinds of the log's keys, or why it is not. */
function opening(note: string, keys: string, vkeys: readonly string[] | undefined): OpenedCheckpoint | string {
  const { origin, verifiers } = loadPublicKeys(keys)
  try {
    const opened = openCheckpoint(note, origin, vkeys?.map(parseVkey) ?? verifiers)
    const types = opened.verified.filter(({ name }) => name === origin).map(({ type }) => type)
    const isWhole = types.includes(signatureTypes.ed25519) && types.includes(signatureTypes.mldsa44Cosignature)
    return isWhole ? opened : 'a signature is missing'
  } catch (error) {
    return (error as Error).message
  }
}

async function growsTo(store: LogReader, size: number, root: Uint8Array, head: Head): Promise<boolean> {
  if (size >= head.size) return size === head.size && equal(root, head.root)
  try {
    const tiles = await readTiles(store, head.size, tilesForConsistency(size, head.size))
    return checkConsistency(consistencyProof(size, head.size, tiles), size, head.size, root, head.root)
  } catch {
    return false
  }
}

/** Of what was open when the period ended, what is open still. */
async function stillOpen(
  source: SummarySource,
  open: readonly OpenIntent[],
  goesOn: boolean,
): Promise<readonly OpenIntent[]> {
  if (open.length === 0 || !goesOn) return open
  const ids = await source.openIntents()
  return open.filter(({ id }) => ids.has(id))
}

/** The verification of the chain, in the words of the seed document: a face of the check of the whole log. */
import type { EventStream } from '../core/events.ts'
import type { Finding, FindingType, VerificationReport } from '../core/finding.ts'
import { badInput } from '../core/json.ts'
import { tileWidth } from '../core/tile.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import type { VerifyPosition } from './log-verifier.ts'

/** In what an entry fails as a link of the chain. */
export type LinkFault = 'hash_verification_failed' | 'invalid_first_entry' | 'broken_chain_link' | 'missing_entry'

/** A link that does not hold. Hashes are told as they stand in the log, which is no secret; a MAC never is. */
export interface BrokenLink extends Finding {
  readonly fault: LinkFault
}

/** An entry that is older than the one before it. */
export interface TimeFault {
  /** Its number in the log. */
  readonly position: number
  readonly entryId: string
  /** RFC 3339 UTC. */
  readonly currentTime: string
  /** The latest time before it. */
  readonly previousTime: string
  /** By how much it is older, in seconds. */
  readonly timeDiffSeconds: number
}

export interface ChainVerification {
  /** Nothing at all was found: neither in the links nor in `findings`. */
  readonly valid: boolean
  /** Entries that should stand in the range: without those that the log declares to be gone. */
  readonly totalEntries: number
  /** Of these, the entries in which nothing was found. */
  readonly verifiedEntries: number
  readonly brokenLinks: readonly BrokenLink[]
  readonly timeFaults: readonly TimeFault[]
  /** What was found beside the links: in seals, checkpoints, the tree as a whole. */
  readonly findings: readonly Finding[]
  /** Findings that were too many to be listed. */
  readonly findingsOmitted: number
  /** The first entry that can no longer be trusted, when there is one. */
  readonly firstUntrusted?: number
  readonly verificationTimeMs: number
  readonly startPosition: number
  /** The first entry behind the range. */
  readonly endPosition: number
  /** RFC 3339 UTC. */
  readonly timestamp: string
  /** Verified entries in a hundred, 0–100; 100 for a range without entries. */
  readonly integrityPercentage: number
}

/** How a range of the log is checked: by a reader, or by `verifyLog` over anything that can be read like a store. */
export type RangeCheck = (
  range: { readonly from: number; readonly to?: number },
  hooks: { onProgress?: (position: VerifyPosition, size: number) => void; signal?: AbortSignal },
) => Promise<VerificationReport>

export interface HashChainVerifierOptions {
  /** It should tell of the check to no one: this verifier does. */
  readonly check: RangeCheck
  readonly events: EventStream
  readonly now: () => Micros
}

export interface ChainOptions {
  /** The first entry to verify; 0 unless given. */
  readonly startPosition?: number
  /** The first entry not to verify any more: 0 means none, the end of the log is meant unless given. */
  readonly endPosition?: number
  readonly onProgress?: (position: VerifyPosition, size: number) => void
  readonly signal?: AbortSignal
}

/** Verifies the chain, or any part of it: every link, entry 0 included, the tree beside it, and the order in time. */
export class HashChainVerifier {
  readonly #check: RangeCheck
  readonly #events: EventStream
  readonly #now: () => Micros

  constructor({ check, events, now }: HashChainVerifierOptions) {
    this.#check = check
    this.#events = events
    this.#now = now
  }

  /**
   * Verifies the chain in constant memory. A part is held against the hash of the entry before it and against the head, so
   * that it needs nothing but itself.
   *
   * Each verification is one `checked` event of scope `chain`.
   *
   * @throws AuditError `bad_input` for a position that is none; whatever `verifyLog` throws when the log cannot be read
   * @example const { valid, integrityPercentage, brokenLinks } = await verifier.verifyHashChainIntegrity()
   */
  async verifyHashChainIntegrity(options: ChainOptions = {}): Promise<ChainVerification> {
    return (await this.#verify(options)).verification
  }

  /**
   * Verifies the chain batch by batch, each as it is asked for. Whoever stops goes on later at the `endPosition` of the last
   * batch. What was appended since the first batch is not verified any more.
   *
   * @param options.batchSize entries in a batch, at least 1; 10 000 unless given
   * @throws AuditError as {@link verifyHashChainIntegrity}
   * @example for await (const { valid, endPosition } of verifier.batches({ startPosition })) keep(valid, endPosition)
   */
  async *batches({
    batchSize = 10_000,
    ...options
  }: ChainOptions & { readonly batchSize?: number } = {}): AsyncIterable<ChainVerification> {
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw badInput('$.batchSize', 'must be a whole number from 1 on')
    let { startPosition = 0, endPosition } = options
    do {
      const to = Math.min(startPosition + batchSize, endPosition ?? Number.MAX_SAFE_INTEGER)
      const { verification, size } = await this.#verify({ ...options, startPosition, endPosition: to })
      endPosition ??= size
      yield verification
      // A log that is shorter than it was: the batch has said so.
      if (verification.endPosition === startPosition) return
      startPosition = verification.endPosition
    } while (startPosition < endPosition)
  }

  async #verify(options: ChainOptions): Promise<{ verification: ChainVerification; size: number }> {
    const { startPosition: from = 0, endPosition: to, onProgress, signal } = options
    checkPosition(from, '$.startPosition')
    if (to !== undefined) checkPosition(to, '$.endPosition')
    if (to !== undefined && to < from) throw badInput('$.endPosition', 'lies before startPosition')
    // It is told after each tile: whatever stands behind the last one told of was not reached.
    let reached = from
    const report = await this.#check(
      { from, ...(to === undefined ? {} : { to }) },
      {
        onProgress(position, size) {
          reached = Math.min((Math.floor(reached / tileWidth) + 1) * tileWidth, to ?? size, size)
          onProgress?.(position, size)
        },
        ...(signal && { signal }),
      },
    )
    const { valid, complete, trust, findings, entries, size, durationMs } = report
    this.#events.emit({ type: 'checked', scope: 'chain', entries, valid, complete, trust, findings, durationMs })
    const end = Math.max(from, Math.min(to ?? size, size))
    const verification = { ...analyse(report, { from, end, reached }), timestamp: formatTime(this.#now()) }
    return { verification, size }
  }
}

function checkPosition(value: number, path: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw badInput(path, 'must be a whole number from 0 on')
}

const faultOf: Readonly<Partial<Record<FindingType, LinkFault>>> = {
  hash_mismatch: 'hash_verification_failed',
  tree_mismatch: 'hash_verification_failed',
  format_invalid: 'hash_verification_failed',
  disclosure_mismatch: 'hash_verification_failed',
  disclosure_missing: 'hash_verification_failed',
  chain_break: 'broken_chain_link',
  foreign_entry: 'broken_chain_link',
  missing_entry: 'missing_entry',
}

function analyse(
  report: VerificationReport,
  { from, end, reached }: { from: number; end: number; reached: number },
): Omit<ChainVerification, 'timestamp'> {
  const { valid, entries, findingsOmitted, firstUntrusted, durationMs } = report
  // What the log declares to be gone is not counted; what the check could not reach is.
  const total = entries + end - reached
  const brokenLinks: BrokenLink[] = []
  const timeFaults: TimeFault[] = []
  const findings: Finding[] = []
  const faulty = new Set<number>()
  for (const found of report.findings) {
    const { type, seq } = found
    const fault = faultOf[type]
    if (type === 'temporal_violation') timeFaults.push(timeFaultOf(found))
    else if (fault === undefined || seq === undefined) findings.push(found)
    else
      brokenLinks.push({ ...found, fault: seq === 0 && fault === 'broken_chain_link' ? 'invalid_first_entry' : fault })
    const isOfAnEntry = fault !== undefined || type === 'temporal_violation'
    if (isOfAnEntry && seq !== undefined && from <= seq && seq < reached) faulty.add(seq)
  }
  const verified = Math.max(0, entries - faulty.size - findingsOmitted)
  return {
    valid,
    totalEntries: total,
    verifiedEntries: verified,
    brokenLinks,
    timeFaults,
    findings,
    findingsOmitted,
    ...(firstUntrusted === undefined ? {} : { firstUntrusted }),
    verificationTimeMs: durationMs,
    startPosition: from,
    endPosition: end,
    integrityPercentage: total === 0 ? 100 : (verified / total) * 100,
  }
}

/** As the check of the log says it: `expected` begins with the latest time before, `actual` is the entry's own. */
function timeFaultOf({ seq = 0, id = '', expected = '', actual = '' }: Finding): TimeFault {
  const previousTime = expected.split(' ', 1)[0]!
  const diff = (parseTime(previousTime) ?? 0) - (parseTime(actual) ?? 0)
  return { position: seq, entryId: id, currentTime: actual, previousTime, timeDiffSeconds: diff / 1e6 }
}

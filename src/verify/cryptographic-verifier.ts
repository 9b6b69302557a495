/** The verification of single entries, in the words of the seed document, told to whoever listens. */
import { AuditError } from '../core/errors.ts'
import type { EventStream } from '../core/events.ts'
import { type Finding, type FindingType, finding } from '../core/finding.ts'
import { formatTime, type Micros } from '../core/time.ts'
import type { CheckedEntry, EntrySource, EntryStatus } from './entry-check.ts'

/**
 * `valid`: what was recorded, and everything that can be checked says so. `tampered`: not what was recorded. `invalid`: the
 * tree, or the HMAC over it, does not answer for it. `missing`: not there. `error`: the log could not be read, so nothing
 * is known.
 */
export type VerificationStatus = EntryStatus | 'error'

/** What was looked at, beside the verdict. Holds no hash, no salt and no MAC. */
export interface VerificationMetadata {
  /** The entry's number; absent when the log has no such entry. */
  readonly seq?: number
  /** Entries in the log at that time; absent when it could not be read. */
  readonly size?: number
  /** The types of what was found. */
  readonly findings: readonly FindingType[]
  /** The HMAC that seals the entry; `unchecked` without the key of its time. */
  readonly seal: CheckedEntry['seal']
  /** What the log itself declares to be gone, by retention or erasure. */
  readonly declaredGone?: 'content' | 'entry'
}

export interface VerificationResult {
  readonly status: VerificationStatus
  /** The id that the entry has; where that is not known, what was asked for. */
  readonly entryId: string
  /** Milliseconds of work; without the wait for others who asked before. */
  readonly verificationTimeMs: number
  /** One sentence for a person, or several. */
  readonly details: string
  readonly metadata: VerificationMetadata
  /** RFC 3339 UTC. */
  readonly timestamp: string
}

export interface CryptographicVerifierOptions {
  /** A reader of the log, or an `EntryCheck` over anything that can be read like a store. */
  readonly log: EntrySource
  readonly events: EventStream
  readonly now: () => Micros
  /**
   * K₀ as `init` showed it, or the key of a later epoch: the seals of its epoch and later ones are validated. Unless given,
   * those of the present epoch are.
   */
  readonly sealKey?: string
}

/**
 * Verifies single entries: the hash of the exact stored bytes, both links, the place in the tree, the sealed values, the
 * HMAC. Holds nothing that two callers could get at each other's, and blocks no append.
 */
export class CryptographicVerifier {
  readonly #log: EntrySource
  readonly #events: EventStream
  readonly #now: () => Micros
  readonly #sealKey: string | undefined

  constructor({ log, events, now, sealKey }: CryptographicVerifierOptions) {
    this.#log = log
    this.#events = events
    this.#now = now
    this.#sealKey = sealKey
  }

  /**
   * Verifies the entry with this number or id. Each verification is one `checked` event of scope `entry`, from which counts
   * and durations are kept.
   *
   * @returns the verdict; a log that cannot be read is the status `error`, never an exception
   * @throws AuditError `bad_key` when the seal key is none, or another log's
   * @example
   * const { status, details } = await verifier.verifyEntryIntegrity(receipt.id)
   * if (status !== 'valid') alarm(details)
   */
  async verifyEntryIntegrity(seqOrId: number | string): Promise<VerificationResult> {
    let checked: CheckedEntry
    try {
      checked = await this.#log.checkEntry(seqOrId, this.#sealKey)
    } catch (error) {
      if (error instanceof AuditError && error.code === 'bad_key') throw error
      return this.#error(seqOrId, error)
    }
    const { status, seq, id, size, findings, declaredGone, seal, durationMs } = checked
    this.#tell(seq === undefined ? 0 : 1, findings, durationMs)
    return {
      status,
      entryId: id ?? String(seqOrId),
      verificationTimeMs: durationMs,
      details: detailsOf(seqOrId, checked),
      metadata: {
        ...(seq === undefined ? {} : { seq }),
        size,
        findings: findings.map(({ type }) => type),
        seal,
        ...(declaredGone && { declaredGone }),
      },
      timestamp: formatTime(this.#now()),
    }
  }

  #error(seqOrId: number | string, error: unknown): VerificationResult {
    const details = `the log could not be read: ${error instanceof Error ? error.message : String(error)}`
    const found = finding('suspicious_pattern', details)
    this.#tell(0, [found], 0)
    return {
      status: 'error',
      entryId: String(seqOrId),
      verificationTimeMs: 0,
      details,
      metadata: { findings: [found.type], seal: 'unchecked' },
      timestamp: formatTime(this.#now()),
    }
  }

  #tell(entries: number, findings: readonly Finding[], durationMs: number): void {
    const valid = findings.length === 0
    this.#events.emit({ type: 'checked', scope: 'entry', entries, valid, findings, durationMs })
  }
}

function detailsOf(seqOrId: number | string, { status, seq, findings, declaredGone, seal }: CheckedEntry): string {
  if (findings.length > 0) return findings.map(({ message }) => message).join('; ')
  if (declaredGone === 'entry') return `entry ${seq} went by retention, as the log declares`
  if (status === 'missing') return `there is no entry ${seqOrId}`
  const sealed = seal === 'valid' ? ', and sealed in its time' : ''
  const gone = declaredGone === 'content' ? '; its sealed values are gone, as the log declares' : ''
  return `entry ${seq} is what was recorded${sealed}${gone}`
}

/** The way in for the host: captures what it is given, at once and on the host's thread, and waits for the writer. */
import { captureEntry, type Draft, defaultMaxValueBytes } from '../core/capture.ts'
import type { EntryInput, Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { IdSource, type World } from './clock.ts'
import { writerMark } from './liveness.ts'
import type { Writer } from './writer.ts'

export interface LoggerOptions {
  readonly writer: Writer
  readonly world: World
  /** Bytes of JSON that one sealed value may have; 16 MiB unless given. */
  readonly maxValueBytes?: number | undefined
  /** Entries that may wait at once; 100 000 unless given. Whoever comes when the queue is full is refused with `busy`. */
  readonly maxWaiting?: number | undefined
  /** Characters of JSON that may wait at once; 256 Mi unless given. */
  readonly maxWaitingBytes?: number | undefined
}

interface Waiter {
  resolve(receipt: Receipt): void
  reject(error: unknown): void
}

/**
 * Logs entries, and acknowledges each when it is durable: committed and synced to the disk.
 *
 * It says "immutable" in the sense of the seed document: nothing here changes or removes an entry. What others can do to
 * the file, and how far that is noticed, `verify` tells, with its trust label.
 */
export class ImmutableAuditLogger {
  readonly #writer: Writer
  readonly #world: World
  readonly #ids: IdSource
  readonly #maxValueBytes: number
  readonly #maxWaiting: number
  readonly #maxWaitingBytes: number
  #drafts: Draft[] = []
  #waiters: Waiter[] = []
  #waiting = 0
  #waitingBytes = 0
  #closed: false | 'refuse' | 'hold' = false
  #idle: (() => void)[] = []

  constructor(options: LoggerOptions) {
    this.#writer = options.writer
    this.#world = options.world
    this.#ids = new IdSource(options.world)
    this.#maxValueBytes = options.maxValueBytes ?? defaultMaxValueBytes
    this.#maxWaiting = options.maxWaiting ?? 100_000
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 256 * 1024 * 1024
  }

  /** Entries that were captured and are not durable yet. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Logs one entry. The input is read before this returns: a caller may change its objects a moment later.
   *
   * @returns the receipt, when the entry is on the disk
   * @throws AuditError `bad_input` with the path of the bad value, `busy` when the queue is full, `closed`, `io`
   * @example const { seq, entryHash } = await logger.logAuditEntry({ operation: 'remember', component: 'memory' })
   */
  async logAuditEntry(input: EntryInput): Promise<Receipt> {
    if (this.#closed === 'refuse') throw new AuditError('closed', 'the log is closed')
    if (this.#closed === 'hold') return new Promise(() => {})
    if (this.#waiting >= this.#maxWaiting || this.#waitingBytes >= this.#maxWaitingBytes) {
      throw new AuditError('busy', `${this.#waiting} entries wait already: try again later`)
    }
    const time = this.#world.now()
    const marked = input?.kind === 'intent' ? withMark(input) : input
    const draft = captureEntry(marked, { id: this.#ids.next(time), time, maxValueBytes: this.#maxValueBytes })
    const size = sizeOf(draft)
    this.#waiting++
    this.#waitingBytes += size
    try {
      return await new Promise<Receipt>((resolve, reject) => {
        // Whoever logs in the same turn of the event loop shares one message to the writer.
        if (this.#drafts.push(draft) === 1) queueMicrotask(() => this.#send())
        this.#waiters.push({ resolve, reject })
      })
    } finally {
      this.#waiting--
      this.#waitingBytes -= size
      if (this.#waiting === 0) for (const done of this.#idle.splice(0)) done()
    }
  }

  /**
   * Takes no more entries, and resolves when those that wait are answered. Whoever comes later is refused, or, where the
   * process ends anyway, held: neither acknowledged nor made to fail on its last breath.
   */
  async close(later: 'refuse' | 'hold' = 'refuse'): Promise<void> {
    this.#closed ||= later
    if (this.#waiting > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #send(): void {
    const drafts = this.#drafts
    const waiters = this.#waiters
    this.#drafts = []
    this.#waiters = []
    for (let from = 0; from < drafts.length; from += maxMessage) {
      const part = waiters.slice(from, from + maxMessage)
      this.#writer.append(drafts.slice(from, from + maxMessage)).then(
        receipts => {
          for (let i = 0; i < part.length; i++) part[i]!.resolve(receipts[i]!)
        },
        error => {
          for (const waiter of part) waiter.reject(error)
        },
      )
    }
  }
}

/** Drafts in one message to the writer: few enough that the host is not held up by its answer. */
const maxMessage = 500

/** An intent says whose it is, so that the next start can tell whether it may still be finished. */
function withMark(input: EntryInput): EntryInput {
  return { ...input, attributes: { 'process.mark': writerMark(), ...input.attributes } }
}

function sizeOf(draft: Draft): number {
  let size = draft.first.length + draft.middle.length
  for (const text of draft.sealed) size += text.length
  return size
}

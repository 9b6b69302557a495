/**
 * One stream out of a log: every entry that its filter lets through, in order, at least once.
 *
 * It reads behind the log, with a place of its own on disk, so that nothing that appends ever waits for a receiver. The
 * place is written after the receiver has a batch: a process that is killed in between sends that batch again.
 */
import type { World } from '../append/clock.ts'
import type { EventStream } from '../core/events.ts'
import type { EntryFilter } from '../core/filter.ts'
import { leafHashHex } from '../core/hash.ts'
import { formatTime } from '../core/time.ts'
import { closeValues } from '../export/values.ts'
import type { Reader } from '../trail/reader.ts'
import type { Cursor, StreamPlace } from './cursor.ts'
import { type Batch, type Delivered, DeliveryError, type Receiver } from './receiver.ts'
import type { StreamOptions } from './settings.ts'

export interface StreamStatus {
  readonly name: string
  /** Entries that the receiver took, since this process began. */
  readonly sent: number
  /** Entries that it refused for good, since this process began. */
  readonly refused: number
  /** Entries in the log, as far as the stream knows. */
  readonly size: number
  /** Entries of the log that the stream has not passed yet; those that its filter leaves out count until it has. */
  readonly lag: number
  /** What keeps it from sending, while something does. */
  readonly lastError?: string
  /** RFC 3339 UTC. */
  readonly lastSentAt?: string
}

export interface OutgoingStreamParts {
  readonly name: string
  readonly receiver: Receiver
  readonly cursor: Cursor
  readonly reader: Pick<Reader, 'query' | 'leaf' | 'status'>
  readonly events: EventStream
  readonly world: World
  readonly filter: EntryFilter
  readonly options: StreamOptions
}

/** An entry on its way out. */
interface Waiting {
  readonly seq: number
  readonly entryHash: string
  readonly text: string
}

/** Milliseconds that a receiver may ask to be left alone. */
const longestRest = 3_600_000

export class OutgoingStream {
  readonly #parts: OutgoingStreamParts
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  readonly #off: () => void
  #isClosing = false
  #wake: () => void = () => {}
  #place: StreamPlace | undefined
  /** Read and not sent yet, and the entry up to which the log was looked at for them. */
  #waiting: Waiting[] = []
  #seen = 0
  #size = 0
  /** Entries in the next batch at most: fewer for a while after a batch was refused. */
  #width: number
  #sent = 0
  #refused = 0
  #lastError: string | undefined
  #lastSentAt: string | undefined

  constructor(parts: OutgoingStreamParts) {
    this.#parts = parts
    this.#width = parts.options.batchEntries
    this.#off = parts.events.on(event => {
      if (event.type !== 'appended') return
      this.#size = Math.max(this.#size, (event.entries.at(-1)?.seq ?? -1) + 1)
      if (this.#lastError === undefined) this.#wake()
    })
    this.#running = this.#run()
  }

  status(): StreamStatus {
    return {
      name: this.#parts.name,
      sent: this.#sent,
      refused: this.#refused,
      size: this.#size,
      lag: Math.max(0, this.#size - (this.#place?.next ?? 0)),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      ...(this.#lastSentAt === undefined ? {} : { lastSentAt: this.#lastSentAt }),
    }
  }

  /**
   * Sends what is left, as long as the receiver takes it and the time is not over. What is not sent then is sent by the next
   * process that opens the stream.
   */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true
    this.#wake()
    const timer = setTimeout(() => this.#stop.abort(), deadlineMs)
    await this.#running
    clearTimeout(timer)
    this.#off()
    this.#parts.receiver.close()
  }

  async #run(): Promise<void> {
    const { pollMs, retryMs, maxRetryMs } = this.#parts.options
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      try {
        const isMore = await this.#step()
        failures = 0
        this.#lastError = undefined
        if (isMore) continue
        if (this.#isClosing) return
        await this.#pause(pollMs)
      } catch (error) {
        if (this.#stop.signal.aborted) return
        this.#fault((error as Error).message)
        this.#lastError = (error as Error).message
        if (this.#isClosing) return
        const wait = Math.min(retryMs * 2 ** Math.min(failures++, 30), maxRetryMs) * (0.5 + this.#chance() / 2)
        const asked = error instanceof DeliveryError ? Math.min(error.retryAfterMs, longestRest) : 0
        await this.#pause(Math.max(wait, asked))
      }
    }
  }

  /** Sends one batch. @returns false when there is nothing to send */
  async #step(): Promise<boolean> {
    this.#place ??= await this.#resume()
    if (this.#waiting.length === 0) await this.#read(this.#place)
    if (this.#waiting.length === 0) return false
    const batch = this.#nextBatch()
    let delivered: Delivered
    try {
      const timeout = AbortSignal.timeout(this.#parts.options.timeoutMs)
      delivered = await this.#parts.receiver.deliver(batch, AbortSignal.any([timeout, this.#stop.signal]))
    } catch (error) {
      if (!(error instanceof DeliveryError && error.isRefusal)) throw error
      this.#judgeRefusal(batch, error)
      return true
    }
    this.#advance(batch)
    this.#sent += batch.items.length - delivered.rejected
    this.#lastSentAt = formatTime(this.#parts.world.now())
    this.#width = Math.min(this.#parts.options.batchEntries, this.#width * 2)
    if (delivered.rejected > 0) {
      this.#refused += delivered.rejected
      const which = `${delivered.rejected} of the entries ${batch.first} to ${batch.last}`
      this.#fault(`the receiver threw away ${which}: ${delivered.message}`)
    }
    return true
  }

  /** The place where an earlier process stopped, in the log that it sent from. */
  async #resume(): Promise<StreamPlace> {
    const { cursor, reader } = this.#parts
    const place = cursor.read()
    const { size } = await reader.status()
    this.#size = size
    this.#seen = place.next
    if (place.last === undefined) return place
    const leaf = await reader.leaf(place.last.seq)
    // A leaf may be gone on record; one that is not there because the log ends before it is not gone.
    const isSame = leaf === undefined ? place.last.seq < size : leafHashHex(leaf) === place.last.entryHash
    if (isSame) return place
    const what = `this is not the log that entry ${place.last.seq} was sent from: verify it`
    throw new Error(`${what}; then delete ${cursor.file} to send everything again`)
  }

  /** Reads on, and passes over what the filter leaves out. */
  async #read(place: StreamPlace): Promise<void> {
    const { reader, receiver, filter, options } = this.#parts
    const { size } = await reader.status()
    this.#size = Math.max(this.#size, size)
    const from = this.#seen
    if (from >= size) return
    const page = { limit: options.batchEntries, order: 'asc', ...(from === 0 ? {} : { after: from - 1 }) } as const
    const entries = (await reader.query(filter, page)).filter(({ seq }) => seq < size)
    this.#seen = entries.length < page.limit ? size : entries.at(-1)!.seq + 1
    this.#waiting = entries.map(entry => {
      const text = receiver.encode(options.disclose ? entry : closeValues(entry, () => false))
      return { seq: entry.seq, entryHash: entry.entryHash, text }
    })
    if (Object.keys(filter).length === 0) this.#noticeGaps(from)
    if (this.#waiting.length === 0) this.#place = { ...place, next: this.#seen }
  }

  /** Without a filter every number is expected: what cannot be read, or is gone on record, is said. */
  #noticeGaps(from: number): void {
    let expected = from
    for (const { seq } of [...this.#waiting, { seq: this.#seen }]) {
      if (seq > expected) {
        const which = seq - 1 === expected ? `entry ${expected} is` : `the entries ${expected} to ${seq - 1} are`
        this.#fault(`${which} not there to be sent: verify says why`)
      }
      expected = seq + 1
    }
  }

  #nextBatch(): Batch {
    const { batchBytes } = this.#parts.options
    const items: string[] = []
    let bytes = 0
    for (const { text } of this.#waiting.slice(0, this.#width)) {
      bytes += Buffer.byteLength(text)
      if (items.length > 0 && bytes > batchBytes) break
      items.push(text)
    }
    return { items, first: this.#waiting[0]!.seq, last: this.#waiting[items.length - 1]!.seq }
  }

  /** A batch that is refused is tried in halves, so that one bad entry holds up itself alone. */
  #judgeRefusal(batch: Batch, error: DeliveryError): void {
    if (batch.items.length > 1) {
      this.#width = Math.ceil(batch.items.length / 2)
      return
    }
    if (this.#parts.options.onRefused === 'hold') throw error
    this.#fault(`entry ${batch.first} was refused and is left out: ${error.message}`)
    this.#refused++
    this.#advance(batch)
  }

  /** The receiver has these, or will never have them. Durable when it returns. */
  #advance({ items }: Batch): void {
    const last = this.#waiting.splice(0, items.length).at(-1)!
    const next = this.#waiting.length === 0 ? this.#seen : last.seq + 1
    this.#place = { next, last: { seq: last.seq, entryHash: last.entryHash } }
    this.#parts.cursor.write(this.#place)
  }

  #fault(message: string): void {
    this.#parts.events.emit({ type: 'fault', where: `stream ${this.#parts.name}`, message })
  }

  /** At random, from 0 up to 1. */
  #chance(): number {
    const [a = 0, b = 0] = this.#parts.world.random(2)
    return (a * 256 + b) / 65_536
  }

  /** Waits, until there is something to do or the stream shall end. */
  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer)
        this.#stop.signal.removeEventListener('abort', done)
        this.#wake = () => {}
        resolve()
      }
      const timer = setTimeout(done, ms).unref()
      this.#stop.signal.addEventListener('abort', done, { once: true })
      this.#wake = done
    })
  }
}

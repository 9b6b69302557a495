/** Whoever takes a stream: how an entry looks on the way, and what it means that a batch has arrived. */
import type { EntryView } from '../core/view.ts'

/** Neighbouring entries of a stream, as they travel. */
export interface Batch {
  /** What `encode` made of each. */
  readonly items: readonly string[]
  /** The numbers of the first and the last. */
  readonly first: number
  readonly last: number
}

/** What became of a batch that arrived. */
export interface Delivered {
  /** Entries that the receiver took note of and threw away; sending them again would not help. */
  readonly rejected: number
  readonly message?: string
}

export interface Receiver {
  encode(entry: EntryView): string
  /**
   * Resolves when the receiver has the batch, as far as its protocol can say so. Gives up when `signal` says so.
   *
   * @throws DeliveryError; anything else is taken as that the receiver cannot be reached
   */
  deliver(batch: Batch, signal: AbortSignal): Promise<Delivered>
  close(): void
}

/** A batch did not arrive. */
export class DeliveryError extends Error {
  /** Whether the receiver refused it for what it is, so that a smaller batch may do better; else time may help. */
  readonly isRefusal: boolean
  /** How long the receiver asks to be left alone. */
  readonly retryAfterMs: number

  constructor(message: string, { isRefusal = false, retryAfterMs = 0, cause }: DeliveryFacts = {}) {
    super(message, { cause })
    this.name = 'DeliveryError'
    this.isRefusal = isRefusal
    this.retryAfterMs = retryAfterMs
  }
}

interface DeliveryFacts {
  readonly isRefusal?: boolean
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/**
 * A log together with what was just committed to it: entries that the writer handed over are given as they came, all
 * others are read from the store. Both are the same bytes.
 */
import { type CommittedEntries, unpackCommitted } from '../append/committed.ts'
import type { Head, LogReader, LogSource, MaybePromise, StoredEntry } from '../store/store.ts'

/** Bytes that wait here at most; what does not fit is read from the store. */
const maxBytes = 32 * 1024 * 1024

interface Handed {
  readonly from: number
  readonly to: number
  readonly bytes: number
  readonly committed: CommittedEntries
}

export class FollowedLog implements LogSource {
  readonly #store: LogReader
  #handed: Handed[] = []
  #bytes = 0

  constructor(store: LogReader) {
    this.#store = store
  }

  head(): MaybePromise<Head | undefined> {
    return this.#store.head()
  }

  /** Takes what the writer hands over. */
  take(committed: CommittedEntries): void {
    const { from, leaves, contents, lengths, isRemoval } = committed
    if (isRemoval) {
      // Content may have gone from what was handed over before: all of it is read from the store.
      this.#handed = []
      this.#bytes = 0
      return
    }
    const bytes = leaves.length + contents.length
    if (this.#bytes + bytes > maxBytes) return
    this.#handed.push({ from, to: from + lengths.length / 2, bytes, committed })
    this.#bytes += bytes
  }

  /** Lets go of everything below a number: it will not be asked for again, or can be read. */
  forgetBelow(seq: number): void {
    this.#handed = this.#handed.filter(({ to }) => to > seq)
    this.#bytes = this.#handed.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async *entries(from: number, to: number): AsyncIterable<readonly StoredEntry[]> {
    for (let at = from; at < to; ) {
      const handed = this.#handed.find(stretch => stretch.from <= at && at < stretch.to)
      if (handed !== undefined) {
        const end = Math.min(handed.to, to)
        const entries = unpackCommitted(handed.committed)
        // Given once: whoever asks again wants to know what is there now.
        this.#handed = this.#handed.filter(other => other !== handed)
        this.#bytes -= handed.bytes
        yield entries.slice(at - handed.from, end - handed.from)
        at = end
      } else {
        const end = this.#handed.reduce(
          (next, stretch) => (stretch.from > at ? Math.min(next, stretch.from) : next),
          to,
        )
        yield* this.#store.entries(at, end)
        at = end
      }
    }
  }
}

/** Entries as a store keeps them, to be handed on: for whoever bundles or proves them. */
import type { LogReader, StoredEntry } from '../store/store.ts'

/** Numbers as near as this are read together: a block of the store holds as many. */
const nearby = 32

/** Entries by their numbers, in the order of the log; those that are not there are left out. */
export async function keptEntries(log: Pick<LogReader, 'entries'>, seqs: readonly number[]): Promise<StoredEntry[]> {
  const sorted = seqs.toSorted((a, b) => a - b)
  const wanted = new Set(sorted)
  const out: StoredEntry[] = []
  for (let i = 0; i < sorted.length; ) {
    const from = sorted[i]!
    let to = from
    while (i < sorted.length && sorted[i]! - to <= nearby) to = sorted[i++]!
    for await (const some of log.entries(from, to + 1)) {
      for (const { seq, leaf, content } of some) {
        // Copies: what a store gives may be a window on a whole block.
        if (wanted.delete(seq)) out.push({ seq, leaf: Uint8Array.from(leaf), content: Uint8Array.from(content) })
      }
    }
  }
  return out
}

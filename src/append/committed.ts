/** What was committed, as the writer tells the reader of the same process: so that the index need not read it back. */
import type { StoredEntry } from '../store/store.ts'

/** Neighbouring entries in two buffers, to be handed over without a copy. */
export interface CommittedEntries {
  /** The number of the first. */
  readonly from: number
  readonly leaves: Uint8Array
  readonly contents: Uint8Array
  /** For each entry the length of its leaf, then that of its content. */
  readonly lengths: Uint32Array
  /** Something went from the log with them: what was handed over before may not be as it is now. */
  readonly isRemoval: boolean
}

export function packCommitted(entries: readonly StoredEntry[], isRemoval = false): CommittedEntries {
  const lengths = new Uint32Array(2 * entries.length)
  let leafBytes = 0
  let contentBytes = 0
  entries.forEach(({ leaf, content }, i) => {
    lengths[2 * i] = leaf.length
    lengths[2 * i + 1] = content.length
    leafBytes += leaf.length
    contentBytes += content.length
  })
  const leaves = new Uint8Array(leafBytes)
  const contents = new Uint8Array(contentBytes)
  let leafAt = 0
  let contentAt = 0
  for (const { leaf, content } of entries) {
    leaves.set(leaf, leafAt)
    contents.set(content, contentAt)
    leafAt += leaf.length
    contentAt += content.length
  }
  return { from: entries[0]?.seq ?? 0, leaves, contents, lengths, isRemoval }
}

export function unpackCommitted({ from, leaves, contents, lengths }: CommittedEntries): StoredEntry[] {
  const entries: StoredEntry[] = []
  let leafAt = 0
  let contentAt = 0
  for (let i = 0; 2 * i < lengths.length; i++) {
    const leafEnd = leafAt + lengths[2 * i]!
    const contentEnd = contentAt + lengths[2 * i + 1]!
    entries.push({
      seq: from + i,
      leaf: leaves.subarray(leafAt, leafEnd),
      content: contents.subarray(contentAt, contentEnd),
    })
    leafAt = leafEnd
    contentAt = contentEnd
  }
  return entries
}

/**
 * What a log declares that it let go of: content that went by retention or erasure, and leaves below a minimum index.
 * FORMAT.md, sections 3 and 8. What is missing without a declaration is a finding.
 */
import type { Leaf } from '../core/entry.ts'
import { leafHash, leafHashHex } from '../core/hash.ts'
import { parseLeaf } from '../core/leaf.ts'
import { checkInclusion, inclusionProof, tilesForInclusion } from '../core/proof.ts'
import { isIn, parseRanges, type Range, unite } from '../core/ranges.ts'
import type { Head, LogReader, StoredEntry } from '../store/store.ts'
import { keepTiles, readTiles } from '../store/tiles.ts'
import { headOf, upTo } from './answers.ts'

/** Control operations that declare a removal. */
const removals: ReadonlySet<string> = new Set(['retention.pruned', 'subject.erased'])

/** What one entry declares. It speaks of entries before itself only. */
interface Removed {
  readonly seq: number
  readonly leaf: Uint8Array
  readonly content: readonly Range[]
  readonly below: number
}

export class Declared {
  readonly #content: readonly Range[]
  readonly #below: number
  /** The leaf hashes of the entries that declare. */
  readonly #hashes: ReadonlyMap<number, string>

  constructor(removed: readonly Removed[] = []) {
    this.#content = unite(removed.flatMap(({ content }) => content))
    this.#below = removed.reduce((most, { below }) => Math.max(most, below), 0)
    this.#hashes = new Map(removed.map(({ seq, leaf }) => [seq, leafHashHex(leaf)]))
  }

  /**
   * Reads what a log declares. Whoever walks the whole log comes by each declaration, and asks there whether it is the one
   * that was believed; for a range, those that concern it are held against the head's root here. What was let go of while
   * the check ran is declared behind its head: by an entry that is in the tree as it is now.
   */
  static async read(log: LogReader, head: Head, range?: Range): Promise<Declared> {
    const tiles = keepTiles(log)
    const removed: Removed[] = []
    let now: Head | undefined
    for await (const stored of upTo(head.size, log.declarations())) {
      const found = removedBy(stored)
      if (found === undefined || (range !== undefined && !concerns(found, range))) continue
      const isLater = stored.seq >= head.size
      if (isLater) now ??= await headOf(log)
      if ((range === undefined && !isLater) || (await isInTree(tiles, now ?? head, stored))) removed.push(found)
    }
    return new Declared(removed)
  }

  /** The entries that are believed to declare something. */
  get declaring(): Iterable<number> {
    return this.#hashes.keys()
  }

  /** Whether something else was believed to be what this entry declares. */
  isOtherThan(seq: number, hash: string): boolean {
    return (this.#hashes.get(seq) ?? hash) !== hash
  }

  /** Whether the content of an entry is declared to be gone. */
  hasContentGone(seq: number): boolean {
    return isIn(this.#content, seq) || this.hasLeafGone(seq)
  }

  /** Whether the leaf of an entry is declared to be gone. That of entry 0 never goes. */
  hasLeafGone(seq: number): boolean {
    return 0 < seq && seq < this.#below
  }
}

function removedBy({ seq, leaf: bytes }: StoredEntry): Removed | undefined {
  const { leaf } = parseLeaf(bytes)
  if (leaf?.seq !== seq || leaf.kind !== 'control' || !removals.has(leaf.operation)) return undefined
  const { content, below } = listsOf(leaf)
  const isOfEarlier = (content.at(-1)?.[1] ?? -1) < seq && below <= seq
  return isOfEarlier ? { seq, leaf: bytes, content, below } : undefined
}

function listsOf({ attributes = {} }: Leaf): Pick<Removed, 'content' | 'below'> {
  const { entries, below } = attributes
  try {
    return {
      content: typeof entries === 'string' ? parseRanges(entries) : [],
      below: typeof below === 'number' ? below : 0,
    }
  } catch {
    return { content: [], below: 0 }
  }
}

function concerns({ content, below }: Removed, [from, to]: Range): boolean {
  return from < below || content.some(([first, last]) => first <= to && from <= last)
}

/** Whether an entry is in the tree of this size and root, as far as the tiles that are kept show it. */
export async function isInTree(
  log: Pick<LogReader, 'tile'>,
  { size, root }: Head,
  { seq, leaf }: StoredEntry,
): Promise<boolean> {
  if (seq >= size) return false
  try {
    const path = inclusionProof(seq, size, await readTiles(log, size, tilesForInclusion(seq, size)))
    return checkInclusion(path, seq, size, leafHash(leaf), root)
  } catch {
    return false
  }
}

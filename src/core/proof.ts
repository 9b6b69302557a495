/**
 * Inclusion and consistency proofs (RFC 6962, section 2.1; checked as in RFC 9162, sections 2.1.3.2 and 2.1.4.2).
 *
 * A proof is a list of hashes, and each is the hash of a range of leaves. Which ranges is decided in one place for each
 * kind of proof; the plan and the proof both follow from it.
 *
 * The checks never throw: whatever a stranger sends, the answer is yes or no. They hold for the sizes and roots that they
 * are given, and several sizes can have paths of one shape: take size and root from one signed checkpoint, and hash the
 * leaf yourself.
 */
import { equal } from './bytes.ts'
import { emptyRoot, hashLength, nodeHash } from './hash.ts'
import type { TileId } from './tile.ts'
import { assertSize, type LeafRange, powerBelow, rangeHashes, type TileReader, tilesForRanges } from './tree.ts'

/**
 * The hashes that lead from leaf `index` to the root of the tree of `size` leaves, the leaf's sibling first.
 *
 * @throws RangeError unless 0 ≤ index < size ≤ 2^53−1; AuditError `damaged` when a tile has a wrong width.
 */
export function inclusionProof(index: number, size: number, tiles: TileReader): Uint8Array[] {
  return rangeHashes(inclusionRanges(index, size), size, tiles)
}

/** The tiles that `inclusionProof` reads. */
export function tilesForInclusion(index: number, size: number): TileId[] {
  return tilesForRanges(inclusionRanges(index, size), size)
}

/** PATH of RFC 6962, section 2.1.1, as ranges. */
function inclusionRanges(index: number, size: number): LeafRange[] {
  assertSize(size)
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`there is no leaf ${index} in a tree of ${size} leaves`)
  }
  const ranges: LeafRange[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + powerBelow(end - start)
    if (index < middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  return ranges.reverse()
}

/**
 * The hashes that prove the tree of `from` leaves to be a prefix of the tree of `to` leaves. Empty when `from` is 0 or
 * equal to `to`: then there is nothing to prove.
 *
 * @throws RangeError unless 0 ≤ from ≤ to ≤ 2^53−1; AuditError `damaged` when a tile has a wrong width.
 */
export function consistencyProof(from: number, to: number, tiles: TileReader): Uint8Array[] {
  return rangeHashes(consistencyRanges(from, to), to, tiles)
}

/** The tiles that `consistencyProof` reads. */
export function tilesForConsistency(from: number, to: number): TileId[] {
  return tilesForRanges(consistencyRanges(from, to), to)
}

/** SUBPROOF of RFC 6962, section 2.1.2, as ranges. */
function consistencyRanges(from: number, to: number): LeafRange[] {
  assertSize(from)
  assertSize(to)
  if (from > to) throw new RangeError(`a tree of ${from} leaves is not a prefix of one of ${to}`)
  if (from === 0) return []
  const ranges: LeafRange[] = []
  let start = 0
  let end = to
  while (end !== from) {
    const middle = start + powerBelow(end - start)
    if (from <= middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  // A subtree that is the whole old tree is not repeated: the checker has its root.
  if (start > 0) ranges.push({ start, end })
  return ranges.reverse()
}

/**
 * The root to which an inclusion proof leads from a leaf hash, or `undefined` when the proof does not have the shape
 * that this index and size demand (RFC 9162, section 2.1.3.2).
 */
export function rootFromInclusion(
  proof: readonly Uint8Array[],
  index: number,
  size: number,
  leafHash: Uint8Array,
): Uint8Array | undefined {
  if (!isSize(index) || !isSize(size) || index >= size || !areHashes([leafHash, ...proof])) return undefined
  let node = index
  let last = size - 1
  let hash = leafHash
  for (const step of proof) {
    if (last === 0) return undefined
    if (isOdd(node) || node === last) {
      hash = nodeHash(step, hash)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else {
      hash = nodeHash(hash, step)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 ? hash : undefined
}

/** Whether the proof shows that the leaf with this hash stands at `index` in the tree of `size` leaves with this root. */
export function checkInclusion(
  proof: readonly Uint8Array[],
  index: number,
  size: number,
  leafHash: Uint8Array,
  root: Uint8Array,
): boolean {
  const computed = rootFromInclusion(proof, index, size, leafHash)
  return computed !== undefined && equal(computed, root)
}

/**
 * Whether the proof shows that the tree of `from` leaves is a prefix of the tree of `to` leaves (RFC 9162, section
 * 2.1.4.2). The empty tree, with its own root, is a prefix of every tree, by an empty proof: RFC 9162 leaves that case
 * open, C2SP tlog-witness asks for it.
 */
export function checkConsistency(
  proof: readonly Uint8Array[],
  from: number,
  to: number,
  rootFrom: Uint8Array,
  rootTo: Uint8Array,
): boolean {
  if (!isSize(from) || !isSize(to) || from > to) return false
  if (from === 0 && !equal(rootFrom, emptyRoot)) return false
  if (from === to) return proof.length === 0 && equal(rootFrom, rootTo)
  if (from === 0) return proof.length === 0
  if (proof.length === 0 || !areHashes([rootFrom, ...proof])) return false

  let node = from - 1
  let last = to - 1
  while (isOdd(node)) {
    node = half(node)
    last = half(last)
  }
  // The old tree is a complete subtree of the new one when no bit is left: its root then begins the path.
  const path = node === 0 ? [rootFrom, ...proof] : proof
  let oldHash = path[0]!
  let newHash = oldHash
  for (const step of path.slice(1)) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      oldHash = nodeHash(step, oldHash)
      newHash = nodeHash(step, newHash)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else {
      newHash = nodeHash(newHash, step)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && equal(oldHash, rootFrom) && equal(newHash, rootTo)
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every(value => value.length === hashLength)
}

function isOdd(value: number): boolean {
  return value % 2 === 1
}

function half(value: number): number {
  return Math.floor(value / 2)
}

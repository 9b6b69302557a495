/**
 * An RFC 6962 Merkle tree, kept as the 256-wide tiles of C2SP tlog-tiles.
 *
 * `RightEdge` writes: it holds the unfinished tiles, and nothing else is needed to append. Everything else reads, and
 * reads in three steps: work out which tiles a question needs, read each once, compute. An asynchronous caller takes the
 * steps itself: a `tilesFor…` plan, then a reader over what it fetched.
 */
import { AuditError } from './errors.ts'
import { emptyRoot, hashLength, nodeHash, writeNodeHash } from './hash.ts'
import { partialWidth, type TileId, tileWidth } from './tile.ts'

/** A tile with its hashes, one after another: its width is `hashes.length / 32`. */
export interface Tile {
  readonly level: number
  readonly index: number
  readonly hashes: Uint8Array
}

/**
 * Gives the first `width` hashes of a tile: exactly 32 · `width` bytes, whether or not the tile has since grown. Throws
 * when it cannot.
 */
export interface TileReader {
  (level: number, index: number, width: number): Uint8Array
  /**
   * The root over `count` neighbouring hashes of one of its tiles, from number `first`, for a reader that keeps what it
   * computed; `count` is a power of two, by which `first` can be divided. Nobody may write into it.
   */
  readonly rootIn?: (tile: TileId, first: number, count: number) => Uint8Array
}

/** The leaves from `start` up to but not including `end`. */
export interface LeafRange {
  readonly start: number
  readonly end: number
}

/** A size below 2^53 has at most this many complete subtrees side by side. */
const maxHeight = 53

/**
 * The right edge of a growing tree: in memory, the unfinished tile of each level (0–255 hashes) and the roots of the
 * complete subtrees, one for each bit of the size. Appending costs one node hash on average, and the root at most one
 * for each bit.
 */
export class RightEdge {
  #size = 0
  /** By level, room for 256 hashes each. How many are there follows from the size. */
  #unfinished: Uint8Array[] = []
  /** At 32 · k, for each set bit k of the size, the root of the complete subtree of 2^k leaves. */
  #peaks = new Uint8Array(maxHeight * hashLength)
  #full: Tile[] = []

  private constructor() {}

  /** The edge of a tree without leaves. */
  static empty(): RightEdge {
    return new RightEdge()
  }

  /**
   * The edge of a tree of `size` leaves, from its partial tiles. `tiles` is asked once for each level that has one, and
   * must give 32 bytes for each of floor(size / 256^level) mod 256 hashes. The hashes are believed: compare `root()`
   * with a signed checkpoint.
   *
   * @throws RangeError when the size is not an integer from 0 to 2^53−1; AuditError `damaged` when a tile has another width.
   */
  static load(size: number, tiles: (level: number) => Uint8Array): RightEdge {
    assertSize(size)
    const edge = new RightEdge()
    edge.#size = size
    for (let level = 0; tileWidth ** level <= size; level++) {
      const width = partialWidth(level, size)
      const hashes = width > 0 ? tiles(level) : new Uint8Array(0)
      assertWidth(hashes, { level, index: Math.floor(size / tileWidth ** (level + 1)), width })
      edge.#tile(level).set(hashes)
      let at = 0
      for (let bit = 7; bit >= 0; bit--) {
        if (((width >> bit) & 1) === 0) continue
        edge.#peaks.set(completeRoot(hashes, at, 2 ** bit), (8 * level + bit) * hashLength)
        at += 2 ** bit
      }
    }
    return edge
  }

  /** Leaves in the tree. */
  get size(): number {
    return this.#size
  }

  /**
   * Appends a leaf by its hash, the 32 bytes of `hash` from offset `at`.
   *
   * @throws RangeError when 32 bytes are not there; then nothing has changed.
   */
  append(hash: Uint8Array, at = 0): void {
    if (!(at >= 0 && at + hashLength <= hash.length)) throw new RangeError('append needs the 32 bytes of a leaf hash')
    this.#place(0, hash, at)
    let node = hash
    let nodeAt = at
    let height = 0
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      writeNodeHash(carry, 0, this.#peaks, height * hashLength, node, nodeAt)
      node = carry
      nodeAt = 0
      height += 1
      if (height % 8 === 0) this.#place(height / 8, carry, 0)
    }
    copyHash(this.#peaks, height * hashLength, node, nodeAt)
    this.#size += 1
  }

  /** Puts a hash behind the last one of a level; a tile that this fills is set aside for `takeFullTiles`. */
  #place(level: number, hash: Uint8Array, at: number): void {
    const tile = this.#tile(level)
    const width = partialWidth(level, this.#size)
    copyHash(tile, width * hashLength, hash, at)
    if (width + 1 < tileWidth) return
    this.#full.push({ level, index: Math.floor(this.#size / tileWidth ** (level + 1)), hashes: tile })
    this.#unfinished[level] = new Uint8Array(tileWidth * hashLength)
  }

  #tile(level: number): Uint8Array {
    this.#unfinished[level] ??= new Uint8Array(tileWidth * hashLength)
    return this.#unfinished[level]
  }

  /** The Merkle tree hash over all leaves (RFC 6962, section 2.1). */
  root(): Uint8Array {
    const root = emptyRoot.slice()
    let found = false
    let height = 0
    for (let rest = this.#size; rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) {
        if (found) writeNodeHash(root, 0, this.#peaks, height * hashLength, root, 0)
        else copyHash(root, 0, this.#peaks, height * hashLength)
        found = true
      }
      height += 1
    }
    return root
  }

  /** The tiles completed since this was last asked, oldest first. They are the caller's now. */
  takeFullTiles(): Tile[] {
    const full = this.#full
    this.#full = []
    return full
  }

  /** Copies of the unfinished tiles, level by level; levels without one are left out. */
  partialTiles(): Tile[] {
    const tiles: Tile[] = []
    for (let level = 0; tileWidth ** level <= this.#size; level++) {
      const width = partialWidth(level, this.#size)
      if (width === 0) continue
      const index = Math.floor(this.#size / tileWidth ** (level + 1))
      tiles.push({ level, index, hashes: this.#tile(level).slice(0, width * hashLength) })
    }
    return tiles
  }

  /** An edge that grows apart from this one. Full tiles not yet taken are in both. */
  clone(): RightEdge {
    const edge = new RightEdge()
    edge.#size = this.#size
    edge.#unfinished = this.#unfinished.map(tile => tile.slice())
    edge.#peaks = this.#peaks.slice()
    edge.#full = this.#full.slice()
    return edge
  }
}

const carry = new Uint8Array(hashLength)

function copyHash(target: Uint8Array, targetAt: number, source: Uint8Array, sourceAt: number): void {
  for (let i = 0; i < hashLength; i++) target[targetAt + i] = source[sourceAt + i]!
}

/** The root over `count` neighbouring hashes of a tile, from the hash number `first`; `count` is a power of two. */
export function completeRoot(hashes: Uint8Array, first: number, count: number): Uint8Array {
  // A copy: `slice` of a Node Buffer is none, and what is written here would spoil a tile that others keep.
  const row = Uint8Array.from(hashes.subarray(first * hashLength, (first + count) * hashLength))
  for (let pairs = count / 2; pairs >= 1; pairs /= 2) {
    for (let i = 0; i < pairs; i++) {
      writeNodeHash(row, i * hashLength, row, 2 * i * hashLength, row, (2 * i + 1) * hashLength)
    }
  }
  return row.slice(0, hashLength)
}

/**
 * The root of the tree when it had `size` leaves.
 *
 * @throws RangeError when the size is not an integer from 0 to 2^53−1; AuditError `damaged` when a tile has a wrong width.
 */
export function rootAt(size: number, tiles: TileReader): Uint8Array {
  assertSize(size)
  if (size === 0) return emptyRoot.slice()
  return rangeHashes([{ start: 0, end: size }], size, tiles)[0]!
}

/**
 * The Merkle tree hash over the leaves `start` to `end − 1`, which must be a subtree: `start` is a multiple of the
 * smallest power of two that is not below `end − start` (draft-ietf-plants-merkle-tree-certs, Subtrees).
 *
 * @throws RangeError when it is not a subtree; AuditError `damaged` when a tile has a wrong width.
 */
export function subtreeHash(start: number, end: number, tiles: TileReader): Uint8Array {
  assertSize(end)
  if (!Number.isSafeInteger(start) || start < 0 || start >= end)
    throw new RangeError(`no leaves from ${start} to ${end}`)
  const width = end - start === 1 ? 1 : 2 * powerBelow(end - start)
  if (start % width !== 0) throw new RangeError(`the leaves from ${start} to ${end} are not a subtree`)
  return rangeHashes([{ start, end }], end, tiles)[0]!
}

/** The tiles that `rootAt` reads: the partial tiles of that size. */
export function tilesForRoot(size: number): TileId[] {
  assertSize(size)
  return tilesForRanges([{ start: 0, end: size }], size)
}

/**
 * The tiles needed to hash some subtrees of a tree of `size` leaves, each once. Widths are as of that size, so that
 * every tile has existed since a tree of that size did.
 */
export function tilesForRanges(ranges: readonly LeafRange[], size: number): TileId[] {
  const tiles = new Map<string, TileId>()
  for (const range of ranges) {
    for (const { tile } of completeSubtrees(range, size)) tiles.set(tileKey(tile.level, tile.index), tile)
  }
  return [...tiles.values()]
}

/** The Merkle tree hash over each of some subtrees of a tree of `size` leaves, from the tiles of `tilesForRanges`. */
export function rangeHashes(ranges: readonly LeafRange[], size: number, tiles: TileReader): Uint8Array[] {
  const read = new Map<string, Uint8Array>()
  for (const tile of tilesForRanges(ranges, size)) {
    const hashes = tiles(tile.level, tile.index, tile.width)
    assertWidth(hashes, tile)
    read.set(tileKey(tile.level, tile.index), hashes)
  }
  return ranges.map(range =>
    completeSubtrees(range, size)
      .map(
        ({ tile, first, count }) =>
          tiles.rootIn?.(tile, first, count) ?? completeRoot(read.get(tileKey(tile.level, tile.index))!, first, count),
      )
      .reduceRight((right, left) => nodeHash(left, right)),
  )
}

/** A complete subtree as it lies in the tiles: `count` neighbouring hashes of one tile, from the hash number `first`. */
interface Located {
  readonly tile: TileId
  readonly first: number
  readonly count: number
}

/** The complete subtrees that lie side by side in a range, from left to right: large before small. */
function completeSubtrees({ start, end }: LeafRange, size: number): Located[] {
  const subtrees: Located[] = []
  for (let at = start; at < end; ) {
    const leaves = powerBelow(end - at + 1)
    const level = Math.floor(Math.log2(leaves) / 8)
    const unit = tileWidth ** level
    const position = at / unit
    const index = Math.floor(position / tileWidth)
    const width = Math.min(tileWidth, Math.floor(size / unit) - index * tileWidth)
    subtrees.push({ tile: { level, index, width }, first: position % tileWidth, count: leaves / unit })
    at += leaves
  }
  return subtrees
}

/** The largest power of two below `n`, for 2 ≤ n ≤ 2^53. */
export function powerBelow(n: number): number {
  const high = Math.floor((n - 1) / 2 ** 32)
  return high > 0 ? 2 ** (63 - Math.clz32(high)) : 2 ** (31 - Math.clz32(n - 1))
}

/** Throws a RangeError unless `size` is an integer from 0 to 2^53−1. */
export function assertSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0)
    throw new RangeError(`tree size ${size} is not an integer from 0 to 2^53−1`)
}

function assertWidth(hashes: Uint8Array, { level, index, width }: TileId): void {
  if (hashes.length === width * hashLength) return
  throw new AuditError('damaged', `tile ${level}/${index} has ${hashes.length} bytes instead of ${width * hashLength}`)
}

function tileKey(level: number, index: number): string {
  return `${level}/${index}`
}

/**
 * RFC 6962, section 2.1, word for word: recursive, over an array of leaf hashes, and slow. It shares no code with
 * `src/core`, so that the two can be set against each other.
 */
import { createHash } from 'node:crypto'
import type { Tile, TileReader } from '../../src/core/tree.ts'

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return Uint8Array.from(hash.digest())
}

const split = (n: number): number => {
  let k = 1
  while (2 * k < n) k *= 2
  return k
}

export class ReferenceTree {
  readonly leafHashes: Uint8Array[] = []
  readonly #known = new Map<string, Uint8Array>()

  /** A tree whose leaves are the decimal numbers from 0. */
  static numbered(size: number): ReferenceTree {
    const tree = new ReferenceTree()
    for (let i = 0; i < size; i++) tree.append(Buffer.from(String(i)))
    return tree
  }

  append(leaf: Uint8Array): void {
    this.leafHashes.push(sha256(Uint8Array.of(0), leaf))
  }

  /** MTH(D[start:end]). */
  hash(start: number, end: number): Uint8Array {
    if (end === start) return sha256()
    if (end - start === 1) return this.leafHashes[start]!
    const key = `${start}-${end}`
    let hash = this.#known.get(key)
    if (hash === undefined) {
      const middle = start + split(end - start)
      hash = sha256(Uint8Array.of(1), this.hash(start, middle), this.hash(middle, end))
      this.#known.set(key, hash)
    }
    return hash
  }

  /** PATH(m, D[start:end]). */
  path(index: number, start: number, end: number): Uint8Array[] {
    if (end - start === 1) return []
    const middle = start + split(end - start)
    return index < middle
      ? [...this.path(index, start, middle), this.hash(middle, end)]
      : [...this.path(index, middle, end), this.hash(start, middle)]
  }

  /** SUBPROOF(m, D[start:end], whole). */
  subproof(from: number, start: number, end: number, whole: boolean): Uint8Array[] {
    if (from === end) return whole ? [] : [this.hash(start, end)]
    const middle = start + split(end - start)
    return from <= middle
      ? [...this.subproof(from, start, middle, whole), this.hash(middle, end)]
      : [...this.subproof(from, middle, end, false), this.hash(start, middle)]
  }
}

/** Tiles in memory. A reader gets the prefix it asks for, even of a tile that has grown since. */
export class MemoryTiles {
  readonly #tiles = new Map<string, Uint8Array>()
  /** The tiles that were read, in order. */
  readonly reads: string[] = []

  add(tiles: readonly Tile[]): void {
    for (const { level, index, hashes } of tiles) this.#tiles.set(`${level}/${index}`, hashes)
  }

  readonly read: TileReader = (level, index, width) => {
    this.reads.push(`${level}/${index}/${width}`)
    const hashes = this.#tiles.get(`${level}/${index}`)
    if (hashes === undefined || hashes.length < 32 * width)
      throw new Error(`there is no tile ${level}/${index}/${width}`)
    return hashes.slice(0, 32 * width)
  }
}

/**
 * The same recursive definitions over a log that nobody could write down: all its leaves are equal but a few. What has
 * none of these few in it is known by its length alone, so that a log of 2^40 leaves takes some thousand hashes.
 */
export class VirtualTree extends ReferenceTree {
  readonly plain: Uint8Array
  readonly #special: ReadonlyMap<number, Uint8Array>
  readonly #places: readonly number[]
  readonly #byLength = new Map<number, Uint8Array>()

  /** @param special leaf hashes by their index */
  constructor(plain: Uint8Array, special: ReadonlyMap<number, Uint8Array>) {
    super()
    this.plain = plain
    this.#special = special
    this.#places = [...special.keys()].sort((a, b) => a - b)
  }

  override hash(start: number, end: number): Uint8Array {
    if (end === start) return sha256()
    const isPlain = !this.#places.some(place => start <= place && place < end)
    if (end - start === 1) return isPlain ? this.plain : this.#special.get(start)!
    const known = isPlain ? this.#byLength.get(end - start) : undefined
    if (known !== undefined) return known
    const middle = start + split(end - start)
    const hash = sha256(Uint8Array.of(1), this.hash(start, middle), this.hash(middle, end))
    if (isPlain) this.#byLength.set(end - start, hash)
    return hash
  }

  /** Its tiles, as many as anybody asks for. */
  readonly tile: TileReader = (level, index, width) => {
    const unit = 256 ** level
    const hashes = new Uint8Array(32 * width)
    for (let i = 0; i < width; i++)
      hashes.set(this.hash((256 * index + i) * unit, (256 * index + i + 1) * unit), 32 * i)
    return hashes
  }
}

/**
 * The root to which PATH(index, D[0:size]) leads from a leaf hash: the definition of the path, read backwards. Numbers
 * have no bound here. `undefined`: no path of this tree looks like that.
 */
export function rootOfPath(
  path: readonly Uint8Array[],
  index: bigint,
  size: bigint,
  leafHash: Uint8Array,
): Uint8Array | undefined {
  if (index < 0n || index >= size || [leafHash, ...path].some(hash => hash.length !== 32)) return undefined
  if (size === 1n) return path.length === 0 ? leafHash : undefined
  const last = path.at(-1)
  if (last === undefined) return undefined
  const middle = splitBig(size)
  const inner =
    index < middle
      ? rootOfPath(path.slice(0, -1), index, middle, leafHash)
      : rootOfPath(path.slice(0, -1), index - middle, size - middle, leafHash)
  if (inner === undefined) return undefined
  return index < middle ? sha256(Uint8Array.of(1), inner, last) : sha256(Uint8Array.of(1), last, inner)
}

/**
 * The two roots to which SUBPROOF(from, D[0:to], whole) leads, read backwards: of the first `from` leaves, and of all.
 * `old` is the root that whoever checks already has, for a subtree that is the whole old tree.
 */
export function rootsOfSubproof(
  proof: readonly Uint8Array[],
  from: bigint,
  to: bigint,
  old: Uint8Array,
  whole = true,
): readonly [Uint8Array, Uint8Array] | undefined {
  if (from <= 0n || from > to || [old, ...proof].some(hash => hash.length !== 32)) return undefined
  const last = proof.at(-1)
  if (from === to) {
    if (whole) return last === undefined ? [old, old] : undefined
    return proof.length === 1 ? [last!, last!] : undefined
  }
  if (last === undefined) return undefined
  const middle = splitBig(to)
  const rest = proof.slice(0, -1)
  if (from <= middle) {
    const inner = rootsOfSubproof(rest, from, middle, old, whole)
    return inner && [inner[0], sha256(Uint8Array.of(1), inner[1], last)]
  }
  const inner = rootsOfSubproof(rest, from - middle, to - middle, old, false)
  return inner && [sha256(Uint8Array.of(1), last, inner[0]), sha256(Uint8Array.of(1), last, inner[1])]
}

function splitBig(n: bigint): bigint {
  let k = 1n
  while (2n * k < n) k *= 2n
  return k
}

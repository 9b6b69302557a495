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

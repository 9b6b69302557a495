/** Tiles out of a store, fetched before they are computed with: the second of the tree's three steps. */
import { equal } from '../core/bytes.ts'
import { AuditError } from '../core/errors.ts'
import { hashLength } from '../core/hash.ts'
import { type TileId, tileWidth } from '../core/tile.ts'
import { completeRoot, type TileReader, tilesForRoot } from '../core/tree.ts'
import type { MaybePromise } from './store.ts'

/** Whoever has tiles. */
export interface TileSource {
  /** As a store gives them. `width`: as many hashes are enough. */
  tile(level: number, index: number, width?: number): MaybePromise<Uint8Array | undefined>
}

/**
 * A reader over the tiles that a question needs; without a plan, those for the root of `size`.
 *
 * @param inner what was computed inside of tiles before
 * @throws AuditError `damaged` when a tile is missing or too short
 */
export async function readTiles(
  log: TileSource,
  size: number,
  plan: readonly TileId[] = tilesForRoot(size),
  inner?: InnerHashes,
): Promise<TileReader> {
  const read = new Map<string, Uint8Array>()
  for (const { level, index, width } of plan) {
    const hashes = await log.tile(level, index, width)
    if (hashes === undefined || hashes.length < width * hashLength) {
      throw new AuditError('damaged', `tile ${level}/${index} is missing or too short: run verify`)
    }
    read.set(nameOf(level, index), hashes)
  }
  const hashesOf = (level: number, index: number) => read.get(nameOf(level, index))!
  const tiles = (level: number, index: number, width: number) => hashesOf(level, index).subarray(0, width * hashLength)
  if (inner === undefined) return tiles
  const rootIn = ({ level, index }: TileId, first: number, count: number) =>
    inner.root({ level, index }, hashesOf(level, index), first, count)
  return Object.assign(tiles, { rootIn })
}

function nameOf(level: number, index: number): string {
  return `${level}/${index}`
}

/** A map that lets go of what was longest not asked for. */
class Kept<T> {
  readonly #most: number
  readonly #kept = new Map<string, T>()

  constructor(most: number) {
    this.#most = most
  }

  get(name: string): T | undefined {
    const known = this.#kept.get(name)
    if (known !== undefined) this.set(name, known)
    return known
  }

  set(name: string, value: T): void {
    this.#kept.delete(name)
    this.#kept.set(name, value)
    if (this.#kept.size > this.#most) this.#kept.delete(this.#kept.keys().next().value!)
  }
}

/** Of the leaves, and above them: half a megabyte each, and with it every tile above the leaves of a long log. */
const mostOfALevel = 64

/**
 * A log's tiles, of which what was seen is kept for the next question: a hash that has its place in a tile keeps it. Those of
 * the leaves are kept apart, so that questions all over a long log do not push out the others.
 */
export function keepTiles(log: TileSource): TileSource {
  const leaves = new Kept<Uint8Array>(mostOfALevel)
  const above = new Kept<Uint8Array>(mostOfALevel)
  return {
    async tile(level, index, width = tileWidth) {
      const name = nameOf(level, index)
      const kept = level === 0 ? leaves : above
      const known = kept.get(name)
      if (known !== undefined && known.length >= width * hashLength) return known
      const hashes = await log.tile(level, index)
      if (hashes !== undefined) kept.set(name, hashes)
      return hashes
    },
  }
}

/**
 * The roots over parts of tiles that were computed before. They are only given for hashes that are the same, byte for byte,
 * as those that they were computed from: it makes no difference but in time.
 */
export class InnerHashes {
  readonly #leaves = new Kept<Inner>(mostOfALevel)
  readonly #above = new Kept<Inner>(mostOfALevel)

  /** The root over `count` hashes of a tile, from number `first`. Nobody may write into it. */
  root({ level, index }: Omit<TileId, 'width'>, hashes: Uint8Array, first: number, count: number): Uint8Array {
    const part = hashes.subarray(first * hashLength, (first + count) * hashLength)
    const kept = level === 0 ? this.#leaves : this.#above
    const name = nameOf(level, index)
    const inner: Inner = kept.get(name) ?? new Map()
    const known = inner.get(first * tileWidth + count)
    if (known !== undefined && equal(known.part, part)) return known.root
    const root = completeRoot(hashes, first, count)
    inner.set(first * tileWidth + count, { part: Uint8Array.from(part), root })
    kept.set(name, inner)
    return root
  }
}

type Inner = Map<number, { readonly part: Uint8Array; readonly root: Uint8Array }>

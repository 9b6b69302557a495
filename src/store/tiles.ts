/** Tiles out of a store, fetched before they are computed with: the second of the tree's three steps. */
import { AuditError } from '../core/errors.ts'
import { hashLength } from '../core/hash.ts'
import { type TileId, tileWidth } from '../core/tile.ts'
import { type TileReader, tilesForRoot } from '../core/tree.ts'
import type { LogReader } from './store.ts'

/**
 * A reader over the tiles that a question needs; without a plan, those for the root of `size`.
 *
 * @throws AuditError `damaged` when a tile is missing or too short
 */
export async function readTiles(
  log: Pick<LogReader, 'tile'>,
  size: number,
  plan: readonly TileId[] = tilesForRoot(size),
): Promise<TileReader> {
  const read = new Map<string, Uint8Array>()
  for (const { level, index, width } of plan) {
    const hashes = await log.tile(level, index)
    if (hashes === undefined || hashes.length < width * hashLength) {
      throw new AuditError('damaged', `tile ${level}/${index} is missing or too short: run verify`)
    }
    read.set(`${level}/${index}`, hashes)
  }
  return (level, index, width) => read.get(`${level}/${index}`)!.subarray(0, width * hashLength)
}

/** Full tiles that are kept in memory: half a megabyte, and with it every tile above the leaves of a long log. */
const maxKept = 64

/** A log's tiles, of which the full ones, that never change, are kept for the next question. */
export function keepTiles(log: Pick<LogReader, 'tile'>): Pick<LogReader, 'tile'> {
  const kept = new Map<string, Uint8Array>()
  return {
    async tile(level, index) {
      const name = `${level}/${index}`
      const known = kept.get(name)
      if (known !== undefined) return known
      const hashes = await log.tile(level, index)
      if (hashes?.length !== tileWidth * hashLength) return hashes
      if (kept.size >= maxKept) kept.delete(kept.keys().next().value!)
      kept.set(name, hashes)
      return hashes
    },
  }
}

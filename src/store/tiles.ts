/** Tiles out of a store, fetched before they are computed with: the second of the tree's three steps. */
import { AuditError } from '../core/errors.ts'
import { hashLength } from '../core/hash.ts'
import type { TileId } from '../core/tile.ts'
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

/** Tiles of a log, fetched in one call before they are computed with. */
import type { TileId } from '../core/tile.ts'
import type { TileReader } from '../core/tree.ts'
import type { Reader } from '../trail/reader.ts'

/**
 * A reader over the tiles of a plan.
 *
 * @param plan tiles of a tree of one size; one may stand in it more than once
 * @throws AuditError `damaged` when one is missing or too short
 */
export async function fetchTiles(reader: Pick<Reader, 'tiles'>, plan: readonly TileId[]): Promise<TileReader> {
  const once = new Map(plan.map(tile => [`${tile.level}/${tile.index}`, tile]))
  const hashes = await reader.tiles([...once.values()])
  const read = new Map([...once.keys()].map((name, i) => [name, hashes[i]!]))
  return (level, index) => read.get(`${level}/${index}`)!
}

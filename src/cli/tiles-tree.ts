/** The log as files: a C2SP tlog-tiles tree that any web server can serve and any client of the specification can read. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadPublicKeys, loadStorageKey } from '../append/keys.ts'
import { equal, toHex } from '../core/bytes.ts'
import { openCheckpoint, peekCheckpoint } from '../core/checkpoint.ts'
import { AuditError } from '../core/errors.ts'
import { hashLength } from '../core/hash.ts'
import { entriesPath, formatBundle, tilePath, tileWidth } from '../core/tile.ts'
import { rootAt } from '../core/tree.ts'
import { openSqliteStore, type SqliteStore } from '../store/sqlite.ts'
import { readTiles } from '../store/tiles.ts'
import type { Cli } from './cli.ts'
import { putFile } from './files.ts'
import { needLog, withWriter } from './log.ts'

export interface ExportedTree {
  readonly origin: string
  readonly size: number
  readonly rootHash: string
  readonly files: number
}

/**
 * Writes the tree as of the newest checkpoint, which covers the head: one is signed first where it does not. The
 * checkpoint is written last, so that whoever reads it finds everything that it covers.
 */
export async function exportTiles(cli: Cli, folder: string): Promise<ExportedTree> {
  needLog(cli)
  const { origin, verifiers } = loadPublicKeys(cli.keys)
  const store = openSqliteStore({ file: cli.file, key: loadStorageKey(cli.keys), mode: 'read' })
  try {
    const isCovered = () => (peekCheckpoint(store.lastCheckpoint()?.note ?? '')?.size ?? 0) === store.head()?.size
    if (!isCovered()) await withWriter(cli, writer => writer.checkpoint())
    const note = store.lastCheckpoint()?.note ?? ''
    const { size, root } = openCheckpoint(note, origin, verifiers).checkpoint
    if (!equal(rootAt(size, await readTiles(store, size)), root)) {
      throw new AuditError('damaged', 'the tiles of the log do not lead to its checkpoint: run verify')
    }
    mkdirSync(folder, { recursive: true })
    let files = 1
    for (const [path, bytes] of treeFiles(store, size)) {
      putFile(join(folder, path), bytes)
      cli.progress(`${++files} files written`)
    }
    cli.progress(undefined)
    putFile(join(folder, 'checkpoint'), note)
    return { origin, size, rootHash: toHex(root), files }
  } finally {
    store.close()
  }
}

/** Every tile and entry bundle of a tree of this size, by path. */
function* treeFiles(store: SqliteStore, size: number): Iterable<[path: string, bytes: Uint8Array]> {
  for (let from = 0; from < size; from += tileWidth) {
    const width = Math.min(tileWidth, size - from)
    const leaves = [...store.entries(from, from + width)].flat()
    if (leaves.length !== width) throw new AuditError('damaged', `an entry behind ${from} is missing: run verify`)
    yield [entriesPath(from / tileWidth, width), formatBundle(leaves.map(({ leaf }) => leaf))]
  }
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / tileWidth)) {
    for (let index = 0; index * tileWidth < hashes; index++) {
      const width = Math.min(tileWidth, hashes - index * tileWidth)
      const tile = store.tile(level, index)?.subarray(0, width * hashLength)
      if (tile?.length !== width * hashLength) {
        throw new AuditError('damaged', `tile ${level}/${index} is missing or too short: run verify`)
      }
      yield [tilePath(level, index, width), tile]
    }
  }
}

/** What restores gave up, as far as entries say so that are under a signature of the log. */
import { toHex } from '../core/bytes.ts'
import { peekCheckpoint } from '../core/checkpoint.ts'
import { parseLeaf } from '../core/leaf.ts'
import type { Head, LogReader } from '../store/store.ts'
import { keepTiles } from '../store/tiles.ts'
import { upTo } from './answers.ts'
import { isInTree } from './declared.ts'

/** A tree that the log once had, and has no more. */
export interface GivenUp {
  /** The entry that says so. */
  readonly seq: number
  /** Entries in that tree. */
  readonly size: number
  /** Its root, 64 hex digits. */
  readonly root: string
}

/** @param signed a tree that the log's keys have signed: an entry outside of it says nothing */
export async function readGivenUp(log: LogReader, signed: Head): Promise<GivenUp[]> {
  const tiles = keepTiles(log)
  const found: GivenUp[] = []
  for await (const stored of upTo(signed.size, log.declarations())) {
    const { leaf } = parseLeaf(stored.leaf)
    if (leaf?.kind !== 'control' || leaf.operation !== 'log.restored' || leaf.seq !== stored.seq) continue
    if (!(await isInTree(tiles, signed, stored))) continue
    const { seq, attributes = {} } = leaf
    const { sizeBefore: size, rootBefore: root, checkpoint: note } = attributes
    if (typeof size === 'number' && typeof root === 'string') found.push({ seq, size, root })
    const remembered = typeof note === 'string' ? peekCheckpoint(note) : undefined
    if (remembered !== undefined) found.push({ seq, size: remembered.size, root: toHex(remembered.root) })
  }
  return found
}

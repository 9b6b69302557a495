/** Row 23: what the log keeps of its tree. */
import { flipBit } from '../hands.ts'
import type { LogMove } from '../move.ts'
import type { Scene } from '../scene.ts'

const tileOf = ({ block }: Scene) => Math.floor(block! / 256)

export const treeMoves: readonly LogMove[] = [
  {
    row: '23',
    move: 'edit a hash that the tree keeps',
    found: ['tree_mismatch'],
    from: 'chained',
    first: ({ middle }) => middle,
    not: ['hash_mismatch', 'signature_invalid', 'seal_invalid'],
    play: (file, { middle }) => file.change(middle, ({ hash }) => ({ hash: flipBit(hash, 9) })),
  },
  {
    row: '23',
    move: 'edit the newest hash that the tree keeps',
    found: ['tree_mismatch'],
    from: 'chained',
    first: ({ size }) => size - 1,
    not: ['hash_mismatch', 'signature_invalid'],
    play: (file, { size }) => file.change(size - 1, ({ hash }) => ({ hash: flipBit(hash, 9) })),
  },
  {
    row: '23',
    move: 'edit the head',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'signature_invalid', 'rollback', 'fork'],
    play: (file, { size }) => file.setHead(size, new Uint8Array(32)),
  },
  {
    row: '23',
    move: 'say that the log is far longer than it is',
    found: ['missing_entry'],
    from: 'chained',
    first: ({ size }) => size,
    play: file => file.db.exec('UPDATE head SET size = 1000000000000'),
  },
  {
    row: '23',
    move: 'delete a tile',
    found: ['tree_mismatch'],
    from: 'chained',
    first: scene => 256 * tileOf(scene),
    not: ['hash_mismatch', 'missing_entry', 'signature_invalid'],
    tiles: true,
    play: (file, scene) => file.db.exec(`DELETE FROM tile WHERE level = 0 AND n = ${tileOf(scene)}`),
  },
  {
    row: '23',
    move: 'cut a tile short',
    found: ['tree_mismatch'],
    from: 'chained',
    first: scene => 256 * tileOf(scene) + 20,
    not: ['hash_mismatch', 'signature_invalid'],
    tiles: true,
    play: (file, scene) =>
      file.db.exec(`UPDATE tile SET hashes = substr(hashes, 1, 640) WHERE level = 0 AND n = ${tileOf(scene)}`),
  },
  {
    row: '23',
    move: 'edit a tile above the leaves',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'signature_invalid'],
    tiles: true,
    whole: true,
    play: (file, { size }) =>
      file.db.exec(
        `UPDATE tile SET hashes = zeroblob(32) || substr(hashes, 33) WHERE level = 1 AND n = ${Math.floor((size - 256) / 65536)}`,
      ),
  },
  {
    row: '23',
    move: 'delete a tile above the leaves',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'signature_invalid'],
    tiles: true,
    whole: true,
    play: (file, { size }) =>
      file.db.exec(`DELETE FROM tile WHERE level = 1 AND n = ${Math.floor((size - 256) / 65536)}`),
  },
]

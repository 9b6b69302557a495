/** Rows 8–12 and 22: which entries there are, and in what order. */
import { leafHash } from '../../core/hash.ts'
import { at, theirs } from '../hands.ts'
import type { LogMove } from '../move.ts'

export const orderMoves: readonly LogMove[] = [
  {
    row: '8',
    move: 'delete one entry in the middle',
    found: ['missing_entry'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch', 'chain_break', 'disclosure_mismatch', 'tree_mismatch'],
    play(file, { middle }) {
      delete file.rows[middle]
      file.save()
    },
  },
  {
    row: '8',
    move: 'delete a block of entries',
    found: ['missing_entry'],
    from: 'chained',
    first: ({ block }) => block!,
    not: ['hash_mismatch', 'chain_break'],
    tiles: true,
    play: (file, { block }) =>
      file.db.exec(`DELETE FROM leaves WHERE first = ${block}; DELETE FROM content WHERE first = ${block}`),
  },
  {
    row: '8',
    move: 'make a block of entries unreadable',
    found: ['missing_entry'],
    from: 'chained',
    first: ({ block }) => block!,
    not: ['hash_mismatch', 'chain_break'],
    tiles: true,
    play: (file, { block }) => file.db.exec(`UPDATE leaves SET data = x'00' WHERE first = ${block}`),
  },
  {
    row: '9',
    move: 'delete an entry and number the rest anew',
    found: ['chain_break'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.rows.splice(middle, 1)
      for (let seq = middle; seq < file.rows.length; seq++) {
        file.edit(seq, { seq })
        file.rows[seq]!.hash = leafHash(file.rows[seq]!.leaf)
      }
      file.save()
      file.db.exec('UPDATE head SET size = size - 1')
    },
  },
  {
    row: '10',
    move: 'swap two entries',
    found: ['hash_mismatch', 'chain_break'],
    from: 'chained',
    first: at,
    not: ['missing_entry'],
    play(file, { middle }) {
      const [a, b] = [file.rows[middle]!, file.rows[middle + 3]!]
      file.rows[middle] = { ...b, hash: a.hash }
      file.rows[middle + 3] = { ...a, hash: b.hash }
      file.save()
    },
  },
  {
    row: '10',
    move: 'swap the disclosures of two entries',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch', 'missing_entry'],
    play(file, { middle }) {
      const [a, b] = [file.rows[middle]!, file.rows[middle + 3]!]
      file.rows[middle] = { ...a, content: b.content }
      file.rows[middle + 3] = { ...b, content: a.content }
      file.save()
    },
  },
  {
    row: '10',
    move: 'turn a range of entries around',
    found: ['hash_mismatch', 'chain_break'],
    from: 'chained',
    first: at,
    not: ['missing_entry'],
    play(file, { middle }) {
      const range = file.rows.slice(middle, middle + 6).reverse()
      range.forEach((row, i) => {
        file.rows[middle + i] = row
      })
      file.save()
    },
  },
  {
    row: '11',
    move: 'put an entry twice',
    found: ['chain_break'],
    from: 'chained',
    first: ({ middle }) => middle + 1,
    play(file, { middle }) {
      file.rows[middle + 1] = { ...file.rows[middle]! }
      file.save()
    },
  },
  {
    row: '11',
    move: 'put an entry twice, under another id',
    found: ['chain_break'],
    from: 'chained',
    first: ({ middle }) => middle + 1,
    play(file, { middle }) {
      file.rows[middle + 1] = { ...file.rows[middle]! }
      file.edit(middle + 1, { seq: middle + 1, id: '01a00000-0000-7000-8000-000000000000' })
      file.save()
    },
  },
  {
    row: '12',
    move: 'insert a forged entry, and link the next one to it',
    found: ['chain_break'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.rows.splice(middle, 0, { ...file.rows[middle]! })
      file.edit(middle, { operation: 'forged' })
      file.edit(middle + 1, { previousHash: Buffer.from(leafHash(file.rows[middle]!.leaf)).toString('hex') })
      file.save()
      file.db.exec('UPDATE head SET size = size + 1')
    },
  },
  {
    row: '12',
    move: 'put a forged entry behind the end',
    found: ['foreign_entry'],
    from: 'chained',
    first: ({ size }) => size,
    play(file, { size }) {
      file.rows.push({ ...file.rows[size - 1]! })
      file.save()
    },
  },
  {
    row: '22',
    move: 'put in an entry of another log',
    found: ['foreign_entry'],
    from: 'chained',
    first: at,
    play(file, scene) {
      const { middle } = scene
      file.change(middle, ({ hash }) => ({ ...theirs(file, scene, middle), hash }))
    },
  },
  {
    row: '22',
    move: 'put in an entry of another log, with its hash',
    found: ['chain_break'],
    from: 'chained',
    play(file, scene) {
      const { middle } = scene
      const { leaf, content } = theirs(file, scene, middle)
      file.change(middle, () => ({ leaf, content, hash: leafHash(leaf) }))
    },
  },
  {
    row: '22',
    move: 'put in the newest entries of another log',
    found: ['foreign_entry'],
    from: 'chained',
    first: at,
    play(file, scene) {
      for (let seq = scene.middle; seq < file.rows.length; seq++) {
        const { hash } = file.rows[seq]!
        file.rows[seq] = { ...theirs(file, scene, seq), hash }
      }
      file.save()
    },
  },
]

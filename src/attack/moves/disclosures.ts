/** Rows 6 and 7: the sealed values, which stand beside the leaves. */
import { formatContent, parseContent } from '../../core/sealed.ts'
import { at, editDisclosure, flipBit } from '../hands.ts'
import type { LogMove } from '../move.ts'

const lastByte = (bytes: Uint8Array) => flipBit(bytes, 8 * (bytes.length - 1))

export const disclosureMoves: readonly LogMove[] = [
  {
    row: '6',
    move: 'change the value of a disclosure',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch'],
    play: (file, { middle }) => file.change(middle, ({ content }) => ({ content: editDisclosure(content, lastByte) })),
  },
  {
    row: '6',
    move: 'change the salt of a disclosure',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch'],
    play: (file, { middle }) =>
      file.change(middle, ({ content }) => ({ content: editDisclosure(content, bytes => flipBit(bytes, 8 * 3)) })),
  },
  {
    row: '6',
    move: 'rename a disclosure',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch'],
    play: (file, { middle }) =>
      // The domain and the salt come before the name.
      file.change(middle, ({ content }) => ({ content: editDisclosure(content, bytes => flipBit(bytes, 8 * 17)) })),
  },
  {
    row: '6',
    move: 'move the disclosures of an entry to another',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch'],
    play: (file, { middle }) => file.change(middle, () => ({ content: file.rows[middle + 4]!.content })),
  },
  {
    row: '6',
    move: 'put a disclosure twice',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch'],
    play: (file, { middle }) =>
      file.change(middle, ({ content }) => ({
        content:
          content[0] === 0xff
            ? lastByte(content)
            : formatContent([parseContent(content)[0]!, ...parseContent(content)]),
      })),
  },
  {
    row: '7',
    move: 'delete the disclosures of an entry',
    found: ['disclosure_missing'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch', 'disclosure_mismatch'],
    play: (file, { middle }) => file.change(middle, () => ({ content: new Uint8Array(0) })),
  },
  {
    row: '7',
    move: 'delete the disclosures of a block',
    found: ['disclosure_missing'],
    from: 'chained',
    first: ({ block }) => block!,
    not: ['hash_mismatch'],
    tiles: true,
    play: (file, { block }) => file.db.exec(`DELETE FROM content WHERE first = ${block}`),
  },
]

/** Rows 24–26 and 37: what was signed and sealed. */
import { at, editNote, sign } from '../hands.ts'
import type { LogMove } from '../move.ts'

const noteEdits: Readonly<Record<string, (lines: string[]) => string[]>> = {
  size: ([origin, size, ...rest]) => [origin!, String(Number(size) - 1), ...rest],
  root: ([origin, size, _root, ...rest]) => [origin!, size!, Buffer.alloc(32).toString('base64'), ...rest],
  origin: ([_origin, ...rest]) => ['example.com/else', ...rest],
  signature: lines =>
    lines.with(
      4,
      lines[4]!.replace(/(.{9})$/, end => `${end[0] === 'A' ? 'B' : 'A'}${end.slice(1)}`),
    ),
  signer: lines => lines.with(4, lines[4]!.replace(/^— (\S+)\S /, '— $1_ ')),
}

export const signatureMoves: readonly LogMove[] = [
  ...Object.entries(noteEdits).map(
    ([what, edit]): LogMove => ({
      row: '24',
      move: `edit the ${what} of a checkpoint`,
      found: ['signature_invalid'],
      from: 'signed',
      not: ['hash_mismatch', 'chain_break', 'tree_mismatch', 'rollback'],
      play: file => editNote(file, edit),
    }),
  ),
  {
    row: '25',
    move: 'replace the keys in the log and sign everything again',
    found: ['signature_invalid'],
    from: 'signed',
    whole: true,
    play(file, { keys, other }) {
      const { attributes } = file.leaf(0) as { attributes: object }
      const { ed25519, mldsa44 } = other.logKeys.vkeys
      file.edit(0, { attributes: { ...attributes, 'vkey.ed25519': ed25519, 'vkey.mldsa44': mldsa44 } })
      file.rewrite(0)
      file.db.exec('DELETE FROM checkpoint')
      sign(file, { origin: keys.origin, signers: seconds => other.logKeys.signers(seconds) })
    },
  },
  {
    row: '26',
    move: 'delete all checkpoints',
    found: ['signature_invalid'],
    from: 'signed',
    not: ['hash_mismatch', 'chain_break', 'tree_mismatch'],
    whole: true,
    play: file => file.db.exec('DELETE FROM checkpoint'),
  },
  {
    row: '26',
    move: 'delete all seals',
    found: ['seal_invalid'],
    from: 'signed',
    not: ['hash_mismatch', 'chain_break', 'tree_mismatch'],
    play: (file, { from }) => file.db.exec(`DELETE FROM seal WHERE size > ${from}`),
  },
  {
    row: '26',
    move: 'delete the seals of one epoch',
    found: ['seal_invalid'],
    from: 'signed',
    not: ['hash_mismatch', 'chain_break', 'tree_mismatch'],
    play: (file, { added }) =>
      file.db.exec(
        `DELETE FROM seal WHERE epoch = (SELECT max(epoch) FROM seal WHERE size <= ${added + 12}) AND size > ${added}`,
      ),
  },
  {
    row: '37',
    move: 'another format version',
    found: ['format_invalid'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.edit(middle, { v: 2 })
      file.rewrite(middle)
    },
  },
  {
    row: '37',
    move: 'leave out one of the two signatures',
    found: ['signature_invalid'],
    from: 'signed',
    not: ['hash_mismatch', 'chain_break', 'tree_mismatch'],
    play: file => editNote(file, lines => lines.toSpliced(5, 1)),
  },
  {
    row: '37',
    move: 'say of a signature that it is of the other type',
    found: ['signature_invalid'],
    from: 'signed',
    not: ['hash_mismatch', 'chain_break', 'tree_mismatch'],
    play: file =>
      editNote(file, lines => {
        const [a, b] = [4, 5].map(i => Buffer.from(lines[i]!.split(' ')[2]!, 'base64'))
        const idOfB = Buffer.concat([b!.subarray(0, 4), a!.subarray(4)])
        return lines.with(4, `${lines[4]!.split(' ').slice(0, 2).join(' ')} ${idOfB.toString('base64')}`)
      }),
  },
]

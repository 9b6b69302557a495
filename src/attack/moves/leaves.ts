/** Rows 1–3, 17 and 34: the bytes of an entry. */
import { leafHash } from '../../core/hash.ts'
import { at, flipBit, respell } from '../hands.ts'
import type { LogMove } from '../move.ts'
import { type Scene, sampled } from '../scene.ts'
import type { Tamper } from '../tamper.ts'

/** A sample, which has numbers, an accent and several of everything. */
const inSample = ({ added }: Scene): number => added + sampled

const twins: [what: string, from: string | RegExp, to: string, where?: typeof inSample][] = [
  ['1.0 for 1', '"v":1}', '"v":1.0}'],
  ['1e0 for 1', '"v":1}', '"v":1e0}'],
  ['an escape', /"operation":"([^"\\])/, (_: string, char: string) => escaped(char)] as never,
  ['other order', /("seq":\d+),("time":"[^"]+")/, '$2,$1'],
  ['a doubled name', '"v":1}', '"v":1,"v":1}'],
  ['white space', '"v":1}', '"v": 1}'],
  ['-0 for 0', '"zero":0', '"zero":-0', inSample],
  ['1e21 for a number', /"n":\d+/, '"n":1e21', inSample],
  ['an accent of its own (NFD for NFC)', 'café', 'café'.normalize('NFD'), inSample],
  ['flags in another order', '["audit_required","gdpr"]', '["gdpr","audit_required"]', inSample],
]

function escaped(char: string): string {
  return `"operation":"\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

export const leafMoves: readonly LogMove[] = [
  {
    row: '1',
    move: 'flip one bit in a leaf',
    found: ['hash_mismatch'],
    from: 'chained',
    first: at,
    not: ['chain_break', 'tree_mismatch', 'signature_invalid', 'seal_invalid'],
    play: (file, { middle }) => file.change(middle, ({ leaf }) => ({ leaf: flipBit(leaf, 300) })),
  },
  {
    row: '2',
    move: 'change a field and write the leaf anew',
    found: ['hash_mismatch'],
    from: 'chained',
    first: at,
    not: ['chain_break', 'tree_mismatch', 'signature_invalid'],
    play(file, { middle }) {
      file.edit(middle, { operation: 'nothing' })
      file.save()
    },
  },
  {
    row: '3',
    move: 'change a leaf and the hash kept of it',
    found: ['chain_break'],
    from: 'chained',
    play: (file, { middle }) => changeWithHash(file, middle),
  },
  {
    row: '3',
    move: 'change the newest leaf and the hash kept of it',
    found: ['tree_mismatch'],
    from: 'chained',
    play: (file, { size }) => changeWithHash(file, size - 1),
  },
  {
    row: '17',
    move: 'change a time',
    found: ['hash_mismatch'],
    from: 'chained',
    first: at,
    not: ['chain_break', 'tree_mismatch'],
    play(file, { middle }) {
      file.edit(middle, { time: '2030-01-01T00:00:00.000000Z' })
      file.save()
    },
  },
  {
    row: '17',
    move: 'make time run backwards in a forged suffix',
    found: ['temporal_violation'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.edit(middle, { time: '2001-01-01T00:00:00.000000Z' })
      file.rewrite(middle)
    },
  },
  ...twins.map(
    ([what, from, to, where = at]): LogMove => ({
      row: '34',
      move: `a twin of a leaf: ${what}`,
      found: ['hash_mismatch'],
      from: 'chained',
      first: where,
      not: ['chain_break', 'tree_mismatch'],
      play: (file, scene) => file.change(where(scene), respell(from, to)),
    }),
  ),
]

function changeWithHash(file: Tamper, seq: number): void {
  file.edit(seq, { operation: 'nothing' })
  file.change(seq, ({ leaf }) => ({ hash: leafHash(leaf) }))
}

/** Rows 13–16 and 27: histories written anew, so that they agree with themselves. */
import { sealMac } from '../../core/seal.ts'
import { at, sealAndSign, sign } from '../hands.ts'
import type { LogMove } from '../move.ts'
import type { Scene } from '../scene.ts'
import type { Tamper } from '../tamper.ts'

function rewriteFrom(file: Tamper, seq: number): void {
  file.edit(seq, { operation: 'nothing' })
  file.rewrite(seq)
}

/** The newest entries, in the epoch to which today's seal key belongs. */
function rewriteToday(file: Tamper, scene: Scene): void {
  rewriteFrom(file, scene.size - 3)
  file.forget(scene.size - 3)
  sealAndSign(file, scene)
}

export const rewritingMoves: readonly LogMove[] = [
  {
    row: '13',
    move: 'rewrite everything from an entry on, without keys: what was signed says so',
    found: ['signature_invalid'],
    from: 'signed',
    play: (file, { middle }) => rewriteFrom(file, middle),
  },
  {
    row: '13',
    move: 'rewrite everything from an entry on, without keys: the seals say so too',
    found: ['seal_invalid'],
    from: 'signed',
    play: (file, { middle }) => rewriteFrom(file, middle),
  },
  {
    row: '14',
    move: 'rewrite everything from an entry on, and delete what was sealed and signed since',
    found: ['rollback'],
    from: 'anchored',
    play(file, { middle }) {
      rewriteFrom(file, middle)
      file.forget(middle)
    },
  },
  {
    row: '15',
    move: 'rewrite an earlier epoch with today’s stolen keys: an earlier seal key tells',
    found: ['seal_invalid'],
    from: 'signed',
    play(file, scene) {
      rewriteFrom(file, scene.middle)
      sealAndSign(file, scene)
    },
  },
  {
    row: '15',
    move: 'the same, and delete the seals of the time: an earlier seal key tells',
    found: ['seal_invalid'],
    from: 'signed',
    play(file, scene) {
      rewriteFrom(file, scene.middle)
      file.forget(scene.middle)
      sealAndSign(file, scene)
    },
  },
  {
    row: '15',
    move: 'rewrite with today’s stolen keys: the anchor tells',
    found: ['fork', 'rollback'],
    from: 'anchored',
    play(file, scene) {
      rewriteFrom(file, scene.middle)
      sealAndSign(file, scene)
    },
  },
  {
    row: '15',
    move: 'rewrite today’s epoch with today’s stolen keys: the anchor tells',
    found: ['fork', 'rollback'],
    from: 'anchored',
    play: rewriteToday,
  },
  {
    row: '15',
    move: 'the same by somebody who has replaced the anchor as well',
    found: [],
    from: 'anchored',
    why: 'who has today’s keys and the anchor writes a perfect log: send checkpoints to another machine, and keep the keys under another account than the agents',
    play: rewriteToday,
    anchor: file => file.db.prepare('SELECT note FROM checkpoint').pluck().get() as string,
  },
  {
    row: '15',
    move: 'write on with today’s stolen keys, behind what was remembered',
    found: [],
    from: 'anchored',
    why: 'after the theft of the keys nothing on this machine can help: rotate them, and have others witness the log',
    play(file, scene) {
      const { size, keys } = scene
      file.rows.push({ ...file.rows[size - 1]! })
      file.edit(size, { operation: 'forged', id: '01a00000-0000-7000-8000-000000000000' })
      file.rewrite(size)
      const { root } = file.head()
      const key = keys.seals.current
      file.db.prepare('INSERT INTO seal VALUES (?, ?, ?)').run(size + 1, key.epoch, sealMac(key, size + 1, root))
      sign(file, keys)
    },
  },
  {
    row: '16',
    move: 'backdate: insert into an earlier epoch, sealed with today’s key',
    found: ['seal_invalid'],
    from: 'signed',
    play(file, scene) {
      const seq = scene.added + 2
      file.rows.splice(seq, 0, { ...file.rows[seq - 1]! })
      file.rewrite(seq)
      file.db.exec(`UPDATE seal SET size = -size - 1 WHERE size > ${seq}; UPDATE seal SET size = -size WHERE size < 0`)
      sealAndSign(file, scene)
    },
  },
  {
    row: '16',
    move: 'backdate: the anchor tells too',
    found: ['fork', 'rollback'],
    from: 'anchored',
    play(file, scene) {
      const seq = scene.added + 2
      file.rows.splice(seq, 0, { ...file.rows[seq - 1]! })
      file.rewrite(seq)
      sealAndSign(file, scene)
    },
  },
  {
    row: '27',
    move: 'add a second beginning',
    found: ['foreign_entry'],
    from: 'chained',
    first: at,
    whole: true,
    play(file, { middle }) {
      const { kind, operation, attributes } = file.leaf(0)
      file.edit(middle, { kind, operation, attributes })
      file.rewrite(middle)
    },
  },
  {
    row: '27',
    move: 'change the origin',
    found: ['foreign_entry'],
    from: 'signed',
    first: () => 0,
    whole: true,
    play(file) {
      file.edit(0, { attributes: { ...(file.leaf(0).attributes as object), origin: 'example.com/else' } })
      file.rewrite(0)
    },
  },
]

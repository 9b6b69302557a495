/** Rows 21 and 28–31: what a log says of itself, said falsely, and done for real. */
import { randomUUID } from 'node:crypto'
import { openSubjectKeys } from '../../append/subject-keys.ts'
import type { Writer } from '../../append/writer.ts'
import { restoreLog } from '../../backup/restore.ts'
import { AuditError } from '../../core/errors.ts'
import { eraseSubject } from '../../retention/erasure.ts'
import { defaultErasureSettings } from '../../retention/settings.ts'
import { openReader } from '../../trail/reader.ts'
import { sealAndSign } from '../hands.ts'
import { findIn, findNothing } from '../judge.ts'
import { type Came, Escape, type LogMove, type Move, type Trial } from '../move.ts'
import { Drafts, type LogPlace, openForWriting, type SetClock } from '../sample-log.ts'
import { type Scene, sampled } from '../scene.ts'
import { Tamper } from '../tamper.ts'

const held = ({ added }: Scene) => added + sampled

/** Says in an entry behind the end that the content of another one was let go, and takes that out. */
function excuse(file: Tamper, { middle, size }: Scene): void {
  file.rows.push({ ...file.rows[size - 1]! })
  file.edit(size, { ...pruned(middle), id: '01a00000-0000-7000-8000-000000000000' })
  file.rows[middle] = { ...file.rows[middle]!, content: new Uint8Array(0) }
  file.rewrite(size)
  file.db.exec(`INSERT INTO declared VALUES (${size})`)
}

/** Cuts the newest entries off, and says in one behind the rest that a restore gave them up. */
function excuseCut(file: Tamper, { size, anchor }: Scene): void {
  const { root } = file.head()
  const end = size - 6
  file.cut(end)
  file.rows.push({ ...file.rows[end - 1]! })
  const rootBefore = Buffer.from(root).toString('hex')
  const attributes = { checkpoint: anchor, present: 'whole', rootBefore, size: end, sizeBefore: size }
  const id = '01a00000-0000-7000-8000-000000000000'
  file.edit(end, { attributes, component: 'memmimic-audit', id, kind: 'control', operation: 'log.restored' })
  file.rewrite(end)
  file.db.exec(`INSERT INTO declared VALUES (${end})`)
}

function pruned(seq: number): Record<string, unknown> {
  const attributes = { below: 0, entries: String(seq), policy: 'none' }
  return { attributes, component: 'memmimic-audit', kind: 'control', operation: 'retention.pruned' }
}

const falsely: readonly LogMove[] = [
  {
    row: '28',
    move: 'forge a declaration behind the end, without keys, to excuse what was taken out',
    found: ['seal_invalid', 'signature_invalid'],
    from: 'signed',
    play: excuse,
  },
  {
    row: '28',
    move: 'make an entry into a declaration that excuses a hole, and rewrite the rest without keys',
    found: ['signature_invalid'],
    from: 'signed',
    play(file, { middle }) {
      file.rows[middle] = { ...file.rows[middle]!, content: new Uint8Array(0) }
      file.edit(middle + 2, pruned(middle))
      file.rewrite(middle + 2)
      file.db.exec(`INSERT INTO declared VALUES (${middle + 2})`)
    },
  },
  {
    row: '28',
    move: 'make an entry into a declaration that excuses a hole, with today’s stolen keys',
    found: ['fork', 'rollback'],
    from: 'anchored',
    play(file, scene) {
      const { middle } = scene
      file.rows[middle] = { ...file.rows[middle]!, content: new Uint8Array(0) }
      file.edit(middle + 2, pruned(middle))
      file.rewrite(middle + 2)
      file.db.exec(`INSERT INTO declared VALUES (${middle + 2})`)
      sealAndSign(file, scene)
    },
  },
  {
    row: '28',
    move: 'only write an entry over with a declaration',
    found: ['hash_mismatch'],
    from: 'chained',
    // A check of the whole log hears what an entry declares, and finds that it was changed when it comes to it.
    first: ({ middle, from }) => (from === 0 ? middle + 2 : middle),
    play(file, { middle }) {
      file.rows[middle] = { ...file.rows[middle]!, content: new Uint8Array(0) }
      file.edit(middle + 2, pruned(middle))
      file.save()
      file.db.exec(`INSERT INTO declared VALUES (${middle + 2})`)
    },
  },
  {
    row: '28',
    move: 'declare it with today’s stolen keys, behind what was remembered',
    found: [],
    from: 'anchored',
    why: 'who holds the keys can let go of what they like, on record: read what verify lists as declared, and stream entries elsewhere',
    play(file, scene) {
      excuse(file, scene)
      file.db.exec('DELETE FROM checkpoint')
      sealAndSign(file, scene)
    },
  },
  {
    row: '28',
    move: 'cut the log short, and excuse it with a forged restore, without keys',
    found: ['seal_invalid', 'signature_invalid'],
    from: 'signed',
    play: excuseCut,
  },
  {
    row: '28',
    move: 'cut the log short, and excuse it with a restore that is signed with today’s stolen keys',
    found: ['rollback'],
    from: 'anchored',
    play(file, scene) {
      excuseCut(file, scene)
      sealAndSign(file, scene)
    },
  },
  {
    row: '30',
    move: 'delete an entry in the file that a legal hold covers',
    found: ['missing_entry'],
    from: 'chained',
    first: held,
    not: ['hash_mismatch', 'chain_break', 'tree_mismatch'],
    play(file, scene) {
      delete file.rows[held(scene)]
      file.save()
    },
  },
  {
    row: '30',
    move: 'take out in the file what a legal hold covers of an entry',
    found: ['disclosure_missing'],
    from: 'chained',
    first: held,
    not: ['hash_mismatch'],
    play: (file, scene) => file.change(held(scene), () => ({ content: new Uint8Array(0) })),
  },
  {
    row: '30',
    move: 'make the entry of a legal hold say that it was released',
    found: ['hash_mismatch'],
    from: 'chained',
    first: ({ hold }) => hold,
    play(file, { hold }) {
      file.edit(hold, { operation: 'hold.released' })
      file.save()
    },
  },
  {
    row: '31',
    move: 'make the entry of an alert say that it was resolved',
    found: ['hash_mismatch'],
    from: 'chained',
    first: ({ alert }) => alert,
    play(file, { alert }) {
      file.edit(alert, { operation: 'alert.resolved' })
      file.save()
    },
  },
]

interface Deed {
  readonly row: string
  readonly move: string
  /** The operation by which it is declared. */
  readonly operation: string
  readonly on?: 'samples'
  do(writer: Writer, scene: Scene, place: LogPlace, clock: SetClock): Promise<unknown>
}

const deeds: readonly Deed[] = [
  {
    row: '29',
    move: 'let content go by retention',
    operation: 'retention.pruned',
    do: (writer, { middle }) => writer.remove(prune(`${middle}-${middle + 5}`, 0)),
  },
  {
    row: '29',
    move: 'let leaves go by retention',
    operation: 'retention.pruned',
    on: 'samples',
    do: (writer, { size }) => writer.remove(prune('', size - (size % 256))),
  },
  {
    row: '29',
    move: 'erase what is about a person',
    operation: 'subject.erased',
    async do(writer, { keys }, place, clock) {
      const reader = await openReader(place)
      const subjects = openSubjectKeys({ folder: place.keys, storage: keys.storage }, 'write', clock)
      try {
        const parts = { reader, remove: writer.remove, keys: subjects, newId: () => randomUUID() }
        const { entries } = await eraseSubject(parts, { subject: 'agent-1' }, defaultErasureSettings)
        if (entries === 0) throw new Escape('nothing was erased')
      } finally {
        subjects?.close()
        await reader.close()
      }
    },
  },
  {
    row: '29',
    move: 'replace the signing keys',
    operation: 'key.rotated',
    do: writer => writer.rotateKeys(),
  },
  {
    row: '29',
    move: 'freeze the log',
    operation: 'log.frozen',
    do: (writer, _scene, _place, clock) => writer.append([new Drafts(clock).control({ operation: 'log.frozen' })]),
  },
]

function prune(entries: string, below: number) {
  return { operation: 'retention.pruned', entries, below, attributes: { policy: 'attack kit' } } as const
}

const forReal: readonly Trial[] = deeds.map(deed => ({
  row: deed.row,
  move: `${deed.move}, for real`,
  promise: 'declared, and nothing found',
  ...(deed.on && { on: deed.on }),
  async run(scene): Promise<Came> {
    const place = await done(scene, deed)
    const { declared } = await findNothing(scene, place)
    const declaration = declared.findLast(({ operation }) => operation === deed.operation)
    if (declaration === undefined) throw new Escape(`${deed.operation} is not declared`)
    return { by: 'declared', seq: declaration.seq }
  },
}))

/** A copy to which a deed was done, and a sample written behind it. */
async function done(scene: Scene, deed: Deed): Promise<LogPlace> {
  const place = scene.copy('deed')
  const clock = scene.clock()
  const writer = await openForWriting(place, clock)
  try {
    await deed.do(writer, scene, place, clock)
    await writer.append(new Drafts(clock).samples(1)).catch((error: unknown) => {
      if (!(error instanceof AuditError && error.code === 'frozen')) throw error
    })
  } finally {
    await writer.close()
  }
  return place
}

const afterwards: readonly Trial[] = [
  {
    row: '21',
    move: 'put an older copy back with restore',
    promise: 'declared, and nothing found',
    async run(scene) {
      const place = scene.copy('restore')
      const { seq } = await restoreLog({ ...place, backup: scene.older! }, scene.clock())
      const { declared } = await findNothing(scene, place)
      if (!declared.some(({ operation }) => operation === 'log.restored')) throw new Escape('it is not declared')
      return { by: 'declared', seq }
    },
  },
  {
    row: '28',
    move: 'take away the list of what was declared',
    promise: 'disclosure_missing',
    async run(scene) {
      const place = await done(scene, deeds[0]!)
      const file = Tamper.open(place.file, scene.keys.storage)
      file.db.exec('DELETE FROM declared')
      file.close()
      return await findIn(scene, place, ['disclosure_missing'], 'chained')
    },
  },
]

export const declarationMoves: readonly Move[] = [...falsely, ...forReal, ...afterwards]

/**
 * The random walk: small deeds of an attacker in a row, drawn by a seed, on the rows of a copy. Afterwards the log reads as it
 * did before, or a check finds something: a row of deeds of which neither is so escapes, and is cut down to the fewest deeds
 * that still do.
 *
 * Half of the walks are those of a thief who has today's keys. What is known to escape is left out by construction: the
 * anchor remembers the log as it stands, and what a thief writes behind it does not count.
 */
import { leafHash } from '../core/hash.ts'
import { sha256 } from '../core/primitives.ts'
import { epochOf, type SealKey, sealMac } from '../core/seal.ts'
import { formatTime, parseTime } from '../core/time.ts'
import type { LogReader } from '../store/store.ts'
import { sealAndSign, sign, theirs } from './hands.ts'
import type { Label } from './move.ts'
import type { Scene } from './scene.ts'
import type { Tamper } from './tamper.ts'

/** One deed and what it is done to: numbers that mean something only where it is done. */
interface Step {
  readonly deed: string
  readonly numbers: readonly [number, number, number]
}

/** A walk that escaped. */
export interface EscapedWalk {
  /** Of this walk alone: `--seed` with it, and `--walks 1`, plays it again. */
  readonly seed: number
  /** The fewest deeds that still escape, in words. */
  readonly steps: readonly string[]
}

export interface WalkReport {
  readonly walks: number
  readonly steps: number
  /** After which the log reads as before. */
  readonly unchanged: number
  /** After which it does not, and something is found. */
  readonly detected: number
  readonly escaped: readonly EscapedWalk[]
}

export interface WalkOptions {
  readonly walks: number
  /** Of the first walk; the next has the next. */
  readonly seed: number
  /** What a check has at hand; everything unless given. */
  readonly label?: Label
  readonly onWalk?: (done: number) => void
}

/** Deeds in a walk at most, and in one that is mended in the end: many of them leave nothing that could be mended. */
const mostSteps = 6
const mostMended = 2

/** Walks on the rows of a scene that is checked from its first entry on. */
export async function randomWalks(scene: Scene, options: WalkOptions): Promise<WalkReport> {
  const { walks, seed, label = 'anchored', onWalk = () => {} } = options
  const before = await readAll(scene.log, scene.size)
  const escaped: EscapedWalk[] = []
  const counts = { steps: 0, unchanged: 0, detected: 0 }
  for (let i = 0; i < walks; i++) {
    onWalk(i)
    const steps = drawSteps(seed + i)
    counts.steps += steps.length
    const came = await walk(scene, steps, before, label)
    if (came === 'escaped') {
      const fewest = await shrink(steps, async some => (await walk(scene, some, before, label)) === 'escaped')
      escaped.push({ seed: seed + i, steps: fewest.map(({ deed, numbers }) => `${deed} (${numbers.join(', ')})`) })
    } else {
      counts[came]++
    }
  }
  return { walks, ...counts, escaped }
}

/** The deeds of a seed; an odd one is a thief's. Half of the walks end with making everything agree again. */
function drawSteps(seed: number): Step[] {
  const draw = generator(seed)
  const isThief = seed % 2 === 1
  const names = Object.keys(isThief ? { ...deeds, ...thiefsDeeds } : deeds)
  const number = () => Math.floor(draw() * 2 ** 31)
  const step = (deed: string): Step => ({ deed, numbers: [number(), number(), number()] })
  const isMended = number() % 2 === 0
  const count = 1 + (number() % (isMended ? mostMended : mostSteps))
  const steps = Array.from({ length: count }, () => step(names[number() % names.length]!))
  const mending = isThief ? 'rewrite, seal and sign' : 'rewrite and forget'
  return isMended ? [...steps, step(mending)] : steps
}

/** What becomes of the log: it reads as before, or something is found, or neither. */
async function walk(
  scene: Scene,
  steps: readonly Step[],
  before: string,
  label: Label,
): Promise<'unchanged' | 'detected' | 'escaped'> {
  const play = () => {
    for (const { deed, numbers } of steps) {
      try {
        // The rows are read anew for each deed: the one before may have gone past them.
        ;(deeds[deed] ?? thiefsDeeds[deed]!)(scene.tamper(), numbers, scene)
      } catch {
        // What cannot be done to what is left is not done.
      }
    }
  }
  return await scene.during(play, async log => {
    try {
      if ((await readAll(log, scene.size)) === before) return 'unchanged'
      return (await scene.verify(label, log)).valid ? 'escaped' : 'detected'
    } catch {
      // What cannot be read at all is noticed.
      return 'detected'
    }
  })
}

/** What a log says up to a size: its entries with their values, and whether it ends where it did or later. */
async function readAll(log: LogReader, size: number): Promise<string> {
  const head = await log.head()
  const parts: Uint8Array[] = [Buffer.from(JSON.stringify([(head?.size ?? 0) >= size, head?.frozen ?? false]))]
  for await (const some of log.entries(0, size)) {
    for (const { seq, leaf, content } of some) parts.push(Buffer.from(`${seq}`), sha256(leaf), sha256(content))
  }
  return Buffer.from(sha256(Buffer.concat(parts))).toString('hex')
}

/** Takes deeds out one by one, as long as what is left still escapes. */
async function shrink(steps: readonly Step[], escapes: (steps: readonly Step[]) => Promise<boolean>): Promise<Step[]> {
  let fewest = [...steps]
  for (let i = 0; i < fewest.length; ) {
    const fewer = fewest.toSpliced(i, 1)
    if (fewer.length > 0 && (await escapes(fewer))) {
      fewest = fewer
      i = 0
    } else {
      i++
    }
  }
  return fewest
}

/** Numbers from 0 to 1, the same for the same seed (Mulberry32). */
function generator(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) | 0
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Deed = (file: Tamper, numbers: readonly [number, number, number], scene: Scene) => void

const tables = ['tail', 'leaves', 'content', 'tile', 'seal', 'checkpoint', 'head', 'declared', 'schema_step'] as const

/** One of the rows of one of the tables. */
function anyRow({ db }: Tamper, a: number, b: number): { table: string; rowid: number } | undefined {
  const table = tables[a % tables.length]!
  const count = db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  if (count === 0) return undefined
  const rowid = db
    .prepare(`SELECT rowid FROM ${table} ORDER BY rowid LIMIT 1 OFFSET ?`)
    .pluck()
    .get(b % count) as number
  return { table, rowid }
}

/** One of the entries but the first, which most deeds would only break. */
const anyEntry = ({ rows }: Tamper, a: number): number => 1 + (a % (rows.length - 1))

function spoil(value: unknown, how: number): unknown {
  if (typeof value === 'number') return [value + 1, value - 1, 0, value * 2, -value][how % 5]
  if (typeof value === 'string') return value.slice(0, how % value.length) + value.slice((how % value.length) + 1)
  if (!(value instanceof Uint8Array) || value.length === 0) return how % 2 === 0 ? 0 : 'x'
  const bytes = Buffer.from(value)
  if (how % 3 === 0) return bytes.subarray(0, how % bytes.length)
  bytes[how % bytes.length]! ^= 1 << (how % 8)
  return bytes
}

const newMembers: readonly Record<string, unknown>[] = [
  { operation: 'nothing' },
  { component: 'memmimic-audit' },
  { kind: 'control', operation: 'retention.pruned', attributes: { below: 256, entries: '1-200' } },
  { kind: 'control', operation: 'subject.erased', attributes: { below: 0, entries: '1-200' } },
  { kind: 'control', operation: 'key.rotated', attributes: {} },
  { time: '2001-01-01T00:00:00.000000Z' },
  { id: '01a00000-0000-7000-8000-000000000000' },
  { sealed: {} },
]

const deeds: Readonly<Record<string, Deed>> = {
  'delete a row'(file, [a, b]) {
    const row = anyRow(file, a, b)
    if (row !== undefined) file.db.exec(`DELETE FROM ${row.table} WHERE rowid = ${row.rowid}`)
  },
  'spoil a cell'(file, [a, b, c]) {
    const row = anyRow(file, a, b)
    if (row === undefined) return
    const cells = file.db.prepare(`SELECT * FROM ${row.table} WHERE rowid = ?`).get(row.rowid) as Record<
      string,
      unknown
    >
    const names = Object.keys(cells)
    const name = names[c % names.length]!
    const value = spoil(cells[name], Math.floor(c / names.length))
    file.db.prepare(`UPDATE ${row.table} SET ${name} = ? WHERE rowid = ?`).run(value, row.rowid)
  },
  'move a row'(file, [a, b, c]) {
    const row = anyRow(file, a, b)
    if (row === undefined) return
    const keys: Record<string, string> = { tail: 'seq', leaves: 'first', content: 'first', tile: 'n', seal: 'size' }
    const key = keys[row.table] ?? 'rowid'
    file.db.exec(`UPDATE OR REPLACE ${row.table} SET ${key} = ${key} + ${(c % 65) - 32} WHERE rowid = ${row.rowid}`)
  },
  'swap two cells of one column'(file, [a, b, c]) {
    const [one, other] = [anyRow(file, a, b), anyRow(file, a, c)]
    if (one === undefined || other === undefined) return
    const column = {
      tail: 'content',
      leaves: 'data',
      content: 'data',
      tile: 'hashes',
      seal: 'mac',
      checkpoint: 'note',
    }[one.table]
    if (column === undefined) return
    const read = file.db.prepare(`SELECT ${column} FROM ${one.table} WHERE rowid = ?`).pluck()
    const [first, second] = [read.get(one.rowid), read.get(other.rowid)]
    const write = file.db.prepare(`UPDATE ${one.table} SET ${column} = ? WHERE rowid = ?`)
    write.run(second, one.rowid)
    write.run(first, other.rowid)
  },
  'delete an entry'(file, [a]) {
    delete file.rows[anyEntry(file, a)]
    file.save()
  },
  'delete an entry and close the gap'(file, [a]) {
    file.rows.splice(anyEntry(file, a), 1)
    file.save()
    file.setHead(file.head().size - 1, file.head().root)
  },
  'edit an entry'(file, [a, b]) {
    const seq = anyEntry(file, a)
    const dayLater = { time: formatTime(parseTime(String(file.leaf(seq).time))! + 86_400e6) }
    file.edit(seq, [...newMembers, dayLater][b % (newMembers.length + 1)]!)
    file.save()
  },
  'put an entry twice'(file, [a, b]) {
    const seq = anyEntry(file, a)
    file.rows.splice(anyEntry(file, b), 0, { ...file.rows[seq]! })
    file.save()
    file.setHead(file.head().size + 1, file.head().root)
  },
  'swap two entries'(file, [a, b]) {
    const [one, other] = [anyEntry(file, a), anyEntry(file, b)]
    ;[file.rows[one], file.rows[other]] = [file.rows[other], file.rows[one]]
    file.save()
  },
  'swap the values of two entries'(file, [a, b]) {
    const [one, other] = [file.rows[anyEntry(file, a)]!, file.rows[anyEntry(file, b)]!]
    ;[one.content, other.content] = [other.content, one.content]
    file.save()
  },
  'take out the values of an entry'(file, [a]) {
    file.change(anyEntry(file, a), () => ({ content: new Uint8Array(0) }))
  },
  'put in an entry of another log'(file, [a], scene) {
    const seq = anyEntry(file, a)
    file.change(seq, () => theirs(file, scene, seq))
  },
  'compute the hash of an entry anew'(file, [a]) {
    file.change(anyEntry(file, a), ({ leaf }) => ({ hash: leafHash(leaf) }))
  },
  'rewrite from an entry on'(file, [a]) {
    file.rewrite(anyEntry(file, a))
  },
  'rewrite and forget'(file, [a]) {
    const seq = anyEntry(file, a)
    file.rewrite(1)
    file.forget(seq)
  },
  'cut the log short'(file, [a]) {
    file.cut(anyEntry(file, a))
  },
  'forget what was sealed and signed since'(file, [a]) {
    file.forget(anyEntry(file, a))
  },
  'list an entry as a declaration'(file, [a]) {
    file.db.exec(`INSERT OR REPLACE INTO declared VALUES (${anyEntry(file, a)})`)
  },
  'say that the log is frozen'(file, [a]) {
    file.db.exec(`UPDATE head SET frozen = ${a % 2}`)
  },
}

/** With today's keys. */
const thiefsDeeds: Readonly<Record<string, Deed>> = {
  'seal and sign with stolen keys': (file, _, scene) => sealAndSign(file, scene),
  'sign with stolen keys': (file, _, { keys }) => sign(file, keys),
  'rewrite, seal and sign'(file, _, scene) {
    file.rewrite(1)
    sealAnew(file, scene.keys.seals.current)
    sealAndSign(file, scene)
  },
  'seal anew with a stolen key'(file, [a], { keys }) {
    const { current } = keys.seals
    const { size, root } = file.head()
    const sizes = file.db.prepare('SELECT size FROM seal ORDER BY size').pluck().all() as number[]
    const at = sizes[a % sizes.length] ?? size
    const put = file.db.prepare('INSERT OR REPLACE INTO seal VALUES (?, ?, ?)')
    put.run(at, current.epoch, sealMac(current, at, root))
  },
}

/** Puts a seal at the end of each epoch, as if there had been one; the MACs of earlier ones can only be made up. */
function sealAnew(file: Tamper, key: SealKey): void {
  const epochs = file.rows.map((_, seq) => epochOf(key.start, parseTime(String(file.leaf(seq).time)) ?? 0))
  file.db.exec('DELETE FROM seal')
  const put = file.db.prepare('INSERT INTO seal VALUES (?, ?, ?)')
  epochs.forEach((epoch, seq) => {
    if (seq + 1 < epochs.length && epochs[seq + 1] !== epoch) put.run(seq + 1, epoch, sealMac(key, seq + 1, key.key))
  })
}

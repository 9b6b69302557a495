/** What several moves do. */
import { signCheckpoint } from '../core/checkpoint.ts'
import { type SealKey, sealMac } from '../core/seal.ts'
import { formatContent, parseContent } from '../core/sealed.ts'
import type { Scene } from './scene.ts'
import type { Row, Tamper } from './tamper.ts'

export const at = ({ middle }: Scene): number => middle

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const out = Uint8Array.from(bytes)
  out[bit >> 3]! ^= 1 << (bit & 7)
  return out
}

/** Another spelling of a leaf. */
export function respell(from: string | RegExp, to: string): (row: Row) => Partial<Row> {
  return ({ leaf }) => ({ leaf: Buffer.from(Buffer.from(leaf).toString().replace(from, to)) })
}

/** The first disclosure of a content, changed. A content that is encrypted for somebody can only be spoiled. */
export function editDisclosure(content: Uint8Array, edit: (preimage: Uint8Array) => Uint8Array): Uint8Array {
  if (content[0] === 0xff) return flipBit(content, 8 * (content.length - 1))
  const [first, ...rest] = parseContent(content)
  return formatContent([edit(first!), ...rest])
}

/** What somebody with today's keys would do: seal and sign what stands there now. */
export function sealAndSign(file: Tamper, { keys }: Scene, key: SealKey = keys.seals.current): void {
  const { size, root } = file.head()
  file.db.exec('DELETE FROM checkpoint')
  file.db.prepare('INSERT OR REPLACE INTO seal VALUES (?, ?, ?)').run(size, key.epoch, sealMac(key, size, root))
  sign(file, keys)
}

/** Signs what stands there now. */
export function sign(file: Tamper, { origin, signers }: Pick<Scene['keys'], 'origin' | 'signers'>): void {
  const { size, root } = file.head()
  const seconds = Math.floor(Date.now() / 1000)
  const note = signCheckpoint({ origin, size, root }, signers(seconds))
  file.db.prepare('INSERT OR REPLACE INTO checkpoint VALUES (?, ?)').run(size, note)
}

/** An entry of another log, for this place here: as it is where it has this number there too, else numbered anew. */
export function theirs(file: Tamper, { other }: Scene, seq: number): Row {
  const own = other.rows[seq]
  if (own !== undefined) return own
  const kept = file.rows[seq]
  const row = other.rows[1 + (seq % (other.rows.length - 1))]!
  file.rows[seq] = { ...row }
  file.edit(seq, { seq })
  const renumbered = file.rows[seq]
  file.rows[seq] = kept
  return renumbered
}

/** Lines of the newest checkpoint, changed. */
export function editNote(file: Tamper, edit: (lines: string[]) => string[]): void {
  const { size, note } = file.db.prepare('SELECT size, note FROM checkpoint ORDER BY size DESC').get() as {
    size: number
    note: string
  }
  file.db.prepare('UPDATE checkpoint SET note = ? WHERE size = ?').run(edit(note.split('\n')).join('\n'), size)
}

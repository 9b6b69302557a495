/** Rows 35–37: proofs, notes and bundles, which leave the log and are checked by strangers. */

import { openCheckpoint } from '../../core/checkpoint.ts'
import { AuditError } from '../../core/errors.ts'
import { leafHash, nodeHash } from '../../core/hash.ts'
import { signatureTypes } from '../../core/note.ts'
import {
  checkConsistency,
  checkInclusion,
  consistencyProof,
  inclusionProof,
  tilesForConsistency,
  tilesForInclusion,
} from '../../core/proof.ts'
import { checkTlogProof, formatTlogProof, parseTlogProof } from '../../core/tlog-proof.ts'
import { rootAt, tilesForRoot } from '../../core/tree.ts'
import { writeBundle } from '../../export/bundle.ts'
import { verifyBundle } from '../../export/verify-bundle.ts'
import { readTiles } from '../../store/tiles.ts'
import { openReader } from '../../trail/reader.ts'
import { type Came, Escape, type Trial } from '../move.ts'
import type { Scene } from '../scene.ts'

/** An honest proof, from which the lies are made. */
interface Proven {
  readonly seq: number
  readonly size: number
  readonly root: Uint8Array
  readonly leaf: Uint8Array
  readonly path: readonly Uint8Array[]
  /** Of the entry behind. */
  readonly nextPath: readonly Uint8Array[]
  /** The note that signs the root. */
  readonly note: string
  readonly scene: Scene
}

async function prove(scene: Scene): Promise<Proven> {
  const { middle: seq, size, log, anchor: note } = scene
  const pathOf = async (at: number) => inclusionProof(at, size, await readTiles(log, size, tilesForInclusion(at, size)))
  let leaf = new Uint8Array(0)
  for await (const some of log.entries(seq, seq + 1)) for (const entry of some) leaf = Uint8Array.from(entry.leaf)
  const root = rootAt(size, await readTiles(log, size, tilesForRoot(size)))
  const proven = { seq, size, root, leaf, path: await pathOf(seq), nextPath: await pathOf(seq + 1), note, scene }
  if (!isProved(proven)) throw new Escape('an honest proof is refused', { falseAlarm: true })
  return proven
}

function isProved({ path, seq, size, leaf, root }: Proven, hash = leafHash(leaf)): boolean {
  return checkInclusion(path, seq, size, hash, root)
}

/** Each says whether the lie is believed. */
const lies: readonly [move: string, isBelieved: (proven: Proven) => boolean | Promise<boolean>][] = [
  ['the right path for another number', p => isProved({ ...p, seq: p.seq + 1 })],
  ['the path of another entry', p => isProved({ ...p, path: p.nextPath })],
  ['a node as a leaf', p => checkInclusion(p.path.slice(1), p.seq >> 1, p.size, nodeOver(p), p.root)],
  [
    'the two hashes under a node as the leaf',
    p => isProved(p, leafHash(Buffer.concat([leafHash(p.leaf), p.path[0]!]))),
  ],
  ['a longer path', p => isProved({ ...p, path: [...p.path, p.root] })],
  ['a shorter path', p => isProved({ ...p, path: p.path.slice(0, -1) })],
  ['an empty path', p => isProved({ ...p, path: [] })],
  ['the root itself as the leaf, and no path', p => checkInclusion([], 0, 1, leafHash(p.leaf), p.root)],
  ['a path with a hash too short', p => isProved({ ...p, path: p.path.with(0, p.path[0]!.subarray(1)) })],
  ['a size of 0', p => isProved({ ...p, size: 0 })],
  ['a size of 2⁶³', p => isProved({ ...p, size: 2 ** 63 })],
  ['a number below zero', p => isProved({ ...p, seq: -1 })],
  ['a number that is none', p => isProved({ ...p, seq: Number.NaN })],
  ['a leaf that was changed', p => isProved({ ...p, leaf: Buffer.concat([p.leaf, Buffer.from(' ')]) })],
  ['a proof file with a number of 2⁶³', p => opensProof(p, text => text.replace(/^index \d+$/m, `index ${2n ** 63n}`))],
  ['a proof file with another number', p => opensProof(p, text => text.replace(/^index \d+$/m, `index ${p.seq + 1}`))],
  ['a proof file with a number written otherwise', p => opensProof(p, text => text.replace('index ', 'index 0'))],
  [
    'a proof file with a line too many',
    p => opensProof(p, text => text.replace('\n\n', `\n${text.split('\n')[2]}\n\n`)),
  ],
  ['a history of which only the end is shown', p => growth(p, path => path.slice(1))],
  ['a history with no path', p => growth(p, () => [])],
  ['a history that begins at another root', p => growth(p, path => path, leafHash(p.leaf))],
]

function nodeOver({ path, leaf, seq }: Proven): Uint8Array {
  const [sibling] = path
  return seq % 2 === 0 ? nodeHash(leafHash(leaf), sibling!) : nodeHash(sibling!, leafHash(leaf))
}

function opensProof({ seq, path, note, leaf, scene }: Proven, edit: (text: string) => string): boolean {
  const { origin, verifiers } = scene.keys
  const honest = formatTlogProof({ index: seq, path, checkpoint: note })
  const text = edit(honest)
  if (text === honest) throw new Escape('the lie is no lie')
  return isAccepted(() => checkTlogProof(parseTlogProof(text), leaf, origin, verifiers))
}

async function growth(
  { seq, size, root, scene }: Proven,
  edit: (path: Uint8Array[]) => Uint8Array[],
  from?: Uint8Array,
): Promise<boolean> {
  const { log } = scene
  const old = rootAt(seq, await readTiles(log, seq, tilesForRoot(seq)))
  const path = consistencyProof(seq, size, await readTiles(log, size, tilesForConsistency(seq, size)))
  if (!checkConsistency(path, seq, size, old, root))
    throw new Escape('an honest history is refused', { falseAlarm: true })
  return checkConsistency(edit(path), seq, size, from ?? old, root)
}

/** Whether something is taken as true. What is refused is refused in our words. */
function isAccepted(open: () => unknown): boolean {
  try {
    open()
    return true
  } catch (error) {
    if (error instanceof AuditError) return false
    throw error
  }
}

const noteLies: readonly [move: string, edit: (lines: string[], scene: Scene) => string[]][] = [
  ['a line too many in the text', lines => lines.toSpliced(3, 0, 'a line')],
  ['an empty line too many', lines => lines.toSpliced(3, 0, '')],
  ['a line behind the signatures', lines => [...lines.slice(0, -1), 'a line', '']],
  ['another dash', lines => lines.with(4, lines[4]!.replace('—', '–'))],
  ['another key id', lines => editSignature(lines, bytes => flip(bytes, 3))],
  ['another signature', lines => editSignature(lines, bytes => flip(bytes, 40))],
  ['the signature of the other key', lines => moveSignature(lines)],
  [
    'base64 that is not canonical',
    lines =>
      lines.with(
        4,
        lines[4]!.replace(/(.)(=+)$/, (_, char, end) => `${next(char)}${end}`),
      ),
  ],
  ['base64 without its padding', lines => lines.with(4, lines[4]!.replace(/=+$/, ''))],
  ['CRLF at the ends of lines', lines => lines.map((line, i) => (i < lines.length - 1 ? `${line}\r` : line))],
  ['a size written otherwise', lines => lines.with(1, `0${lines[1]}`)],
  ['a size of 2⁶³', lines => lines.with(1, String(2n ** 63n))],
  ['a byte order mark', lines => lines.with(0, `\ufeff${lines[0]}`)],
  [
    'signatures of nobody that is known',
    (lines, { other, keys }) => {
      const own = other.logKeys.signers(1).map(({ keyId }) => keyId)
      const idBytes = own.map(id => Buffer.from([id >>> 24, id >>> 16, id >>> 8, id]))
      return [0, 1].reduce(
        (all, i) =>
          all.with(
            4 + i,
            `— ${keys.origin} ${Buffer.concat([idBytes[i]!, Buffer.from(all[4 + i]!.split(' ')[2]!, 'base64').subarray(4)]).toString('base64')}`,
          ),
        lines,
      )
    },
  ],
]

function editSignature(lines: string[], edit: (bytes: Buffer) => Buffer): string[] {
  const [dash, name, digits] = lines[4]!.split(' ')
  return lines.with(4, [dash, name, edit(Buffer.from(digits!, 'base64')).toString('base64')].join(' '))
}

function moveSignature(lines: string[]): string[] {
  const other = Buffer.from(lines[5]!.split(' ')[2]!, 'base64')
  return editSignature(lines, bytes => Buffer.concat([bytes.subarray(0, 4), other.subarray(4)]))
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at]! ^= 1
  return bytes
}

/** The next digit: the same bytes, for whoever does not look at the bits behind them. */
function next(char: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  return digits[digits.indexOf(char) + 1]!
}

const bundleLies: readonly [move: string, edit: (lines: string[]) => string[]][] = [
  ['a bundle without its proofs', lines => lines.map(line => line.replace(/"proof":\[[^\]]*\]/, '"proof":[]'))],
  ['a bundle whose proofs were taken out', lines => lines.map(line => line.replace(/,"proof":\[[^\]]*\]/, ''))],
  ['a bundle without its end', lines => lines.slice(0, -1)],
  ['a bundle that lacks an entry', lines => lines.toSpliced(2, 1)],
  ['a bundle of another version', lines => lines.with(0, lines[0]!.replace('bundle/v1', 'bundle/v0'))],
]

export const proofMoves: readonly Trial[] = [
  ...lies.map(
    ([move, isBelieved]): Trial => ({
      row: '35',
      move: `prove with ${move}`,
      promise: 'refused',
      run: async scene => refused(await isBelieved(await prove(scene))),
    }),
  ),
  ...noteLies.map(
    ([move, edit]): Trial => ({
      row: '36',
      move: `sign with ${move}`,
      promise: 'refused',
      run: scene => {
        const { anchor, keys } = scene
        const note = edit(anchor.split('\n'), scene).join('\n')
        if (note === anchor) throw new Escape('the lie is no lie')
        // One key: the signatures of others are not looked at.
        const verifiers = keys.verifiers.filter(({ type }) => type === signatureTypes.ed25519)
        return refused(isAccepted(() => openCheckpoint(note, keys.origin, verifiers)))
      },
    }),
  ),
  ...bundleLies.map(
    ([move, edit]): Trial => ({
      row: '37',
      move: `hand on ${move}`,
      promise: 'format_invalid or another finding',
      run: scene => judgeBundle(scene, edit),
    }),
  ),
]

function refused(isBelieved: boolean): Came {
  if (isBelieved) throw new Escape('it was believed')
  return { by: 'refused' }
}

async function judgeBundle(scene: Scene, edit: (lines: string[]) => string[]): Promise<Came> {
  const vkeys = scene.keys.generations.flatMap(({ ed25519, mldsa44 }) => [ed25519, mldsa44])
  const verify = (some: string[]) => verifyBundle([Buffer.from(some.map(line => `${line}\n`).join(''))], { vkeys })
  if (!bundles.has(scene)) bundles.set(scene, await bundleOf(scene))
  const lines = bundles.get(scene)!
  const honest = await verify(lines)
  if (!honest.valid) throw new Escape(`an honest bundle: ${honest.findings[0]?.message}`, { falseAlarm: true })
  const { valid, findings } = await verify(edit(lines))
  if (valid) throw new Escape('it was believed')
  return { by: findings[0]!.type, trust: 'signed' }
}

/** A bundle of six entries of each scene, line by line. */
const bundles = new WeakMap<Scene, string[]>()

async function bundleOf(scene: Scene): Promise<string[]> {
  const place = scene.copy('bundle')
  const reader = await openReader(place)
  const lines: string[] = []
  try {
    const { middle } = scene
    await writeBundle({ reader, entries: [[middle, middle + 5]], write: line => void lines.push(line.trimEnd()) })
  } finally {
    await reader.close()
  }
  return lines
}

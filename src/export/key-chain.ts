/** Which keys signed a checkpoint, and how the log's first keys came to vouch for them. */
import { fromUtf8 } from '../core/bytes.ts'
import { openCheckpoint, peekCheckpoint } from '../core/checkpoint.ts'
import type { Leaf } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { parseLeaf } from '../core/leaf.ts'
import { inclusionProof, tilesForInclusion } from '../core/proof.ts'
import { parseVkey } from '../core/vkey.ts'
import type { Reader } from '../trail/reader.ts'
import type { Rotation } from './bundle-format.ts'
import { fetchTiles } from './plan.ts'

/** What it takes to find the keys of a log. */
export type KeyReader = Pick<Reader, 'query' | 'leaf' | 'tiles'>

/** Two keys that sign together, and, after the first, whose word they have. */
interface Generation {
  readonly vkeys: readonly string[]
  readonly word?: { readonly of: Generation; readonly checkpoint: string; readonly seq: number }
}

export interface KeyChain {
  /** Those that signed. */
  readonly vkeys: readonly string[]
  /** The generations before, the oldest first. */
  readonly rotations: readonly Rotation[]
}

/**
 * The keys behind a signed checkpoint, by what the log has on record of its keys.
 *
 * @throws AuditError `damaged` when the log names no keys that signed it
 */
export async function keyChain(reader: KeyReader, checkpoint: string): Promise<KeyChain> {
  const generations = await generationsIn(reader)
  const signers = generations.findLast(({ vkeys }) => haveSigned(vkeys, checkpoint))
  if (signers === undefined) {
    throw new AuditError('damaged', 'the newest checkpoint is not signed by keys that the log names: run verify')
  }
  const rotations: Rotation[] = []
  for (let { word } = signers; word !== undefined; word = word.of.word) {
    const { size } = peekCheckpoint(word.checkpoint)!
    const tiles = await fetchTiles(reader, tilesForInclusion(word.seq, size))
    const leaf = fromUtf8((await reader.leaf(word.seq)) ?? new Uint8Array(0)) ?? ''
    const proof = inclusionProof(word.seq, size, tiles)
    rotations.unshift({ vkeys: word.of.vkeys, checkpoint: word.checkpoint, leaf, proof })
  }
  return { vkeys: signers.vkeys, rotations }
}

/** Every generation that the log names: in entry 0, and by pairs of `key.rotated`. */
async function generationsIn(reader: KeyReader): Promise<Generation[]> {
  const genesis = await reader.leaf(0)
  const first = genesis && parseLeaf(genesis).leaf
  const generations: Generation[] = [{ vkeys: first === undefined ? [] : vkeysIn(first) }]
  let announced: Leaf | undefined
  for (let after: number | undefined; ; ) {
    const page = { limit: 100, order: 'asc', after } as const
    const entries = await reader.query({ operation: 'key.rotated', kind: 'control' }, page)
    for (const entry of entries) {
      const checkpoint = entry.attributes?.checkpoint
      if (typeof checkpoint !== 'string') {
        announced = entry
        continue
      }
      const of = generations.findLast(({ vkeys }) => haveSigned(vkeys, checkpoint))
      if (of !== undefined && announced !== undefined) {
        generations.push({ vkeys: vkeysIn(announced), word: { of, checkpoint, seq: announced.seq } })
      }
      announced = undefined
    }
    if (entries.length < page.limit) return generations
    after = entries.at(-1)!.seq
  }
}

function vkeysIn({ attributes = {} }: Leaf): string[] {
  return [attributes['vkey.ed25519'], attributes['vkey.mldsa44']].filter(vkey => typeof vkey === 'string')
}

function haveSigned(vkeys: readonly string[], note: string): boolean {
  try {
    const keys = vkeys.map(parseVkey)
    const { verified } = openCheckpoint(note, keys[0]?.name ?? '', keys)
    return verified.length === 2
  } catch {
    return false
  }
}

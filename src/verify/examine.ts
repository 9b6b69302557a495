/**
 * The part of a check that needs no memory of what came before: neighbouring entries, read, hashed and parsed, each link
 * among them followed, each sealed value held against its commitment. It is nearly all of the work, and any thread can do
 * it for any entries.
 *
 * What is as it should be is told in a few numbers. Where anything at all is not, nothing is told: then whoever asked goes
 * from entry to entry, and finds out what it is.
 */
import type { Leaf } from '../core/entry.ts'
import { hashLength, leafHashHex, writeHashHex } from '../core/hash.ts'
import { glanceAtLeaf, glanceOf, type LeafGlance, parseLeaf } from '../core/leaf.ts'
import type { Range } from '../core/ranges.ts'
import { tileWidth } from '../core/tile.ts'
import { type Micros, parseTime } from '../core/time.ts'
import type { StoredEntry } from '../store/store.ts'
import { areOpened, areSpelled } from './disclosures.ts'

/** A leaf that says something of other entries, or of the log. Only a control entry's keeps its attributes. */
export type Notable = Pick<Leaf, 'seq' | 'id' | 'time' | 'kind' | 'operation' | 'intent' | 'attributes'>

/** Consecutive entries in which nothing is wrong by themselves: plain data, to cross a thread's border. */
export interface Examined {
  /** The link of the first one. */
  readonly link: string
  /** Their leaf hashes, one after another. */
  readonly hashes: Uint8Array
  /** Their times, none before the one ahead of it. */
  readonly times: Float64Array
  readonly notable: readonly Notable[]
  /** Entries without any values, and of those the ones that once had some. */
  readonly empty: number
  readonly gone: readonly number[]
}

/**
 * Examines the entries that are given for `from ≤ seq < to`.
 *
 * @param deep also whether each value is in its one canonical spelling
 * @param leaves takes the leaves, as far as they were looked at
 */
export function examine(
  entries: readonly StoredEntry[],
  [from, to]: Range,
  deep: boolean,
  leaves?: Leaf[],
): Examined | undefined {
  const count = to - from
  if (entries.length !== count) return undefined
  const hashes = new Uint8Array(count * hashLength)
  const times = new Float64Array(count)
  const notable: Notable[] = []
  const gone: number[] = []
  let empty = 0
  let link = ''
  let before = ''
  let lastTime: Micros = 0
  for (let i = 0; i < count; i++) {
    const { seq, leaf: bytes, content } = entries[i]!
    const whole = leaves && parseLeaf(bytes).leaf
    const leaf = whole === undefined ? glanceAtLeaf(bytes) : glanceOf(whole)
    if (leaf === undefined || seq !== from + i || leaf.seq !== seq) return undefined
    if (i === 0) link = leaf.previousHash
    else if (leaf.previousHash !== before) return undefined
    before = leafHashHex(bytes)
    writeHashHex(hashes, i * hashLength, before)
    const time = parseTime(leaf.time)!
    if (time < lastTime) return undefined
    times[i] = lastTime = time
    if (content.length === 0) empty++
    if (content.length === 0 && leaf.sealed !== undefined) gone.push(seq)
    else if (!areOpened(leaf.sealed, content) || (deep && !areSpelled(content))) return undefined
    if (leaf.kind !== 'event' || leaf.intent !== undefined) notable.push(notableOf(leaf, bytes))
    if (whole !== undefined) leaves?.push(whole)
  }
  return { link, hashes, times, notable, empty, gone }
}

function notableOf({ seq, id, time, kind, operation, intent }: LeafGlance, bytes: Uint8Array): Notable {
  const brief = intent === undefined ? { seq, id, time, kind, operation } : { seq, id, time, kind, operation, intent }
  const attributes = kind === 'control' ? parseLeaf(bytes).leaf?.attributes : undefined
  return attributes === undefined ? brief : { ...brief, attributes }
}

/** The entries `from ≤ seq < to` in parts that do not go over the border of a tile. */
export function* partsByTile(from: number, to: number): Iterable<Range> {
  for (let at = from; at < to; ) {
    const end = Math.min(at - (at % tileWidth) + tileWidth, to)
    yield [at, end]
    at = end
  }
}

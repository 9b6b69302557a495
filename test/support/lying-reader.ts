/** A log as plain data that can be read like a store: to be told as it is, or otherwise. */
import { toHex } from '../../src/core/bytes.ts'
import { leafHash } from '../../src/core/hash.ts'
import { canonicalize } from '../../src/core/json.ts'
import type { Seal } from '../../src/core/seal.ts'
import { RightEdge, type Tile } from '../../src/core/tree.ts'
import type { Head, LogReader, StoredCheckpoint, StoredEntry } from '../../src/store/store.ts'

interface Parts {
  head: Head | undefined
  entries: StoredEntry[]
  tiles: Map<string, Uint8Array>
  seals: Seal[]
  checkpoints: StoredCheckpoint[]
  declared: StoredEntry[]
}

export class ToldLog implements LogReader {
  readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** All of a log, as it is told by whoever keeps it. */
  static async of(log: LogReader): Promise<ToldLog> {
    const head = (await log.head())!
    const entries: StoredEntry[] = []
    for await (const some of log.entries(0, head.size)) entries.push(...some)
    const told = ToldLog.from(entries.map(({ leaf }) => leaf))
    for await (const seal of log.seals(0, head.size)) told.parts.seals.push(seal)
    for await (const checkpoint of log.checkpoints(0, head.size)) told.parts.checkpoints.push(checkpoint)
    for await (const stored of log.declarations()) told.parts.declared.push(stored)
    return new ToldLog({ ...told.parts, entries, head })
  }

  /** A log of these leaves, its tree and its head consistent with them, without content, seals and signatures. */
  static from(leaves: readonly Uint8Array[]): ToldLog {
    const edge = RightEdge.empty()
    for (const leaf of leaves) edge.append(leafHash(leaf))
    const tiles = new Map<string, Uint8Array>()
    const add = ({ level, index, hashes }: Tile) => tiles.set(`${level}/${index}`, hashes)
    for (const tile of [...edge.takeFullTiles(), ...edge.partialTiles()]) add(tile)
    return new ToldLog({
      head: { size: leaves.length, root: edge.root() },
      entries: leaves.map((leaf, seq) => ({ seq, leaf, content: new Uint8Array(0) })),
      tiles,
      seals: [],
      checkpoints: [],
      declared: [],
    })
  }

  /** The same, but for what is given. */
  but(change: Partial<Parts>): ToldLog {
    return new ToldLog({ ...this.parts, ...change })
  }

  /**
   * A log that is consistent with itself and has other leaves from `from` on: their members changed as is said, their
   * links made anew. Content stays with its entry; what was sealed and signed up to `from` stays.
   */
  rewritten(from: number, change: (leaf: Record<string, unknown>, seq: number) => Record<string, unknown>): ToldLog {
    const { entries, seals, checkpoints } = this.parts
    const leaves = entries.map(({ leaf }) => leaf)
    for (let seq = from; seq < leaves.length; seq++) {
      const leaf = JSON.parse(Buffer.from(leaves[seq]!).toString()) as Record<string, unknown>
      const link = seq === 0 ? {} : { previousHash: toHex(leafHash(leaves[seq - 1]!)) }
      leaves[seq] = Buffer.from(canonicalize({ ...leaf, ...change(leaf, seq), ...link }))
    }
    const told = ToldLog.from(leaves)
    return told.but({
      entries: entries.map((entry, seq) => ({ ...entry, leaf: leaves[seq]! })),
      seals: seals.filter(({ size }) => size <= from),
      checkpoints: checkpoints.filter(({ size }) => size <= from),
    })
  }

  head(): Head | undefined {
    return this.parts.head
  }

  *entries(from: number, to: number): Iterable<readonly StoredEntry[]> {
    const there = this.parts.entries.filter(({ seq }) => from <= seq && seq < to)
    for (let i = 0; i < there.length; i += 100) yield there.slice(i, i + 100)
  }

  tile(level: number, index: number): Uint8Array | undefined {
    return this.parts.tiles.get(`${level}/${index}`)
  }

  seals(from: number, to: number): Iterable<Seal> {
    return this.parts.seals.filter(({ size }) => from < size && size <= to)
  }

  checkpoints(from: number, to: number): Iterable<StoredCheckpoint> {
    return this.parts.checkpoints.filter(({ size }) => from < size && size <= to)
  }

  declarations(): Iterable<StoredEntry> {
    return this.parts.declared
  }
}

/** A reader that lies in some of its answers. */
export function lying(truth: LogReader, lies: Partial<LogReader>): LogReader {
  return {
    head: () => truth.head(),
    entries: (from, to) => truth.entries(from, to),
    tile: (level, index) => truth.tile(level, index),
    seals: (from, to) => truth.seals(from, to),
    checkpoints: (from, to) => truth.checkpoints(from, to),
    declarations: () => truth.declarations(),
    ...lies,
  }
}

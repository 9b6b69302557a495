/**
 * The check of one entry: its bytes, its hash, its links to both sides, its place in the tree, its sealed values, and
 * the seal over it. Reads a few neighbours and a tile of each level, whatever the length of the log.
 *
 * What is found never says which hash or seal would have been right: whoever asks may be whoever forged.
 */
import { equal, toHex } from '../core/bytes.ts'
import type { Leaf } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { Finding, FindingType } from '../core/finding.ts'
import { genesisHash, hashLength, leafHash, leafHashHex, writeHashHex } from '../core/hash.ts'
import { parseLeaf } from '../core/leaf.ts'
import { equalInConstantTime } from '../core/primitives.ts'
import { epochOf, evolve, lastEpoch, parseSealKey, type Seal, type SealKey, sealMac } from '../core/seal.ts'
import { tileWidth } from '../core/tile.ts'
import { parseTime } from '../core/time.ts'
import { rootAt, tilesForRoot } from '../core/tree.ts'
import type { Head, LogReader, MaybePromise, StoredEntry } from '../store/store.ts'
import { InnerHashes, readTiles, type TileSource } from '../store/tiles.ts'
import { entriesIn, headOf, upTo } from './answers.ts'
import { Declared } from './declared.ts'
import { checkDisclosures } from './disclosures.ts'
import { Findings } from './findings.ts'

/**
 * What became of an entry. `tampered`: it is not what was recorded. `invalid`: it may be, but the tree or the seal over it
 * does not say so. `missing`: it is not there.
 */
export type EntryStatus = 'valid' | 'invalid' | 'tampered' | 'missing'

/** What came of the check of one entry: plain data. */
export interface CheckedEntry {
  readonly status: EntryStatus
  /** Absent when the log has no such entry and never said that it had. */
  readonly seq?: number
  /** As the leaf says, when it could be read. */
  readonly id?: string
  /** Entries in the log when it was looked at. */
  readonly size: number
  readonly findings: readonly Finding[]
  /** What the log itself declares to be gone of it, by retention or erasure. */
  readonly declaredGone?: 'content' | 'entry'
  /** The HMAC over it; `unchecked` without the key of its time. */
  readonly seal: 'valid' | 'invalid' | 'unchecked'
  readonly durationMs: number
}

/** Whoever can check one entry: a reader, on its own thread, or an {@link EntryCheck} on this one. */
export interface EntrySource {
  /** @param sealKey K₀ as it was shown once, or the key of a later epoch: one line */
  checkEntry(seqOrId: number | string, sealKey?: string): Promise<CheckedEntry>
}

export interface EntryCheckOptions {
  readonly log: LogReader
  /** Where the entry with an id stands. Without it the whole log is searched for one. */
  readonly seqOf?: (id: string) => MaybePromise<number | undefined>
  /** The name of the log, when it is known from elsewhere than its first entry. */
  readonly origin?: string
  /** The seal key to check with when none is given; asked each time, so that no old one is kept. */
  readonly sealKey?: () => SealKey | undefined
  /** Milliseconds, monotonic; for `durationMs`. */
  readonly clock?: () => number
}

/** Checks entries one by one, and keeps between them only what the head and the seal keys are checked against. */
export class EntryCheck implements EntrySource {
  readonly #options: EntryCheckOptions
  readonly #log: LogReader
  readonly #clock: () => number
  #given: { readonly text: string; readonly keys: KeysInTime } | undefined
  /** The right edge under the head, as it was computed last: most checks find the log no longer than the one before. */
  #edge: Edge | undefined
  /** What was computed inside of tiles: the tiles themselves are read each time. */
  readonly #inner = new InnerHashes()

  constructor(options: EntryCheckOptions) {
    this.#options = options
    this.#log = options.log
    this.#clock = options.clock ?? (() => performance.now())
  }

  /**
   * Checks the entry with this number or id.
   *
   * @throws AuditError when the log cannot be read, `bad_key` when the seal key is none, or another log's
   */
  async checkEntry(seqOrId: number | string, sealKey?: string): Promise<CheckedEntry> {
    const started = this.#clock()
    const keys = this.#keys(sealKey)
    const head = await headOf(this.#log)
    const { size } = head
    const seq = await this.#find(seqOrId, size)
    if (seq === undefined || seq >= size) {
      return { status: 'missing', size, findings: [], seal: 'unchecked', durationMs: this.#clock() - started }
    }
    const { origin } = this.#options
    const id = typeof seqOrId === 'string' && !isNumber(seqOrId) ? seqOrId : undefined
    if (this.#edge?.size !== size || !equal(this.#edge.root, head.root)) {
      this.#edge = await edgeAt(this.#log, size, this.#inner)
    }
    const look = new Look(this.#log, { head, seq, origin, id, keys, edge: this.#edge, inner: this.#inner })
    return { ...(await look.run()), durationMs: this.#clock() - started }
  }

  #keys(text: string | undefined): KeysInTime | undefined {
    if (text === undefined) {
      const own = this.#options.sealKey?.()
      return own && new KeysInTime(own)
    }
    if (this.#given?.text !== text) this.#given = { text, keys: new KeysInTime(parseSealKey(text)) }
    const { keys } = this.#given
    const { origin = keys.first.origin } = this.#options
    if (keys.first.origin === origin) return keys
    throw new AuditError('bad_key', `the seal key is that of the log ${keys.first.origin}, not of ${origin}`)
  }

  async #find(seqOrId: number | string, size: number): Promise<number | undefined> {
    if (typeof seqOrId === 'string' && !isNumber(seqOrId)) {
      return await (this.#options.seqOf ?? (id => this.#search(id, size)))(seqOrId)
    }
    const seq = Number(seqOrId)
    return Number.isSafeInteger(seq) && seq >= 0 ? seq : undefined
  }

  async #search(id: string, size: number): Promise<number | undefined> {
    for await (const some of upTo(size, this.#log.entries(0, size))) {
      for (const { seq, leaf } of some) {
        if (Buffer.from(leaf.buffer, leaf.byteOffset, leaf.length).includes(id) && idOf(leaf) === id) return seq
      }
    }
    return undefined
  }
}

function isNumber(text: string): boolean {
  return /^\d{1,15}$/.test(text)
}

function idOf(leaf: Uint8Array): string | undefined {
  return parseLeaf(leaf).leaf?.id
}

/** The unfinished tiles of the log at a size, and the root to which they lead. */
interface Edge {
  readonly size: number
  readonly root: Uint8Array
  /** By level. */
  readonly tiles: ReadonlyMap<number, Uint8Array>
}

/** @returns `undefined` where tiles are missing */
async function edgeAt(log: TileSource, size: number, inner: InnerHashes): Promise<Edge | undefined> {
  try {
    const plan = tilesForRoot(size)
    const read = await readTiles(log, size, plan, inner)
    const tiles = new Map(plan.map(({ level, index, width }) => [level, read(level, index, width)]))
    return { size, root: rootAt(size, read), tiles }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'damaged') return undefined
    throw error
  }
}

/** What a look is given. */
interface Known {
  readonly head: Head
  readonly seq: number
  /** The edge under the head, when there is one. */
  readonly edge: Edge | undefined
  readonly inner: InnerHashes
  readonly origin: string | undefined
  /** The id that was asked for. */
  readonly id: string | undefined
  readonly keys: KeysInTime | undefined
}

/** One look at one entry. */
class Look {
  readonly #log: LogReader
  readonly #head: Head
  readonly #seq: number
  readonly #known: Known
  readonly #findings = new Findings()
  #status: EntryStatus = 'valid'
  #id: string | undefined
  /** The entry and its neighbours, and the tiles in which their hashes stand. */
  readonly #near = new Map<number, StoredEntry>()
  readonly #leafTiles = new Map<number, Uint8Array | undefined>()
  /** The tiles, and the edge under the head: as they are kept, or with what the links know better. */
  #tiles: TileSource
  #edge: Edge | undefined
  /** The hashes above the entry, level by level, as far as its tiles are full. */
  #above: Uint8Array[] = []

  constructor(log: LogReader, known: Known) {
    this.#log = log
    this.#head = known.head
    this.#seq = known.seq
    this.#known = known
    this.#tiles = readOnce(log)
    this.#edge = known.edge
  }

  async run(): Promise<Omit<CheckedEntry, 'durationMs'>> {
    const { size } = this.#head
    const seq = this.#seq
    for (const entry of await entriesIn(this.#log, Math.max(0, seq - 1), Math.min(size, seq + 2))) {
      this.#near.set(entry.seq, entry)
    }
    const kept = await this.#keptHash(seq)
    const entry = await this.#settle(this.#near.get(seq), kept)
    if (entry === undefined) return await this.#missing()

    const computed = leafHash(entry.leaf)
    const { leaf, problem } = parseLeaf(entry.leaf)
    this.#id = leaf?.id
    if (leaf === undefined) this.#find('tampered', 'format_invalid', `entry ${seq} ${problem}`)
    if (kept === undefined) {
      this.#find('invalid', 'tree_mismatch', `the tree keeps no hash of entry ${seq}`)
    } else if (equalInConstantTime(computed, kept)) {
      const leads = (await this.#leads(computed)) || (await this.#leadsByLinks(computed))
      if (!leads) this.#find('invalid', 'tree_mismatch', `the tree does not lead from entry ${seq} to the head`)
    } else {
      this.#blame(computed)
    }
    if (leaf !== undefined) await this.#links(leaf, computed)
    const isGone = leaf !== undefined && (await this.#values(leaf, entry.content))
    if (leaf !== undefined && this.#status === 'valid') this.#isTheOneAskedFor(leaf)
    const seal = leaf !== undefined && this.#status === 'valid' ? await this.#seal(leaf) : 'unchecked'
    return { ...this.#result(), ...(isGone && { declaredGone: 'content' }), seal }
  }

  async #missing(): Promise<Omit<CheckedEntry, 'durationMs'>> {
    const seq = this.#seq
    const declared = await Declared.read(this.#log, this.#head, [seq, seq])
    this.#status = 'missing'
    if (declared.hasLeafGone(seq)) return { ...this.#result(), declaredGone: 'entry', seal: 'unchecked' }
    this.#find('missing', 'missing_entry', `entry ${seq} is not there`)
    return { ...this.#result(), seal: 'unchecked' }
  }

  #result(): Omit<CheckedEntry, 'seal' | 'durationMs'> {
    const { findings } = this.#findings.report()
    return { status: this.#status, ...this.#facts(), size: this.#head.size, findings }
  }

  #facts(): { seq: number; id?: string } {
    return { seq: this.#seq, ...(this.#id === undefined ? {} : { id: this.#id }) }
  }

  #find(status: EntryStatus, type: FindingType, message: string): void {
    this.#findings.find(type, message, this.#facts())
    if (this.#status !== 'tampered') this.#status = status
  }

  /** The hash that the tree keeps of an entry. */
  async #keptHash(seq: number): Promise<Uint8Array | undefined> {
    const index = Math.floor(seq / tileWidth)
    if (!this.#leafTiles.has(index)) this.#leafTiles.set(index, await this.#tiles.tile(0, index))
    const tile = this.#leafTiles.get(index)
    const hash = tile && hashAt(tile, seq)
    return hash?.length === hashLength && hash.some(byte => byte !== 0) ? hash : undefined
  }

  /**
   * Where an entry was taken out, a store that counts gives those behind it a number too small: then the one that the
   * tree knows at this place is meant, if it is there at all.
   */
  async #settle(entry: StoredEntry | undefined, kept: Uint8Array | undefined): Promise<StoredEntry | undefined> {
    const seq = this.#seq
    if (kept === undefined || (entry !== undefined && leafHashHex(entry.leaf) === toHex(kept))) return entry
    const from = seq - (seq % tileWidth)
    const to = Math.min(from + tileWidth, this.#head.size)
    const all = await entriesIn(this.#log, from, to)
    if (all.length === to - from) return entry
    const meant = all.find(other => other.seq < seq && leafHashHex(other.leaf) === toHex(kept))
    if (meant !== undefined) return { ...meant, seq }
    const says = entry && parseLeaf(entry.leaf).leaf?.seq
    if (entry === undefined || says === undefined || says <= seq || says >= to) return entry
    const keptThere = await this.#keptHash(says)
    return keptThere !== undefined && leafHashHex(entry.leaf) === toHex(keptThere) ? undefined : entry
  }

  /** Two hashes of one entry: the next link knows which of them was recorded. */
  #blame(computed: Uint8Array): void {
    const seq = this.#seq
    const next = this.#near.get(seq + 1)
    const link = next && parseLeaf(next.leaf).leaf?.previousHash
    if (link === toHex(computed)) {
      this.#find('tampered', 'tree_mismatch', `the tree keeps another hash of entry ${seq} than the entry has`)
    } else {
      const message = `entry ${seq} was changed: it does not have the hash that was recorded`
      this.#find('tampered', 'hash_mismatch', message)
    }
  }

  /** The link that the entry makes, and the one that the next entry makes to it. */
  async #links(leaf: Leaf, computed: Uint8Array): Promise<void> {
    const seq = this.#seq
    if (leaf.seq !== seq) {
      this.#find('tampered', 'chain_break', `the entry at ${seq} was written as entry ${leaf.seq}`)
    }
    if (!(await this.#isBehind(leaf))) {
      this.#find('tampered', 'chain_break', `entry ${seq} does not follow the entry before it`)
    }
    const next = this.#near.get(seq + 1)
    const nextKept = next && (await this.#keptHash(seq + 1))
    if (next === undefined || nextKept === undefined || this.#status === 'tampered') return
    const link = leafHashHex(next.leaf) === toHex(nextKept) ? parseLeaf(next.leaf).leaf?.previousHash : undefined
    if (link === undefined || link === toHex(computed)) return
    this.#find('tampered', 'chain_break', `entry ${seq + 1} does not follow entry ${seq}: one of them was changed`)
  }

  async #isBehind({ previousHash, attributes }: Leaf): Promise<boolean> {
    if (this.#seq === 0) {
      const origin = this.#known.origin ?? attributes?.origin
      return typeof origin === 'string' && previousHash === genesisHash(origin)
    }
    const kept = await this.#keptHash(this.#seq - 1)
    if (kept !== undefined && previousHash === toHex(kept)) return true
    const before = this.#near.get(this.#seq - 1)
    return before !== undefined && previousHash === leafHashHex(before.leaf)
  }

  async #leads(computed: Uint8Array): Promise<boolean> {
    await this.#climb(computed)
    return this.#isUnder(this.#edge) && equalInConstantTime(this.#edge.root, this.#head.root)
  }

  /**
   * Where the kept hash of another entry of the tile is gone or was changed, that is no fault of this one: the link of the
   * entry behind it knows the hash too, and the head tells whether it is right.
   */
  async #leadsByLinks(computed: Uint8Array): Promise<boolean> {
    const index = Math.floor(this.#seq / tileWidth)
    const from = index * tileWidth
    const kept = this.#leafTiles.get(index)
    const { size } = this.#head
    const hashes = new Uint8Array(Math.min(tileWidth, size - from) * hashLength)
    hashes.set(kept?.subarray(0, hashes.length) ?? [])
    for (const { seq, leaf: bytes } of await entriesIn(this.#log, from, Math.min(from + tileWidth + 1, size))) {
      const { leaf } = parseLeaf(bytes)
      const at = (seq - 1 - from) * hashLength
      if (leaf?.seq === seq && 0 <= at && at < hashes.length) writeHashHex(hashes, at, leaf.previousHash)
    }
    if (!equalInConstantTime(hashAt(hashes, this.#seq), computed)) return false
    const isFull = hashes.length === tileWidth * hashLength
    this.#leafTiles.set(index, hashes)
    const read = this.#tiles
    this.#tiles = { tile: (level, at) => (level === 0 && at === index ? hashes : read.tile(level, at)) }
    if (!isFull) this.#edge = await edgeAt(this.#tiles, this.#head.size, this.#known.inner)
    return await this.#leads(computed)
  }

  /** Computes the hash of each full tile from the tile itself, in which the one below must stand. */
  async #climb(computed: Uint8Array): Promise<void> {
    this.#above = [computed]
    for (let level = 0; ; level++) {
      const at = Math.floor(this.#seq / tileWidth ** level)
      const index = Math.floor(at / tileWidth)
      if ((index + 1) * tileWidth ** (level + 1) > this.#head.size) return
      const tile = level === 0 ? this.#leafTiles.get(index) : await this.#tiles.tile(level, index)
      const isThere =
        tile?.length === tileWidth * hashLength && equalInConstantTime(hashAt(tile, at), this.#above[level]!)
      if (!isThere) return
      this.#above.push(this.#known.inner.root({ level, index }, tile, 0, tileWidth))
    }
  }

  /** Whether the entry, or the hash above it that stands for its tile, stands in an edge. */
  #isUnder(edge: Edge | undefined): edge is Edge {
    if (edge === undefined) return false
    let level = 0
    while ((Math.floor(this.#seq / tileWidth ** (level + 1)) + 1) * tileWidth ** (level + 1) <= edge.size) level++
    const tile = edge.tiles.get(level)
    const node = this.#above[level]
    return (
      tile !== undefined &&
      node !== undefined &&
      equalInConstantTime(hashAt(tile, Math.floor(this.#seq / tileWidth ** level)), node)
    )
  }

  /** @returns whether the sealed values are declared to be gone */
  async #values(leaf: Leaf, content: Uint8Array): Promise<boolean> {
    if (content.length === 0 && leaf.sealed !== undefined) {
      const declared = await Declared.read(this.#log, this.#head, [this.#seq, this.#seq])
      if (declared.hasContentGone(this.#seq)) return true
    }
    const values = new Findings()
    checkDisclosures(values, leaf, content, this.#seq, true)
    for (const { type, message } of values.report().findings) this.#find('tampered', type, message)
    return false
  }

  #isTheOneAskedFor({ id }: Leaf): void {
    if (this.#known.id === undefined || id === this.#known.id) return
    this.#find('tampered', 'index_mismatch', `entry ${this.#seq} does not have the id under which it was found`)
  }

  /** The seal over the entry: the first one behind it, made with the key of the entry's own epoch. */
  async #seal(leaf: Leaf): Promise<CheckedEntry['seal']> {
    const { keys } = this.#known
    if (keys === undefined) return 'unchecked'
    const epoch = epochOf(keys.first.start, parseTime(leaf.time)!)
    const seal = await this.#sealOver()
    if (seal !== undefined && seal.epoch === epoch) {
      if (epoch < keys.first.epoch || epoch > lastEpoch) return 'unchecked'
      const edge = seal.size === this.#head.size ? this.#edge : await edgeAt(this.#tiles, seal.size, this.#known.inner)
      const mac = this.#isUnder(edge) && sealMac(keys.of(epoch), seal.size, edge.root)
      if (mac && equalInConstantTime(mac, Uint8Array.from(seal.mac))) return 'valid'
    }
    const what = seal === undefined ? 'is not sealed' : 'does not have the seal of its time'
    this.#find('invalid', 'seal_invalid', `entry ${this.#seq} ${what}`)
    return 'invalid'
  }

  /** Looked for further and further on: a seal covers one entry, or a thousand. */
  async #sealOver(): Promise<Seal | undefined> {
    const { size } = this.#head
    let from = this.#seq
    for (let span = 16; from < size; span *= 8) {
      const to = Math.min(size, from + span)
      for await (const seal of this.#log.seals(from, to)) {
        return Number.isSafeInteger(seal.size) && from < seal.size && seal.size <= to ? seal : undefined
      }
      from = to
    }
    return undefined
  }
}

/** The hash of its level with this number, in its tile. */
function hashAt(tile: Uint8Array, at: number): Uint8Array {
  const start = (at % tileWidth) * hashLength
  return tile.subarray(start, start + hashLength)
}

/** Tiles of which each is read once. */
function readOnce(log: TileSource): TileSource {
  const read = new Map<string, MaybePromise<Uint8Array | undefined>>()
  return {
    tile(level, index) {
      const name = `${level}/${index}`
      if (!read.has(name)) read.set(name, log.tile(level, index))
      return read.get(name)
    },
  }
}

/** Epochs between two keys that are kept: with them none is further than this from one that is known. */
const epochsBetween = 64

/** A seal key and those of later epochs, each found without going all the way again. */
class KeysInTime {
  readonly first: SealKey
  readonly #kept: SealKey[]

  constructor(first: SealKey) {
    this.first = first
    this.#kept = [first]
  }

  of(epoch: number): SealKey {
    const wanted = Math.floor((epoch - this.first.epoch) / epochsBetween)
    for (let last = this.#kept.at(-1)!; this.#kept.length <= wanted; last = this.#kept.at(-1)!) {
      this.#kept.push(evolve(last, last.epoch + epochsBetween))
    }
    return evolve(this.#kept[wanted]!, epoch)
  }
}

/**
 * The check of one entry: its bytes, its hash, its links to both sides, its place in the tree, its sealed values, and
 * the seal over it. Reads a few neighbours and a tile of each level, whatever the length of the log.
 *
 * What is found never says which hash or seal would have been right: whoever asks may be whoever forged.
 */
import { toHex } from '../core/bytes.ts'
import type { Leaf } from '../core/entry.ts'
import type { Finding } from '../core/finding.ts'
import { genesisHash, hashLength, leafHash, leafHashHex } from '../core/hash.ts'
import { parseLeaf } from '../core/leaf.ts'
import { equalInConstantTime } from '../core/primitives.ts'
import { inclusionProof, rootFromInclusion, tilesForInclusion } from '../core/proof.ts'
import { epochOf, evolve, parseSealKey, type Seal, type SealKey, sealMac } from '../core/seal.ts'
import { tileWidth } from '../core/tile.ts'
import { parseTime } from '../core/time.ts'
import type { Head, LogReader, MaybePromise, StoredEntry } from '../store/store.ts'
import { keepTiles, readTiles } from '../store/tiles.ts'
import { Declared } from './declared.ts'
import { checkDisclosures } from './disclosures.ts'
import { Findings } from './findings.ts'

/** What came of the check of one entry: plain data. */
export interface CheckedEntry {
  /** Absent when the log has no such entry and never said that it had. */
  readonly seq?: number
  /** As the leaf says, when it could be read. */
  readonly id?: string
  /** Entries in the log when it was looked at. */
  readonly size: number
  readonly isThere: boolean
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

export class EntryCheck implements EntrySource {
  readonly #options: EntryCheckOptions
  readonly #log: LogReader
  readonly #clock: () => number
  #given: { readonly text: string; readonly keys: KeysInTime } | undefined

  constructor(options: EntryCheckOptions) {
    this.#options = options
    this.#log = options.log
    this.#clock = options.clock ?? (() => performance.now())
  }

  /**
   * Checks the entry with this number or id.
   *
   * @throws AuditError when the log cannot be read, `bad_key` when the seal key is none
   */
  async checkEntry(seqOrId: number | string, sealKey?: string): Promise<CheckedEntry> {
    const started = this.#clock()
    const keys = this.#keys(sealKey)
    const head = await this.#log.head()
    const size = head?.size ?? 0
    const seq = await this.#find(seqOrId, size)
    if (head === undefined || seq === undefined || seq >= size) {
      return { size, isThere: false, findings: [], seal: 'unchecked', durationMs: this.#clock() - started }
    }
    const { origin } = this.#options
    const id = typeof seqOrId === 'string' && !isNumber(seqOrId) ? seqOrId : undefined
    const look = new Look(this.#log, head, seq, { origin, id, keys })
    return { ...(await look.run()), durationMs: this.#clock() - started }
  }

  #keys(text: string | undefined): KeysInTime | undefined {
    if (text === undefined) {
      const own = this.#options.sealKey?.()
      return own && new KeysInTime(own)
    }
    if (this.#given?.text !== text) this.#given = { text, keys: new KeysInTime(parseSealKey(text)) }
    return this.#given.keys
  }

  async #find(seqOrId: number | string, size: number): Promise<number | undefined> {
    if (typeof seqOrId === 'string' && !isNumber(seqOrId)) {
      return await (this.#options.seqOf ?? (id => this.#search(id, size)))(seqOrId)
    }
    const seq = Number(seqOrId)
    return Number.isSafeInteger(seq) && seq >= 0 ? seq : undefined
  }

  async #search(id: string, size: number): Promise<number | undefined> {
    for await (const some of this.#log.entries(0, size)) {
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

interface Known {
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
  readonly #tiles: Pick<LogReader, 'tile'>
  readonly #findings = new Findings()
  readonly #near = new Map<number, StoredEntry>()

  constructor(log: LogReader, head: Head, seq: number, known: Known) {
    this.#log = log
    this.#head = head
    this.#seq = seq
    this.#known = known
    // For this one look: a tile that was kept for longer would hide what was done to it since.
    this.#tiles = keepTiles(log)
  }

  async run(): Promise<Omit<CheckedEntry, 'durationMs'>> {
    const { size } = this.#head
    const seq = this.#seq
    for await (const some of this.#log.entries(Math.max(0, seq - 1), Math.min(size, seq + 2))) {
      for (const entry of some) this.#near.set(entry.seq, entry)
    }
    const kept = await this.#keptHash(seq)
    const entry = await this.#settle(this.#near.get(seq), kept)
    if (entry === undefined) return await this.#missing()

    const computed = leafHash(entry.leaf)
    const isInTree = kept !== undefined && equalInConstantTime(computed, kept)
    const { leaf, problem } = parseLeaf(entry.leaf)
    const facts = { seq, ...(leaf && { id: leaf.id }) }
    if (kept === undefined) this.#findings.find('tree_mismatch', `the tree keeps no hash of entry ${seq}`, facts)
    else if (!isInTree) await this.#blame(computed, facts)
    if (leaf === undefined) this.#findings.find('format_invalid', `entry ${seq} ${problem}`, facts)
    else await this.#links(leaf, computed)
    if (isInTree) await this.#inclusion(computed, facts)
    const isGone = leaf !== undefined && (await this.#values(leaf, entry.content))
    const isWhole = () => this.#findings.report().valid
    if (isWhole() && this.#known.id !== undefined && leaf!.id !== this.#known.id) {
      this.#findings.find('index_mismatch', `entry ${seq} does not have the id under which the index found it`, facts)
    }
    const seal = isWhole() ? await this.#seal(leaf!, computed) : 'unchecked'
    return {
      ...facts,
      size,
      isThere: true,
      findings: this.#findings.report().findings,
      ...(isGone && { declaredGone: 'content' }),
      seal,
    }
  }

  async #missing(): Promise<Omit<CheckedEntry, 'durationMs'>> {
    const seq = this.#seq
    const declared = await Declared.read(this.#log, this.#head, [seq, seq])
    const isDeclared = declared.hasLeafGone(seq)
    if (!isDeclared) this.#findings.find('missing_entry', `entry ${seq} is not there`, { seq })
    return {
      seq,
      size: this.#head.size,
      isThere: false,
      findings: this.#findings.report().findings,
      ...(isDeclared && { declaredGone: 'entry' }),
      seal: 'unchecked',
    }
  }

  /** The hash that the tree keeps of an entry. */
  async #keptHash(seq: number): Promise<Uint8Array | undefined> {
    const tile = await this.#tiles.tile(0, Math.floor(seq / tileWidth))
    const at = (seq % tileWidth) * hashLength
    const hash = tile?.subarray(at, at + hashLength)
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
    const all: StoredEntry[] = []
    for await (const some of this.#log.entries(from, to)) all.push(...some)
    if (all.length === to - from) return entry
    const meant = all.find(other => other.seq < seq && leafHashHex(other.leaf) === toHex(kept))
    if (meant !== undefined) return { ...meant, seq }
    const says = entry && parseLeaf(entry.leaf).leaf?.seq
    if (entry === undefined || says === undefined || says <= seq || says >= to) return entry
    const keptThere = await this.#keptHash(says)
    return keptThere !== undefined && leafHashHex(entry.leaf) === toHex(keptThere) ? undefined : entry
  }

  /** Two hashes of one entry: the next link knows which of them was recorded. */
  async #blame(computed: Uint8Array, facts: { seq: number; id?: string }): Promise<void> {
    const next = this.#near.get(this.#seq + 1)
    const link = next && parseLeaf(next.leaf).leaf?.previousHash
    if (link === toHex(computed)) {
      const message = `the tree keeps another hash of entry ${this.#seq} than the entry has`
      this.#findings.find('tree_mismatch', message, facts)
    } else {
      const message = `entry ${this.#seq} was changed: it does not have the hash that was recorded`
      this.#findings.find('hash_mismatch', message, facts)
    }
  }

  /** The link that the entry makes, and the one that the next entry makes to it. */
  async #links(leaf: Leaf, computed: Uint8Array): Promise<void> {
    const seq = this.#seq
    const facts = { seq, id: leaf.id }
    if (leaf.seq !== seq) {
      this.#findings.find('chain_break', `the entry at ${seq} was written as entry ${leaf.seq}`, facts)
    }
    if (!(await this.#isBehind(leaf))) {
      this.#findings.find('chain_break', `entry ${seq} does not follow the entry before it`, facts)
    }
    const next = this.#near.get(seq + 1)
    const nextKept = next && (await this.#keptHash(seq + 1))
    if (next === undefined || nextKept === undefined || leafHashHex(next.leaf) !== toHex(nextKept)) return
    const link = parseLeaf(next.leaf).leaf?.previousHash
    if (link === undefined || link === toHex(computed) || !this.#findings.report().valid) return
    this.#findings.find('chain_break', `entry ${seq + 1} does not follow entry ${seq}`, facts)
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

  async #inclusion(computed: Uint8Array, facts: { seq: number; id?: string }): Promise<void> {
    const { size, root } = this.#head
    const reached = await this.#rootAt(size, computed)
    if (reached !== undefined && equalInConstantTime(reached, root)) return
    this.#findings.find('tree_mismatch', `the tree does not lead from entry ${this.#seq} to the head`, facts)
  }

  /** The root to which the tree leads from this entry, at a size of the log; `undefined` where its tiles are gone. */
  async #rootAt(size: number, hash: Uint8Array): Promise<Uint8Array | undefined> {
    const seq = this.#seq
    try {
      const tiles = await readTiles(this.#tiles, size, tilesForInclusion(seq, size))
      return rootFromInclusion(inclusionProof(seq, size, tiles), seq, size, hash)
    } catch (error) {
      if ((error as { code?: unknown }).code === 'damaged') return undefined
      throw error
    }
  }

  /** @returns whether the sealed values are declared to be gone */
  async #values(leaf: Leaf, content: Uint8Array): Promise<boolean> {
    if (content.length === 0 && leaf.sealed !== undefined) {
      const declared = await Declared.read(this.#log, this.#head, [this.#seq, this.#seq])
      if (declared.hasContentGone(this.#seq)) return true
    }
    checkDisclosures(this.#findings, leaf, content, this.#seq, true)
    return false
  }

  /** The seal over the entry: the first one behind it, made with the key of the entry's own epoch. */
  async #seal(leaf: Leaf, computed: Uint8Array): Promise<CheckedEntry['seal']> {
    const { keys } = this.#known
    if (keys === undefined) return 'unchecked'
    const epoch = epochOf(keys.first.start, parseTime(leaf.time)!)
    const seal = await this.#sealOver()
    if (seal !== undefined && seal.epoch === epoch) {
      if (epoch < keys.first.epoch) return 'unchecked'
      const root = await this.#rootAt(seal.size, computed)
      const mac = root && sealMac(keys.of(epoch), seal.size, root)
      if (mac !== undefined && equalInConstantTime(mac, Uint8Array.from(seal.mac))) return 'valid'
    }
    const what = seal === undefined ? 'is not sealed' : 'does not have the seal of its time'
    this.#findings.find('seal_invalid', `entry ${this.#seq} ${what}`, { seq: this.#seq, id: leaf.id })
    return 'invalid'
  }

  /** Looked for further and further on: a seal covers one entry, or a thousand. */
  async #sealOver(): Promise<Seal | undefined> {
    const { size } = this.#head
    let from = this.#seq
    for (let span = 16; from < size; span *= 8) {
      const to = Math.min(size, from + span)
      for await (const seal of this.#log.seals(from, to)) return seal
      from = to
    }
    return undefined
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

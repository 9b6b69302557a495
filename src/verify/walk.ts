/**
 * The walk over a log, from tile to tile and in the order of the log: the only one who judges.
 *
 * Each leaf's own hash, the hash that the tree keeps of it, and the link in the leaf after it are held against each other. A
 * tile in which nothing is wrong is passed as a whole, from what was examined of it here or elsewhere; any other is walked
 * from entry to entry, and the same is found either way.
 */
import { equal, toHex } from '../core/bytes.ts'
import type { Leaf } from '../core/entry.ts'
import type { FindingType } from '../core/finding.ts'
import { hashLength, leafHashHex, writeHashHex } from '../core/hash.ts'
import { parseLeaf } from '../core/leaf.ts'
import type { Range } from '../core/ranges.ts'
import type { Seal } from '../core/seal.ts'
import { tileWidth } from '../core/tile.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { RightEdge, type Tile } from '../core/tree.ts'
import type { Head, KeptLog, StoredCheckpoint, StoredEntry } from '../store/store.ts'
import { entriesIn, headOf } from './answers.ts'
import type { Beside } from './beside.ts'
import type { Completeness } from './completeness.ts'
import { Declared } from './declared.ts'
import { checkDisclosures } from './disclosures.ts'
import { type Examined, examine, type Notable } from './examine.ts'
import type { Findings } from './findings.ts'
import type { SealCheck } from './seal-check.ts'
import type { SignatureCheck } from './signature-check.ts'

export interface WalkOptions {
  /** Also checks that every disclosed value is in its canonical spelling, and every projection. */
  readonly deep?: boolean
  /** Given each leaf that could be read, in order, whatever was found about it, and what is kept of its sealed values. */
  readonly onLeaf?: (leaf: Leaf, content: Uint8Array) => void
  /**
   * What was examined of some entries ahead of the walk, elsewhere, and is believed. `undefined` where nothing is known, or
   * something is not as it should be: then the check looks for itself. Not asked where `onLeaf` is given.
   */
  readonly ahead?: (from: number, to: number) => Promise<Examined | undefined>
}

/** Who is told what the walk comes by. */
export interface Told {
  readonly findings: Findings
  readonly completeness: Completeness
  readonly sealCheck: SealCheck
  readonly signatures: SignatureCheck
  readonly beside: Beside
}

/** Where a walk begins: the tree so far, the entry before, and its time. */
export interface Start {
  readonly edge: RightEdge
  readonly previous: { readonly computed: string; readonly kept: string }
  readonly time: Micros
}

/** A leaf that does not have the hash that the tree keeps: who is right, the next link will tell. */
interface Suspect {
  readonly seq: number
  readonly id: string | undefined
  readonly computed: string
  readonly kept: string
}

export class Walk {
  readonly #log: KeptLog
  readonly #head: Head
  readonly #range: Range | undefined
  readonly #options: WalkOptions
  readonly #findings: Findings
  readonly #completeness: Completeness
  readonly #sealCheck: SealCheck
  readonly #signatures: SignatureCheck
  readonly #beside: Beside
  /** What the log declares to be gone; not looked up before something is. */
  #declared: Declared | undefined
  /** Entries in the log when that was looked up. */
  #declaredAt = 0

  /** The tree over what was walked: of the hashes that the log keeps, wherever they can be believed. */
  #edge = RightEdge.empty()
  #entries = 0
  #lastTime: Micros = 0
  /** The hash of the entry before, and the one that the tree keeps of it: the next link must name one of them. */
  #previous = { computed: '', kept: '' }
  #suspect: Suspect | undefined
  /** Entries just before this one that are gone, and their hashes with them. */
  #gone = 0
  /** What was sealed and signed at sizes that the walk has not reached yet. */
  readonly #seals: Seal[] = []
  readonly #checkpoints: StoredCheckpoint[] = []
  /** The roots at the sizes of the anchors, as the walk comes by. */
  readonly #rootsWanted: Map<number, Uint8Array | undefined>

  /** @param range what is walked, when that is not the log as a whole */
  constructor(log: KeptLog, head: Head, range: Range | undefined, told: Told, options: WalkOptions) {
    this.#log = log
    this.#head = head
    this.#range = range
    this.#options = options
    this.#findings = told.findings
    this.#completeness = told.completeness
    this.#sealCheck = told.sealCheck
    this.#signatures = told.signatures
    this.#beside = told.beside
    this.#rootsWanted = new Map(told.signatures.anchoredSizes.map(size => [size, undefined]))
  }

  /** The tree over what was walked. */
  get edge(): RightEdge {
    return this.#edge
  }

  /** Entries that were walked, or should have been there. */
  get entries(): number {
    return this.#entries
  }

  begin({ edge, previous, time }: Start): void {
    this.#edge = edge
    this.#previous = previous
    this.#lastTime = time
  }

  /** The root at a size for which an anchor stands, when the walk came by. */
  rootSeen(size: number): Uint8Array | undefined {
    return this.#rootsWanted.get(size)
  }

  /** Judges what the end of the walk decides. */
  async end(): Promise<void> {
    this.#judgeSuspect(undefined)
    this.#replaceGone(undefined)
    await this.tilesAbove(this.#edge.takeFullTiles())
  }

  /**
   * Walks a tile, or the part of it from `from` up to but not including `to`.
   *
   * @returns false when nothing at all is left of it: then nothing behind it can be judged
   */
  async over(from: number, to: number): Promise<boolean> {
    const index = Math.floor(from / tileWidth)
    const base = index * tileWidth
    const kept = await this.#log.tile(0, index)
    const width = Math.min(tileWidth, this.#head.size - base)
    const there = Math.floor((kept?.length ?? 0) / hashLength)
    if (there < width) {
      this.#findings.find('tree_mismatch', `tile 0/${index} holds ${there} hashes instead of ${width}`, {
        seq: Math.max(from, base + there),
      })
    }
    let hex: string | undefined
    const keptHash = (seq: number) => {
      hex ??= kept === undefined ? '' : toHex(kept.subarray(0, width * hashLength))
      const hash = hex.slice((seq - base) * 64, (seq - base + 1) * 64)
      return hash.length < 64 || hash === unknownHash ? undefined : hash
    }

    await this.#take(this.#seals, this.#log.seals(from, to), [from, to], 'seal_invalid')
    await this.#take(this.#checkpoints, this.#log.checkpoints(from, to), [from, to], 'signature_invalid')
    const place: Place = { from, to, base, kept: kept ?? noHashes }
    if (await this.#aheadOf(place)) return true
    const entries = await entriesIn(this.#log, from, to)
    if (await this.#ofItself(place, entries)) return true
    if (entries.length > to - from) {
      const message = `more entries are given from ${from} to ${to - 1} than there are places`
      this.#findings.find('foreign_entry', message, { seq: from })
    }

    await this.#lookUpGone(from, to, entries)
    if ((kept === undefined || kept.length === 0) && entries.length === 0) {
      const message = `the entries from ${from} on are not there: the log says that it has ${this.#head.size}`
      this.#findings.find('missing_entry', message, { seq: from })
      return false
    }

    const placed = entries.length < to - from ? inPlace(entries, keptHash) : entries
    let at = 0
    for (let seq = from; seq < to; seq++) {
      while (placed[at] !== undefined && placed[at]!.seq < seq) at++
      if (placed[at]?.seq === seq) this.#entry(placed[at]!, keptHash(seq))
      else this.#missing(seq, keptHash(seq))
      if (placed[at]?.seq === seq && seq - base < there && keptHash(seq) === undefined) {
        this.#findings.find('tree_mismatch', `the tree keeps no hash of entry ${seq}`, { seq })
      }
    }
    await this.tilesAbove(this.#edge.takeFullTiles())
    return true
  }

  /** Looks up what is declared to be gone, and again where more is gone than that: it may have gone while the check ran. */
  async #lookUpGone(from: number, to: number, entries: readonly StoredEntry[]): Promise<void> {
    const contents = new Map(entries.map(({ seq, content }) => [seq, content.length]))
    const places = Array.from({ length: to - from }, (_, i) => from + i)
    const gone = places.filter(seq => (contents.get(seq) ?? 0) === 0)
    if (gone.length === 0) return
    this.#declared ??= await this.#readDeclared()
    const isExplained = (seq: number) =>
      contents.has(seq) ? this.#declared!.hasContentGone(seq) : this.#declared!.hasLeafGone(seq)
    if (gone.every(isExplained) || (await headOf(this.#log)).size === this.#declaredAt) return
    this.#declared = await this.#readDeclared()
  }

  async #readDeclared(): Promise<Declared> {
    this.#declaredAt = (await headOf(this.#log)).size
    return await Declared.read(this.#log, this.#head, this.#range)
  }

  /** Goes on over what was examined elsewhere. */
  async #aheadOf(place: Place): Promise<boolean> {
    if (this.#options.onLeaf !== undefined) return false
    const examined = await this.#options.ahead?.(place.from, place.to)
    return examined !== undefined && (await this.#pass(place, examined))
  }

  /** Goes on over entries in which nothing is wrong. */
  async #ofItself(place: Place, entries: readonly StoredEntry[]): Promise<boolean> {
    const { onLeaf, deep = false } = this.#options
    const leaves: Leaf[] = []
    const examined = examine(entries, [place.from, place.to], deep, onLeaf && leaves)
    if (examined === undefined || !(await this.#pass(place, examined))) return false
    leaves.forEach((leaf, i) => void onLeaf?.(leaf, entries[i]!.content))
    return true
  }

  /**
   * Goes on over entries of a tile of which everything is known that the rest of the check needs. What is found of them as a
   * part of the log is what `#entry` would find of each.
   *
   * @returns false where they are not as they should be at this place, or are fewer than there are by now; then nothing has
   * changed
   */
  async #pass(place: Place, { link, hashes, times, notable, empty, gone }: Examined): Promise<boolean> {
    const { from, to, base, kept } = place
    const at = (from - base) * hashLength
    const { computed: before, kept: beforeAsKept } = this.#previous
    const isLinked = link === before || link === beforeAsKept || beforeAsKept === ''
    const areAll = hashes.length === (to - from) * hashLength
    const isInPlace =
      areAll && isLinked && this.#lastTime <= times[0]! && equal(kept.subarray(at, at + hashes.length), hashes)
    const isSecondLog = ({ seq, operation }: Notable) => seq > 0 && operation === 'log.created'
    if (!isInPlace || notable.some(isSecondLog)) return false
    if (empty > 0) this.#declared ??= await this.#readDeclared()
    const declared = this.#declared
    if (gone.some(seq => !declared!.hasContentGone(seq))) return false
    const hashOf = (seq: number) => toHex(hashes.subarray((seq - from) * hashLength, (seq - from + 1) * hashLength))
    for (const seq of declared?.declaring ?? []) {
      if (from <= seq && seq < to && declared!.isOtherThan(seq, hashOf(seq))) return false
    }

    this.#judgeSuspect(link)
    this.#replaceGone(link)
    let noted = 0
    for (let seq = from; seq < to; seq++) {
      if (notable[noted]?.seq === seq) this.#note(seq, notable[noted++]!)
      this.#sealCheck.entry(seq, times[seq - from]!)
      this.#grow(hashes, (seq - from) * hashLength)
    }
    this.#entries += to - from
    this.#lastTime = times.at(-1)!
    const last = hashOf(to - 1)
    this.#previous = { computed: last, kept: last }
    await this.tilesAbove(this.#edge.takeFullTiles())
    return true
  }

  /** What an entry says of others, or of the log. */
  #note(seq: number, leaf: Notable): void {
    this.#completeness.entry(seq, leaf)
    this.#beside.entry(seq, leaf)
    if (leaf.operation === 'key.rotated' && leaf.kind === 'control') {
      this.#signatures.rotation(seq, leaf, this.#edge.root())
    }
  }

  /** What was sealed or signed behind `from`, up to `to`: each at a size there, one after the other. */
  async #take<T extends { readonly size: number }>(
    into: T[],
    given: AsyncIterable<T> | Iterable<T>,
    [from, to]: Range,
    type: FindingType,
  ): Promise<void> {
    let last = from
    for await (const one of given) {
      if (!Number.isSafeInteger(one.size) || one.size <= last || one.size > to) {
        this.#findings.find(type, `what was ${type === 'seal_invalid' ? 'sealed' : 'signed'} is given at wrong sizes`, {
          seq: from,
        })
        return
      }
      last = one.size
      into.push(one)
    }
  }

  #missing(seq: number, kept: string | undefined): void {
    this.#judgeSuspect(undefined)
    this.#beside.missing()
    if (kept === undefined || !this.#declared?.hasLeafGone(seq)) {
      this.#entries++
      this.#findings.find('missing_entry', `entry ${seq} is not there`, { seq, ...(kept && { expected: kept }) })
    }
    // Before its seal: of its time nothing is known.
    this.#sealCheck.entry(seq, undefined)
    // A hash that is gone with its entry is known to the next link, if that is there.
    if (kept === undefined) this.#gone++
    else {
      this.#replaceGone(undefined)
      this.#append(kept)
    }
    this.#previous = { computed: '', kept: kept ?? '' }
  }

  /** One entry: its bytes, its hash, its place in the tree, its link, its time, its sealed values. */
  #entry({ seq, leaf: bytes, content }: StoredEntry, kept: string | undefined): void {
    this.#entries++
    const computed = leafHashHex(bytes)
    const { leaf, problem } = parseLeaf(bytes)
    const isAsKept = kept === undefined || computed === kept
    this.#judgeSuspect(leaf?.previousHash)
    this.#replaceGone(leaf?.previousHash)
    if (this.#declared?.isOtherThan(seq, computed)) {
      const message = `what entry ${seq} is said to declare is not what it says`
      this.#findings.find('foreign_entry', message, { seq })
    }
    if (leaf === undefined) {
      this.#findings.find('format_invalid', `entry ${seq} ${problem}`, { seq })
    } else {
      this.#place(seq, leaf, isAsKept)
      this.#note(seq, leaf)
      this.#options.onLeaf?.(leaf, content)
      const isGone = content.length === 0 && this.#declared?.hasContentGone(seq)
      if (!isGone) checkDisclosures(this.#findings, leaf, content, seq, this.#options.deep ?? false)
    }
    this.#time(seq, isAsKept ? leaf : undefined)
    if (isAsKept) this.#append(computed)
    else this.#suspect = { seq, id: leaf?.id, computed, kept }
    this.#previous = { computed, kept: kept ?? computed }
  }

  /** Does it stand where it was written, behind the entry that it names? */
  #place(seq: number, leaf: Leaf, isAsKept: boolean): void {
    const facts = { seq, id: leaf.id }
    const { computed, kept } = this.#previous
    if (leaf.previousHash !== computed && leaf.previousHash !== kept && kept !== '') {
      const link = { expected: computed || kept, actual: leaf.previousHash }
      this.#findings.find('chain_break', `entry ${seq} does not follow the entry before it`, { ...facts, ...link })
      if (!isAsKept && leaf.seq === seq) {
        const message = `entry ${seq} is not of this log: neither its tree nor its chain knows it`
        this.#findings.find('foreign_entry', message, facts)
      }
    }
    if (leaf.seq !== seq) {
      const places = { expected: String(seq), actual: String(leaf.seq) }
      this.#findings.find('chain_break', `the entry at ${seq} was written as entry ${leaf.seq}`, {
        ...facts,
        ...places,
      })
    }
    if (seq > 0 && leaf.operation === 'log.created' && leaf.kind === 'control') {
      this.#findings.find('foreign_entry', `entry ${seq} begins a second log inside this one`, facts)
    }
  }

  #time(seq: number, leaf: Leaf | undefined): void {
    const time = leaf && parseTime(leaf.time)!
    this.#sealCheck.entry(seq, time)
    if (time === undefined) return
    if (time < this.#lastTime) {
      const times = { expected: `${formatTime(this.#lastTime)} or later`, actual: formatTime(time) }
      const message = `entry ${seq} is older than the entry before it`
      this.#findings.find('temporal_violation', message, { seq, id: leaf!.id, ...times })
    }
    this.#lastTime = Math.max(this.#lastTime, time)
  }

  /** Now that the next link is known: was the leaf changed, or the tree's hash of it? The other one goes on. */
  #judgeSuspect(link: string | undefined): void {
    if (this.#suspect === undefined) return
    const { seq, id, computed, kept } = this.#suspect
    this.#suspect = undefined
    const facts = { seq, ...(id && { id }) }
    if (link === computed || (link === undefined && this.#isLast(computed))) {
      const hashes = { expected: computed, actual: kept }
      const message = `the tree keeps another hash of entry ${seq} than the entry has`
      this.#findings.find('tree_mismatch', message, { ...facts, ...hashes })
      this.#append(computed)
    } else {
      const hashes = { expected: kept, actual: computed }
      const message = `entry ${seq} was changed: it does not have the hash that was recorded`
      this.#findings.find('hash_mismatch', message, { ...facts, ...hashes })
      this.#append(kept)
    }
  }

  /** Whether this hash, as the last one, leads to the head of the log. */
  #isLast(hash: string): boolean {
    if (this.#edge.size + 1 !== this.#head.size) return false
    const edge = this.#edge.clone()
    writeHashHex(scratch, 0, hash)
    edge.append(scratch)
    return equal(edge.root(), this.#head.root)
  }

  /** The tree goes on over entries that are gone without a trace: the last of them is known by the link that follows. */
  #replaceGone(link: string | undefined): void {
    for (; this.#gone > 0; this.#gone--) this.#append(this.#gone === 1 && link !== undefined ? link : unknownHash)
  }

  /** Grows the tree by one hash, and holds against it whatever was sealed, signed or remembered at that size. */
  #append(hash: string): void {
    writeHashHex(scratch, 0, hash)
    this.#grow(scratch, 0)
  }

  #grow(hashes: Uint8Array, at: number): void {
    this.#edge.append(hashes, at)
    const { size } = this.#edge
    while (this.#seals[0] !== undefined && this.#seals[0].size <= size) {
      this.#sealCheck.seal(this.#seals.shift()!, () => this.#edge.root())
    }
    while (this.#checkpoints[0] !== undefined && this.#checkpoints[0].size <= size) {
      this.#signatures.checkpoint(this.#checkpoints.shift()!, this.#edge.root())
    }
    if (this.#rootsWanted.has(size)) this.#rootsWanted.set(size, this.#edge.root())
  }

  /** Tiles above the entries must follow from those below. An unfinished one may have grown since. */
  async tilesAbove(tiles: readonly Tile[]): Promise<void> {
    for (const { level, index, hashes } of tiles) {
      if (level === 0) continue
      const kept = await this.#log.tile(level, index)
      if (kept !== undefined && equal(kept.subarray(0, hashes.length), hashes)) continue
      const what = kept === undefined ? 'is missing' : 'does not follow from the tiles below'
      this.#findings.find('tree_mismatch', `tile ${level}/${index} ${what}`)
      this.#findings.doubtFrom(index * tileWidth ** (level + 1))
    }
  }
}

/** Entries of one tile, which begins at `base`, and the hashes that the tree keeps of the tile. */
interface Place {
  readonly from: number
  readonly to: number
  readonly base: number
  readonly kept: Uint8Array
}

const scratch = new Uint8Array(hashLength)
const noHashes = new Uint8Array(0)
/** How a store says that it does not have a hash. */
const unknownHash = '0'.repeat(2 * hashLength)

/**
 * Entries by the place that the tree knows for them: where one was taken out of the middle, a store that counts gives
 * those behind it a wrong number, and only the missing one shall be reported.
 */
function inPlace(entries: readonly StoredEntry[], keptHash: (seq: number) => string | undefined): StoredEntry[] {
  return entries.map(entry => {
    const hash = leafHashHex(entry.leaf)
    if (hash === keptHash(entry.seq)) return entry
    const seq = parseLeaf(entry.leaf).leaf?.seq
    return seq !== undefined && seq > entry.seq && keptHash(seq) === hash ? { ...entry, seq } : entry
  })
}

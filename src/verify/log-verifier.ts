/**
 * The check of a log: all of it, a range, or one entry, over anything that can be read like a store.
 *
 * It walks the entries once, a tile at a time, in constant memory, and holds three things against each other that an
 * attacker would have to change together: each leaf's own hash, the hash that the tree keeps of it, and the link in the
 * leaf after it. Seals, checkpoints and anchors are then held against the tree at their size. Everything is reported, in
 * order; nothing that is found is ever thrown. The log may grow meanwhile: what is judged is the log as it was when the
 * check began.
 */
import { equal, toHex } from '../core/bytes.ts'
import type { Leaf } from '../core/entry.ts'
import type { Finding, VerificationReport } from '../core/finding.ts'
import { genesisHash, hashLength, leafHashHex, writeHashHex } from '../core/hash.ts'
import { parseLeaf } from '../core/leaf.ts'
import type { Verifier } from '../core/note.ts'
import { checkConsistency, consistencyProof, tilesForConsistency } from '../core/proof.ts'
import type { Range } from '../core/ranges.ts'
import type { Seal, SealKey } from '../core/seal.ts'
import { partialWidth, tileWidth } from '../core/tile.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { RightEdge, rootAt, type Tile, tilesForRoot } from '../core/tree.ts'
import type { Head, LogReader, StoredCheckpoint, StoredEntry } from '../store/store.ts'
import { readTiles } from '../store/tiles.ts'
import { Completeness, type CompletenessState } from './completeness.ts'
import { Declared } from './declared.ts'
import { checkDisclosures } from './disclosures.ts'
import { Findings } from './findings.ts'
import { SealCheck } from './seal-check.ts'
import { SignatureCheck } from './signature-check.ts'

export interface VerifyOptions {
  /** The first entry to check; 0 unless given. */
  readonly from?: number
  /** The first entry not to check any more; the end of the log unless given. */
  readonly to?: number
  /** The log's keys as they are known outside the log. Without them a signature only says that the log agrees with itself. */
  readonly verifiers?: readonly Verifier[]
  /** Keys of witnesses whose cosignatures count. */
  readonly witnesses?: readonly Verifier[]
  /** Signed checkpoints that were remembered outside the log. */
  readonly anchors?: readonly string[]
  /** K₀, or the key of a later epoch: seals of its epoch and later ones are checked. */
  readonly sealKey?: SealKey
  /** Also checks that every disclosed value is in its canonical spelling, and every projection. */
  readonly deep?: boolean
  /** What projections, such as an index, say that the log does not; asked for when `deep`. */
  readonly projections?: readonly (() => AsyncIterable<Finding>)[]
  /** Where an earlier check of this log stopped, as its `onProgress` last said. */
  readonly resume?: VerifyPosition
  /** Given each leaf that could be read, in order, whatever was found about it, and what is kept of its sealed values. */
  readonly onLeaf?: (leaf: Leaf, content: Uint8Array) => void
  /** Told after each tile. */
  readonly onProgress?: (position: VerifyPosition, size: number) => void
  readonly signal?: AbortSignal
  /** Milliseconds, monotonic; for `durationMs`. */
  readonly clock?: () => number
}

/** As much of a check as is needed to go on with it later: plain data. */
export interface VerifyPosition extends CompletenessState {
  /** The next entry to check. */
  readonly next: number
}

/**
 * Checks a log.
 *
 * @throws AuditError only when the log cannot be read at all
 * @example const report = await verifyLog(store, { verifiers, anchors: [anchor] })
 */
export async function verifyLog(log: LogReader, options: VerifyOptions = {}): Promise<VerificationReport> {
  const clock = options.clock ?? (() => performance.now())
  const started = clock()
  const head = (await log.head()) ?? { size: 0, root: new Uint8Array(0) }
  const walk = new Walk(log, options, head)
  await walk.run()
  return { ...walk.report(), durationMs: clock() - started }
}

/** A leaf that does not have the hash that the tree keeps: who is right, the next link will tell. */
interface Suspect {
  readonly seq: number
  readonly id: string | undefined
  readonly computed: string
  readonly kept: string
}

class Walk {
  readonly #log: LogReader
  readonly #options: VerifyOptions
  readonly #head: Head
  readonly #from: number
  readonly #to: number

  readonly #findings = new Findings()
  readonly #completeness: Completeness
  readonly #sealCheck: SealCheck
  readonly #signatures: SignatureCheck
  /** What the log declares to be gone; not looked up before something is. */
  #declared: Declared | undefined

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

  constructor(log: LogReader, options: VerifyOptions, head: Head) {
    this.#log = log
    this.#options = options
    this.#head = head
    this.#from = options.resume?.next ?? options.from ?? 0
    this.#to = Math.min(options.to ?? head.size, head.size)
    this.#completeness = new Completeness(options.resume)
    this.#sealCheck = new SealCheck(this.#findings, options.sealKey)
    this.#signatures = new SignatureCheck(this.#findings, options)
    this.#rootsWanted = new Map(this.#signatures.anchoredSizes.map(size => [size, undefined]))
  }

  async run(): Promise<void> {
    await this.#genesis()
    if (await this.#begin()) {
      for (let at = this.#from; at < this.#to; at = nextTile(at)) {
        if (!(await this.#tile(at, Math.min(nextTile(at), this.#to)))) break
        this.#options.onProgress?.({ next: this.#edge.size, ...this.#completeness.state() }, this.#head.size)
        this.#options.signal?.throwIfAborted()
      }
      this.#judgeSuspect(undefined)
      this.#replaceGone(undefined)
      await this.#tilesAbove(this.#edge.takeFullTiles())
      await (this.#to < this.#head.size ? this.#leadsToHead() : this.#end())
    }
    await this.#signatures.anchors(this.#head.size, size => this.#rootAt(size))
    if (this.#options.deep) {
      for (const projection of this.#options.projections ?? []) {
        for await (const found of projection()) this.#findings.add(found)
      }
    }
  }

  report(): Omit<VerificationReport, 'durationMs'> {
    const { valid, ...found } = this.#findings.report()
    const { complete, ...missing } = this.#completeness.report()
    return {
      valid,
      complete,
      trust: this.#signatures.trust(),
      entries: this.#entries,
      size: this.#head.size,
      rootHash: this.#edge.size === 0 ? '' : toHex(this.#edge.root()),
      ...found,
      ...missing,
    }
  }

  // Where it begins

  async #genesis(): Promise<void> {
    if (this.#head.size === 0) return
    for await (const some of this.#log.entries(0, 1)) {
      const leaf = some[0] && parseLeaf(some[0].leaf).leaf
      if (leaf === undefined) continue
      this.#signatures.genesis(leaf)
      this.#sealCheck.startsAt(parseTime(leaf.time)!)
    }
  }

  /** Goes to where the check begins: what lies before is believed as far as its tiles lead to the signed root. */
  async #begin(): Promise<boolean> {
    const from = this.#from
    if (from === 0 || from > this.#head.size) {
      const genesis = genesisHash(this.#signatures.origin)
      this.#previous = { computed: genesis, kept: genesis }
      return true
    }
    await this.#rotationsBefore(from)
    try {
      const tiles = await readTiles(this.#log, from, edgeTiles(from))
      const index = (level: number) => Math.floor(from / tileWidth ** (level + 1))
      this.#edge = RightEdge.load(from, level => tiles(level, index(level), partialWidth(level, from)))
    } catch (error) {
      this.#findings.find('tree_mismatch', `the check cannot begin at ${from}: ${(error as Error).message}`)
      this.#findings.doubtFrom(0)
      return false
    }
    const hashes = await this.#log.tile(0, Math.floor((from - 1) / tileWidth))
    const at = ((from - 1) % tileWidth) * hashLength
    const kept = hashes === undefined ? '' : toHex(hashes.subarray(at, at + hashLength))
    this.#previous = { computed: kept, kept }
    for await (const [before] of this.#log.entries(from - 1, from)) {
      const time = before && parseLeaf(before.leaf).leaf?.time
      if (time === undefined) continue
      this.#lastTime = parseTime(time)!
      this.#sealCheck.begin(this.#lastTime, await this.#lastSeal(from))
    }
    return true
  }

  /** The keys that were in force when the check begins in the middle. */
  async #rotationsBefore(from: number): Promise<void> {
    for await (const { seq, leaf: bytes } of this.#log.declarations()) {
      const { leaf } = parseLeaf(bytes)
      const isRotation = leaf?.kind === 'control' && leaf.operation === 'key.rotated'
      if (isRotation && seq < from) this.#signatures.rotation(seq, leaf, await this.#rootAt(seq))
    }
  }

  /** The newest seal up to a size, looked for further and further back. */
  async #lastSeal(size: number): Promise<Seal | undefined> {
    let last: Seal | undefined
    for (let span = 1024; last === undefined; span *= 8) {
      for await (const seal of this.#log.seals(Math.max(0, size - span), size)) last = seal
      if (span >= size) break
    }
    return last
  }

  // The walk

  /** @returns false when nothing at all is left of a tile: then nothing behind it can be judged */
  async #tile(from: number, to: number): Promise<boolean> {
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
    const hex = kept === undefined ? '' : toHex(kept)
    const keptHash = (seq: number) => {
      const hash = hex.slice((seq - base) * 64, (seq - base + 1) * 64)
      return hash.length < 64 || hash === unknownHash ? undefined : hash
    }

    for await (const seal of this.#log.seals(from, to)) this.#seals.push(seal)
    for await (const checkpoint of this.#log.checkpoints(from, to)) this.#checkpoints.push(checkpoint)
    const entries: StoredEntry[] = []
    for await (const some of this.#log.entries(from, to)) entries.push(...some)

    if (entries.length < to - from || entries.some(({ content }) => content.length === 0)) {
      this.#declared ??= await Declared.read(this.#log, this.#head, this.#range())
    }
    if (hex === '' && entries.length === 0) {
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
    }
    await this.#tilesAbove(this.#edge.takeFullTiles())
    return true
  }

  /** The range to check, when that is not the log as a whole. */
  #range(): Range | undefined {
    const isWhole = this.#options.resume !== undefined || this.#from === 0
    return isWhole && this.#to === this.#head.size ? undefined : [this.#from, this.#to - 1]
  }

  #missing(seq: number, kept: string | undefined): void {
    this.#judgeSuspect(undefined)
    if (kept === undefined || !this.#declared?.hasLeafGone(seq)) {
      this.#entries++
      this.#findings.find('missing_entry', `entry ${seq} is not there`, { seq, ...(kept && { expected: kept }) })
    }
    // A hash that is gone with its entry is known to the next link, if that is there.
    if (kept === undefined) this.#gone++
    else {
      this.#replaceGone(undefined)
      this.#append(kept)
    }
    this.#sealCheck.entry(seq, undefined)
    this.#previous = { computed: '', kept: kept ?? '' }
  }

  /** One entry: its bytes, its hash, its place in the tree, its link, its time, its sealed values. */
  #entry({ seq, leaf: bytes, content }: StoredEntry, kept: string | undefined): void {
    this.#entries++
    const computed = leafHashHex(bytes)
    const { leaf, problem } = parseLeaf(bytes)
    const isInTree = kept === undefined || computed === kept
    this.#judgeSuspect(leaf?.previousHash)
    this.#replaceGone(leaf?.previousHash)
    if (leaf === undefined) {
      this.#findings.find('format_invalid', `entry ${seq} ${problem}`, { seq })
    } else {
      this.#place(seq, leaf, isInTree)
      this.#completeness.entry(seq, leaf)
      if (leaf.operation === 'key.rotated' && leaf.kind === 'control') {
        this.#signatures.rotation(seq, leaf, this.#edge.root())
      }
      this.#options.onLeaf?.(leaf, content)
      const isGone = content.length === 0 && this.#declared?.hasContentGone(seq)
      if (!isGone) checkDisclosures(this.#findings, leaf, content, seq, this.#options.deep ?? false)
    }
    this.#time(seq, isInTree ? leaf : undefined)
    if (isInTree) this.#append(computed)
    else this.#suspect = { seq, id: leaf?.id, computed, kept }
    this.#previous = { computed, kept: kept ?? computed }
  }

  /** Does it stand where it was written, behind the entry that it names? */
  #place(seq: number, leaf: Leaf, isInTree: boolean): void {
    const facts = { seq, id: leaf.id }
    const { computed, kept } = this.#previous
    if (leaf.previousHash !== computed && leaf.previousHash !== kept && kept !== '') {
      const link = { expected: computed || kept, actual: leaf.previousHash }
      this.#findings.find('chain_break', `entry ${seq} does not follow the entry before it`, { ...facts, ...link })
      if (!isInTree && leaf.seq === seq) {
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
    this.#edge.append(scratch)
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
  async #tilesAbove(tiles: readonly Tile[]): Promise<void> {
    for (const { level, index, hashes } of tiles) {
      if (level === 0) continue
      const kept = await this.#log.tile(level, index)
      if (kept !== undefined && equal(kept.subarray(0, hashes.length), hashes)) continue
      const what = kept === undefined ? 'is missing' : 'does not follow from the tiles below'
      this.#findings.find('tree_mismatch', `tile ${level}/${index} ${what}`)
      this.#findings.doubtFrom(index * tileWidth ** (level + 1))
    }
  }

  // Where it ends

  /** The end of the log: its head, what may stand behind it, and its newest seal and checkpoint. */
  async #end(): Promise<void> {
    const { size, root } = this.#head
    if (size > 0 && this.#from < size) {
      await this.#tilesAbove(this.#edge.partialTiles())
      if (!equal(this.#edge.root(), root)) {
        const roots = { expected: toHex(this.#edge.root()), actual: toHex(root) }
        const message = 'the head of the log is not the root of its entries'
        this.#findings.find('tree_mismatch', message, { seq: size - 1, ...roots })
      }
      this.#sealCheck.end(size)
    }
    await this.#behindTheEnd(size)
    if (size > 0 && this.#from === 0) this.#signatures.end(size)
  }

  /** What stands behind the end was added while the check ran, or it does not belong there: the head says which. */
  async #behindTheEnd(size: number): Promise<void> {
    const sizeNow = async () => (await this.#log.head())?.size ?? 0
    for await (const some of this.#log.entries(await sizeNow(), Number.MAX_SAFE_INTEGER)) {
      const now = await sizeNow()
      const behind = some.filter(({ seq }) => seq >= now)
      if (behind.length === 0) break
      for (const { seq } of behind) {
        this.#findings.find('foreign_entry', `entry ${seq} stands behind the end of the log`, { seq })
      }
    }
    for await (const checkpoint of this.#log.checkpoints(size, Number.MAX_SAFE_INTEGER)) {
      if (checkpoint.size > (await sizeNow())) this.#signatures.beyond(checkpoint, size)
      else await this.#newer(checkpoint)
    }
  }

  /** A checkpoint that was signed while the check ran: what was walked must lead to it. */
  async #newer({ size, note }: StoredCheckpoint): Promise<void> {
    if (this.#edge.size === 0) return
    const opened = this.#signatures.open(note)
    const root = typeof opened === 'string' ? undefined : opened.checkpoint.root
    if (root === undefined || (await this.#growsTo(size, root))) {
      this.#signatures.checkpoint({ size, note }, root ?? new Uint8Array(0))
    } else {
      this.#signatures.checkpoint({ size, note }, new Uint8Array(hashLength))
    }
  }

  /** After a range: the tree must have grown from here to the head. */
  async #leadsToHead(): Promise<void> {
    const { size, root } = this.#head
    if (this.#to === 0 || (await this.#growsTo(size, root))) return
    const message = `the log at ${this.#to} entries does not lead to its head`
    this.#findings.find('tree_mismatch', message, { seq: this.#to - 1 })
  }

  /** Whether the tree that was walked is a beginning of the tree of `size` entries with this root. */
  async #growsTo(size: number, root: Uint8Array): Promise<boolean> {
    const from = this.#edge.size
    if (from === size) return equal(this.#edge.root(), root)
    try {
      const tiles = await readTiles(this.#log, size, tilesForConsistency(from, size))
      return checkConsistency(consistencyProof(from, size, tiles), from, size, this.#edge.root(), root)
    } catch {
      return false
    }
  }

  /** The root at an earlier size: as the walk saw it, or, where it did not come by, from the tiles. */
  async #rootAt(size: number): Promise<Uint8Array> {
    const seen = this.#rootsWanted.get(size)
    if (seen !== undefined) return seen
    try {
      return rootAt(size, await readTiles(this.#log, size, tilesForRoot(size)))
    } catch {
      return new Uint8Array(0)
    }
  }
}

const scratch = new Uint8Array(hashLength)
/** How a store says that it does not have a hash. */
const unknownHash = '0'.repeat(2 * hashLength)

function nextTile(at: number): number {
  return (Math.floor(at / tileWidth) + 1) * tileWidth
}

/** The unfinished tiles of a tree. */
function edgeTiles(size: number): { level: number; index: number; width: number }[] {
  const tiles = []
  for (let level = 0; tileWidth ** level <= size; level++) {
    const width = partialWidth(level, size)
    if (width > 0) tiles.push({ level, index: Math.floor(size / tileWidth ** (level + 1)), width })
  }
  return tiles
}

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

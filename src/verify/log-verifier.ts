/**
 * The check of a log: all of it, a range, or one entry, over anything that can be read like a store.
 *
 * It walks the entries once, a tile at a time, in constant memory, and holds three things against each other that an
 * attacker would have to change together: each leaf's own hash, the hash that the tree keeps of it, and the link in the
 * leaf after it. Seals, checkpoints and anchors are then held against the tree at their size. Everything is reported, in
 * order; nothing that is found is ever thrown. The log may grow meanwhile: what is judged is the log as it was when the
 * check began.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { equal, toHex } from '../core/bytes.ts'
import type { Leaf } from '../core/entry.ts'
import type { Finding, VerificationReport } from '../core/finding.ts'
import { genesisHash, hashLength } from '../core/hash.ts'
import { parseLeaf } from '../core/leaf.ts'
import type { Verifier } from '../core/note.ts'
import { checkConsistency, consistencyProof, tilesForConsistency } from '../core/proof.ts'
import type { Range } from '../core/ranges.ts'
import type { SealKey } from '../core/seal.ts'
import { partialWidth, tileWidth } from '../core/tile.ts'
import { parseTime } from '../core/time.ts'
import { RightEdge, rootAt, tilesForRoot } from '../core/tree.ts'
import type { Head, KeptLog, StoredCheckpoint, StoredEntry } from '../store/store.ts'
import { type InnerHashes, readTiles } from '../store/tiles.ts'
import { entriesIn, headOf, upTo } from './answers.ts'
import { Beside } from './beside.ts'
import { Completeness, type CompletenessState } from './completeness.ts'
import { isInTree } from './declared.ts'
import { partsByTile } from './examine.ts'
import { Findings } from './findings.ts'
import { readGivenUp } from './given-up.ts'
import { SealCheck } from './seal-check.ts'
import { SignatureCheck } from './signature-check.ts'
import { Walk, type WalkOptions } from './walk.ts'

export interface VerifyOptions extends WalkOptions {
  /** The first entry to check; 0 unless given. */
  readonly from?: number
  /** The first entry not to check any more; the end of the log unless given. */
  readonly to?: number
  /** The log's keys as they are known outside the log. Without them a signature only says that the log agrees with itself. */
  readonly verifiers?: readonly Verifier[]
  /** Keys of witnesses whose cosignatures count. */
  readonly witnesses?: readonly Verifier[]
  /** Signed checkpoints that are remembered outside the log, and kept up with it: a restore on record brings them on too. */
  readonly anchors?: readonly string[]
  /** Signed checkpoints that someone else kept: the tree of one may be given up, by a restore on record that names it. */
  readonly keptElsewhere?: readonly string[]
  /** K₀, or the key of a later epoch: seals of its epoch and later ones are checked. */
  readonly sealKey?: SealKey
  /** What projections, such as an index, say that the log does not; asked for when `deep`. */
  readonly projections?: readonly (() => AsyncIterable<Finding>)[]
  /** Where an earlier check of this log stopped, as its `onProgress` last said. */
  readonly resume?: VerifyPosition
  /** Told after each tile. */
  readonly onProgress?: (position: VerifyPosition, size: number) => void
  readonly signal?: AbortSignal
  /** What earlier checks computed inside of tiles: it makes no difference but in time. */
  readonly inner?: InnerHashes
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
export async function verifyLog(log: KeptLog, options: VerifyOptions = {}): Promise<VerificationReport> {
  const clock = options.clock ?? (() => performance.now())
  const started = clock()
  const check = new Check(log, options, await headOf(log))
  await check.run()
  return { ...check.report(), durationMs: clock() - started }
}

class Check {
  readonly #log: KeptLog
  readonly #options: VerifyOptions
  readonly #head: Head
  readonly #from: number
  readonly #to: number

  readonly #findings = new Findings()
  readonly #completeness: Completeness
  readonly #sealCheck: SealCheck
  readonly #signatures: SignatureCheck
  readonly #beside: Beside
  readonly #walk: Walk

  constructor(log: KeptLog, options: VerifyOptions, head: Head) {
    this.#log = log
    this.#options = options
    this.#head = head
    this.#from = options.resume?.next ?? options.from ?? 0
    this.#to = Math.min(options.to ?? head.size, head.size)
    this.#completeness = new Completeness(options.resume)
    this.#sealCheck = new SealCheck(this.#findings, options.sealKey)
    this.#signatures = new SignatureCheck(this.#findings, options)
    this.#beside = new Beside(options.resume)
    const told = {
      findings: this.#findings,
      completeness: this.#completeness,
      sealCheck: this.#sealCheck,
      signatures: this.#signatures,
      beside: this.#beside,
    }
    this.#walk = new Walk(log, head, this.#range(), told, options)
  }

  async run(): Promise<void> {
    await this.#genesis()
    if (await this.#begin()) {
      for (const [from, to] of partsByTile(this.#from, this.#to)) {
        if (!(await this.#walk.over(from, to))) break
        // So that whoever shares the thread comes in between, and can stop the check.
        await nextTurn()
        this.#options.onProgress?.({ next: this.#walk.edge.size, ...this.#completeness.state() }, this.#head.size)
        this.#options.signal?.throwIfAborted()
      }
      await this.#walk.end()
      await (this.#to < this.#head.size ? this.#leadsToHead() : this.#end())
      if (this.#signatures.isOfUnknownKeys && !(await this.#growsToKnown())) this.#signatures.ofUnknownKeys()
    }
    const givenUpIn = (signed: Head) => readGivenUp(this.#log, signed)
    await this.#signatures.anchors(this.#head.size, size => this.#rootAt(size), givenUpIn)
    if (this.#options.deep) {
      if (this.#range() === undefined) await this.#beside.strays(this.#log, this.#findings)
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
      entries: this.#walk.entries,
      size: this.#head.size,
      rootHash: this.#walk.edge.size === 0 ? '' : toHex(this.#walk.edge.root()),
      ...found,
      ...missing,
    }
  }

  // Where it begins

  async #genesis(): Promise<void> {
    if (this.#head.size === 0) return
    const [first] = await entriesIn(this.#log, 0, 1)
    const leaf = first && parseLeaf(first.leaf).leaf
    if (leaf === undefined) return
    this.#signatures.genesis(leaf)
    this.#sealCheck.startsAt(parseTime(leaf.time)!)
  }

  /** Goes to where the check begins: what lies before is believed as far as its tiles lead to the signed root. */
  async #begin(): Promise<boolean> {
    const from = this.#from
    if (from === 0 || from > this.#head.size) {
      const genesis = genesisHash(this.#signatures.origin)
      this.#walk.begin({ edge: RightEdge.empty(), previous: { computed: genesis, kept: genesis }, time: 0 })
      return true
    }
    await this.#rotationsBefore(from)
    const signed = await lastUpTo(from, (after, to) => this.#log.checkpoints(after, to))
    if (signed !== undefined) this.#signatures.signedBefore(signed)
    let edge: RightEdge
    try {
      const tiles = await readTiles(this.#log, from, edgeTiles(from))
      const index = (level: number) => Math.floor(from / tileWidth ** (level + 1))
      edge = RightEdge.load(from, level => tiles(level, index(level), partialWidth(level, from)))
    } catch (error) {
      this.#findings.find('tree_mismatch', `the check cannot begin at ${from}: ${(error as Error).message}`)
      this.#findings.doubtFrom(0)
      return false
    }
    const hashes = await this.#log.tile(0, Math.floor((from - 1) / tileWidth))
    const at = ((from - 1) % tileWidth) * hashLength
    const kept = hashes === undefined ? '' : toHex(hashes.subarray(at, at + hashLength))
    const [before] = await entriesIn(this.#log, from - 1, from)
    const text = before && parseLeaf(before.leaf).leaf?.time
    const time = text === undefined ? undefined : parseTime(text)!
    if (time !== undefined) {
      this.#sealCheck.begin(time, await lastUpTo(from, (after, to) => this.#log.seals(after, to)))
    }
    this.#walk.begin({ edge, previous: { computed: kept, kept }, time: time ?? 0 })
    return true
  }

  /**
   * The keys that were in force when the check begins in the middle. What names new ones was not walked: it must be in the
   * very tree that the old ones signed, or, where they have not done so yet, in the one with which the walk begins.
   */
  async #rotationsBefore(from: number): Promise<void> {
    let named: { readonly stored: StoredEntry; readonly leaf: Leaf } | undefined
    const nameUnder = async (size: number, root: Uint8Array) => {
      if (named === undefined || !(await isInTree(this.#log, { size, root }, named.stored))) return
      this.#signatures.rotation(named.stored.seq, named.leaf, root)
    }
    for await (const stored of upTo(this.#head.size, this.#log.declarations())) {
      const { leaf } = parseLeaf(stored.leaf)
      if (leaf?.kind !== 'control' || leaf.operation !== 'key.rotated' || stored.seq >= from) continue
      if (leaf.attributes?.checkpoint === undefined) {
        named = { stored, leaf }
        continue
      }
      const root = await this.#rootAt(stored.seq)
      await nameUnder(stored.seq, root)
      this.#signatures.rotation(stored.seq, leaf, root)
      named = undefined
    }
    if (named !== undefined) await nameUnder(from, await this.#rootAt(from))
  }

  /** The range to check, when that is not the log as a whole. */
  #range(): Range | undefined {
    const isWhole = this.#options.resume !== undefined || this.#from === 0
    return isWhole && this.#to === this.#head.size ? undefined : [this.#from, this.#to - 1]
  }

  // Where it ends

  /** The end of the log: its head, what may stand behind it, and its newest seal and checkpoint. */
  async #end(): Promise<void> {
    const { size, root } = this.#head
    if (size > 0 && this.#from < size) {
      await this.#walk.tilesAbove(this.#walk.edge.partialTiles())
      if (!equal(this.#walk.edge.root(), root)) {
        const roots = { expected: toHex(this.#walk.edge.root()), actual: toHex(root) }
        const message = 'the head of the log is not the root of its entries'
        this.#findings.find('tree_mismatch', message, { seq: size - 1, ...roots })
      }
      this.#sealCheck.end(size)
    }
    await this.#behindTheEnd(size)
    if (size > 0 && this.#from === 0) this.#signatures.end(size)
    if (this.#range() === undefined) await this.#beside.end(this.#log, this.#head, this.#from, this.#findings)
  }

  /** What stands behind the end was added while the check ran, or it does not belong there: the head says which. */
  async #behindTheEnd(size: number): Promise<void> {
    const sizeNow = async () => (await this.#log.head())?.size ?? 0
    for await (const some of upTo(mostBehind, this.#log.entries(await sizeNow(), Number.MAX_SAFE_INTEGER))) {
      const now = await sizeNow()
      const behind = some.filter(({ seq }) => seq >= now)
      if (behind.length === 0) break
      for (const { seq } of behind.slice(0, mostBehind)) {
        this.#findings.find('foreign_entry', `entry ${seq} stands behind the end of the log`, { seq })
      }
    }
    for await (const checkpoint of upTo(mostBehind, this.#log.checkpoints(size, Number.MAX_SAFE_INTEGER))) {
      if (checkpoint.size > (await sizeNow())) this.#signatures.beyond(checkpoint, size)
      else await this.#newer(checkpoint)
    }
  }

  /** A checkpoint that was signed while the check ran: what was walked must lead to it. */
  async #newer({ size, note }: StoredCheckpoint): Promise<void> {
    if (this.#walk.edge.size === 0) return
    const opened = this.#signatures.open(note)
    // Keys that were named behind the end of this check are for the next one to judge.
    if (typeof opened === 'string' && (await this.#isRotatedSince())) return
    const root = typeof opened === 'string' ? undefined : opened.checkpoint.root
    if (root === undefined || (await this.#growsTo(size, root))) {
      this.#signatures.checkpoint({ size, note }, root ?? new Uint8Array(0))
    } else {
      this.#signatures.checkpoint({ size, note }, new Uint8Array(hashLength))
    }
  }

  /** Whether the log says that its keys were replaced while the check ran. */
  async #isRotatedSince(): Promise<boolean> {
    for await (const stored of upTo(this.#head.size, this.#log.declarations())) {
      if (stored.seq < this.#head.size) continue
      const { leaf } = parseLeaf(stored.leaf)
      const isRotation = leaf?.kind === 'control' && leaf.operation === 'key.rotated'
      if (isRotation && (await isInTree(this.#log, await headOf(this.#log), stored))) return true
    }
    return false
  }

  /** After a range: the tree must have grown from here to the head. */
  async #leadsToHead(): Promise<void> {
    const { size, root } = this.#head
    if (this.#to === 0 || (await this.#growsTo(size, root))) return
    const message = `the log at ${this.#to} entries does not lead to its head`
    this.#findings.find('tree_mismatch', message, { seq: this.#to - 1 })
  }

  /** Whether something that the known keys signed later grew out of the part that was walked. */
  async #growsToKnown(): Promise<boolean> {
    for await (const { note } of upTo(this.#head.size, this.#log.checkpoints(this.#to, this.#head.size))) {
      const signed = this.#signatures.openKnown(note)?.checkpoint
      if (signed !== undefined && signed.size <= this.#head.size) return await this.#growsTo(signed.size, signed.root)
    }
    return false
  }

  /** Whether the tree that was walked is a beginning of the tree of `size` entries with this root. */
  async #growsTo(size: number, root: Uint8Array): Promise<boolean> {
    const from = this.#walk.edge.size
    if (from === size) return equal(this.#walk.edge.root(), root)
    try {
      const tiles = await readTiles(this.#log, size, tilesForConsistency(from, size), this.#options.inner)
      return checkConsistency(consistencyProof(from, size, tiles), from, size, this.#walk.edge.root(), root)
    } catch {
      return false
    }
  }

  /** The root at an earlier size: as the walk saw it, or, where it did not come by, from the tiles. */
  async #rootAt(size: number): Promise<Uint8Array> {
    const seen = this.#walk.rootSeen(size)
    if (seen !== undefined) return seen
    try {
      return rootAt(size, await readTiles(this.#log, size, tilesForRoot(size), this.#options.inner))
    } catch {
      return new Uint8Array(0)
    }
  }
}

/** The newest seal or checkpoint up to a size, looked for further and further back. */
async function lastUpTo<T>(
  size: number,
  read: (after: number, to: number) => AsyncIterable<T> | Iterable<T>,
): Promise<T | undefined> {
  let last: T | undefined
  for (let span = 1024; last === undefined; span *= 8) {
    for await (const one of upTo(span, read(Math.max(0, size - span), size))) last = one
    if (span >= size) break
  }
  return last
}

/** As much of what stands behind the end, or came while the check ran, is looked at. */
const mostBehind = 1000
/** The unfinished tiles of a tree. */
function edgeTiles(size: number): { level: number; index: number; width: number }[] {
  const tiles = []
  for (let level = 0; tileWidth ** level <= size; level++) {
    const width = partialWidth(level, size)
    if (width > 0) tiles.push({ level, index: Math.floor(size / tileWidth ** (level + 1)), width })
  }
  return tiles
}

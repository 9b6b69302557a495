/**
 * The commit path: what happens to a group of drafts until they are entries, in the order in which it happens.
 *
 * Any number of processes may write one log. Each holds a copy of the tree's right edge, takes the log's write lock,
 * looks whether another was there meanwhile, and goes on from the head as it stands. So the log cannot fork.
 */

import { equal, toHex, utf8 } from '../core/bytes.ts'
import { captureEntry, controlOperationOf, type Draft } from '../core/capture.ts'
import { openCheckpoint, signCheckpoint } from '../core/checkpoint.ts'
import { type ControlInput, ownComponent } from '../core/control.ts'
import type { Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { genesisHash, hashLength, leafHashHex, writeHashHex } from '../core/hash.ts'
import { leafText, parseLeaf } from '../core/leaf.ts'
import { sha256Hex } from '../core/primitives.ts'
import { parseRanges } from '../core/ranges.ts'
import { epochMicros, epochOf, type Seal, type SealKey, sealMac } from '../core/seal.ts'
import { commitment, saltLength } from '../core/sealed.ts'
import { partialWidth, tileWidth } from '../core/tile.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { RightEdge, rootAt } from '../core/tree.ts'
import type { Batch, Head, NewEntry, Removal, Store, StoredEntry } from '../store/store.ts'
import { readTiles } from '../store/tiles.ts'
import { type Anchor, rememberedOf } from './anchor.ts'
import { IdSource, type World } from './clock.ts'
import type { LogKeys, Vkeys } from './keys.ts'

/** What the log shall let go of, and the entry that says why. Plain data. */
export interface RemovalRequest {
  readonly operation: 'retention.pruned' | 'subject.erased'
  /** The entries whose content goes, as `core/ranges.ts` writes them. */
  readonly entries: string
  /** The leaves below this number go, but the first: a multiple of 256, 0 for none. */
  readonly below: number
  /** Why, for everyone to read; the log adds what was removed, and the tree before. */
  readonly attributes: { readonly [name: string]: string | number | boolean }
  /** Why, sealed. */
  readonly sealed?: { readonly [name: string]: unknown }
  readonly actor?: ControlInput['actor']
}

/** What the next entry stands on. */
interface Tip {
  readonly edge: RightEdge
  readonly root: Uint8Array
  /** The leaf hash of the newest entry, or the genesis hash. */
  readonly lastHash: string
  readonly lastTime: Micros
}

export interface SequencerOptions {
  readonly store: Store
  readonly keys: LogKeys
  readonly anchor: Anchor
  /** For salts, and for the time of a signature. */
  readonly world: World
  /** Told what is durable now, before anyone else hears of it. */
  readonly onCommitted?: ((entries: readonly StoredEntry[], removal: Removal | undefined) => void) | undefined
}

/** Entries that are looked through at once for ids that may be there already. */
const stretch = 1024

/** What one commit shall bring. */
interface Plan {
  readonly drafts: readonly Draft[]
  readonly removal?: Removal
  readonly recordsStep?: number
}

export class Sequencer {
  readonly #store: Store
  readonly #keys: LogKeys
  readonly #anchor: Anchor
  readonly #world: World
  readonly #onCommitted: (entries: readonly StoredEntry[], removal: Removal | undefined) => void
  readonly #ids: IdSource
  /** Where this process last saw the log end; `undefined` when it must look again. */
  #tip: Tip | undefined
  /** The size that this process last handed to the anchor. */
  #anchored = 0

  constructor({ store, keys, anchor, world, onCommitted = () => {} }: SequencerOptions) {
    this.#store = store
    this.#keys = keys
    this.#anchor = anchor
    this.#world = world
    this.#onCommitted = onCommitted
    this.#ids = new IdSource(world)
  }

  /** The number of entries, as this process last saw it. */
  get size(): number {
    return this.#tip?.edge.size ?? 0
  }

  /**
   * Makes entries of drafts: all of them, in order, side by side, or none.
   *
   * @returns one receipt a draft, when all are on the disk
   * @throws AuditError `damaged` when the log disagrees with itself, `frozen`, `busy`, `io`
   */
  commit(drafts: readonly Draft[]): Promise<Receipt[]> {
    return this.#commit(() => ({ drafts }))
  }

  /**
   * Lets go of content or leaves, and declares it: both in one commit, so that neither is ever there without the other.
   *
   * @throws AuditError `bad_input` when the log does not have what shall go, or cannot do without; otherwise as `commit`
   */
  async remove({ entries, below, operation, attributes, ...rest }: RemovalRequest): Promise<Receipt> {
    const content = parseRanges(entries)
    if (below > 0) await this.#checkMayGo(below)
    const [receipt] = await this.#commit(head => {
      const size = head?.size ?? 0
      if ((content.at(-1)?.[1] ?? 0) >= size || below >= size || below % tileWidth !== 0) {
        throw new AuditError('bad_input', `the log has ${size} entries: what shall go must be among them`)
      }
      // Leaves that go may be those that say whether the log is frozen.
      const state: { frozen?: boolean } = below > 0 ? { frozen: head?.frozen ?? false } : {}
      const facts = { ...attributes, ...state, entries, below, listDigest: sha256Hex(utf8(entries)), sizeBefore: size }
      const declaration = { ...rest, operation, attributes: { ...facts, rootBefore: toHex(head!.root) } }
      return this.#declaration(head!, declaration, { content, below })
    })
    return receipt!
  }

  /** What leads from the first keys to those that sign, or from what was signed to a copy restored, must stay readable. */
  async #checkMayGo(below: number): Promise<void> {
    for await (const { seq, leaf } of this.#store.declarations()) {
      const operation = parseLeaf(leaf).leaf?.operation
      if (seq >= below || (operation !== 'key.rotated' && operation !== 'log.restored')) continue
      throw new AuditError(
        'bad_input',
        `entry ${seq}, ${operation}, is needed by every later check: leaves go below it only`,
      )
    }
  }

  /**
   * Names the keys that are to sign from now on, and has the old ones vouch for them: in two entries, of which the second
   * holds a checkpoint of everything before it, the first among it, signed by the old keys. Until then nothing is changed.
   */
  async announceKeys({ ed25519, mldsa44 }: Vkeys): Promise<Receipt> {
    const attributes = { 'vkey.ed25519': ed25519, 'vkey.mldsa44': mldsa44 }
    await this.#commit(head => this.#declaration(head!, { operation: 'key.rotated', attributes }))
    const [receipt] = await this.#commit(head =>
      this.#declaration(head!, { operation: 'key.rotated', attributes: { checkpoint: this.#sign(head!) } }),
    )
    return receipt!
  }

  /** Records that an older copy of the log was put in its place, and what was given up with that. */
  async recordRestore(entry: Omit<ControlInput, 'operation'>): Promise<Receipt> {
    const [receipt] = await this.#commit(head => this.#declaration(head!, { ...entry, operation: 'log.restored' }))
    return receipt!
  }

  /** Records that the store went on to another version of its schema, if it did and no entry says so yet. */
  async recordStep(): Promise<void> {
    const step = await this.#store.unrecordedStep?.()
    if (step === undefined) return
    const attributes = { what: 'schema', to: step }
    await this.#commit(() => ({
      drafts: [this.#control({ operation: 'log.migrated', attributes })],
      recordsStep: step,
    }))
  }

  /** An entry that stands in the list of those that a check must know, wherever it begins. */
  #declaration(
    head: Head,
    entry: ControlInput,
    removed: Omit<Removal, 'declaredBy'> = { content: [], below: 0 },
  ): Plan {
    return { drafts: [this.#control(entry)], removal: { declaredBy: head.size, ...removed } }
  }

  #control(entry: ControlInput): Draft {
    const time = this.#world.now()
    return captureEntry({ ...entry, component: ownComponent }, { id: this.#ids.next(time), time, control: true })
  }

  async #commit(planFor: (head: Head | undefined) => Plan): Promise<Receipt[]> {
    let receipts: Receipt[] = []
    let promised: Batch | undefined
    let next: Tip | undefined
    try {
      // 1. Take the write lock. A crash from here on leaves the log as it was.
      await this.#store.commit(async head => {
        // 2. Go on from the head as it stands. If another process moved it, read the right edge again.
        const tip = await this.#tipAt(head)
        // 3. Build the entries: commitments, leaf, chain, tree, seals. The seal key may go on to a new epoch here; if
        //    we crash after that, it is ahead of the log, and the next entry's time will not be before it.
        const { drafts, ...plan } = planFor(head)
        const frozen = frozenAfter(drafts, head?.frozen ?? false)
        const built = build(drafts, tip, this.#keys.seals, this.#world)
        receipts = built.receipts
        promised = { ...built.batch, ...plan, head: { ...built.batch.head, frozen } }
        next = built.tip
        return promised
        // 4. The store writes and syncs it. A crash before that is done leaves nothing of it, after that all of it.
      })
    } catch (error) {
      this.#tip = undefined
      // 5. A store that says no may have said it too late: an entry that is there must not be reported as refused.
      if (promised === undefined || !(await this.#has(promised.head))) throw error
      return receipts
    }
    this.#tip = next
    // 6. Only now does anyone hear of it.
    this.#onCommitted(promised?.entries ?? [], promised?.removal)
    return receipts
  }

  /**
   * Signs the head, keeps the checkpoint in the log and hands it to the anchor. Signs nothing twice.
   *
   * @throws AuditError `damaged` when the log is not a continuation of what was signed before
   */
  async checkpoint(): Promise<string | undefined> {
    const { ed25519 } = this.#keys.vkeys
    const head = await this.#store.head()
    if (head === undefined) return undefined
    const last = await this.#store.lastCheckpoint()
    const signed = last?.size === head.size && this.#isSigned(last.note, head) ? last.note : undefined
    if (signed !== undefined && this.#anchored === head.size) return signed
    await this.checkAnchor()
    const note = signed ?? this.#sign(head)
    // Another process may have replaced the keys since: the new ones sign nothing from before the entry that names them.
    if (this.#keys.vkeys.ed25519 !== ed25519) return this.checkpoint()
    if (signed === undefined) await this.#store.putCheckpoint({ size: head.size, note })
    // A crash before this line leaves the anchor behind; the next checkpoint, or the next start, brings it on.
    this.#anchor.write(note)
    this.#anchored = head.size
    return note
  }

  #sign({ size, root }: Head): string {
    const { origin } = this.#keys
    return signCheckpoint({ origin, size, root }, this.#keys.signers(Math.floor(this.#world.now() / 1e6)))
  }

  #isSigned(note: string, head: Head): boolean {
    try {
      const { checkpoint } = openCheckpoint(note, this.#keys.origin, this.#keys.verifiers)
      return checkpoint.size === head.size && equal(checkpoint.root, head.root)
    } catch {
      return false
    }
  }

  /**
   * Holds the log against what the anchor remembers: whoever writes on after a rollback signs a second history.
   *
   * @throws AuditError `damaged`
   */
  async checkAnchor(): Promise<void> {
    const note = await rememberedOf(this.#store, this.#anchor)
    if (note === undefined) return
    const { checkpoint } = openCheckpoint(note, this.#keys.origin, this.#keys.verifiers)
    const head = await this.#store.head()
    if (head === undefined || head.size < checkpoint.size) {
      throw new AuditError(
        'damaged',
        `the log has ${head?.size ?? 0} entries but ${checkpoint.size} were signed: it was cut short or replaced; run verify`,
      )
    }
    const tiles = await readTiles(this.#store, checkpoint.size)
    if (!equal(rootAt(checkpoint.size, tiles), checkpoint.root)) {
      throw new AuditError(
        'damaged',
        `the log is not the one that was signed at ${checkpoint.size} entries; run verify`,
      )
    }
    // A restore that was cut off a moment before its end: this is the end of it.
    if (note === this.#anchor.readNext?.()) this.#anchor.takeNext?.()
  }

  /** The ids of all entries whose time is not before a moment, and of some before them. */
  async idsSince(time: Micros): Promise<Set<string>> {
    const ids = new Set<string>()
    let isBefore = false
    for (let end = (await this.#store.head())?.size ?? 0; end > 0 && !isBefore; end = Math.max(0, end - stretch)) {
      for await (const some of this.#store.entries(Math.max(0, end - stretch), end)) {
        for (const { leaf: bytes } of some) {
          const { leaf } = parseLeaf(bytes)
          if (leaf === undefined) continue
          ids.add(leaf.id)
          isBefore ||= parseTime(leaf.time)! < time
        }
      }
    }
    return ids
  }

  async #tipAt(head: Head | undefined): Promise<Tip> {
    const known = this.#tip
    // By its root too: where another copy was put in its place, it may be of the same size.
    if (known !== undefined && head !== undefined && known.edge.size === head.size && equal(known.root, head.root)) {
      return known
    }
    this.#tip = undefined
    if (head === undefined || head.size === 0) {
      const edge = RightEdge.empty()
      return { edge, root: edge.root(), lastHash: genesisHash(this.#keys.origin), lastTime: 0 }
    }
    const tiles = await Promise.all(
      Array.from({ length: Math.ceil(Math.log2(head.size + 1) / 8) }, (_, level) =>
        partialWidth(level, head.size) === 0
          ? undefined
          : this.#store.tile(level, Math.floor(head.size / tileWidth ** (level + 1))),
      ),
    )
    const edge = RightEdge.load(head.size, level => tiles[level] ?? new Uint8Array(0))
    if (!equal(edge.root(), head.root)) {
      throw new AuditError('damaged', 'the newest hashes of the log do not lead to its head: run verify')
    }
    let last: { leaf: Uint8Array } | undefined
    for await (const some of this.#store.entries(head.size - 1, head.size)) last = some[0]
    const parsed = last === undefined ? { problem: 'is missing' } : parseLeaf(last.leaf)
    if (last === undefined || parsed.problem !== undefined) {
      throw new AuditError('damaged', `the newest entry of the log, ${head.size - 1}, ${parsed.problem}: run verify`)
    }
    const lastHash = leafHashHex(last.leaf)
    const newest = await this.#store.tile(0, Math.floor((head.size - 1) / tileWidth))
    const at = ((head.size - 1) % tileWidth) * hashLength
    if (newest === undefined || lastHash !== toHex(newest.subarray(at, at + hashLength))) {
      throw new AuditError('damaged', `the newest entry of the log, ${head.size - 1}, was changed: run verify`)
    }
    return { edge, root: head.root, lastHash, lastTime: parseTime(parsed.leaf.time)! }
  }

  /** Whether the log contains the tree that was promised. */
  async #has({ size, root }: Head): Promise<boolean> {
    try {
      const head = await this.#store.head()
      if (head === undefined || head.size < size) return false
      return equal(rootAt(size, await readTiles(this.#store, size)), root)
    } catch {
      return false
    }
  }
}

/**
 * Whether the log is frozen after these drafts.
 *
 * @throws AuditError `frozen` when it is, and one of them is not about the log itself
 */
function frozenAfter(drafts: readonly Draft[], frozenBefore: boolean): boolean {
  let frozen = frozenBefore
  for (const draft of drafts) {
    const operation = controlOperationOf(draft)
    if (frozen && operation === undefined) {
      throw new AuditError('frozen', 'the log is frozen: it takes no entries until someone lifts that')
    }
    if (operation === 'log.frozen') frozen = true
    else if (operation === 'log.unfrozen') frozen = false
  }
  return frozen
}

/** Entries out of drafts, one after the other. The tip that was given is not changed: the commit may fail. */
function build(
  drafts: readonly Draft[],
  tip: Tip,
  seals: { readonly current: SealKey; advance(epoch: number): SealKey },
  world: World,
): { receipts: Receipt[]; batch: Batch; tip: Tip } {
  const edge = tip.edge.clone()
  const fields = contentOf(drafts, world)
  const hashes = new Uint8Array(drafts.length * hashLength)
  const entries: NewEntry[] = []
  const receipts: Receipt[] = []
  const made: Seal[] = []
  let { lastHash, lastTime } = tip
  let key = seals.current
  const seal = () => made.push({ size: edge.size, epoch: key.epoch, mac: sealMac(key, edge.size, edge.root()) })

  for (let i = 0; i < drafts.length; i++) {
    const draft = drafts[i]!
    // The clock may have been set back, here or in another process; the log's time never goes back, nor does the key's.
    let time = Math.max(draft.time, lastTime, key.start + key.epoch * epochMicros)
    if (epochOf(key.start, time) > key.epoch) {
      if (i > 0) seal()
      key = seals.advance(epochOf(key.start, time))
      time = Math.max(time, key.start + key.epoch * epochMicros)
    }
    const { content, commitments } = fields[i]!
    const seq = edge.size
    const leaf = Buffer.from(leafText(draft, { seq, time, previousHash: lastHash }, commitments))
    const entryHash = leafHashHex(leaf)
    writeHashHex(hashes, i * hashLength, entryHash)
    edge.append(hashes, i * hashLength)
    entries.push({ seq, hash: hashes.subarray(i * hashLength, (i + 1) * hashLength), leaf, content })
    receipts.push({ seq, id: draft.id, entryHash, time: formatTime(time) })
    lastHash = entryHash
    lastTime = time
  }
  seal()
  const full = edge.takeFullTiles()
  const above = full.length > 0 ? edge.partialTiles().filter(({ level }) => level > 0) : []
  const root = edge.root()
  return {
    receipts,
    batch: { entries, tiles: [...full, ...above], seals: made, head: { size: edge.size, root } },
    tip: { edge, root, lastHash, lastTime },
  }
}

/** The content of each draft, with the commitments to it; one buffer and one draw of salts for all. */
function contentOf(drafts: readonly Draft[], world: World): { content: Uint8Array; commitments: string[] }[] {
  let bytes = 0
  let values = 0
  for (const { sealed } of drafts) {
    values += sealed.length / 2
    for (const text of sealed) bytes += Buffer.byteLength(text)
  }
  const drawn = world.random(values * saltLength)
  const salts = Buffer.from(drawn.buffer, drawn.byteOffset, drawn.byteLength)
  const out = Buffer.allocUnsafeSlow(bytes + values * (4 + 1 + saltLength + 1))
  let at = 0
  let salt = 0
  return drafts.map(({ sealed }) => {
    const start = at
    const commitments: string[] = []
    for (let i = 0; i < sealed.length; i += 2) {
      const from = at + 4
      out[from] = 2
      salts.copy(out, from + 1, salt, salt + saltLength)
      salt += saltLength
      at = from + 1 + saltLength
      at += out.write(sealed[i]!, at)
      out[at++] = 0
      at += out.write(sealed[i + 1]!, at)
      out.writeUInt32BE(at - from, from - 4)
      commitments.push(commitment(out.subarray(from, at)))
    }
    return { content: out.subarray(start, at), commitments }
  })
}

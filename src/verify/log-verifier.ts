/**
 * The check of a log: all of it, a range, or one entry, over anything that can be read like a store.
 *
 * It walks the entries once, a tile at a time, in constant memory, and holds three things against each other that an
 * attacker would have to change together: each leaf's own hash, the hash that the tree keeps of it, and the link in the
 * leaf after it. Seals, checkpoints and anchors are then held against the tree at their size. Everything is reported, in
 * order; nothing that is found is ever thrown.
 */
import { equal, toHex } from '../core/bytes.ts'
import { type OpenedCheckpoint, openCheckpoint, peekCheckpoint } from '../core/checkpoint.ts'
import type { Leaf } from '../core/entry.ts'
import {
  type Declaration,
  type Finding,
  type FindingType,
  finding,
  type Omission,
  type Trust,
  type VerificationReport,
} from '../core/finding.ts'
import { genesisHash, hashLength, leafHashHex, writeHashHex } from '../core/hash.ts'
import { canonicalize, parseJson } from '../core/json.ts'
import { parseLeaf } from '../core/leaf.ts'
import { openNote, type Verifier } from '../core/note.ts'
import { equalInConstantTime } from '../core/primitives.ts'
import { checkConsistency, consistencyProof, tilesForConsistency } from '../core/proof.ts'
import { epochOf, evolve, type Seal, type SealKey, sealMac } from '../core/seal.ts'
import { commitment, parseContent, parsePreimage } from '../core/sealed.ts'
import { partialWidth, tileWidth } from '../core/tile.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { RightEdge, rootAt, tilesForRoot } from '../core/tree.ts'
import { parseVkey } from '../core/vkey.ts'
import type { Head, LogReader, StoredCheckpoint, StoredEntry } from '../store/store.ts'
import { readTiles } from '../store/tiles.ts'

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
  /** Told after each tile. */
  readonly onProgress?: (position: VerifyPosition, size: number) => void
  readonly signal?: AbortSignal
  /** Milliseconds, monotonic; for `durationMs`. */
  readonly clock?: () => number
}

/** As much of a check as is needed to go on with it later: plain data. */
export interface VerifyPosition {
  /** The next entry to check. */
  readonly next: number
  readonly openIntents: readonly Omission[]
  readonly gaps: readonly Omission[]
  readonly declared: readonly Declaration[]
}

/** Findings that a report lists; a log that was rewritten as a whole would fill the memory with them. */
const maxFindings = 10_000

/** Control operations that declare a discontinuity. */
const declarations = new Set([
  'log.restored',
  'log.frozen',
  'log.migrated',
  'key.rotated',
  'retention.pruned',
  'subject.erased',
  'hold.placed',
  'hold.released',
  'gap.recorded',
])

/**
 * Checks a log.
 *
 * @throws AuditError only when the log cannot be read at all
 * @example const report = await verifyLog(store, { verifiers, anchors: [anchor] })
 */
export async function verifyLog(log: LogReader, options: VerifyOptions = {}): Promise<VerificationReport> {
  const clock = options.clock ?? (() => performance.now())
  const started = clock()
  const head = await log.head()
  const check = new Check(log, options, head ?? { size: 0, root: new Uint8Array(0) })
  await check.run()
  return { ...check.report(), durationMs: clock() - started }
}

/** A leaf that does not have the hash that the tree keeps: who is right, the next link will tell. */
interface Suspect {
  readonly seq: number
  readonly id: string | undefined
  readonly computed: string
  readonly kept: string
}

class Check {
  readonly #log: LogReader
  readonly #options: VerifyOptions
  readonly #head: Head
  readonly #from: number
  readonly #to: number

  readonly #findings: Finding[] = []
  #omitted = 0
  readonly #declared: Declaration[] = []
  readonly #openIntents = new Map<string, Omission>()
  readonly #gaps: Omission[] = []
  #entries = 0

  #edge = RightEdge.empty()
  /** The hash that the next link should name, and the one that the tree keeps, where the two differ. */
  #previous = { computed: '', kept: '' }
  #suspect: Suspect | undefined
  /** Entries just before this one that are gone, and their hashes with them. */
  #gone = 0
  /** From where on a tile above the entries is in doubt, whichever entry that comes from. */
  #doubtFrom: number | undefined
  /** What was sealed and signed at sizes that the walk has not reached yet. */
  readonly #seals: Seal[] = []
  readonly #checkpoints: StoredCheckpoint[] = []
  /** The roots at the sizes of the anchors, as the walk comes by. */
  readonly #rootsWanted = new Map<number, Uint8Array | undefined>()
  #lastTime: Micros = 0
  #start: Micros | undefined
  #sealKey: SealKey | undefined
  #lastSeal: { size: number; epoch: number } | undefined
  #verifiers: readonly Verifier[]
  #origin: string
  #signedSize = 0
  #witnesses = 0

  constructor(log: LogReader, options: VerifyOptions, head: Head) {
    this.#log = log
    this.#options = options
    this.#head = head
    this.#from = options.resume?.next ?? options.from ?? 0
    this.#to = Math.min(options.to ?? head.size, head.size)
    this.#sealKey = options.sealKey
    this.#start = options.sealKey?.start
    this.#verifiers = options.verifiers ?? []
    this.#origin = this.#verifiers[0]?.name ?? ''
    for (const note of options.anchors ?? []) {
      const checkpoint = peekCheckpoint(note)
      if (checkpoint !== undefined) this.#rootsWanted.set(checkpoint.size, undefined)
    }
    for (const open of options.resume?.openIntents ?? []) this.#openIntents.set(open.id, open)
    this.#gaps.push(...(options.resume?.gaps ?? []))
    this.#declared.push(...(options.resume?.declared ?? []))
  }

  async run(): Promise<void> {
    await this.#readGenesis()
    await this.#begin()
    for (let at = this.#from; at < this.#to; at = nextTile(at)) {
      await this.#tile(at, Math.min(nextTile(at), this.#to))
      this.#options.onProgress?.(this.#position(), this.#head.size)
      this.#options.signal?.throwIfAborted()
    }
    this.#judgeSuspect(undefined)
    this.#replaceGone(undefined)
    await this.#tilesAbove(this.#edge.takeFullTiles())
    await this.#end()
    await this.#checkAnchors()
    if (this.#options.deep) {
      for (const projection of this.#options.projections ?? []) {
        for await (const found of projection()) this.#add(found)
      }
    }
  }

  report(): Omit<VerificationReport, 'durationMs'> {
    const named = this.#findings.flatMap(({ seq }) => (seq === undefined ? [] : [seq]))
    const first = named.length > 0 ? named.reduce((a, b) => Math.min(a, b)) : this.#doubtFrom
    const missing = [...this.#openIntents.values(), ...this.#gaps].sort((a, b) => a.seq - b.seq)
    return {
      valid: this.#findings.length === 0,
      complete: missing.length === 0,
      trust: this.#trust(),
      entries: this.#entries,
      size: this.#head.size,
      rootHash: this.#to === 0 ? '' : toHex(this.#edge.root()),
      findings: this.#findings.sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity)),
      findingsOmitted: this.#omitted,
      ...(first === undefined ? {} : { firstUntrusted: first }),
      declared: this.#declared,
      missing,
    }
  }

  #position(): VerifyPosition {
    return {
      next: this.#edge.size,
      openIntents: [...this.#openIntents.values()],
      gaps: this.#gaps,
      declared: this.#declared,
    }
  }

  #add(found: Finding): void {
    if (this.#findings.length < maxFindings) this.#findings.push(found)
    else this.#omitted++
  }

  #find(type: FindingType, message: string, facts?: Omit<Finding, 'type' | 'severity' | 'message'>): void {
    this.#add(finding(type, message, facts))
  }

  /** Entry 0 names the log and its keys: these must be the ones that are known from outside. */
  async #readGenesis(): Promise<void> {
    if (this.#head.size === 0) return
    let first: StoredEntry | undefined
    for await (const some of this.#log.entries(0, 1)) first = some[0]
    const leaf = first === undefined ? undefined : parseLeaf(first.leaf).leaf
    const { origin, 'vkey.ed25519': ed25519, 'vkey.mldsa44': mldsa44 } = leaf?.attributes ?? {}
    if (leaf?.operation !== 'log.created' || leaf.kind !== 'control' || typeof origin !== 'string') {
      if (leaf !== undefined)
        this.#find('foreign_entry', 'entry 0 does not begin a log: it is not log.created', { seq: 0 })
      return
    }
    this.#start ??= parseTime(leaf.time)
    if (this.#verifiers.length === 0) {
      this.#origin = origin
      this.#verifiers = [ed25519, mldsa44].flatMap(vkey => parsedVkey(vkey))
      return
    }
    if (origin !== this.#origin) {
      this.#find('foreign_entry', `this is the log ${origin}, not ${this.#origin}`, {
        seq: 0,
        expected: this.#origin,
        actual: origin,
      })
    }
    const own = [ed25519, mldsa44].flatMap(vkey => parsedVkey(vkey))
    const known = this.#verifiers.every(({ keyId, type }) => own.some(key => key.keyId === keyId && key.type === type))
    if (!known && origin === this.#origin) {
      this.#find('signature_invalid', 'the keys that the log names are not the keys that are known outside it', {
        seq: 0,
      })
    }
  }

  /** Goes to where the check begins: what lies before is believed as far as its tiles lead to the signed root. */
  async #begin(): Promise<void> {
    const from = this.#from
    if (from === 0 || from >= this.#head.size) {
      const genesis = genesisHash(this.#origin)
      this.#previous = { computed: genesis, kept: genesis }
      return
    }
    const tiles = await readTiles(this.#log, from, edgeTiles(from))
    this.#edge = RightEdge.load(from, level => {
      const width = partialWidth(level, from)
      return tiles(level, Math.floor(from / tileWidth ** (level + 1)), width)
    })
    const hashes = await this.#log.tile(0, Math.floor((from - 1) / tileWidth))
    const at = ((from - 1) % tileWidth) * hashLength
    const kept = hashes === undefined ? '' : toHex(hashes.subarray(at, at + hashLength))
    this.#previous = { computed: kept, kept }
    for await (const [before] of this.#log.entries(from - 1, from)) {
      this.#lastTime = parseTime((before && parseLeaf(before.leaf).leaf?.time) ?? '') ?? 0
    }
    await this.#findLastSeal(from)
  }

  /** The newest seal up to a size, looked for further and further back. */
  async #findLastSeal(size: number): Promise<void> {
    for (let span = 1024; this.#lastSeal === undefined; span *= 8) {
      for await (const seal of this.#log.seals(Math.max(0, size - span), size)) this.#lastSeal = seal
      if (span >= size) return
    }
  }

  async #tile(from: number, to: number): Promise<void> {
    const index = Math.floor(from / tileWidth)
    const kept = await this.#log.tile(0, index)
    const base = index * tileWidth
    const wide = Math.min(tileWidth, this.#head.size - base) * hashLength
    if (kept === undefined || kept.length !== wide) {
      const width = (kept?.length ?? 0) / hashLength
      this.#find('tree_mismatch', `tile 0/${index} holds ${width} hashes instead of ${wide / hashLength}`, {
        seq: from,
      })
    }
    const hex = kept === undefined ? '' : toHex(kept)

    for await (const seal of this.#log.seals(from, to)) this.#seals.push(seal)
    for await (const checkpoint of this.#log.checkpoints(from, to)) this.#checkpoints.push(checkpoint)

    const keptHash = (seq: number) => {
      const hash = hex.slice((seq - base) * 64, (seq - base + 1) * 64)
      return hash === '' || hash === unknownHash ? undefined : hash
    }
    const there: StoredEntry[] = []
    for await (const some of this.#log.entries(from, to)) there.push(...some)
    const placed = there.length < to - from ? inPlace(there, keptHash) : there
    let at = 0
    for (let seq = from; seq < to; seq++) {
      while (placed[at] !== undefined && placed[at]!.seq < seq) at++
      this.#entry(seq, placed[at]?.seq === seq ? placed[at] : undefined, keptHash(seq))
    }
    await this.#tilesAbove(this.#edge.takeFullTiles())
  }

  /** One entry: its bytes, its hash, its place in the tree, its link, its time, its sealed values. */
  #entry(seq: number, stored: StoredEntry | undefined, kept: string | undefined): void {
    this.#entries++
    if (stored === undefined) {
      this.#judgeSuspect(undefined)
      if (kept !== undefined) this.#replaceGone(undefined)
      this.#find('missing_entry', `entry ${seq} is not there`, { seq, ...(kept ? { expected: kept } : {}) })
      // A hash that is gone with its entry is known to the next link, if that is there.
      if (kept === undefined) this.#gone++
      else this.#append(kept)
      this.#previous = { computed: '', kept: kept ?? '' }
      return
    }
    const computed = leafHashHex(stored.leaf)
    const parsed = parseLeaf(stored.leaf)
    const link = parsed.leaf?.previousHash
    this.#judgeSuspect(link)
    this.#replaceGone(link)
    if (parsed.leaf === undefined) this.#find('format_invalid', `entry ${seq} ${parsed.problem}`, { seq })
    else this.#leaf(seq, parsed.leaf, stored, computed === kept)
    if (kept !== undefined && computed !== kept) this.#suspect = { seq, id: parsed.leaf?.id, computed, kept }
    else this.#append(computed)
    this.#previous = { computed, kept: kept ?? computed }
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
    while (this.#seals[0] !== undefined && this.#seals[0].size <= size) this.#seal(this.#seals.shift()!)
    while (this.#checkpoints[0] !== undefined && this.#checkpoints[0].size <= size) {
      this.#checkpoint(this.#checkpoints.shift()!)
    }
    if (this.#rootsWanted.has(size)) this.#rootsWanted.set(size, this.#edge.root())
  }

  #leaf(seq: number, leaf: Leaf, stored: StoredEntry, inTree: boolean): void {
    const facts = { seq, id: leaf.id }
    const { computed, kept } = this.#previous
    if (leaf.previousHash !== computed && leaf.previousHash !== kept && kept !== '') {
      this.#find('chain_break', `entry ${seq} does not follow the entry before it`, {
        ...facts,
        expected: computed || kept,
        actual: leaf.previousHash,
      })
      if (!inTree && leaf.seq === seq) {
        this.#find('foreign_entry', `entry ${seq} is not of this log: neither its tree nor its chain knows it`, facts)
      }
    }
    if (leaf.seq !== seq) {
      this.#find('chain_break', `the entry at ${seq} was written as entry ${leaf.seq}`, {
        ...facts,
        expected: String(seq),
        actual: String(leaf.seq),
      })
    }
    if (seq > 0 && leaf.operation === 'log.created' && leaf.kind === 'control') {
      this.#find('foreign_entry', `entry ${seq} begins a second log inside this one`, facts)
    }
    if (inTree) this.#time(facts, parseTime(leaf.time)!)
    this.#completeness(seq, leaf)
    this.#disclosures(facts, leaf, stored)
  }

  #time(facts: { seq: number; id: string }, time: Micros): void {
    if (time < this.#lastTime) {
      this.#find('temporal_violation', `entry ${facts.seq} is older than the entry before it`, {
        ...facts,
        actual: formatTime(time),
      })
    }
    this.#crossEpochs(facts.seq, time)
    this.#lastTime = Math.max(this.#lastTime, time)
  }

  /** Now that the next link is known: was the leaf changed, or the tree's hash of it? The other one goes on. */
  #judgeSuspect(link: string | undefined): void {
    const suspect = this.#suspect
    if (suspect === undefined) return
    this.#suspect = undefined
    const { seq, computed, kept } = suspect
    const facts = { seq, ...(suspect.id === undefined ? {} : { id: suspect.id }) }
    if (link === computed || (link === undefined && this.#leadsToHead(computed))) {
      this.#find('tree_mismatch', `the tree keeps another hash of entry ${seq} than the entry has`, {
        ...facts,
        expected: computed,
        actual: kept,
      })
      this.#append(computed)
    } else {
      this.#find('hash_mismatch', `entry ${seq} was changed: it does not have the hash that was recorded`, {
        ...facts,
        expected: kept,
        actual: computed,
      })
      this.#append(kept)
    }
  }

  /** Whether this hash, as the last one, leads to the head of the log. */
  #leadsToHead(hash: string): boolean {
    if (this.#edge.size + 1 !== this.#head.size) return false
    const edge = this.#edge.clone()
    writeHashHex(scratch, 0, hash)
    edge.append(scratch)
    return equal(edge.root(), this.#head.root)
  }

  #completeness(seq: number, leaf: Leaf): void {
    const { id, operation } = leaf
    if (leaf.kind === 'intent') {
      const message = `entry ${seq} says that ${operation} was about to happen; nothing says how it ended`
      this.#openIntents.set(id, { kind: 'open_intent', seq, id, operation, message })
    } else if (leaf.intent !== undefined) {
      this.#openIntents.delete(leaf.intent)
    }
    if (leaf.kind !== 'control' || !declarations.has(operation)) return
    this.#declared.push({ operation, seq, time: leaf.time, ...leaf.attributes })
    if (operation === 'gap.recorded') {
      const message = `${leaf.attributes?.entries ?? 'some'} entries could not be recorded before entry ${seq}`
      this.#gaps.push({ kind: 'gap', seq, id, operation, message })
    }
  }

  #disclosures(facts: { seq: number; id: string }, leaf: Leaf, stored: StoredEntry): void {
    const open = new Set<string>()
    let preimages: Uint8Array[] = []
    try {
      preimages = parseContent(stored.content)
    } catch {
      this.#find('disclosure_mismatch', `the sealed values of entry ${facts.seq} cannot be read`, facts)
      return
    }
    const sealed = leaf.sealed ?? {}
    for (const preimage of preimages) {
      const name = disclosedName(preimage)
      const committed = name === undefined ? undefined : sealed[name]
      if (name === undefined || committed === undefined || commitment(preimage) !== committed || open.has(name)) {
        this.#find('disclosure_mismatch', `a sealed value of entry ${facts.seq} is not the one that was committed to`, {
          ...facts,
          ...(name === undefined ? {} : { actual: name }),
        })
      } else if (this.#options.deep && !isCanonicalValue(preimage)) {
        this.#find('format_invalid', `${name} of entry ${facts.seq} is not in canonical spelling`, facts)
      }
      if (name !== undefined) open.add(name)
    }
    for (const name in sealed) {
      if (!open.has(name)) {
        this.#find('disclosure_missing', `${name} of entry ${facts.seq} is gone, and no entry declares it`, {
          ...facts,
          expected: name,
        })
      }
    }
  }

  /** Each epoch in which entries were written must end in a seal of its own: a later key cannot stand in for it. */
  #crossEpochs(seq: number, time: Micros): void {
    if (this.#start === undefined || seq === 0) return
    const epoch = epochOf(this.#start, this.#lastTime)
    if (epochOf(this.#start, time) <= epoch) return
    if (this.#lastSeal?.size === seq && this.#lastSeal.epoch === epoch) return
    this.#find('seal_invalid', `the entries up to ${seq - 1} are not sealed with the key of their time`, {
      seq: seq - 1,
    })
  }

  #seal(seal: Seal): void {
    const seq = seal.size - 1
    this.#lastSeal = seal
    if (this.#start !== undefined && seal.epoch !== epochOf(this.#start, this.#lastTime)) {
      this.#find('seal_invalid', `the seal over entry ${seq} is not of the time of that entry`, { seq })
    }
    if (this.#sealKey === undefined || seal.epoch < this.#sealKey.epoch) return
    this.#sealKey = evolve(this.#sealKey, seal.epoch)
    if (!equalInConstantTime(sealMac(this.#sealKey, seal.size, this.#edge.root()), seal.mac)) {
      this.#find('seal_invalid', `the seal over entry ${seq} is not over these entries`, { seq })
    }
  }

  #checkpoint({ size, note }: StoredCheckpoint): void {
    const opened = this.#open(note)
    const seq = size - 1
    if (typeof opened === 'string') {
      this.#find('signature_invalid', `the checkpoint of ${size} entries is not signed by the log's keys: ${opened}`, {
        seq,
      })
    } else if (opened.checkpoint.size !== size || !equal(opened.checkpoint.root, this.#edge.root())) {
      this.#find('signature_invalid', `what was signed at ${size} entries is not this log`, {
        seq,
        expected: toHex(opened.checkpoint.root),
        actual: toHex(this.#edge.root()),
      })
    } else {
      this.#signedSize = size
      this.#countWitnesses(note)
    }
  }

  /** A checkpoint signed by all of the log's keys, or why it is not: leaving out one signature is a way to cheat too. */
  #open(note: string): OpenedCheckpoint | string {
    try {
      const opened = openCheckpoint(note, this.#origin, this.#verifiers)
      const complete = this.#verifiers.every(({ keyId, name }) =>
        opened.verified.some(signature => signature.keyId === keyId && signature.name === name),
      )
      return complete ? opened : 'a signature is missing'
    } catch (error) {
      return (error as Error).message
    }
  }

  #countWitnesses(note: string): void {
    const witnesses = this.#options.witnesses ?? []
    if (witnesses.length === 0) return
    try {
      const { verified } = openNote(note, witnesses)
      this.#witnesses = Math.max(this.#witnesses, new Set(verified.map(({ name }) => name)).size)
    } catch {
      // A note that no witness has signed is a note without witnesses.
    }
  }

  async #tilesAbove(tiles: readonly { level: number; index: number; hashes: Uint8Array }[]): Promise<void> {
    for (const { level, index, hashes } of tiles) {
      if (level === 0) continue
      const kept = await this.#log.tile(level, index)
      if (kept !== undefined && equal(kept, hashes)) continue
      const what = kept === undefined ? 'is missing' : 'does not follow from the tiles below'
      this.#find('tree_mismatch', `tile ${level}/${index} ${what}`)
      this.#doubtFrom = Math.min(this.#doubtFrom ?? Infinity, index * tileWidth ** (level + 1))
    }
  }

  /** The end: the head, what may stand behind it, and the newest seal and checkpoint. */
  async #end(): Promise<void> {
    const { size, root } = this.#head
    if (this.#to < size) {
      await this.#checkRest()
      return
    }
    const last = { seq: size - 1 }
    if (size > 0 && this.#from < size) {
      await this.#tilesAbove(this.#edge.partialTiles())
      if (!equal(this.#edge.root(), root)) {
        this.#find('tree_mismatch', 'the head of the log is not the root of its entries', {
          ...last,
          expected: toHex(this.#edge.root()),
          actual: toHex(root),
        })
      }
      if (this.#lastSeal?.size !== size) this.#find('seal_invalid', 'the newest entries are not sealed', last)
    }
    for await (const some of this.#log.entries(size, Number.MAX_SAFE_INTEGER)) {
      for (const { seq } of some) this.#find('foreign_entry', `entry ${seq} stands behind the end of the log`, { seq })
    }
    for await (const { size: signed, note } of this.#log.checkpoints(size, Number.MAX_SAFE_INTEGER)) {
      const genuine = typeof this.#open(note) !== 'string'
      if (genuine) this.#find('rollback', `${signed} entries were signed, ${size} are there`, { seq: size })
      else this.#find('signature_invalid', `the checkpoint of ${signed} entries is not signed by the log's keys`, last)
    }
    if (size > 0 && this.#from === 0 && this.#signedSize === 0 && !this.#findings.some(isAboutSignature)) {
      this.#find('signature_invalid', 'the log has no signed checkpoint', last)
    }
  }

  /** After a range: the tree must have grown from here to the head, and the head be the one that was signed. */
  async #checkRest(): Promise<void> {
    const { size, root } = this.#head
    try {
      const tiles = await readTiles(this.#log, size, tilesForConsistency(this.#to, size))
      if (
        this.#to > 0 &&
        !checkConsistency(consistencyProof(this.#to, size, tiles), this.#to, size, this.#edge.root(), root)
      ) {
        this.#find('tree_mismatch', `the log at ${this.#to} entries does not lead to its head`, { seq: this.#to - 1 })
      }
    } catch (error) {
      this.#find('tree_mismatch', (error as Error).message, { seq: this.#to })
    }
  }

  /** What was remembered outside is stronger than anything in the file. */
  async #checkAnchors(): Promise<void> {
    for (const note of this.#options.anchors ?? []) await this.#checkAnchor(note)
  }

  async #checkAnchor(note: string): Promise<void> {
    const opened = this.#open(note)
    const { size } = this.#head
    if (typeof opened === 'string') {
      const origin = peekCheckpoint(note)?.origin
      if (origin !== undefined && origin !== this.#origin) {
        this.#find('foreign_entry', `the anchor is of the log ${origin}, not of ${this.#origin}`, { seq: 0 })
      } else this.#find('signature_invalid', `the anchor is not signed by the log's keys: ${opened}`)
      return
    }
    this.#countWitnesses(note)
    const { checkpoint } = opened
    if (checkpoint.size > size) {
      this.#find('rollback', `the log once had ${checkpoint.size} entries, signed; ${size} are there`, {
        seq: size,
        expected: String(checkpoint.size),
        actual: String(size),
      })
      return
    }
    if (equal(await this.#rootAt(checkpoint.size), checkpoint.root)) return
    const [type, what] =
      this.#signedSize >= checkpoint.size
        ? (['fork', 'and yet the log has a signed checkpoint: its keys signed two histories'] as const)
        : (['rollback', 'its newest entries were replaced'] as const)
    this.#find(type, `the log is not the one that was signed at ${checkpoint.size} entries: ${what}`, {
      seq: this.#signedSize,
    })
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

  #trust(): Trust {
    if (this.#witnesses > 0) return `witnessed:${this.#witnesses}`
    if ((this.#options.anchors ?? []).length > 0) return 'anchored'
    return (this.#options.verifiers ?? []).length > 0 ? 'signed' : 'chained'
  }
}

const scratch = new Uint8Array(hashLength)
/** How a store says that it does not have a hash. */
const unknownHash = '0'.repeat(2 * hashLength)

function nextTile(at: number): number {
  return (Math.floor(at / tileWidth) + 1) * tileWidth
}

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

function parsedVkey(vkey: unknown): Verifier[] {
  try {
    return typeof vkey === 'string' ? [parseVkey(vkey)] : []
  } catch {
    return []
  }
}

function disclosedName(preimage: Uint8Array): string | undefined {
  try {
    return parsePreimage(preimage).name
  } catch {
    return undefined
  }
}

function isCanonicalValue(preimage: Uint8Array): boolean {
  try {
    const { json } = parsePreimage(preimage)
    return canonicalize(parseJson(json)) === json
  } catch {
    return false
  }
}

function isAboutSignature({ type }: Finding): boolean {
  return type === 'signature_invalid'
}

/** Whose log this is, and what was signed of it: in the log, and remembered outside. */
import { equal, toHex } from '../core/bytes.ts'
import { type OpenedCheckpoint, openCheckpoint, peekCheckpoint } from '../core/checkpoint.ts'
import type { Leaf } from '../core/entry.ts'
import type { Trust } from '../core/finding.ts'
import { openNote, type Verifier } from '../core/note.ts'
import { parseVkey } from '../core/vkey.ts'
import type { Head, StoredCheckpoint } from '../store/store.ts'
import type { Notable } from './examine.ts'
import type { Findings } from './findings.ts'
import type { GivenUp } from './given-up.ts'

export interface SignatureOptions {
  readonly verifiers?: readonly Verifier[] | undefined
  readonly witnesses?: readonly Verifier[] | undefined
  readonly anchors?: readonly string[] | undefined
  readonly keptElsewhere?: readonly string[] | undefined
}

export class SignatureCheck {
  readonly #findings: Findings
  readonly #witnesses: readonly Verifier[]
  readonly #anchors: readonly string[]
  readonly #keptElsewhere: readonly string[]
  /** Whether the keys are known from outside the log. */
  readonly #areKnown: boolean
  /** The keys by generation, the oldest first: as they are known outside, or else as the log names them. */
  #generations: readonly (readonly Verifier[])[]
  /** Generations that the log names, as far as the one before vouched for them; set once entry 0 was seen. */
  #chain: { readonly verifiers: readonly Verifier[]; readonly from: number }[] = []
  /** The generation in the chain that signed last. */
  #signing = 0
  /** A generation that was named, and that the old keys have not vouched for yet. */
  #announced: { readonly verifiers: readonly Verifier[]; readonly seq: number } | undefined
  /** Whether a generation that is known outside began the chain, or signed in it. */
  #isKnownInChain = false
  #origin: string
  /** The largest tree of the log that it signed, as far as the check came by one. */
  #signed: Head = { size: 0, root: new Uint8Array(0) }
  /** Whether the log was held against something that was remembered outside. */
  #isAnchored = false
  #witnessed = 0

  constructor(
    findings: Findings,
    { verifiers = [], witnesses = [], anchors = [], keptElsewhere = [] }: SignatureOptions,
  ) {
    this.#findings = findings
    this.#generations = generationsOf(verifiers)
    this.#witnesses = witnesses
    this.#anchors = anchors
    this.#keptElsewhere = keptElsewhere
    this.#areKnown = verifiers.length > 0
    this.#origin = verifiers[0]?.name ?? ''
  }

  get origin(): string {
    return this.#origin
  }

  /** The sizes at which the anchors remember a root. */
  get anchoredSizes(): number[] {
    return [...this.#anchors, ...this.#keptElsewhere].flatMap(note => peekCheckpoint(note)?.size ?? [])
  }

  /** Entry 0 names the log and its keys: these must be the ones that are known from outside. */
  genesis(leaf: Leaf): void {
    const { origin, 'vkey.ed25519': ed25519, 'vkey.mldsa44': mldsa44 } = leaf.attributes ?? {}
    const own = [ed25519, mldsa44].flatMap(parsedVkey)
    if (leaf.operation !== 'log.created' || leaf.kind !== 'control' || typeof origin !== 'string') {
      this.#findings.find('foreign_entry', 'entry 0 does not begin a log: it is not log.created', { seq: 0 })
    } else if (!this.#areKnown) {
      this.#origin = origin
      this.#generations = [own]
      this.#chain = [{ verifiers: own, from: 0 }]
    } else if (origin !== this.#origin) {
      const message = `this is the log ${origin}, not ${this.#origin}`
      this.#findings.find('foreign_entry', message, { seq: 0, expected: this.#origin, actual: origin })
    } else {
      this.#chain = [{ verifiers: own, from: 0 }]
      this.#isKnownInChain = this.#isKnown(own)
    }
  }

  /**
   * An entry by which the keys are replaced: the first names the new ones, the second holds a checkpoint of all that is
   * before it, signed by the old ones.
   */
  rotation(seq: number, leaf: Notable, root: Uint8Array): void {
    const { checkpoint: note, 'vkey.ed25519': ed25519, 'vkey.mldsa44': mldsa44 } = leaf.attributes ?? {}
    if (this.#chain.length === 0) return
    if (note === undefined) {
      this.#announced = { verifiers: [ed25519, mldsa44].flatMap(parsedVkey), seq }
      return
    }
    const announced = this.#announced
    // A generation that was vouched for and never signed, because a rotation was cut off, leaves the word to the old one.
    const voucher =
      announced?.verifiers.length === 2
        ? this.#chain.slice(this.#signing).find(({ verifiers }) => {
            const opened = openedBy(String(note), this.#origin, verifiers)
            return typeof opened !== 'string' && opened.checkpoint.size === seq && equal(opened.checkpoint.root, root)
          })
        : undefined
    if (announced !== undefined && voucher !== undefined) {
      this.#chain.push({ verifiers: announced.verifiers, from: seq })
      this.#isKnownInChain ||= this.#areKnown && this.#isKnown(voucher.verifiers)
    } else {
      this.#findings.find('signature_invalid', `entry ${seq} names keys that the old ones do not vouch for`, { seq })
    }
    this.#announced = undefined
  }

  /** In a walk from the middle, the newest checkpoint before it says which generation signed last. */
  signedBefore({ size, note }: StoredCheckpoint): void {
    this.#signing = Math.max(this.#signing, this.#generationOf(note, size))
  }

  /** The newest generation in the chain that may have signed at a size and has signed this; -1 when there is none. */
  #generationOf(note: string, size: number): number {
    return this.#chain.findLastIndex(
      ({ verifiers, from }, i) =>
        (i === 0 || from < size) && typeof openedBy(note, this.#origin, verifiers) !== 'string',
    )
  }

  /** Whether a generation is among those that are known from outside, as far as they are known. */
  #isKnown(verifiers: readonly Verifier[]): boolean {
    return this.#generations.some(known =>
      known.every(({ keyId, type }) => verifiers.some(key => key.keyId === keyId && key.type === type)),
    )
  }

  /** A checkpoint of the log, when the walk has come to its size. */
  checkpoint({ size, note }: StoredCheckpoint, root: Uint8Array): void {
    const opened = this.#openInTurn(note, size)
    const seq = size - 1
    if (typeof opened === 'string') {
      const message = `the checkpoint of ${size} entries is not signed by the log's keys: ${opened}`
      this.#findings.find('signature_invalid', message, { seq })
    } else if (opened.checkpoint.size !== size || !equal(opened.checkpoint.root, root)) {
      const roots = { expected: toHex(opened.checkpoint.root), actual: toHex(root) }
      this.#findings.find('signature_invalid', `what was signed at ${size} entries is not this log`, { seq, ...roots })
    } else {
      this.#signed = opened.checkpoint
      this.#countWitnesses(note)
    }
  }

  /** A checkpoint over more entries than the log has. */
  beyond({ size: signed, note }: StoredCheckpoint, size: number): void {
    if (typeof this.open(note) !== 'string') {
      this.#findings.find('rollback', `${signed} entries were signed, ${size} are there`, { seq: size })
      return
    }
    const message = `the checkpoint of ${signed} entries is not signed by the log's keys`
    this.#findings.find('signature_invalid', message, { seq: size - 1 })
  }

  /**
   * In a walk from the beginning, a checkpoint is signed by the generation that signed before, or by a later one that was
   * vouched for below its size; a generation that was followed by another signs no more.
   */
  #openInTurn(note: string, size: number): OpenedCheckpoint | string {
    if (this.#chain.length === 0) return this.open(note)
    let problem = ''
    for (let i = this.#signing; i < this.#chain.length; i++) {
      const { verifiers, from } = this.#chain[i]!
      if (i > 0 && size <= from) break
      const opened = openedBy(note, this.#origin, verifiers)
      if (typeof opened !== 'string') {
        this.#signing = i
        this.#isKnownInChain ||= this.#areKnown && this.#isKnown(verifiers)
        return opened
      }
      problem ||= opened
    }
    return problem
  }

  /** Whether keys are known, and the log named others, and nothing that was walked ties these to them. */
  get isOfUnknownKeys(): boolean {
    return this.#areKnown && this.#chain.length > 0 && !this.#isKnownInChain
  }

  ofUnknownKeys(): void {
    const message = 'the keys that the log names are not the keys that are known outside it'
    this.#findings.find('signature_invalid', message, { seq: 0 })
  }

  /** A checkpoint signed by all keys of a generation that is known outside the log. */
  openKnown(note: string): OpenedCheckpoint | undefined {
    return this.#generations
      .map(verifiers => openedBy(note, this.#origin, verifiers))
      .find(opened => typeof opened !== 'string')
  }

  /** At the end of the whole log, something of it must have been signed. */
  end(size: number): void {
    if (this.#signed.size > 0 || this.#findings.has('signature_invalid')) return
    this.#findings.find('signature_invalid', 'the log has no signed checkpoint', { seq: size - 1 })
  }

  /**
   * What was remembered outside is stronger than anything in the file. What others kept may be of a tree that a restore
   * gave up: then the log itself says so, in an entry under its signature.
   */
  async anchors(
    size: number,
    rootAt: (size: number) => Promise<Uint8Array>,
    givenUpIn: (signed: Head) => Promise<readonly GivenUp[]>,
  ): Promise<void> {
    for (const note of this.#anchors) await this.#anchor(note, size, rootAt, [])
    if (this.#keptElsewhere.length === 0) return
    const givenUp = this.#areKnown && this.#signed.size > 0 ? await givenUpIn(this.#signed) : []
    for (const note of this.#keptElsewhere) {
      const { size: signed, root } = peekCheckpoint(note) ?? {}
      const isGivenUp = givenUp.some(tree => tree.size === signed && tree.root === toHex(root!))
      if (!isGivenUp || typeof this.open(note) === 'string') await this.#anchor(note, size, rootAt, givenUp)
    }
  }

  #foreignAnchor(note: string, problem: string): void {
    const origin = peekCheckpoint(note)?.origin
    if (origin !== undefined && origin !== this.#origin) {
      const message = `the anchor is of the log ${origin}, not of ${this.#origin}`
      this.#findings.find('foreign_entry', message, { seq: 0 })
    } else {
      this.#findings.find('signature_invalid', `the anchor is not signed by the log's keys: ${problem}`)
    }
  }

  async #anchor(
    note: string,
    size: number,
    rootAt: (size: number) => Promise<Uint8Array>,
    givenUp: readonly GivenUp[],
  ): Promise<void> {
    const opened = this.open(note)
    this.#isAnchored = true
    if (typeof opened === 'string') return this.#foreignAnchor(note, opened)
    const { checkpoint } = opened
    const isThere = checkpoint.size <= size
    if (isThere && equal(await rootAt(checkpoint.size), checkpoint.root)) {
      const { size: signed } = this.#signed
      if (checkpoint.size < signed && this.#generationOf(note, checkpoint.size) > this.#signing) {
        const message = `the checkpoint of ${signed} entries is signed by keys that were replaced: newer ones had signed ${checkpoint.size}`
        this.#findings.find('signature_invalid', message, { seq: signed - 1 })
      }
      if (checkpoint.size > this.#signed.size) this.#signed = checkpoint
      this.#countWitnesses(note)
      return
    }
    const restore = givenUp.find(tree => tree.size >= checkpoint.size)
    const hint =
      restore === undefined ? '' : `; entry ${restore.seq} says that a restore gave up a log of ${restore.size}`
    if (!isThere) {
      const sizes = { expected: String(checkpoint.size), actual: String(size) }
      const message = `the log once had ${checkpoint.size} entries, signed; ${size} are there${hint}`
      this.#findings.find('rollback', message, { seq: size, ...sizes })
      return
    }
    const isFork = this.#signed.size >= checkpoint.size
    const how = isFork ? 'and yet it is signed: its keys signed two histories' : 'its newest entries were replaced'
    const message = `the log is not the one that was signed at ${checkpoint.size} entries: ${how}${hint}`
    this.#findings.find(isFork ? 'fork' : 'rollback', message, { seq: this.#signed.size })
  }

  /** A checkpoint signed by all keys of one generation, or why it is not. */
  open(note: string): OpenedCheckpoint | string {
    let problem: string | undefined
    for (const verifiers of [...this.#generations, ...this.#chain.map(link => link.verifiers)]) {
      const opened = openedBy(note, this.#origin, verifiers)
      if (typeof opened !== 'string') return opened
      problem ??= opened
    }
    return problem ?? 'no key of the log is known'
  }

  #countWitnesses(note: string): void {
    if (this.#witnesses.length === 0) return
    try {
      const { verified } = openNote(note, this.#witnesses)
      this.#witnessed = Math.max(this.#witnessed, new Set(verified.map(({ name }) => name)).size)
    } catch {
      // A note that no witness has signed is a note without witnesses.
    }
  }

  trust(): Trust {
    if (this.#witnessed > 0) return `witnessed:${this.#witnessed}`
    if (!this.#areKnown) return 'chained'
    return this.#isAnchored ? 'anchored' : 'signed'
  }
}

/** A checkpoint signed by all of some keys, or why it is not: leaving out one signature is a way to cheat too. */
function openedBy(note: string, origin: string, verifiers: readonly Verifier[]): OpenedCheckpoint | string {
  try {
    const opened = openCheckpoint(note, origin, verifiers)
    const isWhole = verifiers.every(({ keyId, name }) =>
      opened.verified.some(signature => signature.keyId === keyId && signature.name === name),
    )
    return isWhole ? opened : 'a signature is missing'
  } catch (error) {
    return (error as Error).message
  }
}

/** Keys in a row are of one generation until a type comes again. */
function generationsOf(verifiers: readonly Verifier[]): (readonly Verifier[])[] {
  const generations: Verifier[][] = []
  for (const verifier of verifiers) {
    const last = generations.at(-1)
    if (last === undefined || last.some(({ type }) => type === verifier.type)) generations.push([verifier])
    else last.push(verifier)
  }
  return generations
}

function parsedVkey(vkey: unknown): Verifier[] {
  try {
    return typeof vkey === 'string' ? [parseVkey(vkey)] : []
  } catch {
    return []
  }
}

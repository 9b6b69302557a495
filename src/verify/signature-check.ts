/** Whose log this is, and what was signed of it: in the log, and remembered outside. */
import { equal, toHex } from '../core/bytes.ts'
import { type OpenedCheckpoint, openCheckpoint, peekCheckpoint } from '../core/checkpoint.ts'
import type { Leaf } from '../core/entry.ts'
import type { Trust } from '../core/finding.ts'
import { openNote, type Verifier } from '../core/note.ts'
import { parseVkey } from '../core/vkey.ts'
import type { StoredCheckpoint } from '../store/store.ts'
import type { Findings } from './findings.ts'

export interface SignatureOptions {
  readonly verifiers?: readonly Verifier[] | undefined
  readonly witnesses?: readonly Verifier[] | undefined
  readonly anchors?: readonly string[] | undefined
}

export class SignatureCheck {
  readonly #findings: Findings
  readonly #witnesses: readonly Verifier[]
  readonly #anchors: readonly string[]
  /** Whether the keys are known from outside the log. */
  readonly #areKnown: boolean
  #verifiers: readonly Verifier[]
  #origin: string
  #signedSize = 0
  #witnessed = 0

  constructor(findings: Findings, { verifiers = [], witnesses = [], anchors = [] }: SignatureOptions) {
    this.#findings = findings
    this.#verifiers = verifiers
    this.#witnesses = witnesses
    this.#anchors = anchors
    this.#areKnown = verifiers.length > 0
    this.#origin = verifiers[0]?.name ?? ''
  }

  get origin(): string {
    return this.#origin
  }

  /** The sizes at which the anchors remember a root. */
  get anchoredSizes(): number[] {
    return this.#anchors.flatMap(note => peekCheckpoint(note)?.size ?? [])
  }

  /** Entry 0 names the log and its keys: these must be the ones that are known from outside. */
  genesis(leaf: Leaf): void {
    const { origin, 'vkey.ed25519': ed25519, 'vkey.mldsa44': mldsa44 } = leaf.attributes ?? {}
    const own = [ed25519, mldsa44].flatMap(parsedVkey)
    if (leaf.operation !== 'log.created' || leaf.kind !== 'control' || typeof origin !== 'string') {
      this.#findings.find('foreign_entry', 'entry 0 does not begin a log: it is not log.created', { seq: 0 })
    } else if (!this.#areKnown) {
      this.#origin = origin
      this.#verifiers = own
    } else if (origin !== this.#origin) {
      const message = `this is the log ${origin}, not ${this.#origin}`
      this.#findings.find('foreign_entry', message, { seq: 0, expected: this.#origin, actual: origin })
    } else if (!this.#verifiers.every(({ keyId, type }) => own.some(key => key.keyId === keyId && key.type === type))) {
      const message = 'the keys that the log names are not the keys that are known outside it'
      this.#findings.find('signature_invalid', message, { seq: 0 })
    }
  }

  /** A checkpoint of the log, when the walk has come to its size. */
  checkpoint({ size, note }: StoredCheckpoint, root: Uint8Array): void {
    const opened = this.open(note)
    const seq = size - 1
    if (typeof opened === 'string') {
      const message = `the checkpoint of ${size} entries is not signed by the log's keys: ${opened}`
      this.#findings.find('signature_invalid', message, { seq })
    } else if (opened.checkpoint.size !== size || !equal(opened.checkpoint.root, root)) {
      const roots = { expected: toHex(opened.checkpoint.root), actual: toHex(root) }
      this.#findings.find('signature_invalid', `what was signed at ${size} entries is not this log`, { seq, ...roots })
    } else {
      this.#signedSize = size
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

  /** At the end of the whole log, something of it must have been signed. */
  end(size: number): void {
    if (this.#signedSize > 0 || this.#findings.has('signature_invalid')) return
    this.#findings.find('signature_invalid', 'the log has no signed checkpoint', { seq: size - 1 })
  }

  /** What was remembered outside is stronger than anything in the file. */
  async anchors(size: number, rootAt: (size: number) => Promise<Uint8Array>): Promise<void> {
    for (const note of this.#anchors) {
      const opened = this.open(note)
      if (typeof opened === 'string') this.#foreignAnchor(note, opened)
      else await this.#anchor(opened, note, size, rootAt)
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
    { checkpoint }: OpenedCheckpoint,
    note: string,
    size: number,
    rootAt: (size: number) => Promise<Uint8Array>,
  ): Promise<void> {
    this.#countWitnesses(note)
    if (checkpoint.size > size) {
      const sizes = { expected: String(checkpoint.size), actual: String(size) }
      const message = `the log once had ${checkpoint.size} entries, signed; ${size} are there`
      this.#findings.find('rollback', message, { seq: size, ...sizes })
      return
    }
    if (equal(await rootAt(checkpoint.size), checkpoint.root)) return
    const isFork = this.#signedSize >= checkpoint.size
    const how = isFork ? 'and yet it is signed: its keys signed two histories' : 'its newest entries were replaced'
    const message = `the log is not the one that was signed at ${checkpoint.size} entries: ${how}`
    this.#findings.find(isFork ? 'fork' : 'rollback', message, { seq: this.#signedSize })
  }

  /** A checkpoint signed by all of the log's keys, or why it is not: leaving out one signature is a way to cheat too. */
  open(note: string): OpenedCheckpoint | string {
    try {
      const opened = openCheckpoint(note, this.#origin, this.#verifiers)
      const isWhole = this.#verifiers.every(({ keyId, name }) =>
        opened.verified.some(signature => signature.keyId === keyId && signature.name === name),
      )
      return isWhole ? opened : 'a signature is missing'
    } catch (error) {
      return (error as Error).message
    }
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
    return this.#anchors.length > 0 ? 'anchored' : 'signed'
  }
}

function parsedVkey(vkey: unknown): Verifier[] {
  try {
    return typeof vkey === 'string' ? [parseVkey(vkey)] : []
  } catch {
    return []
  }
}

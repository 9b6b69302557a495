/** The store that keeps everything in memory: the simplest thing that keeps the contract, and the oracle of the tests. */

import { AuditError } from '../core/errors.ts'
import type { Seal } from '../core/seal.ts'
import type { Batch, Head, MaybePromise, NewEntry, Removal, Store, StoredCheckpoint, StoredEntry } from './store.ts'

/** How many entries are given at a time. */
const step = 256

export class MemoryStore implements Store {
  #head: Head | undefined
  #entries: NewEntry[] = []
  #tiles = new Map<string, Uint8Array>()
  #seals: Seal[] = []
  #checkpoints = new Map<number, StoredCheckpoint>()
  #declared: number[] = []
  #minimum = 0
  #lock: Promise<unknown> = Promise.resolve()

  head(): Head | undefined {
    return this.#head
  }

  *entries(from: number, to: number): Iterable<readonly StoredEntry[]> {
    const end = Math.min(to, this.#entries.length)
    for (let at = from; at < end; at += step) {
      const there = this.#entries.slice(at, Math.min(at + step, end)).filter(({ seq }) => this.#isThere(seq))
      if (there.length > 0) yield there
    }
  }

  #isThere(seq: number): boolean {
    return seq === 0 || seq >= this.#minimum
  }

  declarations(): Iterable<StoredEntry> {
    return this.#declared.filter(seq => this.#isThere(seq)).map(seq => this.#entries[seq]!)
  }

  tile(level: number, index: number): Uint8Array | undefined {
    if (level > 0) return this.#tiles.get(`${level}/${index}`)
    const hashes = this.#entries.slice(index * 256, (index + 1) * 256).map(entry => entry.hash)
    return hashes.length === 0 ? undefined : Uint8Array.from(hashes.flatMap(hash => [...hash]))
  }

  seals(from: number, to: number): Iterable<Seal> {
    return this.#seals.filter(seal => from < seal.size && seal.size <= to)
  }

  checkpoints(from: number, to: number): Iterable<StoredCheckpoint> {
    return [...this.#checkpoints.values()]
      .filter(({ size }) => from < size && size <= to)
      .sort((a, b) => a.size - b.size)
  }

  commit(build: (head: Head | undefined) => MaybePromise<Batch | undefined>): Promise<void> {
    const turn = this.#lock.then(async () => {
      const batch = await build(this.#head)
      if (batch === undefined) return
      if (batch.head.size !== this.#entries.length + batch.entries.length) {
        throw new AuditError('damaged', `the batch ends at ${batch.head.size}, which is not where its entries end`)
      }
      this.#entries.push(...batch.entries)
      for (const { level, index, hashes } of batch.tiles) this.#tiles.set(`${level}/${index}`, hashes)
      this.#seals.push(...batch.seals)
      this.#head = batch.head
      if (batch.removal !== undefined) this.#remove(batch.removal)
    })
    this.#lock = turn.catch(() => {})
    return turn
  }

  #remove({ declaredBy, content, below }: Removal): void {
    this.#declared.push(declaredBy)
    for (const [first, last] of content) {
      for (let seq = first; seq <= last; seq++) {
        this.#entries[seq] = { ...this.#entries[seq]!, content: new Uint8Array(0) }
      }
    }
    this.#minimum = Math.max(this.#minimum, below)
  }

  putCheckpoint(checkpoint: StoredCheckpoint): void {
    const tile = Math.floor((checkpoint.size - 1) / 256)
    for (const size of this.#checkpoints.keys()) {
      if (size < checkpoint.size && Math.floor((size - 1) / 256) === tile) this.#checkpoints.delete(size)
    }
    this.#checkpoints.set(checkpoint.size, checkpoint)
  }

  lastCheckpoint(): StoredCheckpoint | undefined {
    return [...this.checkpoints(0, Number.MAX_SAFE_INTEGER)].at(-1)
  }

  close(): void {}
}

/** A store whose content is encrypted under the keys of those whom it is about; everything else is as it is. */
import type { Batch, Head, MaybePromise, Store, StoredCheckpoint, StoredEntry } from '../store/store.ts'
import type { SubjectKeys } from './subject-keys.ts'

export class SubjectStore implements Store {
  readonly #store: Store
  readonly #keys: SubjectKeys

  constructor(store: Store, keys: SubjectKeys) {
    this.#store = store
    this.#keys = keys
  }

  commit(build: (head: Head | undefined) => MaybePromise<Batch | undefined>): MaybePromise<void> {
    return this.#store.commit(async head => {
      const batch = await build(head)
      if (batch === undefined) return undefined
      const entries = batch.entries.map(entry => ({ ...entry, content: this.#keys.seal(entry.content) }))
      return { ...batch, entries }
    })
  }

  async *entries(from: number, to: number): AsyncIterable<readonly StoredEntry[]> {
    for await (const some of this.#store.entries(from, to)) yield some.map(entry => this.#open(entry))
  }

  async *declarations(): AsyncIterable<StoredEntry> {
    for await (const entry of this.#store.declarations()) yield this.#open(entry)
  }

  #open(entry: StoredEntry): StoredEntry {
    return { ...entry, content: this.#keys.open(entry.content) }
  }

  head(): ReturnType<Store['head']> {
    return this.#store.head()
  }
  tile(level: number, index: number): ReturnType<Store['tile']> {
    return this.#store.tile(level, index)
  }
  seals(from: number, to: number): ReturnType<Store['seals']> {
    return this.#store.seals(from, to)
  }
  checkpoints(from: number, to: number): ReturnType<Store['checkpoints']> {
    return this.#store.checkpoints(from, to)
  }
  putCheckpoint(checkpoint: StoredCheckpoint): MaybePromise<void> {
    return this.#store.putCheckpoint(checkpoint)
  }
  lastCheckpoint(): ReturnType<Store['lastCheckpoint']> {
    return this.#store.lastCheckpoint()
  }
  strays(): MaybePromise<readonly string[]> {
    return this.#store.strays?.() ?? []
  }
  unrecordedStep(): MaybePromise<number | undefined> {
    return this.#store.unrecordedStep?.()
  }
  async close(): Promise<void> {
    try {
      await this.#store.close()
    } finally {
      this.#keys.close()
    }
  }
}

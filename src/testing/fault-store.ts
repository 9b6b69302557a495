/** A store that fails when it is told to: once before it wrote, and once after. The second is the one people forget. */
import { AuditError } from '../core/errors.ts'
import type { Batch, Head, MaybePromise, Store, StoredCheckpoint } from '../store/store.ts'

/** `lost`: the write failed and nothing of it is there. `persisted`: it failed, and yet all of it is. */
export type Fault = 'lost' | 'persisted'

/** Wraps a store; `next` says how its next write fails. */
export class FaultStore implements Store {
  readonly #store: Store
  /** The fault of the write to come, taken when it comes. */
  next: Fault | undefined

  constructor(store: Store) {
    this.#store = store
  }

  #take(): Fault | undefined {
    const fault = this.next
    this.next = undefined
    return fault
  }

  async commit(build: (head: Head | undefined) => MaybePromise<Batch | undefined>): Promise<void> {
    const fault = this.#take()
    await this.#store.commit(async head => {
      const batch = await build(head)
      if (fault === 'lost') throw failure()
      return batch
    })
    if (fault === 'persisted') throw failure()
  }

  async putCheckpoint(checkpoint: StoredCheckpoint): Promise<void> {
    const fault = this.#take()
    if (fault === 'lost') throw failure()
    await this.#store.putCheckpoint(checkpoint)
    if (fault === 'persisted') throw failure()
  }

  head(): ReturnType<Store['head']> {
    return this.#store.head()
  }
  entries(from: number, to: number): ReturnType<Store['entries']> {
    return this.#store.entries(from, to)
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
  declarations(): ReturnType<Store['declarations']> {
    return this.#store.declarations()
  }
  lastCheckpoint(): ReturnType<Store['lastCheckpoint']> {
    return this.#store.lastCheckpoint()
  }
  close(): ReturnType<Store['close']> {
    return this.#store.close()
  }
}

function failure(): AuditError {
  return new AuditError('io', 'the disk failed')
}

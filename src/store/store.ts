/**
 * The contract that every store keeps: few methods, and prose that says what must hold when each returns.
 *
 * A store keeps bytes and gives them back. It hashes nothing, judges nothing and indexes nothing by meaning. Results
 * may be asynchronous, and nothing here assumes one process, one clock or one log on the machine.
 * `testing/store-contract.ts` is the proof of a store; `memory.ts` is the oracle.
 */
import type { Range } from '../core/ranges.ts'
import type { Seal } from '../core/seal.ts'
import type { Tile } from '../core/tree.ts'

/** Synchronous engines need not pretend. */
export type MaybePromise<T> = T | Promise<T>

/** Where the log ends. */
export interface Head {
  readonly size: number
  /** 32 bytes. */
  readonly root: Uint8Array
  /** Whether the log takes no entries but those about itself; false unless given. */
  readonly frozen?: boolean
}

/** One entry as it is kept. */
export interface StoredEntry {
  readonly seq: number
  /** The exact leaf bytes. */
  readonly leaf: Uint8Array
  /** The preimages of its sealed values (`core/sealed.ts`); empty when there are none, or none any more. */
  readonly content: Uint8Array
}

/** An entry on its way in: with the leaf hash, so that the unfinished tile need not be computed again. */
export interface NewEntry extends StoredEntry {
  /** 32 bytes. */
  readonly hash: Uint8Array
}

/** A signed checkpoint as it is kept. */
export interface StoredCheckpoint {
  readonly size: number
  /** The signed note, verbatim. */
  readonly note: string
}

/** Everything that one commit adds. */
export interface Batch {
  /** Consecutive, from the head's size on. */
  readonly entries: readonly NewEntry[]
  /** Tiles that became full, of every level, and the unfinished ones above level 0. Those of level 0 are the newest hashes. */
  readonly tiles: readonly Tile[]
  readonly seals: readonly Seal[]
  /** The head after this batch. */
  readonly head: Head
  /** What goes with this batch, and the entry in it that says so. */
  readonly removal?: Removal
  /** Its newest entry records that the store went on to this version of its schema. */
  readonly recordsStep?: number
}

/**
 * What a log lets go of: content first, entry by entry; leaves later, as a prefix, but for that of entry 0. Hashes and
 * tiles never go. FORMAT.md, section 8.
 */
export interface Removal {
  /** The entry of this batch that declares it. */
  readonly declaredBy: number
  /** Entries whose content goes. */
  readonly content: readonly Range[]
  /** The leaves below this number go, but the first; a multiple of 256, or 0 for none. */
  readonly below: number
}

/** What a check needs of a log, whatever keeps it. */
export interface LogReader {
  /** The head as it is durable now; `undefined` when nothing was ever committed. */
  head(): MaybePromise<Head | undefined>

  /**
   * The entries that are there with `from ≤ seq < to`, in order, some at a time. One that is missing is left out, never
   * replaced: to notice is the reader's task. Sees everything that was committed before the call.
   */
  entries(from: number, to: number): AsyncIterable<readonly StoredEntry[]> | Iterable<readonly StoredEntry[]>

  /**
   * The hashes of a tile, 32 bytes each, at most 256: for an unfinished one, those that are there, each in its place; one
   * that is missing before the last is 32 zero bytes. `undefined` when there are none.
   */
  tile(level: number, index: number): MaybePromise<Uint8Array | undefined>

  /** The seals with `from < size ≤ to`, in order of size. */
  seals(from: number, to: number): AsyncIterable<Seal> | Iterable<Seal>

  /** The checkpoints with `from < size ≤ to`, in order of size. */
  checkpoints(from: number, to: number): AsyncIterable<StoredCheckpoint> | Iterable<StoredCheckpoint>

  /** The entries that declared a removal, of nothing too, in order, as far as their leaves are there. */
  declarations(): AsyncIterable<StoredEntry> | Iterable<StoredEntry>
}

/** A log with what only the store that keeps it knows. */
export interface KeptLog extends LogReader {
  /** What stands in the store and is part of nothing that can be read of it: a sentence each. For a deep check. */
  strays?(): MaybePromise<readonly string[]>

  /** The version of the store's own schema to which it went on with entries in it, until an entry records that. */
  unrecordedStep?(): MaybePromise<number | undefined>
}

/** As much of a log as a projection follows. */
export type LogSource = Pick<LogReader, 'head' | 'entries'>

export interface Store extends KeptLog {
  /**
   * The only way in. Takes the write lock of the log, against every other writer in every process, and calls `build`
   * with the head as it is under this lock; `build` may read from this store. What it returns becomes durable as a
   * whole, or not at all, before this resolves. When `build` returns `undefined` or throws, nothing is changed.
   *
   * A rejection after `build` returned does not say whether the batch was persisted: a caller must read the head.
   *
   * @throws AuditError `busy` when the lock cannot be had in time, `io` when the disk refuses
   */
  commit(build: (head: Head | undefined) => MaybePromise<Batch | undefined>): MaybePromise<void>

  /**
   * Keeps a signed checkpoint. Durable when it returns. Of those that end in one tile only the newest is kept: it says
   * what they said, and more.
   */
  putCheckpoint(checkpoint: StoredCheckpoint): MaybePromise<void>

  /** The newest checkpoint. */
  lastCheckpoint(): MaybePromise<StoredCheckpoint | undefined>

  /** Gives back files and connections. Idempotent; nothing else may be called afterwards. */
  close(): MaybePromise<void>
}

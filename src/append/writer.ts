/**
 * The writer of a log: the one place in a process from which entries go in.
 *
 * `openWriter` runs it on the caller's own thread; `startWriterThread` gives it a thread, so that the host's event loop
 * never waits for a disk. Both answer to the same few calls.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Draft } from '../core/capture.ts'
import type { Receipt } from '../core/entry.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Removal, StoredEntry } from '../store/store.ts'
import { Remote } from '../threads/rpc.ts'
import { FileAnchor } from './anchor.ts'
import { systemWorld, type World } from './clock.ts'
import { packCommitted } from './committed.ts'
import { decodeReceipts, type EncodedReceipts, encodeDrafts } from './draft-codec.ts'
import { type CheckpointPolicy, GroupCommit } from './group-commit.ts'
import { loadKeys, makeNextKeys, switchToNextKeys } from './keys.ts'
import { Pace } from './pace.ts'
import { anchorFile } from './places.ts'
import { lockRotation } from './rotation-lock.ts'
import { type RemovalRequest, Sequencer } from './sequencer.ts'
import { settledReceipts } from './settled.ts'
import { Spill } from './spill.ts'
import { openSubjectKeys } from './subject-keys.ts'
import { SubjectStore } from './subject-store.ts'

export interface Writer {
  /** Resolves with the receipts when all of `drafts` are durable; rejects when none of them is. */
  append(drafts: readonly Draft[]): Promise<Receipt[]>
  /**
   * Lets go of content or leaves, and declares it in the same commit.
   *
   * @throws AuditError `bad_input` when the log does not have what shall go
   */
  remove(request: RemovalRequest): Promise<Receipt>
  /**
   * Replaces the signing keys, on record: the old ones vouch for the new.
   *
   * @returns the receipt of the entry from which on the new keys sign
   */
  rotateKeys(): Promise<Receipt>
  /** Signs the head, and gives the signed note; `undefined` for a log without entries. */
  checkpoint(): Promise<string | undefined>
  /** Commits what waits, signs the last checkpoint, lets go of the files. */
  close(): Promise<void>
}

export interface WriterOptions {
  readonly file: string
  readonly keys: string
  readonly checkpoints: CheckpointPolicy
  /** What happens to entries when the log cannot be written. */
  readonly onFailure: 'refuse' | 'spill'
  /** Gets what was committed, for the reader of this process. */
  readonly committed?: MessagePort
  /** Shared with the reader of this process: how far its index is. */
  readonly pace?: SharedArrayBuffer
}

/**
 * Opens a log for writing on this thread, and holds it against its anchor.
 *
 * @throws AuditError `not_found`, `bad_key`, `damaged`, `busy`, `io`
 */
export async function openWriter(options: WriterOptions, world: World = systemWorld()): Promise<Writer> {
  const keys = loadKeys(options.keys)
  const file = openSqliteStore({ file: options.file, key: keys.storage, mode: 'write' })
  const subjects = openSubjectKeys({ folder: options.keys, storage: keys.storage }, 'write', world)
  const store = subjects === undefined ? file : new SubjectStore(file, subjects)
  const { committed } = options
  const pace = options.pace && new Pace(options.pace)
  const sequencer = new Sequencer({
    store,
    keys,
    anchor: new FileAnchor(anchorFile(options.keys)),
    world,
    // After the answers: nobody waits for the index.
    onCommitted: committed && ((entries, removal) => setImmediate(hand, committed, entries, removal)),
  })
  try {
    await sequencer.checkAnchor()
    await sequencer.recordStep()
    if (keys.seals.leftovers.length > 0) await store.commit(() => keys.seals.forgetLeftovers())
  } catch (error) {
    await store.close()
    throw error
  }
  const group = new GroupCommit({
    sequencer,
    world,
    checkpoints: options.checkpoints,
    hold: pace && (size => pace.hold(size)),
    spill: options.onFailure === 'spill' ? new Spill(options.file, keys.storage) : undefined,
  })
  return {
    append: drafts => group.append(drafts),
    async remove(request) {
      const receipt = await group.between(sequencer => sequencer.remove(request))
      // What an erasure took out must not stand in the write-ahead log either.
      if (request.operation === 'subject.erased') file.checkpointFile()
      return receipt
    },
    async rotateKeys() {
      const receipt = await group.between(async sequencer => {
        const unlock = lockRotation(options.keys)
        try {
          const next = makeNextKeys(options.keys)
          const announced = await sequencer.announceKeys(next)
          switchToNextKeys(options.keys, next)
          return announced
        } finally {
          unlock()
        }
      })
      await group.checkpoint()
      return receipt
    },
    checkpoint: () => group.checkpoint(),
    async close() {
      try {
        await group.close()
      } finally {
        await store.close()
        committed?.close()
      }
    },
  }
}

/** Opens a log for writing on a thread of its own. */
export async function startWriterThread(options: WriterOptions): Promise<Writer> {
  const ports = options.committed === undefined ? [] : [options.committed]
  const remote = new Remote(new URL('./writer-thread', import.meta.url), options, { transferList: ports })
  await remote.call('open', undefined)
  return {
    append(drafts) {
      // Only the ids are kept: what waits for an answer survives every collection of garbage until it comes.
      const ids = drafts.map(({ id }) => id)
      const since = drafts[0]?.time ?? 0
      const wasThere = !remote.hasEnded
      const answer = remote.call<EncodedReceipts>('append', encodeDrafts(drafts))
      return answer.then(
        receipts => decodeReceipts(ids, receipts),
        error => {
          // A thread that ended on its way may have committed them: an entry that is there is not reported as refused.
          const settled = wasThere && remote.hasEnded ? settledReceipts(options, ids, since) : undefined
          if (settled === undefined) throw error
          return settled
        },
      )
    },
    remove: request => remote.call('remove', request),
    rotateKeys: () => remote.call('rotateKeys', undefined),
    checkpoint: () => remote.call('checkpoint', undefined),
    async close() {
      try {
        await remote.call('close', undefined)
      } finally {
        await remote.end()
      }
    },
  }
}

function hand(port: MessagePort, entries: readonly StoredEntry[], removal: Removal | undefined): void {
  const committed = packCommitted(entries, removal !== undefined)
  port.postMessage(committed, [
    committed.leaves.buffer as ArrayBuffer,
    committed.contents.buffer as ArrayBuffer,
    committed.lengths.buffer as ArrayBuffer,
  ])
}

/**
 * Group commit: whoever waits at the same moment shares one commit, one sync of the disk.
 *
 * Runs where the store is: in the writer thread, or in the caller's own where there is none.
 */
import type { Draft } from '../core/capture.ts'
import { captureEntry } from '../core/capture.ts'
import type { Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { IdSource, type World } from './clock.ts'
import type { Sequencer } from './sequencer.ts'

export interface CheckpointPolicy {
  /** Sign when this many entries came since the last checkpoint. */
  readonly everyEntries: number
  /** Sign when entries have waited this long for a signature, in milliseconds. */
  readonly everyMs: number
}

export interface GroupCommitOptions {
  readonly sequencer: Sequencer
  readonly world: World
  readonly checkpoints: CheckpointPolicy
  /** Told after each commit how many entries the log has. */
  readonly onCommit?: (size: number) => void
}

/** Entries in one commit at most: enough to share a sync, few enough that nobody waits long behind them. */
const maxGroup = 1000

interface Waiting {
  readonly drafts: readonly Draft[]
  resolve(receipts: Receipt[]): void
  reject(error: unknown): void
}

export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #ids: IdSource
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  #unsigned = 0
  #timer: NodeJS.Timeout | undefined
  /** Entries that were refused since the last commit, and the reason of the last refusal. */
  #refused = { entries: 0, code: '' }
  #lastCheckpointError: unknown

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#ids = new IdSource(options.world)
  }

  /** Resolves when all of `drafts` are durable; rejects when none of them is. */
  append(drafts: readonly Draft[]): Promise<Receipt[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ drafts, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Signs the head now. */
  async checkpoint(): Promise<string | undefined> {
    await this.#running
    this.#stopTimer()
    this.#unsigned = 0
    return await this.#options.sequencer.checkpoint()
  }

  /** Commits what waits and signs the last checkpoint. */
  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    await this.checkpoint()
    if (this.#lastCheckpointError !== undefined) throw this.#lastCheckpointError
  }

  async #run(): Promise<void> {
    // Let everyone who is on the way in this turn come along.
    await new Promise(resolve => setImmediate(resolve))
    while (this.#queue.length > 0) {
      await this.#commit(this.#takeGroup())
      await new Promise(resolve => setImmediate(resolve))
    }
    this.#running = undefined
  }

  #takeGroup(): Waiting[] {
    let entries = 0
    let count = 0
    while (count < this.#queue.length && (count === 0 || entries + this.#queue[count]!.drafts.length <= maxGroup)) {
      entries += this.#queue[count]!.drafts.length
      count++
    }
    return this.#queue.splice(0, count)
  }

  async #commit(group: Waiting[]): Promise<void> {
    const { sequencer, onCommit } = this.#options
    const drafts = group.flatMap(waiting => waiting.drafts as Draft[])
    const declared = this.#refused.entries > 0 ? [this.#gap()] : []
    try {
      const receipts = await sequencer.commit([...declared, ...drafts])
      let at = declared.length
      if (at > 0) this.#refused = { entries: 0, code: '' }
      for (const waiting of group) {
        waiting.resolve(receipts.slice(at, at + waiting.drafts.length))
        at += waiting.drafts.length
      }
      onCommit?.(sequencer.size)
      await this.#afterCommit(receipts.length)
    } catch (error) {
      this.#refused = {
        entries: this.#refused.entries + drafts.length,
        code: error instanceof AuditError ? error.code : 'unknown',
      }
      for (const waiting of group) waiting.reject(error)
    }
  }

  /** What was refused is declared by the next entry that can be written: never dropped in silence. */
  #gap(): Draft {
    const time = this.#options.world.now()
    const { entries, code } = this.#refused
    return captureEntry(
      { operation: 'gap.recorded', component: 'memmimic-audit', attributes: { entries, reason: code } },
      { id: this.#ids.next(time), time, control: true },
    )
  }

  async #afterCommit(entries: number): Promise<void> {
    const { everyEntries, everyMs } = this.#options.checkpoints
    this.#unsigned += entries
    if (this.#unsigned >= everyEntries) await this.#sign()
    else this.#timer ??= setTimeout(() => void this.#sign(), everyMs).unref()
  }

  /** A checkpoint that cannot be signed loses no entry: it is tried again, and told at close. */
  async #sign(): Promise<void> {
    this.#stopTimer()
    this.#unsigned = 0
    try {
      await this.#options.sequencer.checkpoint()
      this.#lastCheckpointError = undefined
    } catch (error) {
      this.#lastCheckpointError = error
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/**
 * Group commit: whoever waits at the same moment shares one commit, one sync of the disk.
 *
 * Runs where the store is: in the writer thread, or in the caller's own where there is none.
 */
import type { Draft } from '../core/capture.ts'
import { captureEntry } from '../core/capture.ts'
import type { Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { formatTime } from '../core/time.ts'
import { IdSource, type World } from './clock.ts'
import type { Sequencer } from './sequencer.ts'
import type { Spill } from './spill.ts'

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
  /** Where entries go that the log cannot take; without one they are refused. */
  readonly spill?: Spill | undefined
  /** Told after each commit how many entries the log has. */
  readonly onCommit?: (size: number) => void
}

/** Entries in one commit at most: enough to share a sync, few enough that nobody waits long behind them. */
const maxGroup = 1000

/** What a commit may fail with and succeed a moment later. */
function isPassing(error: unknown): boolean {
  return error instanceof AuditError && (error.code === 'io' || error.code === 'busy')
}

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
  /** Whether a journal waits to be brought in. */
  #spilled: boolean

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#spilled = (options.spill?.waiting().length ?? 0) > 0
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
      if (this.#spilled) await this.#bringIn()
      const receipts = await sequencer.commit([...declared, ...drafts])
      if (declared.length > 0) this.#refused = { entries: 0, code: '' }
      answer(group, receipts.slice(declared.length))
      onCommit?.(sequencer.size)
      await this.#afterCommit(receipts.length)
    } catch (error) {
      this.#fail(group, drafts, error)
    }
  }

  /** The log cannot be written: the failure contract decides. */
  #fail(group: Waiting[], drafts: Draft[], cause: unknown): void {
    let error = cause
    if (this.#options.spill !== undefined && isPassing(error)) {
      try {
        this.#options.spill.keep(drafts)
        this.#spilled = true
        answer(
          group,
          drafts.map(({ id, time }) => ({ seq: -1, id, entryHash: '', time: formatTime(time), spilled: true })),
        )
        return
      } catch (second) {
        error = second
      }
    }
    const code = error instanceof AuditError ? error.code : 'unknown'
    this.#refused = { entries: this.#refused.entries + drafts.length, code }
    for (const waiting of group) waiting.reject(error)
  }

  /** Brings in what was spilled, before anything that is newer. */
  async #bringIn(): Promise<void> {
    const { spill, sequencer } = this.#options
    for (const file of spill?.waiting() ?? []) {
      const drafts = spill!.read(file)
      // A crash may have come after these were committed and before the journal was dropped.
      const known = await sequencer.idsAmongNewest(drafts.length + 10_000)
      const missing = drafts.filter(({ id }) => !known.has(id))
      for (let i = 0; i < missing.length; i += maxGroup) await sequencer.commit(missing.slice(i, i + maxGroup))
      spill!.drop(file)
    }
    this.#spilled = false
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

function answer(group: readonly Waiting[], receipts: readonly Receipt[]): void {
  let at = 0
  for (const waiting of group) {
    waiting.resolve(receipts.slice(at, at + waiting.drafts.length))
    at += waiting.drafts.length
  }
}

/**
 * Group commit: whoever waits at the same moment shares one commit, one sync of the disk.
 *
 * Runs where the store is: in the writer thread, or in the caller's own where there is none.
 */
import { captureEntry, controlOperationOf, type Draft } from '../core/capture.ts'
import type { Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { tileWidth } from '../core/tile.ts'
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
  /** Holds a commit back for a moment, so that whoever follows the log can keep up. */
  readonly hold?: ((size: number) => Promise<void>) | undefined
  /** Where entries go that the log cannot take; without one they are refused. */
  readonly spill?: Spill | undefined
}

/** Entries in one commit at most: enough to share a sync, few enough that nobody waits long behind them. */
const maxGroup = 4 * tileWidth

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
  /** Who waits for a checkpoint. */
  #signatures: { resolve(note: string | undefined): void; reject(error: unknown): void }[] = []
  /** What else is to be done with the log, between two commits. */
  #acts: (() => Promise<void>)[] = []
  #running: Promise<void> | undefined
  #unsigned = 0
  #timer: NodeJS.Timeout | undefined
  /** Entries that were refused since the last commit, and the reason of the last refusal. */
  #refused = { entries: 0, code: '' }
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

  /** Signs the head as it is when everything that waits now is committed. */
  checkpoint(): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.#signatures.push({ resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Does something else with the log, between two commits. */
  between<T>(act: (sequencer: Sequencer) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#acts.push(() => act(this.#options.sequencer).then(resolve, reject))
      this.#running ??= this.#run()
    })
  }

  /** Commits what waits and signs the last checkpoint. */
  async close(): Promise<void> {
    try {
      await this.checkpoint()
    } finally {
      await this.#running
      clearTimeout(this.#timer)
    }
  }

  /** The one loop: commits, and signs between commits, never beside one. */
  async #run(): Promise<void> {
    do {
      // Let everyone who is on the way in this turn of the event loop come along.
      await new Promise(resolve => setImmediate(resolve))
      if (this.#queue.length > 0) {
        await this.#options.hold?.(this.#options.sequencer.size)
        await this.#commit(this.#takeGroup())
      }
      await this.#acts.shift()?.()
      if (this.#queue.length === 0 || this.#unsigned >= this.#options.checkpoints.everyEntries) await this.#signIfDue()
    } while (this.#queue.length > 0 || this.#acts.length > 0 || this.#signatures.length > 0)
    this.#running = undefined
  }

  /**
   * All who wait; where they are too many, as many as end closest behind a full tile: what does not fill one is written
   * twice, first as it comes and then with its tile.
   */
  #takeGroup(): Waiting[] {
    const { size } = this.#options.sequencer
    let entries = 0
    let count = 0
    let best = { count: 1, over: tileWidth }
    while (count < this.#queue.length && (count === 0 || entries + this.#queue[count]!.drafts.length <= maxGroup)) {
      entries += this.#queue[count]!.drafts.length
      count++
      const over = (size + entries) % tileWidth
      if (entries >= maxGroup / 2 && over <= best.over) best = { count, over }
    }
    return this.#queue.splice(0, count === this.#queue.length ? count : best.count)
  }

  async #commit(group: Waiting[]): Promise<void> {
    const { sequencer } = this.#options
    const drafts = group.flatMap(waiting => waiting.drafts as Draft[])
    const declared = this.#refused.entries > 0 ? [this.#gap(this.#refused.entries, this.#refused.code)] : []
    try {
      if (this.#spilled) await this.#bringIn()
      const receipts = await sequencer.commit([...declared, ...drafts])
      if (declared.length > 0) this.#refused = { entries: 0, code: '' }
      answer(group, receipts.slice(declared.length))
      this.#unsigned += receipts.length
      this.#timer ??= setTimeout(
        () => void this.checkpoint().catch(() => {}),
        this.#options.checkpoints.everyMs,
      ).unref()
    } catch (error) {
      const about = group.filter(waiting => waiting.drafts.every(draft => controlOperationOf(draft) !== undefined))
      if (error instanceof AuditError && error.code === 'frozen' && 0 < about.length && about.length < group.length) {
        // What the log says of itself is not held up by what it may not take.
        const others = group.filter(waiting => !about.includes(waiting))
        this.#fail(
          others,
          others.flatMap(waiting => waiting.drafts as Draft[]),
          error,
        )
        await this.#commit(about)
      } else {
        this.#fail(group, drafts, error)
      }
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

  /** Brings in what was spilled, before anything that is newer. It waits while the log is frozen. */
  async #bringIn(): Promise<void> {
    const { spill, sequencer } = this.#options
    for (const waiting of spill?.waiting() ?? []) {
      const file = spill!.claim(waiting)
      if (file === undefined) continue
      const { drafts, unreadable } = spill!.read(file)
      // A crash may have come after these were committed and before the journal was dropped.
      const known = await sequencer.idsSince(Math.min(...drafts.map(({ time }) => time)))
      const missing = drafts.filter(({ id }) => !known.has(id))
      if (unreadable > 0) missing.push(this.#gap(unreadable, 'spill_unreadable'))
      try {
        for (let i = 0; i < missing.length; i += maxGroup) await sequencer.commit(missing.slice(i, i + maxGroup))
      } catch (error) {
        if (error instanceof AuditError && error.code === 'frozen') return
        throw error
      }
      spill!.drop(file)
    }
    this.#spilled = false
  }

  /** What was refused is declared by the next entry that can be written: never dropped in silence. */
  #gap(entries: number, reason: string): Draft {
    const time = this.#options.world.now()
    return captureEntry(
      { operation: 'gap.recorded', component: 'memmimic-audit', attributes: { entries, reason } },
      { id: this.#ids.next(time), time, control: true },
    )
  }

  /** A checkpoint that cannot be signed loses no entry: whoever asked is told, and it is tried again when next due. */
  async #signIfDue(): Promise<void> {
    const asked = this.#signatures.splice(0)
    if (asked.length === 0 && this.#unsigned < this.#options.checkpoints.everyEntries) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#unsigned = 0
    try {
      const note = await this.#options.sequencer.checkpoint()
      for (const { resolve } of asked) resolve(note)
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}

function answer(group: readonly Waiting[], receipts: readonly Receipt[]): void {
  let at = 0
  for (const waiting of group) {
    waiting.resolve(receipts.slice(at, at + waiting.drafts.length))
    at += waiting.drafts.length
  }
}

/** Follows a log that other processes write: whatever is appended is shown to a listener, in order, once. */
import type { Actor } from '../core/entry.ts'
import type { AppendedEntry } from '../core/events.ts'
import type { EntryView } from '../core/view.ts'
import { identitiesOf } from '../core/view.ts'
import type { Reader } from '../trail/reader.ts'
import { defaultFollowSettings, type FollowSettings } from './settings.ts'

export interface LogFollowerOptions {
  /** It should tell of its answers to no one: they are asked for several times a second. */
  readonly reader: Pick<Reader, 'query' | 'status'>
  readonly onEntries: (entries: readonly AppendedEntry[]) => void
  /** Told when the log cannot be read; it is tried again. */
  readonly onFault: (message: string) => void
  readonly settings?: FollowSettings
  /** The last entry that is known; the newest one at the start unless given, −1 for all. */
  readonly after?: number
}

const pageSize = 256

export class LogFollower {
  readonly #options: LogFollowerOptions
  readonly #pollMs: number
  #after: number | undefined
  #timer: NodeJS.Timeout | undefined
  #polling: Promise<void> | undefined
  #isRunning = false

  constructor(options: LogFollowerOptions) {
    this.#options = options
    this.#pollMs = (options.settings ?? defaultFollowSettings).pollMs
    this.#after = options.after
  }

  /** The last entry that was shown. */
  get after(): number | undefined {
    return this.#after
  }

  /**
   * Begins. What is appended from now on is shown; nothing of it keeps the process alive.
   *
   * @throws AuditError when the log cannot be read
   */
  async start(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#after ??= (await this.#options.reader.status()).size - 1
    this.#schedule()
  }

  /** Shows what is new now. What is appended before the call has been shown when this resolves. */
  async poll(): Promise<void> {
    // One that runs already may have looked before the call.
    await this.#polling
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined
    })
    await this.#polling
  }

  /** Ends, after a last look. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    clearTimeout(this.#timer)
    await this.poll()
  }

  async #poll(): Promise<void> {
    const { reader, onEntries, onFault } = this.#options
    try {
      let page: EntryView[]
      do {
        const after = this.#after ?? -1
        page = await reader.query({}, { limit: pageSize, order: 'asc', after })
        if (page.length === 0) return
        this.#after = page.at(-1)!.seq
        onEntries(page.map(appendedEntry))
      } while (page.length === pageSize)
    } catch (error) {
      onFault(`the log cannot be followed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #schedule(): void {
    if (!this.#isRunning) return
    this.#timer = setTimeout(() => void this.poll().finally(() => this.#schedule()), this.#pollMs).unref()
  }
}

/** An entry of the log as the event stream tells of one; a value that is erased is as one that never was. */
export function appendedEntry(view: EntryView): AppendedEntry {
  const { seq, id, time, kind, operation, component, outcome, securityLevel, complianceFlags, governanceStatus } = view
  const { actor, memoryId, session, attributes, performanceMetrics } = view
  return {
    seq,
    id,
    time,
    kind,
    operation,
    component,
    outcome,
    securityLevel,
    complianceFlags,
    governanceStatus,
    actor: identitiesOf(actor).length === 0 ? undefined : (actor as Actor),
    memoryId: typeof memoryId === 'string' ? memoryId : undefined,
    session: typeof session === 'string' ? session : undefined,
    attributes,
    performanceMetrics,
  }
}

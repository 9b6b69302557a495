/**
 * Writes the steps of alerts into the log, in their order. When the log takes no entries they wait here, and are written
 * as soon as it does: an alert is never lost because the log it warns of is broken.
 */
import type { WriteControl } from '../core/control.ts'
import { AuditError } from '../core/errors.ts'
import { type AlertStep, formatStep } from './alert.ts'

interface Waiting {
  readonly step: AlertStep
  /** Told once: whether the step was written at the first attempt. */
  tell: ((isWritten: boolean) => void) | undefined
}

export interface AlertJournalOptions {
  readonly write: WriteControl
  /** Told of each step that is in the log now, with the number of its entry. */
  readonly onWritten: (step: AlertStep, seq: number) => void
  readonly onFault: (message: string) => void
}

/** Steps in one message to the writer, which takes them as one. */
const together = 200
/** Steps that wait; beyond, those that only count are let go, for the next one says what they said. */
const maxWaiting = 20_000
const firstRetryMs = 1000
const maxRetryMs = 60_000

export class AlertJournal {
  readonly #options: AlertJournalOptions
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #retryMs = firstRetryMs
  #dropped = 0
  #closed = false

  constructor(options: AlertJournalOptions) {
    this.#options = options
  }

  /** Steps that are not in the log yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Counts that were let go because too many steps waited. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Writes a step, behind those that wait already.
   *
   * @returns whether it is durable now; otherwise it waits
   */
  write(step: AlertStep): Promise<boolean> {
    if (step.step === 'counted' && this.#waiting.length >= maxWaiting) {
      this.#dropped++
      return Promise.resolve(false)
    }
    const written = new Promise<boolean>(tell => this.#waiting.push({ step, tell }))
    if (this.#retry === undefined) this.#writing ??= this.#run()
    else this.#tellAll(false)
    return written
  }

  /** Tries at once what waits: something else was just written, so the log takes entries again. */
  tryAgain(): void {
    if (this.#retry === undefined) return
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#writing ??= this.#run()
  }

  /** A last attempt. @returns how many steps could not be written */
  async close(): Promise<number> {
    this.#closed = true
    await this.#writing
    clearTimeout(this.#retry)
    this.#retry = undefined
    if (this.#waiting.length > 0) await this.#run()
    return this.#waiting.length
  }

  async #run(): Promise<void> {
    // Whatever is raised in the same turn goes along.
    await Promise.resolve()
    while (this.#waiting.length > 0 && (await this.#writeSome()));
    this.#writing = undefined
  }

  /** @returns whether the log takes more */
  async #writeSome(): Promise<boolean> {
    const some = this.#waiting.slice(0, together)
    const results = await Promise.allSettled(some.map(async ({ step }) => this.#options.write(formatStep(step))))
    const left: Waiting[] = []
    let reason: unknown
    results.forEach((result, i) => {
      const { step, tell } = some[i]!
      if (result.status === 'fulfilled') {
        tell?.(true)
        this.#options.onWritten(step, result.value.seq)
      } else if (isHopeless(result.reason)) {
        tell?.(false)
        this.#options.onFault(`an entry of the alert ${step.alert} is refused: ${messageOf(result.reason)}`)
      } else {
        left.push(some[i]!)
        reason = result.reason
      }
    })
    this.#waiting = [...left, ...this.#waiting.slice(some.length)]
    if (left.length === 0) {
      this.#retryMs = firstRetryMs
      return true
    }
    this.#tellAll(false)
    this.#options.onFault(`${this.#waiting.length} entries of alerts wait: ${messageOf(reason)}`)
    if (!this.#closed) this.#retryLater()
    return false
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => this.tryAgain(), this.#retryMs).unref()
    this.#retryMs = Math.min(2 * this.#retryMs, maxRetryMs)
  }

  #tellAll(isWritten: boolean): void {
    for (const one of this.#waiting) {
      one.tell?.(isWritten)
      one.tell = undefined
    }
  }
}

/** Whether an entry would be refused again, however healthy the log is. */
function isHopeless(reason: unknown): boolean {
  return reason instanceof AuditError && reason.code === 'bad_input'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

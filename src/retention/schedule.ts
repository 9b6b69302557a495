/** Work that comes round by itself, one run at a time, and stops when it is told to. */

export interface ScheduleOptions {
  /** Milliseconds between the end of one run and the start of the next. */
  readonly everyMs: number
  /** Milliseconds before the first run. */
  readonly firstMs: number
  readonly onFault: (error: unknown) => void
}

export class Schedule {
  readonly #work: (signal: AbortSignal) => Promise<unknown>
  readonly #options: ScheduleOptions
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(work: (signal: AbortSignal) => Promise<unknown>, options: ScheduleOptions) {
    this.#work = work
    this.#options = options
    this.#wait(options.firstMs)
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#run()
    }, ms).unref()
  }

  async #run(): Promise<void> {
    try {
      await this.#work(this.#abort.signal)
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#options.onFault(error)
    }
    this.#running = undefined
    if (!this.#abort.signal.aborted) this.#wait(this.#options.everyMs)
  }

  /** Starts no more runs, and waits for the one that is under way to come to its next step. */
  async close(): Promise<void> {
    this.#abort.abort()
    clearTimeout(this.#timer)
    await this.#running
  }
}

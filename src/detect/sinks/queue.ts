/** Jobs one after the other, a bounded number of them. */
import { NoRoom } from './sink.ts'

interface Job {
  run(): Promise<void>
  resolve(): void
  reject(error: unknown): void
}

export class JobQueue {
  readonly #max: number
  #jobs: Job[] = []
  #running: Promise<void> | undefined

  /** @param max jobs that may wait */
  constructor(max: number) {
    this.#max = max
  }

  /**
   * Runs a job when those before it are done.
   *
   * @throws NoRoom when too many wait already
   */
  add(run: () => Promise<void>): Promise<void> {
    if (this.#jobs.length >= this.#max) return Promise.reject(new NoRoom(`${this.#max} notices wait already`))
    return new Promise((resolve, reject) => {
      this.#jobs.push({ run, resolve, reject })
      this.#running ??= this.#work()
    })
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #work(): Promise<void> {
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      await job.run().then(job.resolve, job.reject)
    }
    this.#running = undefined
  }
}

/** Which blocks of this product's code have run, as V8 counts them: enough to tell an input that goes a new way. */
import { Session } from 'node:inspector'

interface Counted {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly ranges: readonly { startOffset: number; endOffset: number; count: number }[]
    }[]
  }[]
}

export class Coverage implements Disposable {
  readonly #session = new Session()
  readonly #seen = new Set<string>()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Blocks that ran so far. */
  get blocks(): number {
    return this.#seen.size
  }

  /** How many blocks ran since this was last asked that never ran before. How often one runs counts too, by its magnitude. */
  fresh(): number {
    const before = this.#seen.size
    this.#session.post('Profiler.takePreciseCoverage', (error, counted) => {
      if (error !== null) throw error
      for (const { url, functions } of (counted as unknown as Counted).result) {
        const at = url.indexOf('/src/')
        if (at < 0 || url.includes('node_modules')) continue
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count > 0)
              this.#seen.add(`${url.slice(at)} ${startOffset}-${endOffset} ${Math.min(Math.ceil(Math.log2(count)), 4)}`)
          }
        }
      }
    })
    return this.#seen.size - before
  }

  [Symbol.dispose](): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }
}

/**
 * Threads that examine a log ahead of the check that walks it. The check alone judges, in the order of the log; what it is
 * told here is what it would otherwise find out by itself, entry by entry, from the same file. Where a thread has nothing to
 * tell, or fails, it does so.
 */
import { availableParallelism } from 'node:os'
import { badInput } from '../core/json.ts'
import type { Range } from '../core/ranges.ts'
import { Remote } from '../threads/rpc.ts'
import { type Examined, partsByTile } from '../verify/examine.ts'
import { type LogPlaces, walkLimits } from './thread-store.ts'

/** Entries for which threads are worth their start. */
const worthThreads = 50_000
const usualThreads = 8
const mostThreads = 16
/** Tiles that a thread is given at once, and stretches that are given out ahead of the check, for each thread. */
const tilesAtOnce = 16
const stretchesAhead = 2

/**
 * Threads for the check of the entries `from ≤ seq < to`; none where one thread can do it as well.
 *
 * @param options.threads how many, 1–16; by the number of entries and the machine unless given
 * @throws AuditError `bad_input` for another number
 */
export function aheadOf(
  places: LogPlaces,
  range: Range,
  options: { readonly threads: number | undefined; readonly deep: boolean },
): Ahead | undefined {
  const [from, to] = range
  const usual = to - from < worthThreads ? 1 : Math.min(usualThreads, availableParallelism())
  const { threads = usual, deep } = options
  if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads) {
    throw badInput('$.threads', `must be a whole number from 1 to ${mostThreads}`)
  }
  return threads === 1 || from >= to ? undefined : new Ahead(places, range, { threads, deep })
}

class Ahead {
  readonly #threads: readonly Remote[]
  readonly #deep: boolean
  /** What has not been given out yet. */
  readonly #stretches: Range[]
  /** By the first entry of each part of a tile, what is said of it, or will be. */
  readonly #parts = new Map<number, Promise<Examined | undefined>>()
  #given = 0
  #next = 0

  constructor(places: LogPlaces, [from, to]: Range, { threads, deep }: { threads: number; deep: boolean }) {
    this.#deep = deep
    const script = new URL('./examine-thread', import.meta.url)
    this.#threads = Array.from({ length: threads }, () => new Remote(script, places, { limits: walkLimits }))
    const parts = [...partsByTile(from, to)]
    const step = Math.max(1, Math.min(tilesAtOnce, Math.ceil(parts.length / (stretchesAhead * threads))))
    this.#stretches = parts
      .filter((_, i) => i % step === 0)
      .map(([first], i) => [first, parts[(i + 1) * step]?.[0] ?? to] as const)
  }

  /** What is known of the entries `from ≤ seq < to`: to be asked from tile to tile. */
  async examined(from: number): Promise<Examined | undefined> {
    while (
      this.#next < this.#stretches.length &&
      this.#parts.size <= tilesAtOnce * stretchesAhead * this.#threads.length
    ) {
      this.#giveOut(this.#stretches[this.#next++]!)
    }
    const examined = this.#parts.get(from)
    this.#parts.delete(from)
    return await examined
  }

  #giveOut([from, to]: Range): void {
    const thread = this.#threads[this.#given++ % this.#threads.length]!
    const answer = thread
      .call<(Examined | undefined)[]>('examine', { from, to, deep: this.#deep })
      .catch((): undefined[] => [])
    let i = 0
    for (const [first] of partsByTile(from, to)) {
      const at = i++
      this.#parts.set(
        first,
        answer.then(parts => parts[at]),
      )
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.end()))
  }
}

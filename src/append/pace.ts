/**
 * Pace: how the index of this process keeps up with its writer. One number in shared memory says how far the index is;
 * the writer lets it come close before it commits more. Nothing waits for long, and nobody waits for an index that stands
 * still or is being built anew.
 */

/** Entries that the index may be behind when the next group is committed: two groups, of which it has one in hand. */
const mayBeBehind = 2048
/** An index that is further behind than this is being built: it is not waited for. */
const isBuilding = 100_000
/** How long one commit is held back at most, in milliseconds. */
const maxHeldMs = 250

export class Pace {
  readonly #reached: BigInt64Array
  /** Where the index stood when a commit was last held back for nothing: until it moves, none is again. */
  #stoodAt = -1n

  /** @param shared 8 bytes, in both threads */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.#reached = new BigInt64Array(shared)
  }

  get shared(): SharedArrayBuffer {
    return this.#reached.buffer as SharedArrayBuffer
  }

  /** Says how many entries the index has. */
  reached(size: number): void {
    Atomics.store(this.#reached, 0, BigInt(size))
    Atomics.notify(this.#reached, 0)
  }

  /** Resolves when the index is close to `size`, or does not come closer. */
  async hold(size: number): Promise<void> {
    const until = performance.now() + maxHeldMs
    for (;;) {
      const at = Atomics.load(this.#reached, 0)
      const behind = size - Number(at)
      if (at === 0n || at === this.#stoodAt || behind <= mayBeBehind || behind > isBuilding) return
      const left = until - performance.now()
      if (left <= 0) return
      const { async, value } = Atomics.waitAsync(this.#reached, 0, at, left)
      // By itself this wait does not keep a process alive: one without threads would end in the middle of an append.
      const alive = setTimeout(() => {}, 2 * maxHeldMs)
      const isOver = async && (await value) === 'timed-out'
      clearTimeout(alive)
      if (!isOver) continue
      this.#stoodAt = at
      return
    }
  }
}

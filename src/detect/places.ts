/** Entries by number, as runs that do not overlap, in order. */
import type { Range } from '../core/ranges.ts'

/** A set of entries that grows. */
export class Runs {
  readonly #runs: [first: number, last: number][] = []
  #count = 0

  /** Adds a run, and joins it with those that it overlaps or touches. */
  add([first, last]: Range): void {
    const at = lowest(this.#runs, run => run[1] >= first - 1)
    let end = at
    let [from, to] = [first, last]
    for (; end < this.#runs.length && this.#runs[end]![0] <= last + 1; end++) {
      const [before, behind] = this.#runs[end]!
      this.#count -= behind - before + 1
      from = Math.min(from, before)
      to = Math.max(to, behind)
    }
    this.#runs.splice(at, end - at, [from, to])
    this.#count += to - from + 1
  }

  get ranges(): readonly Range[] {
    return this.#runs
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count
  }
}

interface Owned {
  readonly first: number
  readonly last: number
  readonly owner: string
}

/** To whom each entry belongs: to one, the one that came first. */
export class Places {
  /** Most are single entries; runs of several stand in order and do not overlap. */
  readonly #singles = new Map<number, string>()
  readonly #runs: Owned[] = []

  find(seq: number): string | undefined {
    const single = this.#singles.get(seq)
    if (single !== undefined) return single
    const run = this.#runs[this.#at(seq)]
    return run !== undefined && run.first <= seq ? run.owner : undefined
  }

  /** Gives the entries of a run that belong to nobody yet. */
  add([first, last]: Range, owner: string): void {
    if (first === last) {
      if (this.find(first) === undefined) this.#singles.set(first, owner)
      return
    }
    for (let from = first; from <= last; ) {
      const at = this.#at(from)
      const next = this.#runs[at]
      const to = next === undefined ? last : Math.min(last, next.first - 1)
      if (from <= to) this.#runs.splice(at, 0, { first: from, last: to, owner })
      from = Math.max(to, next?.last ?? last) + 1
    }
  }

  /** Takes back what an owner has within these runs. */
  remove(owner: string, ranges: readonly Range[]): void {
    for (const [first, last] of ranges) {
      this.#removeSingles(owner, first, last)
      for (let at = this.#at(first); at < this.#runs.length && this.#runs[at]!.first <= last; ) {
        if (this.#runs[at]!.owner === owner) this.#runs.splice(at, 1)
        else at++
      }
    }
  }

  #removeSingles(owner: string, first: number, last: number): void {
    const isLong = last - first > this.#singles.size
    const seqs = isLong ? [...this.#singles.keys()] : Array.from({ length: last - first + 1 }, (_, i) => first + i)
    for (const seq of seqs) {
      if (first <= seq && seq <= last && this.#singles.get(seq) === owner) this.#singles.delete(seq)
    }
  }

  /** The first run that does not end before an entry. */
  #at(seq: number): number {
    return lowest(this.#runs, run => run.last >= seq)
  }
}

/** The index of the first one for which it holds, where it holds for all behind that. */
function lowest<T>(list: readonly T[], holds: (one: T) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(list[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Sorted lists of entry numbers, read from an index a stretch at a time, united and intersected without ever being in
 * memory as a whole.
 */

/** A sorted list of numbers that is read in one direction. */
export interface Postings {
  /** The first number of the list that is not before `target`; `undefined` at its end. Targets never go back. */
  seek(target: number): number | undefined
}

/** Reads at most `limit` numbers of a list from `target` on. */
export type ReadPostings = (target: number, limit: number) => number[]

const firstStretch = 64
const longestStretch = 4096

/** A list that is read in stretches, which grow while the reader goes on and on. */
export function listOf(read: ReadPostings, direction: 1 | -1): Postings {
  let held: number[] = []
  let at = 0
  let stretch = firstStretch
  let isLast = false
  return {
    seek(target) {
      const last = held.at(-1)
      if (last === undefined || (target - last) * direction > 0) {
        if (isLast) return undefined
        held = read(target, stretch)
        isLast = held.length < stretch
        stretch = Math.min(stretch * 4, longestStretch)
        at = 0
      }
      while (at < held.length && (held[at]! - target) * direction < 0) at++
      return held[at]
    },
  }
}

/** A list that is all there, in ascending order. */
export function listOfAll(numbers: readonly number[], direction: 1 | -1): Postings {
  const ordered = direction === 1 ? numbers : numbers.toReversed()
  let at = 0
  return {
    seek(target) {
      while (at < ordered.length && (ordered[at]! - target) * direction < 0) at++
      return ordered[at]
    },
  }
}

/** The numbers that stand in any of the lists. */
export function union(lists: readonly Postings[], direction: 1 | -1): Postings {
  if (lists.length === 1) return lists[0]!
  const nexts: (number | undefined)[] = []
  return {
    seek(target) {
      let best: number | undefined
      for (let i = 0; i < lists.length; i++) {
        let next = nexts[i]
        if (i >= nexts.length || (next !== undefined && (next - target) * direction < 0)) {
          next = lists[i]!.seek(target)
          nexts[i] = next
        }
        if (next !== undefined && (best === undefined || (next - best) * direction < 0)) best = next
      }
      return best
    },
  }
}

/** The numbers that stand in all of the lists: whichever is furthest leads, so the rarest sets the pace. */
export function intersection(lists: readonly Postings[]): Postings {
  if (lists.length === 1) return lists[0]!
  return {
    seek(target) {
      let candidate: number | undefined = target
      let agreed = 0
      for (let i = 0; agreed < lists.length; i = (i + 1) % lists.length) {
        const next: number | undefined = lists[i]!.seek(candidate)
        if (next === undefined) return undefined
        agreed = next === candidate && agreed > 0 ? agreed + 1 : 1
        candidate = next
      }
      return candidate
    },
  }
}

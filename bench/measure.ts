/** Small tools for measuring: statistics, callers, clocks. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The value below which a share `p` of the values lies (nearest rank). */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Three digits that mean something, never rounded to a goal. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return 'not measured'
  const size = Math.abs(value)
  if (size >= 1000) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ')
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

/** A number of things: all of its digits. */
export function whole(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** Median and range, as they stand in a table. */
export function spread(values: readonly number[], unit = ''): string {
  return `${digits(median(values))} (${digits(Math.min(...values))}–${digits(Math.max(...values))})${unit && ` ${unit}`}`
}

/** Milliseconds that `work` took. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** The same seed gives the same numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** `count` calls made by `callers` loops, each of which waits for its own answer before it calls again. */
export async function flatOut(callers: number, count: number, call: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const caller = async () => {
    while (next < count) await call(next++)
  }
  await Promise.all(Array.from({ length: Math.min(callers, count) }, caller))
}

/** Microseconds of this thread's processor time (user and system, its share of garbage collection) that `work` took. */
export async function threadMicros(work: () => Promise<unknown>): Promise<number> {
  const before = process.threadCpuUsage()
  await work()
  const { user, system } = process.threadCpuUsage(before)
  return user + system
}

/** The gaps between turns of an event loop that is kept turning, in milliseconds, while `work` runs. */
export async function turnGaps(work: () => Promise<unknown>): Promise<number[]> {
  const gaps: number[] = []
  let running = true
  const watch = (async () => {
    for (let last = performance.now(); running; ) {
      await nextTurn()
      const now = performance.now()
      gaps.push(now - last)
      last = now
    }
  })()
  await work()
  running = false
  await watch
  return gaps
}

/**
 * How long something that happens at any moment waits for the loop, at the given share of moments: a gap of g ms is met
 * by g moments in proportion, each of which waits for what is left of it.
 */
export function waitAtAnyMoment(gaps: readonly number[], share: number): number {
  const total = gaps.reduce((sum, gap) => sum + gap, 0)
  let low = 0
  let high = gaps.reduce((most, gap) => Math.max(most, gap), 0)
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2
    const longer = gaps.reduce((sum, gap) => sum + Math.max(0, gap - middle), 0) / total
    if (longer > 1 - share) low = middle
    else high = middle
  }
  return high
}

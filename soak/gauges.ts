/** What a long run must not use up: memory, descriptors, disk, patience. */
import { readdirSync, statSync } from 'node:fs'
import { indexFile } from '../src/append/places.ts'

export interface Sample {
  /** Seconds since the run began. */
  readonly at: number
  readonly entries: number
  readonly rssMb: number
  readonly heapMb: number
  /** Open descriptors; 0 where the system does not tell. */
  readonly descriptors: number
  readonly logMb: number
  readonly walMb: number
  readonly indexMb: number
  /** Milliseconds, since the sample before. */
  readonly appendP50: number
  readonly appendP99: number
  readonly queryP50: number
}

const mb = 1024 * 1024

/** Waits, in milliseconds, since they were last asked for. */
export class Waits {
  #values: number[] = []

  async of<T>(work: () => Promise<T>): Promise<T> {
    const started = performance.now()
    const result = await work()
    this.#values.push(performance.now() - started)
    return result
  }

  take(...parts: number[]): number[] {
    const sorted = this.#values.sort((a, b) => a - b)
    this.#values = []
    return parts.map(part => round(sorted[Math.floor(sorted.length * part)] ?? 0))
  }
}

export function usage(file: string): Omit<Sample, 'at' | 'entries' | 'appendP50' | 'appendP99' | 'queryP50'> {
  const { rss, heapUsed } = process.memoryUsage()
  const size = (name: string) => round((statSync(name, { throwIfNoEntry: false })?.size ?? 0) / mb)
  return {
    rssMb: round(rss / mb),
    heapMb: round(heapUsed / mb),
    descriptors: descriptors(),
    logMb: size(file),
    walMb: size(`${file}-wal`),
    indexMb: size(indexFile(file)),
  }
}

function descriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** The middle of one figure in the second quarter of a run, and in the last. */
export interface Trend {
  readonly second: number
  readonly last: number
}

export function trend(samples: readonly Sample[], figure: keyof Sample): Trend {
  const quarter = (n: number) => {
    const some = samples.slice(Math.floor((samples.length * n) / 4), Math.floor((samples.length * (n + 1)) / 4))
    return some.map(sample => sample[figure]).sort((a, b) => a - b)[Math.floor(some.length / 2)] ?? 0
  }
  return { second: quarter(1), last: quarter(3) }
}

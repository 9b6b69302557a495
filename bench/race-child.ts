/** One contender of the race, in a process of its own: told of a cell of the matrix, it runs it and answers. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { bytesBelow, type ContenderName, contenders, newFolder, type Racer } from './contenders.ts'
import { sizedEntry } from './entries.ts'
import { percentile } from './measure.ts'

export interface Cell {
  readonly contender: ContenderName
  readonly encrypted: boolean
  readonly callers: number
  /** Bytes of an entry's JSON, about. */
  readonly bytes: number
}

export interface RaceOrder extends Cell {
  readonly folder: string
  readonly warmMs: number
  readonly ms: number
}

export interface RaceTimes {
  readonly entries: number
  /** Entries a second, until the last was acknowledged, and until all of them could be asked for. */
  readonly acknowledged: number
  readonly settled: number
  /** Milliseconds from the call to the answer. */
  readonly p50: number
  readonly p99: number
  /** On disk, closed; and of the entries' JSON. */
  readonly diskBytes: number
  readonly jsonBytes: number
}

export type RaceAnswer = { readonly times: RaceTimes } | { readonly failure: string }

/** Callers that warm a contender up: so many are answered soon, whatever their entries weigh. */
const warmCallers = 64

process.on('message', async (order: RaceOrder) => {
  let answer: RaceAnswer
  try {
    answer = { times: await run(order) }
  } catch (error) {
    answer = { failure: (error as Error).message }
  }
  process.send!(answer)
})

// Whoever gave the orders has gone.
process.on('disconnect', () => process.exit())

async function run(order: RaceOrder): Promise<RaceTimes> {
  const { contender, callers, bytes, warmMs, ms } = order
  const folder = newFolder(join(order.folder, contender))
  try {
    const racer = await contenders[contender].open({ ...order, folder })
    const warm = await race(racer, Math.min(callers, warmCallers), bytes, warmMs, 0)
    await racer.settle()
    const started = performance.now()
    const { entries, latencies } = await race(racer, callers, bytes, ms, warm.entries)
    const acknowledgedMs = performance.now() - started
    await racer.settle()
    const settledMs = performance.now() - started
    await racer.close()
    const all = warm.entries + entries
    return {
      entries,
      acknowledged: (entries / acknowledgedMs) * 1000,
      settled: (entries / settledMs) * 1000,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      diskBytes: bytesBelow(folder) / all,
      jsonBytes: meanJson(bytes, all),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Callers that each wait for their answer before they call again, until the time is up; all are answered at the end. */
async function race(racer: Racer, callers: number, bytes: number, ms: number, from: number) {
  const latencies: number[] = []
  const end = performance.now() + ms
  let next = from
  const caller = async () => {
    for (let now = performance.now(); now < end; ) {
      await racer.append(sizedEntry(next++, bytes))
      const then = performance.now()
      latencies.push(then - now)
      now = then
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return { entries: next - from, latencies }
}

function meanJson(bytes: number, entries: number): number {
  const count = Math.min(entries, 500)
  let sum = 0
  for (let i = 0; i < count; i++) sum += Buffer.byteLength(JSON.stringify(sizedEntry(i, bytes)))
  return sum / count
}

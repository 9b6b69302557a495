/** The way in: the race against the plain table, one caller alone, and what the host's thread pays. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import {
  type Bench,
  bytesOf,
  callers,
  freshLog,
  freshPlainTable,
  type Measured,
  removeDatabase,
  removeLog,
} from './bench.ts'
import { entryAt } from './entries.ts'
import {
  digits,
  flatOut,
  median,
  percentile,
  spread,
  threadMicros,
  timed,
  turnGaps,
  waitAtAnyMoment,
} from './measure.ts'

/** The log against the plain table, in turns: the log's time ends when its index has caught up too. */
export async function appendGroup(bench: Bench): Promise<Measured> {
  const { group, rounds } = bench.sizes
  const warmUp = Math.ceil(group / 4)
  await logRound(bench, warmUp)
  await plainRound(bench, warmUp)
  const log: number[] = []
  const acknowledged: number[] = []
  const plain: number[] = []
  for (let round = 0; round < rounds; round++) {
    const ours = await logRound(bench, group)
    const theirs = await plainRound(bench, group)
    log.push(ours.ms)
    acknowledged.push(ours.acknowledgedMs)
    plain.push(theirs)
    bench.say(`group, round ${round + 1} of ${rounds}: log ${rate(group, ours.ms)}, plain table ${rate(group, theirs)}`)
  }
  const withoutIdIndex = await plainRound(bench, group, { idIndex: false })
  const inAegis = await plainRound(bench, group, { cipher: 'aegis' })
  const ratios = log.map((ms, i) => plain[i]! / ms)
  const perSecond = (times: readonly number[]) => spread(times.map(ms => (group / ms) * 1000))
  return {
    figures: { appendGroupVsPlainTable: median(ratios) },
    spreads: { appendGroupVsPlainTable: spread(ratios) },
    title: `Durable append, ${callers.toLocaleString('en').replace(',', ' ')} callers in flight`,
    text: [
      `${rounds} rounds each, in turns, of ${digits(group)} entries into a fresh file, after a warm-up. Every caller waits for its own receipt. The log's time ends when its index, with the sets of letters that searches for words need, has caught up; without waiting for the index, it is in the second row. The figure is the median of each round's ratio.`,
      '',
      '| | entries a second: median (range) |',
      '|---|---|',
      `| log, index caught up | ${perSecond(log)} |`,
      `| log, acknowledged | ${perSecond(acknowledged)} |`,
      `| plain table | ${perSecond(plain)} |`,
      `| plain table encrypted as the log's index is, so that no other program opens it, one round | ${digits((group / inAegis) * 1000)} |`,
      `| plain table without an index on the id, one round | ${digits((group / withoutIdIndex) * 1000)} |`,
    ],
  }
}

function rate(count: number, ms: number): string {
  return `${digits((count / ms) * 1000)}/s`
}

async function logRound(bench: Bench, count: number): Promise<{ ms: number; acknowledgedMs: number }> {
  const { log } = await freshLog(bench, 'race')
  let acknowledgedMs = 0
  const ms = await timed(async () => {
    acknowledgedMs = await timed(() => flatOut(callers, count, i => log.append(entryAt(i))))
    await log.status()
  })
  await log.close()
  removeLog(bench, 'race')
  return { ms, acknowledgedMs }
}

async function plainRound(
  bench: Bench,
  count: number,
  options?: { idIndex?: boolean; cipher?: 'aegis' },
): Promise<number> {
  const { table, file } = await freshPlainTable(bench, 'plain', options)
  const ms = await timed(() => flatOut(callers, count, i => table.append(entryAt(i))))
  await table.close()
  removeDatabase(file)
  return ms
}

/** One caller, who waits for each answer: a commit of one entry, a sync of the disk. */
export async function appendSingle(bench: Bench): Promise<Measured> {
  const { single } = bench.sizes
  const { log } = await freshLog(bench, 'alone')
  const { table, file } = await freshPlainTable(bench, 'plain')
  const ours: number[] = []
  const theirs: number[] = []
  const chunk = 100
  for (let i = 0; i < 200; i++) await Promise.all([log.append(entryAt(i)), table.append(entryAt(i))])
  for (let from = 0; from < single; from += chunk) {
    for (let i = from; i < from + chunk; i++) ours.push(await timed(() => log.append(entryAt(i))))
    await log.status()
    for (let i = from; i < from + chunk; i++) theirs.push(await timed(() => table.append(entryAt(i))))
  }
  await log.close()
  await table.close()
  removeLog(bench, 'alone')
  removeDatabase(file)
  const ratio = percentile(ours, 0.5) / percentile(theirs, 0.5)
  const row = (name: string, values: readonly number[]) =>
    `| ${name} | ${[0.5, 0.95, 0.99, 1].map(p => digits(percentile(values, p))).join(' | ')} |`
  const byChunk = chunksOf(ours, chunk).map(
    (part, i) => percentile(part, 0.5) / percentile(chunksOf(theirs, chunk)[i]!, 0.5),
  )
  bench.say(`single: p50 ${digits(percentile(ours, 0.5))} ms, plain table ${digits(percentile(theirs, 0.5))} ms`)
  return {
    figures: { appendSingleP50VsPlainTable: ratio },
    spreads: { appendSingleP50VsPlainTable: `by hundreds ${spread(byChunk)}` },
    title: 'Durable append, one caller at a time',
    text: [
      `${digits(single)} appends each, in turns of ${chunk}; milliseconds from the call to the receipt.`,
      '',
      '| | p50 | p95 | p99 | max |',
      '|---|---|---|---|---|',
      row('log', ours),
      row('plain table, single-row commit', theirs),
    ],
  }
}

function chunksOf<T>(values: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size))
}

/** What appending costs the thread that it is called on. */
export async function hostCost(bench: Bench): Promise<Measured> {
  const { group, hostRounds: rounds } = bench.sizes
  const micros: number[] = []
  const gross: number[] = []
  const idle: number[] = []
  const plainMicros: number[] = []
  const delays = { p50: [] as number[], p99: [] as number[], max: [] as number[] }
  for (let round = 0; round <= rounds; round++) {
    const own = (await threadMicros(() => flatOut(callers, group, callersAlone))) / group
    const { log } = await freshLog(bench, 'host')
    // The histogram is a timer of 1 ms; what it records is the time from one call to the next.
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const all = (await threadMicros(() => flatOut(callers, group, i => log.append(entryAt(i))))) / group
    delay.disable()
    await log.close()
    removeLog(bench, 'host')
    const { table, file } = await freshPlainTable(bench, 'plain')
    const plain = (await threadMicros(() => flatOut(callers, group, i => table.append(entryAt(i))))) / group
    await table.close()
    removeDatabase(file)
    // The first round warms up.
    if (round === 0) continue
    micros.push(all - own)
    gross.push(all)
    idle.push(own)
    plainMicros.push(plain - own)
    delays.p50.push(delay.percentile(50) / 1e6)
    delays.p99.push(delay.percentile(99) / 1e6)
    delays.max.push(delay.max / 1e6)
    bench.say(`host, round ${round}: ${digits(all - own)} µs an entry, loop delay p99 ${digits(delays.p99.at(-1)!)} ms`)
  }
  const { log } = await freshLog(bench, 'host')
  const gaps = await turnGaps(() => flatOut(callers, group, i => log.append(entryAt(i))))
  await log.close()
  removeLog(bench, 'host')
  const quiet = await idleDelay()
  return {
    figures: { hostMicrosPerEntry: median(micros), loopDelayP99Ms: median(delays.p99) },
    spreads: { hostMicrosPerEntry: spread(micros), loopDelayP99Ms: spread(delays.p99) },
    title: "Cost on the host's event loop",
    text: [
      `${rounds} rounds of ${digits(group)} entries, ${callers} callers, after a warm-up. Processor time of the host's thread, user and system, by \`process.threadCpuUsage()\`: capture, packing, the message out, the receipts in, promises, and the garbage collection that V8 does on this thread. Taken off is what the same loop costs with an \`append\` that only waits for the next turn: the callers and the making of the entries.`,
      '',
      '| µs an entry | median (range) |',
      '|---|---|',
      `| log | ${spread(micros)} |`,
      `| plain table, for comparison | ${spread(plainMicros)} |`,
      `| the log's loop as a whole | ${spread(gross)} |`,
      `| the callers alone | ${spread(idle)} |`,
      '',
      `Event-loop delay while appending flat out, by \`monitorEventLoopDelay({ resolution: 1 })\`, which counts its own 1 ms in (p50 of an idle loop here: ${digits(quiet)} ms), and by hand, from one \`setImmediate\` to the next:`,
      '',
      '| ms | p50 | p99 | max |',
      '|---|---|---|---|',
      `| \`monitorEventLoopDelay\` | ${spread(delays.p50)} | ${spread(delays.p99)} | ${spread(delays.max)} |`,
      `| gaps between turns, of ${digits(gaps.length)} | ${digits(percentile(gaps, 0.5))} | ${digits(percentile(gaps, 0.99))} | ${digits(percentile(gaps, 1))} |`,
      `| wait of something that comes at any moment | ${digits(waitAtAnyMoment(gaps, 0.5))} | ${digits(waitAtAnyMoment(gaps, 0.99))} | |`,
    ],
  }
}

let turn: Promise<void> | undefined

/** An append that costs nothing and answers in the next turn. */
export function callersAlone(i: number): Promise<void> {
  entryAt(i)
  turn ??= new Promise(resolve =>
    setImmediate(() => {
      turn = undefined
      resolve()
    }),
  )
  return turn
}

async function idleDelay(): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await new Promise(resolve => setTimeout(resolve, 500))
  delay.disable()
  return delay.percentile(50) / 1e6
}

/** Bytes of a plain table with these entries, closed. */
export async function plainTableBytes(bench: Bench, count: number): Promise<number> {
  const { table, file } = await freshPlainTable(bench, 'plain')
  await flatOut(callers, count, i => table.append(entryAt(i)))
  await table.close()
  const bytes = bytesOf(file)
  removeDatabase(file)
  return bytes
}

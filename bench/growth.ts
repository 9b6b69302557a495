/** How each cost grows with the length of the log: the same questions to a short log, a longer one, and a long one. */
import { fileURLToPath } from 'node:url'
import { openAuditLog } from '../src/system.ts'
import { openReader } from '../src/trail/reader.ts'
import { type Bench, bytesOf, callers, freshLog, type Measured, removeLog } from './bench.ts'
import { type BigLog, copyLog } from './big-log.ts'
import { buildPackage, openInChild } from './built.ts'
import { commonActor, entryAt } from './entries.ts'
import { digits, flatOut, median, percentile, seededRandom, timed, whole } from './measure.ts'
import { callTimes } from './proxy.ts'
import { reportIn } from './system-report.ts'

/** What is measured at each length; every one of them is better when it is less. */
const costs = {
  append: 'append, 4 096 callers: µs an entry, index caught up',
  single: 'append, one caller: ms, p50',
  verify: 'verification, one thread: µs an entry',
  verifyAll: 'verification, as many threads as it takes: µs an entry',
  prove: 'proof: ms, p50',
  query: 'query: ms for 100 rows by actor, p50',
  open: 'opening: ms',
  report: 'report: µs an entry',
  call: 'tool call: ms that the recorder adds, p50',
  disk: 'disk: bytes an entry, both files',
} as const
type Cost = keyof typeof costs
type Costs = Readonly<Record<Cost, number>>

interface Place {
  readonly file: string
  readonly keys: string
  readonly sealKey: string
}

/** `big` gives the long log, of which a copy is used where its length is asked for. */
export async function growth(bench: Bench, big: () => Promise<BigLog>): Promise<Measured> {
  const { lengths } = bench.sizes
  const measured: { readonly length: number; readonly costs: Costs; readonly seconds: number }[] = []
  for (const length of lengths) {
    const started = performance.now()
    const log = length === bench.sizes.big ? await copyOf(bench, await big()) : await build(bench, length)
    const found = await costsOf(bench, log, length)
    removeLog(bench, 'grown')
    measured.push({ length, costs: found, seconds: (performance.now() - started) / 1000 })
    const said = (Object.keys(costs) as Cost[]).map(cost => `${cost} ${digits(found[cost])}`)
    bench.say(`growth, ${whole(length)} entries: ${said.join(', ')}`)
  }
  const first = measured[0]!
  const last = measured.at(-1)!
  return {
    figures: {},
    title: 'How each cost grows',
    text: [
      `The same measurements at ${lengths.map(length => whole(length)).join(', ')} entries, few of each, one after the other; the parts of this page that stand by themselves measure more. What is measured for each entry is divided by the entries, so that a cost that is flat is flat here. Opening and the start of a report cost what the start of processes and threads costs, whatever the length. \`npm run bench -- --only growth --entries 1e7\` adds ten million.`,
      '',
      `| | ${lengths.map(length => whole(length)).join(' | ')} | last ÷ first |`,
      `|---|${lengths.map(() => '---|').join('')}---|`,
      ...(Object.keys(costs) as Cost[]).map(
        cost =>
          `| ${costs[cost]} | ${measured.map(({ costs }) => digits(costs[cost])).join(' | ')} | ${digits(last.costs[cost] / first.costs[cost])} |`,
      ),
    ],
    charts: [
      {
        kind: 'lines',
        name: 'growth',
        title: 'How each cost grows with the length of the log',
        description: `Each cost, for an entry or for a question, against the same at ${whole(first.length)} entries: 1 is flat.`,
        x: { label: 'entries in the log', ticks: lengths },
        y: { label: `× the cost at ${whole(first.length)}` },
        lines: (Object.keys(costs) as Cost[]).map((cost, style) => ({
          name: costs[cost].split(':')[0]!,
          style,
          points: measured.map(({ length, costs }) => [length, costs[cost] / first.costs[cost]] as const),
        })),
      },
    ],
  }
}

async function copyOf(bench: Bench, log: BigLog): Promise<Place> {
  return { ...copyLog(bench, log, 'grown', 'index'), sealKey: log.sealKey }
}

async function build(bench: Bench, length: number): Promise<Place> {
  const { log, ...place } = await freshLog(bench, 'grown')
  await flatOut(callers, length, i => log.append(entryAt(i)))
  await log.status()
  await log.close()
  return place
}

/** Appending comes last: it makes the log longer. */
async function costsOf(bench: Bench, log: Place, length: number): Promise<Costs> {
  const disk = (bytesOf(log.file) + bytesOf(`${log.file}.index`)) / length
  const verify = await verifyMs(log)
  const { prove, query } = await readTimes(log, length)
  const system = buildPackage(bench) ?? fileURLToPath(new URL('../src/system.ts', import.meta.url))
  const times = Math.min(3, bench.sizes.opens)
  // The first one warms the disk's cache.
  const opens = Array.from({ length: times + 1 }, () => openInChild(system, log).openMs).slice(1)
  const reports = Array.from({ length: Math.ceil(times / 2) }, () => reportIn(log)).map(
    ({ ms, entries }) => ms / entries,
  )
  const { direct, recorded } = await callTimes(log, Math.min(bench.sizes.calls, 200))
  const { append, single } = await appendTimes(log, length)
  return {
    disk,
    verify: (verify.one / length) * 1000,
    verifyAll: (verify.all / length) * 1000,
    prove,
    query,
    open: median(opens),
    report: Math.min(...reports) * 1000,
    call: percentile(recorded, 0.5) - percentile(direct, 0.5),
    append,
    single,
  }
}

async function verifyMs({ file, keys, sealKey }: Place): Promise<{ one: number; all: number }> {
  const reader = await openReader({ file, keys })
  const ms = async (threads?: number) => {
    const report = await reader.verify({ sealKey, ...(threads && { threads }) })
    if (!report.valid) throw new Error(`the log does not verify: ${JSON.stringify(report.findings[0])}`)
    return report.durationMs
  }
  const times = { one: await ms(1), all: await ms() }
  await reader.close()
  return times
}

async function readTimes({ file, keys }: Place, length: number): Promise<{ prove: number; query: number }> {
  const random = seededRandom(5)
  const reader = await openReader({ file, keys })
  await reader.catchUp()
  const proofs: number[] = []
  for (let i = 0; i < 300; i++) {
    const seq = Math.floor(random() * length)
    proofs.push(await timed(() => reader.prove(seq)))
  }
  await reader.close()
  const log = await openAuditLog({ file, keys, closeOnExit: false })
  const queries: number[] = []
  for (let i = 0; i < 150; i++) {
    const actor = `agent:${commonActor(Math.floor(random() * 50))}`
    const after = Math.floor(random() * length)
    queries.push(await timed(() => Array.fromAsync(log.list({ actor }, { limit: 100, order: 'desc', after }))))
  }
  await log.close()
  // What the first ones load is not what one costs.
  return { prove: percentile(proofs.slice(50), 0.5), query: percentile(queries.slice(30), 0.5) }
}

async function appendTimes({ file, keys }: Place, length: number): Promise<{ append: number; single: number }> {
  const log = await openAuditLog({ file, keys, closeOnExit: false })
  await flatOut(callers, 2000, i => log.append(entryAt(length + i)))
  await log.status()
  const single: number[] = []
  for (let i = 0; i < 300; i++) single.push(await timed(() => log.append(entryAt(length + 2000 + i))))
  await log.status()
  const count = Math.min(40_000, Math.max(10_000, length))
  const ms = await timed(async () => {
    await flatOut(callers, count, i => log.append(entryAt(length + 2300 + i)))
    await log.status()
  })
  await log.close()
  return { append: (ms / count) * 1000, single: percentile(single, 0.5) }
}

/**
 * The guard against getting slower: costs as ratios to something that ran beside them in the same minute, held against
 * those of `bench/baseline.json`. Ratios stand still where times do not; where the machine is shared, processor time
 * stands still where the clock does not. What is only wide enough for noise lets no cost double.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { loadPublicKeys, loadStorageKey } from '../src/append/keys.ts'
import { parseSealKey } from '../src/core/seal.ts'
import { parseContent } from '../src/core/sealed.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { openAuditLog } from '../src/system.ts'
import { openReader } from '../src/trail/reader.ts'
import { verifyLog } from '../src/verify/log-verifier.ts'
import {
  type Bench,
  bytesOf,
  callers,
  type FreshLog,
  freshLog,
  freshPlainTable,
  removeDatabase,
  removeLog,
} from './bench.ts'
import { entryAt } from './entries.ts'
import { digits, flatOut, median, percentile, seededRandom, threadMicros, timed } from './measure.ts'

/** What is held against what; less is better. */
export const ratioNames = {
  appendWork: 'processor time of a group append, all threads, the index caught up, against the plain table',
  appendTime: 'time of a group append, the index caught up, against the plain table',
  appendHost: 'processor time of the host’s thread for a group append, against the plain table',
  singleWork: 'processor time of one caller’s append, all threads, against the plain table’s single-row commit',
  singleP50: 'one caller’s append, p50, against the plain table’s single-row commit',
  verify: 'full verification on one thread, against hashing the same bytes',
  proof: 'a proof of one entry, against a thousand hashes of a node',
  open: 'opening a log with entries, against an empty one',
  disk: 'bytes on disk, both files, against the entries’ JSON',
} as const
export type RatioName = keyof typeof ratioNames
export type Ratios = Readonly<Record<RatioName, number>>

/** What goes by the clock, and therefore by whatever else the machine does: judged where nothing else runs. */
const clocked: ReadonlySet<RatioName> = new Set(['appendTime', 'singleP50', 'open'])

/** A ratio as it was, and how many times it may be exceeded. */
export type Baseline = Readonly<Record<RatioName, { readonly ratio: number; readonly tolerance: number }>>

const names = Object.keys(ratioNames) as RatioName[]
const file = new URL('./baseline.json', import.meta.url)

export function loadBaseline(): Baseline {
  return JSON.parse(readFileSync(file, 'utf8')) as Baseline
}

/**
 * A sentence for each ratio that is worse than is let pass.
 *
 * @param isBusy other work runs beside it: only processor time and bytes are judged
 */
export function judge(baseline: Baseline, is: Ratios, isBusy = false): string[] {
  return names
    .filter(name => !(isBusy && clocked.has(name)))
    .filter(name => is[name] > baseline[name].ratio * baseline[name].tolerance)
    .map(name => {
      const { ratio, tolerance } = baseline[name]
      return `${ratioNames[name]}: it was ${digits(ratio)} ×, is ${digits(is[name])} ×, and at most ${digits(ratio * tolerance)} × is let pass`
    })
}

/** Measures once, and once more before it says that something is worse: a ratio counts as its better one. */
export async function guard(
  bench: Bench,
  isBusy: boolean,
): Promise<{ readonly ratios: Ratios; readonly failures: readonly string[] }> {
  const baseline = loadBaseline()
  const first = await measureRatios(bench)
  const doubts = judge(baseline, first, isBusy)
  if (doubts.length === 0) return { ratios: first, failures: [] }
  for (const doubt of doubts) bench.say(`measured once more: ${doubt}`)
  const second = await measureRatios(bench)
  const ratios = Object.fromEntries(names.map(name => [name, Math.min(first[name], second[name])])) as Record<
    RatioName,
    number
  >
  return { ratios, failures: judge(baseline, ratios, isBusy) }
}

/** Takes what is measured now for the baseline; tolerances stay. */
export async function updateBaseline(bench: Bench): Promise<Ratios> {
  const baseline = loadBaseline()
  const runs = [await measureRatios(bench), await measureRatios(bench), await measureRatios(bench)]
  const ratio = (name: RatioName) => Number(median(runs.map(run => run[name])).toPrecision(3))
  const ratios = Object.fromEntries(names.map(name => [name, ratio(name)])) as Record<RatioName, number>
  const lines = names.map(
    name => `  ${JSON.stringify(name)}: { "ratio": ${ratios[name]}, "tolerance": ${baseline[name].tolerance} }`,
  )
  writeFileSync(file, `{\n${lines.join(',\n')}\n}\n`)
  return ratios
}

/** Small enough for half a minute on a busy machine. */
const group = 3000
const rounds = 5
/** Appends of one caller: in many short turns, so that what else the machine does falls on both. */
const single = 300
const turn = 10

async function measureRatios(bench: Bench): Promise<Ratios> {
  const { log, ...place } = await freshLog(bench, 'guarded')
  const { table, file: tableFile } = await freshPlainTable(bench, 'plain')
  let next = 0
  const entry = () => entryAt(next++)
  const ours = { append: () => log.append(entry()), settle: () => log.status() }
  const theirs = { append: () => table.append(entry()), settle: async () => {} }

  // Both stay open and run in turns: threads that have just been started would be most of so short a race.
  for (let i = 0; i < 2; i++) {
    await groupCost(ours)
    await groupCost(theirs)
  }
  const turns: { work: number; ms: number; host: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const [a, b] = [await groupCost(ours), await groupCost(theirs)]
    turns.push({ work: a.work / b.work, ms: a.ms / b.ms, host: a.host / b.host })
  }
  const alone = { ours: [] as number[], theirs: [] as number[] }
  const work = { ours: 0, theirs: 0 }
  for (let i = 0; i < single; i += turn) {
    for (const [side, times] of [
      [ours, 'ours'],
      [theirs, 'theirs'],
    ] as const) {
      const before = process.cpuUsage()
      alone[times].push(...(await singleTimes(side)))
      const { user, system } = process.cpuUsage(before)
      work[times] += user + system
    }
  }
  const { size } = await log.status()
  await log.close()
  await table.close()
  removeDatabase(tableFile)

  let jsonBytes = 0
  for (let i = 0; i < next; i++) jsonBytes += Buffer.byteLength(JSON.stringify(entryAt(i)))
  const disk = (bytesOf(place.file) + bytesOf(`${place.file}.index`)) / ((jsonBytes / next) * size)
  const ratios = {
    appendWork: median(turns.map(({ work }) => work)),
    appendTime: median(turns.map(({ ms }) => ms)),
    appendHost: median(turns.map(({ host }) => host)),
    singleWork: work.ours / work.theirs,
    singleP50: percentile(alone.ours, 0.5) / percentile(alone.theirs, 0.5),
    verify: await verifyRatio(place),
    proof: await proofRatio(place, size),
    open: await openRatio(bench, place),
    disk,
  }
  removeLog(bench, 'guarded')
  bench.say(names.map(name => `${name} ${digits(ratios[name])}`).join(', '))
  return ratios
}

interface Side {
  readonly append: () => Promise<unknown>
  readonly settle: () => Promise<unknown>
}

/** Microseconds of all threads and of the host's, and milliseconds on the clock. */
async function groupCost({ append, settle }: Side): Promise<{ work: number; ms: number; host: number }> {
  const before = process.cpuUsage()
  let host = 0
  const ms = await timed(async () => {
    host = await threadMicros(async () => {
      await flatOut(callers, group, append)
      await settle()
    })
  })
  const { user, system } = process.cpuUsage(before)
  return { work: user + system, ms, host }
}

async function singleTimes({ append, settle }: Side): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < turn; i++) times.push(await timed(append))
  await settle()
  return times
}

type Place = Omit<FreshLog, 'log'>

/** Both by the processor time of this thread; the best of three. */
async function verifyRatio({ file, keys, sealKey }: Place): Promise<number> {
  const store = openSqliteStore({ file, key: loadStorageKey(keys), mode: 'read' })
  const { verifiers } = loadPublicKeys(keys)
  const parts: Uint8Array[] = []
  for (const some of store.entries(0, (await store.head())!.size)) {
    for (const { leaf, content } of some) parts.push(leaf, ...parseContent(content))
  }
  const ratios: number[] = []
  for (let round = 0; round < 3; round++) {
    const checking = await threadMicros(async () => {
      const report = await verifyLog(store, { verifiers, sealKey: parseSealKey(sealKey) })
      if (!report.valid) throw new Error(`the log does not verify: ${JSON.stringify(report.findings[0])}`)
    })
    const hashing = await threadMicros(async () => {
      for (const part of parts) createHash('sha256').update(part).digest()
    })
    ratios.push(checking / hashing)
  }
  store.close()
  return Math.min(...ratios)
}

async function proofRatio({ file, keys }: Place, size: number): Promise<number> {
  const random = seededRandom(11)
  const reader = await openReader({ file, keys })
  await reader.catchUp()
  const node = new Uint8Array(65)
  const count = 150
  const ratios: number[] = []
  for (let round = 0; round < 4; round++) {
    const proving = await threadMicros(async () => {
      for (let i = 0; i < count; i++) await reader.prove(Math.floor(random() * size))
    })
    const hashing = await threadMicros(async () => {
      for (let i = 0; i < 1000 * 10; i++) createHash('sha256').update(node).digest()
    })
    // The first round warms up.
    if (round > 0) ratios.push(proving / count / (hashing / 10))
  }
  await reader.close()
  return Math.min(...ratios)
}

/** Each with its threads; the quickest of a few, in turns. */
async function openRatio(bench: Bench, { file, keys }: Place): Promise<number> {
  const empty = await freshLog(bench, 'empty')
  await empty.log.close()
  const quickest = { long: Number.POSITIVE_INFINITY, empty: Number.POSITIVE_INFINITY }
  for (let i = 0; i < 4; i++) {
    quickest.long = Math.min(quickest.long, await openMs({ file, keys }))
    quickest.empty = Math.min(quickest.empty, await openMs(empty))
  }
  removeLog(bench, 'empty')
  return quickest.long / quickest.empty
}

async function openMs({ file, keys }: { file: string; keys: string }): Promise<number> {
  const started = performance.now()
  const log = await openAuditLog({ file, keys, create: false, closeOnExit: false })
  await log.status()
  const ms = performance.now() - started
  await log.close()
  return ms
}

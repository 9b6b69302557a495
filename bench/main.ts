/**
 * The benchmark: `node bench/main.ts [--quick] [--json] [--only NAME]… [--save] [--entries N]… [--page-only]`, and
 * `--guard [--update]`, which holds costs as ratios against `bench/baseline.json`; with `--busy`, those that other work on the
 * machine does not change.
 *
 * A full run writes `docs/benchmarks.md`, its charts, and what it found (`bench/results.json`), from which `--page-only`
 * makes the page anew. A quick run, or one of single parts, only prints, unless the parts are to be put in with `--save`.
 * `--only system` means all parts whose names begin so. A part that fails is said so on the page, and the others go on.
 * `--out FOLDER` writes everything there; `--tiny` is a run of seconds whose numbers mean nothing.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { checkNodeVersion } from '../src/node-version.ts'
import { appendGroup, appendSingle, hostCost } from './append.ts'
import type { Bench, Figures, Measured, Sizes } from './bench.ts'
import { type BigLog, buildBigLog, disk, opening, proof, queries, verify } from './big-log.ts'
import { entryAt } from './entries.ts'
import { growth } from './growth.ts'
import { guard, updateBaseline } from './guard.ts'
import { ingest } from './ingest.ts'
import { describeMachine } from './machine.ts'
import { median } from './measure.ts'
import { formatFigures } from './page.ts'
import { proxy } from './proxy.ts'
import { race } from './race.ts'
import {
  isSameMachine,
  loadResults,
  type PartResult,
  placesIn,
  type Results,
  saveResults,
  writePage,
} from './results.ts'
import { full, quick, tiny } from './sizes.ts'
import { systemAppend } from './system-append.ts'
import { systemChecks } from './system-checks.ts'
import { systemDetector } from './system-detector.ts'
import { systemMetrics } from './system-metrics.ts'
import { systemQueries } from './system-queries.ts'
import { systemReport } from './system-report.ts'
import { systemRetention } from './system-retention.ts'

/** What `--json` prints, in this order; null for what was not measured. */
const printed: readonly (keyof Figures)[] = [
  'appendGroupVsPlainTable',
  'appendSingleP50VsPlainTable',
  'hostMicrosPerEntry',
  'indexLagP99Ms',
  'verifyVsHashing',
  'proofP95Ms',
  'openMs',
  'queryP95Ms',
  'diskVsJson',
]

type Part = (bench: Bench, log: () => Promise<BigLog>) => Promise<Measured | undefined>

/** In the order of the page. Those that need the long log get it. */
const parts: Readonly<Record<string, Part>> = {
  group: appendGroup,
  single: appendSingle,
  race,
  lag: async (_bench, log) => (await log()).lag,
  host: hostCost,
  verify: async (bench, log) => verify(bench, await log()),
  proof: async (bench, log) => proof(bench, await log()),
  // Before anything that appends to the long log.
  disk: async (bench, log) => disk(bench, await log()),
  query: async (bench, log) => queries(bench, await log()),
  open: async (bench, log) => opening(bench, await log()),
  growth,
  proxy,
  ingest,
  'system-append': systemAppend,
  'system-checks': async (bench, log) => systemChecks(bench, await log()),
  'system-detector': systemDetector,
  'system-metrics': async bench => systemMetrics(bench),
  'system-report': async (bench, log) => systemReport(bench, await log()),
  'system-queries': async (bench, log) => systemQueries(bench, await log()),
  'system-retention': async (bench, log) => systemRetention(bench, await log()),
}
/** Said of a part that cannot be measured in such a run or on such a machine. */
const notHere = 'it is left out of such a run, or there is no way to watch a process here'
const leftOutOfQuick = (name: string) => name.startsWith('system-') || ['race', 'growth', 'proxy'].includes(name)

checkNodeVersion()
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    tiny: { type: 'boolean' },
    json: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    save: { type: 'boolean' },
    entries: { type: 'string', multiple: true },
    out: { type: 'string' },
    'page-only': { type: 'boolean' },
    guard: { type: 'boolean' },
    update: { type: 'boolean' },
    busy: { type: 'boolean' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const places = placesIn(root, values.out)
const { only } = values
for (const name of only ?? []) {
  if (name !== 'system' && !Object.hasOwn(parts, name)) {
    end(2, `there is no part ${name}; there are ${Object.keys(parts).join(', ')}, and system`)
  }
}
const lengths = (values.entries ?? []).map(Number)
for (const length of lengths) {
  if (!Number.isSafeInteger(length) || length < 100) end(2, '--entries is a number of entries, such as 1e7')
}

if (values.save && values.out === undefined && (values.quick || values.tiny)) {
  end(2, '--save puts parts into the results of a full run: it does not go with --quick or --tiny')
}

if (values['page-only']) {
  const saved = loadResults(places)
  if (saved === undefined) end(2, `there is no ${places.results}: a full run writes it`)
  writePage(places, saved)
  end(0, `${places.page} is written`)
}

// Below the checkout, so that the files lie on the same disk and the built package finds its dependencies.
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
const shared = mkdtempSync(join(root, 'node_modules/.cache/bench-'))
const started = performance.now()
const say = (sentence: string) =>
  void process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${sentence}\n`)
process.on('exit', () => rmSync(shared, { recursive: true, force: true, maxRetries: 5 }))
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => process.exit(code))
}
// What goes wrong behind a part's back must not end the others.
process.on('unhandledRejection', reason => say(`not handled: ${reason}`))

const sizes: Sizes = values.tiny ? tiny : values.quick ? quick : full
const bench = (name: string): Bench => {
  const folder = join(shared, name)
  mkdirSync(folder, { recursive: true })
  const all = [...new Set([...sizes.lengths, ...lengths])].sort((a, b) => a - b)
  return { folder, shared, sizes: { ...sizes, lengths: all }, say }
}

if (values.guard) {
  const { ratios, failures } = values.update
    ? { ratios: await updateBaseline(bench('guard')), failures: [] }
    : await guard(bench('guard'), values.busy ?? false)
  if (values.json) process.stdout.write(`${JSON.stringify(ratios)}\n`)
  end(failures.length === 0 ? 0 : 1, ...failures)
}

const machine = describeMachine(shared)
if (machine.inMemory) say('the checkout lies in memory: nothing that is said about durability means anything')
let built: Promise<BigLog> | undefined
const bigLog = () => {
  built ??= buildBigLog(bench('long'))
  return built
}

const writes = values.out !== undefined || values.save || (sizes === full && only === undefined)
const earlier = only === undefined ? undefined : loadResults(places)
const kept = earlier !== undefined && isSameMachine(earlier.machine, machine) ? earlier.parts : {}
if (writes && earlier !== undefined && kept !== earlier.parts) say('what was saved is of another machine, and goes')
const entryBytes = sampleEntries()
/** What a part may take: far more than it should. */
const limitMs = (20 + 10 * Math.max(0, ...lengths.map(length => Math.ceil(length / 1e6)))) * 60_000
const found: Record<string, PartResult> = {}
/** All that is known so far, in the order of the page. */
function results(): Results {
  const known = { ...kept, ...found }
  const inOrder = Object.keys(parts).flatMap(name => (known[name] === undefined ? [] : [[name, known[name]] as const]))
  return { machine, entryBytes, big: sizes.big, parts: Object.fromEntries(inOrder) }
}

for (const [name, measure] of Object.entries(parts)) {
  if (!isWanted(name)) continue
  say(name)
  const began = performance.now()
  const measured = await attempt(name, measure)
  if ('failure' in measured) say(`${name}: not measured: ${measured.failure}`)
  const minutes = (performance.now() - began) / 60_000
  found[name] = { day: new Date().toISOString().slice(0, 10), minutes, measured }
  if (writes) saveResults(places, results())
}

const measured = Object.values(found).flatMap(({ measured }) => ('failure' in measured ? [] : [measured]))
if (values.json) {
  const figures: Partial<Figures> = Object.assign({}, ...measured.map(({ figures }) => figures))
  const object = Object.fromEntries(printed.map(name => [name, figures[name] ?? null]))
  process.stdout.write(`${JSON.stringify(object)}\n`)
} else if (sizes !== full || only !== undefined) {
  const details = measured.map(({ title, text }) => `\n## ${title}\n\n${text.join('\n')}\n`).join('')
  process.stdout.write(formatFigures(measured) + (only === undefined ? '' : details))
}
if (writes) {
  writePage(places, results())
  say(`${places.page} is written`)
}
const failed = Object.entries(found).flatMap(([name, { measured }]) =>
  'failure' in measured && measured.failure !== notHere ? [name] : [],
)
if (failed.length > 0)
  end(1, `not measured: ${failed.join(', ')}; once that is mended, --only ${failed.join(' --only ')} --save`)
end(0)

/** Whether a part is to be measured. */
function isWanted(name: string): boolean {
  if (only === undefined) return !(values.quick && leftOutOfQuick(name))
  return only.includes(name) || (only.includes('system') && name.startsWith('system-'))
}

async function attempt(name: string, measure: Part): Promise<PartResult['measured']> {
  const inTime = new AbortController()
  try {
    return await Promise.race([
      measure(bench(name), bigLog).then(measured => measured ?? { failure: notHere }),
      // It also keeps the process alive, whatever the part waits for.
      delay(limitMs, { failure: `no end after ${limitMs / 60_000} minutes` }, inTime),
    ])
  } catch (error) {
    const { stack, message } = error as Error
    say(stack ?? message)
    // What is said on the page names no folders of this machine.
    return { failure: message.split('\n')[0]!.replaceAll(shared, '…').replaceAll(root, '') }
  } finally {
    inTime.abort()
    rmSync(join(shared, name), { recursive: true, force: true })
  }
}

/** Says why, on stderr, and ends: threads of a part that failed do not hold the process. */
function end(code: number, ...sentences: readonly string[]): never {
  for (const sentence of sentences) process.stderr.write(`bench: ${sentence}\n`)
  process.exit(code)
}

/** What the entries are like: the median of their JSON, and what a compressor leaves of a block of them. */
function sampleEntries(): { median: number; compressed: number } {
  const lines = Array.from({ length: 16_000 }, (_, i) => JSON.stringify(entryAt(i)))
  let plain = 0
  let packed = 0
  for (let i = 0; i < lines.length; i += 32) {
    const block = Buffer.from(lines.slice(i, i + 32).join('\n'))
    plain += block.length
    packed += zstdCompressSync(block, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length
  }
  return { median: median(lines.map(line => Buffer.byteLength(line))), compressed: packed / plain }
}

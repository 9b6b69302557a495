/**
 * The benchmark: `node bench/main.ts [--quick] [--json] [--only NAME]`.
 *
 * A full run writes `docs/benchmarks.md`; a quick one, or one of a single part, only prints. `--only system` means all parts
 * whose names begin so; a quick run leaves them out unless they are asked for.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { checkNodeVersion } from '../src/node-version.ts'
import { appendGroup, appendSingle, hostCost } from './append.ts'
import type { Bench, Figures, Measured, Sizes } from './bench.ts'
import { type BigLog, buildBigLog, disk, opening, proof, queries, verify } from './big-log.ts'
import { entryAt } from './entries.ts'
import { ingest } from './ingest.ts'
import { describeMachine } from './machine.ts'
import { median } from './measure.ts'
import { formatFigures, formatPage } from './page.ts'
import { systemAppend } from './system-append.ts'
import { systemChecks } from './system-checks.ts'
import { systemDetector } from './system-detector.ts'
import { systemMetrics } from './system-metrics.ts'
import { systemQueries } from './system-queries.ts'
import { systemReport } from './system-report.ts'
import { systemRetention } from './system-retention.ts'

const full: Sizes = {
  group: 200_000,
  rounds: 5,
  hostRounds: 5,
  single: 2000,
  big: 1_000_000,
  verifyRounds: 3,
  proofs: 2000,
  opens: 7,
  queries: 200,
  ingest: 1_000_000,
  switched: 80_000,
  switchedRounds: 3,
  checks: 1000,
  history: 1_000_000,
}
const quick: Sizes = {
  group: 100_000,
  rounds: 3,
  hostRounds: 2,
  single: 600,
  big: 60_000,
  verifyRounds: 2,
  proofs: 400,
  opens: 3,
  queries: 60,
  ingest: undefined,
  switched: 20_000,
  switchedRounds: 2,
  checks: 200,
  history: 100_000,
}

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
  lag: async (_bench, log) => (await log()).lag,
  host: hostCost,
  verify: async (bench, log) => verify(bench, await log()),
  proof: async (bench, log) => proof(bench, await log()),
  // Before anything that appends to the long log.
  disk: async (bench, log) => disk(bench, await log()),
  query: async (bench, log) => queries(bench, await log()),
  open: async (bench, log) => opening(bench, await log()),
  ingest,
  'system-append': systemAppend,
  'system-checks': async (bench, log) => systemChecks(bench, await log()),
  'system-detector': systemDetector,
  'system-metrics': async bench => systemMetrics(bench),
  'system-report': async (bench, log) => systemReport(bench, await log()),
  'system-queries': async (bench, log) => systemQueries(bench, await log()),
  'system-retention': async (bench, log) => systemRetention(bench, await log()),
}
const isOnTop = (name: string) => name.startsWith('system-')

checkNodeVersion()
const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, only: { type: 'string', multiple: true } },
})
for (const name of values.only ?? []) {
  if (name !== 'system' && !Object.hasOwn(parts, name)) {
    process.stderr.write(`bench: there is no part ${name}; there are ${Object.keys(parts).join(', ')}, and system\n`)
    process.exit(2)
  }
}
/** Whether a part is to be measured. */
function isWanted(name: string): boolean {
  const { only, quick } = values
  if (only === undefined) return !(quick && isOnTop(name))
  return only.includes(name) || (only.includes('system') && isOnTop(name))
}

// Below the checkout, so that the files lie on the same disk and the built package finds its dependencies.
const root = fileURLToPath(new URL('..', import.meta.url))
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
const folder = mkdtempSync(join(root, 'node_modules/.cache/bench-'))
const started = performance.now()
const say = (sentence: string) =>
  void process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${sentence}\n`)
const bench: Bench = { folder, sizes: values.quick ? quick : full, say }
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => process.exit(code))
}

const machine = describeMachine(folder)
if (machine.inMemory) say('the checkout lies in memory: nothing that is said about durability means anything')
let built: Promise<BigLog> | undefined
const bigLog = () => {
  built ??= buildBigLog(bench)
  return built
}
const ofTheSpine: Measured[] = []
const onTop: Measured[] = []
for (const [name, measure] of Object.entries(parts)) {
  if (!isWanted(name)) continue
  say(name)
  const result = await measure(bench, bigLog)
  if (result === undefined) say(`${name}: not measured`)
  else (isOnTop(name) ? onTop : ofTheSpine).push(result)
}
const results = [...ofTheSpine, ...onTop]

if (values.json) {
  const figures: Partial<Figures> = Object.assign({}, ...results.map(result => result.figures))
  const object = Object.fromEntries(printed.map(name => [name, figures[name] ?? null]))
  process.stdout.write(`${JSON.stringify(object)}\n`)
} else if (values.quick || values.only !== undefined) {
  const details = results.map(({ title, text }) => `\n## ${title}\n\n${text.join('\n')}\n`).join('')
  process.stdout.write(formatFigures(results) + (values.only === undefined ? '' : details))
}
if (!values.quick && values.only === undefined) {
  const page = formatPage({
    machine: machine.rows,
    inMemory: machine.inMemory,
    ofTheSpine,
    onTop,
    entryBytes: sampleEntries(),
    minutes: (performance.now() - started) / 60_000,
    big: bench.sizes.big,
  })
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), page)
  say('docs/benchmarks.md is written')
}

/** What the entries are like: the median of their JSON, and what a compressor leaves of a block of them. */
function sampleEntries(): { median: number; compressed: number } {
  const lines = Array.from({ length: 32_000 }, (_, i) => JSON.stringify(entryAt(i)))
  let plain = 0
  let packed = 0
  for (let i = 0; i < lines.length; i += 32) {
    const block = Buffer.from(lines.slice(i, i + 32).join('\n'))
    plain += block.length
    packed += zstdCompressSync(block, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length
  }
  return { median: median(lines.map(line => Buffer.byteLength(line))), compressed: packed / plain }
}

/** A long file of JSON lines through the command line, while the memory of that process is watched from outside. */
import { execFileSync, spawn } from 'node:child_process'
import { createWriteStream, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Bench, logPlaces, type Measured, removeLog } from './bench.ts'
import { entryAt } from './entries.ts'
import { digits } from './measure.ts'

const program = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

/** `undefined` where it is left out, or where there is no way to watch a process. */
export async function ingest(bench: Bench): Promise<Measured | undefined> {
  const count = bench.sizes.ingest
  if (count === undefined || !existsSync('/proc/self/status')) return undefined
  const input = join(bench.folder, 'ingest.jsonl')
  await pipeline(Readable.from(lines(count)), createWriteStream(input))

  const { file, keys } = logPlaces(bench, 'ingest')
  const command = [program, '--log', file, '--keys', keys, '--quiet']
  execFileSync(process.execPath, [...command, 'init'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const child = spawn(process.execPath, [...command, 'ingest', input], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', chunk => {
    said = (said + chunk).slice(-2000)
  })
  const started = performance.now()
  const samples: { at: number; rss: number; peak: number }[] = []
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve))
  let running = true
  void ended.then(() => {
    running = false
  })
  for (; running; await delay(100)) {
    const memory = memoryOf(child.pid)
    if (memory !== undefined) samples.push({ at: performance.now() - started, ...memory })
  }
  const code = await ended
  rmSync(input)
  const took = performance.now() - started
  if (code !== 0) {
    removeLog(bench, 'ingest')
    throw new Error(`ingest ended with ${code}: ${said}`)
  }
  removeLog(bench, 'ingest')

  const peak = Math.max(...samples.map(sample => sample.peak))
  // What a quarter of the run used at most: single moments depend on when the collector was there last.
  const quarter = (n: number) =>
    Math.max(...samples.filter(({ at }) => at > (took * (n - 1)) / 4 && at <= (took * n) / 4).map(({ rss }) => rss))
  const quarters = [1, 2, 3, 4].map(quarter)
  const growth = quarters[3]! / quarters[1]!
  bench.say(`ingest: ${digits(took / 1000)} s, peak ${digits(peak)} MB`)
  return {
    figures: { ingestPeakMegabytes: peak, ingestGrowth: growth },
    spreads: { ingestGrowth: `by quarters ${quarters.map(rss => digits(rss)).join(', ')} MB` },
    title: 'Ingest from the command line',
    text: [
      `\`memmimic-audit ingest\` of ${digits(count)} JSON lines into a new log, run from source: ${digits(took / 1000)} s, ${digits((count / took) * 1000)} entries a second. Peak resident memory of the process (VmHWM): ${digits(peak)} MB. The most in each quarter of the run: ${quarters.map(rss => digits(rss)).join(', ')} MB; flat means that the last is at most 1.1 × the second.`,
    ],
  }
}

function* lines(count: number): Iterable<string> {
  for (let from = 0; from < count; from += 1000) {
    let text = ''
    for (let i = from; i < Math.min(from + 1000, count); i++) text += `${JSON.stringify(entryAt(i))}\n`
    yield text
  }
}

/** MB in use now, and at most so far. */
function memoryOf(pid: number | undefined): { rss: number; peak: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const of = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024) / 1e6
    return { rss: of('VmRSS'), peak: of('VmHWM') }
  } catch {
    return undefined
  }
}

/** The report over the long log, over its first half and its first tenth, each in a process of its own. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openReader } from '../src/trail/reader.ts'
import type { Bench, Measured } from './bench.ts'
import type { BigLog } from './big-log.ts'
import { digits, median, spread } from './measure.ts'
import type { ReportRun } from './report-child.ts'

const runs = 2

export async function systemReport(bench: Bench, log: BigLog): Promise<Measured> {
  const { big } = bench.sizes
  const reader = await openReader({ file: log.file, keys: log.keys })
  const half = await reader.get(Math.floor(big / 2))
  const tenth = await reader.get(Math.floor(big / 10))
  await reader.close()
  const reports = { whole: [] as ReportRun[], half: [] as ReportRun[], tenth: [] as ReportRun[] }
  for (let i = 0; i < runs; i++) {
    reports.whole.push(reportIn(log))
    reports.half.push(reportIn(log, half!.time))
    reports.tenth.push(reportIn(log, tenth!.time))
    const { ms, more } = reports.whole.at(-1)!
    bench.say(`report, run ${i + 1} of ${runs}: ${digits(ms / 1000)} s, ${digits(more / 1e6)} MB more`)
  }
  const of = (some: readonly ReportRun[], key: keyof ReportRun, unit = 1) => some.map(report => report[key] / unit)
  const peak = (some: readonly ReportRun[]) => median(some.map(({ before, more }) => before + more)) / 1e6
  const row = (name: string, some: readonly ReportRun[]) =>
    [
      '',
      name,
      digits(some[0]!.entries),
      spread(of(some, 'ms', 1000)),
      spread(of(some, 'before', 1e6)),
      spread(of(some, 'more', 1e6)),
      spread(of(some, 'htmlMs')),
      '',
    ]
      .join(' | ')
      .trim()
  return {
    figures: {
      reportSeconds: median(of(reports.whole, 'ms')) / 1000,
      reportMemoryGrowth: peak(reports.whole) / peak(reports.half),
    },
    spreads: {
      reportSeconds: `${digits(reports.whole[0]!.entries)} entries; ${spread(of(reports.whole, 'ms', 1000))}`,
      reportMemoryGrowth: `peaks of tenth, half and whole ${[reports.tenth, reports.half, reports.whole].map(some => digits(peak(some))).join(', ')} MB`,
    },
    title: 'A report',
    text: [
      `\`generateAuditReport\` of an open system with every default, run from source, ${runs} fresh processes each, in turns: over the whole log, over its first half, and over its first tenth. Every entry of the period is verified on the way. Memory is that of the process, looked at every 5 ms: what it had before the call, and how much more at most until the report was there. The heaps of the threads that share the walk grow to their usual size first; flat means that the peak of the whole is at most 1.1 × that of the half.`,
      '',
      '| median (range) | entries | seconds | memory before, MB | more, MB | HTML of it, ms |',
      '|---|---|---|---|---|---|',
      row('the whole log', reports.whole),
      row('its first half', reports.half),
      row('its first tenth', reports.tenth),
    ],
  }
}

export function reportIn({ file, keys }: { file: string; keys: string }, until?: string): ReportRun {
  const child = fileURLToPath(new URL('./report-child.ts', import.meta.url))
  const answer = execFileSync(process.execPath, [child, file, keys, ...(until === undefined ? [] : [until])], {
    encoding: 'utf8',
  })
  return JSON.parse(answer) as ReportRun
}

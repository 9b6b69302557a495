/** The report over the long log, and over its first tenth, each in a process of its own. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openReader } from '../src/trail/reader.ts'
import type { Bench, Measured } from './bench.ts'
import type { BigLog } from './big-log.ts'
import { digits, median, spread } from './measure.ts'
import type { ReportRun } from './report-child.ts'

const runs = 3

export async function systemReport(bench: Bench, log: BigLog): Promise<Measured> {
  const reader = await openReader({ file: log.file, keys: log.keys })
  const tenth = await reader.get(Math.floor(bench.sizes.big / 10))
  await reader.close()
  const whole: ReportRun[] = []
  const part: ReportRun[] = []
  for (let i = 0; i < runs; i++) {
    whole.push(reportIn(log))
    part.push(reportIn(log, tenth!.time))
    bench.say(`report: ${digits(whole.at(-1)!.ms / 1000)} s, ${digits(whole.at(-1)!.more / 1e6)} MB more`)
  }
  const of = (reports: readonly ReportRun[], key: keyof ReportRun) => reports.map(report => report[key])
  const megabytes = (reports: readonly ReportRun[], key: 'before' | 'more') =>
    spread(of(reports, key).map(b => b / 1e6))
  const row = (name: string, reports: readonly ReportRun[]) =>
    `| ${name} | ${digits(reports[0]!.entries)} | ${spread(of(reports, 'ms').map(ms => ms / 1000))} | ${megabytes(reports, 'before')} | ${megabytes(reports, 'more')} | ${spread(of(reports, 'htmlMs'))} |`
  const peak = (reports: readonly ReportRun[]) => median(reports.map(({ before, more }) => before + more))
  return {
    figures: {
      reportSeconds: median(of(whole, 'ms')) / 1000,
      reportMemoryGrowth: peak(whole) / peak(part),
    },
    spreads: {
      reportSeconds: `${digits(whole[0]!.entries)} entries; ${spread(of(whole, 'ms').map(ms => ms / 1000))}`,
      reportMemoryGrowth: `${digits(peak(part) / 1e6)} MB and ${digits(peak(whole) / 1e6)} MB`,
    },
    title: 'A report',
    text: [
      `\`generateAuditReport\` of an open system with every default, run from source, ${runs} fresh processes each, in turns: over the whole log, and over the first tenth of it. Every entry of the period is verified on the way. Memory is that of the process, looked at every 5 ms: what it had before the call, and how much more at most until the report was there.`,
      '',
      '| median (range) | entries | seconds | memory before, MB | more, MB | HTML of it, ms |',
      '|---|---|---|---|---|---|',
      row('the whole log', whole),
      row('its first tenth', part),
    ],
  }
}

function reportIn({ file, keys }: BigLog, until?: string): ReportRun {
  const child = fileURLToPath(new URL('./report-child.ts', import.meta.url))
  const answer = execFileSync(process.execPath, [child, file, keys, ...(until === undefined ? [] : [until])], {
    encoding: 'utf8',
  })
  return JSON.parse(answer) as ReportRun
}

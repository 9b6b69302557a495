/** One report, in a process of its own: `report-child.ts FILE KEYS [UNTIL]`. */
import { MemMimicAuditSystem } from '../src/memmimic-audit-system.ts'
import { formatHtml } from '../src/report/html.ts'

export interface ReportRun {
  readonly entries: number
  readonly ms: number
  readonly htmlMs: number
  readonly htmlBytes: number
  /** Bytes of the process before, and more than that at most until the report was there. */
  readonly before: number
  readonly more: number
}

const [, , file, keys, until] = process.argv as [string, string, string, string, string?]
const system = await new MemMimicAuditSystem(file, { keys, create: false, closeOnExit: false }).ready()
await system.log.status()
const before = process.memoryUsage.rss()
let most = before
// The walk is on other threads: this one is free to look.
const watching = setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss())
}, 5)
const started = performance.now()
const report = await system.generateAuditReport(until === undefined ? {} : { until })
const ms = performance.now() - started
clearInterval(watching)
const more = Math.max(most, process.memoryUsage.rss()) - before
const html = formatHtml(report)
const htmlMs = performance.now() - started - ms
if (!report.integrityStatus.valid) throw new Error(JSON.stringify(report.integrityStatus.findings[0]))
await system.close()
const run: ReportRun = {
  entries: report.totalEntries,
  ms,
  htmlMs,
  htmlBytes: Buffer.byteLength(html),
  before,
  more,
}
process.stdout.write(JSON.stringify(run))

/** One opening of a log, in a process of its own: `open-child.ts SYSTEM-MODULE FILE KEYS`. */
import { pathToFileURL } from 'node:url'
import type { openAuditLog } from '../src/system.ts'

export interface OpenReport {
  readonly openMs: number
  /** From the call until the first entry is acknowledged. */
  readonly appendMs: number
  /** Bytes, after the first append. */
  readonly rss: number
}

const [, , system, file, keys] = process.argv as [string, string, string, string, string]
const module = (await import(pathToFileURL(system).href)) as { openAuditLog: typeof openAuditLog }

const started = performance.now()
const log = await module.openAuditLog({ file, keys, create: false, closeOnExit: false })
const openMs = performance.now() - started
await log.append({ operation: 'remember', component: 'bench', memoryId: 'mem_open' })
const appendMs = performance.now() - started
// The reader opens in its own time: wait for it, so that its memory counts.
await log.status()
const { rss } = process.memoryUsage()
await log.close()
process.stdout.write(JSON.stringify({ openMs, appendMs, rss } satisfies OpenReport))

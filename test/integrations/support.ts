/** A real log for a test, in a folder of its own that goes when the test is done. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditLog } from '../../src/audit-log.ts'
import type { AuditEvent } from '../../src/core/events.ts'
import type { EntryView } from '../../src/core/view.ts'
import { type OpenAuditLogOptions, openAuditLog } from '../../src/system.ts'

export interface OpenLog extends AsyncDisposable {
  readonly log: AuditLog
  /** Everything that the log’s event stream told. */
  readonly heard: AuditEvent[]
  /** The entries of everybody but the log itself, oldest first. */
  entries(): Promise<EntryView[]>
}

export async function openLog(options: OpenAuditLogOptions = {}): Promise<OpenLog> {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-integrations-'))
  const places = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
  const log = await openAuditLog({
    ...places,
    threads: false,
    closeOnExit: false,
    onCreate: () => {},
    onNotice: () => {},
    ...options,
  })
  const heard: AuditEvent[] = []
  log.events.on(event => heard.push(event))
  return {
    log,
    heard,
    entries: () => Array.fromAsync(log.query({ kind: ['event', 'intent', 'outcome'] }, { order: 'asc' })),
    async [Symbol.asyncDispose]() {
      await log.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

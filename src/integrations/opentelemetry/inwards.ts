/** Exporters for the SDK of OpenTelemetry that export into an audit log. */

import type { EntryInput } from '../../core/entry.ts'
import type { CallLog } from '../audited.ts'
import { entryOfLogRecord, entryOfSpan, type OtelLogRecord, type OtelSpan } from './from-otel.ts'
import { ownScope } from './names.ts'

/** As the SDK has it: 0 is success, 1 failure. */
export interface OtelExportResult {
  readonly code: 0 | 1
  readonly error?: Error
}

export interface AuditExporterOptions<T> {
  readonly log: CallLog
  /** Which records are recorded; all of them unless given. */
  readonly accept?: (record: T) => boolean
}

/** Appends what it is given to export, and says that it succeeded when all of it is on the disk. */
class AuditExporter<T extends { readonly instrumentationScope: { readonly name: string } }> {
  readonly #log: CallLog
  readonly #accept: (record: T) => boolean
  readonly #entryOf: (record: T) => EntryInput
  readonly #pending = new Set<Promise<void>>()
  #isClosed = false

  protected constructor({ log, accept = () => true }: AuditExporterOptions<T>, entryOf: (record: T) => EntryInput) {
    this.#log = log
    this.#accept = accept
    this.#entryOf = entryOf
  }

  /**
   * Records each; one that the log refuses harms no other. What this package itself told OpenTelemetry is left out, so that
   * an entry does not become another one for ever.
   */
  export(records: readonly T[], done: (result: OtelExportResult) => void): void {
    if (this.#isClosed) {
      done({ code: 1, error: new Error('the exporter is shut down') })
      return
    }
    const exporting = this.#append(records).then(done)
    this.#pending.add(exporting)
    void exporting.finally(() => this.#pending.delete(exporting))
  }

  async #append(records: readonly T[]): Promise<OtelExportResult> {
    const wanted = records.filter(record => record.instrumentationScope.name !== ownScope)
    const results = await Promise.allSettled(
      wanted.map(async record => {
        if (this.#accept(record)) await this.#log.append(this.#entryOf(record))
      }),
    )
    const reasons = results.flatMap(result => (result.status === 'rejected' ? [result.reason as Error] : []))
    if (reasons.length === 0) return { code: 0 }
    const message = `${reasons.length} of ${records.length} records were not recorded: ${reasons[0]!.message}`
    return { code: 1, error: new Error(message, { cause: reasons[0] }) }
  }

  /** Resolves when what was given so far is on the disk, or was refused. */
  async forceFlush(): Promise<void> {
    await Promise.all(this.#pending)
  }

  /** Takes no more. The log stays open: it is its owner’s to close. */
  async shutdown(): Promise<void> {
    this.#isClosed = true
    await this.forceFlush()
  }
}

/**
 * A `LogRecordExporter` that appends log records to an audit log, durable when it says so.
 *
 * @example
 * new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter: new AuditLogRecordExporter({ log }) })] })
 */
export class AuditLogRecordExporter extends AuditExporter<OtelLogRecord> {
  constructor(options: AuditExporterOptions<OtelLogRecord>) {
    super(options, entryOfLogRecord)
  }
}

/**
 * A `SpanExporter` that appends ended spans to an audit log, durable when it says so. A span is told when it is over: what
 * must be on the record before it happens is recorded with `log.begin`.
 *
 * @example
 * new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: new AuditSpanExporter({ log }) })] })
 */
export class AuditSpanExporter extends AuditExporter<OtelSpan> {
  constructor(options: AuditExporterOptions<OtelSpan>) {
    super(options, entryOfSpan)
  }
}

/** The report on the record: the entry by which the log remembers that a report was made, and which file it was. */
import type { WriteControl } from '../core/control.ts'
import type { Actor, Receipt } from '../core/entry.ts'
import { sha256Hex } from '../core/primitives.ts'
import type { AuditReport } from './report.ts'

export const reportFormats = ['html', 'md', 'json'] as const
export type ReportFormat = (typeof reportFormats)[number]

export interface ReportRecord {
  readonly report: AuditReport
  readonly format: ReportFormat
  /** The file, to the byte, as it was handed out. */
  readonly bytes: Uint8Array
  /** Who asked for it. Sealed. */
  readonly actor?: Actor | undefined
}

/**
 * Records that a report was made, with the SHA-256 of its file, in the control entry `access.report`.
 *
 * @throws AuditError as the log does when it cannot be written
 * @example await recordReport(entry => logger.logControl(entry), { report, format: 'html', bytes })
 */
export async function recordReport(
  write: WriteControl,
  { report, format, bytes, actor }: ReportRecord,
): Promise<Receipt & { readonly digest: string }> {
  const digest = sha256Hex(bytes)
  const { integrityStatus: status } = report
  const receipt = await write({
    operation: 'access.report',
    outcome: 'success',
    securityLevel: 'confidential',
    attributes: {
      reportId: report.reportId,
      type: report.type,
      format,
      bytes: bytes.length,
      digest,
      since: report.startTime,
      until: report.endTime,
      from: report.from,
      to: report.to,
      entries: report.totalEntries,
      valid: status.valid,
      complete: status.complete,
      trust: status.trust,
      size: status.size,
      rootHash: status.rootHash,
    },
    ...(actor && { actor }),
  })
  return { ...receipt, digest }
}

import type { AuditReport } from './report.ts'

/**
 * A report as JSON, indented, in ASCII: the same values, and nothing in them that could hide on a screen.
 *
 * @example JSON.parse(formatJson(report)).integrityStatus.valid
 */
export function formatJson(report: AuditReport): string {
  const text = JSON.stringify(report, null, 2)
  return `${text.replaceAll(/[^\n\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}

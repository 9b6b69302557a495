/** memmimic-audit: the table of contents. */

export type { CreatedLog } from './append/create-log.ts'
export { ImmutableAuditLogger, type LoggerOptions } from './append/immutable-audit-logger.ts'
export {
  type HistoryQuestion,
  MemMimicAuditSystem,
  type MemoryOperation,
  type SystemIntegrity,
  type SystemOverview,
} from './memmimic-audit-system.ts'
export { AuditLog, type OpenCall, type QueryOptions, type VerifyLogOptions } from './audit-log.ts'
export type { Actor, EntryInput, Json, Kind, Leaf, Outcome, Receipt, SecurityLevel } from './core/entry.ts'
export { AuditError, type AuditErrorCode } from './core/errors.ts'
export type { AppendedEntry, AuditEvent, AuditListener, CheckedEvent, EventStream } from './core/events.ts'
export type { Condition, EntryFilter, Operator } from './core/filter.ts'
export type {
  Declaration,
  Finding,
  FindingType,
  Omission,
  Severity,
  Trust,
  VerificationReport,
} from './core/finding.ts'
export type { DisclosureTriple } from './core/sealed.ts'
export type { EntryView } from './core/view.ts'
export { type OpenAuditLogOptions, openAuditLog } from './system.ts'
export type { EntryWithDisclosures, ListRow } from './trail/audit-trail.ts'
export type { LogStatus, VerifyRequest } from './trail/reader.ts'
export { type VerifyOptions, type VerifyPosition, verifyLog } from './verify/log-verifier.ts'
export { withContext, currentContext, type AuditContext } from './integrations/context.ts'

/** memmimic-audit: the table of contents. `core/index.ts` has what checks a log without Node. */

// The log: open, append, ask, verify.

export type { CreatedLog } from './append/create-log.ts'
export { ImmutableAuditLogger, type LoggerOptions } from './append/immutable-audit-logger.ts'
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
export type {
  Count,
  CountOptions,
  Facet,
  FacetOptions,
  Histogram,
  HistogramBucket,
  HistogramOptions,
} from './trail/aggregates.ts'
export type { EntryWithDisclosures, ListRow } from './trail/audit-trail.ts'
export type { LogStatus, VerifyRequest } from './trail/reader.ts'
export { type VerifyOptions, type VerifyPosition, verifyLog } from './verify/log-verifier.ts'

// The system: the seed's, whole.

export { type Assembly, assemble, type SystemOptions, type SystemSettings } from './assembly.ts'
export {
  type HistoryQuestion,
  MemMimicAuditSystem,
  type MemoryOperation,
  type SystemIntegrity,
  type SystemOverview,
} from './memmimic-audit-system.ts'
export {
  type AuditQuery,
  type AuditQueryFilter,
  type AuditQueryResult,
  AuditTrailManager,
} from './trail/audit-trail-manager.ts'
export { CryptographicVerifier, type VerificationResult } from './verify/cryptographic-verifier.ts'
export { type ChainVerification, HashChainVerifier } from './verify/hash-chain-verifier.ts'

// Entries on their way in: who acts, what must not be kept, how sensitive it is, whether it may be.

export { type GovernanceSettings, governanceSettingsFor } from './governance/settings.ts'
export { type GovernanceResult, type GovernanceRule, SimpleGovernance } from './governance/simple-governance.ts'
export { prepareEntry } from './intake/prepare.ts'
export { defaultIntakeSettings, type IntakeSettings } from './intake/settings.ts'
export { auditApi, auditMcpHandlers } from './integrations/api.ts'
export { type AuditContext, contextual, currentContext, withContext } from './integrations/context.ts'
export { AuditLogRecordExporter, AuditSpanExporter } from './integrations/opentelemetry/inwards.ts'
export { exportToOpenTelemetry, withActiveSpan } from './integrations/opentelemetry/outwards.ts'
export { auditStorage } from './integrations/storage.ts'
export { TelemetryCollector } from './integrations/telemetry-collector.ts'

// What is noticed, measured and reported.

export type { Alert } from './detect/alert.ts'
export { type DetectSettings, defaultDetectSettings } from './detect/settings.ts'
export { TamperDetector, type TamperDetectorOptions } from './detect/tamper-detector.ts'
export { AuditMetrics, type AuditMetricsOptions, type AuditSummary } from './metrics/audit-metrics.ts'
export { healthScore, type SystemStatus, systemStatus } from './metrics/health.ts'
export { SecurityMetrics, type SecurityMetricsOptions } from './metrics/security-metrics.ts'
export { defaultMetricsSettings, type MetricsSettings } from './metrics/settings.ts'
export { type ComplianceReport, generateComplianceReport } from './report/compliance-report.ts'
export { formatHtml } from './report/html.ts'
export { formatJson } from './report/json.ts'
export { formatMarkdown } from './report/markdown.ts'
export { recordReport } from './report/record.ts'
export { type AuditReport, generateAuditReport, type ReportRequest } from './report/report.ts'

// An attack on a copy of one's own log.

export { type AttackReport, runAttackKit } from './attack/kit.ts'

// Who may look, what leaves, what goes.

export { GuardedLog, guardLog } from './access/guarded-log.ts'
export { type Principal, principalOf } from './access/principal.ts'
export { type AccessSettings, defaultAccessSettings, type Permission } from './access/settings.ts'
export { type BackupReport, backupLog } from './backup/backup.ts'
export { type RestoreOptions, type RestoreReport, restoreLog } from './backup/restore.ts'
export { writeBundle } from './export/bundle.ts'
export { type ExportFormat, type ExportSummary, exportEntries, exportFormats } from './export/export.ts'
export { type BundleReport, type VerifyBundleOptions, verifyBundle } from './export/verify-bundle.ts'
export { importSeedFile, type SeedImportReport } from './migrate/seed-import.ts'
export { type ErasureReport, eraseSubject } from './retention/erasure.ts'
export { type FrameworkId, frameworks, shortfalls } from './retention/frameworks.ts'
export { activeHolds, type Hold, type NewHold, placeHold, releaseHold } from './retention/holds.ts'
export { type RetentionReport, runRetention } from './retention/retention.ts'
export { defaultRetentionSettings, type RetentionSettings } from './retention/settings.ts'
export type { StreamSettings } from './streams/settings.ts'
export { openStreams, type Streams } from './streams/streams.ts'

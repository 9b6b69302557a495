/** The seed's compliance report: the same report, grouped as there. */
import type { Severity } from '../core/finding.ts'
import type { SummaryHooks } from '../trail/summary.ts'
import type { Recommendation } from './recommendations.ts'
import {
  type AlertSummary,
  type AuditReport,
  type ComplianceStatus,
  generateAuditReport,
  type IntegrityStatus,
  type PerformanceSummary,
  type ReportRequest,
  type ReportSources,
} from './report.ts'

export interface ComplianceReport {
  readonly reportMetadata: Pick<
    AuditReport,
    'reportId' | 'title' | 'description' | 'type' | 'origin' | 'generatedAt' | 'startTime' | 'endTime'
  >
  readonly auditSummary: Pick<
    AuditReport,
    | 'totalEntries'
    | 'totals'
    | 'operationsSummary'
    | 'componentsSummary'
    | 'toolsSummary'
    | 'actorsSummary'
    | 'timeline'
  >
  readonly securityAnalysis?: {
    readonly tamperAlerts: AlertSummary
    readonly integrityStatus: IntegrityStatus
    /** Findings and alerts that are high or critical, one sentence each. */
    readonly criticalIssues: readonly string[]
  }
  readonly performanceMetrics?: PerformanceSummary
  readonly complianceStatus?: ComplianceStatus
  readonly recommendations: readonly Recommendation[]
  /** The whole report, for pages and for the record. */
  readonly report: AuditReport
}

/**
 * The seed's `generate_compliance_report`.
 *
 * @throws AuditError as {@link generateAuditReport}
 * @example const { securityAnalysis } = await generateComplianceReport({ reader, world }, { type: 'security' })
 */
export async function generateComplianceReport(
  sources: ReportSources,
  request: ReportRequest = {},
  hooks?: SummaryHooks,
): Promise<ComplianceReport> {
  const report = await generateAuditReport(sources, request, hooks)
  const { reportId, title, description, type, origin, generatedAt, startTime, endTime } = report
  const { totalEntries, totals, operationsSummary, componentsSummary, toolsSummary, actorsSummary, timeline } = report
  const { integrityStatus, tamperAlerts } = report
  return {
    reportMetadata: { reportId, title, description, type, origin, generatedAt, startTime, endTime },
    auditSummary: {
      totalEntries,
      totals,
      ...(operationsSummary && { operationsSummary }),
      ...(componentsSummary && { componentsSummary }),
      ...(toolsSummary && { toolsSummary }),
      ...(actorsSummary && { actorsSummary }),
      ...(timeline && { timeline }),
    },
    ...(tamperAlerts && {
      securityAnalysis: {
        tamperAlerts,
        integrityStatus,
        criticalIssues: [
          ...integrityStatus.findings.filter(isGrave).map(({ message }) => message),
          ...tamperAlerts.alerts.filter(isGrave).map(({ alertId, description: what }) => what ?? `alert ${alertId}`),
        ],
      },
    }),
    ...(report.performanceSummary && { performanceMetrics: report.performanceSummary }),
    ...(report.complianceStatus && { complianceStatus: report.complianceStatus }),
    recommendations: report.recommendations,
    report,
  }
}

function isGrave({ severity }: { readonly severity?: Severity }): boolean {
  return severity === 'high' || severity === 'critical'
}

/** What a report recommends: the seed's four rules, and what else follows from its figures. */
import type { AuditReport } from './report.ts'
import type { ReportSettings } from './settings.ts'
import { trustMeaning } from './trust.ts'
import { count, duration, grouped, percent } from './words.ts'

export interface Recommendation {
  readonly type: 'integrity' | 'completeness' | 'security' | 'performance' | 'compliance' | 'retention'
  readonly priority: 'critical' | 'high' | 'medium' | 'low'
  readonly description: string
  readonly suggestedAction: string
  /** The question behind it. */
  readonly query?: string
}

const priorities = ['critical', 'high', 'medium', 'low'] as const

type Judged = Omit<AuditReport, 'recommendations' | 'controls' | 'queries'>
type Rule = (report: Judged, settings: ReportSettings) => Recommendation | readonly Recommendation[] | undefined

/** The most urgent first. */
export function recommendations(report: Judged, settings: ReportSettings): Recommendation[] {
  const found = rules.flatMap(rule => rule(report, settings) ?? [])
  return found.sort((a, b) => priorities.indexOf(a.priority) - priorities.indexOf(b.priority))
}

const rules: readonly Rule[] = [
  // Integrity

  ({ integrityStatus: { valid, findingsTotal, firstUntrusted, query } }) =>
    valid
      ? undefined
      : {
          type: 'integrity',
          priority: 'critical',
          description: `The check found ${count(findingsTotal, 'sign', 'signs')} of tampering${firstUntrusted === undefined ? '' : `; from entry ${grouped(firstUntrusted)} on, nothing here can be taken for granted`}.`,
          suggestedAction:
            'Keep a copy of the file and of its keys as they are now, find out who could write to them, and hold the log against a checkpoint that was kept elsewhere.',
          query,
        },
  ({ integrityStatus: { trust } }) =>
    trust === 'chained' || trust === 'signed'
      ? {
          type: 'integrity',
          priority: trust === 'chained' ? 'high' : 'medium',
          description: `No checkpoint that was remembered outside the log took part in this check. Trust label ${trust}: ${trustMeaning(trust)}. An older copy of the file put in its place would not be noticed.`,
          suggestedAction: 'Keep signed checkpoints somewhere else, and give them to the check with --anchor.',
        }
      : undefined,
  ({ integrityStatus: { unsignedEntries, checkpoint } }) =>
    unsignedEntries === 0
      ? undefined
      : {
          type: 'integrity',
          priority: checkpoint === undefined ? 'high' : 'low',
          description: `${count(unsignedEntries, 'entry', 'entries')} of the period ${unsignedEntries === 1 ? 'is' : 'are'} not covered by a signed checkpoint yet.`,
          suggestedAction: 'Sign the head with memmimic-audit checkpoint --sign, and make the report again.',
        },

  // Completeness

  ({ integrityStatus: { openIntentsTotal, query } }) =>
    openIntentsTotal === 0
      ? undefined
      : {
          type: 'completeness',
          priority: 'medium',
          description: `${count(openIntentsTotal, 'action was announced and never ended', 'actions were announced and never ended')} on record: what became of ${openIntentsTotal === 1 ? 'it' : 'them'} is not known.`,
          suggestedAction: 'Find out; a process may have ended before it could say so.',
          query,
        },
  ({ integrityStatus: { gaps, lostEntries } }) =>
    gaps.value === 0
      ? undefined
      : {
          type: 'completeness',
          priority: 'high',
          description: `${count(gaps.value, 'gap is', 'gaps are')} on record: ${count(lostEntries, 'entry', 'entries')} could not be recorded.`,
          suggestedAction: 'Look at why, in the entries gap.recorded, and at what was done meanwhile.',
          query: gaps.query,
        },

  // Security

  ({ tamperAlerts }) =>
    tamperAlerts === undefined || tamperAlerts.bySeverity.critical === 0
      ? undefined
      : {
          type: 'security',
          priority: 'high',
          description: `${count(tamperAlerts.bySeverity.critical, 'critical alert was', 'critical alerts were')} raised in the period.`,
          suggestedAction: 'Look into each of them, and record what came of it.',
          query: tamperAlerts.raised.query,
        },
  ({ tamperAlerts }) =>
    tamperAlerts === undefined || tamperAlerts.open === 0
      ? undefined
      : {
          type: 'security',
          priority: 'medium',
          description: `${count(tamperAlerts.open, 'alert stood', 'alerts stood')} open, seen by nobody on record, when the period ended.`,
          suggestedAction: 'Acknowledge them, and resolve those that are dealt with.',
          query: tamperAlerts.raised.query,
        },
  (report, { deniedShare }) =>
    shareAbove(report, 'denied', deniedShare, share => ({
      type: 'security',
      priority: 'medium',
      description: `${share} of the actions that have an outcome were denied.`,
      suggestedAction: 'Look at who was refused what: a rule may be too strict, or someone tries what they may not.',
    })),
  ({ accesses, totals }) =>
    accesses === undefined || accesses.total.value > 0 || totals.entries.value === 0
      ? undefined
      : {
          type: 'security',
          priority: 'low',
          description: 'No access to the log is on record in this period.',
          suggestedAction: 'If anybody read it, let them do so through access control, which records it.',
          query: accesses.total.query,
        },

  // Performance

  ({ performanceSummary }, { meanAuditTimeMs }) =>
    performanceSummary?.measured?.times
      .filter(({ statistics }) => statistics.mean > meanAuditTimeMs)
      .map(({ name, statistics }) => ({
        type: 'performance',
        priority: 'medium',
        description: `The mean of ${name} is ${duration(statistics.mean)}, above ${duration(meanAuditTimeMs)}.`,
        suggestedAction: 'Look at the disk, and at how many callers wait for a commit at once.',
      })),
  ({ performanceSummary }) =>
    performanceSummary?.targets
      .filter(({ isMet }) => !isMet)
      .map(({ name, targetMs, measuredMs }) => ({
        type: 'performance',
        priority: 'medium',
        description: `${name}: ${duration(measuredMs)}, where less than ${duration(targetMs)} is aimed at.`,
        suggestedAction: 'See whether the machine was busy with something else, and measure again.',
      })),
  (report, { failureShare }) =>
    shareAbove(report, 'failure', failureShare, share => ({
      type: 'performance',
      priority: 'medium',
      description: `${share} of the actions that have an outcome failed.`,
      suggestedAction: 'Look at which operations fail, and why.',
    })),

  // Governance and retention

  ({ complianceStatus }, { governanceValidations }) =>
    complianceStatus === undefined || complianceStatus.governanceValidations.value <= governanceValidations
      ? undefined
      : {
          type: 'compliance',
          priority: 'low',
          description: `${count(complianceStatus.governanceValidations.value, 'governance result is', 'governance results are')} on record, more than ${grouped(governanceValidations)}.`,
          suggestedAction: 'See whether the rules still fit, and whether some could be checked less often.',
          query: complianceStatus.governanceValidations.query,
        },
  ({ complianceStatus }) => {
    const { policy, frameworks } = complianceStatus?.retentionCompliance ?? { frameworks: [] }
    return frameworks
      .filter(({ isShorter }) => isShorter)
      .map(({ title, days, says }) => ({
        type: 'retention',
        priority: 'high',
        description: `Content is kept for ${grouped(policy!.days)} days${policy!.rules.length > 0 ? ', or as a rule says' : ''}; ${title} asks for ${grouped(days!)} (${says}).`,
        suggestedAction: 'Set a longer period, for all entries or by a rule for those concerned.',
      }))
  },
]

/** Something to say when a share of what has an outcome is above a bound. */
function shareAbove(
  { totals }: Judged,
  outcome: 'denied' | 'failure',
  bound: number,
  say: (share: string) => Recommendation,
): Recommendation | undefined {
  const told = totals.outcomes.filter(({ name }) => name !== 'none')
  const whole = told.reduce((sum, { entries }) => sum + entries, 0)
  const { entries, query } = told.find(({ name }) => name === outcome)!
  return whole === 0 || entries / whole <= bound ? undefined : { ...say(percent(entries, whole)), query }
}

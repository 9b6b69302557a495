/**
 * Reports as data: what happened in a period, and how far that can be believed. Pages in HTML, Markdown and JSON are made
 * of this and of nothing else.
 *
 * Each figure names the question behind it; whoever doubts one asks the log again.
 */
import type { World } from '../append/clock.ts'
import type { Outcome, SecurityLevel } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { Finding, Severity, Trust } from '../core/finding.ts'
import { formatTime, uuidv7 } from '../core/time.ts'
import type { Reader } from '../trail/reader.ts'
import type { Statistics } from '../trail/sketch.ts'
import type { LogSummary, SignedHead, SummaryHooks, SummaryRequest } from '../trail/summary.ts'
import type {
  ActionCount,
  ActorCount,
  ControlAct,
  NamedCount,
  OpenIntent,
  OperationCount,
  TimelineBucket,
  Top,
} from '../trail/tally.ts'
import type { AlertOfPeriod } from './alerts.ts'
import { type Evidence, evidenceOf, type Shown } from './controls/evidence.ts'
import type { Control } from './controls/framework.ts'
import { type ControlFrameworkId, controlFrameworkIds, controlFrameworks } from './controls/index.ts'
import { Queries, type Query } from './queries.ts'
import { type Recommendation, recommendations } from './recommendations.ts'
import { drawSections, integrityOf, type Sections, totalsOf } from './sections.ts'
import { defaultReportSettings, type ReportSettings } from './settings.ts'

export const reportTypes = ['comprehensive', 'security', 'performance', 'compliance'] as const
/** Which sections a report has. Period, verdicts, totals and recommendations are in each. */
export type ReportType = (typeof reportTypes)[number]

/** A number and the question behind it: the id of a {@link Query}. */
export interface Figure {
  readonly value: number
  readonly query: string
}

/** A row of a table, with the question behind it. */
export type Row<T> = T & { readonly query: string }

export interface Table<T> {
  readonly rows: readonly Row<T>[]
  /** What the rows leave out. */
  readonly others: Top<T>['others']
}

export interface IntegrityStatus {
  /** Nothing was changed. The seed's name for `valid`. */
  readonly hashChainValid: boolean
  readonly valid: boolean
  /** Nothing is missing. */
  readonly complete: boolean
  readonly trust: Trust
  /** Entries checked: those of the period, and the ones just before and after. */
  readonly entriesVerified: number
  /** Findings by which an entry is not the one that was written, or not where it was. */
  readonly brokenLinks: number
  readonly verificationTimeMs: number
  /** The first of them; `findingsTotal` counts all. */
  readonly findings: readonly Finding[]
  readonly findingsTotal: number
  readonly firstUntrusted?: number
  /** Actions that were announced in the period and have not ended to this day; the first of them. */
  readonly openIntents: readonly OpenIntent[]
  readonly openIntentsTotal: number
  /** Times that entries could not be recorded, and how many were lost. */
  readonly gaps: Figure
  readonly lostEntries: number
  /** Entries of the period that are not there or cannot be read, declared or not. */
  readonly absentEntries: number
  /** The log against which all was checked. */
  readonly size: number
  readonly rootHash: string
  /** The signed checkpoint for which this report speaks. */
  readonly checkpoint?: SignedHead
  /** Entries of the period that it does not cover yet. */
  readonly unsignedEntries: number
  readonly query: string
}

export interface AlertSummary {
  readonly raised: Figure
  /** Of those raised, as far as they are listed. */
  readonly bySeverity: Readonly<Record<Severity, number>>
  /** Of all that the period tells of, as they stood when it ended. */
  readonly open: number
  readonly acknowledged: number
  readonly resolved: number
  readonly alerts: readonly AlertOfPeriod[]
  /** Entries about alerts beyond those that were looked at. */
  readonly omitted: number
}

export interface PerformanceSummary {
  /** `performanceMetrics.durationMs` of all actions that have it, milliseconds. */
  readonly duration?: Statistics & { readonly query: string }
  /** The operations that have it, those with the greatest p95 first. */
  readonly operations: readonly Row<{ readonly name: string; readonly duration: Statistics }>[]
  /** Every measurement by its name, in the unit of whoever made it. */
  readonly metrics: Table<NamedCount & { readonly statistics: Statistics }>
  /** How far a quantile may be from the value of its rank, as a share of it. */
  readonly quantileError: number
  /** This report's own check. */
  readonly verificationPerEntryMs: number
  /** What was aimed at, and what was measured: of this check, and of whatever is measured and has a target. */
  readonly targets: readonly Target[]
  /** What the running system measured of itself, where there is one. */
  readonly measured?: MeasuredTimes
}

export interface Target {
  readonly name: string
  readonly targetMs: number
  readonly measuredMs: number
  readonly isMet: boolean
}

export interface RetentionStatus {
  /** As configured now. */
  readonly policy?: RetentionFacts
  /** What the chosen frameworks ask for. */
  readonly frameworks: readonly {
    readonly id: ControlFrameworkId
    readonly title: string
    readonly days?: number
    readonly says: string
    /** Whether the configured period is shorter; absent where one of the two is not known. */
    readonly isShorter?: boolean
  }[]
  readonly runs: Figure
  readonly prunedEntries: number
  readonly erasures: Figure
  readonly erasedEntries: number
  readonly holdsPlaced: Figure
  readonly holdsReleased: Figure
  readonly sealedValues: number
  /** Values that the entries commit to and that cannot be opened any more. */
  readonly sealedValuesGone: number
}

export interface ComplianceStatus {
  readonly totalEntries: number
  readonly complianceFlagsSummary: Table<NamedCount>
  readonly securityLevels: readonly Row<{ readonly name: SecurityLevel; readonly entries: number }>[]
  readonly governanceStatusSummary: Table<NamedCount>
  /** Entries with a governance status. */
  readonly governanceValidations: Figure
  readonly retentionCompliance: RetentionStatus
}

export interface AccessSummary {
  readonly total: Figure
  readonly operations: readonly Row<NamedCount>[]
  readonly refused: Figure
  /** Who looked. */
  readonly readers: Table<ActorCount>
  /** Readings of closed values, exports, reports and refusals: the newest. */
  readonly acts: readonly ControlAct[]
}

export interface MappedControl extends Pick<Control, 'id' | 'title' | 'asks' | 'url' | 'cannotShow'> {
  readonly shows: readonly Evidence[]
}

export interface AuditReport {
  readonly formatVersion: 1
  /** UUIDv7; the entry that records the report names it. */
  readonly reportId: string
  readonly type: ReportType
  readonly title: string
  readonly description: string
  readonly origin: string
  /** RFC 3339 UTC. */
  readonly generatedAt: string
  /** As asked for, or else the times of the first and of the last entry; empty in a log without any. */
  readonly startTime: string
  readonly endTime: string
  /** The entries of the period: `from ≤ seq < to`. */
  readonly from: number
  readonly to: number
  readonly totalEntries: number
  readonly totals: {
    readonly entries: Figure
    /** Without what this software says of the log itself. */
    readonly actions: Figure
    readonly control: Figure
    /** Of the actions. */
    readonly outcomes: readonly Row<{ readonly name: Outcome | 'none'; readonly entries: number }>[]
  }
  readonly integrityStatus: IntegrityStatus
  readonly recommendations: readonly Recommendation[]

  // What else there is depends on the type of the report.
  readonly timeline?: { readonly widthMs: number; readonly buckets: readonly TimelineBucket[]; readonly query: string }
  readonly operationsSummary?: Table<OperationCount>
  readonly componentsSummary?: Table<ActionCount>
  readonly toolsSummary?: Table<ActionCount>
  readonly actorsSummary?: Table<ActorCount>
  /** On whose behalf. */
  readonly principalsSummary?: Table<ActorCount>
  /** Actions that name nobody, and those whose actor is gone. */
  readonly withoutActor?: { readonly unnamed: number; readonly gone: number }
  readonly tamperAlerts?: AlertSummary
  readonly performanceSummary?: PerformanceSummary
  readonly complianceStatus?: ComplianceStatus
  readonly accesses?: AccessSummary
  /** What this software did to the log, and on whose behalf: the newest of each kind. */
  readonly acts?: { readonly operations: readonly Row<NamedCount>[]; readonly listed: readonly ControlAct[] }
  readonly controls?: readonly {
    readonly id: ControlFrameworkId
    readonly title: string
    readonly edition: string
    readonly url: string
    readonly controls: readonly MappedControl[]
  }[]
  readonly queries: readonly Query[]
}

/** The retention policy as it is configured, as far as a report speaks of it. */
export interface RetentionFacts {
  /** Days that content is kept where no rule says otherwise. */
  readonly days: number
  readonly rules: readonly { readonly name: string; readonly days: number }[]
  /** Days after which leaves go too. */
  readonly leafDays?: number
}

/** Times that the running system measured of itself, milliseconds. */
export interface MeasuredTimes {
  /** RFC 3339 UTC: when the measuring began. */
  readonly since: string
  readonly times: readonly {
    readonly name: string
    readonly statistics: Statistics
    /** What one of the statistics shall stay below. */
    readonly target?: { readonly of: 'mean' | 'p95' | 'p99'; readonly ms: number }
  }[]
}

export interface ReportRequest extends Omit<SummaryRequest, 'top'> {
  /** `comprehensive` unless given. */
  readonly type?: ReportType | undefined
  readonly title?: string | undefined
  /** Instead of those in the settings. */
  readonly frameworks?: readonly ControlFrameworkId[] | undefined
}

export interface ReportSources {
  readonly reader: Pick<Reader, 'summarize'>
  readonly world: World
  readonly settings?: Partial<ReportSettings> | undefined
  readonly retention?: RetentionFacts | undefined
  readonly measured?: MeasuredTimes | undefined
  /** Signs the head, so that a checkpoint covers the period. Where it fails, the report says what is not covered. */
  readonly sign?: (() => Promise<unknown>) | undefined
}

/**
 * The report of a period. The seed's `generate_audit_report`.
 *
 * Costs one walk over the entries of the period, which verifies them; memory does not grow with it.
 *
 * @throws AuditError `bad_input` for a wrong period, type or framework; `io`
 * @example
 * const report = await generateAuditReport({ reader, world }, { since: '2026-11-01T00:00:00Z', type: 'security' })
 * await writeFile('report.html', formatHtml(report))
 */
export async function generateAuditReport(
  sources: ReportSources,
  request: ReportRequest = {},
  hooks?: SummaryHooks,
): Promise<AuditReport> {
  const { type = 'comprehensive', title, frameworks, ...asked } = request
  const settings = { ...defaultReportSettings, ...sources.settings }
  const chosen = frameworks ?? settings.frameworks
  if (!reportTypes.includes(type)) throw new AuditError('bad_input', `a report is one of ${reportTypes.join(', ')}`)
  for (const id of chosen) {
    if (controlFrameworkIds.includes(id)) continue
    throw new AuditError('bad_input', `there is no framework ${id}: it is one of ${controlFrameworkIds.join(', ')}`)
  }
  try {
    await sources.sign?.()
  } catch {
    // What is wrong with the log is found below; what is not signed is said.
  }
  const summary = await sources.reader.summarize({ ...asked, top: settings.topValues }, hooks)
  const now = sources.world.now()
  return reportOf(summary, {
    type,
    title: title ?? titles[type],
    reportId: uuidv7(Math.floor(now / 1000), sources.world.random(10)),
    generatedAt: formatTime(now),
    frameworks: chosen,
    settings,
    retention: sources.retention,
    measured: sources.measured,
  })
}

interface Chosen {
  readonly type: ReportType
  readonly title: string
  readonly reportId: string
  readonly generatedAt: string
  readonly frameworks: readonly ControlFrameworkId[]
  readonly settings: ReportSettings
  readonly retention: RetentionFacts | undefined
  readonly measured: MeasuredTimes | undefined
}

const titles: Readonly<Record<ReportType, string>> = {
  comprehensive: 'Audit report',
  security: 'Security report',
  performance: 'Performance report',
  compliance: 'Audit report for compliance reviews',
}

const whatHappened = ['timeline', 'operationsSummary', 'componentsSummary', 'toolsSummary'] as const
const who = ['actorsSummary', 'principalsSummary', 'withoutActor'] as const

/** What each type of report has, in this order. */
const sectionsOf: Readonly<Record<ReportType, readonly (keyof Sections)[]>> = {
  comprehensive: [
    ...whatHappened,
    ...who,
    'tamperAlerts',
    'performanceSummary',
    'complianceStatus',
    'accesses',
    'acts',
  ],
  security: [...whatHappened, ...who, 'tamperAlerts', 'complianceStatus', 'accesses', 'acts'],
  performance: [...whatHappened, 'performanceSummary'],
  compliance: [...whatHappened, ...who, 'tamperAlerts', 'complianceStatus', 'accesses', 'acts'],
}

function reportOf(summary: LogSummary, chosen: Chosen): AuditReport {
  const { type, settings, frameworks } = chosen
  const queries = new Queries(summary.from, summary.to)
  const drawing = { ...chosen, summary, queries }
  const report = {
    formatVersion: 1,
    reportId: chosen.reportId,
    type,
    title: chosen.title,
    description: `What the log ${summary.origin} holds of this period, checked while it was counted.`,
    origin: summary.origin,
    generatedAt: chosen.generatedAt,
    startTime: summary.since ?? summary.firstTime ?? '',
    endTime: summary.until ?? summary.lastTime ?? '',
    from: summary.from,
    to: summary.to,
    totalEntries: summary.counts.entries,
    totals: totalsOf(drawing),
    integrityStatus: integrityOf(drawing),
    ...drawSections(drawing, sectionsOf[type]),
  } as const
  return {
    ...report,
    recommendations: recommendations(report, settings),
    ...mapping(report, type === 'compliance' && frameworks.length === 0 ? controlFrameworkIds : frameworks),
    queries: queries.list(),
  }
}

/** The controls of frameworks, in a report that has what speaks to them. */
function mapping(
  report: Pick<AuditReport, 'type' | keyof Shown>,
  ids: readonly ControlFrameworkId[],
): Pick<AuditReport, 'controls'> {
  if (ids.length === 0 || (report.type !== 'comprehensive' && report.type !== 'compliance')) return {}
  const evidence = evidenceOf(report as Shown)
  const controls = ids.map(id => {
    const { title, edition, url, controls } = controlFrameworks[id]
    const mapped = controls.map(({ shows, ...control }) => ({ ...control, shows: shows.map(what => evidence[what]) }))
    return { id, title, edition, url, controls: mapped }
  })
  return { controls }
}

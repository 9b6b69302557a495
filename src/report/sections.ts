/** The sections of a report, each drawn from the summary of the period, with the questions behind its figures. */

import type { Condition } from '../core/condition.ts'
import { kinds, outcomes, securityLevels } from '../core/entry.ts'
import type { EntryFilter } from '../core/filter.ts'
import { type FindingType, type Severity, severities } from '../core/finding.ts'
import { relativeError } from '../trail/sketch.ts'
import type { LogSummary } from '../trail/summary.ts'
import type { ActorCount, ControlAct, NamedCount, Top } from '../trail/tally.ts'
import { type AlertOfPeriod, alertsOf } from './alerts.ts'
import type { ControlFramework } from './controls/framework.ts'
import { type ControlFrameworkId, controlFrameworks } from './controls/index.ts'
import type { Queries } from './queries.ts'
import type {
  AccessSummary,
  AlertSummary,
  AuditReport,
  ComplianceStatus,
  Figure,
  IntegrityStatus,
  MeasuredTimes,
  PerformanceSummary,
  RetentionFacts,
  RetentionStatus,
  Table,
  Target,
} from './report.ts'
import type { ReportSettings } from './settings.ts'

/** Everything but what this software says of the log itself. */
const actionKinds = kinds.filter(kind => kind !== 'control')
const listedFindings = 50
const listedIntents = 50
const listedAlerts = 100
const listedActs = 50
/** Accesses that are worth a line each. */
const remarkableAccesses = ['access.refused', 'access.disclose', 'access.export', 'access.report']

/** What the sections are drawn from. */
export interface Drawing {
  readonly summary: LogSummary
  readonly settings: ReportSettings
  readonly frameworks: readonly ControlFrameworkId[]
  readonly retention: RetentionFacts | undefined
  readonly measured: MeasuredTimes | undefined
  readonly queries: Queries
}

/** The sections that a report may have. */
export type Sections = Required<
  Pick<
    AuditReport,
    | 'timeline'
    | 'operationsSummary'
    | 'componentsSummary'
    | 'toolsSummary'
    | 'actorsSummary'
    | 'principalsSummary'
    | 'withoutActor'
    | 'tamperAlerts'
    | 'performanceSummary'
    | 'complianceStatus'
    | 'accesses'
    | 'acts'
  >
>

const sections: { readonly [name in keyof Sections]: (drawing: Drawing) => Sections[name] } = {
  timeline: ({ summary, queries }) => ({ ...summary.counts.actions.timeline, query: actions(queries) }),
  operationsSummary: ({ summary, queries }) =>
    table(summary.counts.actions.operations, ({ name }) => actions(queries, `operation ${name}`, { operation: name })),
  componentsSummary: ({ summary, queries }) =>
    table(summary.counts.actions.components, ({ name }) => actions(queries, `component ${name}`, { component: name })),
  toolsSummary: ({ summary, queries }) =>
    table(summary.counts.actions.tools, ({ name }) =>
      actions(queries, `tool ${name}`, {
        where: [{ field: 'attributes.gen_ai.tool.name', op: 'eq', value: name }],
      }),
    ),
  actorsSummary: drawing => people(drawing, drawing.summary.counts.actions.actors, 'actor', 'actor'),
  principalsSummary: drawing =>
    people(drawing, drawing.summary.counts.actions.principals, 'on behalf of', 'actor.onBehalfOf'),
  withoutActor: ({ summary }) => ({
    unnamed: summary.counts.actions.withoutActor,
    gone: summary.counts.actions.actorsGone,
  }),
  tamperAlerts: alertsSection,
  performanceSummary: performanceSection,
  complianceStatus: complianceSection,
  accesses: accessesSection,
  acts: actsSection,
}

/** The sections that are wanted, and the questions behind them in the same order. */
export function drawSections(drawing: Drawing, wanted: readonly (keyof Sections)[]): Partial<Sections> {
  return Object.fromEntries(wanted.map(name => [name, sections[name](drawing)]))
}

export function totalsOf({ summary, queries }: Drawing): AuditReport['totals'] {
  const { counts } = summary
  return {
    entries: { value: counts.entries, query: queries.entries('all entries of the period', {}) },
    actions: { value: counts.actions.entries, query: actions(queries) },
    control: {
      value: counts.kinds.control,
      query: queries.entries('what the log says of itself', { kind: 'control' }),
    },
    outcomes: [...outcomes, 'none' as const].map(name => ({
      name,
      entries: counts.actions.outcomes[name],
      query:
        name === 'none'
          ? actions(queries, 'actions without an outcome', { where: [{ field: 'outcome', op: 'is_null' }] })
          : actions(queries, `actions with the outcome ${name}`, { outcome: name }),
    })),
  }
}

/** Findings by which an entry is not the one that was written, or not where it was. */
const broken: ReadonlySet<FindingType> = new Set(['hash_mismatch', 'chain_break', 'missing_entry', 'foreign_entry'])

export function integrityOf({ summary, queries }: Drawing): IntegrityStatus {
  const { verification, counts, from, to } = summary
  const { valid, complete, trust, findings, firstUntrusted } = verification
  return {
    hashChainValid: valid,
    valid,
    complete,
    trust,
    entriesVerified: verification.entries,
    brokenLinks: findings.filter(({ type }) => broken.has(type)).length,
    verificationTimeMs: verification.durationMs,
    findings: findings.slice(0, listedFindings),
    findingsTotal: findings.length + verification.findingsOmitted,
    ...(firstUntrusted === undefined ? {} : { firstUntrusted }),
    openIntents: counts.openIntents.slice(0, listedIntents),
    openIntentsTotal: counts.openIntents.length,
    gaps: control(summary, queries, 'gap.recorded'),
    lostEntries: counts.control.lostEntries,
    absentEntries: summary.absent,
    size: summary.size,
    rootHash: summary.rootHash,
    ...(summary.checkpoint && { checkpoint: summary.checkpoint }),
    unsignedEntries: summary.unsigned,
    query: queries.command('the check of these entries', 'verify', '--from', String(from), '--to', String(to)),
  }
}

function alertsSection({ summary, queries }: Drawing): AlertSummary {
  const { acts, operations } = summary.counts.control
  const alerts = alertsOf(acts)
  const raised = alerts.filter(({ raisedAt }) => raisedAt !== undefined)
  const inState = (state: AlertOfPeriod['state']) => alerts.filter(alert => alert.state === state).length
  const seen = acts.filter(({ operation }) => operation.startsWith('alert.')).length
  const told = Object.entries(operations).filter(([operation]) => operation.startsWith('alert.'))
  const bySeverity = severities.map(severity => [severity, raised.filter(alert => alert.severity === severity).length])
  return {
    raised: control(summary, queries, 'alert.raised'),
    bySeverity: Object.fromEntries(bySeverity) as Record<Severity, number>,
    open: inState('open'),
    acknowledged: inState('acknowledged'),
    resolved: inState('resolved'),
    alerts: alerts.toSorted((a, b) => rank(b) - rank(a)).slice(0, listedAlerts),
    omitted: told.reduce((sum, [, count]) => sum + count, 0) - seen,
  }
}

function rank({ severity }: AlertOfPeriod): number {
  return severity === undefined ? -1 : severities.indexOf(severity)
}

function performanceSection({ summary, measured, queries }: Drawing): PerformanceSummary {
  const { operations, metrics } = summary.counts.actions
  const perEntry = perEntryMs(summary)
  const overall = metrics.rows.find(({ name }) => name === 'durationMs')?.statistics
  const timed = operations.rows.flatMap(({ name, duration }) => (duration === undefined ? [] : [{ name, duration }]))
  return {
    ...(overall && { duration: { ...overall, query: measuredAs(queries, 'durationMs') } }),
    operations: timed
      .sort((a, b) => b.duration.p95 - a.duration.p95)
      .map(row => ({ ...row, query: measuredAs(queries, 'durationMs', row.name) })),
    metrics: table(metrics, ({ name }) => measuredAs(queries, name)),
    quantileError: relativeError,
    verificationPerEntryMs: perEntry,
    targets: [
      ...(summary.verification.entries < fewEntries
        ? []
        : [
            target('verification of an entry, mean', 1, perEntry),
            target('full check of 100 entries, mean', 100, 100 * perEntry),
          ]),
      ...(measured?.times ?? []).flatMap(({ name, statistics, target: aim }) =>
        aim === undefined ? [] : [target(`${name}, ${aim.of}`, aim.ms, statistics[aim.of])],
      ),
    ],
    ...(measured && { measured }),
  }
}

/** In a check of fewer, keys and signatures cost more than the entries, and say nothing of these. */
const fewEntries = 100

function perEntryMs({ verification: { entries, durationMs } }: LogSummary): number {
  return entries === 0 ? 0 : durationMs / entries
}

function target(name: string, targetMs: number, measuredMs: number): Target {
  return { name, targetMs, measuredMs, isMet: measuredMs < targetMs }
}

/** The actions that have a measurement. A name that no path can spell is looked for among all of them. */
function measuredAs(queries: Queries, metric: string, operation?: string): string {
  const filter = operation === undefined ? {} : { operation }
  if (!/^[^\s.]+(?:\.[^\s.]+)*$/.test(metric)) return actions(queries)
  const where = [{ field: `performanceMetrics.${metric}`, op: 'is_not_null' } as const]
  return actions(queries, `${operation === undefined ? 'actions' : operation} with ${metric}`, { ...filter, where })
}

function complianceSection({ summary, retention, frameworks, queries }: Drawing): ComplianceStatus {
  const { counts } = summary
  const { rows, others } = counts.governance
  const field = 'governanceStatus'
  return {
    totalEntries: counts.entries,
    complianceFlagsSummary: table(counts.complianceFlags, ({ name }) =>
      queries.entries(`flag ${name}`, { flag: name }),
    ),
    securityLevels: securityLevels.map(name => ({
      name,
      entries: counts.securityLevels[name],
      query: queries.entries(`level ${name}`, { securityLevel: name }),
    })),
    governanceStatusSummary: table(counts.governance, ({ name }) =>
      queries.entries(`governance status ${name}`, { where: [{ field, op: 'eq', value: name }] }),
    ),
    governanceValidations: {
      value: rows.reduce((sum, { entries }) => sum + entries, others.entries),
      query: queries.entries('entries with a governance status', { where: [{ field, op: 'is_not_null' }] }),
    },
    retentionCompliance: {
      ...(retention && { policy: retention }),
      frameworks: frameworks.map(id => periodOf(id, retention)),
      runs: control(summary, queries, 'retention.pruned'),
      prunedEntries: counts.control.prunedEntries,
      erasures: control(summary, queries, 'subject.erased'),
      erasedEntries: counts.control.erasedEntries,
      holdsPlaced: control(summary, queries, 'hold.placed'),
      holdsReleased: control(summary, queries, 'hold.released'),
      sealedValues: counts.sealedValues,
      sealedValuesGone: counts.sealedValuesGone,
    },
  }
}

/** What a framework asks for, beside what is configured. */
function periodOf(id: ControlFrameworkId, policy: RetentionFacts | undefined): RetentionStatus['frameworks'][number] {
  const { title, retention }: ControlFramework = controlFrameworks[id]
  if (retention === undefined) return { id, title, says: 'no period is set' }
  const { days, says } = retention
  const shortest = policy && Math.min(policy.days, ...policy.rules.map(rule => rule.days))
  return { id, title, days, says, ...(shortest === undefined ? {} : { isShorter: shortest < days }) }
}

const isAccess = { field: 'operation', op: 'starts_with', value: 'access.' } as const

function accessesSection({ summary, settings, queries }: Drawing): AccessSummary {
  const { operations, readers, acts } = summary.counts.control
  const names = Object.keys(operations).filter(operation => operation.startsWith('access.'))
  const ask = (about: string, filter: EntryFilter) => queries.entries(about, { kind: 'control', ...filter })
  return {
    total: {
      value: names.reduce((sum, name) => sum + operations[name]!, 0),
      query: ask('accesses to the log', { where: [isAccess] }),
    },
    operations: names.map(name => ({ name, entries: operations[name]!, query: ask(name, { operation: name }) })),
    refused: control(summary, queries, 'access.refused'),
    readers: table(settings.nameActors ? readers : nobody(readers), ({ name, actor }) =>
      ask(`accesses by ${name}`, { actor: name, where: [isAccess, ...isActor('actor', actor)] }),
    ),
    acts: listed(acts, settings, ({ operation }) => remarkableAccesses.includes(operation)),
  }
}

function actsSection({ summary, settings, queries }: Drawing): Sections['acts'] {
  const { acts, operations } = summary.counts.control
  const isOther = (operation: string) => !operation.startsWith('alert.') && !operation.startsWith('access.')
  const others = Object.entries(operations).filter(([name]) => isOther(name))
  return {
    operations: others.map(([name, entries]) => ({
      name,
      entries,
      query: queries.entries(name, { kind: 'control', operation: name }),
    })),
    listed: listed(acts, settings, ({ operation }) => isOther(operation)),
  }
}

function table<T extends NamedCount>({ rows, others }: Top<T>, queryOf: (row: T) => string): Table<T> {
  return { rows: rows.map(row => ({ ...row, query: queryOf(row) })), others }
}

function actions(queries: Queries, about = 'all actions of the period', filter: EntryFilter = {}): string {
  return queries.entries(about, { kind: actionKinds, ...filter })
}

function people(
  { settings, queries }: Drawing,
  counted: Top<ActorCount>,
  about: string,
  place: 'actor' | 'actor.onBehalfOf',
): Table<ActorCount> {
  return table(settings.nameActors ? counted : nobody(counted), ({ name, actor }) =>
    actions(queries, `${about} ${name}`, { actor: name, where: isActor(place, actor) }),
  )
}

/** The filter's `actor` is also whoever an action was done for: these tell them apart. */
function isActor(place: string, { type, id }: ActorCount['actor']): Condition[] {
  return [
    { field: `${place}.type`, op: 'eq', value: type },
    { field: `${place}.id`, op: 'eq', value: id },
  ]
}

/** A table of people that names none of them. */
function nobody({ rows, others }: Top<ActorCount>): Top<ActorCount> {
  const entries = rows.reduce((sum, row) => sum + row.entries, others.entries)
  return { rows: [], others: { entries, values: others.values + rows.length, isAtLeast: others.isAtLeast } }
}

/** How many control entries of an operation there are. */
function control(summary: LogSummary, queries: Queries, operation: string): Figure {
  const value = summary.counts.control.operations[operation] ?? 0
  return { value, query: queries.entries(operation, { kind: 'control', operation }) }
}

/** The newest of the acts that are wanted, oldest first. */
function listed(
  acts: readonly ControlAct[],
  { nameActors }: ReportSettings,
  isWanted: (act: ControlAct) => boolean,
): ControlAct[] {
  const wanted = acts.filter(isWanted).slice(-listedActs)
  return nameActors ? wanted : wanted.map(({ actor: _, ...act }) => act)
}

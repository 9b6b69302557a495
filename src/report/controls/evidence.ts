/** What a report shows that controls ask for: a sentence each, with the questions behind its figures. */
import type { AuditReport } from '../report.ts'
import { trustMeaning } from '../trust.ts'
import { count, grouped, moment } from '../words.ts'
import type { EvidenceId } from './framework.ts'

export interface Evidence {
  readonly about: EvidenceId
  readonly says: string
  readonly queries: readonly string[]
}

/** The sections that evidence is drawn from. */
export type Shown = Pick<AuditReport, 'startTime' | 'endTime' | 'totals' | 'integrityStatus'> &
  Required<
    Pick<
      AuditReport,
      | 'operationsSummary'
      | 'componentsSummary'
      | 'actorsSummary'
      | 'principalsSummary'
      | 'withoutActor'
      | 'tamperAlerts'
      | 'complianceStatus'
      | 'accesses'
      | 'acts'
    >
  >

type Said = readonly [says: string, ...queries: string[]]

export function evidenceOf(report: Shown): Readonly<Record<EvidenceId, Evidence>> {
  const said = Object.entries(sentences).map(([about, say]) => {
    const [says, ...queries] = say(report)
    return [about, { about: about as EvidenceId, says, queries }]
  })
  return Object.fromEntries(said)
}

const sentences: Readonly<Record<EvidenceId, (report: Shown) => Said>> = {
  recording: ({ totals, operationsSummary, componentsSummary, startTime, endTime }) => [
    totals.actions.value === 0
      ? 'No action is on record in this period.'
      : `${count(totals.actions.value, 'action', 'actions')} of ${values(componentsSummary, 'component', 'components')} in ${values(operationsSummary, 'operation', 'operations')} are on record, from ${moment(startTime)} to ${moment(endTime)}.`,
    totals.actions.query,
  ],
  content: ({ totals, withoutActor }) => {
    const none = totals.outcomes.find(({ name }) => name === 'none')!
    const named = totals.actions.value - withoutActor.unnamed - withoutActor.gone
    return [
      `Each entry says when, what and by which component. Of ${count(totals.actions.value, 'action', 'actions')}, ${grouped(totals.actions.value - none.entries)} say how they ended, and ${grouped(named)} name who acted.`,
      totals.actions.query,
      none.query,
    ]
  },
  actors: ({ actorsSummary, principalsSummary, withoutActor }) => [
    `${values(actorsSummary, 'actor', 'actors')} acted, on behalf of ${values(principalsSummary, 'other', 'others')}; ${count(withoutActor.unnamed, 'action names', 'actions name')} nobody, and of ${grouped(withoutActor.gone)} the actor is gone. The log keeps the name that it was given.`,
    ...actorsSummary.rows.slice(0, 3).map(({ query }) => query),
  ],
  outcomes: ({ totals }) => {
    const told = totals.outcomes.filter(({ name }) => name !== 'none')
    return [
      `How actions ended: ${told.map(({ name, entries }) => `${name} ${grouped(entries)}`).join(', ')}.`,
      ...told.filter(({ entries }) => entries > 0).map(({ query }) => query),
    ]
  },
  time: ({ integrityStatus }) => {
    const backwards = integrityStatus.findings.filter(({ type }) => type === 'temporal_violation').length
    return [
      `Each entry has the time of the machine’s clock, in UTC, to the microsecond. ${backwards === 0 ? 'Nowhere does it run backwards.' : `In ${count(backwards, 'place', 'places')} it runs backwards.`}`,
      integrityStatus.query,
    ]
  },
  integrity: ({ integrityStatus: { valid, trust, entriesVerified, findingsTotal, query } }) => [
    `${valid ? `Nothing was changed in ${count(entriesVerified, 'entry', 'entries')} that were checked` : `TAMPERING was found: ${count(findingsTotal, 'finding', 'findings')} in ${count(entriesVerified, 'entry', 'entries')}`}. Trust label ${trust}: ${valid ? trustMeaning(trust) : 'so far could this check reach'}.`,
    query,
  ],
  completeness: ({ integrityStatus: { openIntentsTotal, gaps, query } }) => [
    openIntentsTotal === 0 && gaps.value === 0
      ? 'Every action that was announced has an end on record, and there is no gap on record.'
      : `${count(openIntentsTotal, 'action was announced and has', 'actions were announced and have')} no end on record; ${count(gaps.value, 'gap is', 'gaps are')} on record.`,
    query,
    gaps.query,
  ],
  failures: ({ integrityStatus: { gaps, lostEntries } }) => [
    gaps.value === 0
      ? 'No entry says that others could not be recorded.'
      : `${count(gaps.value, 'entry says', 'entries say')} that others could not be recorded: ${count(lostEntries, 'entry', 'entries')} in all.`,
    gaps.query,
  ],
  alerts: ({ tamperAlerts: { raised, bySeverity, open, acknowledged, resolved } }) => [
    `${count(raised.value, 'alert was', 'alerts were')} raised, ${grouped(bySeverity.critical)} critical and ${grouped(bySeverity.high)} high. When the period ended, ${grouped(open)} of those that it tells of stood open, ${grouped(acknowledged)} acknowledged, ${grouped(resolved)} resolved.`,
    raised.query,
  ],
  accesses: ({ accesses: { total, refused, operations } }) => [
    total.value === 0
      ? 'No access to the log is on record.'
      : `${count(total.value, 'access', 'accesses')} to the log on record: ${operations.map(({ name, entries }) => `${name} ${grouped(entries)}`).join(', ')}. ${count(refused.value, 'was', 'were')} refused.`,
    total.query,
    refused.query,
  ],
  retention: ({ complianceStatus: { retentionCompliance } }) => {
    const { policy, runs, prunedEntries, holdsPlaced, holdsReleased } = retentionCompliance
    const rules = policy?.rules.map(({ name, days }) => `${name} ${grouped(days)} days`) ?? []
    const more = rules.length === 0 ? '' : `, and by rule: ${rules.join(', ')}`
    return [
      `${policy === undefined ? 'The configured periods are not known to this report' : `Content is kept for ${grouped(policy.days)} days${more}`}. In this period, retention let go of the content of ${count(prunedEntries, 'entry', 'entries')} in ${count(runs.value, 'step', 'steps')}, each on record; ${count(holdsPlaced.value, 'hold was', 'holds were')} placed, ${grouped(holdsReleased.value)} released.`,
      runs.query,
      holdsPlaced.query,
    ]
  },
  erasure: ({ complianceStatus: { retentionCompliance } }) => {
    const { erasures, erasedEntries, sealedValues, sealedValuesGone } = retentionCompliance
    return [
      `${count(erasures.value, 'erasure', 'erasures')} of a person’s values, from ${count(erasedEntries, 'entry', 'entries')}, on record. Of ${count(sealedValues, 'sealed value', 'sealed values')} in this period, ${grouped(sealedValuesGone)} can no longer be opened; hashes and proofs stay.`,
      erasures.query,
    ]
  },
  keys: ({ integrityStatus: { checkpoint, unsignedEntries }, acts }) => {
    const rotations = acts.operations.find(({ name }) => name === 'key.rotated')
    const signed =
      checkpoint === undefined
        ? 'No checkpoint of the log holds'
        : `The newest checkpoint covers ${count(checkpoint.size, 'entry', 'entries')} and is signed with Ed25519 and ML-DSA-44`
    return [
      `${signed}; ${count(unsignedEntries, 'entry', 'entries')} of the period wait for the next one. Keys were rotated ${count(rotations?.entries ?? 0, 'time', 'times')}.`,
      ...(rotations === undefined ? [] : [rotations.query]),
    ]
  },
  changes: ({ acts: { operations } }) => [
    operations.length === 0
      ? 'Nothing was done to the log itself.'
      : `What was done to the log itself: ${operations.map(({ name, entries }) => `${name} ${grouped(entries)}`).join(', ')}.`,
    ...operations.map(({ query }) => query),
  ],
  classification: ({ complianceStatus: { securityLevels, complianceFlagsSummary } }) => {
    const used = securityLevels.filter(({ entries }) => entries > 0)
    return [
      `Entries by level: ${used.map(({ name, entries }) => `${name} ${grouped(entries)}`).join(', ') || 'none'}; ${values(complianceFlagsSummary, 'compliance flag is', 'compliance flags are')} in use.`,
      ...used.map(({ query }) => query),
    ]
  },
  reports: ({ accesses: { operations } }) => {
    const reports = operations.find(({ name }) => name === 'access.report')
    return [
      `${count(reports?.entries ?? 0, 'report is', 'reports are')} on record in this period, each with the digest of its file. This one is recorded after it.`,
      ...(reports === undefined ? [] : [reports.query]),
    ]
  },
}

/** How many different values a table knows of. */
function values(
  { rows, others }: { rows: readonly unknown[]; others: { values: number; isAtLeast: boolean } },
  one: string,
  many: string,
): string {
  return `${others.isAtLeast ? 'at least ' : ''}${count(rows.length + others.values, one, many)}`
}

/**
 * A report as it is told to people: sections of sentences, tables and charts, in one order and one wording, whatever it is
 * written in. `html.ts` and `markdown.ts` spell it out and add nothing.
 *
 * Strings here are our own words. What comes from the log stands in `code`, and is never trusted to be anything but text.
 */
import type { Outcome } from '../core/entry.ts'
import type { ActionCount, ControlAct, OutcomeCounts, TimelineBucket } from '../trail/tally.ts'
import type { AuditReport, Figure, MappedControl, PerformanceSummary, Table } from './report.ts'
import { trustMeaning } from './trust.ts'
import { count, digits, duration, grouped, moment, percent } from './words.ts'

export type Inline =
  | string
  | { readonly code: string }
  | { readonly strong: string }
  /** RFC 3339, as entries have it. */
  | { readonly time: string }
  /** A number, and the id of the question behind it. */
  | { readonly figure: string; readonly query: string }
  | { readonly link: string; readonly url: string }
  /** A length of at most `of`, in parts by outcome. */
  | { readonly bar: OutcomeCounts; readonly of: number }
  /** What follows stands on a line of its own. */
  | { readonly newLine: true }

export type Text = readonly Inline[]

export interface Column {
  readonly title: string
  readonly align?: 'right'
}

export type Block =
  | { readonly kind: 'text'; readonly text: Text }
  | { readonly kind: 'facts'; readonly facts: readonly (readonly [name: string, text: Text])[] }
  | {
      readonly kind: 'table'
      readonly caption: string
      readonly columns: readonly Column[]
      readonly rows: readonly (readonly Text[])[]
      readonly note?: Text
    }
  | { readonly kind: 'verbatim'; readonly label: string; readonly text: string }
  | {
      readonly kind: 'timeline'
      readonly caption: string
      readonly widthMs: number
      readonly buckets: readonly TimelineBucket[]
    }
  | {
      readonly kind: 'latency'
      readonly caption: string
      readonly rows: readonly {
        readonly name: string
        readonly p50: number
        readonly p95: number
        readonly p99: number
      }[]
    }

export interface Section {
  readonly id: string
  readonly title: string
  readonly blocks: readonly Block[]
}

/** Something that a reader must see before anything else. */
export interface Verdict {
  readonly about: string
  readonly state: 'good' | 'bad' | 'unsure'
  /** A few words that say it without any colour. */
  readonly word: string
  readonly says: Text
}

export interface Document {
  readonly title: string
  readonly facts: readonly (readonly [name: string, text: Text])[]
  readonly verdicts: readonly Verdict[]
  readonly keyFigures: readonly (readonly [name: string, text: Text])[]
  readonly sections: readonly Section[]
}

/** The outcomes in the order in which they are shown, with their names. */
export const outcomeNames: readonly (readonly [Outcome | 'none', string])[] = [
  ['success', 'success'],
  ['failure', 'failure'],
  ['denied', 'denied'],
  ['pending', 'pending'],
  ['unknown', 'unknown'],
  ['none', 'no outcome'],
]

export function documentOf(report: AuditReport): Document {
  const { totals, tamperAlerts, performanceSummary } = report
  const total = (name: Outcome) => totals.outcomes.find(outcome => outcome.name === name)!
  const outcome = (name: Outcome): Text => [{ figure: grouped(total(name).entries), query: total(name).query }]
  return {
    title: report.title,
    facts: [
      ['Log', [{ code: report.origin }]],
      ['Period', [periodText(report)]],
      ['Entries', [entriesText(report)]],
      ['Made', [`${moment(report.generatedAt)}, as report `, { code: report.reportId }]],
    ],
    verdicts: [integrityVerdict(report), completenessVerdict(report), trustVerdict(report)],
    keyFigures: [
      ['entries', [figure(totals.entries)]],
      ['actions', [figure(totals.actions)]],
      ['failed', outcome('failure')],
      ['denied', outcome('denied')],
      ...(tamperAlerts === undefined ? [] : [['alerts raised', [figure(tamperAlerts.raised)]] as const]),
      ...(performanceSummary?.duration === undefined
        ? []
        : [
            [
              'p95 of an action',
              [{ figure: duration(performanceSummary.duration.p95), query: performanceSummary.duration.query }],
            ] as const,
          ]),
    ],
    sections: [
      attention(report),
      happened(report),
      integrity(report),
      ...alerts(report),
      ...performance(report),
      ...classification(report),
      ...retention(report),
      ...accesses(report),
      ...acts(report),
      ...controls(report),
      checking(report),
      questions(report),
    ],
  }
}

// The first screen

function periodText({ startTime, endTime }: AuditReport): string {
  return startTime === '' ? 'nothing is on record' : `${moment(startTime)} to ${moment(endTime)}`
}

function entriesText({ from, to }: AuditReport): string {
  return from === to ? 'none' : `${grouped(from)} to ${grouped(to - 1)}`
}

function integrityVerdict({ integrityStatus }: AuditReport): Verdict {
  const { valid, findingsTotal, firstUntrusted, entriesVerified, verificationTimeMs, query } = integrityStatus
  const checked = { figure: count(entriesVerified, 'entry', 'entries'), query }
  if (valid) {
    const says = [
      checked,
      ` checked in ${duration(verificationTimeMs)}, each by its hash, its link and its place in the tree.`,
    ]
    return { about: 'Integrity', state: 'good', word: 'Nothing was changed', says }
  }
  const from =
    firstUntrusted === undefined ? '' : ` The first entry that can no longer be trusted is ${grouped(firstUntrusted)}.`
  const says = [
    { strong: `${count(findingsTotal, 'finding', 'findings')}.${from}` },
    ' Figures below count what the file holds now; they cannot be taken for what happened.',
  ]
  return { about: 'Integrity', state: 'bad', word: 'TAMPERING FOUND', says }
}

function completenessVerdict({ integrityStatus }: AuditReport): Verdict {
  const { complete, openIntentsTotal, gaps, lostEntries, query } = integrityStatus
  if (complete) {
    const says = ['Every action that was announced has an end on record, and no gap is on record.']
    return { about: 'Completeness', state: 'good', word: 'Nothing is missing', says }
  }
  const says = [
    { figure: count(openIntentsTotal, 'action', 'actions'), query },
    ' announced and never ended on record; ',
    { figure: count(gaps.value, 'gap', 'gaps'), query: gaps.query },
    ` on record, of ${count(lostEntries, 'entry', 'entries')}.`,
  ]
  return { about: 'Completeness', state: 'unsure', word: 'Something is missing', says }
}

function trustVerdict({ integrityStatus }: AuditReport): Verdict {
  const { valid, trust, checkpoint, unsignedEntries } = integrityStatus
  const signed =
    checkpoint === undefined
      ? 'No checkpoint of the log holds.'
      : `Speaks for the signed checkpoint of ${count(checkpoint.size, 'entry', 'entries')}${checkpoint.time === undefined ? '' : `, ${moment(checkpoint.time)}`}.`
  const rest =
    unsignedEntries === 0 ? '' : ` ${count(unsignedEntries, 'entry', 'entries')} of the period it does not cover yet.`
  return {
    about: 'How far this reaches',
    state: !valid || checkpoint === undefined || trust === 'chained' ? 'unsure' : 'good',
    word: `Trust label: ${trust}`,
    says: [`${valid ? sentence(trustMeaning(trust)) : 'So far could this check reach.'} ${signed}${rest}`],
  }
}

// The sections

function attention({ recommendations }: AuditReport): Section {
  const rows = recommendations.map(({ priority, type, description, suggestedAction, query }): Text[] => [
    [{ strong: priority }],
    [type],
    query === undefined ? [description] : [`${description} `, { figure: 'query', query }],
    [suggestedAction],
  ])
  const columns = [{ title: 'Priority' }, { title: 'About' }, { title: 'What was seen' }, { title: 'What to do' }]
  const blocks: Block[] =
    rows.length === 0
      ? [text('Nothing in these figures calls for it by the rules of this report.')]
      : [{ kind: 'table', caption: 'Recommendations, the most urgent first', columns, rows }]
  return { id: 'attention', title: 'What needs attention', blocks }
}

function happened(report: AuditReport): Section {
  const { totals, timeline, operationsSummary, componentsSummary, toolsSummary } = report
  const { actorsSummary, principalsSummary, withoutActor } = report
  const blocks: Block[] = [
    {
      kind: 'text',
      text: [
        figure(totals.actions),
        ` ${totals.actions.value === 1 ? 'action' : 'actions'} of agents and programs, and `,
        figure(totals.control),
        ` ${totals.control.value === 1 ? 'entry' : 'entries'} in which the log speaks of itself. What follows is about the actions. One that was announced first is two entries: the announcement, which has no outcome, and its end.`,
      ],
    },
  ]
  if (totals.actions.value === 0) return { id: 'happened', title: 'What happened', blocks }
  if (timeline !== undefined && timeline.buckets.length > 1) {
    const { widthMs, buckets } = timeline
    blocks.push({ kind: 'timeline', caption: `Actions over time, ${spanText(widthMs)} a bar`, widthMs, buckets })
  }
  const told = totals.outcomes.filter(({ entries }) => entries > 0)
  blocks.push({
    kind: 'table',
    caption: 'How actions ended',
    columns: [{ title: 'Outcome' }, { title: 'Entries', align: 'right' }, { title: 'Share', align: 'right' }],
    rows: told.map(({ name, entries, query }) => [
      [outcomeNames.find(([known]) => known === name)![1]],
      [{ figure: grouped(entries), query }],
      [percent(entries, totals.actions.value)],
    ]),
  })
  const tables = [
    ['Operations', 'Operation', operationsSummary],
    ['Tools', 'Tool', toolsSummary],
    ['Components', 'Component', componentsSummary],
    ['Actors', 'Actor', actorsSummary],
    ['On whose behalf', 'Principal', principalsSummary],
  ] as const
  for (const [caption, column, table] of tables) {
    if (table !== undefined && (table.rows.length > 0 || table.others.entries > 0)) {
      blocks.push(actionTable(caption, column, table, totals.actions.value))
    }
  }
  if (withoutActor !== undefined && withoutActor.unnamed + withoutActor.gone > 0) {
    blocks.push(
      text(
        `${count(withoutActor.unnamed, 'action names', 'actions name')} nobody; of ${grouped(withoutActor.gone)} the actor was on record and is gone.`,
      ),
    )
  }
  return { id: 'happened', title: 'What happened', blocks }
}

function actionTable(caption: string, column: string, { rows, others }: Table<ActionCount>, whole: number): Block {
  const most = Math.max(1, ...rows.map(({ entries }) => entries))
  const shown = outcomeNames.filter(([name]) => rows.some(({ outcomes }) => outcomes[name] > 0))
  return {
    kind: 'table',
    caption,
    columns: [
      { title: column },
      { title: 'By outcome' },
      { title: 'Entries', align: 'right' },
      { title: 'Share', align: 'right' },
      ...shown.map(([, title]) => ({ title, align: 'right' as const })),
    ],
    rows: rows.map(({ name, entries, outcomes, query }) => [
      [{ code: name }],
      [{ bar: outcomes, of: most }],
      [{ figure: grouped(entries), query }],
      [percent(entries, whole)],
      ...shown.map(([outcome]): Text => [grouped(outcomes[outcome])]),
    ]),
    ...othersNote(others),
  }
}

function othersNote({ entries, values, isAtLeast }: Table<unknown>['others']): { note?: Text } {
  if (entries === 0) return {}
  const least = isAtLeast ? 'at least ' : ''
  return {
    note: [
      `Not named here: ${least}${count(values, 'other value', 'other values')}, ${count(entries, 'entry', 'entries')}.`,
    ],
  }
}

function integrity(report: AuditReport): Section {
  const status = report.integrityStatus
  const { checkpoint, findings, findingsTotal, openIntents, openIntentsTotal, gaps } = status
  const blocks: Block[] = [
    {
      kind: 'facts',
      facts: [
        ['Nothing changed', [status.valid ? 'yes' : { strong: 'no: tampering was found' }]],
        ['Nothing missing', [status.complete ? 'yes' : { strong: 'no' }]],
        [
          'Trust label',
          [`${status.trust}: ${status.valid ? trustMeaning(status.trust) : 'so far could this check reach'}`],
        ],
        [
          'Checked',
          [
            { figure: count(status.entriesVerified, 'entry', 'entries'), query: status.query },
            ': those of the period, and the ones just before and after, which show that none is left out',
          ],
        ],
        ['Log', [`${count(status.size, 'entry', 'entries')}, root `, { code: status.rootHash }]],
        ['Gaps on record', [figure(gaps), ` of ${count(status.lostEntries, 'entry', 'entries')} in all`]],
        ['Not there', [absentText(status.absentEntries)]],
        ['Not signed yet', [count(status.unsignedEntries, 'entry', 'entries')]],
      ],
    },
  ]
  if (findingsTotal > 0) {
    blocks.push({
      kind: 'table',
      caption: 'What the check found, in the order of the log',
      columns: [{ title: 'Entry', align: 'right' }, { title: 'Type' }, { title: 'Severity' }, { title: 'What it is' }],
      rows: findings.map(({ seq, type, severity, message }) => [
        [seq === undefined ? '–' : grouped(seq)],
        [type],
        [severity],
        [{ code: message }],
      ]),
      ...moreNote(findingsTotal - findings.length, 'finding', 'findings'),
    })
  }
  if (openIntentsTotal > 0) {
    blocks.push({
      kind: 'table',
      caption: 'Announced, and never ended on record',
      columns: [{ title: 'Entry', align: 'right' }, { title: 'Time' }, { title: 'Operation' }, { title: 'Component' }],
      rows: openIntents.map(({ seq, time, operation, component }) => [
        [grouped(seq)],
        [{ time }],
        [{ code: operation }],
        [{ code: component }],
      ]),
      ...moreNote(openIntentsTotal - openIntents.length, 'action', 'actions'),
    })
  }
  if (checkpoint !== undefined) {
    const label = 'The signed checkpoint for which this report speaks, word for word (C2SP signed note)'
    blocks.push({ kind: 'verbatim', label, text: checkpoint.note })
  }
  return { id: 'integrity', title: 'Integrity and completeness', blocks }
}

function absentText(entries: number): string {
  return entries === 0
    ? 'no entry of the period'
    : `${count(entries, 'entry', 'entries')} of the period: let go of on record, or found missing or unreadable above`
}

function alerts({ tamperAlerts }: AuditReport): Section[] {
  if (tamperAlerts === undefined) return []
  const { raised, bySeverity, open, acknowledged, resolved, alerts: listed, omitted } = tamperAlerts
  const severities = Object.entries(bySeverity)
    .filter(([, value]) => value > 0)
    .reverse()
  const blocks: Block[] = [
    {
      kind: 'text',
      text: [
        figure(raised),
        ` ${raised.value === 1 ? 'alert was' : 'alerts were'} raised in this period${severities.length === 0 ? '' : `: ${severities.map(([name, value]) => `${grouped(value)} ${name}`).join(', ')}`}. When it ended, of all alerts that its entries tell of, ${grouped(open)} stood open, ${grouped(acknowledged)} acknowledged, ${grouped(resolved)} resolved.`,
      ],
    },
  ]
  if (listed.length > 0) {
    blocks.push({
      kind: 'table',
      caption: 'Alerts of the period, the gravest first',
      columns: [
        { title: 'Severity' },
        { title: 'Raised' },
        { title: 'Entry', align: 'right' },
        { title: 'Type' },
        { title: 'What' },
        { title: 'Seen', align: 'right' },
        { title: 'At the end' },
      ],
      rows: listed.map(alert => [
        [alert.severity === undefined ? '–' : { strong: alert.severity }],
        [alert.raisedAt === undefined ? 'before the period' : { time: alert.raisedAt }],
        [alert.seq === undefined ? '–' : grouped(alert.seq)],
        alert.tamperType === undefined ? ['–'] : [{ code: alert.tamperType }],
        [{ code: alert.description ?? alert.alertId }],
        [grouped(alert.count)],
        [alert.state],
      ]),
      ...moreNote(open + acknowledged + resolved - listed.length, 'alert', 'alerts'),
    })
  }
  if (omitted > 0)
    blocks.push(text(`${count(omitted, 'older entry', 'older entries')} about alerts were not looked at.`))
  return [{ id: 'alerts', title: 'Alerts', blocks }]
}

function performance({ performanceSummary }: AuditReport): Section[] {
  if (performanceSummary === undefined) return []
  const { duration: overall, operations, metrics, quantileError, targets, measured } = performanceSummary
  const blocks: Block[] = []
  if (overall === undefined) blocks.push(text('No action of this period says how long it took.'))
  else {
    blocks.push({
      kind: 'text',
      text: [
        { figure: count(overall.count, 'action says', 'actions say'), query: overall.query },
        ` how long ${overall.count === 1 ? 'it' : 'they'} took: ${duration(overall.mean)} in the mean, half of them up to ${duration(overall.p50)}, 95\u202f% up to ${duration(overall.p95)}, 99\u202f% up to ${duration(overall.p99)}, the longest ${duration(overall.max)}.`,
      ],
    })
    if (operations.length > 0) {
      const rows = operations.map(({ name, duration: { p50, p95, p99 } }) => ({ name, p50, p95, p99 }))
      blocks.push({ kind: 'latency', caption: 'How long operations took', rows }, durationTable(operations))
    }
  }
  const further = metrics.rows.filter(({ name }) => name !== 'durationMs')
  if (further.length > 0) {
    blocks.push({
      kind: 'table',
      caption: 'Further measurements that callers recorded, in their own units',
      columns: [{ title: 'Name' }, ...statisticsColumns],
      rows: further.map(({ name, statistics, query }) => [
        [{ code: name }],
        [{ figure: grouped(statistics.count), query }],
        ...[statistics.mean, statistics.p50, statistics.p95, statistics.p99, statistics.max].map(value => [
          digits(value),
        ]),
      ]),
      ...othersNote(metrics.others),
    })
  }
  if (measured !== undefined && measured.times.length > 0) {
    blocks.push({
      kind: 'table',
      caption: `What the running system measured of itself since ${moment(measured.since)}; not of this period alone`,
      columns: [{ title: 'What' }, ...statisticsColumns],
      rows: measured.times.map(({ name, statistics }) => [
        [{ code: name }],
        [grouped(statistics.count)],
        ...[statistics.mean, statistics.p50, statistics.p95, statistics.p99, statistics.max].map(ms => [duration(ms)]),
      ]),
    })
  }
  blocks.push(
    {
      kind: 'table',
      caption: 'What was aimed at, and what was measured: of the check for this report, and of the running system',
      columns: [
        { title: 'What' },
        { title: 'Less than', align: 'right' },
        { title: 'Measured', align: 'right' },
        { title: 'Met' },
      ],
      rows: targets.map(({ name, targetMs, measuredMs, isMet }) => [
        [{ code: name }],
        [duration(targetMs)],
        [duration(measuredMs)],
        [isMet ? 'yes' : { strong: 'no' }],
      ]),
    },
    text(
      `Quantiles are within ${percent(quantileError, 1)} of the value that has this rank; counts, means and extremes are exact.`,
    ),
  )
  return [{ id: 'performance', title: 'Performance', blocks }]
}

const statisticsColumns: readonly Column[] = ['Count', 'Mean', 'P50', 'P95', 'P99', 'Max'].map(title => ({
  title,
  align: 'right',
}))

function durationTable(operations: PerformanceSummary['operations']): Block {
  return {
    kind: 'table',
    caption: 'How long operations took, the slowest first by their P95',
    columns: [{ title: 'Operation' }, ...statisticsColumns],
    rows: operations.map(({ name, duration: { count: n, mean, p50, p95, p99, max }, query }) => [
      [{ code: name }],
      [{ figure: grouped(n), query }],
      ...[mean, p50, p95, p99, max].map(ms => [duration(ms)]),
    ]),
  }
}

function classification({ complianceStatus }: AuditReport): Section[] {
  if (complianceStatus === undefined) return []
  const { totalEntries, securityLevels, complianceFlagsSummary, governanceStatusSummary } = complianceStatus
  const { governanceValidations } = complianceStatus
  const named = (caption: string, column: string, table: Table<{ name: string; entries: number }>): Block =>
    table.rows.length === 0
      ? text(`${caption}: none in this period.`)
      : {
          kind: 'table',
          caption,
          columns: [{ title: column }, { title: 'Entries', align: 'right' }, { title: 'Share', align: 'right' }],
          rows: table.rows.map(({ name, entries, query }) => [
            [{ code: name }],
            [{ figure: grouped(entries), query }],
            [percent(entries, totalEntries)],
          ]),
          ...othersNote(table.others),
        }
  const none = { entries: 0, values: 0, isAtLeast: false }
  const blocks = [
    text('Of all entries, those of the log about itself among them.'),
    named('Security levels', 'Level', { rows: securityLevels.filter(({ entries }) => entries > 0), others: none }),
    named('Compliance flags', 'Flag', complianceFlagsSummary),
    named('Governance', 'Status', governanceStatusSummary),
    {
      kind: 'text',
      text: [figure(governanceValidations), ' entries carry the result of a governance check.'],
    } as const,
  ]
  return [{ id: 'classification', title: 'Governance, security levels and compliance flags', blocks }]
}

function retention({ complianceStatus }: AuditReport): Section[] {
  if (complianceStatus === undefined) return []
  const { policy, frameworks, ...facts } = complianceStatus.retentionCompliance
  const rules = policy?.rules.map(({ name, days }) => `${name} ${grouped(days)} days`) ?? []
  const configured =
    policy === undefined
      ? 'not known to this report'
      : `${grouped(policy.days)} days${rules.length === 0 ? '' : `; by rule: ${rules.join(', ')}`}${policy.leafDays === undefined ? '' : `; leaves ${grouped(policy.leafDays)} days`}`
  const blocks: Block[] = [
    {
      kind: 'facts',
      facts: [
        ['Content is kept', [{ code: configured }]],
        [
          'Let go of by retention',
          [figure(facts.runs), ` steps, content of ${count(facts.prunedEntries, 'entry', 'entries')}`],
        ],
        [
          'Erased for a person',
          [figure(facts.erasures), ` erasures, from ${count(facts.erasedEntries, 'entry', 'entries')}`],
        ],
        ['Legal holds', [figure(facts.holdsPlaced), ' placed, ', figure(facts.holdsReleased), ' released']],
        [
          'Sealed values of the period',
          [`${grouped(facts.sealedValues)}, of which ${grouped(facts.sealedValuesGone)} can no longer be opened`],
        ],
      ],
    },
  ]
  if (frameworks.length > 0) {
    blocks.push({
      kind: 'table',
      caption: 'Periods that the chosen frameworks ask for',
      columns: [{ title: 'Framework' }, { title: 'Days', align: 'right' }, { title: 'Where' }, { title: 'Configured' }],
      rows: frameworks.map(({ title, days, says, isShorter }) => [
        [title],
        [days === undefined ? '–' : grouped(days)],
        [says],
        [
          isShorter === undefined
            ? 'not known, or nothing to compare'
            : isShorter
              ? { strong: 'shorter' }
              : 'not shorter',
        ],
      ]),
    })
  }
  return [{ id: 'retention', title: 'Retention, erasure and holds', blocks }]
}

function accesses({ accesses: summary }: AuditReport): Section[] {
  if (summary === undefined) return []
  const { total, refused, operations, readers, acts: listed } = summary
  const blocks: Block[] = [
    {
      kind: 'text',
      text: [
        figure(total),
        ` ${total.value === 1 ? 'access' : 'accesses'} to the log on record, `,
        figure(refused),
        ' refused. Reading of the file past this software leaves no entry.',
      ],
    },
  ]
  const counted = (caption: string, column: string, table: Table<{ name: string; entries: number }>): void => {
    if (table.rows.length === 0) return
    blocks.push({
      kind: 'table',
      caption,
      columns: [{ title: column }, { title: 'Entries', align: 'right' }],
      rows: table.rows.map(({ name, entries, query }) => [[{ code: name }], [{ figure: grouped(entries), query }]]),
      ...othersNote(table.others),
    })
  }
  counted('Accesses by kind', 'Kind', { rows: operations, others: { entries: 0, values: 0, isAtLeast: false } })
  counted('Who looked', 'Actor', readers)
  if (listed.length > 0) {
    blocks.push(actTable('Refusals, disclosures, exports and reports, the newest', listed))
  }
  return [{ id: 'accesses', title: 'Who looked', blocks }]
}

function acts({ acts: summary }: AuditReport): Section[] {
  if (summary === undefined) return []
  const blocks: Block[] = [
    summary.listed.length === 0
      ? text('Nothing was done to the log itself in this period.')
      : actTable(
          'Acts on the log: opening, keys, retention, holds, gaps, configuration; the newest of each kind',
          summary.listed,
        ),
  ]
  return [{ id: 'acts', title: 'What was done to the log itself', blocks }]
}

function actTable(caption: string, listed: readonly ControlAct[]): Block {
  return {
    kind: 'table',
    caption,
    columns: [
      { title: 'Entry', align: 'right' },
      { title: 'Time' },
      { title: 'Act' },
      { title: 'By' },
      { title: 'Particulars' },
    ],
    rows: listed.map(({ seq, time, operation, actor, outcome, attributes }) => [
      [grouped(seq)],
      [{ time }],
      [{ code: operation }, ...(outcome === undefined ? [] : [` ${outcome}`])],
      actor === undefined ? ['–'] : [{ code: `${actor.type}:${actor.id}` }],
      particulars(attributes),
    ]),
  }
}

function particulars(attributes: ControlAct['attributes']): Text {
  const pairs = Object.entries(attributes).map(([name, value]) => `${name}=${shortened(String(value))}`)
  return pairs.length === 0 ? ['–'] : pairs.flatMap((pair, i) => [...(i === 0 ? [] : [' ']), { code: pair }])
}

function controls({ controls: mapped }: AuditReport): Section[] {
  return (mapped ?? []).map(({ id, title, edition, url, controls: list }) => ({
    id: `controls-${id}`,
    title: `Controls: ${title}`,
    blocks: [
      {
        kind: 'text',
        text: [
          `${edition}, `,
          { link: 'official text', url },
          '. What the figures of this report show of each control, and what no log can show. Whether a control is met is for people to judge; this report does not say so.',
        ],
      },
      {
        kind: 'table',
        caption: `${title}: what is shown, and what is not`,
        columns: [{ title: 'Control' }, { title: 'What this log shows' }, { title: 'What it cannot show' }],
        rows: list.map(controlRow),
      },
    ],
  }))
}

const newLine: Inline = { newLine: true }

function controlRow({ id, title, asks, url, shows, cannotShow }: MappedControl): Text[] {
  return [
    [{ strong: `${id} ${title}` }, newLine, `${asks} `, { link: 'source', url }],
    shows.flatMap(({ says, queries }, i): Inline[] => [
      ...(i === 0 ? [] : [newLine]),
      says,
      ...queries.flatMap((query): Inline[] => [' ', { figure: query, query }]),
    ]),
    [cannotShow],
  ]
}

// The appendix

function checking({ reportId, integrityStatus, from, to }: AuditReport): Section {
  const facts: Section['blocks'] = [
    text(
      'Where a report is recorded, as the command line does, the log has the digest of its file. The first command takes the SHA-256 of the file as it is; the second shows the entry, which has it as the attribute sha256. The third checks the same entries again; with --anchor, against a checkpoint that you kept yourself.',
    ),
    {
      kind: 'verbatim',
      label: 'Commands',
      text: [
        'sha256sum FILE',
        `memmimic-audit query --operation access.report --where 'attributes.reportId eq "${reportId}"'`,
        `memmimic-audit verify --from ${from} --to ${to}`,
      ].join('\n'),
    },
    text(
      `The root of the tree was ${integrityStatus.rootHash} at ${count(integrityStatus.size, 'entry', 'entries')}. A log that does not grow out of this tree is another one.`,
    ),
  ]
  return { id: 'checking', title: 'How to check this report', blocks: facts }
}

function questions({ queries }: AuditReport): Section {
  return {
    id: 'queries',
    title: 'The questions behind the figures',
    blocks: [
      text(
        'Each figure leads to one of these. They name the entries by number, and so give the same when the log has grown. In a timeline, a bar is the actions between its own two times.',
      ),
      {
        kind: 'table',
        caption: 'Questions, as command lines',
        columns: [{ title: 'No.' }, { title: 'What is asked' }, { title: 'Command' }],
        rows: queries.map(({ id, about, command }) => [[id], [{ code: about }], [{ code: command }]]),
      },
    ],
  }
}

function shortened(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`
}

function figure({ value, query }: Figure): Inline {
  return { figure: grouped(value), query }
}

function text(words: string): Block {
  return { kind: 'text', text: [words] }
}

function moreNote(more: number, one: string, many: string): { note?: Text } {
  return more > 0 ? { note: [`And ${count(more, one, many)} more.`] } : {}
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}

/** How long a bar of a timeline is. */
export function spanText(ms: number): string {
  const units = [
    [86_400_000, 'day', 'days'],
    [3_600_000, 'hour', 'hours'],
    [60_000, 'minute', 'minutes'],
  ] as const
  const [size, one, many] = units.find(([unit]) => ms % unit === 0) ?? [1000, 'second', 'seconds']
  return count(ms / size, one, many)
}

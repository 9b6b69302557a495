/**
 * An alert, and the steps of its life: each is a control entry, and the alert is what its entries say.
 *
 * What is open in these entries speaks of the log and of no person: type, severity, component, numbers of entries.
 * Evidence, notes, who acted and whom an alert is about are sealed.
 */
import type { ControlInput, ControlOperation } from '../core/control.ts'
import type { Actor } from '../core/entry.ts'
import { type FindingType, findingTypes, type Severity, severities } from '../core/finding.ts'
import { formatRanges, parseRanges, type Range } from '../core/ranges.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { type EntryView, identitiesOf } from '../core/view.ts'

/** One of the events that made an alert. */
export interface Evidence {
  /** RFC 3339 UTC. */
  readonly time: string
  readonly type: FindingType
  readonly component: string
  /** The entry concerned, by number and by id, as far as known. */
  readonly seq?: number
  readonly id?: string
  /** What was done, where the event is an entry. */
  readonly operation?: string
  readonly message?: string
  readonly expected?: string
  readonly actual?: string
}

/** What was done by itself about an alert. */
export interface ResponseRecord {
  /** The name of the rule. */
  readonly rule: string
  readonly outcome: 'started' | 'success' | 'failure'
  readonly detail?: string
}

const sources = ['check', 'report', 'pattern'] as const
/** What saw it: a check of the log, a caller who reports it, or many events together. */
export type AlertSource = (typeof sources)[number]

/** The first sight of something. */
export interface RaisedStep {
  readonly step: 'raised'
  readonly alert: string
  readonly time: Micros
  readonly type: FindingType
  readonly severity: Severity
  /** One sentence; names no person. */
  readonly description: string
  readonly component: string
  readonly source: AlertSource
  /** The pattern or behaviour, where it is one. */
  readonly pattern?: string
  /** Whom or what it is about, beside the component: an actor. */
  readonly subject?: string
  /** 0–1. */
  readonly confidence: number
  /** The entries affected, by number; by id where there is no number. */
  readonly entries: readonly Range[]
  readonly ids: readonly string[]
  readonly evidence: readonly Evidence[]
  /** What is the same when the same thing is seen again. */
  readonly key?: string
}

/** It was seen again: written down at growing counts, when more entries are affected, and when it became worse. */
export interface CountedStep
  extends Pick<RaisedStep, 'alert' | 'time' | 'severity' | 'confidence' | 'entries' | 'ids' | 'evidence'> {
  readonly step: 'counted'
  readonly count: number
}

/** What somebody did about it, or this software by a rule. */
export interface HandledStep {
  readonly step: 'acknowledged' | 'resolved' | 'reopened' | 'commented'
  readonly alert: string
  readonly time: Micros
  /** Absent when this software did it. */
  readonly actor?: Actor
  readonly note?: string
  readonly response?: ResponseRecord
}

export type AlertStep = RaisedStep | CountedStep | HandledStep

/** A step as the alert remembers it. */
export interface AlertHistory {
  readonly step: 'raised' | HandledStep['step']
  /** RFC 3339 UTC: when it happened, which may be before it could be written. */
  readonly time: string
  /** The number of its entry; absent while it is not written. */
  readonly seq?: number
  readonly actor?: Actor
  readonly note?: string
  readonly response?: ResponseRecord
}

/** An alert as it stands. */
export interface Alert {
  /** UUIDv7. */
  readonly id: string
  readonly raisedAt: string
  readonly lastSeenAt: string
  readonly type: FindingType
  readonly severity: Severity
  readonly description: string
  readonly component: string
  readonly detectionMethod: 'automatic' | 'pattern_matching'
  readonly pattern?: string
  /** Whom it is about: `type:id` of an actor. Sealed in the log. */
  readonly subject?: string
  readonly confidenceScore: number
  /** How often it was seen. After a restart, the last count that was written. */
  readonly count: number
  /** Numbers (`50`), runs of numbers (`200-300`), and ids where there is no number. */
  readonly affectedEntries: readonly string[]
  /** The last ten events. */
  readonly evidence: readonly Evidence[]
  readonly acknowledged: boolean
  readonly resolved: boolean
  readonly responseActions: readonly ResponseRecord[]
  readonly history: readonly AlertHistory[]
}

/** The operations of alert entries. */
export const alertOperations = [
  'alert.raised',
  'alert.counted',
  'alert.acknowledged',
  'alert.resolved',
  'alert.reopened',
  'alert.commented',
] as const satisfies readonly ControlOperation[]

/** Whether an entry is about an alert. */
export function isAlertEntry({ kind, operation }: { readonly kind: string; readonly operation: string }): boolean {
  return kind === 'control' && alertOperations.includes(operation as never)
}

/** The entry of a step. {@link parseStep} reads it back. */
export function formatStep(step: AlertStep): ControlInput {
  const { alert, time } = step
  const common = {
    operation: `alert.${step.step}` as const,
    securityLevel: 'confidential' as const,
  }
  const attributes = { 'alert.id': alert, 'alert.time': formatTime(time) }
  switch (step.step) {
    case 'raised': {
      const { pattern, subject, key, evidence } = step
      return {
        ...common,
        attributes: {
          ...attributes,
          ...judgement(step),
          'alert.type': step.type,
          'alert.description': step.description,
          'alert.component': step.component,
          'alert.source': step.source,
          ...(pattern === undefined ? {} : { 'alert.pattern': pattern }),
        },
        sealed: { evidence, ids: step.ids, ...(subject && { subject }), ...(key && { key }) },
      }
    }
    case 'counted':
      return {
        ...common,
        attributes: { ...attributes, ...judgement(step), 'alert.count': step.count },
        sealed: { evidence: step.evidence, ids: step.ids },
      }
    default: {
      const { actor, note, response } = step
      const outcome = response?.outcome === 'started' ? 'pending' : response?.outcome
      return {
        ...common,
        ...(outcome && { outcome }),
        attributes: { ...attributes, ...(response && { 'alert.response': response.rule }) },
        ...(actor && { actor }),
        sealed: { ...(note && { note }), ...(response?.detail && { detail: response.detail }) },
      }
    }
  }
}

function judgement({ severity, confidence, entries }: RaisedStep | CountedStep): Record<string, string | number> {
  return {
    'alert.severity': severity,
    'alert.confidence': confidence,
    'alert.entries': formatRanges(entries),
  }
}

/** As much of an entry as its step is read from. Without its sealed values the step has no evidence, key, subject and note. */
export type StepEntry = Pick<EntryView, 'kind' | 'operation' | 'outcome' | 'attributes'> & {
  readonly [sealedName: string]: unknown
}

/** The step in an entry; `undefined` when it is none, or not one that this release understands. */
export function parseStep(entry: StepEntry): AlertStep | undefined {
  if (!isAlertEntry(entry)) return undefined
  const attributes = entry.attributes ?? {}
  const text = (name: string): string | undefined => {
    const value = attributes[`alert.${name}`]
    return typeof value === 'string' ? value : undefined
  }
  const alert = text('id')
  const time = parseTime(text('time') ?? '')
  if (alert === undefined || time === undefined) return undefined
  const kind = entry.operation.slice('alert.'.length) as AlertStep['step']
  if (kind !== 'raised' && kind !== 'counted') {
    const response = responseIn(entry, text('response'))
    const [actor] = identitiesOf(entry.actor)
    return {
      step: kind,
      alert,
      time,
      ...(actor && { actor: entry.actor as Actor }),
      ...(typeof entry.note === 'string' && { note: entry.note }),
      ...(response && { response }),
    }
  }
  const severity = text('severity') as Severity
  const confidence = attributes['alert.confidence']
  const entries = rangesIn(text('entries'))
  if (!severities.includes(severity) || typeof confidence !== 'number' || entries === undefined) return undefined
  const ids = Array.isArray(entry.ids) ? entry.ids.filter(id => typeof id === 'string') : []
  const seen = { alert, time, severity, confidence, entries, ids, evidence: evidenceIn(entry.evidence) }
  if (kind === 'counted') {
    const count = attributes['alert.count']
    return typeof count === 'number' ? { step: kind, ...seen, count } : undefined
  }
  const type = findingTypes.find(one => one === text('type'))
  const source = sources.find(one => one === text('source'))
  if (type === undefined || source === undefined) return undefined
  const pattern = text('pattern')
  const { subject, key } = entry
  return {
    step: kind,
    ...seen,
    type,
    description: text('description') ?? '',
    component: text('component') ?? '',
    source,
    ...(pattern === undefined ? {} : { pattern }),
    ...(typeof subject === 'string' ? { subject } : {}),
    ...(typeof key === 'string' ? { key } : {}),
  }
}

function rangesIn(text: string | undefined): Range[] | undefined {
  try {
    return parseRanges(text ?? '')
  } catch {
    return undefined
  }
}

/** Evidence may have been erased since, with everything else that was sealed. */
function evidenceIn(value: unknown): Evidence[] {
  if (!Array.isArray(value)) return []
  return value.filter(one => typeof one?.time === 'string' && findingTypes.includes(one.type))
}

function responseIn({ outcome, detail }: StepEntry, rule: string | undefined): ResponseRecord | undefined {
  if (rule === undefined) return undefined
  return {
    rule,
    outcome: outcome === 'success' || outcome === 'failure' ? outcome : 'started',
    ...(typeof detail === 'string' && { detail }),
  }
}

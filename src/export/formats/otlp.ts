/**
 * Entries as log records of OpenTelemetry, in the JSON of OTLP/HTTP (OTLP 1.9, JSON Protobuf Encoding): 64-bit integers as
 * texts, trace ids as hex, names in lowerCamelCase.
 *
 * An entry's own attributes keep their names, which are OpenTelemetry's where an MCP call is recorded. What the log knows
 * stands below `memmimic.audit.`; an attribute that was named so by a caller stands below `memmimic.audit.attribute.`.
 */
import type { Severity } from '../../core/finding.ts'
import { parseTime } from '../../core/time.ts'
import { type EntryView, identitiesOf } from '../../core/view.ts'
import { furtherValues, sentence, severityOf, textOf } from '../values.ts'

/** AnyValue of OTLP. */
type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } }

interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

/** SeverityNumber for the words of syslog, as the specification maps them (Logs Data Model, Appendix B). */
const severityNumber: Readonly<Record<Severity, readonly [number: number, text: string]>> = {
  info: [9, 'INFO'],
  low: [10, 'INFO2'],
  medium: [13, 'WARN'],
  high: [17, 'ERROR'],
  critical: [18, 'ERROR2'],
}

/** The body of a request to `/v1/logs`, from log records as JSON. */
export function otlpRequest(records: readonly string[], serviceName: string, origin: string): string {
  const resource = { attributes: [attribute('service.name', serviceName), attribute('memmimic.audit.origin', origin)] }
  const scope = { name: 'memmimic-audit' }
  const head = `{"resourceLogs":[{"resource":${JSON.stringify(resource)},"scopeLogs":[{"scope":${JSON.stringify(scope)}`
  return `${head},"logRecords":[${records.join(',')}]}]}]}`
}

/** One entry as a log record. */
export function otlpRecord(entry: EntryView): object {
  const nanos = `${parseTime(entry.time)!}000`
  const [number, text] = severityNumber[severityOf(entry)]
  const [, traceId, spanId, flags = '0'] = entry.trace?.split('-') ?? []
  return {
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    severityNumber: number,
    severityText: text,
    eventName: `memmimic.audit.${entry.kind}`,
    body: { stringValue: sentence(entry) },
    attributes: attributesOf(entry),
    ...(traceId && spanId ? { traceId, spanId, flags: Number.parseInt(flags, 16) } : {}),
  }
}

const prefix = 'memmimic.audit.'

function attributesOf(entry: EntryView): KeyValue[] {
  const [actor, principal] = identitiesOf(entry.actor)
  const own: Record<string, unknown> = {
    seq: entry.seq,
    id: entry.id,
    entry_hash: entry.entryHash,
    previous_hash: entry.previousHash,
    operation: entry.operation,
    component: entry.component,
    outcome: entry.outcome,
    security_level: entry.securityLevel,
    compliance_flags: entry.complianceFlags.length === 0 ? undefined : entry.complianceFlags,
    governance_status: entry.governanceStatus,
    intent: entry.intent,
    'actor.type': actor?.type,
    'actor.id': actor?.id,
    on_behalf_of: principal && `${principal.type}:${principal.id}`,
    memory_id: textOf(entry.memoryId),
    session: textOf(entry.session),
  }
  for (const [name, value] of Object.entries(entry.performanceMetrics ?? {})) own[`metric.${name}`] = value
  for (const [name, value] of Object.entries(furtherValues(entry)))
    own[`value.${name}`] = textOf(value) ?? JSON.stringify(value)
  const theirs = Object.entries(entry.attributes ?? {}).map(([name, value]): [string, unknown] =>
    name.startsWith(prefix) ? [`${prefix}attribute.${name}`, value] : [name, value],
  )
  return [...Object.entries(own).map(([name, value]): [string, unknown] => [prefix + name, value]), ...theirs].flatMap(
    ([key, value]) => (value === undefined ? [] : [attribute(key, value)]),
  )
}

function attribute(key: string, value: unknown): KeyValue {
  return { key, value: anyValue(value) }
}

function anyValue(value: unknown): AnyValue {
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  return { stringValue: String(value) }
}

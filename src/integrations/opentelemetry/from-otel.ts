/**
 * Log records and spans of OpenTelemetry as entries.
 *
 * | in the entry | from |
 * |---|---|
 * | `operation` | `mcp.method.name`; a memory operation by the seed’s name; `gen_ai.operation.name`; the event’s or span’s name |
 * | `component` | `service.name`, or the scope that made it |
 * | `outcome` | a span: failure when its status is error, else success; a log record: failure from severity ERROR on |
 * | `trace` | the span itself, or the one in which the record was made |
 * | `actor` | `gen_ai.agent.id` or `.name`, on behalf of `user.id` or `enduser.id` |
 * | `session` | `gen_ai.conversation.id`, `mcp.session.id`, `session.id` |
 * | `memoryId` | `gen_ai.memory.record.id` |
 * | `arguments`, `operationResult` | `gen_ai.tool.call.arguments`, `gen_ai.tool.call.result` |
 * | `attributes` | names from a list, of few or technical values; `otel.signal`, `otel.time`, `otel.scope.name` |
 * | `performanceMetrics` | `durationMs` of a span |
 * | `telemetry`, sealed | everything else: body, other attributes, events, links, resource |
 */
import { isTraceparent } from '../../core/capture.ts'
import type { Actor, EntryInput } from '../../core/entry.ts'
import { sha256Hex } from '../../core/primitives.ts'
import { formatTime, type Micros } from '../../core/time.ts'
import { sealable } from '../sealable.ts'
import { seedOperation, signalAttribute } from './names.ts'
import { traceparentOf } from './outwards.ts'

type Attributes = { readonly [name: string]: unknown }
type HrTime = readonly [seconds: number, nanoseconds: number]

interface Origin {
  readonly attributes: Attributes
  readonly resource: { readonly attributes: Attributes }
  readonly instrumentationScope: { readonly name: string; readonly version?: string | undefined }
}

interface SpanContextLike {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
}

/** As much of an SDK’s `ReadableLogRecord` as is read. */
export interface OtelLogRecord extends Origin {
  readonly hrTime: HrTime
  readonly spanContext?: SpanContextLike | undefined
  readonly severityNumber?: number | undefined
  readonly severityText?: string | undefined
  readonly eventName?: string | undefined
  readonly body?: unknown
}

/** As much of an SDK’s `ReadableSpan` as is read. */
export interface OtelSpan extends Origin {
  readonly name: string
  readonly kind: number
  readonly startTime: HrTime
  readonly duration: HrTime
  readonly status: { readonly code: number; readonly message?: string }
  readonly parentSpanContext?: SpanContextLike | undefined
  readonly events: readonly { readonly name: string; readonly time: HrTime; readonly attributes?: Attributes }[]
  readonly links: readonly { readonly context: SpanContextLike; readonly attributes?: Attributes }[]
  spanContext(): SpanContextLike
}

export function entryOfLogRecord(record: OtelLogRecord): EntryInput {
  const { attributes, severityNumber = 0, severityText, body, eventName = attributes['event.name'] } = record
  const hasFailed = severityNumber >= 17 || attributes['error.type'] !== undefined
  return {
    ...common(record, typeof eventName === 'string' && eventName !== '' ? eventName : 'log.record', {
      severityText,
      body,
    }),
    ...(hasFailed ? { outcome: 'failure' } : {}),
    ...(record.spanContext === undefined ? {} : traceOf(record.spanContext)),
    attributes: {
      ...openAttributes(record),
      [signalAttribute]: 'log',
      ...timeAttribute(record.hrTime),
      ...(severityNumber > 0 ? { 'otel.severity_number': severityNumber } : {}),
    },
  }
}

export function entryOfSpan(span: OtelSpan): EntryInput {
  const { status, events, links } = span
  const parent = span.parentSpanContext?.spanId
  return {
    ...common(span, span.name === '' ? 'span' : span.name, {
      // Where the operation is another, the span’s own name is kept too.
      name: span.name,
      status: status.message,
      events:
        events.length === 0 ? undefined : events.map(({ name, time, attributes }) => ({ name, time, attributes })),
      links: links.length === 0 ? undefined : links.map(({ context, attributes }) => ({ ...context, attributes })),
    }),
    outcome: status.code === 2 ? 'failure' : 'success',
    ...traceOf(span.spanContext()),
    performanceMetrics: { durationMs: Math.max(0, micros(span.duration) / 1000) },
    attributes: {
      ...openAttributes(span),
      [signalAttribute]: 'span',
      ...timeAttribute(span.startTime),
      'otel.span.kind': spanKinds[span.kind] ?? 'internal',
      ...(parent === undefined ? {} : { 'otel.parent_span_id': parent }),
    },
  }
}

const spanKinds = ['internal', 'server', 'client', 'producer', 'consumer']

/** Attributes that say nothing of a person, and may stand open and be searched for. */
const openNames: ReadonlySet<string> = new Set([
  ...['error.type', 'exception.type', 'code.function.name'],
  ...['gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.request.model', 'gen_ai.response.model'],
  ...['gen_ai.tool.name', 'gen_ai.tool.type', 'gen_ai.tool.call.id', 'gen_ai.prompt.name'],
  ...['gen_ai.memory.record.count', 'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens'],
  ...['mcp.method.name', 'mcp.protocol.version', 'jsonrpc.request.id', 'jsonrpc.protocol.version'],
  ...['rpc.system.name', 'rpc.method', 'rpc.response.status_code'],
  ...['network.transport', 'network.protocol.name', 'network.protocol.version'],
  ...['http.request.method', 'http.response.status_code', 'http.route', 'db.system.name', 'db.operation.name'],
])
const openResourceNames = ['service.name', 'service.version', 'service.namespace', 'deployment.environment.name']

/** Attributes that have a place of their own in an entry. */
const placedNames: ReadonlySet<string> = new Set([
  ...['gen_ai.agent.id', 'user.id', 'gen_ai.memory.record.id', 'event.name'],
  ...['gen_ai.tool.call.arguments', 'gen_ai.tool.call.result'],
])

function isOpen(name: string, value: unknown): value is string | number | boolean {
  if (!openNames.has(name)) return false
  return isOpenValue(value)
}

function isOpenValue(value: unknown): value is string | number | boolean {
  if (typeof value === 'string') return value.length <= 256 && value.isWellFormed()
  if (typeof value === 'number')
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
  return typeof value === 'boolean'
}

function openAttributes({
  attributes,
  resource,
  instrumentationScope,
}: Origin): Record<string, string | number | boolean> {
  const open: Record<string, string | number | boolean> = {}
  for (const name of openResourceNames) {
    const value = resource.attributes[name]
    if (isOpenValue(value)) open[name] = value
  }
  for (const [name, value] of Object.entries(attributes)) if (isOpen(name, value)) open[name] = value
  if (isOpenValue(instrumentationScope.name)) open['otel.scope.name'] = instrumentationScope.name
  return open
}

/** What a log record and a span have in common; `own` is sealed with the rest. */
function common(origin: Origin, name: string, own: object): Omit<EntryInput, 'attributes'> {
  const { attributes, resource, instrumentationScope } = origin
  const genAi = text(attributes['gen_ai.operation.name'])
  const operation = text(attributes['mcp.method.name']) ?? (genAi && (seedOperation(genAi) ?? genAi)) ?? name
  const component = text(resource.attributes['service.name']) ?? text(instrumentationScope.name) ?? 'opentelemetry'
  const agent = text(attributes['gen_ai.agent.id']) ?? text(attributes['gen_ai.agent.name'])
  const user = text(attributes['user.id']) ?? text(attributes['enduser.id'])
  const session = ['gen_ai.conversation.id', 'mcp.session.id', 'session.id']
    .map(key => text(attributes[key]))
    .find(Boolean)
  const memoryId = text(attributes['gen_ai.memory.record.id'])
  const given = attributes['gen_ai.tool.call.arguments']
  const result = attributes['gen_ai.tool.call.result']
  const rest = Object.entries(attributes).filter(([key, value]) => !isOpen(key, value) && !placedNames.has(key))
  const others = Object.entries(resource.attributes).filter(([key]) => !openResourceNames.includes(key))
  const telemetry = sealable({
    ...own,
    attributes: rest.length === 0 ? undefined : Object.fromEntries(rest),
    resource: others.length === 0 ? undefined : Object.fromEntries(others),
    scopeVersion: instrumentationScope.version || undefined,
  })
  return {
    operation: label(operation, 256),
    component: label(component, 256),
    ...actorOf(agent, user),
    ...(session === undefined ? {} : { session: label(session, 512) }),
    ...(memoryId === undefined ? {} : { memoryId: label(memoryId, 512) }),
    ...(given === undefined ? {} : { arguments: sealable(given) }),
    ...(result === undefined ? {} : { operationResult: sealable(result) }),
    sealed: { telemetry },
  }
}

function actorOf(agent: string | undefined, user: string | undefined): { actor?: Actor } {
  const principal = user === undefined ? undefined : { type: 'user', id: label(user, 512) }
  if (agent === undefined) return principal === undefined ? {} : { actor: principal }
  const actor = { type: 'agent', id: label(agent, 512) }
  return { actor: principal === undefined ? actor : { ...actor, onBehalfOf: principal } }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A text as an entry can carry it. A longer one is cut and ends in a digest, so that two texts never look the same. */
function label(value: string, max: number): string {
  const clean = value.toWellFormed().replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
  if (clean.length <= max) return clean
  return `${clean.slice(0, max - 72).toWellFormed()}…sha256:${sha256Hex(Buffer.from(value))}`
}

function traceOf(span: SpanContextLike): { trace?: string } {
  const trace = traceparentOf(span)
  return isTraceparent(trace) ? { trace } : {}
}

function timeAttribute(time: HrTime): { 'otel.time'?: string } {
  const at = micros(time)
  return at > 0 && at < 253_402_300_800e6 ? { 'otel.time': formatTime(at) } : {}
}

function micros([seconds, nanoseconds]: HrTime): Micros {
  return Math.floor(seconds * 1e6 + nanoseconds / 1000)
}

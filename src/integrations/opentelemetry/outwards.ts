/** What is appended to a log, told to OpenTelemetry: as log records, spans and metrics. */
import { isTraceparent } from '../../core/capture.ts'
import type { EntryInput } from '../../core/entry.ts'
import type { AppendedEntry, AuditEvent, EventStream } from '../../core/events.ts'
import { type Micros, parseTime } from '../../core/time.ts'
import { attributesOf, type Disclosable, type OtelAttributes, ownScope, signalAttribute, spanName } from './names.ts'
import { globalLoggerProvider, type Logger, type LoggerProvider, openTelemetryApi } from './peers.ts'

export interface OpenTelemetryOptions {
  /** Each unless `false`. */
  readonly signals?: { readonly logs?: boolean; readonly traces?: boolean; readonly metrics?: boolean }
  /** Sealed values that are told too; none unless given. Whatever is told cannot be erased there by this log. */
  readonly disclose?: readonly Disclosable[]
  /** Components that are memory stores; `memmimic_storage` unless given. */
  readonly memoryComponents?: readonly string[]
  /** The global ones unless given. With SDK 2, give its logger provider: its logs have a registry of their own. */
  readonly loggerProvider?: LoggerProvider
  readonly tracerProvider?: { getTracer(name: string, version?: string): unknown }
  readonly meterProvider?: { getMeter(name: string, version?: string): unknown }
}

type Api = Awaited<ReturnType<typeof openTelemetryApi>>
type Tracer = ReturnType<Api['trace']['getTracer']>
type Meter = ReturnType<Api['metrics']['getMeter']>
type OtelContext = ReturnType<Api['context']['active']>

/** Seconds: the bounds that the MCP conventions ask for. */
const durationBounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

/**
 * Tells OpenTelemetry of every entry that is appended from now on: a log record `memmimic_audit.entry` each; a span for
 * each that says how long it took, below the span that its `trace` names; and metrics. An entry that came from
 * OpenTelemetry is not told to it again.
 *
 * Told is what stands open in an entry. What is sealed stays here, but for what `disclose` names.
 *
 * @returns what ends it
 * @throws AuditError `not_found`, saying what to install, when `@opentelemetry/api` is not there
 * @example const stop = await exportToOpenTelemetry(log.events, { disclose: ['agent'] })
 */
export async function exportToOpenTelemetry(
  events: Pick<EventStream, 'on'>,
  options: OpenTelemetryOptions = {},
): Promise<() => void> {
  const { signals = {}, disclose = [], memoryComponents = ['memmimic_storage'] } = options
  const api = await openTelemetryApi()
  const disclosed = new Set(disclose)
  const tellers: ((entry: AppendedEntry, attributes: OtelAttributes, context: OtelContext) => void)[] = []
  if (signals.logs ?? true) {
    const provider = options.loggerProvider ?? (await globalLoggerProvider(api))
    tellers.push(logTeller(provider.getLogger(ownScope)))
  }
  if (signals.traces ?? true) {
    const provider = options.tracerProvider ?? api.trace.getTracerProvider()
    tellers.push(spanTeller(api, provider.getTracer(ownScope) as Tracer))
  }
  let count: (event: AuditEvent) => void = () => {}
  if (signals.metrics ?? true) {
    const provider = options.meterProvider ?? api.metrics.getMeterProvider()
    const metrics = new Metrics(provider.getMeter(ownScope) as Meter)
    tellers.push((entry, attributes) => metrics.entry(entry, attributes))
    count = event => metrics.event(event)
  }
  return events.on(event => {
    count(event)
    if (event.type !== 'appended') return
    for (const entry of event.entries) {
      if (entry.attributes?.[signalAttribute] !== undefined) continue
      const attributes = attributesOf(entry, memoryComponents, disclosed)
      const context = contextOf(api, entry.trace)
      for (const tell of tellers) tell(entry, attributes, context)
    }
  })
}

/**
 * What gives an entry the active span’s `traceparent`, where it has none. For `openAuditLog({ prepare })`, alone or among
 * other steps.
 *
 * @throws AuditError `not_found`, saying what to install, when `@opentelemetry/api` is not there
 * @example const traced = await withActiveSpan()
 * await using log = await openAuditLog({ prepare: entry => redact(traced(entry)) })
 */
export async function withActiveSpan(): Promise<(entry: EntryInput) => EntryInput> {
  const { trace } = await openTelemetryApi()
  return entry => {
    const span = entry?.trace === undefined ? trace.getActiveSpan()?.spanContext() : undefined
    if (span === undefined) return entry
    const traceparent = traceparentOf(span)
    return isTraceparent(traceparent) ? { ...entry, trace: traceparent } : entry
  }
}

/** W3C Trace Context, section 3.2. */
export function traceparentOf(span: { traceId: string; spanId: string; traceFlags: number }): string {
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 0xff).toString(16).padStart(2, '0')}`
}

/** The context in which the span that an entry names is the active one. */
function contextOf(api: Api, traceparent: string | undefined): OtelContext {
  if (traceparent === undefined) return api.ROOT_CONTEXT
  const [, traceId = '', spanId = '', flags = '0'] = traceparent.split('-')
  return api.trace.setSpanContext(api.ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  })
}

/** Severity numbers of the logs data model. */
const severityOf = { failure: [17, 'ERROR'], denied: [13, 'WARN'] } as const
const informational = [9, 'INFO'] as const

function logTeller(logger: Logger) {
  return (entry: AppendedEntry, attributes: OtelAttributes, context: OtelContext): void => {
    const { outcome, time } = entry
    const [severityNumber, severityText] =
      outcome === 'failure' || outcome === 'denied' ? severityOf[outcome] : informational
    const timestamp = hrTime(parseTime(time)!)
    logger.emit({ eventName: 'memmimic_audit.entry', timestamp, severityNumber, severityText, attributes, context })
  }
}

function spanTeller({ SpanKind, SpanStatusCode }: Api, tracer: Tracer) {
  return (entry: AppendedEntry, attributes: OtelAttributes, context: OtelContext): void => {
    const durationMs = entry.performanceMetrics?.durationMs
    if (durationMs === undefined || entry.kind === 'intent') return
    const end = parseTime(entry.time)!
    const isCall = attributes['gen_ai.operation.name'] !== undefined || attributes['mcp.method.name'] !== undefined
    const span = tracer.startSpan(
      spanName(entry.operation, attributes),
      { startTime: hrTime(end - 1000 * durationMs), kind: isCall ? SpanKind.CLIENT : SpanKind.INTERNAL, attributes },
      context,
    )
    if (attributes['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(hrTime(end))
  }
}

class Metrics {
  readonly #entries: ReturnType<Meter['createCounter']>
  readonly #appends: ReturnType<Meter['createHistogram']>
  readonly #calls: ReturnType<Meter['createHistogram']>
  readonly #findings: ReturnType<Meter['createCounter']>

  constructor(meter: Meter) {
    const seconds = { unit: 's', advice: { explicitBucketBoundaries: durationBounds } }
    this.#entries = meter.createCounter('memmimic_audit.entries', {
      unit: '{entry}',
      description: 'Entries that became durable.',
    })
    this.#appends = meter.createHistogram('memmimic_audit.append.duration', {
      unit: 's',
      description: 'Time from a call to its receipt, the longest of those that were answered together.',
      advice: { explicitBucketBoundaries: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1] },
    })
    this.#calls = meter.createHistogram('mcp.client.operation.duration', {
      ...seconds,
      description: 'Time from an MCP request to its response.',
    })
    this.#findings = meter.createCounter('memmimic_audit.findings', {
      unit: '{finding}',
      description: 'What checks of the log found wrong.',
    })
  }

  event(event: AuditEvent): void {
    if (event.type === 'appended') this.#appends.record(event.durationMs / 1000)
    if (event.type !== 'checked') return
    for (const { type, severity } of event.findings) this.#findings.add(1, { type, severity })
  }

  entry({ kind, outcome, performanceMetrics }: AppendedEntry, attributes: OtelAttributes): void {
    this.#entries.add(1, { kind, ...(outcome === undefined ? {} : { outcome }) })
    if (kind !== 'outcome' || attributes['mcp.method.name'] === undefined) return
    const durationMs = performanceMetrics?.durationMs
    if (durationMs !== undefined) this.#calls.record(durationMs / 1000, chosen(attributes, callLabels))
  }
}

/** Attributes of few different values. */
const callLabels = [
  'mcp.method.name',
  'mcp.protocol.version',
  'gen_ai.operation.name',
  'gen_ai.tool.name',
  'gen_ai.prompt.name',
  'network.transport',
  'rpc.response.status_code',
  'error.type',
]

function chosen(attributes: OtelAttributes, names: readonly string[]): OtelAttributes {
  return Object.fromEntries(names.flatMap(name => (name in attributes ? [[name, attributes[name]!]] : [])))
}

function hrTime(micros: Micros): [number, number] {
  const seconds = Math.floor(micros / 1e6)
  return [seconds, Math.round((micros - seconds * 1e6) * 1000)]
}

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, ContextManager } from '@opentelemetry/api'
import { context, metrics, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  BatchLogRecordProcessor,
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordExporter,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, it } from 'vitest'
import {
  AuditLogRecordExporter,
  AuditSpanExporter,
  type OtelExportResult,
} from '../../src/integrations/opentelemetry/inwards.ts'
import {
  exportToOpenTelemetry,
  type OpenTelemetryOptions,
  withActiveSpan,
} from '../../src/integrations/opentelemetry/outwards.ts'
import { optionalPeer } from '../../src/integrations/opentelemetry/peers.ts'
import { auditStorage } from '../../src/integrations/storage.ts'
import { SeedStore } from './memory-stores.ts'
import { openLog } from './support.ts'

/** The SDK, with everything kept in memory. */
function sdk() {
  const logs = new InMemoryLogRecordExporter()
  const spans = new InMemorySpanExporter()
  const points = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: points, exportIntervalMillis: 3_600_000 })
  const providers = {
    loggerProvider: new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: logs })] }),
    tracerProvider: new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
    meterProvider: new MeterProvider({ readers: [reader] }),
  } satisfies OpenTelemetryOptions
  return {
    providers,
    logs: () => logs.getFinishedLogRecords(),
    spans: () => spans.getFinishedSpans(),
    async metrics() {
      await reader.forceFlush()
      const all =
        points
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap(scope => scope.metrics) ?? []
      return new Map(all.map(({ descriptor, dataPoints }) => [descriptor.name, { unit: descriptor.unit, dataPoints }]))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(providers).map(provider => provider.shutdown()))
    },
  }
}

/** What a Node program registers to have the active span across awaits. */
class ContextInAsyncLocalStorage implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active = (): Context => this.#storage.getStore() ?? ROOT_CONTEXT
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    ctx: Context,
    fn: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(ctx, () => Reflect.apply(fn, self, args) as ReturnType<F>)
  }
  bind<T>(_ctx: Context, target: T): T {
    return target
  }
  enable() {
    return this
  }
  disable() {
    return this
  }
}

afterEach(() => {
  context.disable()
  trace.disable()
  metrics.disable()
})

describe('towards OpenTelemetry', () => {
  const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

  it('an MCP call becomes log records, a span below the caller’s, and metrics, under the names of the conventions', async () => {
    await using otel = sdk()
    await using open = await openLog()
    const stop = await exportToOpenTelemetry(open.log.events, {
      ...otel.providers,
      disclose: ['agent', 'user', 'session'],
    })
    const call = {
      operation: 'tools/call',
      component: 'weather-server',
      trace: parent,
      actor: { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u1' } },
      session: 's1',
      attributes: {
        'mcp.method.name': 'tools/call',
        'mcp.protocol.version': '2026-07-28',
        'gen_ai.tool.name': 'get_weather',
        'jsonrpc.request.id': '7',
        'rpc.jsonrpc.error_code': -32602,
        'error.type': '-32602',
      },
    }
    await (await open.log.begin({ ...call, arguments: { city: 'Paris' } })).fail(new Error('secret detail'))
    stop()
    await open.log.append({ operation: 'after', component: 'x' })

    expect(otel.logs().map(({ eventName, severityText }) => [eventName, severityText])).toEqual([
      ['memmimic_audit.entry', 'INFO'],
      ['memmimic_audit.entry', 'ERROR'],
    ])
    const { outcome, intent } = Object.fromEntries((await open.entries()).map(entry => [entry.kind, entry]))
    const expected = {
      'mcp.method.name': 'tools/call',
      'mcp.protocol.version': '2026-07-28',
      'mcp.session.id': 's1',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'get_weather',
      'gen_ai.agent.id': 'claude',
      'user.id': 'u1',
      'jsonrpc.request.id': '7',
      'rpc.response.status_code': '-32602',
      'error.type': '-32602',
      'memmimic_audit.seq': outcome!.seq,
      'memmimic_audit.id': outcome!.id,
      'memmimic_audit.kind': 'outcome',
      'memmimic_audit.operation': 'tools/call',
      'memmimic_audit.component': 'weather-server',
      'memmimic_audit.outcome': 'failure',
      'memmimic_audit.intent': intent!.id,
      'memmimic_audit.security_level': 'internal',
    }
    const record = otel.logs()[1]!
    expect(record.attributes).toEqual(expected)
    expect(record.spanContext).toMatchObject({ traceId: parent.slice(3, 35), spanId: parent.slice(36, 52) })
    expect(new Date(record.hrTime[0] * 1000 + record.hrTime[1] / 1e6).getTime()).toBe(new Date(outcome!.time).getTime())

    const [span, ...others] = otel.spans()
    expect(others).toEqual([])
    expect(span).toMatchObject({
      name: 'tools/call get_weather',
      kind: SpanKind.CLIENT,
      status: { code: SpanStatusCode.ERROR },
      attributes: expected,
      parentSpanContext: { spanId: parent.slice(36, 52), isRemote: true },
    })
    expect(span!.spanContext().traceId).toBe(parent.slice(3, 35))
    expect(span!.duration[0] * 1000 + span!.duration[1] / 1e6).toBeCloseTo(outcome!.performanceMetrics!.durationMs!, 2)

    const measured = await otel.metrics()
    expect(
      measured.get('memmimic_audit.entries')!.dataPoints.map(({ attributes, value }) => [attributes, value]),
    ).toEqual([
      [{ kind: 'intent' }, 1],
      [{ kind: 'outcome', outcome: 'failure' }, 1],
    ])
    expect(measured.get('mcp.client.operation.duration')).toMatchObject({
      unit: 's',
      dataPoints: [
        {
          attributes: { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'get_weather', 'error.type': '-32602' },
          value: { count: 1 },
        },
      ],
    })
    expect(measured.get('memmimic_audit.append.duration')!.dataPoints[0]!.value).toMatchObject({ count: 2 })
    expect(
      JSON.stringify([
        otel.logs().map(({ attributes, body }) => [attributes, body]),
        otel.spans().map(({ attributes, events, status }) => [attributes, events, status]),
      ]),
    ).not.toMatch(/secret detail|Paris/)
  })

  it('a memory operation has the names of the conventions for memories, and nothing that is sealed unless told so', async () => {
    await using otel = sdk()
    await using open = await openLog()
    await exportToOpenTelemetry(open.log.events, { ...otel.providers, signals: { logs: false, metrics: false } })
    const store = auditStorage(new SeedStore(), open.log)
    const id = await store.store_memory({ content: 'likes tea' })
    await store.search_memories('tea')
    await store.update_memory({ id, content: 'likes coffee' })
    await store.delete_memory(id)
    await store.delete_memory(id).catch(() => {})
    expect(otel.logs()).toEqual([])
    expect(otel.spans().map(({ name, status }) => [name, status.code])).toEqual([
      ['create_memory memmimic_storage', SpanStatusCode.UNSET],
      ['search_memory memmimic_storage', SpanStatusCode.UNSET],
      ['update_memory memmimic_storage', SpanStatusCode.UNSET],
      ['delete_memory memmimic_storage', SpanStatusCode.UNSET],
      ['delete_memory memmimic_storage', SpanStatusCode.ERROR],
    ])
    expect(otel.spans()[1]!.attributes).toMatchObject({
      'gen_ai.memory.record.count': 1,
      'code.function.name': 'search_memories',
    })
    expect(JSON.stringify(otel.spans().map(({ attributes }) => attributes))).not.toMatch(/mem_1|tea|process\.mark/)
    await exportToOpenTelemetry(open.log.events, {
      ...otel.providers,
      disclose: ['memoryId'],
      signals: { logs: false, metrics: false },
    })
    await store.retrieve_memory('mem_7')
    expect(otel.spans().at(-1)!.attributes).toMatchObject({ 'gen_ai.memory.record.id': 'mem_7' })
  })

  it('what checks find is counted', async () => {
    await using otel = sdk()
    await using open = await openLog()
    await exportToOpenTelemetry(open.log.events, otel.providers)
    const finding = { type: 'hash_mismatch', severity: 'high', message: 'x' } as const
    open.log.events.emit({
      type: 'checked',
      scope: 'log',
      entries: 1,
      valid: false,
      findings: [finding, finding],
      durationMs: 1,
    })
    expect((await otel.metrics()).get('memmimic_audit.findings')!.dataPoints).toMatchObject([
      { attributes: { type: 'hash_mismatch', severity: 'high' }, value: 2 },
    ])
  })

  it('the providers are the global ones unless given', async () => {
    await using otel = sdk()
    await using open = await openLog()
    trace.setGlobalTracerProvider(otel.providers.tracerProvider)
    metrics.setGlobalMeterProvider(otel.providers.meterProvider)
    const { logs } = await import('@opentelemetry/api')
    logs.setGlobalLoggerProvider(otel.providers.loggerProvider)
    await exportToOpenTelemetry(open.log.events)
    await open.log.append({ operation: 'x', component: 'y', performanceMetrics: { durationMs: 3 } })
    expect([otel.logs().length, otel.spans().map(({ name }) => name)]).toEqual([1, ['x']])
    expect((await otel.metrics()).has('memmimic_audit.entries')).toBe(true)
    logs.disable()
  })

  it('the active span is the trace of an entry that has none', async () => {
    await using otel = sdk()
    await using open = await openLog({ prepare: await withActiveSpan() })
    context.setGlobalContextManager(new ContextInAsyncLocalStorage())
    const tracer = otel.providers.tracerProvider.getTracer('app')
    const { traceId, spanId } = await tracer.startActiveSpan('work', async span => {
      await open.log.append({ operation: 'inside', component: 'x' })
      await open.log.append({ operation: 'own', component: 'x', trace: parent })
      span.end()
      return span.spanContext()
    })
    await open.log.append({ operation: 'outside', component: 'x' })
    expect((await open.entries()).map(entry => entry.trace)).toEqual([`00-${traceId}-${spanId}-01`, parent, undefined])
  })

  it('a package that is missing is named, with what to do', async () => {
    const name: string = 'a-package-that-is-not-there'
    await expect(optionalPeer(name, () => import(name))).rejects.toMatchObject({
      code: 'not_found',
      message: 'the package a-package-that-is-not-there is not installed: npm install a-package-that-is-not-there',
    })
    const broken = new SyntaxError('broken')
    await expect(optionalPeer(name, () => Promise.reject(broken))).rejects.toBe(broken)
  })
})

describe('from OpenTelemetry', () => {
  it('an exporter is what the SDK takes for one', async () => {
    await using open = await openLog()
    const logs: LogRecordExporter = new AuditLogRecordExporter({ log: open.log })
    const spans: SpanExporter = new AuditSpanExporter({ log: open.log })
    expect([typeof logs.export, typeof spans.export]).toEqual(['function', 'function'])
  })

  it('a log record becomes an entry: technical names open, everything else sealed', async () => {
    await using open = await openLog()
    const exporter = new AuditLogRecordExporter({ log: open.log })
    const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] })
    const tracerProvider = new TracerProvider()
    const span = tracerProvider.getTracer('t').startSpan('s')
    const logger = provider.getLogger('app.security', '1.2')
    logger.emit({
      eventName: 'login.failed',
      severityNumber: 17,
      severityText: 'ERROR',
      timestamp: new Date('2026-11-23T10:00:00.5Z'),
      body: { text: 'Zoë tried again', at: [1, { raw: new Uint8Array([1]) }] },
      context: trace.setSpan(context.active(), span),
      attributes: {
        'user.id': 'zoe',
        'session.id': 's9',
        'error.type': 'bad_password',
        'http.request.method': 'POST',
        'url.full': 'https://example.com/login?name=zoe',
        'client.address': '10.0.0.1',
      },
    })
    logger.emit({ body: 'plain' })
    await provider.forceFlush()
    const [first, second] = await open.entries()
    const { traceId, spanId } = span.spanContext()
    expect(first).toMatchObject({
      kind: 'event',
      operation: 'login.failed',
      component: expect.stringMatching(/^unknown_service/),
      outcome: 'failure',
      trace: `00-${traceId}-${spanId}-01`,
      actor: { type: 'user', id: 'zoe' },
      session: 's9',
      telemetry: {
        severityText: 'ERROR',
        body: { text: 'Zoë tried again', at: [1, { raw: { length: 1 } }] },
        attributes: { 'url.full': 'https://example.com/login?name=zoe', 'client.address': '10.0.0.1' },
        scopeVersion: '1.2',
      },
    })
    expect(first!.attributes).toEqual({
      'otel.signal': 'log',
      'otel.time': '2026-11-23T10:00:00.500000Z',
      'otel.scope.name': 'app.security',
      'otel.severity_number': 17,
      'error.type': 'bad_password',
      'http.request.method': 'POST',
      'service.name': expect.any(String),
    })
    expect(new TextDecoder().decode(await open.log.leaf(first!.seq))).not.toMatch(/zo[eë]|10\.0\.0\.1|s9/i)
    expect(second).toMatchObject({ operation: 'log.record', telemetry: { body: 'plain' } })
    expect(second!.outcome).toBeUndefined()
    await provider.shutdown()
    expect(await open.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true })
  })

  it('a span becomes an entry, with what a tool was given and gave under their own names', async () => {
    await using open = await openLog()
    const exporter = new AuditSpanExporter({ log: open.log })
    const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] })
    const tracer = provider.getTracer('agent-framework')
    const outer = tracer.startSpan('invoke_agent Planner', {
      attributes: {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.id': 'planner',
        'user.id': 'u1',
        'gen_ai.conversation.id': 'c1',
        'gen_ai.usage.input_tokens': 12,
      },
    })
    const tool = tracer.startSpan(
      'tools/call get_weather',
      {
        kind: SpanKind.CLIENT,
        startTime: [1763913600, 0],
        attributes: {
          'mcp.method.name': 'tools/call',
          'mcp.session.id': 'm1',
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'get_weather',
          'gen_ai.tool.call.arguments': '{"city":"Paris"}',
          'gen_ai.tool.call.result': '{"rain":true}',
          'jsonrpc.request.id': '3',
        },
      },
      trace.setSpan(context.active(), outer),
    )
    tool.recordException(new Error('lost the connection'))
    tool.setStatus({ code: SpanStatusCode.ERROR, message: 'for Zoë' })
    tool.end([1763913600, 250_000_000])
    const memory = tracer.startSpan('delete_memory', {
      attributes: { 'gen_ai.operation.name': 'delete_memory', 'gen_ai.memory.record.id': 'mem_1' },
    })
    memory.end()
    outer.end()
    await provider.forceFlush()
    const [first, second, third] = await open.entries()
    expect(first).toMatchObject({
      operation: 'tools/call',
      outcome: 'failure',
      trace: `00-${tool.spanContext().traceId}-${tool.spanContext().spanId}-01`,
      session: 'm1',
      arguments: '{"city":"Paris"}',
      operationResult: '{"rain":true}',
      performanceMetrics: { durationMs: 250 },
      attributes: {
        'otel.signal': 'span',
        'otel.span.kind': 'client',
        'otel.time': '2025-11-23T16:00:00.000000Z',
        'otel.parent_span_id': outer.spanContext().spanId,
        'gen_ai.tool.name': 'get_weather',
        'jsonrpc.request.id': '3',
      },
      telemetry: { name: 'tools/call get_weather', status: 'for Zoë', events: [{ name: 'exception' }] },
    })
    expect(second).toMatchObject({ operation: 'forget', outcome: 'success', memoryId: 'mem_1' })
    expect(third).toMatchObject({
      operation: 'invoke_agent',
      session: 'c1',
      actor: { type: 'agent', id: 'planner', onBehalfOf: { type: 'user', id: 'u1' } },
      attributes: { 'gen_ai.usage.input_tokens': 12 },
    })
    await provider.shutdown()
  })

  it('what no entry could carry as it is goes in all the same', async () => {
    await using open = await openLog()
    const exporter = new AuditSpanExporter({ log: open.log })
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    const long = 'x'.repeat(1000)
    const name = `a\nb${long}\ud800`
    provider
      .getTracer(`scope\u0000${long}`)
      .startSpan(name, {
        attributes: {
          'user.id': long,
          'session.id': 'a\tb',
          'error.type': long,
          'gen_ai.tool.name': '\ud800',
          'gen_ai.memory.record.id': '\u0007',
        },
      })
      .end()
    provider.getTracer('x').startSpan('').end()
    await provider.forceFlush()
    const [first, second] = await open.entries()
    expect(first!.operation).toMatch(/^a\ufffdbx+…sha256:[0-9a-f]{64}$/)
    expect(first).toMatchObject({
      session: 'a\ufffdb',
      memoryId: '\ufffd',
      telemetry: { attributes: { 'error.type': long, 'gen_ai.tool.name': '\ufffd' } },
    })
    expect(second!.operation).toBe('span')
  })

  it('an export succeeds when everything is on the disk, and fails when something is not, in the codes of the SDK', async () => {
    await using open = await openLog()
    const refusing = {
      append: (entry: Parameters<typeof open.log.append>[0]) =>
        entry.operation === 'bad' ? Promise.reject(new Error('the disk is full')) : open.log.append(entry),
    }
    const exporter = new AuditLogRecordExporter({ log: refusing, accept: record => record.eventName !== 'ignored' })
    const record = (eventName: string) => ({
      eventName,
      hrTime: [0, 0] as const,
      attributes: {},
      resource: { attributes: {} },
      instrumentationScope: { name: 'app' },
    })
    const results: OtelExportResult[] = []
    exporter.export([record('a'), record('bad'), record('ignored'), record('b')], result => results.push(result))
    exporter.export([record('c')], result => results.push(result))
    await exporter.forceFlush()
    expect(results.map(({ code, error }) => [code, error?.message])).toEqual(
      expect.arrayContaining([
        [1, '1 of 4 records were not recorded: the disk is full'],
        [0, undefined],
      ]),
    )
    expect((await open.entries()).map(({ operation }) => operation)).toEqual(['a', 'b', 'c'])
    const late: OtelExportResult[] = []
    exporter.export([record('d')], result => late.push(result))
    await exporter.shutdown()
    exporter.export([record('e')], result => late.push(result))
    expect(late.map(({ code, error }) => [code, error?.message])).toEqual([
      [0, undefined],
      [1, 'the exporter is shut down'],
    ])
    expect(await open.entries()).toHaveLength(4)
  })

  it('what goes out does not come in again, and what came in does not go out', async () => {
    await using open = await openLog()
    const logs = new LoggerProvider({
      processors: [new SimpleLogRecordProcessor({ exporter: new AuditLogRecordExporter({ log: open.log }) })],
    })
    const spans = new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter: new AuditSpanExporter({ log: open.log }) })],
    })
    await exportToOpenTelemetry(open.log.events, { loggerProvider: logs, tracerProvider: spans })
    await open.log.append({ operation: 'mine', component: 'x', performanceMetrics: { durationMs: 1 } })
    logs.getLogger('app').emit({ eventName: 'theirs' })
    spans.getTracer('app').startSpan('theirs too').end()
    for (let i = 0; i < 5; i++) await Promise.all([logs.forceFlush(), spans.forceFlush(), open.log.status()])
    expect((await open.entries()).map(({ operation }) => operation)).toEqual(['mine', 'theirs', 'theirs too'])
    await Promise.all([logs.shutdown(), spans.shutdown()])
  })
})

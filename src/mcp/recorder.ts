/**
 * What the recorder knows of MCP: which messages do something, what of them goes on the record, and when.
 *
 * It is given every line of both directions, in order, and answers whether the line may go on. It knows nothing of
 * processes, streams or HTTP; time and the session's id are given to it. It reads revisions 2025-11-25 (and before) and
 * 2026-07-28 alike, because it never asks which era it is in: it takes what a message says.
 */
import type { Actor, EntryInput, Json, Outcome } from '../core/entry.ts'
import { findMembers, findMessages, last, type Members, type Span } from './envelope.ts'
import { type Build, Ledger } from './ledger.ts'
import { type Direction, idAttribute, keyOf, methodText, part, refusal, slice, traceparent } from './message.ts'
import { asDigest, label, looseValue, member, sealable, textMember } from './part.ts'
import type { RecorderLog } from './recorder-log.ts'
import { digestOfValue, type Listing, ToolCatalogue, type ToolChange } from './tool-catalogue.ts'

type Attributes = Record<string, string | number | boolean>

/** What a recorder is made with. */
export interface RecorderOptions {
  readonly log: RecorderLog
  /** The component of an entry until the server has said its own name. */
  readonly name: string
  /** Who acts until the client has said its name; its `onBehalfOf` is kept after that. */
  readonly actor?: Actor
  /** For the entry of the session: open attributes, and how the server was started, to be sealed. */
  readonly session: { readonly attributes: Attributes; readonly arguments?: Json }
  /** A larger argument or result is recorded as its digest and length. Default 1 MiB of JSON. */
  readonly maxValueBytes?: number
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number
  readonly newSessionId: () => string
}

/** How a session ended, and what that means for the calls that have no answer yet. */
export interface SessionEnd {
  readonly outcome: 'success' | 'failure'
  readonly attributes: Attributes
  readonly pending: { readonly outcome: 'failure' | 'unknown'; readonly attributes: Attributes }
}

const meta = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
}

/** Methods that do something: recorded even when they come without an id. */
const acting: ReadonlySet<string> = new Set([
  'tools/call',
  'resources/read',
  'prompts/get',
  'sampling/createMessage',
  'elicitation/create',
  'tasks/result',
  'tasks/update',
  'tasks/cancel',
])

/** Requests that only ask what there is. Every other request is recorded, also one of a method that is new to us. */
const asking: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
  'logging/setLevel',
  'roots/list',
  'tasks/get',
  'tasks/list',
])

/** Requests of which the answer tells something that later entries say. */
const telling: ReadonlySet<string> = new Set(['initialize', 'server/discover', 'tools/list', 'tasks/get'])

const paramNames: ReadonlySet<string> = new Set([
  '_meta',
  'name',
  'arguments',
  'inputResponses',
  'taskId',
  'clientInfo',
  'requestId',
  'reason',
  'cursor',
])
const resultNames: ReadonlySet<string> = new Set([
  '_meta',
  'isError',
  'resultType',
  'inputRequests',
  'action',
  'task',
  'serverInfo',
  'protocolVersion',
])

const maxRemembered = 1000
const maxListBytes = 32 * 1024 * 1024

/** A request whose answer has not been seen. */
type Pending =
  | { readonly kind: 'question'; readonly method: string; readonly firstPage: boolean }
  | { readonly kind: 'call'; readonly call: Call }

interface Call {
  readonly method: string
  readonly component: string
  readonly actor: Actor
  readonly attributes: Attributes
  readonly trace: string | undefined
  /** Where it waits for its answer. */
  readonly keys: readonly string[]
  /** The id of the durable intent; rejects when it was not recorded. */
  intent: Promise<string>
  startedAt: number
  cancelled: boolean
}

interface Verdict {
  readonly outcome: Outcome
  readonly attributes: Attributes
}

/** Records one session between a client and a server. */
export class McpRecorder {
  readonly #options: RecorderOptions
  readonly #maxValueBytes: number
  readonly #sessionId: string
  readonly #startedAt: number
  readonly #ledger: Ledger
  #session: Promise<string> | undefined
  #component: string
  #client: { readonly name?: string; readonly version?: string } = {}
  #serverVersion: string | undefined
  #protocolVersion: string | undefined

  /** By direction of the request and JSON-RPC id; a list, because a careless client may use an id twice. */
  readonly #pending = new Map<string, Pending[]>()
  readonly #catalogue = new ToolCatalogue()
  /** Listings are compared one after the other. */
  #listings: Promise<void> = Promise.resolve()
  /** Methods of the requests inside `input_required` results, by their key, for the answers that come with a retry. */
  readonly #inputRequests = new Map<string, string>()
  readonly #openTasks = new Set<string>()

  readonly #counts = { success: 0, failure: 0, denied: 0, pending: 0, unknown: 0 }
  constructor(options: RecorderOptions) {
    this.#options = options
    this.#maxValueBytes = options.maxValueBytes ?? 1024 * 1024
    this.#component = label(options.name)
    this.#sessionId = options.newSessionId()
    this.#startedAt = options.now()
    this.#ledger = new Ledger(options.log, count => this.#refusedCalls(count))
  }

  /** Writes the entry of the session. When that fails, it is tried again with the next call. */
  async open(): Promise<void> {
    await this.#open().catch(() => undefined)
  }

  /**
   * Takes one line, and says when it may go on. Lines are taken in the order in which they came.
   *
   * `undefined`: at once. Otherwise it resolves with `undefined` when the line may go on: every intent in it is durable.
   * Or with the line to send back instead, possibly empty: a call in it could not be recorded, so it must not be made.
   */
  receive(direction: Direction, line: Uint8Array): Promise<Uint8Array | undefined> | undefined {
    const { envelopes, batch } = findMessages(line)
    const calls: Call[] = []
    const recorded: Promise<unknown>[] = []
    for (const envelope of envelopes) {
      this.#answered(direction, line, envelope)
      this.#requested(direction, line, envelope, calls, recorded)
    }
    if (recorded.length > 0) return this.#settle(line, envelopes, batch, calls, recorded)
    return this.#ledger.hasRoom ? undefined : this.#ledger.room()
  }

  /**
   * Closes what is open and resolves when every entry is durable or has failed for good.
   *
   * @returns how many entries the log did not take; the log closes their intents as `unknown`
   */
  async close(end: SessionEnd): Promise<{ lost: number }> {
    for (const waiting of this.#pending.values()) {
      for (const pending of waiting) {
        if (pending.kind === 'call' && !pending.call.cancelled) this.#close(pending.call, end.pending, undefined)
      }
    }
    this.#pending.clear()
    await this.#ledger.idle()
    try {
      const intent = await this.#open()
      await this.#ledger.idle()
      await this.#ledger.catchUp()
      await this.#ledger.append(this.#sessionClosed(end, intent))
      await this.#ledger.idle()
    } catch {
      this.#ledger.giveUp()
    }
    return { lost: this.#ledger.lost }
  }

  // What a request says.

  #requested(
    direction: Direction,
    line: Uint8Array,
    envelope: Members,
    calls: Call[],
    recorded: Promise<unknown>[],
  ): void {
    const methods = (envelope.get('method') ?? []).map(span => methodText(line, span))
    if (methods.length === 0) return
    const ids = envelope.get('id') ?? []
    const method = methods.findLast(name =>
      ids.length === 0 ? acting.has(name) : !asking.has(name) && !name.startsWith('notifications/'),
    )
    const params = last(envelope, 'params')
    if (method !== undefined) {
      this.#call(direction, line, envelope, method, calls, recorded)
    } else if (methods.includes('notifications/cancelled')) {
      this.#cancelled(direction, findMembers(line, params, paramNames), line)
    } else if (ids.length > 0) {
      const question = methods.findLast(name => telling.has(name))
      if (question === undefined || direction === 'server_to_client') return
      const members = findMembers(line, params, paramNames)
      this.#learnClient(looseValue(part(line, members, 'clientInfo')))
      this.#learnFromRequest(looseValue(part(line, members, '_meta')))
      const pending = { kind: 'question', method: question, firstPage: !members.has('cursor') } as const
      for (const id of ids) this.#wait(keyOf(direction, line, id), pending)
    }
  }

  #call(
    direction: Direction,
    line: Uint8Array,
    envelope: Members,
    method: string,
    calls: Call[],
    recorded: Promise<unknown>[],
  ): void {
    const params = last(envelope, 'params')
    const members = findMembers(line, params, paramNames)
    const metadata = looseValue(part(line, members, '_meta'))
    if (direction === 'client_to_server') this.#learnFromRequest(metadata)

    const ids = envelope.get('id') ?? []
    const attributes: Attributes = { 'mcp.method.name': label(method) }
    if (this.#protocolVersion !== undefined) attributes['mcp.protocol.version'] = this.#protocolVersion
    if (direction === 'server_to_client') attributes['mcp.direction'] = direction
    const id = idAttribute(line, ids.at(-1))
    if (id !== undefined) attributes['jsonrpc.request.id'] = id
    const name = looseValue(part(line, members, 'name'))
    if (method === 'tools/call' && typeof name === 'string') {
      attributes['gen_ai.tool.name'] = label(name)
      const facts = this.#catalogue.facts(name)
      if (facts !== undefined) attributes['mcp.tool.digest'] = facts.digest
      if (facts?.destructiveHint !== undefined) attributes['mcp.tool.destructiveHint'] = facts.destructiveHint
      if (facts?.readOnlyHint !== undefined) attributes['mcp.tool.readOnlyHint'] = facts.readOnlyHint
    }
    if (method === 'prompts/get' && typeof name === 'string') attributes['gen_ai.prompt.name'] = label(name)
    const task = looseValue(part(line, members, 'taskId'))
    if (typeof task === 'string') attributes['mcp.task.id'] = label(task)

    // A message that can be read in two ways is sealed whole, so that neither reading is lost.
    const ambiguous = [...envelope, ...members].some(([, places]) => places.length > 1)
    if (ambiguous) attributes['mcp.ambiguous'] = true
    const sealed: Record<string, Uint8Array> = {}
    const inputs = last(members, 'inputResponses')
    const args = ambiguous ? line : method === 'tools/call' ? part(line, members, 'arguments') : slice(line, params)
    if (args !== undefined) sealed.arguments = args
    if (inputs !== undefined && !ambiguous && method === 'tools/call') sealed.inputResponses = slice(line, inputs)!

    const call: Call = {
      method,
      component: this.#component,
      actor: direction === 'client_to_server' ? this.#actor() : { type: 'mcp-server', id: this.#component },
      attributes,
      trace: traceparent(metadata),
      keys: ids.map(span => keyOf(direction, line, span)),
      intent: Promise.resolve(''),
      startedAt: this.#options.now(),
      cancelled: false,
    }
    const kind = ids.length === 0 ? { kind: 'event', outcome: 'unknown' } : { kind: 'intent' }
    const intent = this.#record(faithful => ({
      ...this.#common(call),
      ...(kind as Pick<EntryInput, 'kind' | 'outcome'>),
      ...this.#seal(sealed, faithful),
    }))
    call.intent = intent
    intent.then(
      () => {
        call.startedAt = this.#options.now()
      },
      () => undefined,
    )
    calls.push(call)
    recorded.push(intent)
    for (const key of call.keys) this.#wait(key, { kind: 'call', call })
    if (inputs !== undefined) this.#inputAnswers(slice(line, inputs)!, call, recorded)
  }

  /** The answers to `input_required` that come with a retry: each is what an elicitation or a sampling came to. */
  #inputAnswers(bytes: Uint8Array, call: Call, recorded: Promise<unknown>[]): void {
    const answers = looseValue(bytes, this.#maxValueBytes)
    if (typeof answers !== 'object' || answers === null) return
    for (const [key, answer] of Object.entries(answers)) {
      const guess = textMember(answer, 'action') === undefined ? 'sampling/createMessage' : 'elicitation/create'
      const method = this.#inputRequests.get(key) ?? guess
      if (!acting.has(method) || member(answer, 'roots') !== undefined) continue
      const action = textMember(answer, 'action')
      const raw = jsonBytes(answer)
      const attributes: Attributes = { 'mcp.method.name': method, 'mcp.input.key': label(key) }
      attributes['mcp.direction'] = 'server_to_client'
      for (const name of ['jsonrpc.request.id', 'mcp.protocol.version'] as const) {
        const value = call.attributes[name]
        if (value !== undefined) attributes[name] = value
      }
      if (action !== undefined) attributes['mcp.elicitation.action'] = label(action)
      recorded.push(
        this.#record(faithful => ({
          ...this.#common({ ...call, method, attributes }),
          kind: 'event',
          outcome: action === 'decline' || action === 'cancel' ? 'denied' : 'success',
          ...this.#seal({ operationResult: raw }, faithful),
        })),
      )
    }
  }

  /** Waits until every intent of a line is durable; otherwise says no to the whole line. */
  async #settle(
    line: Uint8Array,
    envelopes: readonly Members[],
    batch: boolean,
    calls: readonly Call[],
    recorded: readonly Promise<unknown>[],
  ): Promise<Uint8Array | undefined> {
    const failed = (await Promise.allSettled(recorded)).find(result => result.status === 'rejected')
    if (failed === undefined) return this.#ledger.room()
    this.#ledger.refuse(calls.length)
    for (const call of calls) {
      for (const key of call.keys) this.#forget(key, call)
      this.#close(call, { outcome: 'failure', attributes: { 'error.type': 'not_forwarded' } }, undefined)
    }
    return refusal(line, envelopes, batch, failed.reason)
  }

  // What an answer says.

  #answered(direction: Direction, line: Uint8Array, envelope: Members): void {
    const error = last(envelope, 'error')
    const result = last(envelope, 'result')
    if (error === undefined && result === undefined) return
    const asker = direction === 'server_to_client' ? 'client_to_server' : 'server_to_client'
    for (const id of envelope.get('id') ?? []) {
      const pending = this.#take(keyOf(asker, line, id))
      if (pending === undefined) continue
      const members = findMembers(line, result, resultNames)
      if (asker === 'client_to_server') this.#learnFromAnswer(line, members, pending)
      if (pending.kind === 'question') {
        if (result !== undefined) this.#told(pending, slice(line, result)!)
        return
      }
      const { call } = pending
      const verdict = judge(call.method, asker, line, members, error)
      for (const key of call.keys) this.#forget(key, call)
      this.#noteInputs(line, members, verdict)
      const body = slice(line, error ?? result)!
      if (call.cancelled) this.#late(call, verdict, body)
      else this.#close(call, verdict, body)
      return
    }
  }

  #told(question: { readonly method: string; readonly firstPage: boolean }, result: Uint8Array): void {
    if (question.method === 'tools/list') this.#listed(result, question.firstPage)
    if (question.method === 'tasks/get') this.#taskSeen(result)
  }

  /** A task of which an earlier call was `pending` has come to its end. */
  #taskSeen(bytes: Uint8Array): void {
    const result = looseValue(bytes, this.#maxValueBytes)
    const id = textMember(result, 'taskId')
    const status = textMember(result, 'status')
    if (id === undefined || status === undefined || !/^(completed|failed|cancelled)$/.test(status)) return
    if (!this.#openTasks.delete(id)) return
    this.#ledger.afterwards(faithful => ({
      operation: 'tasks/get',
      component: this.#component,
      kind: 'event',
      outcome: status === 'completed' ? 'success' : 'failure',
      attributes: { 'mcp.method.name': 'tasks/get', 'mcp.task.id': label(id), 'mcp.task.status': status },
      actor: this.#actor(),
      session: this.#sessionId,
      ...this.#seal({ operationResult: bytes }, faithful),
    }))
  }

  #noteInputs(line: Uint8Array, members: Members, verdict: Verdict): void {
    const task = verdict.attributes['mcp.task.id']
    if (typeof task === 'string') remember(this.#openTasks, task)
    const requests = looseValue(part(line, members, 'inputRequests'), this.#maxValueBytes)
    if (typeof requests !== 'object' || requests === null) return
    for (const [key, request] of Object.entries(requests)) {
      const method = textMember(request, 'method')
      if (method === undefined) continue
      if (this.#inputRequests.size >= maxRemembered) this.#inputRequests.clear()
      this.#inputRequests.set(key, method)
    }
  }

  #cancelled(direction: Direction, members: Members, line: Uint8Array): void {
    const id = last(members, 'requestId')
    if (id === undefined) return
    const pending = this.#pending.get(keyOf(direction, line, id))?.findLast(waiting => waiting.kind === 'call')
    if (pending === undefined || pending.kind !== 'call' || pending.call.cancelled) return
    const reason = looseValue(part(line, members, 'reason'))
    const timedOut = typeof reason === 'string' && /time[d\s-]*out/i.test(reason)
    this.#close(
      pending.call,
      { outcome: 'failure', attributes: { 'error.type': timedOut ? 'timeout' : 'cancelled' } },
      reason === undefined ? undefined : jsonBytes({ reason }),
    )
    // It stays where it waits: an answer that comes all the same is recorded as late.
    pending.call.cancelled = true
  }

  // Entries.

  #common(call: Pick<Call, 'method' | 'component' | 'attributes' | 'actor' | 'trace'>): EntryInput {
    return {
      operation: label(call.method),
      component: call.component,
      attributes: call.attributes,
      actor: call.actor,
      session: this.#sessionId,
      ...(call.trace === undefined ? {} : { trace: call.trace }),
    }
  }

  #seal(parts: Readonly<Record<string, Uint8Array>>, faithful: boolean): Partial<EntryInput> {
    const value = (bytes: Uint8Array) =>
      faithful || bytes.length > this.#maxValueBytes ? sealable(bytes, this.#maxValueBytes) : asDigest(bytes)
    const { arguments: args, operationResult, ...others } = parts
    const sealed = Object.entries(others).map(([name, bytes]) => [name, value(bytes)] as const)
    return {
      ...(args === undefined ? {} : { arguments: value(args) }),
      ...(operationResult === undefined ? {} : { operationResult: value(operationResult) }),
      ...(sealed.length === 0 ? {} : { sealed: Object.fromEntries(sealed) }),
    }
  }

  #close(call: Call, verdict: Verdict, result: Uint8Array | undefined): void {
    if (call.keys.length === 0) return
    const durationMs = Math.max(0, this.#options.now() - call.startedAt)
    this.#ledger.inBackground(
      result?.length ?? 0,
      call.intent.then(
        intent => {
          this.#counts[verdict.outcome]++
          return this.#ledger.deposit(faithful => ({
            ...this.#common(call),
            kind: 'outcome',
            outcome: verdict.outcome,
            intent,
            performanceMetrics: { durationMs },
            attributes: { ...call.attributes, ...verdict.attributes },
            ...this.#seal(result === undefined ? {} : { operationResult: result }, faithful),
          }))
        },
        () => undefined,
      ),
    )
  }

  #late(call: Call, verdict: Verdict, result: Uint8Array): void {
    this.#ledger.afterwards(faithful => ({
      ...this.#common(call),
      kind: 'event',
      outcome: verdict.outcome,
      attributes: { ...call.attributes, ...verdict.attributes, 'mcp.late': true },
      ...this.#seal({ operationResult: result }, faithful),
    }))
  }

  #listed(bytes: Uint8Array, firstPage: boolean): void {
    const result = looseValue(bytes, maxListBytes)
    const tools = member(result, 'tools')
    if (!Array.isArray(tools)) return
    const complete = member(result, 'nextCursor') === undefined
    const component = this.#component
    let listing: Listing
    try {
      listing = this.#catalogue.page(tools, firstPage, complete)
    } catch {
      // Nested too deeply to be written out again: what is left to record is that it came, and its digest.
      const entry = this.#toolEntry(component, 'tools/list', { 'mcp.tools.count': tools.length })
      this.#ledger.afterwards(() => ({ ...entry, ...this.#seal({ operationResult: bytes }, false) }))
      return
    }
    this.#listings = this.#listings.then(() => this.#recordListing(component, listing))
    this.#ledger.inBackground(bytes.length, this.#listings)
  }

  async #recordListing(component: string, listing: Listing): Promise<void> {
    // Asked before this listing is written: it would be compared with itself.
    let comparable = this.#catalogue.comparable
    if (!comparable) {
      try {
        const known = await this.#options.log.knownTools(component)
        if (known !== undefined) this.#catalogue.remember(known)
        comparable = true
      } catch {
        // The log cannot be read now; the next listing asks again.
      }
    }
    const digests = Object.fromEntries(listing.tools)
    await this.#ledger.deposit(() => ({
      ...this.#toolEntry(component, 'tools/list', {
        'mcp.tools.count': listing.tools.size,
        'mcp.tools.digest': digestOfValue(digests),
        'mcp.tools.complete': listing.complete,
      }),
      operationResult: { tools: digests },
    }))
    if (!comparable) return
    for (const change of this.#catalogue.changes(listing)) {
      await this.#ledger.deposit(faithful => this.#toolChanged(component, change, listing, faithful))
    }
  }

  #toolChanged(component: string, change: ToolChange, listing: Listing, faithful: boolean): EntryInput {
    const attributes: Attributes = { 'gen_ai.tool.name': label(change.name), 'mcp.tool.change': change.change }
    if (change.digest !== undefined) attributes['mcp.tool.digest'] = change.digest
    if (change.previous !== undefined) attributes['mcp.tool.digest.previous'] = change.previous
    const definition = listing.definitions.get(change.name)
    return {
      ...this.#toolEntry(component, 'tools/changed', attributes),
      outcome: 'success',
      ...(definition === undefined ? {} : this.#seal({ definition: jsonBytes(definition) }, faithful)),
    }
  }

  #toolEntry(component: string, operation: string, attributes: Attributes): EntryInput {
    return {
      operation,
      component,
      kind: 'event',
      attributes: { 'mcp.method.name': 'tools/list', ...attributes },
      actor: this.#actor(),
      session: this.#sessionId,
    }
  }

  #open(): Promise<string> {
    const { attributes, arguments: args } = this.#options.session
    this.#session ??= this.#ledger
      .append(faithful => ({
        operation: 'session.opened',
        component: this.#component,
        kind: 'intent',
        attributes,
        actor: this.#actor(),
        session: this.#sessionId,
        ...this.#seal(args === undefined ? {} : { arguments: jsonBytes(args) }, faithful),
      }))
      .catch(cause => {
        this.#session = undefined
        throw cause
      })
    return this.#session
  }

  #sessionClosed(end: SessionEnd, intent: string): Build {
    const attributes: Attributes = { ...this.#options.session.attributes, ...end.attributes }
    const known = {
      'mcp.client.name': this.#client.name,
      'mcp.client.version': this.#client.version,
      'mcp.server.version': this.#serverVersion,
      'mcp.protocol.version': this.#protocolVersion,
    }
    for (const [name, value] of Object.entries(known)) if (value !== undefined) attributes[name] = label(value)
    const metrics: Record<string, number> = { durationMs: this.#options.now() - this.#startedAt }
    for (const [outcome, count] of Object.entries(this.#counts)) metrics[`calls.${outcome}`] = count
    metrics['calls.refused'] = this.#ledger.refused
    return () => ({
      operation: 'session.closed',
      component: this.#component,
      kind: 'outcome',
      outcome: end.outcome,
      intent,
      attributes,
      performanceMetrics: metrics,
      actor: this.#actor(),
      session: this.#sessionId,
    })
  }

  #refusedCalls(count: number): EntryInput {
    return {
      operation: 'recorder.refused',
      component: this.#component,
      kind: 'event',
      outcome: 'denied',
      attributes: { 'mcp.calls.refused': count },
      actor: this.#actor(),
      session: this.#sessionId,
    }
  }

  /** Records before the fact: the session's entry stands first. */
  async #record(build: Build): Promise<string> {
    await this.#open()
    return this.#ledger.append(build)
  }

  // Who speaks.

  #actor(): Actor {
    const { actor } = this.#options
    if (this.#client.name === undefined) return actor ?? { type: 'agent', id: 'unknown' }
    return {
      type: 'agent',
      id: label(this.#client.name),
      ...(actor?.onBehalfOf === undefined ? {} : { onBehalfOf: actor.onBehalfOf }),
    }
  }

  #learnFromRequest(metadata: unknown): void {
    const version = textMember(metadata, meta.protocolVersion)
    if (version !== undefined) this.#protocolVersion = label(version)
    this.#learnClient(member(metadata, meta.clientInfo))
  }

  #learnClient(info: unknown): void {
    const name = textMember(info, 'name')
    if (name === undefined) return
    const version = textMember(info, 'version')
    this.#client = { name, ...(version === undefined ? {} : { version }) }
  }

  #learnFromAnswer(line: Uint8Array, members: Members, pending: Pending): void {
    let info = member(looseValue(part(line, members, '_meta')), meta.serverInfo)
    if (pending.kind === 'question' && pending.method === 'initialize') {
      const version = looseValue(part(line, members, 'protocolVersion'))
      if (typeof version === 'string') this.#protocolVersion = label(version)
      info ??= looseValue(part(line, members, 'serverInfo'))
    }
    const name = textMember(info, 'name')
    if (name === undefined) return
    this.#component = label(name)
    this.#serverVersion = textMember(info, 'version') ?? this.#serverVersion
  }

  // Who waits.

  #wait(key: string, pending: Pending): void {
    const waiting = this.#pending.get(key)
    if (waiting === undefined) this.#pending.set(key, [pending])
    else waiting.push(pending)
  }

  #take(key: string): Pending | undefined {
    const waiting = this.#pending.get(key)
    const pending = waiting?.shift()
    if (waiting?.length === 0) this.#pending.delete(key)
    return pending
  }

  #forget(key: string, call: Call): void {
    const waiting = this.#pending.get(key)?.filter(pending => pending.kind !== 'call' || pending.call !== call)
    if (waiting === undefined) return
    if (waiting.length === 0) this.#pending.delete(key)
    else this.#pending.set(key, waiting)
  }
}

/** What an answer says of its call. */
function judge(method: string, asker: Direction, line: Uint8Array, result: Members, error: Span | undefined): Verdict {
  if (error !== undefined) {
    const code = looseValue(part(line, findMembers(line, error, new Set(['code'])), 'code'))
    const attributes: Attributes = { 'error.type': typeof code === 'number' ? String(code) : 'jsonrpc_error' }
    if (Number.isSafeInteger(code)) attributes['rpc.jsonrpc.error_code'] = code as number
    // "User rejected sampling request" (client/sampling, error handling).
    return { outcome: asker === 'server_to_client' && code === -1 ? 'denied' : 'failure', attributes }
  }
  const failed = result.get('isError')?.some(span => span.end - span.start === 4 && line[span.start] === 0x74)
  if (failed) return { outcome: 'failure', attributes: { 'error.type': 'tool_error' } }
  const action = looseValue(part(line, result, 'action'))
  if (method === 'elicitation/create' && typeof action === 'string') {
    const refused = action === 'decline' || action === 'cancel'
    return { outcome: refused ? 'denied' : 'success', attributes: { 'mcp.elicitation.action': label(action) } }
  }
  if (looseValue(part(line, result, 'resultType')) === 'input_required') {
    return { outcome: 'pending', attributes: { 'mcp.result.type': 'input_required' } }
  }
  const task = textMember(looseValue(part(line, result, 'task')), 'taskId')
  if (task !== undefined) return { outcome: 'pending', attributes: { 'mcp.task.id': label(task) } }
  return { outcome: 'success', attributes: {} }
}

function jsonBytes(value: unknown): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(value))
  } catch {
    return Buffer.from('"(nested too deeply to be written)"')
  }
}

function remember(set: Set<string>, value: string): void {
  if (set.size >= maxRemembered) set.clear()
  set.add(value)
}

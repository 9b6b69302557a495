/**
 * A stand-in for an object, which records calls of its methods: what is about to happen before it happens, durable, and how
 * it ended afterwards. Whatever is not recorded passes through.
 */
import { systemWorld } from '../append/clock.ts'
import type { EntryInput, Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { AuditEvent } from '../core/events.ts'
import type { Micros } from '../core/time.ts'
import { contextual } from './context.ts'
import { defaultMaxValueBytes, sealable } from './sealable.ts'

/** As much of a log as calls are recorded to. */
export interface CallLog {
  append(entry: EntryInput): Promise<Receipt>
}

export interface Governance {
  /**
   * `{ approved, status, violations: [{ type, severity }], processingTime }`, or the same as the seed spells it. What is not
   * approved in so many words is not approved.
   */
  validateMemory(memory: never, operationContext: string): unknown
}

export interface AuditedSystem {
  readonly log: CallLog
  /** Asked before a memory is written, and of one that was read. */
  readonly governance?: Governance | undefined
  /** Told of governance results, and of outcomes that could not be recorded. */
  readonly events?: { emit(event: AuditEvent): void } | undefined
}

/** A system, or a log alone. */
export type AuditTarget = AuditedSystem | (CallLog & Pick<AuditedSystem, 'events'>)

export interface AuditedOptions {
  /** The component of the entries. */
  readonly component?: string
  /** Bytes of JSON of arguments or of a result that are kept; of more, their digest. 1 MiB unless given. */
  readonly maxValueBytes?: number
  /** Microseconds since 1970; the system’s clock unless given. */
  readonly now?: () => Micros
}

/** What is recorded of one call. */
export interface CallPlan {
  readonly operation: string
  /** The operation of the outcome when the call fails or is denied. */
  readonly failedOperation?: string
  readonly memoryId?: string | number | undefined
  readonly attributes?: EntryInput['attributes']
  /** What governance judges before the call. */
  readonly governed?: { readonly memory: unknown; readonly context: string } | undefined
  /** What the result says that the arguments do not. */
  readonly read?: (result: unknown) => ResultFacts
}

export interface ResultFacts {
  /** `success` unless given. */
  readonly outcome?: 'failure' | 'denied'
  readonly memoryId?: string | number | undefined
  readonly governanceStatus?: string | undefined
  readonly attributes?: EntryInput['attributes']
  /** What governance judges after the call. Its answer is recorded and keeps back nothing. */
  readonly governed?: { readonly memory: unknown; readonly context: string } | undefined
}

/** What to do with the method of this name: record it by this plan, or let it pass. */
export type Planner = (name: string) => ((args: readonly unknown[]) => CallPlan) | undefined

/**
 * The object, with recorded methods. They run on the object itself, with its own `this`, so what it calls on itself is not
 * recorded again; each returns a promise. A generator becomes an async one.
 */
export function audited<T extends object>(
  target: T,
  planner: Planner,
  system: AuditTarget,
  options: AuditedOptions,
): T {
  const recorder = new CallRecorder(system, options)
  const known = new Map<PropertyKey, { readonly method: Method; readonly standIn: Method }>()

  const standInFor = (name: PropertyKey, method: Method): Method => {
    const before = known.get(name)
    if (before?.method === method) return before.standIn
    const planOf = typeof name === 'string' ? planner(name) : undefined
    const standIn = new Proxy(method, {
      apply(_method, self, args: unknown[]) {
        const run = () => Reflect.apply(method, self === proxy ? target : self, args)
        if (planOf === undefined) return own(run())
        if (isGenerator(method)) return recorder.stream(planOf(args), args, run as () => AsyncIterable<unknown>)
        return recorder.call(planOf(args), args, run).then(own)
      },
    })
    known.set(name, { method, standIn })
    return standIn
  }
  /** An object that answers with itself answers with its stand-in. */
  const own = <R>(result: R): R => (result === (target as unknown) ? (proxy as unknown as R) : result)

  // An empty object stands in: of one that is frozen, a proxy may not give other methods.
  const proxy: T = new Proxy({} as T, {
    get(_shadow, name) {
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' && name !== 'constructor' ? standInFor(name, member as Method) : member
    },
    set: (_shadow, name, value) => Reflect.set(target, name, value, target),
    has: (_shadow, name) => Reflect.has(target, name),
    deleteProperty: (_shadow, name) => Reflect.deleteProperty(target, name),
    ownKeys: () => Reflect.ownKeys(target),
    getPrototypeOf: () => Reflect.getPrototypeOf(target),
    getOwnPropertyDescriptor(_shadow, name) {
      const descriptor = Reflect.getOwnPropertyDescriptor(target, name)
      return descriptor && { ...descriptor, configurable: true }
    },
  })
  return proxy
}

type Method = (...args: unknown[]) => unknown

function isGenerator(method: Method): boolean {
  return /GeneratorFunction\]$/.test(Object.prototype.toString.call(method))
}

/** Records calls: an intent before, an outcome after. */
class CallRecorder {
  readonly #target: AuditTarget
  readonly #component: string
  readonly #maxValueBytes: number
  readonly #now: () => Micros
  /** Resolves when the call before has been handed to the log. */
  #turn: Promise<void> = Promise.resolve()

  constructor(system: AuditTarget, options: AuditedOptions) {
    this.#target = system
    this.#component = options.component ?? 'memmimic_storage'
    this.#maxValueBytes = options.maxValueBytes ?? defaultMaxValueBytes
    const world = systemWorld()
    this.#now = options.now ?? (() => world.now())
  }

  /** Asked for at each call: a system may still be opening when its store is wrapped. */
  get #system(): AuditedSystem {
    const target = this.#target
    return 'log' in target ? target : { log: target, events: target.events }
  }

  /**
   * Runs a call that may run. What it throws is thrown on, as it is.
   *
   * @throws AuditError `not_allowed` with the governance result as its cause; what the log refuses an intent with
   */
  async call(plan: CallPlan, args: readonly unknown[], run: () => unknown): Promise<unknown> {
    const open = await this.#open(plan, args)
    let result: unknown
    try {
      result = await run()
    } catch (error) {
      await open.failed(error)
      throw error
    }
    await open.ended(result)
    return result
  }

  /** The same for a generator: its outcome says how many items were taken. */
  async *stream(plan: CallPlan, args: readonly unknown[], run: () => AsyncIterable<unknown>): AsyncGenerator<unknown> {
    const open = await this.#open(plan, args)
    let items = 0
    let end: 'early' | 'whole' | 'failed' = 'early'
    try {
      for await (const item of run()) {
        items++
        yield item
      }
      end = 'whole'
    } catch (error) {
      end = 'failed'
      await open.failed(error)
      throw error
    } finally {
      if (end !== 'failed') await open.ended({ items, ...(end === 'early' ? { endedEarly: true } : {}) })
    }
  }

  async #open(plan: CallPlan, args: readonly unknown[]): Promise<OpenCall> {
    const { log } = this.#system
    // What was given is written down now: the caller may change it while governance thinks.
    const given = sealable(args, this.#maxValueBytes)
    const judged = plan.governed && this.#judge(plan.governed)
    // Calls that nobody waited for reach the log, and so the object, in the order in which they were made.
    const before = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    let verdict: Verdict | undefined
    let base: EntryInput
    let intent: Promise<Receipt>
    try {
      verdict = await judged
      await before
      base = this.#entry(plan, verdict)
      intent = log.append({ ...base, kind: 'intent', arguments: given, ...sealedVerdict(verdict) })
    } finally {
      // Handed over, not yet durable: the intents of one moment are committed together.
      turn.resolve()
    }
    const { id } = await intent
    const started = this.#now()
    const end = async (outcome: OutcomeOfCall, facts: () => Promise<Partial<EntryInput>>): Promise<void> => {
      const durationMs = (this.#now() - started) / 1000
      const more = await this.#factsOf(plan.operation, facts)
      const ended = more.outcome ?? outcome
      await this.#close({
        ...base,
        ...more,
        operation: (ended === 'success' ? undefined : plan.failedOperation) ?? base.operation,
        kind: 'outcome',
        intent: id,
        outcome: ended,
        attributes: { ...base.attributes, ...more.attributes },
        performanceMetrics: { ...base.performanceMetrics, durationMs },
      })
    }
    if (verdict?.approved === false) {
      const { status, violations, result } = verdict
      await end('denied', async () => ({ operationResult: { reason: `governance: ${status}` } }))
      const why = [status, ...violations.map(({ type }) => type)].join(', ')
      throw new AuditError('not_allowed', `governance does not allow ${plan.operation}: ${why}`, { cause: result })
    }
    return {
      failed: error => end('failure', async () => this.#failure(error)),
      ended: result => end('success', () => this.#result(plan, result)),
    }
  }

  #entry({ operation, memoryId, attributes }: CallPlan, verdict: Verdict | undefined): EntryInput {
    return contextual<EntryInput>({
      operation,
      component: this.#component,
      ...(memoryId === undefined ? {} : { memoryId }),
      ...(attributes === undefined ? {} : { attributes }),
      ...(verdict === undefined
        ? {}
        : { governanceStatus: verdict.status, performanceMetrics: { governanceMs: verdict.durationMs } }),
    })
  }

  #failure(error: unknown): Partial<EntryInput> {
    return {
      operationResult: sealable(error, this.#maxValueBytes),
      attributes: { 'error.type': errorType(error) },
    }
  }

  async #result(plan: CallPlan, result: unknown): Promise<Partial<EntryInput>> {
    const { outcome, memoryId, governanceStatus, attributes, governed } = plan.read?.(result) ?? {}
    const late = governed && (await this.#judge(governed))
    const status = governanceStatus ?? late?.status
    return {
      ...(result === undefined ? {} : { operationResult: sealable(result, this.#maxValueBytes) }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(memoryId === undefined ? {} : { memoryId }),
      ...(status === undefined ? {} : { governanceStatus: status }),
      ...(attributes === undefined ? {} : { attributes }),
      ...sealedVerdict(late),
    }
  }

  /** Asks governance. When it fails, nobody knows whether the memory is allowed, so it is not. */
  async #judge({ memory, context }: { memory: unknown; context: string }): Promise<Verdict | undefined> {
    const { governance, events } = this.#system
    if (governance === undefined) return undefined
    const started = this.#now()
    let result: unknown
    try {
      result = await governance.validateMemory(memory as never, context)
    } catch (error) {
      result = { approved: false, status: 'error', violations: [], error: sealable(error) }
    }
    const verdict = verdictIn(result, (this.#now() - started) / 1000)
    const { status, violations, durationMs } = verdict
    events?.emit({ type: 'governed', status, violations, durationMs })
    return verdict
  }

  /** What can be said of an end. Whatever a result is, reading it must not become the caller’s trouble. */
  async #factsOf(operation: string, facts: () => Promise<Partial<EntryInput>>): Promise<Partial<EntryInput>> {
    try {
      return await facts()
    } catch (error) {
      this.#tell(`the result of ${operation} could not be read: ${messageOf(error)}`)
      return {}
    }
  }

  /**
   * Records an outcome. What was done is done, and its result is the caller’s: when this cannot be recorded, the intent
   * stays open, so that `verify` says that something is missing, and listeners are told.
   */
  async #close(entry: EntryInput): Promise<void> {
    try {
      await this.#system.log.append(entry)
    } catch (error) {
      this.#tell(`the outcome of ${entry.operation} was not recorded: ${messageOf(error)}`)
    }
  }

  #tell(message: string): void {
    this.#system.events?.emit({ type: 'fault', where: 'audited call', message })
  }
}

type OutcomeOfCall = 'success' | 'failure' | 'denied'

interface OpenCall {
  ended(result: unknown): Promise<void>
  failed(error: unknown): Promise<void>
}

/** A governance result, as far as it is looked at. */
interface Verdict {
  readonly approved: boolean
  readonly status: string
  readonly violations: readonly { readonly type: string; readonly severity: string }[]
  readonly durationMs: number
  /** As it came. */
  readonly result: unknown
}

function verdictIn(result: unknown, measuredMs: number): Verdict {
  const said = (typeof result === 'object' && result !== null ? result : {}) as Readonly<Record<string, unknown>>
  const { approved, status, violations, processingTime = said.processing_time } = said
  return {
    approved: approved === true,
    status: isWord(status) ? status : 'error',
    violations: (Array.isArray(violations) ? violations : []).map(violation => ({
      type: String(violation?.type),
      severity: String(violation?.severity),
    })),
    durationMs: Number.isFinite(processingTime) ? (processingTime as number) : measuredMs,
    result,
  }
}

function sealedVerdict(verdict: Verdict | undefined): Pick<EntryInput, 'sealed'> {
  return verdict === undefined ? {} : { sealed: { governanceResult: sealable(verdict.result) } }
}

/** A name for a class of errors, which says nothing of a person: `ENOENT`, `TypeError`. */
function errorType(error: unknown): string {
  try {
    const { code, name } = error as { code?: unknown; name?: unknown }
    return [code, name].find(isWord) ?? 'error'
  } catch {
    return 'error'
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z][\w.:-]{0,63}$/.test(value)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A method as its stand-in has it: a promise of what it returned, and a generator as an async one. */
export type Promised<F> = F extends (...args: infer A) => infer R
  ? [R] extends [never]
    ? (...args: A) => Promise<never>
    : [R] extends [Generator<infer T> | AsyncGenerator<infer T>]
      ? (...args: A) => AsyncGenerator<T>
      : (...args: A) => Promise<Awaited<R>>
  : F

/** `store_memory` as `storeMemory`. */
export type SnakeToCamel<S extends string> = S extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<SnakeToCamel<Rest>>}`
  : S

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

/** As much of a governance result as is looked at: the seed’s own will do. */
export interface GovernanceVerdict {
  readonly approved: boolean
  readonly status: string
  readonly violations?: readonly { readonly type: string; readonly severity: string }[]
  /** Milliseconds. */
  readonly processingTime?: number
  readonly error?: unknown
}

export interface Governance {
  validateMemory(memory: never, operationContext: string): GovernanceVerdict | Promise<GovernanceVerdict>
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
  readonly #log: CallLog
  readonly #governance: Governance | undefined
  readonly #emit: (event: AuditEvent) => void
  readonly #component: string
  readonly #maxValueBytes: number
  readonly #now: () => Micros
  /** Resolves when the call before has been handed to the log. */
  #turn: Promise<void> = Promise.resolve()

  constructor(system: AuditTarget, options: AuditedOptions) {
    const { log, governance, events }: AuditedSystem = 'log' in system ? system : { log: system, events: system.events }
    this.#log = log
    this.#governance = governance
    this.#emit = event => events?.emit(event)
    this.#component = options.component ?? 'memmimic_storage'
    this.#maxValueBytes = options.maxValueBytes ?? defaultMaxValueBytes
    const world = systemWorld()
    this.#now = options.now ?? (() => world.now())
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
    // What was given is written down now: the caller may change it while governance thinks.
    const given = sealable(args, this.#maxValueBytes)
    const judged = plan.governed && this.#judge(plan.governed)
    // Calls that nobody waited for reach the log, and so the object, in the order in which they were made.
    const before = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    const verdict = await judged
    await before
    const base = this.#entry(plan, verdict)
    const intent = this.#log.append({ ...base, kind: 'intent', arguments: given, ...sealedVerdict(verdict) })
    // Handed over, not yet durable: the intents of one moment are committed together.
    turn.resolve()
    const { id } = await intent
    const started = this.#now()
    const end = async (outcome: 'success' | 'failure' | 'denied', more: Partial<EntryInput>): Promise<void> => {
      const durationMs = (this.#now() - started) / 1000
      const failed = outcome === 'success' ? undefined : plan.failedOperation
      await this.#close({
        ...base,
        ...more,
        ...(failed === undefined ? {} : { operation: failed }),
        kind: 'outcome',
        intent: id,
        outcome,
        attributes: { ...base.attributes, ...more.attributes },
        performanceMetrics: { ...base.performanceMetrics, durationMs },
      })
    }
    if (verdict?.approved === false) {
      await end('denied', { operationResult: { reason: `governance: ${verdict.status}` } })
      const types = verdict.violations?.map(({ type }) => type).join(', ')
      const why = types ? `${verdict.status}: ${types}` : verdict.status
      throw new AuditError('not_allowed', `governance does not allow ${plan.operation} (${why})`, { cause: verdict })
    }
    return {
      failed: error =>
        end('failure', {
          operationResult: sealable(error, this.#maxValueBytes),
          attributes: { 'error.type': errorType(error) },
        }),
      ended: async result => {
        const facts = plan.read?.(result) ?? {}
        const late = facts.governed && (await this.#judge(facts.governed))
        const { outcome = 'success', memoryId, governanceStatus = late?.status, attributes } = facts
        await end(outcome, {
          ...(result === undefined ? {} : { operationResult: sealable(result, this.#maxValueBytes) }),
          ...(memoryId === undefined ? {} : { memoryId }),
          ...(governanceStatus === undefined ? {} : { governanceStatus }),
          ...(attributes === undefined ? {} : { attributes }),
          ...sealedVerdict(late),
        })
      },
    }
  }

  #entry(plan: CallPlan, verdict: GovernanceVerdict | undefined): EntryInput {
    const { operation, memoryId, attributes } = plan
    return contextual<EntryInput>({
      operation,
      component: this.#component,
      ...(memoryId === undefined ? {} : { memoryId }),
      ...(attributes === undefined ? {} : { attributes }),
      ...(verdict === undefined ? {} : { governanceStatus: verdict.status }),
      ...(verdict?.processingTime === undefined
        ? {}
        : { performanceMetrics: { governanceMs: verdict.processingTime } }),
    })
  }

  /** Asks governance. When it fails, nobody knows whether the memory is allowed, so it is not. */
  async #judge({ memory, context }: { memory: unknown; context: string }): Promise<GovernanceVerdict | undefined> {
    if (this.#governance === undefined) return undefined
    const started = this.#now()
    let verdict: GovernanceVerdict
    try {
      verdict = await this.#governance.validateMemory(memory as never, context)
    } catch (error) {
      verdict = { approved: false, status: 'error', violations: [], error: sealable(error) }
    }
    const violations = (verdict.violations ?? []).map(({ type, severity }) => ({ type, severity }))
    const durationMs = verdict.processingTime ?? (this.#now() - started) / 1000
    this.#emit({ type: 'governed', status: verdict.status, violations, durationMs })
    return verdict
  }

  /**
   * Records an outcome. What was done is done, and its result is the caller’s: when this cannot be recorded, the intent
   * stays open, so that `verify` says that something is missing, and listeners are told.
   */
  async #close(entry: EntryInput): Promise<void> {
    try {
      await this.#log.append(entry)
    } catch (error) {
      const message = `the outcome of ${entry.operation} was not recorded: ${(error as Error).message}`
      this.#emit({ type: 'fault', where: 'audited call', message })
    }
  }
}

interface OpenCall {
  ended(result: unknown): Promise<void>
  failed(error: unknown): Promise<void>
}

function sealedVerdict(verdict: GovernanceVerdict | undefined): Pick<EntryInput, 'sealed'> {
  return verdict === undefined ? {} : { sealed: { governanceResult: sealable(verdict) } }
}

/** A name for a class of errors, which says nothing of a person: `ENOENT`, `TypeError`. */
function errorType(error: unknown): string {
  const { code, name } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    name?: unknown
  }
  const type = [code, name].find(text => typeof text === 'string' && /^[A-Za-z][\w.:-]{0,63}$/.test(text))
  return (type as string | undefined) ?? 'error'
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

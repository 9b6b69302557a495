/** The way in for the host: captures what it is given, at once and on the host's thread, and waits for the writer. */
import { captureEntry, type Draft, defaultMaxValueBytes } from '../core/capture.ts'
import { type ControlInput, ownComponent } from '../core/control.ts'
import type { Actor, EntryInput, Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { type AppendedEntry, EventStream } from '../core/events.ts'
import { IdSource, type World } from './clock.ts'
import { writerMark } from './liveness.ts'
import type { Writer } from './writer.ts'

export interface LoggerOptions {
  readonly writer: Writer
  readonly world: World
  /** Bytes of JSON that one sealed value may have; 16 MiB unless given. */
  readonly maxValueBytes?: number | undefined
  /** Entries that may wait at once; 100 000 unless given. Whoever comes when the queue is full is refused with `busy`. */
  readonly maxWaiting?: number | undefined
  /** Characters of JSON that may wait at once; 256 Mi unless given. */
  readonly maxWaitingBytes?: number | undefined
  /** Told of what became durable, and of what was refused. */
  readonly events?: EventStream | undefined
  /** What is done to an entry before it is captured: redaction, levels, flags. What it throws refuses the entry. */
  readonly prepare?: ((entry: EntryInput) => EntryInput) | undefined
}

/** Entries of one moment, and who waits for them. */
interface Group {
  drafts: Draft[]
  readonly resolves: ((receipt: Receipt) => void)[]
  readonly rejects: ((error: unknown) => void)[]
  /** What listeners are told of each entry; nothing when there are none. */
  readonly facts: EntryFacts[]
  /** When the first of them was given. */
  since: number
  bytes: number
}

const newGroup = (): Group => ({ drafts: [], resolves: [], rejects: [], facts: [], since: 0, bytes: 0 })

/** An appended entry, as far as it is known before it is appended. */
type EntryFacts = Omit<AppendedEntry, 'seq' | 'id' | 'time'>

/**
 * Logs entries, and acknowledges each when it is durable: committed and synced to the disk.
 *
 * It says "immutable" in the sense of the seed document: nothing here changes or removes an entry. What others can do to
 * the file, and how far that is noticed, `verify` tells, with its trust label.
 */
export class ImmutableAuditLogger {
  readonly #writer: Writer
  readonly #world: World
  readonly #ids: IdSource
  readonly #maxValueBytes: number
  readonly #maxWaiting: number
  readonly #maxWaitingBytes: number
  readonly #events: EventStream
  readonly #prepare: (entry: EntryInput) => EntryInput
  #group: Group = newGroup()
  #waiting = 0
  #waitingBytes = 0
  #closed: false | 'refuse' | 'hold' = false
  #idle: (() => void)[] = []
  /** What was acknowledged by the writer and not passed on yet. */
  readonly #answers: { readonly group: Group; readonly receipts: readonly Receipt[]; next: number }[] = []
  #isAnswering = false

  constructor(options: LoggerOptions) {
    this.#writer = options.writer
    this.#world = options.world
    this.#ids = new IdSource(options.world)
    this.#maxValueBytes = options.maxValueBytes ?? defaultMaxValueBytes
    this.#maxWaiting = options.maxWaiting ?? 100_000
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 256 * 1024 * 1024
    this.#events = options.events ?? new EventStream()
    this.#prepare = options.prepare ?? (entry => entry)
  }

  /** Entries that were captured and are not durable yet. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Logs one entry. The input is read before this returns: a caller may change its objects a moment later.
   *
   * @returns the receipt, when the entry is on the disk
   * @throws AuditError `bad_input` with the path of the bad value, `busy` when the queue is full, `closed`, `io`
   * @example const { seq, entryHash } = await logger.logAuditEntry({ operation: 'remember', component: 'memory' })
   */
  logAuditEntry(input: EntryInput): Promise<Receipt> {
    return this.#log(input, false)
  }

  /**
   * Records an act of this software about the log itself, under its own component. For the parts of this package: a
   * program that audits has no use for it.
   *
   * @throws AuditError as {@link logAuditEntry}
   */
  logControl(input: ControlInput): Promise<Receipt> {
    return this.#log({ ...input, component: ownComponent }, true)
  }

  #log(input: EntryInput, control: boolean): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (this.#closed === 'refuse') throw new AuditError('closed', 'the log is closed')
      if (this.#closed === 'hold') return
      if (this.#waiting >= this.#maxWaiting || this.#waitingBytes >= this.#maxWaitingBytes) {
        throw new AuditError('busy', `${this.#waiting} entries wait already: try again later`)
      }
      const time = this.#world.now()
      const prepared = control ? input : this.#prepare(input)
      const entry = prepared?.kind === 'intent' ? withMark(prepared) : prepared
      const draft = captureEntry(entry, { id: this.#ids.next(time), time, maxValueBytes: this.#maxValueBytes, control })
      const facts = this.#events.isHeard ? factsOf(entry, control) : undefined
      const bytes = sizeOf(draft)
      this.#waiting++
      this.#waitingBytes += bytes
      const group = this.#group
      if (group.drafts.length === 0) group.since = time
      group.bytes += bytes
      group.resolves.push(resolve)
      group.rejects.push(reject)
      if (facts !== undefined) group.facts.push(facts)
      // Whoever logs in the same turn of the event loop shares a message to the writer.
      if (group.drafts.push(draft) === 1) queueMicrotask(() => this.#send(group))
      if (group.drafts.length === maxMessage) this.#group = newGroup()
    })
  }

  /**
   * Takes no more entries, and resolves when those that wait are answered. Whoever comes later is refused, or, where the
   * process ends anyway, held: neither acknowledged nor made to fail on its last breath.
   */
  async close(later: 'refuse' | 'hold' = 'refuse'): Promise<void> {
    if (this.#closed === false) this.#closed = later
    if (this.#waiting > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #send(group: Group): void {
    if (group === this.#group) this.#group = newGroup()
    const { drafts } = group
    group.drafts = []
    this.#writer.append(drafts).then(
      receipts => this.#acknowledge(group, receipts),
      error => {
        this.#answered(group)
        for (const reject of group.rejects) reject(error)
        const code = error instanceof AuditError ? error.code : 'unknown'
        this.#events.emit({ type: 'refused', entries: group.rejects.length, code })
      },
    )
  }

  /**
   * Whoever is answered goes on at once, so a thousand at a time would hold up everything else in the process: a turn of
   * the event loop answers a few, the first ones without delay.
   */
  #acknowledge(group: Group, receipts: readonly Receipt[]): void {
    this.#answers.push({ group, receipts, next: 0 })
    if (!this.#isAnswering) this.#answerSome()
  }

  #answerSome(): void {
    this.#isAnswering = true
    let left = maxAnswers
    for (let answer = this.#answers[0]; answer !== undefined && left > 0; answer = this.#answers[0]) {
      const { group, receipts } = answer
      const end = Math.min(answer.next + left, receipts.length)
      left -= end - answer.next
      if (group.facts.length === receipts.length) this.#tell(group, receipts.slice(answer.next, end), answer.next)
      for (; answer.next < end; answer.next++) group.resolves[answer.next]!(receipts[answer.next]!)
      if (end < receipts.length) break
      this.#answers.shift()
      this.#answered(group)
    }
    setImmediate(() => {
      if (this.#answers.length > 0) this.#answerSome()
      else this.#isAnswering = false
    })
  }

  #tell({ facts, since }: Group, receipts: readonly Receipt[], first: number): void {
    const entries = receipts.map(({ seq, id, time }, i) => Object.assign(facts[first + i]!, { seq, id, time }))
    const durationMs = (this.#world.now() - since) / 1000
    this.#events.emit({ type: 'appended', entries, durationMs })
  }

  #answered({ resolves, bytes }: Group): void {
    this.#waiting -= resolves.length
    this.#waitingBytes -= bytes
    if (this.#waiting === 0) for (const done of this.#idle.splice(0)) done()
  }
}

/** Drafts in one message to the writer. */
const maxMessage = 256
/** Answers in one turn of the event loop: about a millisecond of work, with what those who waited do next. */
const maxAnswers = 64

/** An intent says whose it is, so that the next start can tell whether it may still be finished. */
function withMark(input: EntryInput): EntryInput {
  return { ...input, attributes: { 'process.mark': writerMark(), ...input.attributes } }
}

function sizeOf(draft: Draft): number {
  let size = draft.first.length + draft.middle.length
  for (const text of draft.sealed) size += text.length
  return size
}

/** What listeners are told, copied: the caller may change its objects. */
function factsOf(entry: EntryInput, control: boolean): EntryFacts {
  const { actor, attributes, complianceFlags, memoryId, performanceMetrics, securityLevel } = entry
  return {
    kind: control ? 'control' : (entry.kind ?? 'event'),
    operation: entry.operation,
    component: entry.component,
    outcome: entry.outcome,
    intent: entry.intent,
    trace: entry.trace,
    securityLevel: securityLevel === undefined || securityLevel === 'standard' ? 'internal' : securityLevel,
    complianceFlags: complianceFlags === undefined ? [] : [...complianceFlags],
    governanceStatus: entry.governanceStatus,
    actor: actor && actorOf(actor),
    memoryId: memoryId === undefined ? undefined : String(memoryId),
    session: entry.session,
    attributes: attributes && { ...attributes },
    performanceMetrics: performanceMetrics && { ...performanceMetrics },
  }
}

function actorOf({ type, id, onBehalfOf }: Actor): Actor {
  return onBehalfOf === undefined
    ? { type, id }
    : { type, id, onBehalfOf: { type: onBehalfOf.type, id: onBehalfOf.id } }
}

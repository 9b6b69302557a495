/**
 * The health of an open log: what its parts look like now, which degraded modes it is in, and since when. Every mode is
 * looked for again at each look, so it ends by itself when its cause has.
 */
import { loadStorageKey } from '../append/keys.ts'
import { AuditError } from '../core/errors.ts'
import type { AuditEvent, CheckedEvent, EventStream } from '../core/events.ts'
import { parseLeaf } from '../core/leaf.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { openSqliteStore, type SqliteStore } from '../store/sqlite.ts'
import { identityOf } from '../store/sqlite-file.ts'
import { checkpointTime } from './checkpoint-time.ts'
import { type DegradedMode, degradedModes, type Fault, probeClock, probeDisk, probeKeys } from './degraded.ts'
import type { LogStatus, Reader } from './reader.ts'

export interface LogHealthOptions {
  readonly file: string
  readonly keys: string
  readonly reader: Pick<Reader, 'status'>
  readonly events: EventStream
  /** Microseconds since 1970. */
  readonly now: () => Micros
  /** Entries that were given and are not durable yet. */
  readonly waiting: () => number
  /** Alerts that nobody has resolved, by severity; not known unless given. */
  readonly openAlerts?: () => { readonly [severity: string]: number }
  /** When checkpoints are due, in milliseconds; 60 000 unless given. */
  readonly checkpointEveryMs?: number
  /** For how long a look is as good as a new one, in milliseconds: 1000 unless given, for probes cost a sync of the disk. */
  readonly freshMs?: number
  /** Told when a mode begins, and when it has ended. */
  readonly onChange?: (degradation: Degradation, isOver: boolean) => void
}

export interface Degradation extends Fault {
  /** RFC 3339. */
  readonly since: string
}

export const healthChecks = [
  'log',
  'disk',
  'keys',
  'clock',
  'frozen',
  'integrity',
  'index',
  'checkpoint',
  'alerts',
  'queue',
] as const

/** One thing that was looked at. */
export interface HealthCheck {
  readonly name: (typeof healthChecks)[number]
  readonly ok: boolean
  readonly message: string
  /** The degraded mode that this check is about, when it is not ok. */
  readonly mode?: DegradedMode
}

/** The last check that was made of the log, or of a part of it. */
export interface LastCheck {
  /** RFC 3339. */
  readonly time: string
  readonly scope: CheckedEvent['scope']
  readonly entries: number
  readonly valid: boolean
  readonly complete?: boolean
  readonly trust?: string
  readonly findings: number
}

export interface HealthReport {
  /** RFC 3339. */
  readonly time: string
  /** Whether the threads of the log answer: a restart mends what is wrong when they do not. */
  readonly alive: boolean
  readonly checks: readonly HealthCheck[]
  readonly degraded: readonly Degradation[]
  readonly log: {
    readonly size: number
    readonly frozen: boolean
    /** The time of the newest entry. */
    readonly newestTime: string | undefined
    /** Entries covered by the newest checkpoint. */
    readonly signed: number
    /** When that was signed. */
    readonly signedAt: string | undefined
    /** Seconds since then. */
    readonly checkpointAgeSeconds: number | undefined
  }
  /** Entries that the index was behind when it was asked; absent when it does not answer. */
  readonly indexLag?: number
  readonly waiting: number
  readonly openAlerts: { readonly [severity: string]: number }
  readonly lastCheck: LastCheck | undefined
}

/** How long the index is waited for, in milliseconds. It may be at work on something long. */
const patienceMs = 1000

export class LogHealth {
  readonly #options: LogHealthOptions
  readonly #store: SqliteStore
  /** The file as it was when it was opened: another one of the same name is not the log. */
  readonly #identity: string | undefined
  readonly #stop: () => void
  readonly #modes = new Map<DegradedMode, Degradation>()
  #last: HealthReport | undefined
  #looking: Promise<HealthReport> | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #index: Promise<void> | undefined
  #indexed: Pick<LogStatus, 'size' | 'indexed'> | undefined
  #indexProblem: string | undefined
  #ended = false
  #newest: { size: number; time: Micros } = { size: 0, time: 0 }
  #signature: { note: string; seconds: number | undefined } | undefined
  #lastCheck: LastCheck | undefined
  /** What is not what it was, and how many entries a check must cover to say otherwise. */
  #doubt: { message: string; entries: number } | undefined

  /** @throws AuditError as `openSqliteStore`, `bad_key` */
  constructor(options: LogHealthOptions) {
    this.#options = options
    this.#store = openSqliteStore({ file: options.file, key: loadStorageKey(options.keys), mode: 'read' })
    this.#identity = identityOf(options.file)
    this.#stop = options.events.on(event => this.#hear(event))
  }

  /** The modes that the last look found, and what events have said since. */
  get degraded(): readonly Degradation[] {
    return degradedModes.flatMap(mode => this.#modes.get(mode) ?? [])
  }

  /** Looks at everything, unless somebody looked a moment ago. */
  look(): Promise<HealthReport> {
    const { freshMs = 1000 } = this.#options
    if (this.#last !== undefined && performance.now() - this.#lookedAt < freshMs) return Promise.resolve(this.#last)
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  close(): void {
    this.#stop()
    this.#store.close()
  }

  #hear(event: AuditEvent): void {
    if (event.type === 'checked') this.#checked(event)
    if (event.type !== 'refused') return
    // Whatever was refused, the next look shall find out why.
    this.#lookedAt = Number.NEGATIVE_INFINITY
    if (event.code === 'closed') this.#ended = true
    if (event.code !== 'damaged') return
    this.#doubt = { message: 'the log is not what was signed, and takes no entries: run verify', entries: 0 }
    this.#set('tampering_found', this.#doubt)
  }

  #checked({ scope, entries, valid, complete, trust, findings }: CheckedEvent): void {
    if (scope !== 'entry' && scope !== 'read') {
      this.#lastCheck = {
        time: formatTime(this.#options.now()),
        scope,
        entries,
        valid,
        ...(complete === undefined ? {} : { complete }),
        ...(trust === undefined ? {} : { trust }),
        findings: findings.length,
      }
    }
    if (!valid) {
      const first = findings[0]
      const where = first?.seq === undefined ? '' : `, the first at entry ${first.seq}`
      this.#doubt = {
        message: `a check found ${findings.length === 1 ? 'something' : `${findings.length} things`} changed${where}: run verify`,
        entries: Math.max(this.#doubt?.entries ?? 0, entries),
      }
    } else if (scope === 'log' && entries >= (this.#doubt?.entries ?? 0)) {
      // What one check found wrong, only a check of the log that reaches as far finds right.
      this.#doubt = undefined
    }
    this.#set('tampering_found', this.#doubt)
  }

  /** Enters a mode, goes on in it, or leaves it. */
  #set(mode: DegradedMode, fault: { readonly message: string } | undefined): void {
    const known = this.#modes.get(mode)
    const { onChange = () => {} } = this.#options
    if (fault === undefined) {
      if (known === undefined) return
      this.#modes.delete(mode)
      onChange(known, true)
      return
    }
    const degradation = { mode, message: fault.message, since: known?.since ?? formatTime(this.#options.now()) }
    this.#modes.set(mode, degradation)
    if (known === undefined) onChange(degradation, false)
  }

  async #look(): Promise<HealthReport> {
    const { file, keys, now, waiting, openAlerts = noAlerts, checkpointEveryMs = 60_000 } = this.#options
    const [disk] = await Promise.all([probeDisk(file), this.#askIndex()])
    const time = now()
    const head = this.#head()
    const lost = probeKeys(keys)
    const clock = probeClock(time, this.#newest.time)
    this.#set('read_only_disk', disk?.mode === 'read_only_disk' ? disk : undefined)
    this.#set('full_disk', disk?.mode === 'full_disk' ? disk : undefined)
    this.#set('lost_key', lost)
    this.#set('clock_jumped_back', clock)
    const frozen = head.frozen ? { message: 'the log is frozen: it takes no entries until that is lifted' } : undefined
    this.#set('frozen', frozen)
    const { size } = head
    const lag = this.#indexed && Math.max(0, size - this.#indexed.indexed)
    this.#set('index_unavailable', this.#indexProblem === undefined ? undefined : { message: this.#indexProblem })

    const signed = this.#signature?.seconds
    const age = signed === undefined ? undefined : Math.max(0, time / 1e6 - signed)
    const isLate = head.signed < size && age !== undefined && age * 1000 > 3 * checkpointEveryMs
    const alerts = openAlerts()
    const open = Object.values(alerts).reduce((sum, count) => sum + count, 0)
    const check = (name: HealthCheck['name'], problem: string | undefined, fine: string, mode?: DegradedMode) => ({
      name,
      ok: problem === undefined,
      message: problem ?? fine,
      ...(problem === undefined || mode === undefined ? {} : { mode }),
    })
    const checks: HealthCheck[] = [
      check('log', head.problem ?? (this.#ended ? 'a thread of the log has ended' : undefined), `${size} entries`),
      check('disk', disk?.message, 'it takes what is written', disk?.mode),
      check('keys', lost?.message, 'all there', 'lost_key'),
      check('clock', clock?.message, 'not behind the newest entry', 'clock_jumped_back'),
      check('frozen', frozen?.message, 'no', 'frozen'),
      check('integrity', this.#doubt?.message, sentenceOf(this.#lastCheck), 'tampering_found'),
      check('index', this.#indexProblem, `${lag ?? 0} entries behind`, 'index_unavailable'),
      check(
        'checkpoint',
        isLate
          ? `${size - head.signed} entries wait for a signature, the last of which is ${age.toFixed(0)} s old`
          : undefined,
        age === undefined ? 'none yet' : `${age.toFixed(0)} s old, covers ${head.signed} of ${size} entries`,
      ),
      check('alerts', open > 0 ? `${open} open` : undefined, 'none open'),
      check('queue', undefined, `${waiting()} entries wait`),
    ]
    this.#lookedAt = performance.now()
    this.#last = {
      time: formatTime(time),
      alive: !this.#ended,
      checks,
      degraded: this.degraded,
      log: {
        size,
        frozen: head.frozen,
        newestTime: this.#newest.size === 0 ? undefined : formatTime(this.#newest.time),
        signed: head.signed,
        signedAt: signed === undefined ? undefined : formatTime(signed * 1e6),
        checkpointAgeSeconds: age,
      },
      ...(lag === undefined ? {} : { indexLag: lag }),
      waiting: waiting(),
      openAlerts: alerts,
      lastCheck: this.#lastCheck,
    }
    return this.#last
  }

  /** The head as the file has it. What cannot be read is said, and the rest is as it was last. */
  #head(): { size: number; frozen: boolean; signed: number; problem?: string } {
    const { file, keys } = this.#options
    try {
      if (identityOf(file) !== this.#identity) {
        return { ...this.#lastHead(), problem: `${file} is gone or is another file now: what is recorded goes nowhere` }
      }
      const { size = 0, frozen = false } = this.#store.head() ?? {}
      if (size > this.#newest.size) {
        for (const some of this.#store.entries(size - 1, size)) {
          const time = parseTime(parseLeaf(some[0]!.leaf).leaf?.time ?? '')
          if (time !== undefined) this.#newest = { size, time }
        }
      }
      const newest = this.#store.lastCheckpoint()
      if (newest !== undefined && newest.note !== this.#signature?.note) {
        this.#signature = { note: newest.note, seconds: checkpointTime(newest.note, keys) }
      }
      return { size, frozen, signed: newest?.size ?? 0 }
    } catch (error) {
      return { ...this.#lastHead(), problem: (error as Error).message }
    }
  }

  #lastHead(): { size: number; frozen: boolean; signed: number } {
    const { size = 0, frozen = false, signed = 0 } = this.#last?.log ?? {}
    return { size, frozen, signed }
  }

  /** Asks the reader, and does not wait long: one question at a time. */
  async #askIndex(): Promise<void> {
    this.#index ??= this.#options.reader
      .status()
      .then(
        status => {
          this.#indexed = status
          this.#indexProblem = undefined
        },
        (error: unknown) => {
          if (error instanceof AuditError && error.code === 'closed') this.#ended = true
          this.#indexProblem = `the index does not answer: ${(error as Error).message}`
        },
      )
      .finally(() => {
        this.#index = undefined
      })
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>(resolve => {
      timer = setTimeout(resolve, patienceMs).unref()
    })
    await Promise.race([this.#index, patience])
    clearTimeout(timer)
  }
}

function noAlerts(): { readonly [severity: string]: number } {
  return {}
}

function sentenceOf(last: LastCheck | undefined): string {
  return last === undefined ? 'not checked since the start' : `nothing was changed, as of ${last.time} (${last.scope})`
}

/**
 * The check in the background: walks the whole log again and again, a stretch at a time, at a pace that leaves the machine
 * to others, and goes on where it was when the program was started last.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { CheckedEvent, EventStream } from '../core/events.ts'
import type { VerificationReport } from '../core/finding.ts'
import { tileWidth } from '../core/tile.ts'
import type { Reader } from '../trail/reader.ts'
import { defaultScrubSettings, type ScrubSettings } from './settings.ts'

export interface ScrubberOptions {
  /** It should tell of its checks to no one: the scrubber does. */
  readonly reader: Pick<Reader, 'verify'>
  readonly events: EventStream
  /** The log's file: the place of the scrubber is kept beside it. */
  readonly file: string
  readonly settings?: ScrubSettings
  /** Milliseconds, monotonic. */
  readonly clock?: () => number
}

export interface ScrubberStatus {
  readonly isRunning: boolean
  /** The entry at which the next stretch begins. */
  readonly next: number
  /** Entries in the log when it was looked at last. */
  readonly size: number
  /** Passes over the whole log that came to their end. */
  readonly passes: number
  /** How long the last whole pass of this process took. */
  readonly lastPassMs?: number
  /** Entries checked by this process, and the milliseconds that took. */
  readonly entries: number
  readonly busyMs: number
}

/** What one stretch should take: short, so that nobody who asks the reader something waits long. */
const stretchMs = 150
/** Entries in a stretch at most, however fast they are checked. */
const maxStretch = 256 * tileWidth

export class Scrubber {
  readonly #reader: Pick<Reader, 'verify'>
  readonly #events: EventStream
  readonly #placeFile: string
  readonly #clock: () => number
  #settings: ScrubSettings
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> | undefined
  #stop = new AbortController()
  #isRunning = false
  #next = 0
  /** Entries in the log when it was looked at last. */
  #size: number | undefined
  #passes = 0
  #passSince: number | undefined
  #lastPassMs: number | undefined
  #entries = 0
  #busyMs = 0
  /** Entries that the last stretch went over. */
  #walked = 0
  /** Entries that are checked in a millisecond, as far as known. */
  #rate: number | undefined
  /** Until when it must rest, and until when it need not rest for longer than that. */
  #restUntil = 0
  #hurryUntil = 0

  constructor({ reader, events, file, settings = defaultScrubSettings, clock }: ScrubberOptions) {
    this.#reader = reader
    this.#events = events
    this.#placeFile = `${file}.scrub`
    this.#settings = settings
    this.#clock = clock ?? (() => performance.now())
  }

  /**
   * Checks what an opening shall, and begins to walk, where it was when it was stopped last. A log that cannot be read is a
   * fault, and is tried again. Nothing of it keeps the process alive.
   */
  async start(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#stop = new AbortController()
    this.#working = this.#begin().finally(() => {
      this.#working = undefined
    })
    await this.#working
    this.#schedule(0)
  }

  /** Ends; what is being checked is left. Idempotent. */
  async stop(): Promise<void> {
    this.#isRunning = false
    clearTimeout(this.#timer)
    this.#stop.abort()
    await this.#working
  }

  close(): Promise<void> {
    return this.stop()
  }

  /** Goes on with another pace. */
  configure(settings: ScrubSettings): void {
    this.#settings = settings
  }

  /**
   * Checks as fast as `maxShare` allows for so many milliseconds.
   *
   * @example scrubber.raisePace(3_600_000)
   */
  raisePace(forMs: number): void {
    const now = this.#clock()
    this.#hurryUntil = Math.max(this.#hurryUntil, now + forMs)
    if (this.#working === undefined) this.#schedule(this.#restUntil - now)
  }

  status(): ScrubberStatus {
    return {
      isRunning: this.#isRunning,
      next: this.#next,
      size: this.#size ?? 0,
      passes: this.#passes,
      ...(this.#lastPassMs === undefined ? {} : { lastPassMs: this.#lastPassMs }),
      entries: this.#entries,
      busyMs: this.#busyMs,
    }
  }

  /**
   * Checks the head, the anchors, and the newest entries: at most a tile of them. Tells the event stream, with the scope
   * `opening`.
   *
   * @throws AuditError when the log cannot be read
   */
  async checkOpening(): Promise<CheckedEvent> {
    this.#size = await this.#sizeNow()
    const from = Math.max(0, Math.floor((this.#size - 1) / tileWidth) * tileWidth)
    return this.#tell('opening', await this.#reader.verify({ from }))
  }

  /** Checks the next stretch now, and tells the event stream, with the scope `scrub`. */
  async checkNext(): Promise<CheckedEvent> {
    const started = this.#clock()
    this.#passSince = this.#next === 0 ? started : this.#passSince
    this.#size ??= await this.#sizeNow()
    const from = this.#next
    const to = from + this.#stretch(this.#size)
    const report = await this.#reader.verify({ from, to }, { signal: this.#stop.signal })
    const took = this.#clock() - started
    const { entries, size } = report
    this.#size = size
    this.#entries += entries
    this.#busyMs += took
    // Entries that went by retention are walked over too.
    this.#walked = Math.min(to, size) - from
    const rate = this.#walked / took
    if (this.#walked >= tileWidth) this.#rate = (this.#rate ?? rate) * 0.7 + rate * 0.3
    if (to >= size) this.#endPass()
    else this.#next = to
    await this.#keepPlace()
    return this.#tell('scrub', report)
  }

  #endPass(): void {
    this.#next = 0
    this.#passes++
    if (this.#passSince !== undefined) this.#lastPassMs = this.#clock() - this.#passSince
    this.#passSince = undefined
  }

  /** Entries in the next stretch: as many as are due until the one after it, but not more than a moment's work. */
  #stretch(size: number): number {
    const { passMs, everyMs } = this.#settings
    const due = this.#isHurried() ? maxStretch : (size * everyMs) / passMs
    const affordable = (this.#rate ?? 0) * stretchMs
    const entries = Math.min(due, affordable, maxStretch)
    return Math.max(Math.ceil(entries / tileWidth), 1) * tileWidth
  }

  async #begin(): Promise<void> {
    try {
      await this.checkOpening()
    } catch (error) {
      this.#fault(error)
    }
    await this.#recallPlace()
  }

  async #work(): Promise<void> {
    const started = this.#clock()
    this.#walked = 0
    try {
      await this.checkNext()
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#fault(error)
    }
    const ended = this.#clock()
    const took = ended - started
    const { passMs, everyMs, maxShare } = this.#settings
    // Of a core, no more than its share: a stretch of 50 ms at 5 % is followed by 950 ms of rest.
    this.#restUntil = ended + took * (1 / maxShare - 1)
    const part = this.#walked / (this.#size ?? 0)
    const due = part > 0 ? Math.min(everyMs, passMs * part) : everyMs
    const next = this.#isHurried() ? this.#restUntil : Math.max(this.#restUntil, started + due)
    this.#schedule(next - ended)
  }

  /** A check of nothing but the anchors says where the log ends. */
  async #sizeNow(): Promise<number> {
    return (await this.#reader.verify({ from: 0, to: 0 })).size
  }

  #isHurried(): boolean {
    return this.#clock() < this.#hurryUntil
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer)
    if (!this.#isRunning) return
    this.#timer = setTimeout(
      () => {
        this.#working = this.#work().finally(() => {
          this.#working = undefined
        })
      },
      Math.max(inMs, 1),
    ).unref()
  }

  #tell(scope: 'opening' | 'scrub', report: VerificationReport): CheckedEvent {
    const { entries, valid, trust, findings, durationMs } = report
    const event: CheckedEvent = { type: 'checked', scope, entries, valid, trust, findings, durationMs }
    this.#events.emit(event)
    return event
  }

  #fault(error: unknown): void {
    const message = `the log cannot be checked: ${error instanceof Error ? error.message : String(error)}`
    this.#events.emit({ type: 'fault', where: 'scrubber', message })
  }

  // Its place. Whoever can write beside the log can write this: it is a hint, and is believed as far as it makes sense.

  async #recallPlace(): Promise<void> {
    try {
      const found = /^{"v":1,"next":(\d{1,15}),"passes":(\d{1,15})}$/.exec(await readFile(this.#placeFile, 'utf8'))
      const next = Number(found?.[1] ?? 0)
      const makesSense = next % tileWidth === 0 && next < (this.#size ?? 0)
      this.#next = makesSense ? next : 0
      this.#passes = makesSense ? Number(found?.[2] ?? 0) : 0
    } catch {
      this.#next = 0
    }
  }

  async #keepPlace(): Promise<void> {
    const fresh = `${this.#placeFile}.new`
    try {
      await writeFile(fresh, `{"v":1,"next":${this.#next},"passes":${this.#passes}}`, { mode: 0o600 })
      await rename(fresh, this.#placeFile)
    } catch {
      // It will begin at the beginning: no harm.
      await rm(fresh, { force: true }).catch(() => {})
    }
  }
}

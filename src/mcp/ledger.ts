/**
 * The recorder's way into the log: before the fact, where a failure stops the call, and after it, in the background, where
 * what the log does not take waits and is tried again.
 */
import type { EntryInput } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { RecorderLog } from './recorder-log.ts'

/** An entry that is still to be made: with its values or, when the log will not take these, with their digests. */
export type Build = (faithful: boolean) => EntryInput

const maxInFlight = 256
const maxInFlightBytes = 32 * 1024 * 1024
const maxBacklog = 256

export class Ledger {
  readonly #log: RecorderLog
  /** The entry that tells of refused calls. */
  readonly #tellRefused: (count: number) => EntryInput
  #refused = 0
  /** Refused calls that no entry tells of yet. */
  #refusedUntold = 0
  /** Entries that the log did not take after the fact; tried again as soon as it takes one. */
  readonly #backlog: Build[] = []
  #lost = 0
  #catchingUp = false

  #inFlight = 0
  #inFlightBytes = 0
  #waiting: (() => void)[] = []

  constructor(log: RecorderLog, tellRefused: (count: number) => EntryInput) {
    this.#log = log
    this.#tellRefused = tellRefused
  }

  /** Calls that were refused so far. */
  get refused(): number {
    return this.#refused
  }

  /** Entries that the log did not take so far. */
  get lost(): number {
    return this.#lost + this.#backlog.length
  }

  /** Whether more may be begun without waiting. */
  get hasRoom(): boolean {
    return this.#inFlight < maxInFlight && this.#inFlightBytes < maxInFlightBytes
  }

  /** Counts calls that are refused, to be told when the log takes entries again. */
  refuse(calls: number): void {
    this.#refused += calls
    this.#refusedUntold += calls
  }

  /** Counts an entry that is given up. */
  giveUp(): void {
    this.#lost++
  }

  /** Records, and says the id; a failure is the caller's to act on. */
  async append(build: Build): Promise<string> {
    const id = await this.#write(build)
    if (this.#refusedUntold > 0 || this.#backlog.length > 0) this.inBackground(0, this.catchUp())
    return id
  }

  /** Records after the fact: what the log does not take now waits. */
  async deposit(build: Build): Promise<void> {
    try {
      await this.append(build)
    } catch (error) {
      if (isBadInput(error) || this.#backlog.length >= maxBacklog) this.#lost++
      else this.#backlog.push(build)
    }
  }

  /** Records after the fact, in the background. */
  afterwards(build: Build): void {
    this.inBackground(0, this.deposit(build))
  }

  /** The log takes entries again: now it is told what it missed. */
  async catchUp(): Promise<void> {
    if (this.#catchingUp) return
    this.#catchingUp = true
    try {
      for (let build = this.#backlog[0]; build !== undefined; build = this.#backlog[0]) {
        await this.#write(build).catch(error => {
          if (!isBadInput(error)) throw error
          this.#lost++
        })
        this.#backlog.shift()
      }
      const count = this.#refusedUntold
      if (count === 0) return
      await this.#write(() => this.#tellRefused(count))
      this.#refusedUntold -= count
    } catch {
      // Tried again with the next entry that goes in.
    } finally {
      this.#catchingUp = false
    }
  }

  /** Counts work, and the bytes that it holds, until it is done. */
  inBackground(bytes: number, work: Promise<unknown>): void {
    this.#inFlight++
    this.#inFlightBytes += bytes
    const done = () => {
      this.#inFlight--
      this.#inFlightBytes -= bytes
      const waiting = this.#waiting
      this.#waiting = []
      for (const wake of waiting) wake()
    }
    work.then(done, done)
  }

  /** Resolves when more may be begun. */
  async room(): Promise<undefined> {
    while (!this.hasRoom) await this.#progress()
    return undefined
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#inFlight > 0) await this.#progress()
  }

  #progress(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  async #write(build: Build): Promise<string> {
    try {
      return (await this.#log.append(build(true))).id
    } catch (error) {
      if (error instanceof AuditError && !isBadInput(error)) throw error
      return (await this.#log.append(build(false))).id
    }
  }
}

function isBadInput(error: unknown): boolean {
  return error instanceof AuditError && error.code === 'bad_input'
}

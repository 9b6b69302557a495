/** The seals of a log, held against its tree and its time. */
import { equalInConstantTime } from '../core/primitives.ts'
import { epochOf, evolve, lastEpoch, type Seal, type SealKey, sealMac } from '../core/seal.ts'
import type { Micros } from '../core/time.ts'
import type { Findings } from './findings.ts'

export class SealCheck {
  readonly #findings: Findings
  /** The time of entry 0, from which epochs are counted. Without it only the order of seals can be looked at. */
  #start: Micros | undefined
  #key: SealKey | undefined
  #last: Seal | undefined
  /** The time of the newest entry; not sure where that entry is missing or was changed. */
  #time: Micros = 0
  #isSure = false

  constructor(findings: Findings, key: SealKey | undefined) {
    this.#findings = findings
    this.#key = key
    this.#start = key?.start
  }

  startsAt(time: Micros): void {
    this.#start ??= time
    if (this.#start === time) return
    this.#findings.find('seal_invalid', 'the seal key counts its epochs from another time than that of entry 0', {
      seq: 0,
    })
  }

  /** Goes on behind an entry that is believed. */
  begin(time: Micros, last: Seal | undefined): void {
    this.#time = time
    this.#isSure = true
    this.#last = last
  }

  /**
   * The next entry. Each epoch in which entries were written must end in a seal of its own: a later key cannot stand in
   * for it.
   *
   * @param time `undefined` when the entry cannot be believed
   */
  entry(seq: number, time: Micros | undefined): void {
    const wasSure = this.#isSure
    this.#isSure = time !== undefined
    if (time === undefined) return
    const before = this.#time
    this.#time = Math.max(before, time)
    if (!wasSure || seq === 0 || this.#start === undefined) return
    const epoch = epochOf(this.#start, before)
    if (epochOf(this.#start, time) <= epoch) return
    if (this.#last?.size === seq && this.#last.epoch === epoch) return
    const message = `the entries up to ${seq - 1} are not sealed with the key of their time`
    this.#findings.find('seal_invalid', message, { seq: seq - 1 })
  }

  /** A seal, when the walk has come to its size. The seal that would have been right is never told. */
  seal(seal: Seal, root: () => Uint8Array): void {
    const seq = seal.size - 1
    const before = this.#last?.epoch ?? 0
    this.#last = seal
    const isOfItsTime =
      this.#isSure && this.#start !== undefined
        ? seal.epoch === epochOf(this.#start, this.#time)
        : Number.isSafeInteger(seal.epoch) && seal.epoch >= before
    if (!isOfItsTime) {
      this.#findings.find('seal_invalid', `the seal over entry ${seq} is not of the time of that entry`, { seq })
      return
    }
    if (this.#key === undefined || seal.epoch < this.#key.epoch || seal.epoch > lastEpoch) return
    this.#key = evolve(this.#key, seal.epoch)
    if (equalInConstantTime(sealMac(this.#key, seal.size, root()), Uint8Array.from(seal.mac))) return
    this.#findings.find('seal_invalid', `the seal over entry ${seq} is not over these entries`, { seq })
  }

  /** At the end of the log, its newest entry must be sealed. */
  end(size: number): void {
    if (this.#last?.size === size) return
    this.#findings.find('seal_invalid', 'the newest entries are not sealed', { seq: size - 1 })
  }
}

/** What the log acknowledged, as its callers remember it. What the log says later is held against this. */
import { fromHex } from '../src/core/bytes.ts'
import type { Receipt } from '../src/core/entry.ts'
import { tileWidth } from '../src/core/tile.ts'

/** An entry that is remembered with what was sealed in it. */
export interface Remembered {
  readonly seq: number
  readonly id: string
  readonly entryHash: string
  readonly memoryId: string
  readonly subject: string
  /** What stood in `userContext.text`. */
  readonly text: string
}

/** Bytes of each hash that are remembered: of every receipt there is. */
const kept = 8
const mostRemembered = 4000

export class Model {
  #hashes = new Uint8Array(0)
  #remembered: Remembered[] = []
  #size = 0
  acknowledged = 0
  /** By subject: below this, what is about them is gone for certain. */
  readonly erasedBelow = new Map<string, number>()

  /** One more than the largest number that was acknowledged. */
  get size(): number {
    return this.#size
  }

  /** @returns what is wrong with this receipt */
  acknowledge({ seq, entryHash }: Pick<Receipt, 'seq' | 'entryHash'>): string | undefined {
    const hash = fromHex(entryHash)?.subarray(0, kept)
    if (hash === undefined) return `the receipt of entry ${seq} has no hash`
    if (seq * kept >= this.#hashes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#hashes.length, (seq + 4096) * kept))
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    const at = seq * kept
    if (this.#hashes.subarray(at, at + kept).some(byte => byte !== 0)) return `entry ${seq} was acknowledged twice`
    this.#hashes.set(hash, at)
    this.#size = Math.max(this.#size, seq + 1)
    this.acknowledged++
    return undefined
  }

  /** @param random 0 ≤ x < 1: which of those that are remembered makes room */
  remember(entry: Remembered, random: number): void {
    if (this.#remembered.length < mostRemembered) this.#remembered.push(entry)
    else this.#remembered[Math.floor(random * mostRemembered)] = entry
  }

  pick(random: number): Remembered | undefined {
    return this.#remembered[Math.floor(random * this.#remembered.length)]
  }

  /** Acknowledged entries in a tile of the log that does not hold them. */
  lostIn(tile: number, hashes: Uint8Array): number[] {
    const lost: number[] = []
    for (let i = 0; i < tileWidth; i++) {
      const at = (tile * tileWidth + i) * kept
      const known = this.#hashes.subarray(at, at + kept)
      if (!known.some(byte => byte !== 0)) continue
      if (!known.every((byte, n) => byte === hashes[i * 32 + n])) lost.push(tile * tileWidth + i)
    }
    return lost
  }

  /** A restore gave up everything from here on. */
  giveUp(from: number): void {
    this.#hashes.fill(0, from * kept)
    this.#remembered = this.#remembered.filter(({ seq }) => seq < from)
    this.#size = Math.min(this.#size, from)
    for (const [subject, below] of this.erasedBelow) this.erasedBelow.set(subject, Math.min(below, from))
  }
}

/**
 * The lists of the index: in which entries a text stands as operation, component, session, flag or actor.
 *
 * A list is kept block by block: one row for each 32 entries in which the text stands, a bit for each of them. What stands
 * in many entries costs a bit there, and what stands in few a row. Measured on 720-byte entries: 21 bytes an entry for
 * all five, and 1.6 rows to write; a row for each entry took 52 bytes and 4.6 rows.
 */
import type { Postings } from './postings.ts'
import type { Statements } from './schema.ts'
import { blockWidth, countBits } from './text-blocks.ts'

/** What the lists are of; the order is part of the file. */
export const listed = ['operation', 'component', 'session', 'flag', 'who'] as const
export type Listed = (typeof listed)[number]

/** Room for more kinds of lists than there are. */
const keysPerTerm = 8
const codeOf = Object.fromEntries(listed.map((name, code) => [name, code])) as Readonly<Record<Listed, number>>

/** The key of the list of a term. */
export function listKey(name: Listed, term: number): number {
  return term * keysPerTerm + codeOf[name]
}

/** What a list is of, and of which term; no name for a key that is none. */
export function listOfKey(key: number): { readonly name: Listed | undefined; readonly term: number } {
  return { name: listed[key % keysPerTerm], term: Math.floor(key / keysPerTerm) }
}

/** The first and the last key that a term can have. */
export function keysOf(term: number): readonly [first: number, last: number] {
  return [term * keysPerTerm, (term + 1) * keysPerTerm - 1]
}

const blockOf = (seq: number): number => Math.floor(seq / blockWidth)
const bitOf = (seq: number): number => 1 << (seq % blockWidth)

/** Gathers what a transaction adds to the lists, so that each of their rows is written once. */
export class ListAdditions {
  readonly #bits = new Map<number, number>()
  readonly #done: (readonly [key: number, block: number, bits: number])[] = []
  #block = 0

  /** Entries come in order. */
  add(name: Listed, term: number, seq: number): void {
    const block = blockOf(seq)
    if (block !== this.#block) this.#finish(block)
    const key = listKey(name, term)
    this.#bits.set(key, (this.#bits.get(key) ?? 0) | bitOf(seq))
  }

  write(sql: Statements): void {
    this.#finish(this.#block)
    // In the order of the file, which then goes from page to page.
    this.#done.sort(([a], [b]) => a - b)
    for (const row of this.#done) sql.addToList.run(...row)
    this.#done.length = 0
  }

  #finish(next: number): void {
    for (const [key, bits] of this.#bits) this.#done.push([key, this.#block, bits])
    this.#bits.clear()
    this.#block = next
  }
}

/** Takes an entry out of the list of a term. */
export function takeFromList(sql: Statements, name: Listed, term: number, seq: number): void {
  const key = listKey(name, term)
  sql.takeFromList.run(~bitOf(seq), key, blockOf(seq))
  sql.dropEmptyList.run(key, blockOf(seq))
}

type ListRow = [block: number, bits: number]

/** Rows in the first read of a list, and in the longest. */
const firstStretch = 8
const longestStretch = 512

/** The numbers in the list of a term between two, both inclusive, in one direction. */
export function readList(
  sql: Statements,
  key: number,
  { low, high, direction }: { low: number; high: number; direction: 1 | -1 },
): Postings {
  const statement = direction === 1 ? sql.listUp : sql.listDown
  let rows: ListRow[] = []
  let at = 0
  let stretch = firstStretch
  let isLast = false
  /** The next row whose block is not before `block`. */
  const row = (block: number): ListRow | undefined => {
    const last = rows.at(-1)
    if (last === undefined || (block - last[0]) * direction > 0) {
      if (isLast) return undefined
      const span = direction === 1 ? [block, blockOf(high)] : [blockOf(low), block]
      rows = statement.all(key, ...span, stretch) as ListRow[]
      isLast = rows.length < stretch
      stretch = Math.min(stretch * 4, longestStretch)
      at = 0
    }
    while (at < rows.length && (rows[at]![0] - block) * direction < 0) at++
    return rows[at]
  }
  return {
    seek(target) {
      for (let from = target; low <= from && from <= high; ) {
        const found = row(blockOf(from))
        if (found === undefined) return undefined
        const [block, bits] = found
        const start = block * blockWidth
        // What of the block is not before `from`.
        const width = blockOf(from) === block ? (direction === 1 ? from - start : start + blockWidth - 1 - from) : 0
        const left = direction === 1 ? (bits >>> width) << width : (bits << width) >>> width
        if (left !== 0) {
          const seq = start + (direction === 1 ? 31 - Math.clz32(left & -left) : 31 - Math.clz32(left))
          return low <= seq && seq <= high ? seq : undefined
        }
        from = direction === 1 ? start + blockWidth : start - 1
      }
      return undefined
    },
  }
}

/** How many numbers of a list are between two, both inclusive. */
export function countList(sql: Statements, key: number, low: number, high: number): number {
  let count = 0
  for (const [block, bits] of sql.listUp.iterate(key, blockOf(low), blockOf(high), -1) as Iterable<ListRow>) {
    const start = block * blockWidth
    let within = bits
    if (start < low) within &= -1 << (low - start)
    if (start + blockWidth - 1 > high) within &= -1 >>> (start + blockWidth - 1 - high)
    count += countBits(within)
  }
  return count
}

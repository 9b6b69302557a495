/**
 * Which blocks of entries a search need not look into.
 *
 * A block is 32 entries, as the store keeps them together. Of each, the index keeps a set of bits: one for every run of
 * four letters in its texts, drawn by a hash, upper and lower case alike. A word may occur in a block only if the bit of
 * each of its runs is set. So nothing is ever overlooked, some blocks are looked into for nothing, a word of fewer than
 * four letters rules out none, and no text stands in the index. The entries themselves then say what matches.
 *
 * Measured on 720-byte entries: 43 bytes and 4 µs an entry. SQLite's FTS5 with trigrams, which answers the same
 * question, takes 405 bytes and 46 µs; with whole words, which does not, 114 bytes and 11 µs.
 */
import { fromUtf8 } from '../core/bytes.ts'
import type { Leaf } from '../core/entry.ts'
import { saltLength } from '../core/sealed.ts'
import { foldCase, notTexts } from '../core/search-text.ts'
import { readLeaf } from '../core/view.ts'
import type { LogSource, StoredEntry } from '../store/store.ts'
import { listOfAll, type Postings } from './postings.ts'

/** Entries in a block. */
export const blockWidth = 32

/** Letters in a run. Runs of three are in so many blocks that they rule out few; longer ones miss more short words. */
const runLength = 4

/** A full set has 2^17 bits, in words of 32. It is then folded to as many words as have so many different runs each. */
const hashBits = 17
const fullWords = 2 ** (hashBits - 5)
const runsPerWord = 12
/** Beyond this a full set says too little to be kept: anything may be in such a block. */
const uselessFrom = 0.8

/** A block that is complete: the set of its runs. */
export interface TextBlock {
  readonly block: number
  readonly bits: Uint8Array
}

/** Gathers the sets of blocks while the entries come by in order. */
export class TextBlocks {
  readonly #set = new RunSet()
  /** The block that is being gathered. */
  #block = 0
  #isEmpty = true
  /** Everything before this number has come by, as far as it is in the block. */
  #next = Number.NaN

  /** Goes on at an entry. What stands before it in its block is read again, unless it is still known. */
  async begin(from: number, log: LogSource): Promise<void> {
    if (this.#next === from) return
    this.#start(Math.floor(from / blockWidth))
    for await (const some of log.entries(this.#block * blockWidth, from)) {
      for (const stored of some) this.take(stored, readLeaf(stored).leaf)
    }
    this.#next = from
  }

  /** Everything before this number has come by. Gives the block that is complete now, if there is something in it. */
  reach(seq: number): TextBlock | undefined {
    this.#next = seq
    const block = Math.floor(seq / blockWidth)
    if (block === this.#block) return undefined
    const complete = this.#isEmpty ? undefined : { block: this.#block, bits: this.#set.fold() }
    this.#start(block)
    return complete
  }

  /** Takes the next entry, after `reach` was told of its number. */
  take(stored: StoredEntry, leaf: Leaf | undefined): void {
    this.#set.add(stored, leaf)
    this.#isEmpty = false
    this.#next = stored.seq + 1
  }

  /** What came by is not true any more. */
  forget(): void {
    this.#next = Number.NaN
  }

  #start(block: number): void {
    this.#set.clear()
    this.#block = block
    this.#isEmpty = true
  }
}

/**
 * The set of some entries, in the length of another one, so that the two can be compared or put in each other's place.
 *
 * @param length in bytes, of whole words; 0 for a set that says nothing
 */
export function bitsOf(entries: Iterable<StoredEntry>, length: number): Uint8Array {
  const set = new RunSet()
  for (const stored of entries) set.add(stored, readLeaf(stored).leaf)
  return set.fold(length)
}

// The set

class RunSet {
  readonly #words = new Uint32Array(fullWords)

  clear(): void {
    this.#words.fill(0)
  }

  /** Adds the runs of all texts of an entry, and perhaps of more: texts of it that cannot be opened. */
  add(stored: StoredEntry, leaf: Leaf | undefined): void {
    if (leaf === undefined) return
    for (const [name, value] of Object.entries(leaf)) if (!notTexts.has(name)) this.#addValue(value)
    this.#addContent(stored.content)
  }

  #addValue(value: unknown): void {
    if (typeof value === 'string') this.#addText(value)
    else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) this.#addValue(part)
  }

  #addText(text: string): void {
    const words = this.#words
    const folded = foldCase(text)
    let run = 0
    for (let i = 0; i < folded.length; i++) {
      run = (run << 8) | letter(folded.charCodeAt(i))
      if (i >= runLength - 1) {
        const hash = hashOf(run)
        words[hash >>> 5]! |= 1 << (hash & 31)
      }
    }
  }

  /** The values of the preimages, each behind its length, a mark, a salt and its name: `core/sealed.ts`. */
  #addContent(content: Uint8Array): void {
    for (let at = 0; at + 4 <= content.length; ) {
      const start = at + 4
      at = start + content[at]! * 0x1000000 + ((content[at + 1]! << 16) | (content[at + 2]! << 8) | content[at + 3]!)
      const name = content.indexOf(0, start + 1 + saltLength)
      if (name >= 0 && name < at && at <= content.length) this.#addJson(content, name + 1, at)
    }
  }

  /** The texts in a JSON text, names of members left out. */
  #addJson(bytes: Uint8Array, from: number, to: number): void {
    const words = this.#words
    for (let at = from; at < to; at++) {
      if (bytes[at] !== quote) continue
      const start = at + 1
      let isPlain = true
      for (at = start; at < to && bytes[at] !== quote; at++) {
        const byte = bytes[at]!
        if (byte === backslash) {
          isPlain = false
          at++
        } else if (byte >= 0x80) isPlain = false
      }
      if (bytes[at + 1] === colon) continue
      if (!isPlain) {
        this.#addEscaped(bytes.subarray(start - 1, at + 1))
        continue
      }
      let run = 0
      for (let i = start; i < at; i++) {
        const byte = bytes[i]!
        run = (run << 8) | (byte >= upperA && byte <= upperZ ? byte | 0x20 : byte)
        if (i >= start + runLength - 1) {
          const hash = hashOf(run)
          words[hash >>> 5]! |= 1 << (hash & 31)
        }
      }
    }
  }

  #addEscaped(json: Uint8Array): void {
    try {
      this.#addText(JSON.parse(fromUtf8(json) ?? '""') as string)
    } catch {
      // No JSON: the entry cannot be opened either.
    }
  }

  /** The set, folded to `length` bytes, or to as many as its runs ask for. */
  fold(length?: number): Uint8Array {
    const full = this.#words
    const set = countSet(full)
    if (length === 0 || set > uselessFrom * 32 * fullWords) return new Uint8Array(0)
    const count = Math.min(fullWords, length === undefined ? Math.ceil(set / runsPerWord) : length / 4)
    const words = new Uint32Array(count)
    for (let i = 0; i < fullWords; i++) words[i % count]! |= full[i]!
    return new Uint8Array(words.buffer)
  }
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const upperA = 0x41
const upperZ = 0x5a

/** A letter in eight bits: as it is in ASCII, by a hash elsewhere. */
function letter(unit: number): number {
  return unit < 0x80 ? unit : 0x80 | (Math.imul(unit, 0x9e3779b1) >>> 25)
}

/** The bit of a run in a full set: its upper part names the word. */
function hashOf(run: number): number {
  return Math.imul(run ^ (run >>> 15), 0x9e3779b1) >>> (32 - hashBits)
}

function countSet(words: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < words.length; i++) sum += countBits(words[i]!)
  return sum
}

/** How many bits of 32 are set. */
export function countBits(bits: number): number {
  let word = bits - ((bits >>> 1) & 0x55555555)
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

// The search

/** Fragments of which, of each list, one must occur: as the hashes of their runs. */
export type WantedRuns = readonly (readonly (readonly number[])[])[]

/** What a filter asks of texts, in runs; `undefined` when it rules out nothing. */
export function runsOf(fragments: readonly (readonly string[])[]): WantedRuns | undefined {
  const wanted = fragments.filter(anyOf => anyOf.every(fragment => fragment.length >= runLength))
  return wanted.length === 0 ? undefined : wanted.map(anyOf => anyOf.map(hashesOf))
}

/** @param fragment in lower case */
function hashesOf(fragment: string): number[] {
  const hashes: number[] = []
  let run = 0
  for (let i = 0; i < fragment.length; i++) {
    run = (run << 8) | letter(fragment.charCodeAt(i))
    if (i >= runLength - 1) hashes.push(hashOf(run))
  }
  return hashes
}

/** Whether a block with these bits may hold what is wanted. Bits of a length that is none say nothing. */
function mayHold(bits: Uint8Array, wanted: WantedRuns): boolean {
  const count = bits.length / 4
  if (count < 1 || count > fullWords || !Number.isInteger(count)) return true
  // Words are kept with their least byte first.
  const isSet = (hash: number) => (bits[4 * ((hash >>> 5) % count) + ((hash & 31) >> 3)]! >> (hash & 7)) & 1
  return wanted.every(anyOf => anyOf.some(hashes => hashes.every(isSet)))
}

/** Blocks that are read in one go. */
const window = 64

/** What a search in texts reads, between two numbers, both inclusive and ascending. */
export interface TextSource {
  blocks(first: number, last: number): readonly (readonly [block: number, bits: Uint8Array])[]
  /** The entries there are. */
  seqs(from: number, to: number): readonly number[]
}

/** The numbers in blocks that may hold what is wanted: a block without bits, such as the unfinished one, may hold anything. */
export function textList(
  wanted: WantedRuns,
  source: TextSource,
  { low, high, direction }: { low: number; high: number; direction: 1 | -1 },
): Postings {
  /** The blocks that were read last, and those among them that hold nothing. */
  let held = { first: 0, last: -1 }
  let empty = new Set<number>()
  /** The block that was looked into last, and what is in it. */
  let block = -1
  let numbers = listOfAll([], direction)
  return {
    seek(target) {
      for (let at = target; low <= at && at <= high; ) {
        const here = Math.floor(at / blockWidth)
        const start = here * blockWidth
        if (here < held.first || here > held.last) {
          held = direction === 1 ? { first: here, last: here + window - 1 } : { first: here - window + 1, last: here }
          const blocks = source.blocks(held.first, held.last)
          empty = new Set(blocks.filter(([, bits]) => !mayHold(bits, wanted)).map(([number]) => number))
        }
        if (!empty.has(here)) {
          if (here !== block) numbers = listOfAll(source.seqs(start, start + blockWidth - 1), direction)
          block = here
          const found = numbers.seek(at)
          if (found !== undefined) return low <= found && found <= high ? found : undefined
        }
        at = direction === 1 ? start + blockWidth : start - 1
      }
      return undefined
    },
  }
}

/** A search may look where nothing is; it may never pass by what is there. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import { bitsOf, blockWidth, runsOf, TextBlocks, type TextSource, textList } from '../../src/index/text-blocks.ts'
import type { StoredEntry } from '../../src/store/store.ts'
import { isMatch, search, stored } from '../support/texts.ts'

/** Blocks of which every entry is there. */
function sourceOf(blocks: readonly (readonly [number, Uint8Array])[]): TextSource {
  return {
    blocks: (first, last) => blocks.filter(([block]) => first <= block && block <= last),
    seqs: (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i),
  }
}

/** Whether a block of one entry is looked into. */
function isLookedInto(entry: StoredEntry, filter: EntryFilter, length = defaultLength(entry)): boolean {
  const wanted = runsOf(compileFilter(filter).fragments)
  if (wanted === undefined) return true
  const bits = bitsOf([entry], length)
  const list = textList(wanted, sourceOf([[0, bits]]), { low: 0, high: blockWidth - 1, direction: 1 })
  return list.seek(0) === 0
}

/** As long as the index makes it. */
function defaultLength(entry: StoredEntry): number {
  const blocks = new TextBlocks()
  void blocks.begin(0, { head: () => undefined, entries: () => [] })
  blocks.take({ ...entry, seq: 0 }, JSON.parse(Buffer.from(entry.leaf).toString()))
  return blocks.reach(blockWidth)!.bits.length
}

describe('a block of texts', () => {
  test('is looked into whenever an entry in it matches, in any letters, nesting and spelling', () => {
    fc.assert(
      fc.property(search, ({ entry, filter }) => {
        if (isMatch(entry, filter)) expect(isLookedInto(entry, filter)).toBe(true)
      }),
      { numRuns: 1500, seed: 5 },
    )
  })

  test('knows the leaf’s own texts, and leaves out names, numbers, hashes, the id and the time', () => {
    const members = { attributes: { 'gen_ai.tool.name': 'read_file', n: 12345 }, governanceStatus: 'approved' }
    const entry = stored(0, { operationResult: { secretname: 98765, list: ['Wien'] } }, members)
    // In the longest set, no two runs of these share a bit.
    const looks = (word: string) => isLookedInto(entry, { text: word }, 2 ** 14)
    expect(['READ_FILE', 'remember', 'approved', 'wien', 'ien'].map(looks)).toEqual(Array(5).fill(true))
    const nothing = ['secretname', '98765', '12345', '0000', '0199a3c1', '2026-11', 'gen_ai.tool', 'xxxx', 'graz']
    expect(nothing.map(looks)).toEqual(nothing.map(() => false))
  })

  test('of a length that is none, or with too much in it, rules out nothing', () => {
    const wanted = runsOf([['graz']])!
    const seek = (bits: Uint8Array) =>
      textList(wanted, sourceOf([[0, bits]]), { low: 0, high: 31, direction: 1 }).seek(0)
    expect(seek(new Uint8Array(4))).toBeUndefined()
    for (const length of [0, 1, 2, 6, 2 ** 15]) expect(seek(new Uint8Array(length))).toBe(0)
    const random = stored(0, {
      blob: Array.from({ length: 40_000 }, (_, i) => (i * 2654435761).toString(36)).join(' '),
    })
    expect(defaultLength(random)).toBe(0)
  })
})

test('a list goes over the blocks that may hold something, upwards and downwards, and the unfinished one', () => {
  const full = bitsOf([stored(0, { note: 'graz' })], 256)
  const none = bitsOf([stored(0, { note: 'linz' })], 256)
  const blocks: [number, Uint8Array][] = Array.from({ length: 200 }, (_, i) => [i, i % 90 === 3 ? full : none])
  const size = 200 * blockWidth + 5
  const inBlocks = [3, 93, 183].flatMap(block => Array.from({ length: blockWidth }, (_, i) => block * blockWidth + i))
  const expected = [...inBlocks, ...Array.from({ length: 5 }, (_, i) => 200 * blockWidth + i)]
  for (const direction of [1, -1] as const) {
    const list = textList(runsOf([['graz']])!, sourceOf(blocks), { low: 0, high: size - 1, direction })
    const found: number[] = []
    let at = direction === 1 ? 0 : size - 1
    for (let next = list.seek(at); next !== undefined; next = list.seek(at)) {
      found.push(next)
      at = next + direction
    }
    expect(found).toEqual(direction === 1 ? expected : expected.toReversed())
  }
})

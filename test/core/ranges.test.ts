import fc from 'fast-check'
import { expect, it } from 'vitest'
import { countIn, formatRanges, gapsIn, isIn, parseRanges, rangesOf, unite } from '../../src/core/ranges.ts'

const numbers = fc.uniqueArray(fc.nat(200)).map(list => list.sort((a, b) => a - b))

it('a set of numbers is written, read back, counted and asked as what it is', () => {
  fc.assert(
    fc.property(numbers, fc.nat(210), fc.nat(210), (list, from, to) => {
      const ranges = rangesOf(list)
      const text = formatRanges(ranges)
      expect(parseRanges(text)).toEqual(ranges)
      expect(countIn(ranges)).toBe(list.length)
      for (let n = 0; n < 210; n++) expect(isIn(ranges, n)).toBe(list.includes(n))
      const inGaps = [...gapsIn(ranges, from, to)].flatMap(([a, b]) =>
        Array.from({ length: b - a + 1 }, (_, i) => a + i),
      )
      const outside = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
      expect(inGaps).toEqual(outside.filter(n => !list.includes(n)))
    }),
  )
})

it('sets become one, whatever of them overlaps or touches', () => {
  fc.assert(
    fc.property(fc.array(numbers, { maxLength: 5 }), lists => {
      const all = [...new Set(lists.flat())].sort((a, b) => a - b)
      expect(unite(lists.flatMap(rangesOf))).toEqual(rangesOf(all))
    }),
  )
})

it.each([
  '1-',
  '-1',
  '2-1',
  '1,1',
  '1,2',
  '1-2,3',
  '3,1',
  '01',
  '1-1',
  ' 1',
  '1,',
  ',',
  'a',
  '1.5',
  '9999999999999999',
])('there is one spelling of a set, and %j is not one', text =>
  expect(() => parseRanges(text)).toThrow(/list of entries/),
)

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { entriesPath, formatBundle, parseBundle, parseTilePath, partialWidth, tilePath } from '../../src/core/tile.ts'

const badFormat = expect.objectContaining({ code: 'bad_format' })

describe('the path of a tile', () => {
  it.each([
    [0, 0, 256, 'tile/0/000'],
    [0, 999, 1, 'tile/0/999.p/1'],
    [1, 1000, 255, 'tile/1/x001/000.p/255'],
    [63, 1_234_067, 256, 'tile/63/x001/x234/067'],
    [7, Number.MAX_SAFE_INTEGER, 9, 'tile/7/x009/x007/x199/x254/x740/991.p/9'],
  ])('of level %i, index %i and width %i is as tlog-tiles says', (level, index, width, path) => {
    expect(tilePath(level, index, width)).toBe(path)
    expect(parseTilePath(path)).toEqual({ level, index, width })
  })

  it('is read back as it was written, for every tile and bundle', () => {
    const index = fc.oneof(fc.nat(1_001_001), fc.maxSafeNat())
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), index, fc.integer({ min: 1, max: 256 }), (level, index, width) => {
        expect(parseTilePath(tilePath(level, index, width))).toEqual({ level, index, width })
        expect(parseTilePath(entriesPath(index, width))).toEqual({ level: 'entries', index, width })
      }),
    )
  })

  it.each([
    '',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/00/000',
    'tile/01/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/x/000',
    'tile/0/x000/000',
    'tile/0/x001',
    'tile/0/001/000',
    'tile/0/x001/x000',
    'tile/0/1000',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000/',
    'tile/0/000\n',
    '/tile/0/000',
    'tile/0/٠٠٠',
    'tile/0/../000',
    'tile/0/x009/x007/x199/x254/x740/992',
    'tile/0/x001/x000/x000/x000/x000/x000/000',
    'tile/Entries/000',
    'tile/entries/0/000',
    'tile/8/0/000',
  ])('has one spelling, which is not %j', path => {
    expect(() => parseTilePath(path)).toThrow(badFormat)
  })

  it('is not written for what cannot be', () => {
    for (const [level, index, width] of [
      [64, 0, 1],
      [-1, 0, 1],
      [0.5, 0, 1],
      [0, -1, 1],
      [0, 2 ** 53, 1],
      [0, 0, 0],
      [0, 0, 257],
    ] as const) {
      expect(() => tilePath(level, index, width)).toThrow(RangeError)
    }
  })

  it('has the widths of the example in tlog-tiles', () => {
    expect([0, 1, 2, 3].map(level => partialWidth(level, 70_000))).toEqual([112, 17, 1, 0])
    expect([0, 1, 2].map(level => partialWidth(level, 256))).toEqual([0, 1, 0])
    expect(partialWidth(6, Number.MAX_SAFE_INTEGER)).toBe(31)
  })
})

describe('an entry bundle', () => {
  it('is read back as it was written', () => {
    const leaves = fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 256 })
    fc.assert(
      fc.property(leaves, leaves => {
        expect(parseBundle(formatBundle(leaves))).toEqual(leaves)
      }),
    )
    const longest = [new Uint8Array(65_535).fill(1), new Uint8Array(0)]
    expect(parseBundle(formatBundle(longest))).toEqual(longest)
  })

  it('is refused when it is empty, cut short or too long', () => {
    const bundle = formatBundle([new Uint8Array(300), new Uint8Array(2)])
    for (const length of [0, 1, 2, 301, 303, 304, 305]) {
      expect(() => parseBundle(bundle.subarray(0, length)), String(length)).toThrow(badFormat)
    }
    expect(() => parseBundle(new Uint8Array(2 * 257))).toThrow(badFormat)
    expect(parseBundle(new Uint8Array(2 * 256))).toHaveLength(256)
    expect(() => formatBundle([])).toThrow(RangeError)
    expect(() => formatBundle([new Uint8Array(65_536)])).toThrow(RangeError)
    expect(() => formatBundle(Array.from({ length: 257 }, () => new Uint8Array(0)))).toThrow(RangeError)
  })
})

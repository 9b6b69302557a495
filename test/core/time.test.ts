import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTime, parseTime, uuidv7, uuidv7Time } from '../../src/core/time.ts'

/** The text of an instant by whole numbers alone. */
const textOf = (micros: number): string => {
  const part = ((BigInt(micros) % 1_000_000n) + 1_000_000n) % 1_000_000n
  const second = Number((BigInt(micros) - part) / 1000n)
  return `${new Date(second).toISOString().slice(0, 19)}.${String(part).padStart(6, '0')}Z`
}

describe('an instant', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [1, '1970-01-01T00:00:00.000001Z'],
    [-1, '1969-12-31T23:59:59.999999Z'],
    [99_999, '1970-01-01T00:00:00.099999Z'],
    [100_000, '1970-01-01T00:00:00.100000Z'],
    [Date.UTC(2026, 10, 23, 14, 7) * 1000 + 123_456, '2026-11-23T14:07:00.123456Z'],
    [Date.UTC(2027, 0, 1) * 1000 - 1, '2026-12-31T23:59:59.999999Z'],
    [Date.UTC(2027, 0, 1) * 1000, '2027-01-01T00:00:00.000000Z'],
    [Date.UTC(2028, 1, 29) * 1000, '2028-02-29T00:00:00.000000Z'],
    [Date.UTC(2100, 2, 1) * 1000 - 1, '2100-02-28T23:59:59.999999Z'],
    [Number.MAX_SAFE_INTEGER, '2255-06-05T23:47:34.740991Z'],
    [Number.MIN_SAFE_INTEGER, '1684-07-28T00:12:25.259009Z'],
  ])('%i is written %s and read back', (micros, text) => {
    expect(formatTime(micros)).toBe(text)
    expect(parseTime(text)).toBe(micros)
  })

  it('is exact to the microsecond, in any order of asking', () => {
    const micros = fc.oneof(
      fc.maxSafeInteger(),
      fc.integer({ min: -9_007_199_253, max: 9_007_199_253 }).map(second => second * 1_000_000 - 1),
      fc.integer({ min: -9_007_199_253, max: 9_007_199_253 }).map(second => second * 1_000_000),
    )
    fc.assert(
      fc.property(micros, instant => {
        expect(formatTime(instant)).toBe(textOf(instant))
        expect(parseTime(textOf(instant))).toBe(instant)
      }),
      { numRuns: 5000 },
    )
  })

  it('sorts as its text does', () => {
    const micros = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(micros, micros, (a, b) => {
        expect(formatTime(a) < formatTime(b)).toBe(a < b)
      }),
    )
  })

  it.each([
    '',
    '2026-11-23',
    '2026-11-23T14:07:00Z',
    '2026-11-23T14:07:00.1Z',
    '2026-11-23T14:07:00.12345Z',
    '2026-11-23T14:07:00.1234567Z',
    '2026-11-23T14:07:00,123456Z',
    '2026-11-23T14:07:00.123456',
    '2026-11-23T14:07:00.123456z',
    '2026-11-23t14:07:00.123456Z',
    '2026-11-23 14:07:00.123456Z',
    '2026-11-23T14:07:00.123456+00:00',
    '2026-11-23T14:07:00.-12345Z',
    '2026-11-23T14:07:00. 12345Z',
    '2026-11-23T14:07:00.1e0005Z',
    '2026-11-23T14:07:00.0x0001Z',
    '2026-11-23T14:07:00.12345١Z',
    ' 2026-11-23T14:07:00.12345Z',
    '2026-11-23T14:07:00.123456Z ',
    '2026-11-23T14:07:00.123456Z\n',
    '2026-11-23T14:07:60.000000Z',
    '2026-11-23T14:60:00.000000Z',
    '2026-11-23T24:00:00.000000Z',
    '2026-11-31T00:00:00.000000Z',
    '2027-02-29T00:00:00.000000Z',
    '2026-13-01T00:00:00.000000Z',
    '2026-00-01T00:00:00.000000Z',
    '2026-11-00T00:00:00.000000Z',
    '2026-W48-1T00:00:00.000000Z',
    '+002026-11-23T14:07:00.0000Z',
    '-02026-11-23T14:07.000000Z ',
    // Beyond 2^53 microseconds, where two texts would be one number.
    '2255-06-05T23:47:34.740992Z',
    '2300-01-01T00:00:00.000001Z',
    '2300-01-01T00:00:00.000002Z',
    '9999-12-31T23:59:59.999999Z',
    '0000-01-01T00:00:00.000000Z',
  ])('has one spelling, and not %j', text => {
    expect(parseTime(text)).toBeUndefined()
  })
})

describe('a UUIDv7', () => {
  it('is the example of RFC 9562, appendix A.6', () => {
    // rand_a 0xcc3, rand_b 0x18c4dc0c0c07398f, at 2022-02-22T19:22:22Z
    const random = Buffer.from('0cc318c4dc0c0c07398f', 'hex')
    expect(uuidv7(1_645_557_742_000, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')
  })

  it('carries its millisecond, version 7, variant 2 and the random bits that are left', () => {
    const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 })
    const padding = fc.uint8Array({ maxLength: 20 })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), bytes, padding, (ms, random, before) => {
        const id = uuidv7(ms, random)
        const expected = new Uint8Array(16)
        expected.set(random, 6)
        expected[6] = 0x70 | (random[0]! & 0x0f)
        expected[8] = 0x80 | (random[2]! & 0x3f)
        const hex = ms.toString(16).padStart(12, '0') + Buffer.from(expected.subarray(6)).toString('hex')
        expect(id.replaceAll('-', '')).toBe(hex)
        expect(id.split('-').map(part => part.length)).toEqual([8, 4, 4, 4, 12])
        expect(uuidv7Time(id)).toBe(ms)
        expect(uuidv7(ms, Uint8Array.from([...before, ...random]), before.length)).toBe(id)
      }),
    )
  })

  it('sorts by its millisecond', () => {
    const ids = [0, 1, 255, 256, 2 ** 32, 1_795_442_820_000, 2 ** 48 - 1].map((ms, i) =>
      uuidv7(ms, new Uint8Array(10).fill(i % 2 === 0 ? 255 : 0)),
    )
    expect(ids.toSorted()).toEqual(ids)
  })

  const id = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'
  it.each([
    '',
    id.toUpperCase(),
    id.slice(1),
    `${id}0`,
    `${id}\n`,
    ` ${id}`,
    `{${id}}`,
    `urn:uuid:${id}`,
    id.replaceAll('-', ''),
    id.replace('-7cc3', '-4cc3'),
    id.replace('-98c4', '-78c4'),
    id.replace('-98c4', '-c8c4'),
    id.replace('0', 'g'),
    id.replaceAll('-', '–'),
  ])('is not %j', text => {
    expect(uuidv7Time(text)).toBeUndefined()
  })
})

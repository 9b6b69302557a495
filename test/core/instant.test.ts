import { describe, expect, test } from 'vitest'
import { parseInstant } from '../../src/core/instant.ts'

const micros = (text: string) => Date.parse(text) * 1000

describe('an instant as people write it', () => {
  test.each<[unknown, number]>([
    ['2026-11-23T14:07:00Z', micros('2026-11-23T14:07:00Z')],
    ['2026-11-23t14:07:00z', micros('2026-11-23T14:07:00Z')],
    ['2026-11-23 14:07:00Z', micros('2026-11-23T14:07:00Z')],
    ['2026-11-23T15:07:00+01:00', micros('2026-11-23T14:07:00Z')],
    ['2026-11-23T12:37:00-01:30', micros('2026-11-23T14:07:00Z')],
    ['2026-11-24T13:59:59+23:59', micros('2026-11-23T14:00:59Z')],
    ['2026-11-23T23:59:59Z', micros('2026-11-23T23:59:59Z')],
    ['2026-11-23T00:00:00Z', micros('2026-11-23T00:00:00Z')],
    ['2024-02-29T00:00:00Z', micros('2024-02-29T00:00:00Z')],
    ['0099-01-01T00:00:00Z', micros('0099-01-01T00:00:00Z')],
    ['1970-01-01T00:00:00.5Z', 500_000],
    ['1970-01-01T00:00:00.000001Z', 1],
    ['1970-01-01T00:00:00.0000010Z', 1],
    ['1970-01-01T00:00:00.0000011Z', 1.5],
    [new Date(1), 1000],
    [12.5, 12.5],
  ])('%j is %d µs', (given, is) => {
    expect(parseInstant(given, '$.since')).toBe(is)
  })

  test.each([
    '2026-11-23T24:00:00Z',
    '2026-11-23T23:60:00Z',
    '2026-11-23T23:59:60Z',
    '2026-11-23T23:59:59+24:00',
    '2026-11-23T23:59:59+00:60',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-11-31T00:00:00Z',
    '2026-11-23T14:07:00',
    '2026-11-23',
    ' 2026-11-23T14:07:00Z',
    '2026-11-23T14:07:00Z ',
    '2026-11-23T14:07:00.Z',
    '',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new Date(Number.NaN),
    null,
    undefined,
    {},
  ])('%j is none', given => {
    expect(() => parseInstant(given, '$.since')).toThrow(
      expect.objectContaining({ code: 'bad_input', path: '$.since' }),
    )
  })
})

import { createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  epochMicros,
  epochOf,
  evolve,
  formatSealKey,
  lastEpoch,
  parseSealKey,
  type SealKey,
  sealMac,
} from '../../src/core/seal.ts'

const start = Date.UTC(2026, 10, 23, 14, 7) * 1000 + 123_456
const first: SealKey = { origin: 'log.example/audit', start, epoch: 0, key: new Uint8Array(32).fill(7) }
const root = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)

/** FORMAT.md, section 6, word for word. */
const macOf = (key: Uint8Array, origin: string, size: number, root: Uint8Array): Buffer =>
  createHmac('sha256', key)
    .update(`memmimic-audit/seal/v1\n${origin}\n${size}\n${Buffer.from(root).toString('hex')}\n`)
    .digest()
const nextOf = (key: Uint8Array): Buffer => Buffer.from(hkdfSync('sha256', key, '', 'memmimic-audit/seal/next', 32))

describe('a seal', () => {
  it('is the HMAC of section 6 of FORMAT.md', () => {
    for (const size of [0, 1, 256, Number.MAX_SAFE_INTEGER]) {
      expect(Buffer.from(sealMac(first, size, root))).toEqual(macOf(first.key, first.origin, size, root))
    }
  })

  it('is another one for another key, origin, size or root', () => {
    const seals = [
      sealMac(first, 12, root),
      sealMac({ ...first, key: first.key.with(31, 8) }, 12, root),
      sealMac({ ...first, origin: 'log.example/audi' }, 12, root),
      sealMac({ ...first, origin: 'log.example/audit\n1' }, 2, root),
      sealMac(first, 1, root),
      sealMac(first, 12, root.with(0, 0)),
    ]
    expect(new Set(seals.map(mac => Buffer.from(mac).toString('hex'))).size).toBe(seals.length)
  })
})

describe('the keys of the epochs', () => {
  it('follow from each other as section 6 of FORMAT.md says', () => {
    let key: Uint8Array = first.key
    for (let epoch = 0; epoch <= 20; epoch++) {
      expect(evolve(first, epoch)).toEqual({ ...first, epoch, key: new Uint8Array(key) })
      key = nextOf(key)
    }
  })

  it('are the same in one step and in many', () => {
    expect(evolve(evolve(evolve(first, 3), 3), 11)).toEqual(evolve(first, 11))
  })

  it('never go back', () => {
    const later = evolve(first, 5)
    expect(() => evolve(later, 4)).toThrow(RangeError)
    expect(first.key).toEqual(new Uint8Array(32).fill(7))
  })

  it('are the keys of the 15 minutes since entry 0, in which an instant lies', () => {
    expect(epochMicros).toBe(900_000_000)
    // A century of them is what a check goes through at most.
    expect(lastEpoch).toBe(3_506_400)
    for (const [since, epoch] of [
      [-epochMicros, 0],
      [-1, 0],
      [0, 0],
      [epochMicros - 1, 0],
      [epochMicros, 1],
      [2 * epochMicros - 1, 1],
      [365 * 96 * epochMicros, 35_040],
    ] as const) {
      expect(epochOf(start, start + since)).toBe(epoch)
    }
  })
})

describe('a seal key as a line of text', () => {
  const hex = '07'.repeat(32)
  const line = `memmimic-audit-seal-key+log.example/audit+2026-11-23T14:07:00.123456Z+0+${hex}`

  it('is read back as it was written', () => {
    expect(formatSealKey(first)).toBe(line)
    for (const key of [first, evolve(first, 1), { ...first, epoch: 999_999_999_999, origin: 'ü', start: 0 }]) {
      expect(parseSealKey(formatSealKey(key))).toEqual(key)
    }
  })

  it('may stand in a file, with a newline behind it', () => {
    for (const spelling of [`${line}\n`, `${line}\r\n`, `  ${line}`]) expect(parseSealKey(spelling)).toEqual(first)
  })

  it.each([
    ['nothing', ''],
    ['another label', line.replace('seal-key', 'seed')],
    ['no label', line.slice('memmimic-audit-seal-key+'.length)],
    ['no origin', line.replace('log.example/audit', '')],
    ['an origin with a space', line.replace('audit+', 'au dit+')],
    ['an origin with a newline', line.replace('audit+', 'au\ndit+')],
    ['one part more', `${line}+1`],
    ['a plus at its end', `${line}+`],
    ['a leading zero', line.replace('+0+', '+00+')],
    ['a negative epoch', line.replace('+0+', '+-1+')],
    ['a fraction of an epoch', line.replace('+0+', '+0.5+')],
    ['an epoch of 13 digits', line.replace('+0+', '+1000000000000+')],
    ['no epoch', line.replace('+0+', '++')],
    ['a time of milliseconds', line.replace('.123456Z', '.123Z')],
    ['a time that is none', line.replace('-23T', '-31T')],
    ['no key', line.slice(0, -64)],
    ['a short key', line.slice(0, -2)],
    ['a long key', `${line}07`],
    ['an upper-case key', line.replace(hex, 'AB'.repeat(32))],
    ['a key that is not hex', line.replace(hex, '0g'.repeat(32))],
    ['two lines', `${line}\n${line}`],
  ])('has one spelling, and not one with %s', (_, spelling) => {
    expect(() => parseSealKey(spelling)).toThrow(
      expect.objectContaining({ code: 'bad_key', message: expect.not.stringContaining('0707') }),
    )
  })
})

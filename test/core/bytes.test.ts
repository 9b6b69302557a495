import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  concat,
  equal,
  fromBase64,
  fromBase64url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64url,
  toHex,
  utf8,
} from '../../src/core/bytes.ts'

const bytes = fc.uint8Array({ maxLength: 100 })

describe.each([
  ['base64', toBase64, fromBase64],
  ['base64url', toBase64url, fromBase64url],
  ['hex', toHex, fromHex],
] as const)('%s', (encoding, to, from) => {
  it('writes what Buffer writes, and reads it back', () => {
    fc.assert(
      fc.property(bytes, data => {
        const text = Buffer.from(data).toString(encoding)
        expect(to(data)).toBe(text)
        expect(from(text)).toEqual(data)
      }),
    )
    const every = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect(from(to(every))).toEqual(every)
  })

  it('accepts a text exactly when writing it again gives the same text', () => {
    const digits = encoding === 'hex' ? '0123456789abcdefAF x' : 'ABCDQgw048+/-_=Z \n.é'
    const texts = fc.oneof(
      fc.string({ unit: fc.constantFrom(...digits), maxLength: 12 }),
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.tuple(bytes, fc.nat(), fc.constantFrom(...digits, '==', '')).map(([data, at, piece]) => {
        const text = to(data)
        const place = at % (text.length + 1)
        return text.slice(0, place) + piece + text.slice(place + (at % 2))
      }),
    )
    fc.assert(
      fc.property(texts, text => {
        const data = Buffer.from(text, encoding)
        const canonical = data.toString(encoding) === text
        expect(from(text)).toEqual(canonical ? Uint8Array.from(data) : undefined)
      }),
      { numRuns: 5000 },
    )
  })
})

it.each([
  'A',
  'AA',
  'AAA',
  'AA=',
  'A===',
  '====',
  '=',
  'AB==',
  'AAB=',
  'AA==AAAA',
  'AA==\n',
  'AA\n==',
  ' AA==',
  'AA===',
])('base64 is not %j', text => {
  expect(fromBase64(text)).toBeUndefined()
})

it.each(['A', 'AA==', 'AB', 'AAB', 'AA\n', '+A', '/A', 'ＡＡ', '😀'])('base64url is not %j', text => {
  expect(fromBase64url(text)).toBeUndefined()
})

it.each(['0', '0A', '0x00', '00 ', ' 00', '0\n', '٠٠', '0g'])('hex is not %j', text => {
  expect(fromHex(text)).toBeUndefined()
})

describe('UTF-8', () => {
  it('is read back as it was written, a byte order mark and all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(Buffer.from(utf8(text))).toEqual(Buffer.from(text))
        expect(fromUtf8(utf8(text))).toBe(text)
      }),
    )
    for (const text of ['', '\ufeff', '\ufeffx', '\0', '\u{10ffff}', '\ud7ff\ue000', '\ufffd']) {
      expect(fromUtf8(utf8(text))).toBe(text)
    }
  })

  it('accepts bytes exactly when writing the text again gives the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), data => {
        const text = Buffer.from(data).toString('utf8')
        expect(fromUtf8(data)).toBe(Buffer.from(text).equals(data) ? text : undefined)
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    ['a lone continuation', '80'],
    ['an overlong slash', 'c0af'],
    ['an overlong slash of three', 'e080af'],
    ['an overlong NUL', 'c080'],
    ['a surrogate', 'eda080'],
    ['a surrogate pair', 'eda0bdedb880'],
    ['a code point above U+10FFFF', 'f4908080'],
    ['a byte that never stands', 'ff'],
    ['a text that ends in the middle', '61e282'],
  ])('refuses %s', (_, hex) => {
    expect(fromUtf8(Buffer.from(hex, 'hex'))).toBeUndefined()
  })
})

describe('byte strings', () => {
  it('stand one after another', () => {
    expect(concat()).toEqual(new Uint8Array(0))
    fc.assert(
      fc.property(fc.array(bytes), parts => {
        expect(Buffer.from(concat(...parts))).toEqual(Buffer.concat(parts))
      }),
    )
  })

  it('are equal when all bytes are', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(), (a, b, at) => {
        expect(equal(a, a.slice())).toBe(true)
        expect(equal(a, b)).toBe(Buffer.compare(a, b) === 0)
        expect(equal(a, concat(a, Uint8Array.of(0)))).toBe(false)
        if (a.length > 0) expect(equal(a, a.with(at % a.length, a[at % a.length]! ^ 1))).toBe(false)
      }),
    )
  })
})

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import {
  commitment,
  type Disclosure,
  formatContent,
  formatPreimage,
  opens,
  parseContent,
  parsePreimage,
  saltOf,
  toTriple,
} from '../../src/core/sealed.ts'

const badFormat = expect.objectContaining({ code: 'bad_format' })
const salt = Uint8Array.from({ length: 16 }, (_, i) => i)
const actor: Disclosure = { salt, name: 'actor', json: '{"id":"ü1","type":"user"}' }

/** FORMAT.md, section 3, word for word. */
const commitmentOf = ({ salt, name, json }: Disclosure): string =>
  createHash('sha256')
    .update(Buffer.from([0x02]))
    .update(salt)
    .update(name, 'utf8')
    .update(Buffer.from([0x00]))
    .update(json, 'utf8')
    .digest('base64url')

const disclosures = fc.record({
  salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  name: fc.string({ unit: 'grapheme', minLength: 1 }).map(name => name.replaceAll('\0', '·')),
  json: fc.json(),
})

describe('a commitment', () => {
  it('is the hash of section 3 of FORMAT.md', () => {
    expect(commitment(formatPreimage(actor))).toBe(commitmentOf(actor))
    // Computed once with coreutils: (printf '\x02'; printf …salt…; printf 'actor\0{"id":"ü1","type":"user"}') | sha256sum
    expect(Buffer.from(commitmentOf(actor), 'base64url').toString('hex')).toBe(
      '7ef1dea3de78fe779f16ee2ecf5b3a4c7f7f5988e4fb0d6f427f9c21605d7fe2',
    )
    fc.assert(
      fc.property(disclosures, disclosure => {
        expect(commitment(formatPreimage(disclosure))).toBe(commitmentOf(disclosure))
      }),
    )
  })

  it('is opened by its disclosure and by no other', () => {
    const committed = commitmentOf(actor)
    expect(opens(committed, actor)).toBe(true)
    for (const change of [
      { name: 'acto' },
      { name: 'actor ' },
      { name: 'session' },
      { json: '{"id":"ü2","type":"user"}' },
      { json: '{"type":"user","id":"ü1"}' },
      { json: '{"id":"u\u03081","type":"user"}' },
      { json: ` ${actor.json}` },
      { salt: salt.map((byte, i) => (i === 15 ? byte ^ 1 : byte)) },
      // What moves over the border between name and value, or between salt and name, is another disclosure.
      { name: 'acto', json: `r${actor.json}` },
      { name: `actor${actor.json.slice(0, 1)}`, json: actor.json.slice(1) },
      { salt: Uint8Array.from([...salt.subarray(1), 97]), name: 'ctor' },
    ]) {
      expect(opens(committed, { ...actor, ...change })).toBe(false)
    }
    for (const other of ['', committed.slice(1), `${committed}=`, committed.toLowerCase()]) {
      expect(opens(other, actor)).toBe(false)
    }
  })

  it('hides the same value behind another salt', () => {
    const other = { ...actor, salt: new Uint8Array(16) }
    expect(commitmentOf(other)).not.toBe(commitmentOf(actor))
  })

  it.each([0, 15, 17, 32])('needs a salt of 16 bytes, not %i', length => {
    const short = { ...actor, salt: new Uint8Array(length) }
    expect(() => formatPreimage(short)).toThrow(RangeError)
    expect(() => opens(commitmentOf(actor), short)).toThrow(RangeError)
  })
})

describe('a preimage', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(disclosures, disclosure => {
        const read = parsePreimage(formatPreimage(disclosure))
        expect({ ...read, salt: Uint8Array.from(read.salt) }).toEqual(disclosure)
        expect(formatPreimage(read)).toEqual(formatPreimage(disclosure))
      }),
    )
  })

  it('may have a salt of zeros', () => {
    const zeros = { ...actor, salt: new Uint8Array(16) }
    expect(parsePreimage(formatPreimage(zeros))).toEqual(zeros)
  })

  const preimage = formatPreimage(actor)
  it.each([
    ['nothing', new Uint8Array(0)],
    ['another first byte', preimage.with(0, 1)],
    ['only a salt', preimage.slice(0, 17)],
    ['no end of the name', preimage.slice(0, 22)],
    ['a name that is not UTF-8', preimage.with(18, 0xff)],
    ['a value that is not UTF-8', preimage.with(preimage.length - 1, 0xc3)],
  ])('is refused with %s', (_, bytes) => {
    expect(() => parsePreimage(bytes)).toThrow(badFormat)
  })
})

describe('a content', () => {
  const parts = [actor, { ...actor, name: 'session', json: '"s"' }, { ...actor, name: 'ü', json: 'null' }].map(
    formatPreimage,
  )
  const content = formatContent(parts)

  it('is each preimage behind its length, 32 bits, the high byte first', () => {
    expect(formatContent([])).toEqual(new Uint8Array(0))
    expect(parseContent(new Uint8Array(0))).toEqual([])
    expect(Buffer.from(formatContent([utf8('ab'), utf8('c')])).toString('hex')).toBe('0000000261620000000163')
    expect(parseContent(content)).toEqual(parts)
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })), random => {
        expect(parseContent(formatContent(random))).toEqual(random)
      }),
    )
  })

  it('is read wherever it stands in a larger buffer', () => {
    const large = new Uint8Array(content.length + 20).fill(0xff)
    large.set(content, 7)
    expect(parseContent(large.subarray(7, 7 + content.length))).toEqual(parts)
  })

  it('is refused when it is cut at any byte but between two preimages', () => {
    const whole = new Map([0, 1, 2, 3].map(count => [formatContent(parts.slice(0, count)).length, count]))
    for (let length = 0; length <= content.length; length++) {
      const cut = content.slice(0, length)
      const count = whole.get(length)
      if (count === undefined) expect(() => parseContent(cut), `${length}`).toThrow(badFormat)
      else expect(parseContent(cut)).toEqual(parts.slice(0, count))
    }
  })

  it.each([
    ['a byte too many', [...content, 0]],
    ['an empty preimage', [...content, 0, 0, 0, 0]],
    ['a length beyond the end', [0, 0, 0, 2, 1]],
    ['a length of 2^32 − 1', [0xff, 0xff, 0xff, 0xff, 1]],
  ])('is refused with %s', (_, bytes) => {
    expect(() => parseContent(Uint8Array.from(bytes))).toThrow(badFormat)
  })
})

describe('a disclosure on its way', () => {
  it('is [salt, name, value]', () => {
    expect(toTriple(actor)).toEqual(['AAECAwQFBgcICQoLDA0ODw', 'actor', { id: 'ü1', type: 'user' }])
    expect(saltOf(toTriple(actor))).toEqual(salt)
  })

  it.each([
    '',
    'AAECAwQFBgcICQoLDA0OD',
    'AAECAwQFBgcICQoLDA0OD+',
    'AAECAwQFBgcICQoLDA0ODw==',
    'AAECAwQFBgcICQoLDA0ODx',
  ])('has no salt %j', text => {
    expect(saltOf([text, 'actor', null])).toBeUndefined()
  })
})

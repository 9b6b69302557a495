import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { captureEntry, maxLeafBytes } from '../../src/core/capture.ts'
import type { Leaf } from '../../src/core/entry.ts'
import { canonicalize } from '../../src/core/json.ts'
import { glanceAtLeaf, judgeLeaf, leafText, parseLeaf } from '../../src/core/leaf.ts'
import { Random, seedOf } from '../support/random.ts'

const id = '019ab12c-3d4e-7f60-8abc-def012345678'
const time = '2026-11-23T14:07:00.123456Z'

/** A leaf with every member, none of it made by the code under test. */
const full = {
  attributes: { n: 1, on: true, text: 'é' },
  complianceFlags: ['a', 'b'],
  component: 'memory',
  governanceStatus: 'approved',
  id,
  intent: '019ab12c-0000-7f60-8abc-def012345678',
  kind: 'outcome',
  operation: 'remember',
  outcome: 'success',
  performanceMetrics: { ms: 0.5 },
  previousHash: '0123456789abcdef'.repeat(4),
  sealed: { actor: `${'A'.repeat(42)}w` },
  securityLevel: 'internal',
  seq: 1,
  time,
  trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  v: 1,
}
const text = JSON.stringify(full)
const problemOf = (spelling: string) => parseLeaf(utf8(spelling)).problem
const changed = (change: Record<string, unknown>) => problemOf(canonicalize({ ...full, ...change }))
const without = (...names: string[]) =>
  problemOf(JSON.stringify(Object.fromEntries(Object.entries(full).filter(([name]) => !names.includes(name)))))

describe('leafText', () => {
  it('is the canonical text of the members of FORMAT.md, section 2', () => {
    const draft = captureEntry(
      {
        operation: 'remember',
        component: 'memory',
        kind: 'outcome',
        outcome: 'success',
        intent: full.intent,
        trace: full.trace,
        complianceFlags: ['b', 'a'],
        governanceStatus: 'approved',
        performanceMetrics: { ms: 0.5 },
        attributes: { text: 'é', on: true, n: 1 },
        actor: { type: 'user', id: 'u1' },
      },
      { id, time: Date.UTC(2026, 10, 23, 14, 7) * 1000 },
    )
    const place = { seq: 1, time: Date.UTC(2026, 10, 23, 14, 7) * 1000 + 123_456, previousHash: full.previousHash }
    expect(leafText(draft, place, [full.sealed.actor])).toBe(text)
  })
})

describe('parseLeaf', () => {
  it('reads a leaf, with and without what may be absent', () => {
    expect(parseLeaf(utf8(text))).toEqual({ leaf: full })
    const optional = ['outcome', 'intent', 'trace', 'governanceStatus', 'performanceMetrics', 'attributes', 'sealed']
    for (const name of optional) expect(without(name)).toBeUndefined()
    expect(without(...optional)).toBeUndefined()
  })

  it.each(Object.keys(full).filter(name => !/outcome|intent|trace|govern|perform|attrib|sealed/.test(name)))(
    'misses %s',
    name => {
      const version = 'has the format version undefined; this release reads 1'
      expect(without(name)).toBe(name === 'v' ? version : `lacks ${name}`)
    },
  )

  it.each(Object.keys(full))('takes no null for %s, and no other type', name => {
    for (const value of [null, [null], [[]], 1.5, '', { x: null }]) {
      if (name === 'governanceStatus' && value === '') continue
      if (name === 'trace' && value === '') continue
      const problem = `has a wrong ${name}`
      const version = `has the format version ${JSON.stringify(value)}; this release reads 1`
      expect(changed({ [name]: value }), JSON.stringify(value)).toBe(name === 'v' ? version : problem)
    }
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['version 2', { v: 2 }, 'has the format version 2; this release reads 1'],
    ['version "1"', { v: '1' }, 'has the format version "1"; this release reads 1'],
    ['a negative number', { seq: -1 }, 'has a wrong seq'],
    ['a number as text', { seq: '1' }, 'has a wrong seq'],
    ['an upper-case id', { id: id.toUpperCase() }, 'has a wrong id'],
    ['an id in braces', { id: `{${id}}` }, 'has a wrong id'],
    ['an id without dashes', { id: id.replaceAll('-', '') }, 'has a wrong id'],
    ['an id of version 4', { id: id.replace('-7', '-4') }, 'has a wrong id'],
    ['an id of another variant', { id: id.replace('-8', '-c') }, 'has a wrong id'],
    ['an upper-case intent', { intent: full.intent.toUpperCase() }, 'has a wrong intent'],
    ['a time with three decimals', { time: '2026-11-23T14:07:00.123Z' }, 'has a wrong time'],
    ['a time without decimals', { time: '2026-11-23T14:07:00Z' }, 'has a wrong time'],
    ['a time with nine decimals', { time: '2026-11-23T14:07:00.123456789Z' }, 'has a wrong time'],
    ['a time with an offset', { time: '2026-11-23T14:07:00.123456+00:00' }, 'has a wrong time'],
    ['a lower-case time', { time: time.toLowerCase() }, 'has a wrong time'],
    ['a time with a space', { time: time.replace('T', ' ') }, 'has a wrong time'],
    ['a day that is none', { time: '2026-02-30T14:07:00.123456Z' }, 'has a wrong time'],
    ['hour 24', { time: '2026-11-23T24:00:00.000000Z' }, 'has a wrong time'],
    ['second 60', { time: '2016-12-31T23:59:60.000000Z' }, 'has a wrong time'],
    ['another kind', { kind: 'Event' }, 'has a wrong kind'],
    ['another outcome', { outcome: 'ok' }, 'has a wrong outcome'],
    ['another level', { securityLevel: 'standard' }, 'has a wrong securityLevel'],
    ['an operation of 257 characters', { operation: 'x'.repeat(257) }, 'has a wrong operation'],
    ['unsorted flags', { complianceFlags: ['b', 'a'] }, 'has a wrong complianceFlags'],
    ['flags sorted by code point', { complianceFlags: ['\ue000', '😀'] }, 'has a wrong complianceFlags'],
    ['a flag twice', { complianceFlags: ['a', 'a'] }, 'has a wrong complianceFlags'],
    ['an upper-case link', { previousHash: full.previousHash.toUpperCase() }, 'has a wrong previousHash'],
    ['a short link', { previousHash: full.previousHash.slice(1) }, 'has a wrong previousHash'],
    ['a long link', { previousHash: `${full.previousHash}00` }, 'has a wrong previousHash'],
    ['a text among the metrics', { performanceMetrics: { ms: '1' } }, 'has a wrong performanceMetrics'],
    ['a list among the attributes', { attributes: { a: [] } }, 'has a wrong attributes'],
    ['a short commitment', { sealed: { actor: 'A'.repeat(42) } }, 'has a wrong sealed'],
    ['a padded commitment', { sealed: { actor: `${'A'.repeat(43)}=` } }, 'has a wrong sealed'],
    ['a commitment in standard base64', { sealed: { actor: `+${'A'.repeat(42)}` } }, 'has a wrong sealed'],
    ['a commitment with other bits at its end', { sealed: { actor: `${'A'.repeat(42)}x` } }, 'has a wrong sealed'],
    ['a sealed value in the open', { sealed: { actor: { id: 'u1' } } }, 'has a wrong sealed'],
    ['a member that is not known', { extra: 1 }, 'has an unknown member'],
    ['an actor in the open', { actor: { id: 'u1', type: 'user' } }, 'has an unknown member'],
    ['a member toString', { toString: 1 }, 'has an unknown member'],
    ['a member __proto__', JSON.parse('{"__proto__":{}}'), 'has an unknown member'],
  ])('refuses %s', (_, change, problem) => {
    const members = { ...full, ...change }
    if (Object.hasOwn(change, '__proto__')) Object.defineProperty(members, '__proto__', { value: {}, enumerable: true })
    expect(problemOf(canonicalize(members))).toBe(problem)
  })

  /** Row 34 of the threats: what means the same as the leaf, or may, and is not the leaf. */
  it.each([
    ['a space', text.replace('"seq":1', '"seq": 1')],
    ['a newline at its end', `${text}\n`],
    ['a byte order mark', `\ufeff${text}`],
    ['indentation', JSON.stringify(full, null, 1)],
    ['1.0 for 1', text.replace('"seq":1', '"seq":1.0')],
    ['1e0 for 1', text.replace('"seq":1', '"seq":1e0')],
    ['-0 for 0', text.replace('"seq":1', '"seq":-0')],
    ['0.50 for 0.5', text.replace('"ms":0.5', '"ms":0.50')],
    ['5e-1 for 0.5', text.replace('"ms":0.5', '"ms":5e-1')],
    ['1E-7 for 1e-7', text.replace('"ms":0.5', '"ms":1E-7')],
    ['a number of too many digits', text.replace('"ms":0.5', '"ms":0.1000000000000000055')],
    ['1e21 for 1e+21', text.replace('"ms":0.5', '"ms":1e21')],
    ['1e400', text.replace('"ms":0.5', '"ms":1e400')],
    ['an escaped letter', text.replace('memory', 'm\\u0065mory')],
    ['an escaped letter in a name', text.replace('"component"', '"c\\u006fmponent"')],
    ['an escaped accent', text.replace('é', '\\u00e9')],
    ['an escaped slash', text.replace('memory', 'mem\\/ory')],
    ['a long escape for a short one', text.replace('é', '\\u000a')],
    ['an upper-case escape', text.replace('é', '\\u001F')],
    ['two escapes for a pair', text.replace('é', '\\ud83d\\ude00')],
    ['a lone surrogate', text.replace('é', '\\ud800')],
    ['a lone surrogate in a name', text.replace('"on"', '"o\\udc00"')],
    ['another order', `{"v":1,${text.slice(1).replace(',"v":1}', '}')}`],
    ['another order within', text.replace('"n":1,"on":true', '"on":true,"n":1')],
    ['numeric names in order of number', text.replace('"ms":0.5', '"9":1,"10":1')],
    ['a member twice', text.replace('"v":1', '"v":1,"v":1')],
    ['a member twice within', text.replace('"n":1', '"n":2,"n":1')],
    ['a trailing comma', text.replace('"v":1}', '"v":1,}')],
    ['two leaves', text + text],
    ['no JSON', text.slice(0, -1)],
    ['nothing', ''],
    ['a deep list', '['.repeat(60_000)],
    ['a deep list that ends', '['.repeat(30_000) + ']'.repeat(30_000)],
  ])('takes one spelling, and not one with %s', (_, spelling) => {
    expect(spelling).not.toBe(text)
    expect(problemOf(spelling)).toMatch(/^is not (in canonical spelling|canonical JSON)$/)
  })

  it('tells composed from decomposed text, and takes names in the order of RFC 8785 even where JavaScript has its own', () => {
    expect(parseLeaf(utf8(text.replace('é', 'e\u0301'))).leaf?.attributes?.text).toBe('e\u0301')
    expect(problemOf(text.replace('"ms":0.5', '"10":1,"9":1'))).toBeUndefined()
    expect(problemOf(text.replace('"ms":0.5', '"__proto__":1'))).toBeUndefined()
    expect(problemOf(text.replace('é', '\\\\ud800 \\n \u2028 😀'))).toBeUndefined()
  })

  it.each(['1e+21', '-1e+21', '1.7976931348623157e+308', '9007199254740992', '-9007199254740992'])(
    'takes no integer beyond ±(2^53−1), as %s',
    number => {
      expect(problemOf(text.replace('"n":1', `"n":${number}`))).toBe('has a wrong attributes')
      expect(problemOf(text.replace('"ms":0.5', `"ms":${number}`))).toBe('has a wrong performanceMetrics')
      expect(problemOf(text.replace('"seq":1', `"seq":${number}`))).toBe('has a wrong seq')
    },
  )

  it.each([
    ['null', 'is not an object'],
    ['[]', 'is not an object'],
    ['"leaf"', 'is not an object'],
    ['1', 'is not an object'],
    ['{}', 'has the format version undefined; this release reads 1'],
  ])('takes no %s', (spelling, problem) => {
    expect(problemOf(spelling)).toBe(problem)
  })

  it('takes no bytes that are not UTF-8', () => {
    const bytes = utf8(text)
    const at = text.indexOf('é')
    for (const wrong of [
      [0xff, 0xff],
      [0xc3, 0x28],
      [0xc1, 0x81],
      [0xed, 0xa0],
    ]) {
      const copy = bytes.slice()
      copy.set(wrong, at)
      expect(parseLeaf(copy)).toEqual({ problem: 'is not valid UTF-8' })
    }
    expect(parseLeaf(utf8(text).slice(0, at + 1))).toEqual({ problem: 'is not valid UTF-8' })
  })

  it('takes 65 535 bytes and not one more', () => {
    const filled = (length: number) => {
      const short = text.replace('é', '')
      return short.replace('"text":""', `"text":"${'x'.repeat(length - short.length)}"`)
    }
    expect(problemOf(filled(maxLeafBytes))).toBeUndefined()
    expect(problemOf(filled(maxLeafBytes + 1))).toBe('has 65536 bytes, more than 65535')
  })

  it('is not the same leaf with any one bit changed', () => {
    const bytes = utf8(text)
    let refused = 0
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = bytes.slice()
      copy[bit >> 3]! ^= 1 << (bit & 7)
      const { leaf } = parseLeaf(copy)
      if (leaf === undefined) refused++
      else expect(leaf).not.toEqual(full)
    }
    expect(refused).toBeGreaterThan(bytes.length * 4)
  })
})

describe('the short way through a leaf', () => {
  /** Members as an agent may give them, in any of their values. */
  function anyLeaf(random: Random): Record<string, unknown> {
    const words = [
      '',
      'a',
      'Zoë',
      '🌍',
      '{',
      '}',
      ']',
      '"',
      '\\',
      '\n',
      '\u2028',
      'a,b',
      ':',
      '0',
      '10',
      '9',
      '__proto__',
      'null',
    ]
    const numbers = [0, -1, 0.5, 1e-7, 5e-324, 123456789012345, 2 ** 53 - 1, -0.1]
    const word = () => random.pick(words) + random.pick(words)
    const map = (value: () => unknown) =>
      Object.fromEntries(Array.from({ length: random.below(4) }, () => [word(), value()]))
    const given: Record<string, unknown> = {
      ...full,
      attributes: map(() => random.pick([word(), random.pick(numbers), true, false])),
      complianceFlags: [...new Set(Array.from({ length: random.below(3) }, word))].sort(),
      component: `x${word()}`,
      governanceStatus: word(),
      operation: random.chance(0.1) ? 'x'.repeat(255 + random.below(3)) : `x${word()}`,
      performanceMetrics: map(() => random.pick(numbers)),
      sealed: map(() => full.sealed.actor),
      seq: random.pick([0, 1, 2 ** 53 - 1, 10 ** 15]),
      trace: word(),
    }
    for (const name of [
      'outcome',
      'intent',
      'trace',
      'governanceStatus',
      'performanceMetrics',
      'attributes',
      'sealed',
    ]) {
      if (random.chance(0.3)) delete given[name]
    }
    return given
  }

  /** A text with a character or a stretch of it taken out, put in, or put elsewhere. */
  function harmed(text: string, random: Random): string {
    const at = random.below(text.length)
    const length = random.below(random.chance(0.8) ? 3 : 60)
    const pieces = [
      '"',
      ',',
      '{',
      '}',
      ':',
      '0',
      '-',
      '1e5',
      ' ',
      '\\',
      '\n',
      'null',
      'NaN',
      '1e21',
      'true',
      '"a":1,',
      '"v":1,',
      ',"v":1',
      'é',
    ]
    const piece = random.chance(0.5) ? random.pick(pieces) : text.slice(at, at + length)
    const to = random.below(text.length)
    return random.chance(0.3)
      ? text.slice(0, at) + text.slice(at + length)
      : text.slice(0, to) + piece + text.slice(random.chance(0.5) ? to : to + piece.length)
  }

  /** What a glance at a leaf shall see. */
  function seenOf({ seq, id, time, kind, operation, intent, previousHash, sealed }: Leaf) {
    return { seq, id, time, kind, operation, intent, previousHash, sealed: sealed && canonicalize(sealed) }
  }

  it('leads where the long one does, for whatever text', () => {
    const random = new Random(seedOf('leaf'))
    let read = 0
    let refused = 0
    for (let i = 0; i < 8000; i++) {
      const spelled = canonicalize(anyLeaf(random))
      const given = i % 2 === 0 ? spelled : harmed(spelled, random)
      if (!given.isWellFormed()) continue
      const short = parseLeaf(utf8(given))
      const long = judgeLeaf(given)
      expect(short, given).toEqual(long)
      expect(glanceAtLeaf(utf8(given)), given).toEqual(long.leaf && seenOf(long.leaf))
      // In the order of the text too.
      if (short.leaf !== undefined) expect(canonicalize(short.leaf)).toBe(given)
      if (short.leaf !== undefined) expect(JSON.stringify(short.leaf)).toBe(JSON.stringify(long.leaf))
      if (short.leaf === undefined) refused++
      else read++
    }
    expect(Math.min(read, refused)).toBeGreaterThan(2000)
  })

  it('costs the same for each character of a text that ends otherwise', () => {
    for (const part of ['"a":"b",', '"', '{"a":1', `"a":"${'A'.repeat(42)}w",`, '[', '1,']) {
      const given = `${text.slice(0, text.indexOf('"sealed"'))}"sealed":{${part.repeat(60_000 / part.length)}`
      const started = performance.now()
      expect(parseLeaf(utf8(given)).problem).toBeDefined()
      expect(performance.now() - started).toBeLessThan(1000)
    }
  })
})

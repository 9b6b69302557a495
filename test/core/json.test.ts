import { createHash } from 'node:crypto'
import oracle from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalize, maxDepth, numberText, parseJson } from '../../src/core/json.ts'
import { describeVectors, readVector } from '../support/vectors.ts'

const refuse = (message: string) => expect.objectContaining({ name: 'AuditError', code: 'bad_input', message })
const tooDeep = `the value is nested deeper than ${maxDepth}`
const beyond = 'is beyond ±(2^53−1); write it as a string'
const nest = (depth: number, leaf: unknown): unknown => {
  let value = leaf
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

/** Any value that both JSON and the format can say, with names that are hard on maps and on sorting. */
const hardName = fc.constantFrom(
  '__proto__',
  'constructor',
  'toString',
  '',
  '10',
  '9',
  '\u{10ffff}',
  '\ue000',
  '\0',
  '"',
)
const name = fc.oneof({ weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) }, hardName)
const number = fc
  .oneof(fc.double({ noDefaultInfinity: true, noNaN: true }), fc.maxSafeInteger(), fc.constant(-0))
  .filter(n => !Number.isInteger(n) || Number.isSafeInteger(n))
const { json } = fc.letrec<{ json: unknown }>(tie => ({
  json: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'json' },
    fc.string({ unit: 'binary', maxLength: 12 }),
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('json'), { maxLength: 5, depthIdentifier: 'json' }),
    fc.array(fc.tuple(name, tie('json')), { maxLength: 5, depthIdentifier: 'json' }).map(pairs => {
      // Object.fromEntries defines members, so that __proto__ is one like any other.
      return Object.fromEntries(pairs)
    }),
  ),
}))
const zeroed = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describeVectors('canonical JSON against the examples of RFC 8785', () => {
  it.each(['arrays', 'french', 'structures', 'unicode', 'values', 'weird'])('writes %s byte for byte', file => {
    const input = readVector(`jcs/input/${file}.json`)
    const hex = readVector(`jcs/outhex/${file}.txt`).replaceAll(/\s/g, '')
    const text = JSON.parse(input)
    // 1E30 stands in the example, and is beyond what the format allows: its text is checked with the numbers.
    if (file === 'values') {
      expect(() => canonicalize(text)).toThrow(
        refuse('$.numbers[1]: the integer is beyond ±(2^53−1); write it as a string'),
      )
      text.numbers[1] = 'a number'
    }
    const written = canonicalize(text).replace('"a number"', numberText(1e30))
    expect(written).toBe(readVector(`jcs/output/${file}.json`))
    expect(Buffer.from(written).toString('hex')).toBe(hex)
    if (file !== 'values') expect(canonicalize(parseJson(input))).toBe(written)
  })
})

/**
 * The numbers of json-canonicalization's generator: a list of hard cases, 2,000 doubles from the smallest normal one on,
 * then chained SHA-256 blocks. The list, as bits: each power-of-ten cascade with and without its sign.
 */
function* generatedNumbers(): Generator<bigint> {
  const cascade = [
    0x446696695dbd1cc3n,
    0x443211ede4974a35n,
    0x43fce97ca0f21056n,
    0x43c7213080c1a6acn,
    0x439280f39a348556n,
    0x435d9b1f5d20d557n,
    0x4327af4c4a80aaacn,
    0x42f2f2a36ecd5556n,
    0x42be51057e155558n,
    0x428840d131aaaaacn,
    0x4253670dc1555557n,
    0x421f0b4935555557n,
    0x41e8d5d42aaaaaacn,
    0x41b3de4355555556n,
    0x417fca0555555556n,
    0x41496e6aaaaaaaabn,
    0x4114585555555555n,
    0x40e046aaaaaaaaabn,
    0x40aa0aaaaaaaaaaan,
    0x4074d55555555555n,
    0x4040aaaaaaaaaaabn,
    0x400aaaaaaaaaaaabn,
    0x3fd5555555555555n,
    0x3fa1111111111111n,
    0x3f6b4e81b4e81b4fn,
    0x3f35d867c3ece2a5n,
    0x3f0179ec9cbd821en,
    0x3ecbf647612f3696n,
    0x3e965e9f80f29212n,
    0x3e61e54c672874dbn,
    0x3e2ca213d840baf8n,
    0x3df6e80fe033c8c6n,
    0x3dc2533fe68fd3d2n,
    0x3d8d51ffd74c861cn,
    0x3d5774ccac3d3817n,
    0x3d22c3d6f030f9acn,
    0x3cee0624b3818f79n,
    0x3cb804ea293472c7n,
    0x3c833721ba905bd3n,
    0x3c4ebe9c5db3c61en,
    0x3c18987d17c304e5n,
    0x3be3ad30dfcf371dn,
    0x3baf7b816618582fn,
    0x3b792f9ab81379bfn,
    0x3b442615600f9499n,
    0x3b101e77800c76e1n,
    0x3ad9ca58cce0be35n,
    0x3aa4a1e0a3e6fe90n,
    0x3a708180831f320dn,
    0x3a3a68cd9e985016n,
  ]
  const sign = 1n << 63n
  yield* [0n, sign, 1n, sign | 1n]
  yield* cascade.map(bits => bits | sign)
  yield* cascade
  yield* `4024000000000000 4014000000000000 3fe0000000000000 3fa999999999999a 3f747ae147ae147b 3f40624dd2f1a9fc
    3f0a36e2eb1c432d 3ed4f8b588e368f1 3ea0c6f7a0b5ed8d 3e6ad7f29abcaf48 3e35798ee2308c3a 3ed539223589fa95
    3ed4ff26cd5a7781 3ed4f95a762283ff 3ed4f8c60703520c 3ed4f8b72f19cd0d 3ed4f8b5b31c0c8d 3ed4f8b58d1c461a
    3ed4f8b5894f7f0e 3ed4f8b588ee37f3 3ed4f8b588e47da4 3ed4f8b588e3849c 3ed4f8b588e36bb5 3ed4f8b588e36937
    3ed4f8b588e368f8 3ed4f8b588e368f1 3ff0000000000000 bff0000000000000 bfeffffffffffffa bfeffffffffffffb
    3feffffffffffffa 3feffffffffffffb 3feffffffffffffc 3feffffffffffffe bfefffffffffffff bfefffffffffffff
    3fefffffffffffff 3fefffffffffffff 3fd3333333333332 3fd3333333333333 3fd3333333333334 0010000000000000
    000ffffffffffffd 000fffffffffffff 7fefffffffffffff ffefffffffffffff 4340000000000000 c340000000000000
    4430000000000000 44b52d02c7e14af5 44b52d02c7e14af6 44b52d02c7e14af7 444b1ae4d6e2ef4e 444b1ae4d6e2ef4f
    444b1ae4d6e2ef50 3eb0c6f7a0b5ed8c 3eb0c6f7a0b5ed8d 41b3de4355555553 41b3de4355555554 41b3de4355555555
    41b3de4355555556 41b3de4355555557 becbf647612f3696 43143ff3c1cb0959`
    .split(/\s+/)
    .map(hex => BigInt(`0x${hex}`))
  for (let i = 0n; i < 2000n; i++) yield 0x0010000000000000n + i
  for (let block = Buffer.alloc(32); ; ) {
    block = createHash('sha256').update(block).digest()
    for (let at = 0; at < 32; at += 8) {
      const value = block.readDoubleLE(at)
      if (value !== 0 && Number.isFinite(value)) yield block.readBigUInt64LE(at)
    }
  }
}

const doubleOf = (bits: bigint): number => new Float64Array(BigUint64Array.of(bits).buffer)[0]!

it('a value that unfolds without end, though it is small in memory, is refused before it fills the memory', () => {
  let value: unknown = []
  for (let i = 0; i < 60; i++) value = [value, value]
  expect(() => canonicalize(value)).toThrow('$: the value is made of more than 1000000 objects and lists')
})

describe('the text of a number', () => {
  it.each([
    // The sum of the vectors' README, and that of json-canonicalization's own, which reaches the random numbers.
    [1000, 'be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687'],
    [10_000, 'b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892'],
  ])('is that of the first %i numbers of json-canonicalization', (count, sum) => {
    const hash = createHash('sha256')
    let left = count
    for (const bits of generatedNumbers()) {
      if (left-- === 0) break
      const value = doubleOf(bits)
      const text = numberText(value)
      if (Math.abs(value) < Number.MAX_SAFE_INTEGER) expect(canonicalize(value)).toBe(text)
      hash.update(`${bits.toString(16)},${text}\n`)
    }
    expect(hash.digest('hex')).toBe(sum)
  })
})

describe('canonicalize', () => {
  it('writes what another implementation of RFC 8785 writes', () => {
    fc.assert(
      fc.property(json, value => {
        expect(canonicalize(value)).toBe(oracle(value))
      }),
      { numRuns: 2000 },
    )
  })

  it('writes one text for one value, however its members came to be', () => {
    fc.assert(
      fc.property(json, value => {
        const text = canonicalize(value)
        expect(canonicalize(parseJson(text))).toBe(text)
        expect(canonicalize(parseJson(JSON.stringify(value, null, '\t')))).toBe(text)
        expect(canonicalize(reversed(value))).toBe(text)
      }),
      { numRuns: 1000 },
    )
  })

  it.each<[string, unknown, string]>([
    ['a negative zero', [-0], '[0]'],
    ['the largest integers', [2 ** 53 - 1, 1 - 2 ** 53], '[9007199254740991,-9007199254740991]'],
    ['numbers at the turns of the notation', [1e-6, 1e-7, 0.1 + 0.2], '[0.000001,1e-7,0.30000000000000004]'],
    ['the smallest and a large fraction', [5e-324, 4503599627370495.5], '[5e-324,4503599627370495.5]'],
    ['names by UTF-16 code units', { '\ue000': 1, '\u{1f600}': 2, 9: 3, 10: 4 }, '{"10":4,"9":3,"😀":2,"\ue000":1}'],
    ['NFC and NFD as two names', { '\u00e9': 1, 'e\u0301': 2 }, '{"e\u0301":2,"\u00e9":1}'],
    ['control characters', '\0\b\t\n\f\r\u001f\u007f\u2028"\\/', '"\\u0000\\b\\t\\n\\f\\r\\u001f\u007f\u2028\\"\\\\/"'],
    ['a date', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ['a frozen object', Object.freeze({ a: Object.freeze([]) }), '{"a":[]}'],
    ['a value that stands in two places', (shared => [shared, { shared }])({ a: 1 }), '[{"a":1},{"shared":{"a":1}}]'],
    ['a member __proto__', JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
    ['a member that is not enumerable as none', Object.defineProperty({ a: 1 }, 'b', { value: 2 }), '{"a":1}'],
    ['the deepest value', nest(maxDepth, 1), canonicalText(maxDepth)],
  ])('writes %s', (_, value, text) => {
    expect(canonicalize(value)).toBe(text)
  })

  const cycle: Record<string, unknown> = { a: [{}] }
  ;(cycle.a as Record<string, unknown>[])[0]!.back = cycle
  const ring: unknown[] = []
  ring.push(ring)
  const broken = new Error('no')
  const getter = {
    deep: [
      {
        get a() {
          throw broken
        },
      },
    ],
  }

  it.each<[string, unknown, string]>([
    ['undefined', undefined, '$: undefined is not a JSON value'],
    ['undefined as a member', { a: undefined }, '$.a: undefined is not a JSON value'],
    ['undefined in a list', { a: [1, undefined] }, '$.a[1]: undefined is not a JSON value'],
    ['a hole in a list', { a: Array(2) }, '$.a[0]: undefined is not a JSON value'],
    ['a function', { a: () => 1 }, '$.a: function is not a JSON value'],
    ['a toJSON function', { a: { toJSON: () => 1 } }, '$.a.toJSON: function is not a JSON value'],
    ['a class', [class A {}], '$[0]: function is not a JSON value'],
    ['a symbol', [Symbol('s')], '$[0]: symbol is not a JSON value'],
    ['a symbol as a name', { a: { [Symbol('s')]: 1 } }, '$.a: the object is not a plain one'],
    ['a BigInt', { 'a b': 1n }, '$["a b"]: bigint is not a JSON value'],
    ['NaN', { a: { b: [Number.NaN] } }, '$.a.b[0]: NaN is not a JSON number'],
    ['Infinity', { $: 1 / 0 }, '$.$: Infinity is not a JSON number'],
    ['−Infinity', [[-1 / 0]], '$[0][0]: -Infinity is not a JSON number'],
    ['2^53', [2 ** 53], '$[0]: the integer is beyond ±(2^53−1); write it as a string'],
    ['−2^53', { n: -(2 ** 53) }, '$.n: the integer is beyond ±(2^53−1); write it as a string'],
    ['1e21', { n: 1e21 }, '$.n: the integer is beyond ±(2^53−1); write it as a string'],
    ['an invalid date', [new Date(Number.NaN)], '$[0]: the date is not one of the years 0000–9999'],
    ['a date after the year 9999', [new Date(253402300800000)], '$[0]: the date is not one of the years 0000–9999'],
    ['a date before the year 0', [new Date(-62167219200001)], '$[0]: the date is not one of the years 0000–9999'],
    ['what only looks like a date', Object.create(Date.prototype), '$: the date is not one of the years 0000–9999'],
    ['a lone surrogate', { a: 'x\ud800' }, '$.a: the text has a lone surrogate'],
    ['a lone low surrogate', ['\udc00x'], '$[0]: the text has a lone surrogate'],
    ['surrogates the wrong way round', ['\udc00\ud800'], '$[0]: the text has a lone surrogate'],
    ['a lone surrogate in a name', { a: { '\ud800': 1 } }, '$.a: a member name has a lone surrogate'],
    ['a boxed number', [Object(1)], '$[0]: an instance of Number is not a JSON value'],
    ['a boxed string', [Object('a')], '$[0]: an instance of String is not a JSON value'],
    ['a boxed BigInt', [Object(1n)], '$[0]: an instance of BigInt is not a JSON value'],
    ['a map', { a: new Map([['b', 1]]) }, '$.a: an instance of Map is not a JSON value'],
    ['a set', { a: new Set() }, '$.a: an instance of Set is not a JSON value'],
    ['a regular expression', { a: /x/ }, '$.a: an instance of RegExp is not a JSON value'],
    ['an error', { a: new RangeError('x') }, '$.a: an instance of RangeError is not a JSON value'],
    ['a promise', { a: Promise.resolve() }, '$.a: an instance of Promise is not a JSON value'],
    ['a buffer', { a: Buffer.from('x') }, '$.a: an instance of Buffer is not a JSON value'],
    ['a typed array', [new Float64Array(1)], '$[0]: an instance of Float64Array is not a JSON value'],
    ['bytes', [new ArrayBuffer(1)], '$[0]: an instance of ArrayBuffer is not a JSON value'],
    ['a class instance', [new (class Secret {})()], '$[0]: an instance of Secret is not a JSON value'],
    ['an instance of no name', [new (class {})()], '$[0]: an instance of a class is not a JSON value'],
    ['an object that inherits', [Object.create({ a: 1 })], '$[0]: an instance of Object is not a JSON value'],
    ['the global Math', { Math }, '$.Math: the object is not a plain one'],
    ['arguments', [argumentsOf(1)], '$[0]: the object is not a plain one'],
    ['a cycle', cycle, '$.a[0].back: the value contains itself'],
    ['a list in itself', ring, '$[0]: the value contains itself'],
    ['a getter that throws', getter, '$.deep[0].a: the value cannot be read'],
    ['a value too deep', nest(maxDepth + 1, 1), `$${'[0].a'.repeat(maxDepth / 2)}: ${tooDeep}`],
  ])('refuses %s with the path', (_, value, message) => {
    const path = message.slice(0, message.indexOf(': '))
    expect(() => canonicalize(value)).toThrow(refuse(message))
    expect(() => canonicalize(value)).toThrow(expect.objectContaining({ path }))
    expect(() => canonicalize({ in: [value] }, '$.x')).toThrow(expect.objectContaining({ code: 'bad_input' }))
  })

  it('calls the value in an error what the caller calls it, and keeps what a getter threw', () => {
    expect(() => canonicalize({ tags: [1n] }, '$.userContext')).toThrow(
      refuse('$.userContext.tags[0]: bigint is not a JSON value'),
    )
    expect(() => canonicalize(getter)).toThrow(expect.objectContaining({ cause: broken }))
  })

  it('says one line, whatever the name', () => {
    const message = '$["a\\nb"]["\\"]"]: bigint is not a JSON value'
    expect(() => canonicalize({ 'a\nb': { '"]': 1n } })).toThrow(refuse(message))
  })

  it('reads each member once', () => {
    let reads = 0
    const value = {
      get a() {
        return ++reads
      },
      list: Object.defineProperty([0], 0, { get: () => ++reads, enumerable: true }),
    }
    expect(canonicalize(value)).toBe('{"a":1,"list":[2]}')
    expect(reads).toBe(2)
  })

  it('is not led into an endless walk by getters that make new objects', () => {
    const unfolding = (): unknown => Object.defineProperty({}, 'a', { get: unfolding, enumerable: true })
    expect(() => canonicalize(unfolding())).toThrow(refuse(`$${'.a'.repeat(maxDepth)}: ${tooDeep}`))
  })
})

describe('parseJson', () => {
  it('reads what was written', () => {
    fc.assert(
      fc.property(json, value => {
        const read = parseJson(JSON.stringify(value))
        expect(read).toEqual(zeroed(value))
        expect(JSON.stringify(read)).toBe(JSON.stringify(value))
      }),
      { numRuns: 1000 },
    )
  })

  it('accepts nothing that JSON.parse refuses, reads the same, and refuses only what it must', () => {
    const pieces = fc.constantFrom(
      ...'{}[]",:\\ \n01-+.eEtn'.split(''),
      ...[
        'true',
        'false',
        'null',
        '"a"',
        '"a":',
        '"b":1',
        '\\u0041',
        '\\ud800',
        '\\udc00',
        '1e400',
        '\u00a0',
        '\u0001',
      ],
      ...['9007199254740993', '[1,2]', '{"a":1}', '{"a":1,"a":2}', '😀', '\ud83d'],
    )
    const texts = fc.oneof(
      fc.array(pieces, { maxLength: 8 }).map(parts => parts.join('')),
      fc.tuple(json, fc.nat(), pieces).map(([value, at, piece]) => {
        const text = JSON.stringify(value)
        return text.slice(0, at % (text.length + 1)) + piece + text.slice((at % (text.length + 1)) + (at % 2))
      }),
    )
    fc.assert(
      fc.property(texts, text => {
        const [ours, theirs] = [attempt(() => parseJson(text)), attempt(() => JSON.parse(text))]
        if ('value' in ours) expect(ours).toEqual(theirs)
        else if ('value' in theirs) expect(ours.error).toMatch(/lone surrogate|stands twice|too large|2\^53|deeper/)
      }),
      { numRuns: 5000 },
    )
  })

  it('refuses a second member of one name, wherever and however it is written', () => {
    const escaped = (text: string) => [...text].map(unit => escapeUnits(unit)).join('')
    fc.assert(
      fc.property(json, name, fc.boolean(), (value, twice, spell) => {
        const again = spell ? `"${escaped(twice)}"` : JSON.stringify(twice)
        const text = `[{${JSON.stringify(twice)}:${JSON.stringify(value)},"between":0, ${again} :1}]`
        if (twice === 'between') return
        expect(() => parseJson(text)).toThrow(/^\$\[0\].*: the name stands twice \((line \d+, )?column \d+\)$/s)
      }),
    )
  })

  it('keeps a member __proto__ as a member, and inherits nothing from it', () => {
    const read = parseJson('{"__proto__": {"admin": true}, "constructor": 1}') as Record<string, unknown>
    expect(Object.keys(read)).toEqual(['__proto__', 'constructor'])
    expect(read.admin).toBeUndefined()
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    expect(JSON.stringify(read)).toBe('{"__proto__":{"admin":true},"constructor":1}')
    expect(Object.getOwnPropertyDescriptors(read)).toEqual(
      Object.getOwnPropertyDescriptors(JSON.parse(JSON.stringify(read))),
    )
  })

  it.each([
    ['nothing', '', '$: the JSON text ends too early (column 1)'],
    ['only space', ' \n ', '$: the JSON text ends too early (line 2, column 2)'],
    ['a byte order mark', '\ufeff{}', '$: this is not a JSON value (column 1)'],
    ['another space', '\u00a01', '$: this is not a JSON value (column 1)'],
    ['two values', '{} {}', '$: there is text after the JSON value (column 4)'],
    ['a NUL after the value', '1\0', '$: there is text after the JSON value (column 2)'],
    ['a leading zero', '[01]', '$: a comma or ] is missing (column 3)'],
    ['a plus sign', '[+1]', '$[0]: this is not a JSON value (column 2)'],
    ['a bare point', '{"a":.5}', '$.a: this is not a JSON value (column 6)'],
    ['a point at the end', '[1.]', '$: a comma or ] is missing (column 3)'],
    ['a hex number', '0x10', '$: there is text after the JSON value (column 2)'],
    ['a lone minus', '[-]', '$[0]: this is not a JSON value (column 2)'],
    ['NaN', '{"a":[NaN]}', '$.a[0]: this is not a JSON value (column 7)'],
    ['Infinity', '{"a":-Infinity}', '$.a: this is not a JSON value (column 6)'],
    ['undefined', '[undefined]', '$[0]: this is not a JSON value (column 2)'],
    ['half a word', '[tru]', '$[0]: this is not a JSON value (column 2)'],
    ['a word too many', 'nullify', '$: there is text after the JSON value (column 5)'],
    ['1e400', '{"a":\n [1e400]}', '$.a[0]: the number 1e400 is too large (line 2, column 3)'],
    ['−1e400', '-1e400', '$: the number -1e400 is too large (column 1)'],
    ['2^53', '[9007199254740992]', `$[0]: the integer 9007199254740992 ${beyond} (column 2)`],
    ['2^53 + 1', '{"id": 9007199254740993}', `$.id: the integer 9007199254740993 ${beyond} (column 8)`],
    ['−2^53', '-9007199254740992', `$: the integer -9007199254740992 ${beyond} (column 1)`],
    ['1e21', '1e21', `$: the integer 1e21 ${beyond} (column 1)`],
    ['a fraction that rounds to 2^53', '9007199254740991.9', `$: the integer 9007199254740991.9 ${beyond} (column 1)`],
    ['a number of many digits', '1'.repeat(99), `$: the integer ${'1'.repeat(24)}… ${beyond} (column 1)`],
    ['a trailing comma', '[1,]', '$[1]: this is not a JSON value (column 4)'],
    ['a trailing comma in an object', '{"a":1,}', '$: a member name must be a string (column 8)'],
    ['a missing comma', '{"a":1 "b":2}', '$: a comma or } is missing (column 8)'],
    ['a missing colon', '{"a" 1}', '$.a: a colon is missing (column 6)'],
    ['a name without quotes', '{a:1}', '$: a member name must be a string (column 2)'],
    ['single quotes', "['a']", '$[0]: this is not a JSON value (column 2)'],
    ['a comment', '[1 /* one */]', '$: a comma or ] is missing (column 4)'],
    ['an open list', '{"a":[1,2', '$.a: a comma or ] is missing (column 10)'],
    ['an open object', '{"a":{', '$.a: a member name must be a string (column 7)'],
    ['an open string', '["abc', '$[0]: a string is not closed (column 6)'],
    ['a raw newline in a string', '{"a": "x\ny"}', controlled('$.a', 'column 9')],
    ['a raw NUL in a name', '{"x\0":1}', controlled('$', 'column 4')],
    ['an escape of nothing', '"\\', '$: a string has an unknown escape (column 2)'],
    ['an unknown escape', '"\\x41"', '$: a string has an unknown escape (column 2)'],
    ['a short escape', '"\\u12"', '$: a string has a broken \\u escape (column 2)'],
    ['a lone surrogate', '{"a":"\\ud800x"}', '$.a: a string has a lone surrogate (column 15)'],
    ['a raw lone surrogate', '["\udc00"]', '$[0]: a string has a lone surrogate (column 5)'],
    ['a lone surrogate in a name', '{"\\uDC00":1}', '$: a string has a lone surrogate (column 10)'],
    ['a name twice', '{"a":1,\n\n  "a":2}', '$.a: the name stands twice (line 3, column 6)'],
    ['a name twice, one escaped', '{"a":{"b":1,"\\u0062":1}}', '$.a.b: the name stands twice (column 21)'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', '$.__proto__: the name stands twice (column 27)'],
    ['a value too deep', '['.repeat(129), `$${'[0]'.repeat(128)}: ${tooDeep} (column 129)`],
    ['a value much too deep', '{"a":'.repeat(1e5), `$${'.a'.repeat(128)}: ${tooDeep} (column 641)`],
  ])('refuses %s, with path and position', (_, text, message) => {
    expect(() => parseJson(text)).toThrow(refuse(message))
    expect(() => parseJson(text)).toThrow(expect.objectContaining({ path: message.slice(0, message.indexOf(': ')) }))
  })

  it('reads as deep as canonicalize writes', () => {
    const text = canonicalize(nest(maxDepth, 'x'))
    expect(canonicalize(parseJson(text))).toBe(text)
  })
})

function controlled(path: string, where: string): string {
  return `${path}: a string has a raw control character; write it as \\uXXXX (${where})`
}

function canonicalText(depth: number): string {
  let text = '1'
  for (let i = 0; i < depth; i++) text = i % 2 === 0 ? `[${text}]` : `{"a":${text}}`
  return text
}

function argumentsOf(..._: unknown[]): unknown {
  // biome-ignore lint/complexity/noArguments: it is what the test is about
  return arguments
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, part]) => [name, reversed(part)]),
  )
}

function escapeUnits(text: string): string {
  return Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
    '',
  )
}

function attempt(action: () => unknown): { value: unknown } | { error: string } {
  try {
    return { value: action() }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

/** Changes to an input of the kind that break parsers: of bytes, of pieces, of numbers and lengths, of known words. */
import { concat, utf8 } from '../../src/core/bytes.ts'
import type { Random } from '../support/random.ts'

/** What means something in many formats at once. */
const words = [
  ...[
    '',
    ' ',
    '\n',
    '\n\n',
    '\r\n',
    '\t',
    '\0',
    '"',
    "'",
    '\\',
    '/',
    ':',
    ',',
    '{',
    '}',
    '[',
    ']',
    '{}',
    '[]',
    '+',
    '-',
    '=',
  ],
  ...[
    'null',
    'true',
    'false',
    'NaN',
    'Infinity',
    '1e999',
    '-0',
    '0',
    '00',
    '1.0',
    '1e0',
    '-1',
    '255',
    '256',
    '65535',
    '65536',
  ],
  ...[
    '2147483648',
    '4294967296',
    '9007199254740991',
    '9007199254740992',
    '9223372036854775808',
    '18446744073709551616',
  ],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', 'toJSON', 'then'],
  ...['\ufeff', '\u202e', '\u2028', '\u0000', '\u007f', '\u0085', '\u200b', '\ud83d\ude00', 'é', 'e\u0301', '٣', '—'],
  ...[
    '\\u0000',
    '\\ud800',
    '\\ud83d\\ude00',
    '\\u2028',
    '\\/',
    '%00',
    '../',
    '://',
    '&a',
    '*a',
    '<<',
    '!!js/function',
    '---',
  ],
].map(utf8)

const bytes = [
  [0x00],
  [0xff],
  [0x80],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xef, 0xbb, 0xbf],
  [0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0, 0, 0, 1],
  [0x80, 0, 0, 0],
]
export const known = [...words, ...bytes.map(list => Uint8Array.from(list))]

/** Longer inputs say nothing new, and take their time. */
export const maxLength = 65_536

/** Values that are JSON and seldom meant. */
const odd: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 0.5, 1e21, 5e-324, 2 ** 53, -(2 ** 53), 1e308, [], {}, [[]], [null], ''],
  ...[
    '\ud800',
    '\udfff\ud800',
    '\u0000',
    '\u202e',
    '\ufeff',
    '__proto__',
    'null',
    '0',
    ' ',
    'a'.repeat(300),
    'é'.repeat(300),
  ],
  JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":null,"toJSON":1}'),
  JSON.parse('['.repeat(140) + ']'.repeat(140)),
]

function changeMember(
  random: Random,
  holder: Record<string | number, unknown>,
  key: string | number,
  mayGo: boolean,
): void {
  const value = holder[key]
  const kind = random.below(4)
  if (kind === 0 && mayGo) delete holder[key]
  else if (kind === 1) holder[random.pick(['__proto__', 'constructor', 'x', '0', '', 'seq', 'name', '\ud800'])] = value
  else if (kind === 2 && typeof value === 'string') {
    const cut = random.below(value.length + 1)
    holder[key] = value.slice(0, cut) + random.pick(odd.filter(part => typeof part === 'string')) + value.slice(cut)
  } else holder[key] = random.pick(odd)
}

/** Where a line is JSON: one of its values, names or pieces is another. */
function mutateJson(random: Random, input: Uint8Array): Uint8Array | undefined {
  const lines = Buffer.from(input).toString().split('\n')
  const at = random.below(lines.length)
  try {
    const root = [JSON.parse(lines[at]!) as unknown]
    let holder: unknown[] | Record<string, unknown> = root
    let key: string | number = 0
    // A way down from the root, of any length.
    for (let value: unknown = root[0]; typeof value === 'object' && value !== null && random.chance(0.8); ) {
      const keys: string[] = Object.keys(value)
      if (keys.length === 0) break
      holder = value as Record<string, unknown>
      key = random.pick(keys)
      value = holder[key]
    }
    changeMember(random, holder as Record<string | number, unknown>, key, holder !== root)
    lines[at] = JSON.stringify(root[0])
    return utf8(lines.join('\n'))
  } catch {
    return undefined
  }
}

/** One input out of a few good ones, a little or quite another. */
export function mutate(random: Random, corpus: readonly Uint8Array[], dictionary: readonly Uint8Array[]): Uint8Array {
  let input = random.pick(corpus)
  if (random.chance(0.4)) {
    const changed = mutateJson(random, input)
    if (changed !== undefined && random.chance(0.7)) return changed.subarray(0, maxLength)
    input = changed ?? input
  }
  for (let times = 1 + random.below(random.chance(0.2) ? 12 : 3); times > 0; times--) {
    input = change(random, input, corpus, dictionary)
    if (input.length > maxLength) input = input.subarray(0, maxLength)
  }
  return input
}

function change(
  random: Random,
  input: Uint8Array,
  corpus: readonly Uint8Array[],
  dictionary: readonly Uint8Array[],
): Uint8Array {
  const at = random.below(input.length + 1)
  const length = random.chance(0.5) ? random.below(9) : random.below(input.length + 1)
  const end = Math.min(input.length, at + length)
  const put = (...parts: Uint8Array[]) => concat(input.subarray(0, at), ...parts, input.subarray(end))
  const word = () => random.pick(dictionary.length > 0 && random.chance(0.5) ? dictionary : known)
  switch (random.below(13)) {
    case 0:
      return input.map((byte, i) => (i === at ? byte ^ (1 << random.below(8)) : byte))
    case 1:
      return input.map((byte, i) => (i === at ? random.below(256) : byte))
    case 2:
      return input.subarray(0, at)
    case 3:
      return put()
    case 4:
      return put(input.subarray(at, end), input.subarray(at, end))
    case 5:
      return put(...Array<Uint8Array>(1 + random.below(200)).fill(input.subarray(at, Math.min(end, at + 64))))
    case 6:
      return concat(input.subarray(0, at), word(), input.subarray(at))
    case 7:
      return put(word())
    case 8: {
      const other = random.pick(corpus)
      const from = random.below(other.length + 1)
      return put(other.subarray(from, from + random.below(other.length - from + 1)))
    }
    case 9: {
      const other = random.pick(corpus)
      return concat(input.subarray(0, at), other.subarray(random.below(other.length + 1)))
    }
    case 10:
      return number(random, input, at)
    case 11: {
      const to = random.below(input.length + 1)
      const rest = concat(input.subarray(0, at), input.subarray(end))
      return concat(rest.subarray(0, to), input.subarray(at, end), rest.subarray(to))
    }
    default: {
      const repeated = word()
      return put(...Array<Uint8Array>(random.below(2000)).fill(repeated.subarray(0, 32)))
    }
  }
}

/** The next number in a text, by one more or less, or by much; where there is none, four bytes as a length. */
function number(random: Random, input: Uint8Array, at: number): Uint8Array {
  let start = at
  while (start < input.length && !isDigit(input[start]!)) start++
  let end = start
  while (end < input.length && isDigit(input[end]!)) end++
  if (end > start) {
    const value = BigInt(Buffer.from(input.subarray(start, Math.min(end, start + 40))).toString())
    const others = [value + 1n, value - 1n, value * 2n, value * 10n, 2n ** BigInt(random.below(70)), -value, 0n]
    return concat(input.subarray(0, start), utf8(String(random.pick(others))), input.subarray(end))
  }
  const out = Uint8Array.from(input)
  if (at + 4 <= out.length) new DataView(out.buffer).setUint32(at, random.below(2 ** 32))
  return out
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

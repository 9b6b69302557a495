import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findMembers, findMessages, last, type Members } from '../../src/mcp/envelope.ts'
import { LineSplitter } from '../../src/mcp/framing.ts'

const names = ['id', 'method', 'params', 'result', 'error']

function valueAt(bytes: Uint8Array, members: Members, name: string): unknown {
  const span = last(members, name)
  return span && JSON.parse(Buffer.from(bytes.subarray(span.start, span.end)).toString())
}

/** Spells a text in one of the many ways that JSON allows. */
function spelled(text: string, seed: number): string {
  return `"${[...text].map((c, i) => ((seed >> (i % 30)) & 1 ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : c)).join('')}"`
}

describe('lines', () => {
  test('come out of any chunks as they went in, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 14, maxLength: 60 }), fc.array(fc.nat(8)), (bytes, cuts) => {
        const splitter = new LineSplitter()
        const lines: Uint8Array[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          lines.push(...splitter.push(bytes.subarray(at, at + cut)))
          at += cut
        }
        const rest = splitter.end()
        for (const line of lines) expect([line.indexOf(10), line.at(-1)]).toEqual([line.length - 1, 10])
        expect(rest?.includes(10) ?? false).toBe(false)
        expect(Buffer.concat(rest === undefined ? lines : [...lines, rest])).toEqual(Buffer.from(bytes))
        expect(splitter.end()).toBeUndefined()
      }),
    )
  })
})

describe('the scanner', () => {
  const message = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.jsonValue(), { maxKeys: 8 })

  test('finds what JSON.parse finds, in single messages and in batches', () => {
    fc.assert(
      fc.property(
        fc.oneof(message, fc.array(message, { minLength: 1 })),
        fc.constantFrom(undefined, 2),
        (value, space) => {
          const text = JSON.stringify(value, null, space).replaceAll('\n', ' ')
          const bytes = Buffer.from(`${text}\r\n`)
          const { envelopes, batch } = findMessages(bytes)
          const wanted = [value].flat()
          expect(batch).toBe(Array.isArray(value))
          expect(envelopes).toHaveLength(wanted.length)
          for (const [i, object] of wanted.entries()) {
            for (const name of names) {
              const expected = Object.hasOwn(object, name) ? JSON.parse(JSON.stringify(object[name])) : undefined
              expect(valueAt(bytes, envelopes[i]!, name)).toEqual(expected)
            }
          }
        },
      ),
    )
  })

  test('never fails and always ends on bytes that are no JSON', () => {
    const pieces = fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '\r', '\u2028', '"method"', 'x', '1', ' ')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), parts => {
        const bytes = Buffer.from(parts.join(''))
        for (const members of findMessages(bytes).envelopes) {
          for (const spans of members.values()) {
            for (const { start, end } of spans) expect(start <= end && end <= bytes.length).toBe(true)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('reads names in every spelling', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), (name, seed) => {
        const bytes = Buffer.from(`{${spelled(name, seed)} : ${spelled('tools/call', seed)}}`)
        expect(valueAt(bytes, findMessages(bytes).envelopes[0]!, name)).toBe('tools/call')
      }),
    )
  })

  test.each([
    ['a name that comes twice', '{"method":"ping","id":1,"method":"tools/call"}'],
    ['a carriage return between two messages', '{"method":"ping"}\r{"method":"tools/call","id":1}'],
    ['a carriage return inside an array', '{"a":[\r{"method":"tools/call","id":1}\r]}'],
    ['a carriage return after a broken string', '{"a":"\r{"method":"tools/call","id":1}'],
    ['a line separator after noise', 'noise "\u2028{"method":"tools/call","id":1}'],
    ['a byte order mark', '\ufeff{"method":"tools/call","id":1}'],
    ['a trailing comma', '{"method":"tools/call","id":1,}'],
    ['a message without an end', '{"method":"tools/call","params":{'],
  ])('finds the call behind %s', (_, text) => {
    const bytes = Buffer.from(text)
    const methods = findMessages(bytes).envelopes.flatMap(members => members.get('method') ?? [])
    expect(methods.map(span => bytes.subarray(span.start, span.end).toString())).toContain('"tools/call"')
  })

  test.each([
    ['backslashes', `{"params":"${'\\\\'.repeat(4_000_000)}","id":1}`],
    ['quotes', `{"params":"${'\\"'.repeat(4_000_000)}","id":1}`],
    ['brackets', `{"params":${'['.repeat(4_000_000)}${']'.repeat(4_000_000)},"id":1}`],
    ['open brackets', '['.repeat(8_000_000)],
    ['carriage returns', `{"params":[${'\r'.repeat(4_000_000)}],"id":1}`],
    ['separators', '\u2028{"a'.repeat(800_000)],
    ['broken objects', '{"a":{'.repeat(1_000_000)],
  ])('takes linear time over many %s', (_, text) => {
    const bytes = Buffer.from(text)
    const start = performance.now()
    const { envelopes } = findMessages(bytes)
    findMembers(bytes, last(envelopes[0] ?? new Map(), 'params'), new Set(['name']))
    expect(performance.now() - start).toBeLessThan(3000)
  })
})

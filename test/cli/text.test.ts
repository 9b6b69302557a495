import { expect, test } from 'vitest'
import { clip, jsonLine, layOut, visible, widthOf } from '../../src/cli/text.ts'

test('nothing that a value holds reaches the terminal unseen', () => {
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue
    const char = String.fromCodePoint(code)
    const isHidden = /[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u.test(char)
    // Marks and letters that are drawn with others, and places where nothing is assigned yet.
    const isOrdinary = /\p{M}|\p{Lo}|\p{Cn}|[\u{1bca0}-\u{1bca3}]|[\u{1d173}-\u{1d17a}]/u.test(char)
    if (isHidden && !isOrdinary) expect(visible(char)).toBe(`\\u{${code.toString(16)}}`)
  }
  expect(visible('Zoë 🌍 é 名前')).toBe('Zoë 🌍 é 名前')
  expect(visible('\ud800')).toBe('\\u{d800}')
  const value = { 'a\u202e\u001b[2J': '\u{e0041}\u0085\u2028' }
  expect(JSON.parse(jsonLine(value))).toEqual(value)
  expect(visible(jsonLine(value).trimEnd())).toBe(jsonLine(value).trimEnd())
})

test('a table fits into the terminal, and cuts what is widest', () => {
  const rows = [{ a: '1', b: 'x'.repeat(50), c: '名'.repeat(20) }]
  const columns = [
    { title: 'a', value: (row: (typeof rows)[0]) => row.a, align: 'right' as const },
    { title: 'b', value: (row: (typeof rows)[0]) => row.b, min: 5 },
    { title: 'c', value: (row: (typeof rows)[0]) => row.c, min: 5 },
    { title: 'empty', value: () => '' },
  ]
  for (const total of [20, 40, 60, 200]) {
    for (const line of layOut(columns, rows, total)) {
      expect(line.length).toBe(3)
      expect(widthOf(line.join('  '))).toBeLessThanOrEqual(total)
    }
  }
  expect(clip('名前です', 5)).toBe('名前…')
})

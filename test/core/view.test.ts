import { expect, test } from 'vitest'
import { readJson } from '../../src/core/view.ts'

test.each(['"\\ud800"', '{"a":["x",{"b":"\\udfff"}]}', '{"\\ud800":1}', '["\\ude00\\ud83d"]', '"', 'undefined', ''])(
  'what no UTF-8 could carry, or is no JSON, is not read: %s',
  text => expect(readJson(text)).toBeUndefined(),
)

test.each([
  ['"\\ud83d\\ude00"', '😀'],
  ['{"\\u0001":"\\u001f"}', { '\u0001': '\u001f' }],
  ['[null,true,1,{}]', [null, true, 1, {}]],
])('%s is read as what it says', (text, value) => expect(readJson(text)).toEqual(value))

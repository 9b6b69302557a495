import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import { quickLook } from '../../src/trail/quick-look.ts'
import { isMatch, search, stored } from '../support/texts.ts'

const look = (entry: Parameters<typeof isMatch>[0], filter: EntryFilter) =>
  quickLook(compileFilter(filter))?.(entry) ?? true

test('a quick look never passes by an entry that matches, in any letters, nesting and spelling', () => {
  let matched = 0
  fc.assert(
    fc.property(search, ({ entry, filter }) => {
      if (!isMatch(entry, filter)) return
      matched++
      expect(look(entry, filter)).toBe(true)
    }),
    { numRuns: 3000, seed: 6 },
  )
  expect(matched).toBeGreaterThan(500)
})

test('a quick look sees what is not there, wherever that stands', () => {
  const entry = stored(0, { operationResult: { city: 'Graz', more: 'Zoë\n"quoted"' } }, { operation: 'remember' })
  const looks = (text: string) => look(entry, { text })
  expect(['graz', 'REMEMBER', 'zo', 'quoted'].map(looks)).toEqual([true, true, true, true])
  expect(['linz', 'grazx', '"graz zoë"'].map(looks)).toEqual([false, false, false])
  // Nothing of these stands in the bytes as it is written here.
  expect(['ë', '"ö"'].map(looks)).toEqual([true, true])
  const where = { field: 'operationResult.city', op: 'in', value: ['Linz', 'Wien'] } as const
  expect(look(entry, { where: [where] })).toBe(false)
  expect(look(entry, { where: [{ ...where, value: ['Linz', 'Graz'] }] })).toBe(true)
})

test('a leaf in another spelling than the canonical one is opened', () => {
  const entry = stored(0, {})
  const other = { ...entry, leaf: utf8(Buffer.from(entry.leaf).toString().replace('remember', 'rem\\u0065mber')) }
  const filter: EntryFilter = { text: 'remember' }
  expect([isMatch(other, filter), look(other, filter)]).toEqual([true, true])
})

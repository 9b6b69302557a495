/** Entries with texts in odd letters, and searches for parts of them. */
import fc from 'fast-check'
import { utf8 } from '../../src/core/bytes.ts'
import { compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import { canonicalize } from '../../src/core/json.ts'
import { formatContent, formatPreimage } from '../../src/core/sealed.ts'
import { openEntry } from '../../src/core/view.ts'
import type { StoredEntry } from '../../src/store/store.ts'

const hash = '0'.repeat(64)

/** An entry with these sealed values. */
export function stored(seq: number, sealed: Record<string, unknown>, members: object = {}): StoredEntry {
  const names = Object.keys(sealed)
  const leaf = {
    v: 1,
    seq,
    id: '0199a3c1-7f00-7abc-8def-0123456789ab',
    time: '2026-11-23T14:07:00.123456Z',
    kind: 'event',
    operation: 'remember',
    component: 'store',
    securityLevel: 'internal',
    complianceFlags: [],
    previousHash: hash,
    ...(names.length > 0 && { sealed: Object.fromEntries(names.map(name => [name, 'x'.repeat(43)])) }),
    ...members,
  }
  const preimages = names.map(name =>
    formatPreimage({ salt: new Uint8Array(16), name, json: canonicalize(sealed[name]) }),
  )
  return { seq, leaf: utf8(canonicalize(leaf)), content: formatContent(preimages) }
}

const letters = fc.string({
  unit: fc.constantFrom(...'abAB zß\u0130\u03a3\u03c3\u03c2ΑÅﬀ\u212a"\\/\n\u0000\u00e9𐐀🌍日本語'),
  minLength: 1,
  maxLength: 24,
})
const text = fc.oneof(letters, fc.string({ unit: 'binary', maxLength: 24 })).filter(value => value.isWellFormed())
const value = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.integer(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(text, tie('value'), { maxKeys: 3 }),
  ),
})).value

const part = (whole: string) =>
  fc
    .tuple(fc.nat(whole.length), fc.nat(whole.length))
    .map(([a, b]) => whole.slice(Math.min(a, b), Math.max(a, b)))
    .filter(cut => cut.isWellFormed())

/** An entry, and a filter that looks for a part of a text in it, in one of the ways in which one can. */
export const search: fc.Arbitrary<{ entry: StoredEntry; filter: EntryFilter }> = text
  .chain(whole => fc.tuple(fc.constant(whole), part(whole), value))
  .chain(([whole, cut, other]) => {
    const entry = stored(0, { userContext: { a: [other, { b: whole }] }, note: whole })
    const spelt = fc.constantFrom(cut, cut.toUpperCase(), cut.toLowerCase())
    const caseSensitive = fc.boolean()
    const op = fc.constantFrom('contains' as const, 'starts_with' as const, 'ends_with' as const, 'eq' as const)
    return fc
      .tuple(spelt, op, caseSensitive, fc.nat(2))
      .map(([value, op, caseSensitive, way]): EntryFilter => {
        if (way === 0) return { text: `"${value.replaceAll('"', ' ')}"` }
        if (way === 1) return { where: [{ field: 'userContext.a.1.b', op, value, caseSensitive }] }
        return { where: [{ field: 'sealed.note', op: 'in', value: [value, 'something else'], caseSensitive }] }
      })
      .map(filter => ({ entry, filter }))
  })

export function isMatch(entry: StoredEntry, filter: EntryFilter): boolean {
  try {
    return compileFilter(filter).matches(openEntry(entry).view!)
  } catch {
    // Not a word to search for.
    return false
  }
}

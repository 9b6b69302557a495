import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256Base64url, sha256Hex } from '../../src/core/primitives.ts'
import { formatContent, formatPreimage } from '../../src/core/sealed.ts'
import { packContents, packLeaves, unpackContents, unpackLeaves } from '../../src/store/block.ts'

const bytes = fc.uint8Array({ maxLength: 200 })
const salt = fc.uint8Array({ minLength: 16, maxLength: 16 })
const preimage = fc
  .record({ salt, name: fc.string({ minLength: 1, unit: fc.constantFrom('a', 'ü', 'z') }), json: fc.json() })
  .map(formatPreimage)
const framed = fc.array(preimage, { maxLength: 6 }).map(formatContent)
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const base64url = hash.map(bytes => Buffer.from(bytes).toString('base64url'))
/** Leaves as they are, and what comes close to one: hashes of another length or spelling, names and texts that mislead. */
const leaf = fc
  .record({
    link: fc.oneof(
      hash.map(bytes => Buffer.from(bytes).toString('hex')),
      hash.map(bytes => Buffer.from(bytes).toString('hex').toUpperCase()),
      fc.constantFrom('', 'a'.repeat(63), 'a'.repeat(65), `${'a'.repeat(63)}g`, '"previousHash":"'),
    ),
    operation: fc.constantFrom('remember', '"previousHash":""', ':"":""', '","sealed":{"', 'ü'),
    sealed: fc.dictionary(
      fc.constantFrom('actor', 'a:', ':"', 'memoryId', '', 'previousHash'),
      fc.oneof(
        { weight: 4, arbitrary: base64url },
        fc.constantFrom('', 'A'.repeat(42), 'B'.repeat(43), 'A'.repeat(44)),
      ),
    ),
    order: fc.boolean(),
  })
  .map(({ link, operation, sealed, order }) =>
    Buffer.from(
      JSON.stringify(
        order ? { operation, previousHash: link, sealed, v: 1 } : { sealed, previousHash: link, operation },
      ),
    ),
  )
const plain = (parts: readonly Uint8Array[]) => parts.map(part => Buffer.from(part).toString('hex'))

describe('a block', () => {
  it('gives back the leaves that went in', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(leaf, bytes), { maxLength: 40 }), leaves => {
        expect(plain(unpackLeaves(packLeaves(leaves)))).toEqual(plain(leaves))
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps the hashes of a leaf as bytes, which take less than half of their text', () => {
    const text = (i: number) =>
      `{"previousHash":"${sha256Hex(Buffer.of(i))}","sealed":{"actor":"${sha256Base64url(Buffer.of(i))}"}}`
    const packed = packLeaves(Array.from({ length: 32 }, (_, i) => Buffer.from(text(i))))
    expect(packed.length).toBeLessThan(32 * 64 + 100)
    expect(Buffer.from(packed).includes(Buffer.from(sha256Hex(Buffer.of(7)), 'hex'))).toBe(true)
  })

  it('of leaves that was written before their hashes were kept apart is read as it was', () => {
    const leaves = [Buffer.from('one'), Buffer.from(''), Buffer.from('three')]
    const framed = Buffer.concat(leaves.flatMap(leaf => [Buffer.of(0, leaf.length), leaf]))
    expect(plain(unpackLeaves(zstdCompressSync(framed)))).toEqual(plain(leaves))
  })

  it('gives back the contents that went in, framed preimages or any other bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(framed, bytes), { maxLength: 40 }), contents => {
        expect(plain(unpackContents(packContents(contents)))).toEqual(plain(contents))
      }),
    )
  })

  it('that was cut or changed gives other bytes or an error, never an endless loop or too much memory', () => {
    const contents = Array.from({ length: 8 }, (_, i) =>
      formatContent([formatPreimage({ salt: new Uint8Array(16).fill(i), name: 'actor', json: `"${i}"` })]),
    )
    const leaves = contents.map((_, i) =>
      Buffer.from(`{"previousHash":"${sha256Hex(Buffer.of(i))}","sealed":{"a":"${sha256Base64url(Buffer.of(i))}"}}`),
    )
    for (const [packed, unpack] of [
      [packContents(contents), unpackContents],
      [packLeaves(leaves), unpackLeaves],
    ] as const) {
      for (let at = 0; at < packed.length; at++) {
        for (const damaged of [packed.subarray(0, at), packed.with(at, packed[at]! ^ 0x81)]) {
          try {
            expect(unpack(damaged).length).toBeLessThan(1000)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        }
      }
    }
  })
})

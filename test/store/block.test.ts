import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatContent, formatPreimage } from '../../src/core/sealed.ts'
import { packContents, packLeaves, unpackContents, unpackLeaves } from '../../src/store/block.ts'

const bytes = fc.uint8Array({ maxLength: 200 })
const salt = fc.uint8Array({ minLength: 16, maxLength: 16 })
const preimage = fc
  .record({ salt, name: fc.string({ minLength: 1, unit: fc.constantFrom('a', 'ü', 'z') }), json: fc.json() })
  .map(formatPreimage)
const framed = fc.array(preimage, { maxLength: 6 }).map(formatContent)
const plain = (parts: readonly Uint8Array[]) => parts.map(part => Buffer.from(part).toString('hex'))

describe('a block', () => {
  it('gives back the leaves that went in', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 40 }), leaves => {
        expect(plain(unpackLeaves(packLeaves(leaves)))).toEqual(plain(leaves))
      }),
    )
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
    const packed = packContents(contents)
    for (let at = 0; at < packed.length; at++) {
      for (const damaged of [packed.subarray(0, at), packed.with(at, packed[at]! ^ 0x81)]) {
        try {
          expect(unpackContents(damaged).length).toBeLessThan(1000)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }
    }
  })
})

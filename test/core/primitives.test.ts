import { generateKeyPairSync, sign } from 'node:crypto'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex, utf8 } from '../../src/core/bytes.ts'
import * as browser from '../../src/core/primitives.browser.ts'
import * as node from '../../src/core/primitives.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'
import { describeVectors, readVector } from '../support/vectors.ts'

interface Wycheproof<Group, Test> {
  testGroups: (Group & { tests: (Test & { tcId: number; comment: string; result: 'valid' | 'invalid' })[] })[]
}

const places = [
  ['node', node],
  ['browser', browser],
] as const

describeVectors.each(places)('the primitives of %s against Wycheproof', (_, primitives) => {
  it('verify exactly the valid Ed25519 signatures', () => {
    type File = Wycheproof<{ publicKey: { pk: string } }, { msg: string; sig: string }>
    const { testGroups } = JSON.parse(readVector('wycheproof/ed25519_test.json')) as File
    const results = testGroups.flatMap(({ publicKey, tests }) =>
      tests.map(({ tcId, comment, msg, sig, result }) => {
        const verified = primitives.ed25519Verify(fromHex(publicKey.pk)!, fromHex(msg)!, fromHex(sig)!)
        expect(verified, `${tcId} ${comment}`).toBe(result === 'valid')
        return result
      }),
    )
    expect(results).toHaveLength(151)
  })

  it('make exactly the valid HMACs', () => {
    type File = Wycheproof<{ tagSize: number }, { key: string; msg: string; tag: string }>
    const { testGroups } = JSON.parse(readVector('wycheproof/hmac_sha256_test.json')) as File
    const results = testGroups.flatMap(({ tagSize, tests }) =>
      tests.map(({ tcId, comment, key, msg, tag, result }) => {
        const made = primitives.hmacSha256(fromHex(key)!, fromHex(msg)!).subarray(0, tagSize / 8)
        expect(primitives.equalInConstantTime(made, fromHex(tag)!), `${tcId} ${comment}`).toBe(result === 'valid')
        return result
      }),
    )
    expect(results).toHaveLength(174)
  })
})

describe('the primitives of node and browser', () => {
  it('have the same names', () => {
    expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort())
  })

  it('hash and derive the same', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(bytes, bytes, fc.integer({ min: 1, max: 100 }), (key, data, length) => {
        const hash = browser.sha256(data)
        expect(toHex(hash)).toBe(node.sha256Hex(data))
        expect(browser.sha256Hex(data)).toBe(node.sha256Hex(data))
        expect(browser.sha256Base64url(data)).toBe(node.sha256Base64url(data))
        expect(toHex(node.sha256(data))).toBe(toHex(hash))
        expect(toHex(browser.hmacSha256(key, data))).toBe(toHex(node.hmacSha256(key, data)))
        expect(toHex(browser.hkdfSha256(key, data, length))).toBe(toHex(node.hkdfSha256(key, data, length)))
        for (const other of [key, data.slice(), data.slice(1)]) {
          expect(browser.equalInConstantTime(data, other)).toBe(node.equalInConstantTime(data, other))
        }
      }),
    )
  })

  it('believe the same signatures, Ed25519 and ML-DSA-44, and no other', () => {
    const message = utf8('a checkpoint')
    const pq = ml_dsa44.keygen(new Uint8Array(32).fill(3))
    const ed = ed25519Key(new Uint8Array(32).fill(3))
    const fresh = mldsa44Key()
    for (const { sha256: _, ...place } of [node, browser]) {
      const cases = [
        [place.ed25519Verify, ed.publicKey, ed.sign(message)],
        [place.mldsa44Verify, fresh.publicKey, fresh.sign(message)],
        [place.mldsa44Verify, pq.publicKey, ml_dsa44.sign(message, pq.secretKey)],
      ] as const
      for (const [verify, key, signature] of cases) {
        expect(verify(key, message, signature)).toBe(true)
        expect(verify(key, utf8('another'), signature)).toBe(false)
        expect(verify(key.slice(1), message, signature)).toBe(false)
        expect(
          verify(
            key.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
            message,
            signature,
          ),
        ).toBe(false)
        expect(verify(key, message, signature.slice(1))).toBe(false)
        expect(
          verify(
            key,
            message,
            signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
          ),
        ).toBe(false)
      }
    }
  })

  it('refuse an ML-DSA-44 signature that was made with a context', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ml-dsa-44')
    const raw = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-1312))
    const signature = sign(null, utf8('m'), { key: privateKey, context: Buffer.from('elsewhere') })
    expect(node.mldsa44Verify(raw, utf8('m'), signature)).toBe(false)
    expect(browser.mldsa44Verify(raw, utf8('m'), signature)).toBe(false)
  })
})

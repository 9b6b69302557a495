import { generateKeyPairSync, sign } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../src/core/bytes.ts'
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

  it('believe the same of signatures that only their maker can make, so that nobody shows one to Node and not to browsers', () => {
    const { Point } = ed25519
    const number = (bytes: Uint8Array) => BigInt(`0x${toHex(bytes.toReversed())}`)
    const bytesOf = (n: bigint) => fromHex(n.toString(16).padStart(64, '0'))!.reverse()
    const both = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => {
      const answers = [node, browser].map(place => place.ed25519Verify(key, message, signature))
      expect(answers[0], `${toHex(key)} ${toHex(signature)}`).toBe(answers[1])
      return answers[0]!
    }
    // Points of order 1, 2, 4, 8, and their other spellings, which only a lenient decoder takes.
    const small = [
      ...['01', 'ec', '00', 'ee', 'ed'].flatMap(low =>
        ['00', '80', '7f', 'ff'].map(high => low + (high < '81' && high !== '7f' ? '00' : 'ff').repeat(30) + high),
      ),
      ...['7a', 'fa'].map(high => `c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03${high}`),
      ...['05', '85'].map(high => `26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc${high}`),
    ].map(hex => fromHex(hex)!)
    for (const key of small) {
      for (const r of small) {
        for (let i = 0; i < 3; i++) expect(both(key, utf8(`${i}`), concat(r, new Uint8Array(32)))).toBe(false)
      }
    }
    // [S]B = R + [k]A, with a point of order 8 in R, in A, or in both.
    const torsion = Point.fromBytes(small.at(-1)!)
    const message = utf8('a checkpoint')
    let taken = 0
    for (let i = 1n; i <= 40n; i++) {
      for (const [inA, inR] of [
        [0n, 0n],
        [1n, 0n],
        [0n, 1n],
        [i % 8n, 1n],
      ] as const) {
        const key = Point.BASE.multiply(i + 7n)
          .add(torsion.multiplyUnsafe(inA))
          .toBytes()
        const r = Point.BASE.multiply(i).add(torsion.multiplyUnsafe(inR)).toBytes()
        const k = number(sha512(concat(r, key, message))) % Point.Fn.ORDER
        const s = (i + k * (i + 7n)) % Point.Fn.ORDER
        if (both(key, message, concat(r, bytesOf(s)))) taken++
        expect(both(key, message, concat(r, bytesOf(s + Point.Fn.ORDER)))).toBe(false)
      }
    }
    expect(taken).toBeGreaterThanOrEqual(40)
  })

  it('refuse an ML-DSA-44 signature that was made with a context', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ml-dsa-44')
    const raw = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-1312))
    const signature = sign(null, utf8('m'), { key: privateKey, context: Buffer.from('elsewhere') })
    expect(node.mldsa44Verify(raw, utf8('m'), signature)).toBe(false)
    expect(browser.mldsa44Verify(raw, utf8('m'), signature)).toBe(false)
  })
})

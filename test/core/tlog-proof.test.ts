import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { signCheckpoint } from '../../src/core/checkpoint.ts'
import { mldsa44Signer, mldsa44Verifier } from '../../src/core/cosignature.ts'
import { ed25519Signer, ed25519Verifier } from '../../src/core/note.ts'
import { checkTlogProof, formatTlogProof, parseTlogProof, type TlogProof } from '../../src/core/tlog-proof.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'
import { ReferenceTree } from '../support/reference-tree.ts'

const origin = 'log.example/audit'
const key = ed25519Key(new Uint8Array(32).fill(1))
const keyPq = mldsa44Key()
const signers = [
  ed25519Signer(origin, key.publicKey, key.sign),
  mldsa44Signer(origin, keyPq.publicKey, keyPq.sign, 1_795_442_820),
]
const verifiers = [ed25519Verifier(origin, key.publicKey), mldsa44Verifier(origin, keyPq.publicKey)]

const tree = ReferenceTree.numbered(13)
const signed = (size: number): string => signCheckpoint({ origin, size, root: tree.hash(0, size) }, signers)
const proof: TlogProof = {
  extra: utf8('["salt","actor",{"id":"u1"}]'),
  index: 5,
  path: tree.path(5, 0, 13),
  checkpoint: signed(13),
}
const _leaf = utf8('5')
const refuse = (code: string) => expect.objectContaining({ code })

describe('a tlog proof', () => {
  it('is read back as it was written, and shows its leaf to be in the log', () => {
    const { extra: _, ...plain } = proof
    const alone = { index: 0, path: [], checkpoint: signed(1) }
    for (const [one, leaf, size] of [
      [proof, '5', 13],
      [plain, '5', 13],
      [alone, '0', 1],
    ] as const) {
      const parsed = parseTlogProof(formatTlogProof(one))
      expect(parsed).toEqual(one)
      const { checkpoint, verified } = checkTlogProof(parsed, utf8(leaf), origin, verifiers)
      expect(checkpoint.size).toBe(size)
      expect(verified.map(({ type }) => type)).toEqual([1, 6])
    }
  })

  const text = formatTlogProof(proof)
  const extra = text.split('\n')[1]!
  const hash = text.split('\n')[3]!
  it.each([
    ['nothing', ''],
    ['another version', text.replace('@v1', '@v2')],
    ['a byte order mark', `\ufeff${text}`],
    ['CRLF', text.replaceAll('\n', '\r\n')],
    ['an empty line first', `\n${text}`],
    ['no empty line', text.replace('\n\n', '\n')],
    ['two empty lines', text.replace('\n\n', '\n\n\n')],
    ['no checkpoint', text.slice(0, text.indexOf('\n\n') + 2)],
    ['more after the checkpoint', `${text}more\n`],
    ['an empty extra line', text.replace(extra, 'extra ')],
    ['an extra line without a space', text.replace(extra, 'extra')],
    ['two extra lines', text.replace(extra, `${extra}\n${extra}`)],
    ['an extra line after the index', text.replace(`${extra}\n`, '').replace('index 5\n', `index 5\n${extra}\n`)],
    ['extra data that is not base64', text.replace(extra, 'extra *')],
    ['no index', text.replace('index 5\n', '')],
    ['a leading zero', text.replace('index 5', 'index 05')],
    ['a sign', text.replace('index 5', 'index +5')],
    ['a negative index', text.replace('index 5', 'index -5')],
    ['two spaces', text.replace('index 5', 'index  5')],
    ['an index of 2^53', text.replace('index 5', 'index 9007199254740992')],
    ['an index of 2^64 − 1', text.replace('index 5', 'index 18446744073709551615')],
    ['a hash without padding', text.replace(hash, hash.slice(0, -1))],
    ['a hash of 31 bytes', text.replace(hash, Buffer.alloc(31).toString('base64'))],
    ['a hash with other bits at its end', text.replace(hash, `${hash.slice(0, 42)}B=`)],
    ['a path of 54 hashes', text.replace(hash, Array(54).fill(hash).join('\n'))],
  ])('has one spelling, and not one with %s', (_, spelling) => {
    expect(spelling).not.toBe(text)
    expect(() => parseTlogProof(spelling)).toThrow(refuse('bad_format'))
  })

  it('is not written when it could not be read back', () => {
    for (const change of [
      { extra: new Uint8Array(0) },
      { index: -1 },
      { index: 2 ** 53 },
      { path: [new Uint8Array(31)] },
      { path: Array<Uint8Array>(54).fill(new Uint8Array(32)) },
    ]) {
      expect(() => formatTlogProof({ ...proof, ...change })).toThrow(RangeError)
    }
    expect(() => formatTlogProof({ ...proof, checkpoint: 'unsigned\n' })).toThrow(refuse('bad_format'))
  })
})

import { describe, expect, it } from 'vitest'
import { concat, fromBase64, toHex, utf8 } from '../../src/core/bytes.ts'
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from '../../src/core/checkpoint.ts'
import {
  cosignatureMessage,
  decodeTimestampedSignature,
  ed25519CosignatureVerifier,
  ed25519Cosigner,
  encodeTimestampedSignature,
  mldsa44Signer,
  mldsa44Verifier,
  subtreeMessage,
} from '../../src/core/cosignature.ts'
import { emptyRoot } from '../../src/core/hash.ts'
import { ed25519Signer, ed25519Verifier, formatNote, openNote, parseNote, signNote } from '../../src/core/note.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'

const badFormat = expect.objectContaining({ code: 'bad_format' })
const badSignature = expect.objectContaining({ code: 'bad_signature' })

/** The example of C2SP tlog-cosignature, whose keys are not given. */
const cosigned = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`

const origin = 'log.example/audit'
const logKey = ed25519Key(new Uint8Array(32).fill(1))
const logKeyPq = mldsa44Key()
const witnessKey = ed25519Key(new Uint8Array(32).fill(2))
const head = { origin, size: 7, root: new Uint8Array(32).fill(9), extensions: [] }

const time = 1_795_442_820
const ed = ed25519Signer(origin, logKey.publicKey, logKey.sign)
const pq = mldsa44Signer(origin, logKeyPq.publicKey, logKeyPq.sign, time)
const witness = ed25519Cosigner('witness.example', witnessKey.publicKey, witnessKey.sign, time + 1)
const edVerifier = ed25519Verifier(origin, logKey.publicKey)
const pqVerifier = mldsa44Verifier(origin, logKeyPq.publicKey)
const witnessVerifier = ed25519CosignatureVerifier('witness.example', witnessKey.publicKey)
const verifiers = [edVerifier, pqVerifier, witnessVerifier]

describe('a checkpoint', () => {
  it('is read back as it was written, extension lines and all', () => {
    const { text } = parseNote(cosigned)
    expect(parseCheckpoint(text)).toMatchObject({
      origin: 'example.com/behind-the-sofa',
      size: 20_852_163,
      extensions: [],
    })
    expect(formatCheckpoint(parseCheckpoint(text))).toBe(text)
    for (const size of [0, 1, Number.MAX_SAFE_INTEGER]) {
      const checkpoint = { origin: 'Any line, even + this', size, root: emptyRoot, extensions: ['one', 'two words'] }
      expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint)
    }
  })

  const root = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='
  it.each([
    ['nothing', ''],
    ['two lines', 'a\n1\n'],
    ['no final newline', `a\n1\n${root}`],
    ['an empty origin', `\n1\n${root}\n`],
    ['an empty extension line', `a\n1\n${root}\n\n`],
    ['an empty line before an extension', `a\n1\n${root}\n\nx\n`],
    ['a leading zero', `a\n01\n${root}\n`],
    ['a double zero', `a\n00\n${root}\n`],
    ['a sign', `a\n+1\n${root}\n`],
    ['a negative size', `a\n-1\n${root}\n`],
    ['an exponent', `a\n1e3\n${root}\n`],
    ['other digits', `a\n١\n${root}\n`],
    ['a space', `a\n1 \n${root}\n`],
    ['a size of 2^53', `a\n9007199254740992\n${root}\n`],
    ['a size of 2^63', `a\n9223372036854775808\n${root}\n`],
    ['a short root', 'a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n'],
    ['a long root', 'a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2IA\n'],
    ['an unpadded root', `a\n1\n${root.slice(0, -1)}\n`],
    ['a root with other bits at its end', `a\n1\n${root.replace('I=', 'J=')}\n`],
    ['CRLF', `a\r\n1\r\n${root}\r\n`],
    ['a lone surrogate', `\ud800\n1\n${root}\n`],
  ])('is refused with %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(badFormat)
  })

  it('is not written when it could not be read back', () => {
    for (const change of [
      { origin: '' },
      { origin: 'a\nb' },
      { size: -1 },
      { size: 2 ** 53 },
      { size: 0.5 },
      { root: new Uint8Array(31) },
      { extensions: [''] },
      { extensions: ['a\nb'] },
    ]) {
      expect(() => formatCheckpoint({ ...head, ...change })).toThrow(RangeError)
    }
  })
})

describe('a signed checkpoint', () => {
  const note = signCheckpoint(head, [ed, pq, witness])

  it('opens with the two keys of its log and its witness, each signature with its time', () => {
    const opened = openCheckpoint(note, origin, verifiers)
    expect(opened.checkpoint).toEqual(head)
    expect(opened.verified.map(({ name, type, timestamp }) => [name, type, timestamp])).toEqual([
      [origin, 1, undefined],
      [origin, 6, time],
      ['witness.example', 4, time + 1],
    ])
    for (const one of [edVerifier, pqVerifier]) expect(openCheckpoint(note, origin, [one]).verified).toHaveLength(1)
  })

  it('is refused for another origin, and with no signature but witnesses', () => {
    expect(() => openCheckpoint(note, 'log.example', verifiers)).toThrow(badFormat)
    expect(() => openCheckpoint(note, origin, [witnessVerifier])).toThrow(badSignature)
    const foreign = signCheckpoint({ ...head, origin: 'other.example' }, [ed, pq])
    expect(() => openCheckpoint(foreign, origin, verifiers)).toThrow(badFormat)
    expect(() => openCheckpoint(foreign, 'other.example', verifiers)).toThrow(badSignature)
    expect(() => openCheckpoint(signNote('not a checkpoint\n', [ed]), origin, [edVerifier])).toThrow(badFormat)
  })

  it('is refused when its text changes under the signatures of any one key', () => {
    const { text, signatures } = parseNote(note)
    for (const changed of [
      text.replace('\n7\n', '\n8\n'),
      text.replace(origin, `${origin}2`),
      text.replace('CQ', 'CR'),
    ]) {
      expect(changed).not.toBe(text)
      for (const verifier of verifiers) {
        expect(() => openNote(formatNote(changed, signatures), [verifier])).toThrow(badSignature)
      }
    }
    const extended = formatNote(`${text}extension\n`, signatures)
    for (const verifier of [edVerifier, witnessVerifier])
      expect(() => openNote(extended, [verifier])).toThrow(badSignature)
    // An ML-DSA-44 cosignature does not cover extension lines (C2SP tlog-cosignature): this is known, and not a flaw here.
    expect(openCheckpoint(extended, origin, [pqVerifier]).checkpoint.extensions).toEqual(['extension'])
  })

  it('is refused when a time changes, or a signature serves as one of another type', () => {
    const { text, signatures } = parseNote(note)
    for (const [i, verifier] of [
      [1, pqVerifier],
      [2, witnessVerifier],
    ] as const) {
      const signature = signatures[i]!.signature.slice()
      signature[7] = signature[7]! ^ 1
      expect(() => openNote(formatNote(text, [{ ...verifier, signature }]), [verifier])).toThrow(badSignature)
      signature[0] = 0xff
      expect(verifier.verify(utf8(text), signature)).toBe(false)
      expect(verifier.verify(utf8(text), new Uint8Array(0))).toBe(false)
      expect(verifier.verify(utf8('not a checkpoint\n'), signatures[i]!.signature)).toBe(false)
      expect(verifier.verify(Uint8Array.of(0xff), signatures[i]!.signature)).toBe(false)
    }
    const asNote = ed25519Verifier('witness.example', witnessKey.publicKey)
    expect(asNote.keyId).not.toBe(witnessVerifier.keyId)
    expect(asNote.verify(utf8(text), signatures[2]!.signature.subarray(8))).toBe(false)
  })

  it('counts a witness that signed twice once, by its first signature', () => {
    const later = ed25519Cosigner('witness.example', witnessKey.publicKey, witnessKey.sign, time + 2)
    const { verified } = openCheckpoint(signCheckpoint(head, [ed, witness, later]), origin, verifiers)
    expect(verified.map(({ timestamp }) => timestamp)).toEqual([undefined, time + 1])
  })

  it('has a cosigner whose name is signed with it', () => {
    const { text, signatures } = parseNote(note)
    const renamed = mldsa44Verifier('other.example', logKeyPq.publicKey)
    expect(renamed.verify(utf8(text), signatures[1]!.signature)).toBe(false)
  })
})

describe('a cosignature', () => {
  it('has the messages that tlog-cosignature shows', () => {
    const { text, signatures } = parseNote(cosigned)
    expect(decodeTimestampedSignature(signatures[1]!.signature)).toMatchObject({ timestamp: 1_679_315_147 })
    expect(cosignatureMessage(1_679_315_147, text)).toEqual(
      utf8(`cosignature/v1
time 1679315147
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
`),
    )
    const hash = fromBase64('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=')!
    const statement = { cosigner: 'w', timestamp: 258, origin: 'lo', start: 0, end: 2 ** 53 - 1, hash }
    expect(toHex(subtreeMessage(statement))).toBe(
      [
        '737562747265652f76310a00',
        '0177',
        '0000000000000102',
        '026c6f',
        '0000000000000000',
        '001fffffffffffff',
        toHex(hash),
      ].join(''),
    )
  })

  it('keeps its time, to 2^53−1 and no further', () => {
    const signature = Uint8Array.of(1, 2, 3)
    for (const timestamp of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const bytes = encodeTimestampedSignature({ timestamp, signature })
      expect(decodeTimestampedSignature(concat(Uint8Array.of(0), bytes).subarray(1))).toEqual({ timestamp, signature })
    }
    expect(decodeTimestampedSignature(Uint8Array.of(0, 32, 0, 0, 0, 0, 0, 0, 1))).toBeUndefined()
    expect(decodeTimestampedSignature(new Uint8Array(8))).toBeUndefined()
  })

  it('is not made about what cannot be', () => {
    const statement = { cosigner: 'w', timestamp: 0, origin: 'l', start: 0, end: 1, hash: new Uint8Array(32) }
    expect(subtreeMessage({ ...statement, start: 1, end: 2 })).toHaveLength(12 + 2 + 8 + 2 + 16 + 32)
    for (const change of [
      { start: 1, end: 2, timestamp: 1 },
      { start: 2 },
      { end: 2 ** 53 },
      { end: -1, start: -1 },
      { timestamp: -1 },
      { timestamp: 0.5 },
      { hash: new Uint8Array(31) },
      { cosigner: '' },
      { origin: 'ä'.repeat(128) },
    ]) {
      expect(() => subtreeMessage({ ...statement, ...change }), JSON.stringify(change)).toThrow(RangeError)
    }
    expect(() => mldsa44Signer('a'.repeat(256), logKeyPq.publicKey, logKeyPq.sign, 0)).toThrow(RangeError)
    expect(() => mldsa44Signer('a', new Uint8Array(32), logKeyPq.sign, 0)).toThrow(RangeError)
    expect(() => ed25519Cosigner('a', witnessKey.publicKey, witnessKey.sign, -1)).toThrow(RangeError)
    for (const signer of [pq, witness]) expect(() => signNote('not a checkpoint\n', [signer])).toThrow(badFormat)
    const longOrigin = utf8(formatCheckpoint({ ...head, origin: 'a'.repeat(256) }))
    expect(pqVerifier.verify(longOrigin, parseNote(signCheckpoint(head, [pq])).signatures[0]!.signature)).toBe(false)
  })
})

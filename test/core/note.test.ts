import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromUtf8, toBase64, utf8 } from '../../src/core/bytes.ts'
import {
  ed25519Signer,
  ed25519Verifier,
  formatNote,
  isKeyName,
  keyId,
  openNote,
  parseNote,
  signatureLine,
  signNote,
} from '../../src/core/note.ts'
import { formatVkey, parseVkey } from '../../src/core/vkey.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'

const badFormat = expect.objectContaining({ code: 'bad_format' })
const badSignature = expect.objectContaining({ code: 'bad_signature' })

/** The example of C2SP signed-note. */
const exampleVkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const example = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`

/** The opening example of C2SP signed-note, whose key is not given. */
const poem = `Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`

const key = ed25519Key(new Uint8Array(32).fill(1))
const otherKey = ed25519Key(new Uint8Array(32).fill(2))
const verifier = ed25519Verifier('log.example', key.publicKey)
const signer = ed25519Signer('log.example', key.publicKey, key.sign)
const stranger = ed25519Signer('stranger.example', otherKey.publicKey, otherKey.sign)

describe('the examples of C2SP signed-note', () => {
  it('open with their key, and not without', () => {
    const opened = openNote(example, [parseVkey(exampleVkey)])
    expect(opened.text).toBe('This is an example message.\n')
    expect(opened.verified).toMatchObject([{ name: 'example.com/foo', keyId: 0x530d903a, type: 1 }])
    expect(opened.unverified).toEqual([])
    expect(() => openNote(example, [verifier])).toThrow(badSignature)
    expect(() => openNote(example, [])).toThrow(badSignature)
  })

  it('are split at the last empty line', () => {
    const { text, signatures } = parseNote(poem)
    expect(text.endsWith('\n\ned è subito sera.\n')).toBe(true)
    expect(signatures).toMatchObject([{ name: 'quasimodo.example/salvatore', keyId: 0x367ba04b }])
    expect(formatNote(text, signatures)).toBe(poem)
  })
})

describe('a verifier key', () => {
  it('is read back as it was written, for every type', () => {
    expect(formatVkey('example.com/foo', 1, parseKey(exampleVkey))).toBe(exampleVkey)
    for (const [type, publicKey] of [
      [1, key.publicKey],
      [4, key.publicKey],
      [6, mldsa44Key().publicKey],
    ] as const) {
      const vkey = formatVkey('log.example/ä', type, publicKey)
      const parsed = parseVkey(vkey)
      expect([parsed.name, parsed.type, parsed.keyId]).toEqual([
        'log.example/ä',
        type,
        keyId(parsed.name, type, publicKey),
      ])
    }
  })

  it.each([
    ['nothing', ''],
    ['another name', exampleVkey.replace('foo', 'fop')],
    ['another ID', exampleVkey.replace('+5', '+6')],
    ['an ID in capitals', exampleVkey.replace('530d903a', '530D903A')],
    ['a space in the name', formatVkey('example.com/foo', 1, key.publicKey).replace('/', ' ')],
    ['another key', exampleVkey.replace('AekyeR', 'AekyeS')],
    ['a newline at the end', `${exampleVkey}\n`],
    ['a short key', formatVkey('a', 1, new Uint8Array(31))],
    ['a long key', formatVkey('a', 1, new Uint8Array(33))],
    ['an ECDSA key', formatVkey('a', 2, new Uint8Array(32))],
    ['an ML-DSA-44 key of another length', formatVkey('a', 6, new Uint8Array(32))],
    ['a cosigner name of 256 bytes', formatVkey('a'.repeat(256), 6, new Uint8Array(1312))],
    ['no key', 'a+00000000+'],
    ['no type', 'example.com/foo+530d903a'],
  ])('is refused with %s', (_, vkey) => {
    expect(() => parseVkey(vkey)).toThrow(badFormat)
  })
})

function parseKey(vkey: string): Uint8Array {
  return Uint8Array.from(Buffer.from(vkey.split('+')[2]!, 'base64').subarray(1))
}

describe('opening a note', () => {
  const text = 'first line\n\nlast line\n'

  it('sorts known from unknown keys, and carries every signature', () => {
    const opened = openNote(signNote(text, [stranger, signer]), [verifier])
    expect(opened.text).toBe(text)
    expect(opened.verified.map(({ name }) => name)).toEqual(['log.example'])
    expect(opened.unverified.map(({ name }) => name)).toEqual(['stranger.example'])
    expect(opened.verified[0]!.line).toBe(signatureLine(opened.verified[0]!))
  })

  it('ignores keys that share only the name or only the ID with a known one', () => {
    const signature = key.sign(utf8(text))
    const note = formatNote(text, [
      { name: verifier.name, keyId: verifier.keyId ^ 1, signature },
      { name: 'log.example/', keyId: verifier.keyId, signature },
    ])
    expect(() => openNote(note, [verifier])).toThrow(badSignature)
    const both = formatNote(text, [...parseNote(note).signatures, { ...verifier, signature }])
    expect(openNote(both, [verifier]).unverified).toHaveLength(2)
  })

  it('refuses the note when any signature of a known key fails, even beside a good one', () => {
    const good = { ...verifier, signature: key.sign(utf8(text)) }
    for (const bad of [
      { ...good, signature: otherKey.sign(utf8(text)) },
      { ...good, signature: key.sign(utf8('another text\n')) },
      { ...good, signature: good.signature.subarray(0, 63) },
      { ...good, signature: concat(good.signature, Uint8Array.of(0)) },
    ]) {
      expect(() => openNote(formatNote(text, [bad]), [verifier])).toThrow(badSignature)
      expect(() => openNote(formatNote(text, [good, bad]), [verifier])).toThrow(badSignature)
    }
  })

  it('refuses a signature moved from one key to another', () => {
    const other = ed25519Verifier('stranger.example', otherKey.publicKey)
    const moved = { ...other, signature: key.sign(utf8(text)) }
    expect(() => openNote(formatNote(text, [moved]), [verifier, other])).toThrow(badSignature)
  })

  it('counts a key once, however often it signed', () => {
    expect(openNote(signNote(text, [signer, signer]), [verifier]).verified).toHaveLength(1)
    expect(() => openNote(signNote(text, [signer]), [verifier, verifier])).toThrow(RangeError)
  })

  it('reads 100 signatures and no more', () => {
    const some = (count: number): string => signNote(text, [...Array.from({ length: count }, () => stranger), signer])
    expect(openNote(some(99), [verifier]).unverified).toHaveLength(99)
    expect(() => openNote(some(100), [verifier])).toThrow(badFormat)
  })

  it('opens what was signed, whatever the text', () => {
    const line = fc.string({ unit: 'binary' }).map(text => text.replace(/[\u0000-\u001f]/g, ''))
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), lines => {
        const text = lines.map(line => `${line}\n`).join('')
        expect(openNote(signNote(text, [signer]), [verifier]).text).toBe(text)
      }),
    )
  })

  const note = signNote('one\ntwo\n', [signer])
  const line = note.split('\n')[3]!
  const digits = line.split(' ')[2]!
  it.each([
    ['no bytes', ''],
    ['no signature', 'one\ntwo\n\n'],
    ['no final newline', note.slice(0, -1)],
    ['a newline too many', `${note}\n`],
    ['no empty line', note.replace('\n\n', '\n')],
    ['a line added to the text', note.replace('two\n', 'two\nthree\n')],
    ['a line taken from the text', note.replace('two\n', '')],
    ['a line between the signatures', `${note}comment\n${line}\n`],
    ['text after the signatures', `${note}more\n`],
    ['a hyphen', note.replace('—', '-')],
    ['an en dash', note.replace('—', '–')],
    ['a horizontal bar', note.replace('—', '―')],
    ['two hyphens', note.replace('—', '--')],
    ['no space after the dash', note.replace('— ', '—')],
    ['a no-break space', note.replace('— ', '—\u00a0')],
    ['two spaces', note.replace('— ', '—  ')],
    ['a space at the end', note.replace(line, `${line} `)],
    ['a space at the front', note.replace(line, ` ${line}`)],
    ['CRLF in the text', note.replaceAll('\n', '\r\n')],
    ['CR before the end', note.replace(/\n$/, '\r\n')],
    ['a tab', note.replace('two', 't\two')],
    ['a zero byte', note.replace('two', 't\0wo')],
    ['an escape sequence', note.replace('two', '\u001b[2Jtwo')],
    ['a lone surrogate', note.replace('two', '\ud800')],
    ['a byte order mark', `\ufeff${note}`],
    ['no name', note.replace('log.example ', '')],
    ['an empty name', note.replace('log.example', '')],
    ['a plus in the name', note.replace('log.example', 'log+example')],
    ['an ideographic space in the name', note.replace('log.example', 'log\u3000example')],
    ['a next-line character in the name', note.replace('log.example', 'log\u0085example')],
    ['no padding', note.replace(/=*\n$/, '\n')],
    ['too much padding', note.replace(/\n$/, '=\n')],
    ['base64url', note.replace(digits, digits.replaceAll('+', '-').replaceAll('/', '_'))],
    ['other bits in the last digit', note.replace(/.=\n$/, end => (end[0] === 'A' ? 'B=\n' : nextDigit(end)))],
    ['a space in the base64', note.replace(digits, `${digits.slice(0, 8)} ${digits.slice(8)}`)],
    ['only a key ID', note.replace(digits, toBase64(new Uint8Array(4)))],
    ['less than a key ID', note.replace(digits, 'AAAA')],
    ['an empty signature', note.replace(digits, '')],
  ])('refuses a note with %s', (_, attack) => {
    expect(attack).not.toBe(note)
    expect(() => openNote(attack, [verifier])).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^bad_(format|signature)$/) }),
    )
  })

  it('refuses a note with any one character taken away or changed', () => {
    for (let i = 0; i < note.length; i++) {
      for (const instead of ['', note[i] === 'A' ? 'B' : 'A']) {
        const changed = note.slice(0, i) + instead + note.slice(i + 1)
        expect(() => openNote(changed, [verifier]), JSON.stringify(changed)).toThrow()
      }
    }
  })
})

function nextDigit(end: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  return `${digits[(digits.indexOf(end[0]!) + 1) % 64]}${end.slice(1)}`
}

describe('writing a note', () => {
  it('refuses what could not be read back', () => {
    for (const text of ['', 'no newline', 'one\r\n', '\ud800\n', 'a\tb\n']) {
      expect(() => signNote(text, [signer]), JSON.stringify(text)).toThrow(RangeError)
    }
    expect(() => signNote('text\n', [])).toThrow(RangeError)
    expect(() => signatureLine({ name: 'a', keyId: 2 ** 32, signature: new Uint8Array(1) })).toThrow(RangeError)
    expect(() => signatureLine({ name: 'a', keyId: 0, signature: new Uint8Array(0) })).toThrow(RangeError)
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u2003b', 'a\u0007b', '\udc00']) {
      expect(isKeyName(name)).toBe(false)
      expect(() => ed25519Signer(name, key.publicKey, key.sign)).toThrow(RangeError)
    }
    expect(() => ed25519Verifier('a', new Uint8Array(31))).toThrow(RangeError)
    expect(fromUtf8(utf8(signNote('é\n', [signer])))).toBe(signNote('é\n', [signer]))
  })
})

describe('a key ID', () => {
  const key = new Uint8Array(32)

  it('is of a type that is a byte', () => {
    for (const type of [0, 1, 0xff]) expect(keyId('test.example', type, key)).toBeGreaterThanOrEqual(0)
    for (const type of [-1, 0x100, 1.5, Number.NaN])
      expect(() => keyId('test.example', type, key)).toThrow(/is not a byte/)
  })

  it('stands in a signature as four bytes', () => {
    const line = (id: number) => signatureLine({ name: 'test.example', keyId: id, signature: Uint8Array.of(7) })
    expect(line(0xffff_ffff)).toBe(`— test.example ${Buffer.from('ffffffff07', 'hex').toString('base64')}`)
    expect(line(0)).toBe(`— test.example ${Buffer.from('0000000007', 'hex').toString('base64')}`)
    for (const id of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => line(id)).toThrow(/is not a key ID/)
  })
})

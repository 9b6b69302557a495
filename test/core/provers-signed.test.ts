/**
 * Provers that lie with what was signed: checkpoints, tlog-proofs, bundles and disclosures that are right for another
 * log, another size, another key, another time. Every part is genuine; only together they say what is not so.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { concat, toBase64, toBase64url, utf8 } from '../../src/core/bytes.ts'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from '../../src/core/checkpoint.ts'
import {
  ed25519CosignatureVerifier,
  ed25519Cosigner,
  encodeTimestampedSignature,
  mldsa44Signer,
  mldsa44Verifier,
} from '../../src/core/cosignature.ts'
import { AuditError, type AuditErrorCode } from '../../src/core/errors.ts'
import { leafHash } from '../../src/core/hash.ts'
import { ed25519Signer, ed25519Verifier, formatNote, openNote, parseNote, type Signer } from '../../src/core/note.ts'
import { commitment, formatPreimage, opens } from '../../src/core/sealed.ts'
import { checkTlogProof, formatTlogProof, parseTlogProof } from '../../src/core/tlog-proof.ts'
import { formatVkey } from '../../src/core/vkey.ts'
import { writeBundle } from '../../src/export/bundle.ts'
import { LineDigest } from '../../src/export/bundle-format.ts'
import { type BundleReport, verifyBundle } from '../../src/export/verify-bundle.ts'
import { openReader, type Reader } from '../../src/trail/reader.ts'
import { recordEvidence } from '../support/evidence.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'
import { ReferenceTree } from '../support/reference-tree.ts'

const counts = { forgeries: 0, refused: 0 }
afterAll(() => recordEvidence('lying-signers', counts))

const origin = 'log.example/audit'
const keys = {
  ed: ed25519Key(new Uint8Array(32).fill(1)),
  pq: mldsa44Key(),
  witness: ed25519Key(new Uint8Array(32).fill(2)),
}
const stranger = { ed: ed25519Key(new Uint8Array(32).fill(3)), pq: mldsa44Key() }
const time = 1_795_442_820
const signersOf = (name: string, { ed, pq }: typeof stranger, at = time): Signer[] => [
  ed25519Signer(name, ed.publicKey, ed.sign),
  mldsa44Signer(name, pq.publicKey, pq.sign, at),
]
const verifiers = [ed25519Verifier(origin, keys.ed.publicKey), mldsa44Verifier(origin, keys.pq.publicKey)]
const witness = ed25519CosignatureVerifier('witness.example', keys.witness.publicKey)
const cosign = (at: number) => ed25519Cosigner('witness.example', keys.witness.publicKey, keys.witness.sign, at)

const tree = ReferenceTree.numbered(300)
const other = new ReferenceTree()
for (let i = 0; i < 300; i++) other.append(Buffer.from(i < 100 ? `${i}` : `other ${i}`))
const signed = (size: number, of = tree) =>
  signCheckpoint({ origin, size, root: of.hash(0, size) }, signersOf(origin, keys))

/** A forgery must be refused by an error of ours, and nothing else. */
function refuses(name: string, attempt: () => unknown, codes: readonly AuditErrorCode[]): void {
  counts.forgeries++
  let outcome: unknown
  try {
    outcome = attempt()
  } catch (error) {
    expect(error, name).toBeInstanceOf(AuditError)
    expect(codes, `${name}: ${(error as AuditError).message}`).toContain((error as AuditError).code)
    counts.refused++
    return
  }
  expect.fail(`${name} was taken: ${JSON.stringify(outcome)}`)
}

describe('a checkpoint', () => {
  const note = signed(200)
  const { text, signatures } = parseNote(note)
  const [classic, quantum] = signatures
  const elsewhere = parseNote(signed(200, other)).signatures
  const earlier = parseNote(signed(100)).signatures
  const build = (change: { text?: string; signatures?: typeof signatures }) =>
    formatNote(change.text ?? text, change.signatures ?? signatures)

  const forgeries: [string, () => string][] = [
    ['of another history, with these signatures', () => build({ text: parseNote(signed(200, other)).text })],
    ['with the signatures of another history', () => build({ signatures: elsewhere })],
    ['with one signature of another history', () => build({ signatures: [classic!, elsewhere[1]!] })],
    ['with the other signature of another history', () => build({ signatures: [elsewhere[0]!, quantum!] })],
    ['with the signatures of an earlier size', () => build({ signatures: earlier })],
    ['with its size changed', () => build({ text: text.replace('\n200\n', '\n201\n') })],
    ['with the size of another number of digits', () => build({ text: text.replace('\n200\n', '\n20\n') })],
    [
      'with the time in its signature changed',
      () => {
        const forged = encodeTimestampedSignature({ timestamp: time + 1, signature: quantum!.signature.subarray(8) })
        return build({ signatures: [classic!, { ...quantum!, signature: forged }] })
      },
    ],
    [
      'with signatures exchanged between the keys',
      () =>
        build({
          signatures: [
            { ...classic!, signature: quantum!.signature },
            { ...quantum!, signature: classic!.signature },
          ],
        }),
    ],
    [
      'with the key ids exchanged',
      () =>
        build({
          signatures: [
            { ...classic!, keyId: quantum!.keyId },
            { ...quantum!, keyId: classic!.keyId },
          ],
        }),
    ],
    [
      'signed by a stranger of the same name',
      () => signCheckpoint({ origin, size: 200, root: tree.hash(0, 200) }, signersOf(origin, stranger)),
    ],
    [
      'signed by a stranger under our key ids',
      () => {
        const theirs = parseNote(
          signCheckpoint({ origin, size: 200, root: other.hash(0, 200) }, signersOf(origin, stranger)),
        )
        return formatNote(
          theirs.text,
          theirs.signatures.map((one, i) => ({ ...one, keyId: signatures[i]!.keyId })),
        )
      },
    ],
    [
      'of another log, signed by its own keys',
      () =>
        signCheckpoint(
          { origin: 'other.example', size: 200, root: tree.hash(0, 200) },
          signersOf('other.example', keys),
        ),
    ],
    [
      'of another log, signed by our keys',
      () => signCheckpoint({ origin: 'other.example', size: 200, root: tree.hash(0, 200) }, signersOf(origin, keys)),
    ],
    [
      'signed by nobody but a witness',
      () => signCheckpoint({ origin, size: 200, root: other.hash(0, 200) }, [cosign(time)]),
    ],
    ['of an empty tree with a root', () => build({ text: text.replace('\n200\n', '\n0\n') })],
    ['with an extension that was not signed', () => build({ text: `${text}more\n` })],
    ['that is a cosignature’s message', () => build({ text: `cosignature/v1\ntime ${time}\n${text}` })],
  ]
  it.each(forgeries)('%s is refused', (name, forge) => {
    refuses(name, () => openCheckpoint(forge(), origin, [...verifiers, witness]), ['bad_signature', 'bad_format'])
  })

  it('is opened for its log when it is genuine, and a second signature changes nothing', () => {
    expect(openCheckpoint(note, origin, verifiers).verified).toHaveLength(2)
    const doubled = formatNote(text, [...signatures, ...signatures])
    expect(openCheckpoint(doubled, origin, verifiers).verified).toHaveLength(2)
    const spoiled = { ...classic!, signature: classic!.signature.map(byte => byte ^ 1) }
    refuses(
      'a second signature that is none',
      () => openCheckpoint(formatNote(text, [...signatures, spoiled]), origin, verifiers),
      ['bad_signature'],
    )
    refuses(
      'a first signature that is none',
      () => openCheckpoint(formatNote(text, [spoiled, ...signatures]), origin, verifiers),
      ['bad_signature'],
    )
  })

  it('says of a witness what it signed, and when, and of nobody else', () => {
    const cosigned = signCheckpoint({ origin, size: 200, root: tree.hash(0, 200) }, [
      ...signersOf(origin, keys),
      cosign(time + 9),
    ])
    const theirs = parseNote(cosigned).signatures[2]!
    expect(
      openCheckpoint(cosigned, origin, [...verifiers, witness]).verified.map(({ timestamp }) => timestamp),
    ).toEqual([undefined, time, time + 9])
    const later = encodeTimestampedSignature({ timestamp: time + 10, signature: theirs.signature.subarray(8) })
    const changes: [string, Partial<typeof theirs>][] = [
      ['at another time', { signature: later }],
      ['before time', { signature: concat(new Uint8Array(8).fill(0xff), theirs.signature.subarray(8)) }],
      ['with nothing but a time', { signature: theirs.signature.subarray(0, 8) }],
      ['cut short', { signature: theirs.signature.subarray(0, -1) }],
      ['plain, as a log signs', { signature: keys.witness.sign(utf8(text)) }],
    ]
    for (const [name, change] of changes) {
      const forged = formatNote(text, [...signatures, { ...theirs, ...change }])
      refuses(name, () => openCheckpoint(forged, origin, [...verifiers, witness]), ['bad_signature'])
    }
    // A key is known by its name and id: under another it is a stranger's, and counts for nothing.
    const renamed = formatNote(text, [...signatures, { ...theirs, name: 'other.example' }])
    expect(openNote(renamed, [...verifiers, witness]).verified).toHaveLength(2)
  })
})

describe('a tlog-proof', () => {
  const leaf = utf8('150')
  const proofs: [string, { index?: number; path?: Uint8Array[]; checkpoint?: string; leaf?: Uint8Array }][] = [
    ['with the checkpoint of another size', { checkpoint: signed(201) }],
    ['with the checkpoint of a smaller tree', { checkpoint: signed(150) }],
    ['with the checkpoint of an empty tree', { checkpoint: signed(0) }],
    ['with the checkpoint of another history', { checkpoint: signed(200, other) }],
    ['with the path of another history', { path: other.path(150, 0, 200) }],
    ['of another history, with this checkpoint', { leaf: utf8('other 150'), path: other.path(150, 0, 200) }],
    ['of the size before', { path: tree.path(150, 0, 199) }],
    ['of another leaf', { index: 151, path: tree.path(151, 0, 200) }],
    [
      'of a node',
      { leaf: concat(tree.hash(150, 151), tree.hash(151, 152)), index: 75, path: tree.path(150, 0, 200).slice(1) },
    ],
    [
      'of a node with its domain',
      {
        leaf: concat(Uint8Array.of(1), tree.hash(150, 151), tree.hash(151, 152)),
        index: 75,
        path: tree.path(150, 0, 200).slice(1),
      },
    ],
    ['of a leaf hash', { leaf: leafHash(leaf) }],
    ['without a path', { path: [] }],
    ['without a path, in a tree of one', { path: [], index: 0, checkpoint: signed(1) }],
  ]
  it.each(proofs)('%s is refused', (name, change) => {
    const { leaf: claimed = leaf, ...parts } = change
    const proof = formatTlogProof({ index: 150, path: tree.path(150, 0, 200), checkpoint: signed(200), ...parts })
    refuses(name, () => checkTlogProof(parseTlogProof(proof), claimed, origin, verifiers), ['bad_proof'])
  })

  it('is refused when somebody else signed, whatever it proves', () => {
    const theirs = signCheckpoint({ origin, size: 200, root: tree.hash(0, 200) }, signersOf(origin, stranger))
    const proof = formatTlogProof({ index: 150, path: tree.path(150, 0, 200), checkpoint: theirs })
    refuses('a stranger’s', () => checkTlogProof(parseTlogProof(proof), leaf, origin, verifiers), ['bad_signature'])
    refuses('with no key', () => checkTlogProof(parseTlogProof(proof), leaf, origin, []), ['bad_signature'])
    expect(parseCheckpoint(parseNote(theirs).text).size).toBe(200)
  })
})

describe('a disclosure', () => {
  it('opens the commitment that was made to it, and no border inside it can be moved', () => {
    const salt = new Uint8Array(16).fill(7)
    const truth = { salt, name: 'actor', json: '"u1"' }
    const committed = commitment(formatPreimage(truth))
    expect(opens(committed, truth)).toBe(true)
    const forgeries = [
      { ...truth, json: '"u2"' },
      { ...truth, json: ' "u1"' },
      { ...truth, json: '"u1" ' },
      { ...truth, json: '"\\u00751"' },
      { ...truth, name: 'acto' },
      { ...truth, name: 'actor\0"u1"', json: '' },
      { ...truth, name: 'actor\0', json: '"u1"' },
      { ...truth, name: '', json: 'actor\0"u1"' },
      { ...truth, name: '"u1"', json: 'actor' },
      { ...truth, salt: new Uint8Array(16) },
      { salt: concat(salt.subarray(1), utf8('a')), name: 'ctor', json: '"u1"' },
      { salt: concat(Uint8Array.of(2), salt.subarray(0, 15)), name: '\u0007actor', json: '"u1"' },
    ]
    for (const forged of forgeries) {
      counts.forgeries++
      expect(opens(committed, forged), JSON.stringify(forged)).toBe(false)
      counts.refused++
    }
    for (const length of [0, 15, 17, 32]) {
      expect(() => formatPreimage({ ...truth, salt: new Uint8Array(length) })).toThrow(RangeError)
    }
  })
})

describe('a bundle', () => {
  let log: TestLog
  let rival: TestLog
  let readers: Reader[]
  let genuine: string
  let foreign: string
  let earlier: string
  let vkeys: string[]
  beforeAll(async () => {
    log = await makeTestLog({ origin: 'example.com/one' })
    rival = await makeTestLog({ origin: 'example.com/one' })
    for (const one of [log, rival]) await one.grow(60)
    earlier = log.store.lastCheckpoint()!.note
    for (const one of [log, rival]) await one.grow(40)
    readers = await Promise.all([log, rival].map(({ file, keysFolder: keys }) => openReader({ file, keys })))
    const bundles = await Promise.all(
      readers.map(async reader => {
        const lines: string[] = []
        await writeBundle({
          reader,
          write: line => void lines.push(line),
          anchors: reader === readers[0] ? [earlier] : [],
        })
        return lines.join('')
      }),
    )
    genuine = bundles[0]!
    foreign = bundles[1]!
    vkeys = Object.values(log.keys.vkeys)
  })
  afterAll(async () => {
    for (const reader of readers) await reader.close()
    for (const one of [log, rival]) one.dispose()
  })

  type Header = Record<string, unknown> & { consistency: [number, string[]][]; checkpoint: string }
  interface Entry {
    leaf: string
    proof: string[]
    disclosures: string[][]
  }
  const apart = (text: string): { header: Header; entries: Entry[] } => {
    const lines = text
      .trimEnd()
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
    return { header: lines[0], entries: lines.slice(1) }
  }
  /** The bundle as somebody would write it who knows the format: its members in order, and its end. */
  function together({ header, entries }: { header: Header; entries: Entry[] }): string {
    const lines = [Object.fromEntries(Object.entries(header).sort(([a], [b]) => (a < b ? -1 : 1))), ...entries].map(
      line => JSON.stringify(line),
    )
    const digest = new LineDigest()
    for (const line of lines) digest.add(line)
    return [...lines, `{"count":${entries.length},"digest":"${digest.hex()}"}`, ''].join('\n')
  }
  const check = (text: string, options = {}): Promise<BundleReport> =>
    verifyBundle([utf8(text)], { vkeys, anchors: [earlier], ...options })

  it('that is genuine is taken, also when it was put together anew', async () => {
    for (const text of [genuine, together(apart(genuine))]) {
      expect(await check(text)).toMatchObject({ valid: true, complete: true, trust: 'anchored', findings: [] })
    }
  })

  const nothing = toBase64(new Uint8Array(32))
  const forgeries: [string, (mine: ReturnType<typeof apart>, theirs: ReturnType<typeof apart>) => void][] = [
    ['with the entries of another log', (mine, theirs) => Object.assign(mine, { entries: theirs.entries })],
    [
      'with one entry of another log, its proof and all',
      (mine, theirs) => Object.assign(mine.entries, { 50: theirs.entries[50]! }),
    ],
    [
      'with the leaf of another log',
      (mine, theirs) => Object.assign(mine.entries, { 50: { ...mine.entries[50]!, leaf: theirs.entries[50]!.leaf } }),
    ],
    [
      'with the header of another log',
      (mine, theirs) => Object.assign(mine, { header: { ...theirs.header, vkeys: mine.header.vkeys } }),
    ],
    [
      'with the checkpoint of another log',
      (mine, theirs) => Object.assign(mine.header, { checkpoint: theirs.header.checkpoint }),
    ],
    ['with an earlier checkpoint', mine => Object.assign(mine.header, { checkpoint: earlier })],
    ['with proofs of other entries', mine => Object.assign(mine.entries[50]!, { proof: mine.entries[52]!.proof })],
    ['with proofs that skip a link', mine => mine.entries.forEach(entry => void entry.proof.shift())],
    ['with proofs that have a link more', mine => mine.entries.forEach(entry => void entry.proof.push(nothing))],
    ['with proofs of zeros', mine => mine.entries.forEach(entry => void entry.proof.fill(nothing))],
    ['with no proofs', mine => mine.entries.forEach(entry => void entry.proof.splice(0))],
    [
      'with proofs as long as can be',
      mine => mine.entries.forEach(entry => void entry.proof.push(...Array(47).fill(nothing))),
    ],
    [
      'with proofs that are too long',
      mine => mine.entries.forEach(entry => void entry.proof.push(...Array(1000).fill(nothing))),
    ],
    ['without an entry', mine => void mine.entries.splice(50, 1)],
    ['with an entry twice', mine => void mine.entries.splice(50, 0, mine.entries[50]!)],
    ['upside down', mine => void mine.entries.reverse()],
    ['with two entries exchanged', mine => void mine.entries.splice(50, 2, mine.entries[51]!, mine.entries[50]!)],
    [
      'with the values of another entry',
      mine => Object.assign(mine.entries[50]!, { disclosures: mine.entries[51]!.disclosures }),
    ],
    ['with a value twice', mine => void mine.entries[50]!.disclosures.push(mine.entries[50]!.disclosures[0]!)],
    [
      'with another salt',
      mine => Object.assign(mine.entries[50]!.disclosures[0]!, { 0: toBase64url(new Uint8Array(16)) }),
    ],
    ['with a value under another name', mine => Object.assign(mine.entries[50]!.disclosures[0]!, { 1: 'session' })],
    [
      'with a value under the name of every object',
      mine => Object.assign(mine.entries[50]!.disclosures[0]!, { 1: '__proto__' }),
    ],
    [
      'with a value under a name that every object has',
      mine => Object.assign(mine.entries[50]!.disclosures[0]!, { 1: 'constructor' }),
    ],
    ['with a consistency proof of zeros', mine => void mine.header.consistency[0]![1].fill(nothing)],
    ['with a consistency proof without its end', mine => void mine.header.consistency[0]![1].pop()],
    ['with an empty consistency proof', mine => mine.header.consistency[0]![1].splice(0)],
    [
      'with keys of its own',
      mine => {
        const ed25519 = formatVkey('example.com/one', 1, stranger.ed.publicKey)
        mine.header.vkeys = [ed25519, formatVkey('example.com/one', 6, stranger.pq.publicKey)]
      },
    ],
    [
      'with one key of its own',
      mine => {
        mine.header.vkeys = [vkeys[0]!, formatVkey('example.com/one', 6, stranger.pq.publicKey)]
      },
    ],
    ['with its keys exchanged', mine => Object.assign(mine.header, { vkeys: vkeys.toReversed() })],
    ['with one key', mine => Object.assign(mine.header, { vkeys: [vkeys[0]!] })],
    ['with no key', mine => Object.assign(mine.header, { vkeys: [] })],
    ['that claims more than it holds', mine => Object.assign(mine.header, { whole: '0-101' })],
    ['that claims less than it holds', mine => Object.assign(mine.header, { whole: '0-99' })],
    ['that claims all that can be', mine => Object.assign(mine.header, { whole: '0-999999999999999' })],
    [
      'with a spelling of its own for a leaf',
      mine => Object.assign(mine.entries[50]!, { leaf: mine.entries[50]!.leaf.replace('"seq":50', '"seq": 50') }),
    ],
  ]
  it.each(forgeries)('%s is found out', async (name, forge) => {
    const mine = apart(genuine)
    forge(mine, apart(foreign))
    counts.forgeries++
    const text = together(mine)
    const report = await check(text)
    expect(report.valid, name).toBe(false)
    expect(report.findings.length).toBeGreaterThan(0)
    counts.refused++
    // Byte by byte it says the same.
    const bytes = utf8(text)
    const pieces = Array.from({ length: Math.ceil(bytes.length / 4096) }, (_, i) =>
      bytes.subarray(4096 * i, 4096 * (i + 1)),
    )
    expect(await verifyBundle(pieces, { vkeys, anchors: [earlier] })).toEqual(report)
  })

  it('of a rival log that took the same name is not taken for this one', async () => {
    const report = await check(foreign)
    expect(report.findings.map(({ type }) => type)).toContain('signature_invalid')
    expect(await check(foreign, { vkeys: Object.values(rival.keys.vkeys) })).toMatchObject({ valid: false })
    expect(await check(foreign, { vkeys: Object.values(rival.keys.vkeys), anchors: [] })).toMatchObject({ valid: true })
  })
})

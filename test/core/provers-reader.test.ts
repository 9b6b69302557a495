/**
 * A log that lies to whoever reads it: right answers of another log, of a longer or shorter one, spliced where tiles
 * meet, more or less than was asked for, and another answer the second time. A check must say so or be unmoved by it,
 * by findings and never by an exception, and in a time that the lie does not decide.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signCheckpoint } from '../../src/core/checkpoint.ts'
import { mldsa44Signer } from '../../src/core/cosignature.ts'
import { AuditError } from '../../src/core/errors.ts'
import { canonicalize } from '../../src/core/json.ts'
import { ed25519Signer, type Signer, type Verifier } from '../../src/core/note.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { formatVkey } from '../../src/core/vkey.ts'
import type { LogReader, StoredEntry } from '../../src/store/store.ts'
import { EntryCheck } from '../../src/verify/entry-check.ts'
import { type VerifyOptions, verifyLog } from '../../src/verify/log-verifier.ts'
import { cpuMs } from '../support/cpu.ts'
import { recordEvidence } from '../support/evidence.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'
import { lying, ToldLog } from '../support/lying-reader.ts'

let log: TestLog
/** 700 entries: two full tiles and a partial one, checkpoints at 300 and 700. */
let truth: ToldLog
let other: ToldLog
let verifiers: readonly Verifier[]
let anchor: string
const origin = 'example.com/test'
/** Keys of whoever lies. */
const own = { ed25519: ed25519Key(new Uint8Array(32).fill(9)), mldsa44: mldsa44Key() }
const ownVkeys = {
  'vkey.ed25519': formatVkey(origin, 1, own.ed25519.publicKey),
  'vkey.mldsa44': formatVkey(origin, 6, own.mldsa44.publicKey),
}
const ownSigners: Signer[] = [
  ed25519Signer(origin, own.ed25519.publicKey, own.ed25519.sign),
  mldsa44Signer(origin, own.mldsa44.publicKey, own.mldsa44.sign, 1_800_000_000),
]
const counts = { readers: 0, checks: 0, found: 0, unmoved: 0 }
afterAll(() => recordEvidence('lying-readers', counts))

beforeAll(async () => {
  log = await makeTestLog({ origin, encryption: 'none' })
  await log.grow(100, 199)
  await log.grow(100, 300)
  truth = await ToldLog.of(log.store)
  expect(truth.parts.head!.size).toBe(700)
  expect(truth.parts.checkpoints.map(({ size }) => size)).toEqual([1, 300, 700])
  other = truth.rewritten(310, leaf => ({ operation: `other ${leaf.operation}` }))
  verifiers = log.keys.verifiers
  anchor = truth.parts.checkpoints.at(-1)!.note
})
afterAll(() => log.dispose())

/** A check that ends: with what was found, within a second or a few. */
async function check(reader: LogReader, options: VerifyOptions = {}): Promise<string[]> {
  const sealKey = parseSealKey(log.sealKey)
  const started = cpuMs()
  const found = await verifyLog(reader, { verifiers, sealKey, deep: true, ...options }).then(
    ({ findings }) => findings.map(({ type }) => type as string),
    asRefusal,
  )
  expect(cpuMs() - started, 'milliseconds').toBeLessThan(5000)
  counts.checks++
  return found
}

/** What cannot be read as a log at all may be refused as such. */
function asRefusal(error: unknown): string[] {
  expect(error).toBeInstanceOf(AuditError)
  return [(error as AuditError).code]
}

const signedByLiar = (told: ToldLog): ToldLog => {
  const { size, root } = told.parts.head!
  const note = signCheckpoint({ origin, size, root }, ownSigners)
  return told.but({ checkpoints: [...told.parts.checkpoints.filter(one => one.size < size), { size, note }] })
}

/** The tile, with other bytes for it. */
const withTile = (name: string, change: (hashes: Uint8Array) => Uint8Array | undefined) =>
  lying(truth, {
    tile: (level, index) => {
      const hashes = truth.tile(level, index)
      return `${level}/${index}` === name ? change(hashes!) : hashes
    },
  })

function withEntries(change: (entries: StoredEntry[], from: number, to: number) => Iterable<readonly StoredEntry[]>) {
  return lying(truth, { entries: (from, to) => change([...truth.entries(from, to)].flat(), from, to) })
}

function* endless<T>(next: (i: number) => T): Generator<T> {
  for (let i = 0; ; i++) yield next(i)
}

/** Answers truly the first `times`, and by another log from then on. */
function changingItsMind(times: number, later: LogReader, names: readonly (keyof LogReader)[]): LogReader {
  const asked: Record<string, number> = {}
  const answer =
    (name: keyof LogReader) =>
    (...args: unknown[]) => {
      const key = name === 'head' || name === 'declarations' ? name : `${name} ${args.join()}`
      asked[key] = (asked[key] ?? 0) + 1
      const log = asked[key] > times && names.includes(name) ? later : truth
      return (log as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(...args)
    }
  return {
    head: answer('head'),
    entries: answer('entries'),
    tile: answer('tile'),
    seals: answer('seals'),
    checkpoints: answer('checkpoints'),
    declarations: answer('declarations'),
  } as LogReader
}

describe('a reader that lies', () => {
  it('is not needed for the truth', async () => {
    expect(await check(truth)).toEqual([])
    expect(await check(truth, { anchors: [anchor] })).toEqual([])
    expect(await check(truth, { from: 400, anchors: [anchor] })).toEqual([])
  })

  const lies: [string, () => LogReader][] = [
    ['about all, with a history of its own', () => other],
    ['with a history of its own that it signed', () => signedByLiar(other)],
    [
      'with a log of its own that it signed',
      () => signedByLiar(truth.rewritten(0, (_, seq) => (seq === 0 ? { attributes: { origin, ...ownVkeys } } : {}))),
    ],
    ['with the tree of another history', () => lying(truth, { tile: (level, index) => other.tile(level, index) })],
    ['with the entries of another history', () => lying(truth, { entries: (from, to) => other.entries(from, to) })],
    ['with the head of another history', () => lying(truth, { head: () => other.head() })],
    [
      'with the tree and the head of another history',
      () => lying(other, { entries: (from, to) => truth.entries(from, to) }),
    ],
    [
      'with a splice at the border of a tile',
      () =>
        lying(truth, {
          entries: (from, to) => (from < 512 ? truth : other).entries(from, to),
          tile: (level, index) => (level === 0 && index < 2 ? truth : other).tile(level, index),
          head: () => other.head(),
        }),
    ],
    [
      'with the head of a shorter log',
      () =>
        truth.but({
          head: {
            size: 600,
            root: ToldLog.from(truth.parts.entries.slice(0, 600).map(({ leaf }) => leaf)).parts.head!.root,
          },
        }),
    ],
    ['with a shorter log', () => ToldLog.from(truth.parts.entries.slice(0, 600).map(({ leaf }) => leaf))],
    ['with the size of a longer log', () => truth.but({ head: { ...truth.parts.head!, size: 701 } })],
    ['with the size of a shorter log', () => truth.but({ head: { ...truth.parts.head!, size: 699 } })],
    ['with an empty log', () => truth.but({ head: { size: 0, root: new Uint8Array(32) } })],
    ['with no head', () => truth.but({ head: undefined })],
    ...[-1, 0.5, 699.5, Number.NaN, 2 ** 53, 2 ** 60, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(
      size =>
        [`with a size of ${size}`, () => truth.but({ head: { ...truth.parts.head!, size } })] as [
          string,
          () => LogReader,
        ],
    ),
    ...[0, 31, 33, 64].map(
      length =>
        [`with a root of ${length} bytes`, () => truth.but({ head: { size: 700, root: new Uint8Array(length) } })] as [
          string,
          () => LogReader,
        ],
    ),

    ['with leaves where tiles of nodes are', () => withTile('1/0', () => truth.tile(0, 2)!.slice(0, 64))],
    ['with nodes where tiles of leaves are', () => withTile('0/0', () => truth.tile(1, 0))],
    ['with a tile of leaves in the place of another', () => withTile('0/0', () => truth.tile(0, 1))],
    ['with a tile that is not there', () => withTile('0/1', () => undefined)],
    ['with a tile of nodes that is not there', () => withTile('1/0', () => undefined)],
    ['with a narrower partial tile', () => withTile('0/2', hashes => hashes.subarray(0, -32))],
    ['with a narrower tile of nodes', () => withTile('1/0', hashes => hashes.subarray(0, 32))],
    ['with a tile of half a hash less', () => withTile('0/2', hashes => hashes.subarray(0, -16))],
    ['with an empty tile', () => withTile('0/0', () => new Uint8Array(0))],
    ['with a tile of zeros', () => withTile('0/0', hashes => new Uint8Array(hashes.length))],
    ['with a hash of zeros', () => withTile('0/1', hashes => hashes.map((byte, i) => (i >> 5 === 44 ? 0 : byte)))],
    ['with a tile one on', () => withTile('0/0', hashes => hashes.subarray(32))],

    ['with too few entries', () => withEntries(entries => [entries.filter(({ seq }) => seq !== 400)])],
    ['with no entries', () => withEntries(() => [])],
    ['with entries upside down', () => withEntries(entries => [entries.toReversed()])],
    [
      'with entries renumbered',
      () => withEntries(entries => [entries.map(entry => ({ ...entry, seq: entry.seq + 1 }))]),
    ],
    [
      'with one entry in every place',
      () => withEntries(entries => [entries.map(entry => ({ ...truth.parts.entries[5]!, seq: entry.seq }))]),
    ],
    [
      'with two entries exchanged',
      () =>
        withEntries(entries => [
          entries.map(entry =>
            entry.seq === 5 || entry.seq === 6 ? { ...truth.parts.entries[11 - entry.seq]!, seq: entry.seq } : entry,
          ),
        ]),
    ],
    [
      'with leaves of no bytes',
      () => withEntries(entries => [entries.map(entry => ({ ...entry, leaf: new Uint8Array(0) }))]),
    ],
    [
      'with leaves of a mebibyte',
      () =>
        withEntries(entries => [
          entries.map(entry => (entry.seq === 9 ? { ...entry, leaf: new Uint8Array(2 ** 20) } : entry)),
        ]),
    ],
    [
      'with a node as a leaf',
      () =>
        withEntries(entries => [
          entries.map(entry => (entry.seq === 9 ? { ...entry, leaf: truth.tile(0, 0)!.slice(0, 64) } : entry)),
        ]),
    ],
    [
      'with content of a neighbour',
      () =>
        withEntries(entries => [
          entries.map((entry, i) => ({ ...entry, content: entries[i ^ 1]?.content ?? entry.content })),
        ]),
    ],
    [
      'with no content',
      () => withEntries(entries => [entries.map(entry => ({ ...entry, content: new Uint8Array(0) }))]),
    ],
    [
      'with content that is cut',
      () => withEntries(entries => [entries.map(entry => ({ ...entry, content: entry.content.subarray(0, -1) }))]),
    ],
    [
      'with entries at fractions',
      () => withEntries(entries => [entries.map(entry => ({ ...entry, seq: entry.seq + 0.5 }))]),
    ],
    [
      'with entries at no number',
      () => withEntries(entries => [entries.map(entry => ({ ...entry, seq: Number.NaN }))]),
    ],
    [
      'with entries behind the end',
      () =>
        lying(truth, {
          entries: (from, to) => (to > 700 ? [[{ ...truth.parts.entries[0]!, seq: 700 }]] : truth.entries(from, to)),
        }),
    ],
    [
      'with entries without end behind the end',
      () =>
        lying(truth, {
          entries: (from, to) =>
            to > 700 ? endless(i => [{ ...truth.parts.entries[0]!, seq: 700 + i }]) : truth.entries(from, to),
        }),
    ],
    [
      'with more entries than there are places',
      () =>
        withEntries(function* (entries) {
          yield entries
          yield* Array<StoredEntry[]>(50).fill(entries)
        }),
    ],
    [
      'with a million entries at once',
      () => withEntries(entries => [Array<StoredEntry>(1_000_000).fill(entries[0] ?? truth.parts.entries[0]!)]),
    ],
    ['with entries without end', () => withEntries(entries => endless(() => entries))],
    ['with pieces without end and nothing in them', () => withEntries(() => endless(() => []))],

    ['without checkpoints', () => truth.but({ checkpoints: [] })],
    [
      'with a checkpoint at another size',
      () => truth.but({ checkpoints: truth.parts.checkpoints.map(({ note }) => ({ size: 500, note })) }),
    ],
    ['with checkpoints of another history', () => truth.but({ checkpoints: signedByLiar(other).parts.checkpoints })],
    [
      'with checkpoints without end',
      () => lying(truth, { checkpoints: () => endless(i => ({ size: i + 1, note: anchor })) }),
    ],
    [
      'with one checkpoint without end',
      () => lying(truth, { checkpoints: () => endless(() => ({ size: 300, note: 'no note' })) }),
    ],
    [
      'with checkpoints at no size',
      () =>
        lying(truth, {
          checkpoints: () => [
            { size: Number.NaN, note: anchor },
            { size: 0.5, note: anchor },
          ],
        }),
    ],
    ['without seals', () => truth.but({ seals: [] })],
    [
      'with seals of zeros',
      () => truth.but({ seals: truth.parts.seals.map(seal => ({ ...seal, mac: new Uint8Array(32) })) }),
    ],
    [
      'with seals of no bytes',
      () => truth.but({ seals: truth.parts.seals.map(seal => ({ ...seal, mac: new Uint8Array(0) })) }),
    ],
    [
      'with seals of the last epoch that a number can name',
      () => truth.but({ seals: truth.parts.seals.map(seal => ({ ...seal, epoch: 2 ** 53 - 1 })) }),
    ],
    [
      'with seals of far epochs, over entries that are not there',
      () =>
        lying(truth.but({ seals: truth.parts.seals.map(seal => ({ ...seal, epoch: 2 ** 40 })) }), {
          entries: (from, to) => [
            [...truth.entries(from, to)]
              .flat()
              .filter(({ seq }) => !truth.parts.seals.some(({ size }) => size === seq + 1)),
          ],
        }),
    ],
    [
      'with seals of epochs that are no numbers',
      () => truth.but({ seals: truth.parts.seals.map(seal => ({ ...seal, epoch: Number.NaN })) }),
    ],
    [
      'with seals without end',
      () => lying(truth, { seals: () => endless(i => ({ ...truth.parts.seals[0]!, size: i + 1 })) }),
    ],

    [
      'that what is missing was declared gone',
      () => {
        const leaf = JSON.parse(Buffer.from(truth.parts.entries[600]!.leaf).toString()) as object
        const forged = {
          ...leaf,
          kind: 'control',
          operation: 'retention.pruned',
          attributes: { below: 256, entries: '0-511' },
        }
        const stored = { seq: 600, leaf: Buffer.from(canonicalize(forged)), content: new Uint8Array(0) }
        return lying(truth.but({ declared: [stored] }), {
          entries: (from, to) => [
            [...truth.entries(from, to)]
              .flat()
              .filter(({ seq }) => seq === 0 || seq >= 256)
              .map(entry => (entry.seq < 512 ? { ...entry, content: new Uint8Array(0) } : entry)),
          ],
        })
      },
    ],
    [
      'with declarations without end',
      () =>
        lying(truth, {
          declarations: () => endless(() => truth.parts.entries[1]!),
          entries: (from, to) => [[...truth.entries(from, to)].flat().filter(({ seq }) => seq !== 400)],
        }),
    ],
  ]

  it.each(lies)('is found out: %s', async (_, lie) => {
    counts.readers++
    const found = await check(lie())
    expect(found).not.toEqual([])
    counts.found++
    await check(lie(), { anchors: [anchor] })
    // No part of the log may be believed to be what it is not, either; but a part can be free of the lie.
    for (const [from, to] of [
      [256, 512],
      [300, 700],
    ] as const)
      await check(lie(), { from, to })
  })

  it.each(lies)('does not upset the check of one entry: %s', async (_, lie) => {
    for (const sealKey of [undefined, log.sealKey]) {
      for (const seq of [0, 9, 255, 256, 400, 512, 699, 700, Number.NaN, 0.5]) {
        const started = cpuMs()
        const status = await new EntryCheck({ log: lie() })
          .checkEntry(seq, sealKey)
          .then(({ status }) => status, asRefusal)
        expect(cpuMs() - started, 'milliseconds').toBeLessThan(2000)
        counts.checks++
        if (status === 'valid') counts.unmoved++
        else counts.found++
      }
    }
  })
})

describe('part of a log', () => {
  it('is not taken for the log’s when keys that nobody knows have signed it', async () => {
    const strange = signedByLiar(
      truth.rewritten(0, (_, seq) => (seq === 0 ? { attributes: { origin, ...ownVkeys } } : {})),
    )
    for (const range of [{ from: 300 }, { to: 600 }, { from: 256, to: 512 }, { from: 1 }]) {
      expect(await check(strange, { ...range, sealKey: undefined }), JSON.stringify(range)).toContain(
        'signature_invalid',
      )
    }
  })

  it('is not taken for the log’s when its first entry was exchanged for one that names other keys', async () => {
    const forged = signedByLiar(truth.rewritten(310, leaf => ({ operation: `other ${leaf.operation}` })))
    const genesis = truth.rewritten(0, () => ({ attributes: { origin, ...ownVkeys } })).parts.entries[0]!
    const told = forged.but({ entries: forged.parts.entries.with(0, { ...genesis, content: new Uint8Array(0) }) })
    expect(await check(told, { from: 310, sealKey: undefined })).toContain('signature_invalid')
    expect(await check(told, { from: 310, sealKey: undefined, anchors: [anchor] })).not.toEqual([])
  })

  it('is not taken for the log’s when a rotation that never was names other keys', async () => {
    const control = (seq: number, attributes: object): StoredEntry => {
      const { sealed: _, ...leaf } = JSON.parse(Buffer.from(truth.parts.entries[seq]!.leaf).toString()) as Record<
        string,
        unknown
      >
      const forged = { ...leaf, kind: 'control', operation: 'key.rotated', attributes }
      return { seq, leaf: Buffer.from(canonicalize(forged)), content: new Uint8Array(0) }
    }
    const { note } = truth.parts.checkpoints[1]!
    const declared = [control(299, ownVkeys), control(300, { ...ownVkeys, checkpoint: note })]
    const forged = signedByLiar(other).but({ declared })
    expect(await check(forged, { from: 310, sealKey: undefined })).toContain('signature_invalid')
  })
})

describe('a reader that changes its mind', () => {
  const names = ['head', 'entries', 'tile', 'seals', 'checkpoints', 'declarations'] as const

  it('shows a whole history of its own to nobody who checks', async () => {
    const sets = names.flatMap((name): (keyof LogReader)[][] => [[name], ['head', name], ['entries', name]])
    for (const later of [other, signedByLiar(other), truth.but({ head: undefined })]) {
      for (const some of [...sets, [...names]]) {
        for (const times of [0, 1]) {
          const reader = () => changingItsMind(times, later, some)
          counts.readers++
          const walked: number[] = []
          const options = { verifiers, deep: true, onLeaf: ({ seq }: { seq: number }) => walked.push(seq) }
          const report = await verifyLog(reader(), options)
          counts.checks++
          // Whatever it says later: what was called valid is what was walked, and that is signed.
          if (report.valid) {
            expect(report.rootHash).toBe(Buffer.from(truth.parts.head!.root).toString('hex'))
            expect(walked).toHaveLength(700)
            counts.unmoved++
          } else counts.found++
          for (const range of [{ from: 256 }, { from: 1, to: 600 }]) await check(reader(), range)
          await new EntryCheck({ log: reader() }).checkEntry(400, log.sealKey).catch(asRefusal)
        }
      }
    }
  })

  it('ends in a refusal when it cannot be read at all', async () => {
    for (const name of names) {
      const broken = lying(truth, {
        [name]: () => {
          throw new AuditError('io', 'the disk is gone')
        },
      })
      const outcome = await verifyLog(broken, { verifiers }).then(
        ({ valid }) => valid,
        (error: unknown) => error,
      )
      if (typeof outcome === 'boolean') expect([name, outcome]).toEqual([name, name === 'declarations'])
      else expect(outcome).toBeInstanceOf(AuditError)
    }
  })
})

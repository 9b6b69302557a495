/** Bundles of real logs, checked with nothing else at hand, whole and after every move that could be made on one. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import vm from 'node:vm'
import fc from 'fast-check'
import { build, type Rolldown } from 'vite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openWriter } from '../../src/append/writer.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { peekCheckpoint, signCheckpoint } from '../../src/core/checkpoint.ts'
import type { FindingType } from '../../src/core/finding.ts'
import { ed25519Signer, signatureTypes, signNote } from '../../src/core/note.ts'
import { formatVkey } from '../../src/core/vkey.ts'
import { type BundleRequest, writeBundle } from '../../src/export/bundle.ts'
import { type BundleReport, type VerifyBundleOptions, verifyBundle } from '../../src/export/verify-bundle.ts'
import { openReader, type Reader } from '../../src/trail/reader.ts'
import { ed25519Key } from '../support/keys.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
let reader: Reader
/** A checkpoint of 301 entries, kept while the log went on to 306. */
let earlier: string
let vkeys: string[]
beforeAll(async () => {
  log = await makeTestLog()
  await log.grow(300)
  earlier = log.store.lastCheckpoint()!.note
  await log.grow(5)
  reader = await openReader({ file: log.file, keys: log.keysFolder })
  vkeys = Object.values(log.keys.vkeys)
})
afterAll(async () => {
  await reader.close()
  log.dispose()
})

async function bundleOf(request: Partial<BundleRequest> = {}): Promise<string> {
  const lines: string[] = []
  await writeBundle({ reader, write: line => void lines.push(line), ...request })
  return lines.join('')
}

const check = (text: string, options?: VerifyBundleOptions) => verifyBundle([utf8(text)], options)
const typesIn = ({ findings }: BundleReport) => findings.map(({ type }) => type)

describe('a bundle', () => {
  it('of the whole log verifies with nothing else at hand, and says how far that reaches', async () => {
    const text = await bundleOf()
    const alone = await check(text)
    expect(alone).toMatchObject({
      valid: true,
      complete: true,
      trust: 'chained',
      findings: [],
      entries: 306,
      size: 306,
      whole: [[0, 305]],
      origin: log.keys.origin,
      values: { closed: 0 },
    })
    expect(alone.rootHash).toBe((await reader.status()).rootHash)
    expect(await check(text, { vkeys })).toMatchObject({ valid: true, trust: 'signed' })
    expect(await check(text, { vkeys: [vkeys[1]!] })).toMatchObject({ valid: true, trust: 'signed' })
    const newest = log.store.lastCheckpoint()!.note
    expect(await check(text, { vkeys, anchors: [newest] })).toMatchObject({ valid: true, trust: 'anchored' })
    expect(await check(text, { anchors: [newest] })).toMatchObject({ valid: true, trust: 'anchored' })
  })

  it('is held against an older anchor when it was written for it; else that is said, and not taken for agreement', async () => {
    expect(peekCheckpoint(earlier)!.size).toBe(301)
    const text = await bundleOf({ anchors: [earlier, earlier] })
    expect(await check(text, { vkeys, anchors: [earlier] })).toMatchObject({
      valid: true,
      trust: 'anchored',
      undecided: [],
    })
    const without = await check(await bundleOf(), { vkeys, anchors: [earlier] })
    expect(without).toMatchObject({ valid: true, trust: 'signed', undecided: [expect.stringContaining('301 entries')] })
  })

  it.each<[string, Partial<BundleRequest>, string | undefined, number]>([
    [
      'numbers',
      {
        entries: [
          [3, 9],
          [70, 70],
          [250, 400],
        ],
      },
      '3-9,70,250-305',
      64,
    ],
    ['a filter by number', { filter: { where: [{ field: 'seq', op: 'between', value: [10, 19] }] } }, '10-19', 10],
    ['a filter by operation', { filter: { operation: 'forget' } }, undefined, 76],
    [
      'a filter by a value',
      { filter: { where: [{ field: 'operationResult.text', op: 'contains', value: 'result 7' }] } },
      undefined,
      11,
    ],
    ['what nothing matches', { filter: { operation: 'nothing' } }, undefined, 0],
    ['no numbers', { entries: [] }, '', 0],
  ])(
    'by %s holds what was asked for, and claims to be whole where that can be shown',
    async (_, request, whole, entries) => {
      const report = await check(await bundleOf(request), { vkeys })
      const ranges = report.whole?.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
      expect({ ...report, whole: ranges }).toMatchObject({
        valid: true,
        findings: [],
        entries,
        whole,
        complete: whole !== undefined,
      })
    },
  )

  it('by time is whole between its first entry and its last', async () => {
    const [from, to] = (
      await reader.query({ where: [{ field: 'seq', op: 'in', value: [40, 60] }] }, { limit: 2, order: 'asc' })
    ).map(({ time }) => time)
    const report = await check(await bundleOf({ filter: { since: from!, until: to! } }))
    expect(report).toMatchObject({ valid: true, complete: true, whole: [[40, 60]], entries: 21 })
    const rest = await check(await bundleOf({ filter: { since: to! } }))
    expect(rest).toMatchObject({ whole: [[60, 305]], entries: 246 })
  })

  it('discloses what may be seen, and nothing of the rest', async () => {
    const text = await bundleOf({ entries: [[5, 8]], mayOpen: (_, name) => name === 'memoryId' })
    expect(text).not.toMatch(/Zoë|überall|agent-\d|session \d/)
    const seen: unknown[] = []
    const report = await check(text, { onEntry: ({ seq }, values) => seen.push([seq, values]) })
    expect(report).toMatchObject({ valid: true, values: { open: 4, closed: 12 } })
    expect(seen).toEqual([5, 6, 7, 8].map(seq => [seq, { memoryId: `mem_${seq - 1}` }]))
  })

  it('reads the same in pieces of any size', async () => {
    const bytes = utf8(await bundleOf({ entries: [[0, 6]] }))
    const whole = await verifyBundle([bytes])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 30 }), async cuts => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const pieces = at.slice(1).map((end, i) => bytes.slice(at[i], end))
        expect(await verifyBundle(pieces)).toEqual(whole)
      }),
      { numRuns: 30 },
    )
  })

  it('of a log that lost a leaf shows that it is missing, and says so when it is written', async () => {
    const kept: Reader['kept'] = async seqs => (await reader.kept(seqs)).filter(({ seq }) => seq !== 45)
    const lines: string[] = []
    const written = await writeBundle({ reader: { ...reader, kept }, write: line => void lines.push(line) })
    expect(written).toMatchObject({ entries: 305, unreadable: 1 })
    const report = await check(lines.join(''))
    expect(report).toMatchObject({ valid: false, complete: false, firstUntrusted: 45 })
    expect(typesIn(report)).toEqual(['missing_entry'])
  })

  it('by a reader that shows only a part claims nothing of the rest, and names the keys all the same', async () => {
    const isSeen = ({ seq }: { seq: number }) => seq % 3 === 1
    const part: BundleRequest['reader'] = {
      ...reader,
      query: async (...asked) => (await reader.query(...asked)).filter(isSeen),
      list: async (...asked) => (await reader.list(...asked)).filter(isSeen),
      kept: async seqs => (await reader.kept(seqs)).filter(isSeen),
      leaf: async () => undefined,
    }
    for (const asked of [{}, { entries: [[10, 40]] as const }, { filter: { operation: 'forget' } }]) {
      const report = await check(await bundleOf({ reader: part, partOf: reader, ...asked }), { vkeys })
      expect(report).toMatchObject({ valid: true, complete: false, findings: [] })
      expect(report.entries).toBeGreaterThan(5)
      expect(report.whole).toBeUndefined()
    }
  })

  it('of a log that was tampered with is never a good one', async () => {
    for (const act of [
      (open: Tamper) => open.edit(45, { operation: 'other' }),
      (open: Tamper) => {
        open.rows[45] = undefined
      },
      (open: Tamper) => void open.rows[45]!.content.fill(0, 30),
    ]) {
      const damaged = await makeTestLog()
      onTestFinished(() => damaged.dispose())
      await damaged.grow(60)
      const open = Tamper.open(damaged.file, damaged.keys.storage)
      act(open)
      open.save().db.close()
      const other = await openReader({ file: damaged.file, keys: damaged.keysFolder })
      onTestFinished(() => other.close())
      const report = await check(await bundleOf({ reader: other }))
      expect(report.valid).toBe(false)
    }
  })

  it('shows leaves whose content is gone, and begins behind leaves that are gone', async () => {
    const old = await makeTestLog()
    onTestFinished(() => old.dispose())
    await old.grow(600)
    const sequencer = old.sequencer()
    await sequencer.remove({ operation: 'retention.pruned', entries: '1-500', below: 256, attributes: {} })
    await sequencer.checkpoint()
    const other = await openReader({ file: old.file, keys: old.keysFolder })
    onTestFinished(() => other.close())
    const report = await check(await bundleOf({ reader: other }), { vkeys: Object.values(old.keys.vkeys) })
    expect(report).toMatchObject({ valid: true, complete: true, whole: [[256, 601]], entries: 346 })
    expect(report.values).toEqual({ open: 400, closed: 980 })
  })
})

// The moves: THREATS.md, row 37, and what else could be done to a file on its way

interface Line {
  disclosures: [string, string, string][]
  leaf: string
  proof: string[]
}
interface Header {
  bundle: string
  checkpoint: string
  origin: string
  vkeys: string[]
  whole?: string
  rotations: unknown[]
}

/** A bundle taken apart; whoever puts it together again gives it a right end. */
interface Parts {
  header: Header
  entries: Line[]
}

/** The end as the page on the format says that it is computed, by nothing of ours. */
function endOf(lines: readonly string[]): string {
  const sha256 = (...parts: (string | Buffer)[]) => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest()
  }
  const [header = '', ...entries] = lines
  const digest = entries.reduce((before, line) => sha256(before, sha256(line)), sha256(header))
  return `{"count":${entries.length},"digest":"${digest.toString('hex')}"}`
}

const linesOf = ({ header, entries }: Parts) => [header, ...entries].map(part => JSON.stringify(part))
const closed = (lines: readonly string[]) => [...lines, endOf(lines), ''].join('\n')
const takenApart = (text: string): Parts => {
  const [header, ...entries] = text.trimEnd().split('\n').slice(0, -1)
  return { header: JSON.parse(header!), entries: entries.map(line => JSON.parse(line)) }
}

describe('a move on a bundle', () => {
  let text: string
  let selection: string
  let foreign: string
  beforeAll(async () => {
    text = await bundleOf({ entries: [[20, 40]] })
    selection = await bundleOf({ filter: { operation: 'forget' } })
    const other = await makeTestLog({ origin: 'example.com/other' })
    await other.grow(305)
    const otherReader = await openReader({ file: other.file, keys: other.keysFolder })
    foreign = await bundleOf({ reader: otherReader, entries: [[20, 40]] })
    await otherReader.close()
    other.dispose()
  })

  it('is not needed to put one together again: that is the same bundle', () => {
    for (const bundle of [text, selection]) expect(closed(linesOf(takenApart(bundle)))).toBe(bundle)
  })

  const swap = <T>(list: T[], a: number, b: number) => {
    const held = list[a]!
    list[a] = list[b]!
    list[b] = held
  }
  const moves: [string, (parts: Parts, foreign: Parts) => void, FindingType[], number?][] = [
    [
      'the proof of one entry is taken out',
      ({ entries }) => delete (entries[3] as Partial<Line>).proof,
      ['missing_entry', 'format_invalid'],
      23,
    ],
    [
      'all proofs are taken out',
      ({ entries }) => {
        for (const entry of entries) delete (entry as Partial<Line>).proof
      },
      ['missing_entry', 'format_invalid'],
      20,
    ],
    [
      'the proof of one entry is emptied',
      ({ entries }) => {
        entries[3]!.proof = []
      },
      ['hash_mismatch'],
      23,
    ],
    [
      'the proof is that of another entry',
      ({ entries }) => {
        entries[3]!.proof = entries[4]!.proof
      },
      ['hash_mismatch'],
      23,
    ],
    [
      'a step more is put to a proof',
      ({ entries }) => void entries[3]!.proof.push(entries[3]!.proof[0]!),
      ['hash_mismatch'],
      23,
    ],
    ['two entries are swapped', ({ entries }) => swap(entries, 5, 9), ['chain_break', 'chain_break'], 25],
    [
      'the leaves of two entries are swapped',
      ({ entries }) => {
        const { leaf } = entries[5]!
        entries[5]!.leaf = entries[6]!.leaf
        entries[6]!.leaf = leaf
      },
      ['chain_break', 'disclosure_mismatch', 'hash_mismatch'],
      25,
    ],
    ['an entry is there twice', ({ entries }) => void entries.splice(5, 0, entries[5]!), ['chain_break'], 25],
    ['an entry is taken out', ({ entries }) => void entries.splice(5, 1), ['missing_entry'], 25],
    ['the last entries are taken out', ({ entries }) => void entries.splice(15), ['missing_entry'], 35],
    ['all entries are taken out', ({ entries }) => void entries.splice(0), ['missing_entry'], 20],
    [
      'an entry beyond those it names is put in',
      ({ header }) => {
        header.whole = '20-39'
      },
      ['format_invalid'],
      40,
    ],
    [
      'a leaf is changed',
      ({ entries }) => {
        entries[5]!.leaf = entries[5]!.leaf.replace('"outcome":"success"', '"outcome":"failure"')
      },
      ['hash_mismatch'],
      25,
    ],
    [
      'a leaf is written in another spelling',
      ({ entries }) => {
        entries[5]!.leaf = entries[5]!.leaf.replace('{', '{ ')
      },
      ['missing_entry', 'format_invalid'],
      25,
    ],
    [
      'a leaf is of another version',
      ({ entries }) => {
        entries[5]!.leaf = entries[5]!.leaf.replace('"v":1', '"v":2')
      },
      ['missing_entry', 'format_invalid'],
      25,
    ],
    [
      'an entry is that of another log',
      ({ entries }, foreign) => {
        entries[5] = foreign.entries[5]!
      },
      ['foreign_entry'],
      25,
    ],
    [
      'the header is that of another log',
      (parts, foreign) => {
        parts.header = foreign.header
      },
      ['hash_mismatch'],
    ],
    [
      'the checkpoint is that of another log',
      ({ header }, foreign) => {
        header.checkpoint = foreign.header.checkpoint
      },
      ['signature_invalid', 'hash_mismatch'],
    ],
    [
      'the format is of another version',
      ({ header }) => {
        header.bundle = 'memmimic-audit/bundle/v0'
      },
      ['format_invalid'],
    ],
    [
      'the size in the checkpoint is another',
      ({ header }) => {
        header.checkpoint = header.checkpoint.replace('\n306\n', '\n305\n')
      },
      ['signature_invalid'],
    ],
    [
      'one signature is taken out',
      ({ header }) => {
        header.checkpoint = header.checkpoint.replace(/— [^\n]+\n$/, '')
      },
      ['signature_invalid'],
    ],
    [
      'one signature and its key are taken out',
      ({ header }) => {
        header.checkpoint = header.checkpoint.replace(/— [^\n]+\n$/, '')
        header.vkeys.pop()
      },
      ['signature_invalid'],
    ],
    [
      'the keys are those of another log',
      ({ header }, foreign) => {
        header.vkeys = foreign.header.vkeys
      },
      ['signature_invalid', 'signature_invalid'],
    ],
    [
      'a value is changed',
      ({ entries }) => {
        entries[5]!.disclosures[0]![2] = '"other"'
      },
      ['disclosure_mismatch'],
      25,
    ],
    [
      'a salt is changed',
      ({ entries }) => {
        entries[5]!.disclosures[0]![0] = 'AAAAAAAAAAAAAAAAAAAAAA'
      },
      ['disclosure_mismatch'],
      25,
    ],
    [
      'a value has another name',
      ({ entries }) => {
        entries[5]!.disclosures[0]![1] = 'session'
      },
      ['disclosure_mismatch'],
      25,
    ],
    [
      'a value is moved to another entry',
      ({ entries }) => void entries[6]!.disclosures.splice(0, 1, entries[5]!.disclosures[0]!),
      ['disclosure_mismatch'],
      26,
    ],
    [
      'a value is there twice',
      ({ entries }) => void entries[5]!.disclosures.push(entries[5]!.disclosures[0]!),
      ['disclosure_mismatch'],
      25,
    ],
  ]

  it.each(moves)('is found: %s', async (_, move, expected, first) => {
    const parts = takenApart(text)
    move(parts, takenApart(foreign))
    const report = await check(closed(linesOf(parts)))
    expect(report.valid).toBe(false)
    const found = typesIn(report)
    expect([...new Set(found)].toSorted()).toEqual([...new Set(expected)].toSorted())
    // What was done to one entry is found at that entry, and nowhere else.
    if (expected.length === 1 && first !== undefined) expect(found).toHaveLength(1)
    if (first !== undefined) expect(report.firstUntrusted).toBe(first)
  })

  it.each<[string, (text: string) => string, FindingType[]]>([
    ['the last line is missing', all => all.slice(0, all.trimEnd().lastIndexOf('\n') + 1), ['format_invalid']],
    ['the last line feed is missing', all => all.trimEnd(), ['format_invalid']],
    ['it is cut in the middle of a line', all => all.slice(0, all.length / 2), ['missing_entry', 'format_invalid']],
    ['it is empty', () => '', ['format_invalid']],
    ['it is a text', () => 'Dear all,\n', ['format_invalid']],
    ['something stands behind its end', all => `${all}{}\n`, ['format_invalid']],
    ['two are one behind the other', all => all + all, ['format_invalid']],
    ['it begins with a byte order mark', all => `\ufeff${all}`, ['format_invalid']],
    ['its lines end as on Windows', all => all.replaceAll('\n', '\r\n'), ['format_invalid']],
    ['a member is there twice', all => all.replace('{"bundle"', '{"bundle":"x","bundle"'), ['format_invalid']],
    ['a space is put in', all => all.replace('"leaf":', '"leaf": '), ['missing_entry', 'format_invalid']],
    ['the count is another', all => all.replace('{"count":21', '{"count":20'), ['format_invalid']],
    ['the count is larger', all => all.replace('{"count":21', '{"count":22'), ['missing_entry']],
    ['the digest is another', all => all.replace(/"digest":"..../, '"digest":"0000'), ['format_invalid']],
  ])('is found: %s', async (_, move, expected) => {
    const report = await check(move(text))
    expect(report).toMatchObject({
      valid: false,
      complete: expected.includes('missing_entry') ? false : report.complete,
    })
    expect(typesIn(report).toSorted()).toEqual(expected.toSorted())
  })

  it('cannot change a byte of it unnoticed', async () => {
    const bytes = utf8(await bundleOf({ entries: [[300, 302]] }))
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = bytes.slice()
        changed[at]! ^= flip
        expect((await verifyBundle([changed])).valid).toBe(false)
      }),
      { numRuns: 150 },
    )
  })

  it('of whoever writes a new one with keys of his own ends at the keys and the anchors that are known', async () => {
    expect(await check(foreign)).toMatchObject({ valid: true, trust: 'chained' })
    expect(typesIn(await check(foreign, { vkeys }))).toEqual(['foreign_entry', 'signature_invalid'])
    // The same name, other keys.
    const twin = await makeTestLog({ origin: log.keys.origin })
    await twin.grow(305)
    const twinReader = await openReader({ file: twin.file, keys: twin.keysFolder })
    const forged = await bundleOf({ reader: twinReader })
    await twinReader.close()
    twin.dispose()
    expect(await check(forged)).toMatchObject({ valid: true })
    expect(typesIn(await check(forged, { vkeys }))).toEqual(['signature_invalid'])
    expect(typesIn(await check(forged, { anchors: [earlier] }))).toEqual(['signature_invalid'])
    expect(typesIn(await check(foreign, { anchors: [earlier] }))).toEqual(['foreign_entry'])
  })

  it('that puts a key of his own in the place of the stronger one does not have the log’s two keys', async () => {
    const parts = takenApart(text)
    const { origin } = parts.header
    const own = ed25519Key(new Uint8Array(32).fill(9))
    const [body] = parts.header.checkpoint.split('\n\n')
    const signed = signNote(`${body}\n`, [log.keys.signers(1)[0]!, ed25519Signer(origin, own.publicKey, own.sign)])
    parts.header.checkpoint = signed
    parts.header.vkeys = [vkeys[0]!, formatVkey(origin, signatureTypes.ed25519, own.publicKey)]
    const report = await check(closed(linesOf(parts)), { vkeys: [vkeys[0]!] })
    expect(report.findings.map(({ message }) => message)).toEqual([
      `the bundle does not name the two keys of ${origin}`,
    ])
  })

  it('by the log’s own keys is a fork for whoever remembers another history', async () => {
    const { origin, size } = peekCheckpoint(log.store.lastCheckpoint()!.note)!
    const fork = signCheckpoint({ origin, size, root: new Uint8Array(32).fill(7) }, log.keys.signers(1_800_000_000))
    expect(typesIn(await check(text, { vkeys, anchors: [fork] }))).toEqual(['fork'])
  })

  it('in a selection ends at its count: what else would have matched, a selection cannot tell', async () => {
    const parts = takenApart(selection)
    parts.entries.splice(3, 1)
    const lines = linesOf(parts)
    const shorter = [...lines, selection.trimEnd().split('\n').at(-1), ''].join('\n')
    expect(typesIn(await check(shorter))).toEqual(['missing_entry'])
    expect(await check(closed(lines))).toMatchObject({ valid: true, complete: false })
  })

  it('that would fill the memory is stopped', async () => {
    const endless = (function* () {
      for (;;) yield utf8(' '.repeat(1024))
    })()
    const report = await verifyBundle(endless, { maxLineBytes: 100_000 })
    expect(report.findings[0]!.message).toContain('longer than 100000 bytes')
    const claims = takenApart(text)
    claims.header.whole = `0-${2 ** 50}`.slice(0, 15)
    expect((await check(closed(linesOf(claims)))).findings.length).toBeLessThan(5)
  })
})

describe('after the signing keys were replaced', () => {
  it('a bundle verifies for whoever knows the first keys, the newest, or all; and not by a word that nobody gave', async () => {
    const rotated = await makeTestLog()
    onTestFinished(() => rotated.dispose())
    await rotated.grow(20)
    const anchor = rotated.store.lastCheckpoint()!.note
    for (let i = 0; i < 2; i++) {
      const { file, keysFolder: keys } = rotated
      const writer = await openWriter({
        file,
        keys,
        checkpoints: { everyEntries: 10, everyMs: 1e9 },
        onFailure: 'refuse',
      })
      await writer.rotateKeys()
      await writer.append([rotated.draft({})])
      await writer.close()
    }
    const all = readFileSync(join(rotated.keysFolder, 'log.vkeys'), 'utf8').trimEnd().split('\n')
    expect(all).toHaveLength(6)
    const later = await openReader({ file: rotated.file, keys: rotated.keysFolder })
    onTestFinished(() => later.close())
    const text = await bundleOf({ reader: later, anchors: [anchor] })
    for (const known of [all, all.slice(0, 2), all.slice(2, 4), all.slice(4), [all[1]!]]) {
      expect(await check(text, { vkeys: known, anchors: [anchor] })).toMatchObject({ findings: [], trust: 'anchored' })
    }
    expect(typesIn(await check(text, { vkeys }))).toEqual(['signature_invalid'])

    const { header, entries } = takenApart(text)
    const rotations = header.rotations as { leaf: string; checkpoint: string; vkeys: string[]; proof: string[] }[]
    expect(rotations).toHaveLength(2)
    const broken: unknown[][] = [
      rotations.slice(1),
      rotations.slice(0, 1),
      rotations.toReversed(),
      [rotations[0], { ...rotations[1], leaf: rotations[0]!.leaf }],
      [{ ...rotations[0], checkpoint: rotations[1]!.checkpoint }, rotations[1]],
      [{ ...rotations[0], proof: rotations[0]!.proof.slice(1) }, rotations[1]],
    ]
    for (const rotations of broken) {
      const forged = closed(linesOf({ header: { ...header, rotations }, entries }))
      const types = typesIn(await check(forged, { vkeys: all.slice(0, 2) }))
      expect(types).toContain('signature_invalid')
      expect(new Set(types).size).toBe(1)
    }
  })
})

describe('the check of a bundle', () => {
  it('imports core/ and the format of the bundle, and nothing else', () => {
    const folder = resolve(import.meta.dirname, '../../src/export')
    const importsOf = (file: string) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/ from '([^']+)'/g)].map(([, name]) => name)
    expect(importsOf('bundle-format.ts').filter(name => !name!.startsWith('../core/'))).toEqual([])
    const others = importsOf('verify-bundle.ts').filter(name => !name!.startsWith('../core/'))
    expect(others).toEqual(['./bundle-format.ts'])
  })

  it('runs where there is neither Node nor the Web', async () => {
    const source = resolve(import.meta.dirname, '../../src')
    const output = await build({
      root: source,
      configFile: false,
      envFile: false,
      logLevel: 'error',
      resolve: { alias: [{ find: /^.*\/primitives\.ts$/, replacement: join(source, 'core/primitives.browser.ts') }] },
      build: {
        write: false,
        lib: { entry: join(source, 'export/verify-bundle.ts'), formats: ['iife'], name: 'bundle' },
      },
    })
    const [{ output: chunks }] = output as unknown as [Rolldown.RolldownOutput]
    const { code } = chunks[0]
    expect(code).not.toMatch(/\bnode:|\brequire\(|\bprocess\.|\bBuffer\b|\bperformance\b/)
    const context = vm.createContext({ TextEncoder, TextDecoder }, { codeGeneration: { strings: false, wasm: false } })
    const there = vm.runInContext(`${code}\n;bundle`, context) as { verifyBundle: typeof verifyBundle }
    const text = await bundleOf({ entries: [[0, 20]] })
    const report = await there.verifyBundle([utf8(text)], { vkeys })
    expect(JSON.parse(JSON.stringify(report))).toEqual(JSON.parse(JSON.stringify(await check(text, { vkeys }))))
    const worse = await there.verifyBundle([utf8(text.replace('success', 'failure'))], { vkeys })
    expect(worse.valid).toBe(false)
  })
})

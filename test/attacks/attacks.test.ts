/**
 * The moves of an attacker on the log itself, each on a copy of a real log: found, named, at the right place, from the
 * right trust label on, and with nothing found where nothing was done. The numbers are those of the threat table.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadKeys } from '../../src/append/keys.ts'
import { anchorFile } from '../../src/append/places.ts'
import { signCheckpoint } from '../../src/core/checkpoint.ts'
import type { FindingType, VerificationReport } from '../../src/core/finding.ts'
import { leafHash } from '../../src/core/hash.ts'
import { parseSealKey, type SealKey, sealMac } from '../../src/core/seal.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'
import { type Row, Tamper } from '../support/tamper.ts'

type Label = 'chained' | 'signed' | 'anchored'

/** A log, its genuine copy from earlier, another log of the same software, and what an attacker may have stolen. */
interface Scene {
  readonly log: TestLog
  readonly older: string
  readonly other: TestLog
  /** Where the middle of the log is. */
  readonly middle: number
}

interface Move {
  readonly row: string
  readonly move: string
  /** Any of these must be found. */
  readonly found: readonly FindingType[]
  readonly from: Label
  /** The first entry that can no longer be trusted. */
  readonly first?: (scene: Scene) => number
  /** Findings that would be a false alarm. */
  readonly not?: readonly FindingType[]
  play(file: Tamper, scene: Scene): void
}

const flipBit = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = Uint8Array.from(bytes)
  out[bit >> 3]! ^= 1 << (bit & 7)
  return out
}
const change = (file: Tamper, seq: number, change: (row: Row) => Partial<Row>) => {
  file.rows[seq] = { ...file.rows[seq]!, ...change(file.rows[seq]!) }
  file.save()
}
const at = ({ middle }: Scene) => middle
const respell = (from: string, to: string) => (row: Row) => ({
  leaf: Buffer.from(Buffer.from(row.leaf).toString().replace(from, to)),
})

/** What an attacker with today's keys would do: seal and sign what stands there now. */
function sealAndSign(file: Tamper, { log }: Scene, key: SealKey = log.keys.seals.current): void {
  const { size, root } = file.db.prepare('SELECT size, root FROM head').get() as { size: number; root: Uint8Array }
  file.db.exec('DELETE FROM checkpoint')
  file.db.prepare('INSERT OR REPLACE INTO seal VALUES (?, ?, ?)').run(size, key.epoch, sealMac(key, size, root))
  const note = signCheckpoint({ origin: log.keys.origin, size, root }, log.keys.signers(1_800_000_000))
  file.db.prepare('INSERT INTO checkpoint VALUES (?, ?)').run(size, note)
}

/** Cuts the log short, with everything that mentions what was cut. */
function cut(file: Tamper, size: number): void {
  file.rewrite(file.rows.length, size)
  for (const table of ['seal', 'checkpoint']) file.db.prepare(`DELETE FROM ${table} WHERE size > ?`).run(size)
}

const moves: Move[] = [
  {
    row: '1',
    move: 'flip one bit in a leaf',
    found: ['hash_mismatch'],
    from: 'chained',
    first: at,
    not: ['chain_break', 'tree_mismatch', 'signature_invalid', 'seal_invalid'],
    play: (file, { middle }) => change(file, middle, ({ leaf }) => ({ leaf: flipBit(leaf, 300) })),
  },
  {
    row: '2',
    move: 'change a field and write the leaf anew',
    found: ['hash_mismatch'],
    from: 'chained',
    first: at,
    not: ['chain_break', 'tree_mismatch', 'signature_invalid'],
    play(file, { middle }) {
      file.edit(middle, { operation: 'nothing' })
      file.save()
    },
  },
  {
    row: '3',
    move: 'change a leaf and its stored hash',
    found: ['chain_break'],
    from: 'chained',
    play(file, { middle }) {
      file.edit(middle, { operation: 'nothing' })
      change(file, middle, ({ leaf }) => ({ hash: leafHash(leaf) }))
    },
  },
  {
    row: '3',
    move: 'change the newest leaf and its stored hash',
    found: ['tree_mismatch'],
    from: 'chained',
    play(file) {
      const last = file.rows.length - 1
      file.edit(last, { operation: 'nothing' })
      change(file, last, ({ leaf }) => ({ hash: leafHash(leaf) }))
    },
  },
  {
    row: '6',
    move: 'change the value of a disclosure',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch'],
    play: (file, { middle }) =>
      change(file, middle, ({ content }) => ({
        content: Buffer.from(Buffer.from(content).toString('latin1').replace('agent-', 'angel-'), 'latin1'),
      })),
  },
  {
    row: '6',
    move: 'change the salt of a disclosure',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    play: (file, { middle }) => change(file, middle, ({ content }) => ({ content: flipBit(content, 8 * 7) })),
  },
  {
    row: '6',
    move: 'rename a disclosure',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    play: (file, { middle }) =>
      change(file, middle, ({ content }) => ({
        content: Buffer.from(Buffer.from(content).toString('latin1').replace('memoryId', 'memoryIx'), 'latin1'),
      })),
  },
  {
    row: '6',
    move: 'move a disclosure to another entry',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    play: (file, { middle }) => change(file, middle, () => ({ content: file.rows[middle + 4]!.content })),
  },
  {
    row: '7',
    move: 'delete the disclosures of an entry',
    found: ['disclosure_missing'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch', 'disclosure_mismatch'],
    play: (file, { middle }) => change(file, middle, () => ({ content: new Uint8Array(0) })),
  },
  {
    row: '8',
    move: 'delete one entry in the middle',
    found: ['missing_entry'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch', 'chain_break', 'disclosure_mismatch', 'tree_mismatch'],
    play(file, { middle }) {
      delete file.rows[middle]
      file.save()
    },
  },
  {
    row: '9',
    move: 'delete an entry and renumber the rest',
    found: ['chain_break'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.rows.splice(middle, 1)
      for (let seq = middle; seq < file.rows.length; seq++) {
        file.edit(seq, { seq })
        file.rows[seq]!.hash = leafHash(file.rows[seq]!.leaf)
      }
      file.save()
      file.db.prepare('UPDATE head SET size = size - 1').run()
    },
  },
  {
    row: '10',
    move: 'swap two entries',
    found: ['hash_mismatch', 'chain_break'],
    from: 'chained',
    first: at,
    not: ['missing_entry'],
    play(file, { middle }) {
      const [a, b] = [file.rows[middle]!, file.rows[middle + 3]!]
      file.rows[middle] = { ...b, hash: a.hash }
      file.rows[middle + 3] = { ...a, hash: b.hash }
      file.save()
    },
  },
  {
    row: '10',
    move: 'swap the contents of two entries',
    found: ['disclosure_mismatch'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      const [a, b] = [file.rows[middle]!, file.rows[middle + 3]!]
      file.rows[middle] = { ...a, content: b.content }
      file.rows[middle + 3] = { ...b, content: a.content }
      file.save()
    },
  },
  {
    row: '10',
    move: 'reverse a range',
    found: ['hash_mismatch', 'chain_break'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      const range = file.rows.slice(middle, middle + 6).reverse()
      range.forEach((row, i) => {
        file.rows[middle + i] = row
      })
      file.save()
    },
  },
  {
    row: '11',
    move: 'duplicate an entry',
    found: ['chain_break'],
    from: 'chained',
    first: scene => at(scene) + 1,
    play(file, { middle }) {
      file.rows[middle + 1] = { ...file.rows[middle]! }
      file.save()
    },
  },
  {
    row: '11',
    move: 'duplicate an entry under a new id',
    found: ['chain_break'],
    from: 'chained',
    first: scene => at(scene) + 1,
    play(file, { middle }) {
      file.rows[middle + 1] = { ...file.rows[middle]! }
      file.edit(middle + 1, { seq: middle + 1, id: '01a00000-0000-7000-8000-000000000000' })
      file.save()
    },
  },
  {
    row: '12',
    move: 'insert a forged entry, relinking its successor',
    found: ['chain_break'],
    from: 'chained',
    first: scene => at(scene),
    play(file, { middle }) {
      file.rows.splice(middle, 0, { ...file.rows[middle]! })
      file.edit(middle, { operation: 'forged' })
      file.edit(middle + 1, { previousHash: Buffer.from(leafHash(file.rows[middle]!.leaf)).toString('hex') })
      file.save()
      file.db.prepare('UPDATE head SET size = size + 1').run()
    },
  },
  {
    row: '12',
    move: 'append a forged entry behind the end',
    found: ['foreign_entry'],
    from: 'chained',
    play(file) {
      file.rows.push({ ...file.rows.at(-1)! })
      file.save()
    },
  },
  {
    row: '13',
    move: 'rewrite to the end without keys',
    found: ['signature_invalid'],
    from: 'signed',
    play(file, { middle }) {
      file.edit(middle, { operation: 'nothing' })
      file.rewrite(middle)
    },
  },
  {
    row: '13',
    move: 'rewrite to the end without keys: the seals say so too',
    found: ['seal_invalid'],
    from: 'signed',

    play(file, { middle }) {
      file.edit(middle, { operation: 'nothing' })
      file.rewrite(middle)
    },
  },
  {
    row: '14',
    move: 'rewrite to the end and delete later checkpoints and seals',
    found: ['rollback'],
    from: 'anchored',
    play(file, { middle }) {
      file.edit(middle, { operation: 'nothing' })
      file.rewrite(middle)
      for (const table of ['seal', 'checkpoint']) file.db.prepare(`DELETE FROM ${table} WHERE size > ?`).run(middle)
    },
  },
  {
    row: '15',
    move: 'rewrite an earlier epoch with today’s stolen keys: K₀ tells',
    found: ['seal_invalid'],
    from: 'signed',
    play(file, scene) {
      file.edit(2, { operation: 'nothing' })
      file.rewrite(2)
      sealAndSign(file, scene)
    },
  },
  {
    row: '15',
    move: 'rewrite with today’s stolen keys: the anchor tells',
    found: ['fork'],
    from: 'anchored',
    play(file, scene) {
      file.edit(2, { operation: 'nothing' })
      file.rewrite(2)
      sealAndSign(file, scene)
    },
  },
  {
    row: '16',
    move: 'backdate: insert into an earlier epoch, sealed with today’s key',
    found: ['seal_invalid'],
    from: 'signed',
    play(file, scene) {
      file.rows.splice(5, 0, { ...file.rows[4]! })
      file.rewrite(5)
      file.db.exec('UPDATE seal SET size = -size - 1 WHERE size > 4; UPDATE seal SET size = -size WHERE size < 0')
      sealAndSign(file, scene)
    },
  },
  {
    row: '17',
    move: 'change a timestamp',
    found: ['hash_mismatch'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.edit(middle, { time: '2030-01-01T00:00:00.000000Z' })
      file.save()
    },
  },
  {
    row: '17',
    move: 'make time run backwards in a forged suffix',
    found: ['temporal_violation'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.edit(middle, { time: '2001-01-01T00:00:00.000000Z' })
      file.rewrite(middle)
    },
  },
  ...[1, 10, 30].map(
    (count): Move => ({
      row: '18',
      move: `delete the last ${count} entries and all that mentions them`,
      found: ['rollback'],
      from: 'anchored',
      play: file => cut(file, file.rows.length - count),
    }),
  ),
  {
    row: '18',
    move: 'delete the last entries, but not the checkpoint over them',
    found: ['rollback'],
    from: 'signed',
    play(file) {
      const size = file.rows.length - 5
      file.rewrite(file.rows.length, size)
      file.db.prepare('DELETE FROM seal WHERE size > ?').run(size)
    },
  },
  {
    row: '19',
    move: 'empty the log',
    found: ['rollback'],
    from: 'anchored',
    play(file) {
      for (const table of ['head', 'tail', 'leaves', 'content', 'tile', 'seal', 'checkpoint'])
        file.db.exec(`DELETE FROM ${table}`)
    },
  },
  {
    row: '22',
    move: 'splice an entry of another log',
    found: ['foreign_entry'],
    from: 'chained',
    first: at,
    play(file, { middle, other }) {
      const theirs = new Tamper(other.file, other.keys.storage)
      change(file, middle, ({ hash }) => ({ ...theirs.rows[middle]!, hash }))
      theirs.close()
    },
  },
  {
    row: '22',
    move: 'splice a suffix of another log',
    found: ['foreign_entry'],
    from: 'chained',
    first: at,
    play(file, { middle, other }) {
      const theirs = new Tamper(other.file, other.keys.storage)
      for (let seq = middle; seq < file.rows.length; seq++)
        file.rows[seq] = { ...theirs.rows[seq]!, hash: file.rows[seq]!.hash }
      file.save()
      theirs.close()
    },
  },
  {
    row: '23',
    move: 'edit a hash that the tree keeps',
    found: ['tree_mismatch'],
    from: 'chained',
    first: at,
    not: ['hash_mismatch', 'signature_invalid', 'seal_invalid'],
    play: (file, { middle }) => change(file, middle, ({ hash }) => ({ hash: flipBit(hash, 9) })),
  },
  {
    row: '23',
    move: 'edit the newest hash that the tree keeps',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'signature_invalid'],
    play: file => change(file, file.rows.length - 1, ({ hash }) => ({ hash: flipBit(hash, 9) })),
  },
  {
    row: '23',
    move: 'edit the head',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'signature_invalid', 'rollback', 'fork'],
    play: file => file.db.prepare('UPDATE head SET root = ?').run(new Uint8Array(32)),
  },
  {
    row: '23',
    move: 'say that the log is far longer than it is',
    found: ['missing_entry'],
    from: 'chained',
    first: ({ log }) => log.store.head()!.size,
    play: file => file.db.exec('UPDATE head SET size = 1000000000'),
  },
  ...(['size', 'root', 'origin', 'signature', 'signer'] as const).map(
    (what): Move => ({
      row: '24',
      move: `edit the ${what} of a checkpoint`,
      found: ['signature_invalid'],
      from: 'signed',
      play(file) {
        const { size, note } = file.db.prepare('SELECT size, note FROM checkpoint ORDER BY size DESC').get() as {
          size: number
          note: string
        }
        const lines = note.split('\n')
        if (what === 'size') lines[1] = String(size - 1)
        if (what === 'root') lines[2] = Buffer.alloc(32).toString('base64')
        if (what === 'origin') lines[0] = 'example.com/else'
        if (what === 'signature')
          lines[4] = lines[4]!.replace(/(.{40})(.)(.*)$/, (_, a, b, c) => a + (b === 'A' ? 'B' : 'A') + c)
        if (what === 'signer') lines[4] = lines[4]!.replace('example.com/test', 'example.com/tess')
        file.db.prepare('UPDATE checkpoint SET note = ? WHERE size = ?').run(lines.join('\n'), size)
      },
    }),
  ),
  {
    row: '25',
    move: 'replace the keys and sign everything again',
    found: ['signature_invalid'],
    from: 'signed',
    play(file, { other }) {
      const { attributes } = file.leaf(0) as { attributes: object }
      file.edit(0, {
        attributes: {
          ...attributes,
          'vkey.ed25519': other.keys.vkeys.ed25519,
          'vkey.mldsa44': other.keys.vkeys.mldsa44,
        },
      })
      file.rewrite(0)
      const { size, root } = file.db.prepare('SELECT size, root FROM head').get() as { size: number; root: Uint8Array }
      file.db.exec('DELETE FROM checkpoint')
      file.db
        .prepare('INSERT INTO checkpoint VALUES (?, ?)')
        .run(size, signCheckpoint({ origin: 'example.com/test', size, root }, other.keys.signers(1)))
    },
  },
  {
    row: '26',
    move: 'delete all checkpoints',
    found: ['signature_invalid'],
    from: 'signed',
    play: file => file.db.exec('DELETE FROM checkpoint'),
  },
  {
    row: '26',
    move: 'delete all seals',
    found: ['seal_invalid'],
    from: 'signed',
    play: file => file.db.exec('DELETE FROM seal'),
  },
  {
    row: '26',
    move: 'delete the seals of the first epoch',
    found: ['seal_invalid'],
    from: 'signed',
    play: file => file.db.exec('DELETE FROM seal WHERE epoch = 0'),
  },
  {
    row: '27',
    move: 'add a second beginning',
    found: ['foreign_entry'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      const { kind, operation, attributes } = file.leaf(0)
      file.edit(middle, { kind, operation, attributes })
      file.rewrite(middle)
    },
  },
  {
    row: '27',
    move: 'change the origin',
    found: ['foreign_entry'],
    from: 'signed',
    first: () => 0,
    play(file) {
      file.edit(0, { attributes: { ...(file.leaf(0).attributes as object), origin: 'example.com/else' } })
      file.rewrite(0)
    },
  },
  ...(
    [
      ['1.0 for 1', '"v":1}', '"v":1.0}'],
      ['an escape', 'remember', 'r\\u0065member'],
      ['other order', /("seq":\d+),("time":"[^"]+")/, '$2,$1'],
      ['a doubled name', '"v":1}', '"v":1,"v":1}'],
      ['white space', '"v":1', '"v": 1'],
      ['-0', /"n":\d+/, '"n":-0'],
      ['1e21', /"n":\d+/, '"n":1e21'],
    ] as [string, string, string][]
  ).map(
    ([what, from, to]): Move => ({
      row: '34',
      move: `a twin of a leaf: ${what}`,
      found: ['hash_mismatch'],
      from: 'chained',
      first: at,
      not: ['chain_break'],
      play: (file, { middle }) => change(file, middle, respell(from, to)),
    }),
  ),
  {
    row: '37',
    move: 'another format version',
    found: ['format_invalid'],
    from: 'chained',
    first: at,
    play(file, { middle }) {
      file.edit(middle, { v: 2 })
      file.rewrite(middle)
    },
  },
  {
    row: '37',
    move: 'leave out one of the two signatures',
    found: ['signature_invalid'],
    from: 'signed',
    play(file) {
      const note = file.db.prepare('SELECT note FROM checkpoint ORDER BY size DESC').pluck().get() as string
      file.db
        .prepare('UPDATE checkpoint SET note = ? WHERE note = ?')
        .run(`${note.split('\n').slice(0, -2).join('\n')}\n`, note)
    },
  },
]

/** Moves on full tiles, blocks and levels: only a longer log has them. */
const movesOnTiles: Move[] = [
  {
    row: '18',
    move: 'delete the last 500 entries and all that mentions them',
    found: ['rollback'],
    from: 'anchored',
    play: file => cut(file, file.rows.length - 500),
  },
  {
    row: '23',
    move: 'delete a tile',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'missing_entry', 'signature_invalid'],
    play: file => file.db.exec('DELETE FROM tile WHERE level = 0 AND n = 1'),
  },
  {
    row: '23',
    move: 'cut a tile short',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'signature_invalid'],
    play: file => file.db.exec('UPDATE tile SET hashes = substr(hashes, 1, 640) WHERE level = 0 AND n = 1'),
  },
  {
    row: '23',
    move: 'edit a tile of level 1',
    found: ['tree_mismatch'],
    from: 'chained',
    not: ['hash_mismatch', 'signature_invalid'],
    play: file => file.db.exec('UPDATE tile SET hashes = zeroblob(32) || substr(hashes, 33) WHERE level = 1'),
  },
  {
    row: '8',
    move: 'delete a block of leaves',
    found: ['missing_entry'],
    from: 'chained',
    first: () => 64,
    not: ['hash_mismatch', 'chain_break'],
    play: file => file.db.exec('DELETE FROM leaves WHERE first = 64; DELETE FROM content WHERE first = 64'),
  },
  {
    row: '8',
    move: 'make a block unreadable',
    found: ['missing_entry'],
    from: 'chained',
    first: () => 96,
    play: file => file.db.exec("UPDATE leaves SET data = x'00' WHERE first = 96"),
  },
  {
    row: '7',
    move: 'delete a block of disclosures',
    found: ['disclosure_missing'],
    from: 'chained',
    first: () => 32,
    not: ['hash_mismatch'],
    play: file => file.db.exec('DELETE FROM content WHERE first = 32'),
  },
]

const shapes = [
  { name: 'a short log, all in the tail', commits: [1, 4, 1, 20, 14], middle: 20, moves },
  {
    name: 'a longer log, in blocks and tail',
    commits: [1, 4, 250, 1, 1, 600, 43],
    middle: 300,
    moves: [...moves, ...movesOnTiles],
  },
]

async function verifyAt(label: Label, file: string, { log }: Scene): Promise<VerificationReport> {
  const store = openSqliteStore({ file, key: log.keys.storage, mode: 'read' })
  try {
    return await verifyLog(store, {
      ...(label === 'chained' ? {} : { verifiers: log.keys.verifiers, sealKey: parseSealKey(log.sealKey) }),
      ...(label === 'anchored' ? { anchors: [readFileSync(anchorFile(log.keysFolder), 'utf8')] } : {}),
      deep: true,
    })
  } finally {
    store.close()
  }
}

for (const shape of shapes) {
  describe(`attacks on ${shape.name}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-attacks-'))
    let scene: Scene

    beforeAll(async () => {
      const log = await makeTestLog()
      await log.grow(...shape.commits.slice(0, 3))
      const older = join(folder, 'older.db')
      log.store.checkpointFile()
      cpSync(log.file, older)
      log.world.time += 3 * 3600e6
      await log.grow(...shape.commits.slice(3))
      log.store.checkpointFile()
      const other = await makeTestLog()
      await other.grow(...shape.commits, 5)
      other.store.checkpointFile()
      scene = { log: { ...log, keys: loadKeys(log.keysFolder) }, older, other, middle: shape.middle }
    })
    afterAll(() => {
      scene.log.dispose()
      scene.other.dispose()
      rmSync(folder, { recursive: true, force: true })
    })

    for (const label of ['chained', 'signed', 'anchored'] as const) {
      it(`finds nothing where nothing was done (${label})`, async () => {
        const report = await verifyAt(label, scene.log.file, scene)
        expect(report).toMatchObject({ valid: true, complete: true, findings: [], trust: label })
      })
    }

    for (const [i, move] of shape.moves.entries()) {
      it(`row ${move.row}: ${move.move} → ${move.found.join(' / ')} (${move.from})`, async () => {
        const file = join(folder, `${i}.db`)
        cpSync(scene.log.file, file)
        const tamper = new Tamper(file, scene.log.keys.storage)
        move.play(tamper, scene)
        tamper.close()
        const report = await verifyAt(move.from, file, scene)
        const types = new Set(report.findings.map(({ type }) => type))
        expect(report.valid).toBe(false)
        expect(
          [...types].filter(type => move.found.includes(type)),
          `found ${[...types]}`,
        ).not.toEqual([])
        for (const wrong of move.not ?? []) expect(types).not.toContain(wrong)
        if (move.first !== undefined) expect(report.firstUntrusted).toBe(move.first(scene))
      })
    }

    it('row 20: an older, genuine copy is a rollback (anchored), and nothing where nobody remembers (signed)', async () => {
      expect((await verifyAt('anchored', scene.older, scene)).findings.map(({ type }) => type)).toEqual(['rollback'])
      expect((await verifyAt('signed', scene.older, scene)).valid).toBe(true)
    })

    it('row 19: a fresh log in its place is foreign', async () => {
      const { log, other } = scene
      const report = await verifyLog(other.store, {
        verifiers: log.keys.verifiers,
        anchors: [readFileSync(anchorFile(log.keysFolder), 'utf8')],
      })
      expect(report.valid).toBe(false)
      expect(report.findings.map(({ type }) => type)).toContain('signature_invalid')
    })
  })
}

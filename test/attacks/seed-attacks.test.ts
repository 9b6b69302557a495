/**
 * The 28 attacks that were tried on the seed's own log, each on 100 entries, and the check that catches it here. There, the
 * chain check of a running system saw none of them. And what was called tampering there and is none: here nothing is found.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadKeys } from '../../src/append/keys.ts'
import { anchorFile, indexFile } from '../../src/append/places.ts'
import { type Row, Tamper } from '../../src/attack/tamper.ts'
import { signCheckpoint } from '../../src/core/checkpoint.ts'
import { EventStream } from '../../src/core/events.ts'
import type { FindingType, VerificationReport } from '../../src/core/finding.ts'
import { leafHash } from '../../src/core/hash.ts'
import { parseSealKey, type SealKey, sealMac } from '../../src/core/seal.ts'
import { openAuditLog } from '../../src/index.ts'
import { runRetention } from '../../src/retention/retention.ts'
import { defaultRetentionSettings } from '../../src/retention/settings.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { openParts } from '../../src/system.ts'
import { openReader } from '../../src/trail/reader.ts'
import { reportUnreadable } from '../../src/trail/unreadable.ts'
import { CryptographicVerifier, type VerificationStatus } from '../../src/verify/cryptographic-verifier.ts'
import { EntryCheck } from '../../src/verify/entry-check.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { startChild } from '../support/child.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

/**
 * What a check is given besides the file: nothing; the public keys and K₀; the anchor too. `index`: the index beside the
 * file. `opening`: what keys and anchor remember of a file that cannot be opened. `refusal`: it is not opened at all.
 */
type Check = 'file' | 'keys' | 'anchor' | 'index' | 'opening' | 'refusal'

interface Attack {
  readonly name: string
  readonly by: Check
  /** One of these must be found; nothing where the file is refused. */
  readonly found: readonly FindingType[]
  /** What becomes of single entries, with K₀ at hand. */
  readonly entries?: { readonly [seq: number]: VerificationStatus }
  /** On the open file, or on the file as such. */
  play(target: Tamper & { readonly file: string }): void | Promise<void>
}

let folder: string
let log: TestLog
let other: TestLog
/** The log as it was at half its length. */
let older: string
let copies = 0

/** Entries 0–99; the second half is of another epoch of the seals, three hours later. */
const middle = 50

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-seed-attacks-'))
  log = await makeTestLog({ encryption: 'none' })
  await log.grow(1, 4, 20, 24)
  log.store.checkpointFile()
  older = join(folder, 'older.db')
  cpSync(log.file, older)
  log.world.time += 3 * 3600e6
  await log.grow(30, 20)
  log.store.checkpointFile()
  log = { ...log, keys: loadKeys(log.keysFolder) }
  other = await makeTestLog({ encryption: 'none' })
  expect(log.store.head()!.size).toBe(100)
})
afterAll(() => {
  log.dispose()
  other.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const change = (file: Tamper, seq: number, row: Partial<Row>) => {
  file.rows[seq] = { ...file.rows[seq]!, ...row }
  file.save()
}
const edit = (file: Tamper, seq: number, members: Record<string, unknown>) => {
  file.edit(seq, members)
  file.save()
}

/** Seals and signs what stands there now. */
function sealAndSign(file: Tamper, keys: TestLog['keys'], key: SealKey): void {
  const { size, root } = file.db.prepare('SELECT size, root FROM head').get() as { size: number; root: Uint8Array }
  file.db.exec('DELETE FROM checkpoint')
  file.db.prepare('INSERT OR REPLACE INTO seal VALUES (?, ?, ?)').run(size, key.epoch, sealMac(key, size, root))
  const note = signCheckpoint({ origin: log.keys.origin, size, root }, keys.signers(1_800_000_000))
  file.db.prepare('INSERT INTO checkpoint VALUES (?, ?)').run(size, note)
}

const attacks: Attack[] = [
  {
    name: 'edit a result',
    by: 'file',
    found: ['disclosure_mismatch'],
    entries: { 49: 'valid', 50: 'tampered', 51: 'valid' },
    play(file) {
      const content = Buffer.from(file.rows[middle]!.content).toString('latin1').replace('"ok":true', '"ok":null')
      change(file, middle, { content: Buffer.from(content, 'latin1') })
    },
  },
  {
    name: 'edit an id',
    by: 'file',
    found: ['hash_mismatch'],
    entries: { 49: 'valid', 50: 'tampered', 51: 'valid' },
    play: file => edit(file, middle, { id: '01a00000-0000-7000-8000-000000000000' }),
  },
  {
    name: 'edit an operation',
    by: 'file',
    found: ['hash_mismatch'],
    entries: { 50: 'tampered' },
    play: file => edit(file, middle, { operation: 'nothing' }),
  },
  {
    name: 'edit a time',
    by: 'file',
    found: ['hash_mismatch'],
    entries: { 50: 'tampered' },
    play: file => edit(file, middle, { time: '2026-11-23T12:00:01.000000Z' }),
  },
  {
    name: 'edit a stored hash',
    by: 'file',
    found: ['tree_mismatch'],
    entries: { 50: 'tampered' },
    play: file => change(file, middle, { hash: new Uint8Array(32).fill(7) }),
  },
  {
    name: 'edit a link',
    by: 'file',
    found: ['chain_break'],
    entries: { 50: 'tampered' },
    play: file => edit(file, middle, { previousHash: '7'.repeat(64) }),
  },
  {
    name: 'delete one from one table: its values',
    by: 'file',
    found: ['disclosure_missing'],
    entries: { 50: 'tampered' },
    play: file => change(file, middle, { content: new Uint8Array(0) }),
  },
  {
    name: 'delete one from both',
    by: 'file',
    found: ['missing_entry'],
    entries: { 49: 'valid', 50: 'missing', 51: 'valid' },
    play(file) {
      delete file.rows[middle]
      file.save()
    },
  },
  {
    name: 'delete eighty',
    by: 'file',
    found: ['missing_entry'],
    entries: { 5: 'invalid', 10: 'missing', 89: 'missing', 95: 'invalid' },
    play(file) {
      for (let seq = 10; seq < 90; seq++) delete file.rows[seq]
      file.save()
    },
  },
  {
    name: 'delete the tail, and all that mentions it',
    by: 'anchor',
    found: ['rollback'],
    entries: { 40: 'valid', 90: 'missing' },
    play(file) {
      file.rewrite(file.rows.length, 80)
      for (const table of ['seal', 'checkpoint']) file.db.prepare(`DELETE FROM ${table} WHERE size > 80`).run()
      file.db.prepare('INSERT OR IGNORE INTO seal VALUES (80, 12, ?)').run(new Uint8Array(32))
    },
  },
  {
    name: 'delete everything',
    by: 'anchor',
    found: ['rollback'],
    entries: { 50: 'missing' },
    play(file) {
      for (const table of ['head', 'tail', 'leaves', 'content', 'tile', 'seal', 'checkpoint'])
        file.db.exec(`DELETE FROM ${table}`)
    },
  },
  {
    name: 'delete the file’s bytes',
    by: 'opening',
    found: ['rollback'],
    play({ file }) {
      truncateSync(file, 0)
    },
  },
  {
    name: 'swap contents',
    by: 'file',
    found: ['disclosure_mismatch'],
    entries: { 50: 'tampered', 53: 'tampered' },
    play(file) {
      const [a, b] = [file.rows[middle]!, file.rows[53]!]
      file.rows[middle] = { ...a, content: b.content }
      change(file, 53, { content: a.content })
    },
  },
  {
    name: 'swap positions',
    by: 'file',
    found: ['hash_mismatch', 'chain_break'],
    entries: { 49: 'valid', 50: 'tampered', 53: 'tampered' },
    play(file) {
      const [a, b] = [file.rows[middle]!, file.rows[53]!]
      file.rows[middle] = { ...b, hash: a.hash }
      change(file, 53, { ...a, hash: b.hash })
    },
  },
  {
    name: 'insert a forged row, alone',
    by: 'file',
    found: ['foreign_entry'],
    entries: { 99: 'valid' },
    play(file) {
      file.rows.push({ ...file.rows[99]! })
      file.save()
    },
  },
  {
    name: 'insert a forged row, linked to the one before',
    by: 'file',
    found: ['seal_invalid'],
    entries: { 99: 'valid', 100: 'invalid' },
    play(file) {
      file.rows.push({ ...file.rows[99]! })
      file.edit(100, { operation: 'forged', id: '01a00000-0000-7000-8000-000000000000' })
      file.rewrite(100)
    },
  },
  {
    name: 'insert a forged row, with its successor relinked',
    by: 'file',
    found: ['chain_break'],
    entries: { 50: 'tampered', 51: 'tampered' },
    play(file) {
      file.rows.splice(middle, 0, { ...file.rows[middle]! })
      file.edit(middle, { operation: 'forged' })
      file.edit(middle + 1, { previousHash: Buffer.from(leafHash(file.rows[middle]!.leaf)).toString('hex') })
      file.save()
      file.db.exec('UPDATE head SET size = size + 1')
    },
  },
  {
    name: 'duplicate an entry',
    by: 'file',
    found: ['chain_break'],
    entries: { 51: 'tampered' },
    play: file => change(file, middle + 1, { ...file.rows[middle]! }),
  },
  {
    name: 'rewrite the second half, with a false key',
    by: 'keys',
    found: ['signature_invalid', 'seal_invalid'],
    entries: { 30: 'invalid', 50: 'invalid', 99: 'invalid' },
    play(file) {
      edit(file, 30, { operation: 'nothing' })
      file.rewrite(30)
      sealAndSign(file, other.keys, other.keys.seals.current)
    },
  },
  {
    name: 'rewrite the second half, with the real key',
    by: 'anchor',
    found: ['fork'],
    play(file) {
      edit(file, middle, { operation: 'nothing' })
      file.rewrite(middle)
      file.db.exec(`DELETE FROM seal WHERE size > ${middle}`)
      sealAndSign(file, log.keys, log.keys.seals.current)
    },
  },
  {
    name: 'roll the file back',
    by: 'anchor',
    found: ['rollback'],
    entries: { 30: 'valid', 60: 'missing' },
    play({ file }) {
      cpSync(older, file)
    },
  },
  {
    name: 'change chain times: those of the seals',
    by: 'file',
    found: ['seal_invalid'],
    entries: { 30: 'invalid', 80: 'valid' },
    play(file) {
      file.db.exec('UPDATE seal SET epoch = 12 WHERE epoch = 0')
    },
  },
  {
    name: 'change key hashes: those that the log names',
    by: 'keys',
    found: ['signature_invalid'],
    entries: { 0: 'invalid' },
    play(file) {
      const { attributes } = file.leaf(0) as { attributes: object }
      edit(file, 0, { attributes: { ...attributes, 'vkey.ed25519': other.keys.vkeys.ed25519 } })
      file.rows[0] = { ...file.rows[0]!, hash: leafHash(file.rows[0]!.leaf) }
      file.rewrite(0)
    },
  },
  {
    name: 'change references: values that belong to another entry',
    by: 'file',
    found: ['disclosure_mismatch'],
    entries: { 50: 'tampered', 54: 'valid' },
    play: file => change(file, middle, { content: file.rows[54]!.content }),
  },
  {
    name: 'change creation dates: in the index, the only place beside the leaf',
    by: 'index',
    found: ['index_mismatch'],
    entries: { 50: 'valid' },
    play({ file }) {
      const index = new Database(indexFile(file))
      index.exec('UPDATE entry SET time = time - 86400000000 WHERE seq = 50')
      index.close()
    },
  },
  {
    name: 'drop the chain’s table: that of the seals',
    by: 'refusal',
    found: [],
    play(file) {
      file.db.exec('DROP TABLE seal')
    },
  },
  {
    name: 'empty the chain’s table: seals and kept hashes',
    by: 'file',
    found: ['seal_invalid'],
    entries: { 50: 'invalid' },
    play(file) {
      file.db.exec('DELETE FROM seal; UPDATE tail SET hash = zeroblob(32)')
    },
  },
  {
    name: 'backdate, then let retention clean up',
    by: 'keys',
    found: ['hash_mismatch'],
    entries: { 50: 'tampered', 55: 'tampered', 61: 'valid' },
    async play(file) {
      for (let seq = 50; seq < 60; seq++) file.edit(seq, { time: '2026-01-01T00:00:00.000000Z' })
      file.save()
      file.close()
      for (const end of ['', '-wal', '-shm']) rmSync(indexFile(file.file) + end, { force: true })
      const keys = join(folder, `keys-${copies}`)
      cpSync(log.keysFolder, keys, { recursive: true })
      const { world } = log
      const open = {
        file: file.file,
        keys,
        threads: false,
        closeOnExit: false,
        world,
        onNotice: () => {},
        checkpoints: { everyMs: 1e9 },
      }
      const parts = await openParts(open)
      const { reader, writer } = parts
      const run = await runRetention(
        { reader, remove: writer.remove, now: () => world.now() },
        defaultRetentionSettings,
      )
      expect(run.entries).toBe(10)
      await parts.log.close()
    },
  },
]

async function judge(check: Check, file: string): Promise<VerificationReport> {
  const anchors = [readFileSync(anchorFile(log.keysFolder), 'utf8')]
  if (check === 'index' || check === 'opening') {
    try {
      const reader = await openReader({ file, keys: log.keysFolder })
      try {
        return await reader.verify({ deep: true })
      } finally {
        await reader.close()
      }
    } catch (error) {
      return reportUnreadable(file, error, { keys: log.keysFolder, anchors })!
    }
  }
  const store = openSqliteStore({ file, key: undefined, mode: 'read' })
  try {
    return await verifyLog(store, {
      ...(check === 'file' ? {} : { verifiers: log.keys.verifiers, sealKey: parseSealKey(log.sealKey) }),
      ...(check === 'anchor' ? { anchors } : {}),
      deep: true,
    })
  } finally {
    store.close()
  }
}

/** A copy of the log with its index. */
async function copy(): Promise<string> {
  const file = join(folder, `${++copies}.db`)
  cpSync(log.file, file)
  const reader = await openReader({ file, keys: log.keysFolder })
  await reader.catchUp()
  await reader.close()
  return file
}

describe('the attacks on the seed’s log', () => {
  it('are 28, each for itself', () => {
    expect(new Set(attacks.map(({ name }) => name)).size).toBe(28)
  })

  it.each(['file', 'keys', 'anchor', 'index', 'opening'] as const)(
    'find nothing where nothing was done (%s)',
    async by => {
      expect(await judge(by, await copy())).toMatchObject({ valid: true, complete: true, findings: [] })
    },
  )

  it.each(attacks)('$name: caught by $by', async ({ by, found, entries = {}, play }) => {
    const file = await copy()
    const tamper = Object.assign(Tamper.open(file, undefined), { file })
    // What is done to the file as such is done while nobody has it open.
    if (/\{ file \}/.test(play.toString())) tamper.close()
    await play(tamper)
    tamper.close()
    if (by === 'refusal') {
      const { keysFolder: keys } = log
      const refused = { code: 'bad_format', message: expect.stringContaining('it was changed') }
      await expect(openReader({ file, keys })).rejects.toMatchObject(refused)
      await expect(openAuditLog({ file, keys, closeOnExit: false })).rejects.toMatchObject(refused)
      return
    }
    const report = await judge(by, file)
    expect(report.valid).toBe(false)
    const types = new Set(report.findings.map(({ type }) => type))
    expect(
      found.filter(type => types.has(type)),
      `found ${[...types]}`,
    ).not.toEqual([])
    if (Object.keys(entries).length === 0) return
    const store = openSqliteStore({ file, key: undefined, mode: 'read' })
    const check = new EntryCheck({ log: store, origin: log.keys.origin })
    const verifier = new CryptographicVerifier({
      log: check,
      events: new EventStream(),
      now: () => 0,
      sealKey: log.sealKey,
    })
    for (const [seq, status] of Object.entries(entries)) {
      expect([seq, (await verifier.verifyEntryIntegrity(Number(seq))).status]).toEqual([seq, status])
    }
    store.close()
  })
})

describe('what was tampering there and is none', () => {
  const open = () => {
    const where = join(folder, `own-${++copies}`)
    const keys = join(where, 'keys')
    const quiet = { closeOnExit: false, threads: false, onCreate: () => {}, onNotice: () => {} }
    return { file: join(where, 'audit.db'), keys, ...quiet }
  }
  const clean = async (options: ReturnType<typeof open>, size: number) => {
    await using again = await openAuditLog(options)
    expect(await again.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [], size })
  }

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['a numeric memory id', { memoryId: 42 }, { memoryId: '42' }],
    [
      'integer keys',
      { operationResult: { 1: 'a', 10: 'b', 2: 'c' } },
      { operationResult: { 1: 'a', 2: 'c', 10: 'b' } },
    ],
    [
      'a boolean status',
      { operationResult: { status: true }, attributes: { status: false } },
      { attributes: { status: false } },
    ],
  ])('%s is found by nobody, before a restart or after', async (_, given, read) => {
    const options = open()
    {
      await using own = await openAuditLog(options)
      const { seq } = await own.append({ operation: 'remember', component: 'memory', ...given })
      expect(await own.get(seq)).toMatchObject(read)
      expect(await own.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
    }
    await clean(options, 2)
  })

  it('a boolean in the place of the governance status is refused at the door, not found later', async () => {
    const options = open()
    {
      await using own = await openAuditLog(options)
      const entry = { operation: 'remember', component: 'memory', governanceStatus: true as never }
      await expect(own.append(entry)).rejects.toMatchObject({ code: 'bad_input', path: '$.governanceStatus' })
    }
    await clean(options, 1)
  })

  it('a dict that was changed after logging', async () => {
    const options = open()
    {
      await using own = await openAuditLog(options)
      const userContext: Record<string, unknown> = { step: 1, deep: { list: [1, 2] } }
      const receipt = own.append({ operation: 'remember', component: 'memory', userContext })
      userContext.step = 2
      ;(userContext.deep as { list: number[] }).list.push(3)
      delete userContext.deep
      expect(await own.get((await receipt).seq)).toMatchObject({ userContext: { step: 1, deep: { list: [1, 2] } } })
    }
    await clean(options, 2)
  })

  it('two processes', async () => {
    const options = open()
    await (await openAuditLog(options)).close()
    const children = ['a', 'b'].map(who => startChild('append.ts', options.file, options.keys, '120', who))
    for (const { code, stderr } of await Promise.all(children.map(({ ended }) => ended))) {
      expect([code, stderr]).toEqual([0, ''])
    }
    await clean(options, 241)
  })

  it('an overflow before a restart: more at once than the seed’s buffer held, and all of it is there', async () => {
    const options = open()
    {
      await using own = await openAuditLog(options)
      const entry = (i: number) => ({ operation: 'remember', component: 'memory', memoryId: i })
      const receipts = await Promise.all(Array.from({ length: 3000 }, (_, i) => own.append(entry(i))))
      expect(receipts.at(-1)!.seq).toBe(3000)
    }
    await clean(options, 3001)
  })
})

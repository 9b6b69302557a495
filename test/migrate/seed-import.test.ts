/** The seed's own log, brought in: nothing of it is lost, nothing twice, and nothing is said of it that nobody can know. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EntryView } from '../../src/core/view.ts'
import { importSeedFile, type RejectedRow, type SeedImportReport } from '../../src/migrate/seed-import.ts'
import { type OpenAuditLogOptions, type OpenedParts, openParts } from '../../src/system.ts'
import { SeedDatabase } from './seed-database.ts'

let folder: string
let seedFile: string
let seed: SeedDatabase
let opened: OpenedParts | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-migrate-'))
  seedFile = join(folder, 'memmimic_audit.db')
  seed = new SeedDatabase(seedFile)
})
afterEach(async () => {
  seed.close()
  await opened?.log.close()
  opened = undefined
  rmSync(folder, { recursive: true, force: true })
})

async function log(more: OpenAuditLogOptions = {}): Promise<OpenedParts> {
  const where = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
  opened ??= await openParts({ ...where, threads: false, closeOnExit: false, onCreate: () => {}, ...more })
  return opened
}

interface Run {
  readonly report: SeedImportReport
  readonly rejected: readonly RejectedRow[]
}

async function run(more: Partial<Parameters<typeof importSeedFile>[0]> = {}): Promise<Run> {
  const { log: own, logger, reader } = await log()
  const rejected: RejectedRow[] = []
  const report = await importSeedFile({
    file: seedFile,
    append: entry => own.append(entry),
    control: entry => logger.logControl(entry),
    reader,
    onRejected: row => rejected.push(row),
    ...more,
  })
  expect(report.imported + report.known + report.rejected).toBe(report.rows)
  expect(Object.values(report.chain).reduce((sum, count) => sum + count)).toBe(report.rows)
  expect(rejected.length).toBe(report.rejected)
  return { report, rejected }
}

async function imported(): Promise<EntryView[]> {
  return await Array.fromAsync((await log()).log.query({ flag: 'imported' }, { order: 'asc' }))
}

const marks = async () => (await imported()).map(({ attributes }) => attributes?.['imported.chain'])

describe('the rows of the seed’s log', () => {
  it('become entries, in their order, with all that they held, and with what nobody can know any more', async () => {
    const ids = seed.add(...Array.from({ length: 700 }, () => ({})))
    const { report } = await run()
    expect(report).toEqual({
      rows: 700,
      imported: 700,
      known: 0,
      rejected: 0,
      chain: { linked: 700, broken: 0, unlinked: 0, missing: 0 },
      odd: 0,
    })
    const entries = await imported()
    expect(entries.map(({ attributes }) => attributes?.['imported.id'])).toEqual(ids)
    const row = seed.db.prepare('SELECT * FROM audit_entries WHERE entry_id = ?').get(ids[7]!) as Record<
      string,
      unknown
    >
    const place = seed.db.prepare('SELECT * FROM hash_chain WHERE entry_id = ?').get(ids[7]!)
    const { user_context: _context, operation_result: _result, ...rest } = row
    expect(entries[7]).toMatchObject({
      kind: 'event',
      operation: 'recall',
      component: 'memmimic_storage',
      memoryId: 'mem_7',
      securityLevel: 'internal',
      complianceFlags: ['audit_required', 'imported'],
      governanceStatus: 'approved',
      performanceMetrics: { duration_ms: 1.25 },
      userContext: { user_id: 'user 3' },
      operationResult: { success: true, n: 7 },
      attributes: {
        'imported.from': 'memmimic',
        'imported.row': 8,
        'imported.chain': 'linked',
        'imported.verifiable': false,
        'imported.id': ids[7],
        'imported.hash': row.entry_hash,
        'imported.position': 7,
        'imported.time': '2025-07-22T10:00:07.123456Z',
      },
      seed: { entry: rest, chain: place },
    })
    expect(Object.keys(rest)).toEqual(expect.arrayContaining(['salt', 'previous_hash', 'entry_hash', 'created_at']))
    const verified = await (await log()).log.verify({ deep: true })
    expect(verified).toMatchObject({ valid: true, complete: true, size: 702 })
    expect(verified.declared).toMatchObject([
      {
        operation: 'log.migrated',
        from: 'memmimic',
        rows: 700,
        imported: 700,
        'chain.linked': 700,
        isWhole: true,
        verifiable: false,
      },
    ])
    const [control] = await Array.fromAsync((await log()).log.query({ operation: 'log.migrated' }))
    expect(control).toMatchObject({
      kind: 'control',
      outcome: 'success',
      operationResult: { notShown: expect.stringContaining('no hash of that file can ever be computed again') },
      source: { file: 'memmimic_audit.db', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
  })

  it('are read also out of a write-ahead log that nobody brought in, and nothing of the file is changed', async () => {
    seed.add({}, {}, {})
    const before = statSync(seedFile).mtimeMs
    expect(statSync(`${seedFile}-wal`).size).toBeGreaterThan(0)
    expect((await run()).report.imported).toBe(3)
    expect(statSync(seedFile).mtimeMs).toBe(before)
  })

  const broken: [string, (db: Database) => void, string[]][] = [
    ['as they were', () => {}, ['linked', 'linked', 'linked', 'linked', 'linked']],
    [
      'with an entry taken out of one table',
      db => db.exec('DELETE FROM audit_entries WHERE rowid = 3'),
      ['linked', 'linked', 'missing', 'linked', 'linked'],
    ],
    [
      'with an entry taken out of both',
      db => db.exec('DELETE FROM audit_entries WHERE rowid = 3; DELETE FROM hash_chain WHERE chain_position = 2'),
      ['linked', 'linked', 'broken', 'linked'],
    ],
    [
      'with a place taken out',
      db => db.exec('DELETE FROM hash_chain WHERE chain_position = 2'),
      ['linked', 'linked', 'broken', 'linked', 'unlinked'],
    ],
    [
      'with a link changed',
      db => db.exec("UPDATE audit_entries SET previous_hash = 'x' WHERE rowid = 3"),
      ['linked', 'linked', 'broken', 'linked', 'linked'],
    ],
    [
      'with a hash changed in one table',
      db => db.exec("UPDATE audit_entries SET entry_hash = 'x' WHERE rowid = 3"),
      ['linked', 'linked', 'broken', 'linked', 'linked'],
    ],
    [
      'with two places swapped',
      db =>
        db.exec(`UPDATE hash_chain SET chain_position = -1 WHERE chain_position = 2;
                 UPDATE hash_chain SET chain_position = 2 WHERE chain_position = 3;
                 UPDATE hash_chain SET chain_position = 3 WHERE chain_position = -1`),
      ['linked', 'linked', 'broken', 'broken', 'broken'],
    ],
    [
      'with a second beginning, as after a restart that found nothing',
      db => db.exec('UPDATE audit_entries SET previous_hash = NULL WHERE rowid = 3'),
      ['linked', 'linked', 'unlinked', 'linked', 'linked'],
    ],
    [
      'with one entry in two places',
      db =>
        db.exec("INSERT INTO hash_chain SELECT 9, entry_id, 'twice', 0, '' FROM hash_chain WHERE chain_position = 1"),
      ['linked', 'linked', 'linked', 'linked', 'linked', 'missing'],
    ],
    [
      'with the chain emptied',
      db => db.exec('DELETE FROM hash_chain'),
      ['unlinked', 'unlinked', 'unlinked', 'unlinked', 'unlinked'],
    ],
    [
      'with the chain dropped',
      db => db.exec('DROP TABLE hash_chain'),
      ['unlinked', 'unlinked', 'unlinked', 'unlinked', 'unlinked'],
    ],
    [
      'with the entries gone',
      db => db.exec('DELETE FROM audit_entries'),
      ['missing', 'missing', 'missing', 'missing', 'missing'],
    ],
  ]
  it.each(broken)('are marked with what the chain shows: %s', async (_, change, expected) => {
    seed.add({}, {}, {}, {}, {})
    change(seed.db)
    const { report } = await run()
    expect(report).toMatchObject({ imported: expected.length, rejected: 0 })
    expect(await marks()).toEqual(expected)
  })

  const odd: [string, Record<string, unknown>, string, Record<string, unknown>][] = [
    ['a numeric memory id', { memory_id: 42n }, '', { memoryId: '42' }],
    ['a memory id of bytes', { memory_id: Buffer.from([1, 2]) }, 'memory_id', { memoryId: '{"bytes":"AQI"}' }],
    ['an empty memory id', { memory_id: '' }, 'memory_id', {}],
    ['no memory id', { memory_id: null }, '', {}],
    ['bad JSON', { user_context: '{"a": ' }, 'user_context', { userContext: '{"a": ' }],
    [
      'NaN, which Python writes',
      { operation_result: '{"n": NaN}' },
      'operation_result',
      { operationResult: '{"n": NaN}' },
    ],
    [
      'a huge integer',
      { user_context: '[12345678901234567890]' },
      'user_context',
      { userContext: '[12345678901234567890]' },
    ],
    ['half a character', { user_context: '{"a": "\\ud83d"}' }, 'user_context', { userContext: '{"a": "\\ud83d"}' }],
    ['bytes as a context', { user_context: Buffer.from('x') }, 'user_context', { userContext: { bytes: 'eA' } }],
    ['an empty context', { user_context: '{}' }, '', {}],
    ['a boolean status', { governance_status: 1n }, '', { governanceStatus: '1' }],
    ['no operation', { operation: '' }, 'operation', { operation: '(unnamed)' }],
    ['an operation of two lines', { operation: 'a\nb' }, 'operation', { operation: 'a�b' }],
    ['a long operation', { operation: 'x'.repeat(300) }, 'operation', { operation: 'x'.repeat(256) }],
    ['a level of its own', { security_level: 'restricted' }, 'security_level', { securityLevel: 'confidential' }],
    ['a level that is known', { security_level: 'top_secret' }, '', { securityLevel: 'top_secret' }],
    ['metrics that are no numbers', { performance_metrics: '{"a": "1"}' }, 'performance_metrics', {}],
    ['flags that are no list', { compliance_flags: '"audit"' }, 'compliance_flags', { complianceFlags: ['imported'] }],
    [
      'no flags and no metrics',
      { compliance_flags: null, performance_metrics: null },
      '',
      { complianceFlags: ['imported'] },
    ],
    ['a time without an offset', { timestamp: '2025-07-22T10:00:00' }, 'timestamp', {}],
    ['a time with an offset', { timestamp: '2025-07-22T10:00:00+02:00' }, '', {}],
    ['no id', { entry_id: null }, '', {}],
  ]
  it.each(odd)('go in with what can be made of them, and say so: %s', async (_, columns, names, expected) => {
    seed.add({}, columns, {})
    const { report } = await run()
    expect(report).toMatchObject({ rejected: 0, odd: names === '' ? 0 : 1 })
    const all = await imported()
    const entry = columns.entry_id === null ? all.at(-1)! : all[1]!
    expect(entry).toMatchObject(expected)
    expect(entry.attributes?.['imported.odd'] ?? '').toBe(names)
    const { entry: row } = entry.seed as { entry: Record<string, unknown> }
    for (const [column, value] of Object.entries(columns)) {
      if (column === 'user_context' || column === 'operation_result') expect(row).not.toHaveProperty(column)
      else if (typeof value === 'string' || value === null) expect(row[column]).toBe(value)
    }
    expect(await (await log()).log.verify({ deep: true })).toMatchObject({ valid: true })
  })

  it('keep what no text can say: bytes that are not UTF-8, integers of 64 bits, columns that the schema does not know', async () => {
    seed.db.exec('ALTER TABLE audit_entries ADD COLUMN shard')
    seed.add({ shard: 9_007_199_254_740_993n, salt: 'placeholder' })
    seed.db.exec("UPDATE audit_entries SET salt = CAST(x'ff41' AS TEXT), created_at = 9e999")
    await run()
    const [entry] = await imported()
    expect(entry!.seed).toMatchObject({
      entry: { shard: '9007199254740993', salt: { bytes: '_0E' }, created_at: 'Infinity' },
    })
  })

  it('are rejected by number when they cannot be kept, and the others go in', async () => {
    await log({ maxValueBytes: 10_000 })
    seed.add(
      {},
      { user_context: JSON.stringify('x'.repeat(20_000)) },
      {},
      { entry_id: null, entry_hash: Buffer.from('y') },
    )
    const { report, rejected } = await run()
    expect(report).toMatchObject({ rows: 4, imported: 2, rejected: 2 })
    expect(rejected.map(({ row, reason }) => [row.number, reason])).toEqual([
      [4, 'it has neither an id nor a hash: it could not be known again'],
      [2, '$.userContext: the value has 20002 bytes of JSON; the limit is 10000'],
    ])
    expect(rejected[1]!.row.entry).toMatchObject({
      memory_id: 'mem_1',
      user_context: expect.stringMatching(/^"x{20000}"$/),
    })
    const [control] = await Array.fromAsync((await log()).log.query({ operation: 'log.migrated' }))
    expect(control).toMatchObject({ outcome: 'failure', attributes: { imported: 2, rejected: 2, isWhole: true } })
  })
})

describe('a second run', () => {
  it('brings in what is new, and nothing twice', async () => {
    seed.add({}, {}, {})
    await run()
    expect((await run()).report).toMatchObject({ rows: 3, imported: 0, known: 3 })
    seed.add({}, { entry_id: null })
    expect((await run()).report).toMatchObject({ imported: 2, known: 3, chain: { linked: 4, unlinked: 1 } })
    expect((await run()).report).toMatchObject({ imported: 0, known: 5 })
    expect((await imported()).length).toBe(5)
  })

  it('does not bring back what was erased since', async () => {
    seed.add({}, {}, {})
    await run()
    const { writer } = await log()
    const entries = (await imported()).map(({ seq }) => seq).join(',')
    await writer.remove({
      operation: 'subject.erased',
      entries: entries.replace(/^(\d+),.*,(\d+)$/, '$1-$2'),
      below: 0,
      attributes: {},
    })
    expect((await imported())[0]).toMatchObject({ userContext: { erased: true }, seed: { erased: true } })
    expect((await run()).report).toMatchObject({ imported: 0, known: 3 })
  })

  it('does not take a row for known that has the id of another', async () => {
    const [id] = seed.add({}, {})
    await run()
    seed.db.prepare("UPDATE audit_entries SET operation = 'nothing', entry_hash = 'other' WHERE entry_id = ?").run(id!)
    const { report, rejected } = await run()
    expect(report).toMatchObject({ imported: 0, known: 1, rejected: 1, chain: { broken: 1 } })
    expect(rejected[0]).toMatchObject({ row: { number: 1 }, reason: expect.stringContaining('had another hash') })
  })

  it('goes on where a run was broken off, which is on record too', async () => {
    seed.add(...Array.from({ length: 900 }, () => ({})))
    const stop = new AbortController()
    const broken = run({ signal: stop.signal, onProgress: rows => rows > 300 && stop.abort(new Error('stopped')) })
    await expect(broken).rejects.toThrow('stopped')
    const [control] = await Array.fromAsync((await log()).log.query({ operation: 'log.migrated' }))
    const before = (await imported()).length
    expect(before).toBeGreaterThan(256)
    expect(before).toBeLessThan(900)
    expect(control).toMatchObject({ outcome: 'failure', attributes: { imported: before, isWhole: false } })
    expect((await run()).report).toMatchObject({ rows: 900, known: before, imported: 900 - before })
    const positions = (await imported()).map(({ attributes }) => attributes?.['imported.position'])
    expect(positions).toEqual(Array.from({ length: 900 }, (_, i) => i))
  })
})

describe('a dry run', () => {
  it('says what would be, and writes nothing', async () => {
    await log({ maxValueBytes: 10_000 })
    seed.add({}, { memory_id: 'x'.repeat(600) }, { user_context: JSON.stringify('x'.repeat(70_000)) })
    expect((await run({ dryRun: true })).report).toMatchObject({ rows: 3, imported: 3, odd: 1 })
    expect(await (await log()).log.status()).toMatchObject({ size: 1 })
  })
})

describe('a file', () => {
  it.each<[string, string, RegExp, (file: string) => void]>([
    ['that is not there', 'not_found', /there is no file/, () => {}],
    ['that is empty', 'bad_format', /not an SQLite database/, file => writeFileSync(file, '')],
    ['of text', 'bad_format', /not an SQLite database/, file => writeFileSync(file, 'x'.repeat(9999))],
    [
      'of another program',
      'bad_format',
      /not an audit log of MemMimic/,
      file => new Database(file).exec('CREATE TABLE audit_entries (entry_id TEXT)').close(),
    ],
    [
      'with a view in place of the table',
      'bad_format',
      /not an audit log of MemMimic/,
      file => new Database(file).exec('CREATE VIEW audit_entries AS SELECT 1 AS entry_id').close(),
    ],
    [
      'in UTF-16',
      'bad_format',
      /not an audit log of MemMimic/,
      file =>
        new Database(file)
          .exec(
            "PRAGMA encoding='UTF-16'; CREATE TABLE audit_entries (entry_id, operation, component, previous_hash, entry_hash)",
          )
          .close(),
    ],
  ])('%s is refused in a sentence', async (_, code, message, make) => {
    const file = join(folder, 'other.db')
    make(file)
    await expect(run({ file })).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(await (await log()).log.status()).toMatchObject({ size: 1 })
  })

  it('that is damaged gives what can be read of it, and says that this is not all', async () => {
    seed.add(...Array.from({ length: 2000 }, () => ({})))
    seed.close()
    const { size } = statSync(seedFile)
    const { openSync, writeSync, closeSync } = await import('node:fs')
    const fd = openSync(seedFile, 'r+')
    for (let at = Math.floor(size / 8192) * 4096; at < size; at += 4096)
      writeSync(fd, Buffer.alloc(4096, 0xee), 0, 4096, at)
    closeSync(fd)
    await expect(run()).rejects.toMatchObject({ code: 'bad_format', message: expect.stringContaining('damaged') })
    const [control] = await Array.fromAsync((await log()).log.query({ operation: 'log.migrated' }))
    expect(control).toMatchObject({ outcome: 'failure', attributes: { isWhole: false } })
    seed = new SeedDatabase(join(folder, 'another.db'))
  })
})

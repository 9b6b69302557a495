/** A log that lies where nothing can be written is asked all the same. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LogIndex } from '../../src/index/log-index.ts'
import { openReader } from '../../src/trail/reader.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
let temporary: string
const before = process.env.TMPDIR
beforeEach(async () => {
  log = await makeTestLog()
  await log.grow(200)
  temporary = mkdtempSync(join(tmpdir(), 'memmimic-scratch-'))
  process.env.TMPDIR = temporary
})
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  rmSync(temporary, { recursive: true, force: true })
  log.dispose()
})

const newest = { limit: 3, order: 'desc' } as const

test('an index whose place cannot be written stands in a temporary folder, encrypted, while it is open', async () => {
  const elsewhere: string[] = []
  const index = LogIndex.open({
    file: join(log.folder, 'no', 'such', 'folder', 'audit.db.index'),
    key: log.keys.storage,
    log: log.store,
    origin: log.keys.origin,
    onElsewhere: reason => elsewhere.push(reason),
  })
  await index.catchUp()
  expect(index.size).toBe(201)
  expect(elsewhere).toEqual([expect.stringMatching(/folder may not be written \(ENOENT\)$/)])
  const findings = []
  for await (const finding of index.check()) findings.push(finding)
  expect(findings).toEqual([])
  const [folder] = readdirSync(temporary)
  const bytes = readFileSync(join(temporary, folder!, 'audit.db.index'))
  expect(bytes.subarray(0, 15).toString('latin1')).not.toBe('SQLite format 3')
  index.close()
  expect(readdirSync(temporary)).toEqual([])
})

/** Whether this user can make a file system read-only for one child process. */
const canMount = spawnSync('unshare', ['-m', 'true']).status === 0

if (!canMount) console.log('skipped: this user cannot mount anything read-only')

describe.skipIf(!canMount)('on a read-only medium', () => {
  const ask = `
    const { openReader } = await import(process.argv[1] + '/src/trail/reader.ts')
    const [file, keys] = process.argv.slice(2)
    const notices = []
    const reader = await openReader({ file, keys, onNotice: sentence => notices.push(sentence) })
    const rows = await reader.query({ operation: 'recall', where: [{ field: 'operationResult.ok', op: 'eq', value: true }] }, { limit: 3, order: 'desc' })
    const { valid } = await reader.verify({ deep: true })
    await reader.close()
    console.log(JSON.stringify({ seqs: rows.map(({ seq }) => seq), valid, notices }))`

  function onReadOnly(file: string): { seqs: number[]; valid: boolean; notices: string[] } {
    const root = join(import.meta.dirname, '../..')
    const mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    const child = [process.execPath, '--input-type=module', '-e', ask, root, file, log.keysFolder]
    return JSON.parse(
      execFileSync('unshare', ['-m', 'sh', '-c', mount, 'sh', join(file, '..'), ...child], { encoding: 'utf8' }),
    )
  }

  test('a log that was closed is read in a copy, with its index where there is one; nothing is left of it', async () => {
    const reader = await openReader({ file: log.file, keys: log.keysFolder })
    await reader.list({}, newest)
    await reader.close()
    log.store.close()
    const medium = join(log.folder, 'medium')
    mkdirSync(medium)
    cpSync(log.file, join(medium, 'audit.db'))
    const bare = onReadOnly(join(medium, 'audit.db'))
    expect(bare).toMatchObject({ seqs: [198, 194, 190], valid: true })
    expect(bare.notices).toEqual([
      expect.stringContaining('a copy of the log in a temporary folder is read'),
      expect.stringContaining('the index is kept in a temporary folder'),
    ])
    cpSync(`${log.file}.index`, join(medium, 'audit.db.index'))
    const { seqs, notices } = onReadOnly(join(medium, 'audit.db'))
    expect(seqs).toEqual([198, 194, 190])
    expect(notices).toHaveLength(2)
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(medium)).toEqual(['audit.db', 'audit.db.index'])
  })

  test('a log that is open elsewhere is read where it is', () => {
    expect(existsSync(`${log.file}-shm`)).toBe(true)
    const { seqs, valid, notices } = onReadOnly(log.file)
    expect([seqs, valid]).toEqual([[198, 194, 190], true])
    expect(notices[0]).toContain('the index is kept in a temporary folder')
  })
})

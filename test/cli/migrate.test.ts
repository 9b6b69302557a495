/** `migrate` as it is typed: what it says, what it leaves, and how it ends. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { SeedImportReport } from '../../src/migrate/seed-import.ts'
import { SeedDatabase } from '../migrate/seed-database.ts'
import { type Home, makeHome } from './support.ts'

/** A home with a log, and a log of the seed beside it. */
async function homeWithSeed(add: (seed: SeedDatabase) => void): Promise<{ home: Home; file: string }> {
  const home = makeHome()
  await home.run(['init'])
  const file = join(home.folder, 'memmimic_audit.db')
  const seed = new SeedDatabase(file)
  add(seed)
  seed.close()
  return { home, file }
}

test('rows come in once, with what was made of them, and the log verifies', async () => {
  const { home, file } = await homeWithSeed(seed => {
    seed.add({}, {}, { user_context: 'not JSON' }, {}, {})
    seed.db.exec('DELETE FROM audit_entries WHERE rowid = 2')
  })
  const dry = await home.run(['migrate', '--from', 'memmimic', file, '--dry-run'])
  expect(dry).toMatchObject({ code: 0, stdout: '' })
  expect(dry.stderr).toContain('of 5 rows 5 would be imported\n')
  expect((await home.json<{ size: number }>(['status']))[0]!.size).toBe(1)

  const run = await home.run(['migrate', '--from', 'memmimic', file])
  expect(run).toMatchObject({ code: 0, stdout: '' })
  const said = (text: string) =>
    text.split('\n').flatMap(line => (line.includes('built again') ? [] : [line.replace('memmimic-audit: ', '')]))
  expect(said(run.stderr)).toEqual([
    'of 5 rows 5 were imported',
    'as the old chain shows them: 4 linked, 0 broken, 0 unlinked, 1 of which only the chain knows',
    '1 row has columns that are not as they should be: see imported.odd',
    'no hash of that file can ever be computed again: the keys in them were never kept',
    '',
  ])
  const again = await home.json<SeedImportReport>(['migrate', '--from', 'memmimic', file])
  expect(again[0]).toMatchObject({ rows: 5, imported: 0, known: 5, rejected: 0 })
  const entries = await home.json<{ operation: string; userContext?: unknown }>([
    'query',
    '--flag',
    'imported',
    '--order',
    'asc',
  ])
  expect(entries.map(({ operation }) => operation)).toEqual([
    'remember',
    'imported.missing',
    'forget',
    'remember',
    'recall',
  ])
  expect(entries[2]!.userContext).toBe('not JSON')
  const verified = await home.run(['verify', '--json', '--deep', '--complete'])
  expect(verified.code).toBe(0)
  expect(JSON.parse(verified.stdout).declared).toMatchObject([
    { operation: 'log.migrated', imported: 5 },
    { operation: 'log.migrated', imported: 0, known: 5 },
  ])
  const [recorded] = await home.json<{ actor: { type: string } }>([
    'query',
    '--operation',
    'log.migrated',
    '--limit',
    '1',
  ])
  expect(recorded!.actor.type).toBe('operator')
})

test('a row that cannot be taken is named, kept, and makes the exit 1', async () => {
  const { home, file } = await homeWithSeed(seed => {
    seed.add({}, { entry_id: null, entry_hash: Buffer.from('no text') }, {})
  })
  const rejects = join(home.folder, 'rejects.jsonl')
  const { code, stderr } = await home.run(['migrate', '--from', 'memmimic', file, '--rejects', rejects])
  expect(code).toBe(1)
  expect(stderr).toContain('row 3: it has neither an id nor a hash: it could not be known again\n')
  expect(stderr).toContain('of 3 rows 2 were imported, 1 could not be\n')
  const kept = readFileSync(rejects, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(kept).toMatchObject([
    { number: 3, mark: 'unlinked', entry: { memory_id: 'mem_1' }, reason: expect.any(String) },
  ])
  expect(await home.verifiedSize()).toBe(4)
})

test.each([
  ['no kind', ['migrate', 'x.db'], 2, /--from/],
  ['a kind that is not known', ['migrate', '--from', 'syslog', 'x.db'], 2, /memmimic/],
  ['no file', ['migrate', '--from', 'memmimic'], 2, /file/],
  ['a file that is not there', ['migrate', '--from', 'memmimic', 'x.db'], 1, /there is no file x\.db/],
])('%s is said in one sentence', async (_, args, code, sentence) => {
  const home = makeHome()
  await home.run(['init'])
  const run = await home.run(args)
  expect(run.code).toBe(code)
  expect(run.stderr).toMatch(sentence)
  expect(run.stderr.trimEnd().split('\n').length).toBe(1)
})

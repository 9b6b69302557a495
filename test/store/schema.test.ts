/** A log of an older schema is brought forward once, on record; one of a newer schema is refused in a sentence. */
import Database from 'better-sqlite3-multiple-ciphers'
import { afterEach, expect, it } from 'vitest'
import { openWriter } from '../../src/append/writer.ts'
import { openReader } from '../../src/trail/reader.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
afterEach(() => log.dispose())

/** The log as a release before removals left it. */
async function older(): Promise<void> {
  log = await makeTestLog({ encryption: 'none' })
  await log.grow(300, 1)
  log.store.close()
  const db = new Database(log.file)
  db.exec(`ALTER TABLE head DROP COLUMN frozen; DROP TABLE declared; DROP TABLE schema_step; PRAGMA user_version = 1`)
  db.close()
}

const open = async () => ({
  file: log.file,
  keys: log.keysFolder,
  checkpoints: { everyEntries: 10_000, everyMs: 60_000 },
  onFailure: 'refuse' as const,
})

it('is brought forward by whoever opens it, recorded once, and every old leaf is as it was', async () => {
  await older()
  const before = await openReader({ file: log.file, keys: log.keysFolder })
  expect(await before.verify({ deep: true })).toMatchObject({ valid: true, size: 302 })
  await before.close()
  for (let i = 0; i < 3; i++) await (await openWriter(await open())).close()
  const reader = await openReader({ file: log.file, keys: log.keysFolder })
  const report = await reader.verify({ deep: true })
  expect(report).toMatchObject({ valid: true, complete: true, size: 303 })
  expect(report.declared).toEqual([
    expect.objectContaining({ operation: 'log.migrated', seq: 302, what: 'schema', to: 3 }),
  ])
  await reader.close()
})

it('needs no record where it was made with today’s schema', async () => {
  log = await makeTestLog()
  await (await openWriter(await open())).close()
  expect(log.store.head()?.size).toBe(1)
})

it('of a newer release is refused, and not touched', async () => {
  log = await makeTestLog({ encryption: 'none' })
  const db = new Database(log.file)
  db.exec('PRAGMA user_version = 99')
  db.close()
  await expect(openWriter(await open())).rejects.toMatchObject({
    code: 'newer_schema',
    message: expect.stringMatching(/has schema 99; this release knows \d+: use a newer memmimic-audit$/),
  })
})

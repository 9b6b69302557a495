/**
 * What someone may plant in the files beside the rows: triggers, views, tables, indexes, other versions. Each is refused in
 * a sentence by whoever opens the file, before anything of it is run; what is planted in an open log, a deep check names.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { indexFile } from '../../src/append/places.ts'
import { openWriter } from '../../src/append/writer.ts'
import { AuditError } from '../../src/core/errors.ts'
import { openReader } from '../../src/trail/reader.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Life } from '../support/shapes.ts'

let life: Life
beforeAll(async () => {
  life = await Life.begin({ encryption: 'none', subjectKeys: true })
  await life.about('ada', 3)
  await life.oneByOne(3)
  await life.rest()
})
afterAll(() => life.dispose())

const isSentence = (error: unknown) => error instanceof AuditError && /^[^\n]{10,300}$/.test(error.message)
let refused = 0
afterAll(() => recordEvidence('planted-schema', { refused }))

const open = {
  reading: async () => {
    const reader = await openReader({ file: life.file, keys: life.keysFolder })
    await reader.verify({ deep: true })
    await reader.close()
  },
  writing: async () => {
    const checkpoints = { everyEntries: 1e9, everyMs: 1e9 }
    const writer = await openWriter({ file: life.file, keys: life.keysFolder, checkpoints, onFailure: 'refuse' })
    await writer.close()
  },
}

/** Runs statements on a file, tries what opens it, and puts the file back. */
async function plant(file: string, statements: string, then: () => Promise<void>): Promise<void> {
  const parts = ['', '-wal'].map(end => file + end).filter(part => existsSync(part))
  for (const part of parts) copyFileSync(part, `${part}.kept`)
  try {
    const db = new Database(file)
    db.exec(statements)
    db.close()
    await then()
  } finally {
    for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true })
    for (const part of parts) copyFileSync(`${part}.kept`, part)
  }
}

const planted: [what: string, statements: string][] = [
  ['a trigger that swallows what comes', 'CREATE TRIGGER t BEFORE INSERT ON tail BEGIN SELECT RAISE(IGNORE); END'],
  [
    'a trigger that takes seals out',
    'CREATE TRIGGER t AFTER INSERT ON seal BEGIN DELETE FROM seal WHERE size < NEW.size; END',
  ],
  ['a view in the place of a table', 'ALTER TABLE seal RENAME TO seal2; CREATE VIEW seal AS SELECT * FROM seal2'],
  ['a view of its own', 'CREATE VIEW v AS SELECT * FROM tail'],
  ['a table', 'CREATE TABLE hidden (what TEXT)'],
  ['a virtual table', 'CREATE VIRTUAL TABLE words USING fts5(text)'],
  ['a table that counts', 'CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)'],
  ['an index', 'CREATE INDEX i ON seal (epoch)'],
  ['statistics', 'ANALYZE'],
  [
    'a table without its rules',
    'ALTER TABLE head RENAME TO h; CREATE TABLE head (one, size, root, frozen); DROP TABLE h',
  ],
  ['a table less', 'DROP TABLE declared'],
  ['a column more', 'ALTER TABLE tail ADD COLUMN more TEXT'],
  ['no version', 'PRAGMA user_version = 0'],
  ['an older version', 'PRAGMA user_version = 1'],
  ['a newer version', 'PRAGMA user_version = 99'],
  ['a version below none', 'PRAGMA user_version = -1'],
  ['a stranger’s mark', 'PRAGMA application_id = 7'],
]

describe('planted in the log', () => {
  it.each(planted)('%s is refused by readers and writers', async (_, statements) => {
    for (const opens of [open.reading, open.writing]) {
      await plant(life.file, statements, async () => {
        const error = await opens().then(
          () => 'opened',
          (error: unknown) => error,
        )
        expect(isSentence(error), String(error)).toBe(true)
        refused++
      })
    }
    await open.reading()
    await open.writing()
  })

  it('is named by a deep check, where the log was open when it was planted', async () => {
    const { reader } = await life.parts()
    const db = new Database(life.file)
    db.exec('CREATE TRIGGER t AFTER INSERT ON seal BEGIN DELETE FROM seal WHERE size < NEW.size; END')
    expect((await reader.verify({ deep: true })).findings).toEqual([
      expect.objectContaining({
        type: 'format_invalid',
        message: 'the file has tables, triggers or views that are not its own',
      }),
    ])
    db.exec('DROP TRIGGER t')
    db.close()
    expect((await reader.verify({ deep: true })).findings).toEqual([])
    await life.rest()
  })

  it('rows for which there is no place are named by a deep check', async () => {
    const rows = [
      'INSERT INTO declared VALUES (1)',
      'INSERT INTO schema_step VALUES (99, NULL)',
      "INSERT INTO leaves VALUES (0, x'00')",
      "INSERT INTO content VALUES (0, x'00')",
      'INSERT INTO tile VALUES (0, 0, zeroblob(8192))',
      'INSERT INTO tile VALUES (1, 0, zeroblob(32))',
      "INSERT INTO seal VALUES (1000, 0, x'00')",
      "INSERT INTO checkpoint VALUES (1000, '')",
      'PRAGMA ignore_check_constraints = ON; INSERT INTO head SELECT 0, size, zeroblob(32), 0 FROM head',
    ]
    for (const row of rows) {
      await plant(life.file, row, async () => {
        const store = life.store()
        const { verifiers } = life.publicKeys
        const { findings } = await verifyLog(store, { verifiers, anchors: [...life.notes], deep: true })
        await store.close()
        expect({ row, found: findings.length > 0 }).toEqual({ row, found: true })
      })
    }
  })
})

describe('planted beside the log', () => {
  it('in the index: it is thrown away, built again, and that is said', async () => {
    for (const [what, statements] of [
      ['a trigger', 'CREATE TRIGGER t BEFORE INSERT ON entry BEGIN SELECT RAISE(IGNORE); END'],
      ['a table', 'CREATE TABLE hidden (what TEXT)'],
      ['another version', 'PRAGMA user_version = 0'],
      ['a stranger’s mark', 'PRAGMA application_id = 7'],
    ] as const) {
      await plant(indexFile(life.file), statements, async () => {
        const said: string[] = []
        const onNotice = (sentence: string) => said.push(sentence)
        const reader = await openReader({ file: life.file, keys: life.keysFolder, onNotice })
        expect((await reader.verify({ deep: true })).findings).toEqual([])
        await reader.close()
        expect({ what, said: said.join() }).toEqual({
          what,
          said: expect.stringMatching(/^the index is built again: /),
        })
        refused++
      })
    }
  })

  it('in the keys of the subjects: they are refused', async () => {
    const file = join(life.keysFolder, 'subjects.db')
    expect(loadStorageKey(life.keysFolder)).toBeUndefined()
    for (const statements of [
      'CREATE TRIGGER t BEFORE DELETE ON key BEGIN SELECT RAISE(IGNORE); END',
      'PRAGMA user_version = 0',
      'PRAGMA application_id = 7',
    ]) {
      await plant(file, statements, async () => {
        for (const opens of [open.reading, open.writing]) await expect(opens()).rejects.toSatisfy(isSentence)
        refused++
      })
    }
    await open.reading()
  })
})

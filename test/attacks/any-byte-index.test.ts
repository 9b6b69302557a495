/**
 * Any byte of any cell of the index: a deep check names what was changed, or the index throws itself away and is built again
 * when it is opened. What is neither stands in a table here and in docs/threat-model.md: every answer is as before.
 *
 * MEMMIMIC_LONG=bytes changes every byte of every cell of the shorter logs, and many more of the longer ones.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { indexFile } from '../../src/append/places.ts'
import type { EntryFilter } from '../../src/core/filter.ts'
import { checkIndex } from '../../src/index/check.ts'
import { openIndexFile } from '../../src/index/file.ts'
import type { Connection } from '../../src/store/sqlite-file.ts'
import { openReader, type Reader } from '../../src/trail/reader.ts'
import { type Change, changesOf, shareOf } from '../support/any-byte.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Life, shapes } from '../support/shapes.ts'

const isLong = process.env.MEMMIMIC_LONG === 'bytes'

/** Logs whose index has something of everything. */
const chosen = shapes.filter(({ name }) =>
  [
    'a short tail',
    'pruned leaves',
    'erased',
    'imported from the seed',
    'intents, closed, closed by a restart and open',
    'unencrypted',
    'blocks and a tail',
  ].includes(name),
)

/** What may be changed in an index without anyone noticing, and why that does not matter. */
const harmless: readonly { table: string; column: string; change: RegExp; why: string }[] = [
  {
    table: 'meta',
    column: 'generation',
    change: /.*/,
    why: 'A number that is drawn: another one only makes other processes forget what they remember of the index.',
  },
  {
    table: 'meta',
    column: 'remains',
    change: /.*/,
    why: 'Whether something is to be cleaned up: at most it is cleaned once more.',
  },
  {
    table: 'meta',
    column: 'disordered',
    change: /.*/,
    why: 'Whether times ran backwards: where it says so wrongly, a time is looked for in every row. The reverse is found.',
  },
  {
    table: 'meta',
    column: 'text',
    change: /.*/,
    why: 'Whether texts are indexed: where it does not say so, every entry is searched. Where it says so wrongly, that is found.',
  },
  {
    table: 'term',
    column: 'id',
    change: /.*/,
    why: 'A text that was written over when its entries were erased: no row names it.',
  },
  {
    table: 'term',
    column: 'row',
    change: /.*/,
    why: 'The same, taken out or added once more.',
  },
  {
    table: 'term',
    column: 'text',
    change: /the same bytes in a blob/,
    why: 'The same: as bytes it says as little.',
  },
]

type Outcome = 'detected' | 'rebuilt' | 'harmless' | 'impossible'

const total = { shapes: 0, flips: 0, detected: 0, rebuilt: 0, harmless: 0 }
afterAll(() => {
  if (total.shapes === chosen.length) recordEvidence('any-byte-index', total)
})

/** A connection that is in a transaction already, for a check that begins one. */
const within = (db: Connection) =>
  ({
    prepare: (sql: string) => db.prepare(sql),
    exec: (sql: string) => sql === 'BEGIN' || db.exec(sql),
  }) as unknown as Connection

/** Whether SQLite does not let a value stand there. */
const isImpossible = (error: unknown) =>
  /^SQLITE_(CONSTRAINT|MISMATCH)/.test(String((error as { code?: unknown }).code))

async function isFound(db: Connection, life: Life, change: Change): Promise<boolean | 'impossible'> {
  const store = life.store()
  db.exec('BEGIN')
  try {
    change.apply(db)
    for await (const _ of checkIndex(within(db), store)) return true
    return false
  } catch (error) {
    if (isImpossible(error)) return 'impossible'
    throw error
  } finally {
    db.exec('ROLLBACK')
    await store.close()
  }
}

/** Everything that the index is asked for: its rows by every value of every field, by words, by ids. */
async function answersOf(reader: Reader): Promise<string> {
  const all = await reader.query({}, { limit: 10_000, order: 'asc' })
  const filters: EntryFilter[] = [{}]
  const values = (field: string) =>
    new Set(all.map(view => (view as never)[field] as unknown).filter(value => typeof value === 'string'))
  for (const field of ['operation', 'component', 'memoryId', 'session', 'outcome', 'kind', 'securityLevel']) {
    for (const value of [...values(field)].slice(0, 6)) filters.push({ [field]: value })
  }
  for (const actor of ['agent:agent-1', 'user:Zoë', 'ada', 'user:ben']) filters.push({ actor })
  filters.push({ flag: 'audit_required' }, { flag: 'imported' }, { text: 'result' }, { text: '"result 3"' })
  filters.push({ since: all[Math.floor(all.length / 2)]!.time }, { until: all[Math.floor(all.length / 2)]!.time })
  const answers: unknown[] = []
  for (const filter of filters) {
    answers.push(await reader.list(filter, { limit: 10_000, order: 'asc' }), await reader.count(filter))
  }
  for (const { id } of all.slice(0, 8)) answers.push((await reader.get(id))?.seq)
  answers.push((await reader.openIntents()).map(({ id }) => id))
  return JSON.stringify(answers)
}

/** What whoever opens an index finds that was changed like this: it was built again, or says what it said before. */
async function opened(life: Life, before: string, change?: Change): Promise<Outcome | string> {
  const file = indexFile(life.file)
  const parts = ['', '-wal'].map(end => file + end).filter(part => existsSync(part))
  for (const part of parts) copyFileSync(part, `${part}.kept`)
  const said: string[] = []
  try {
    if (change !== undefined) {
      const db = openIndexFile(file, loadStorageKey(life.keysFolder), { mode: 'write' })
      try {
        change.apply(db)
      } catch (error) {
        if (isImpossible(error)) return 'impossible'
        throw error
      } finally {
        db.close()
      }
    }
    const reader = await openReader({ file: life.file, keys: life.keysFolder, onNotice: said.push.bind(said) })
    try {
      const { findings } = await reader.verify({ deep: true })
      if (findings.length > 0) return 'detected'
      const isSame = (await answersOf(reader)) === before
      if (said.some(sentence => sentence.startsWith('the index is built again: ')))
        return isSame ? 'rebuilt' : 'is rebuilt wrong'
      if (!isSame) return 'answers otherwise, and nobody notices'
    } finally {
      await reader.close()
    }
  } finally {
    for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true })
    for (const part of parts) copyFileSync(`${part}.kept`, part)
  }
  const isListed = harmless.some(
    row => row.table === change?.table && row.column === change.column && row.change.test(change.what),
  )
  return isListed ? 'harmless' : 'changes nothing, and is not in the table'
}

describe.each(chosen)('any byte of the index: $name', ({ options, live }) => {
  it('is found, built again, or does not matter', { timeout: 3_600_000 }, async () => {
    const life = await Life.begin(options)
    try {
      await live(life)
      await life.rest()
      const reader = await openReader({ file: life.file, keys: life.keysFolder })
      expect((await reader.verify({ deep: true })).findings).toEqual([])
      const before = await answersOf(reader)
      const isShort = (await reader.size()) < 60
      await reader.close()
      expect(await opened(life, before)).toBe('changes nothing, and is not in the table')

      const db = openIndexFile(indexFile(life.file), loadStorageKey(life.keysFolder), { mode: 'write' })
      const changes = changesOf(db, isLong ? (isShort ? 'all' : 12) : 2)
      const wanted = [...shareOf(changes, isLong ? 1 : isShort ? 5 : 20)]
      const escaped = new Set<string>()
      const unfound: Change[] = []
      for (const change of wanted) {
        // Its position is judged by whoever follows the log, so it is played to them.
        const found = change.table === 'meta' ? false : await isFound(db, life, change)
        if (found === 'impossible') continue
        if (found) total.detected++
        else unfound.push(change)
      }
      db.close()
      for (const change of unfound) {
        const outcome = await opened(life, before, change)
        if (outcome === 'impossible') continue
        if (outcome in total) total[outcome as 'rebuilt']++
        else escaped.add(`${change.table}.${change.column} ${change.what}: ${outcome}`)
      }
      expect([...escaped].join('\n')).toBe('')
      total.flips = total.detected + total.rebuilt + total.harmless
      total.shapes++
    } finally {
      await life.dispose()
    }
  })
})

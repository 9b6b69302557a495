/**
 * Any byte of any cell: logs of every shape, and every way to change one value, one row or one thing of the schema. What was
 * changed is found, or refused in a sentence; what is neither stands in a table here, and in docs/threat-model.md, with the
 * reason why it does not matter, and is proven not to: the log says the same as before.
 *
 * MEMMIMIC_LONG=bytes changes every byte of every cell of the shorter logs, and many more of the longer ones.
 */
import { afterAll, describe, expect, it } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { openSubjectKeys } from '../../src/append/subject-keys.ts'
import { SubjectStore } from '../../src/append/subject-store.ts'
import { AuditError } from '../../src/core/errors.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { openLogFile, SqliteStore } from '../../src/store/sqlite.ts'
import type { Connection } from '../../src/store/sqlite-file.ts'
import type { Store } from '../../src/store/store.ts'
import { type VerifyOptions, verifyLog } from '../../src/verify/log-verifier.ts'
import { type Change, changesOf, type Sampling, shareOf } from '../support/any-byte.ts'
import { recordEvidence } from '../support/evidence.ts'
import { differences, type Portrait, portraitOf } from '../support/portrait.ts'
import { Life, shapes } from '../support/shapes.ts'

const isLong = process.env.MEMMIMIC_LONG === 'bytes'

/** What may be changed without anyone noticing, and why that does not matter. */
interface Harmless {
  readonly table: string
  /** A column, or `row`. */
  readonly column: string
  readonly change: RegExp
  readonly why: string
  /** The part of what the log says of which some is gone: it is what it was, without that. */
  readonly less?: 'seals' | 'checkpoints'
}

const harmless: readonly Harmless[] = [
  {
    table: 'seal',
    column: 'row',
    change: /taken out/,
    why: 'A seal that another one of the same epoch follows: that one covers the same entries, and more.',
    less: 'seals',
  },
  {
    table: 'checkpoint',
    column: 'row',
    change: /taken out/,
    why: 'One signature of several: the others, and the anchor, stand for the same log. The last one cannot go unnoticed.',
    less: 'checkpoints',
  },
  ...['leaves', 'content'].map(table => ({
    table,
    column: 'data',
    change: /byte/,
    why: 'Bytes behind a compressed piece, and bits in it that its decompression does not use: what comes out is the same.',
  })),
  {
    table: 'content',
    column: 'data',
    change: /.*/,
    why: 'A block of which no entry has any content, or none any more: there is nothing in it to be changed.',
  },
  {
    table: 'content',
    column: 'row',
    change: /.*/,
    why: 'The same, taken out or added: no entry has any content, with the row and without.',
  },
  {
    table: 'schema_step',
    column: 'entry',
    change: /another number/,
    why: 'Which entry records a step of the schema: the entry says so itself, and nobody reads it here.',
  },
  {
    table: 'schema_step',
    column: 'row',
    change: /taken out/,
    why: 'A step of the schema that an entry records: the entry is what counts.',
  },
]

/** A log on one connection, on which everything is played and rolled back. */
interface Stage {
  readonly db: Connection
  readonly store: Store
  readonly options: VerifyOptions
  readonly before: Portrait
}

type Outcome = 'detected' | 'refused' | 'harmless' | 'impossible'

async function play({ db, store, options, before }: Stage, change: Change): Promise<Outcome | string> {
  db.exec('BEGIN')
  try {
    try {
      change.apply(db)
    } catch (error) {
      if (/^SQLITE_(CONSTRAINT|MISMATCH)/.test((error as { code: string }).code)) return 'impossible'
      throw error
    }
    try {
      if ((await verifyLog(store, options)).findings.length > 0) return 'detected'
      const after = await portraitOf(store)
      return judge(change, before, after)
    } catch (error) {
      const isSentence = error instanceof AuditError && /^[^\n]{10,300}$/.test(error.message)
      return isSentence ? 'refused' : `is answered by ${String((error as Error).stack)}`
    }
  } finally {
    db.exec('ROLLBACK')
  }
}

function judge({ table, column, what }: Change, before: Portrait, after: Portrait): Outcome | string {
  const parts = differences(before, after)
  const row = harmless.find(row => row.table === table && row.column === column && row.change.test(what))
  const isSame = parts.every(part => part === row?.less && isLess(before[part], after[part]))
  if (row !== undefined && isSame) return 'harmless'
  return parts.length === 0 ? 'changes nothing, and is not in the table' : `is not noticed: ${parts.join(', ')}`
}

/** Whether a list is another without some of it. */
function isLess(before: readonly string[], after: readonly string[]): boolean {
  return after.every(line => before.includes(line))
}

const total = { shapes: 0, cells: 0, flips: 0, detected: 0, refused: 0, harmless: 0 }
afterAll(() => {
  if (total.shapes === shapes.length) recordEvidence('any-byte', total)
})

describe.each(shapes)('any byte of the log: $name', ({ options, live }) => {
  it('is found, refused, or does not matter', { timeout: 3_600_000 }, async () => {
    const life = await Life.begin(options)
    try {
      await live(life)
      await life.rest()
      const storage = loadStorageKey(life.keysFolder)
      const db = openLogFile({ file: life.file, key: storage, mode: 'write' })
      const log = new SqliteStore(life.file, db)
      const subjects = openSubjectKeys({ folder: life.keysFolder, storage }, 'read')
      const store = subjects === undefined ? log : new SubjectStore(log, subjects)
      const { verifiers } = life.publicKeys
      const stage: Stage = {
        db,
        store,
        options: { verifiers, sealKey: parseSealKey(life.sealKey), anchors: [...life.notes], deep: true },
        before: await portraitOf(store),
      }
      expect((await verifyLog(store, stage.options)).findings).toEqual([])
      const { size } = (await store.head())!
      const isShort = size < 60
      const sampling: Sampling = isLong && isShort ? 'all' : isLong ? 12 : isShort ? 3 : 1
      const share = isLong ? 1 : isShort ? 2 : 6
      const escaped = new Set<string>()
      const cells = new Set<string>()
      for (const change of shareOf(changesOf(db, sampling), share)) {
        const outcome = await play(stage, change)
        if (outcome === 'impossible') continue
        cells.add(change.cell)
        total.flips++
        if (outcome in total) total[outcome as 'detected']++
        else escaped.add(`${change.table}.${change.column} ${change.what}: ${outcome}`)
      }
      expect([...escaped].join('\n')).toBe('')
      expect((await verifyLog(store, stage.options)).findings).toEqual([])
      total.cells += cells.size
      total.shapes++
      await store.close()
    } finally {
      await life.dispose()
    }
  })
})

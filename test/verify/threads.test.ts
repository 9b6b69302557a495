/**
 * One check, three ways to go: entry by entry; over what was examined tile by tile; over what threads examined ahead. What
 * is found, and everything else that the report says, must be the same, whatever was done to the log.
 *
 * MEMMIMIC_LONG=threads damages twenty times as many copies.
 */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { loadPublicKeys, loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import type { VerificationReport } from '../../src/core/finding.ts'
import { glanceOf, parseLeaf } from '../../src/core/leaf.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { formatContent, parseContent } from '../../src/core/sealed.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { LogReader, StoredEntry } from '../../src/store/store.ts'
import { openReader } from '../../src/trail/reader.ts'
import { openThreadStore } from '../../src/trail/thread-store.ts'
import { entriesIn } from '../../src/verify/answers.ts'
import { areOpened } from '../../src/verify/disclosures.ts'
import { type Examined, examine, partsByTile } from '../../src/verify/examine.ts'
import { type VerifyOptions, type VerifyPosition, verifyLog } from '../../src/verify/log-verifier.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { Life, shapes } from '../support/shapes.ts'

const rounds = process.env.MEMMIMIC_LONG === 'threads' ? 20 : 1

const done = { logs: 0, tamperings: 0, equal: 0, found: 0 }
afterAll(() => {
  if (done.logs > 0 && done.tamperings > 0) recordEvidence('threaded-verification', done)
})

/** The same log, in which no tile can be passed as a whole: sound values of an entry are given in another order. */
function inAnotherOrder(log: LogReader): LogReader {
  const turned = (entry: StoredEntry): StoredEntry => {
    const { leaf } = parseLeaf(entry.leaf)
    if (leaf === undefined || !areOpened(glanceOf(leaf).sealed, entry.content)) return entry
    return { ...entry, content: formatContent(parseContent(entry.content).reverse()) }
  }
  return new Proxy(log, {
    get(target, name) {
      const given: unknown = Reflect.get(target, name)
      if (typeof given !== 'function') return given
      if (name !== 'entries') return given.bind(target)
      return async function* (from: number, to: number) {
        for await (const some of target.entries(from, to)) yield some.map(turned)
      }
    },
  })
}

/** Everything examined before the check begins, and brought over as from another thread. */
async function examinedAhead(log: LogReader, deep: boolean): Promise<NonNullable<VerifyOptions['ahead']>> {
  const known = new Map<string, Examined | undefined>()
  const size = (await log.head())?.size ?? 0
  for (const part of partsByTile(0, Math.min(size, 100_000))) {
    known.set(String(part), structuredClone(examine(await entriesIn(log, ...part), part, deep)))
  }
  return async (...part) => known.get(String(part))
}

const said = (report: VerificationReport) => ({ ...report, durationMs: 0 })

/** Checks a log in every way. @returns what all of them say */
async function checkAll(log: LogReader, options: VerifyOptions): Promise<VerificationReport> {
  const positions: VerifyPosition[][] = [[], []]
  const into = (at: 0 | 1) => ({ onProgress: (position: VerifyPosition) => void positions[at]!.push(position) })
  const alone = await verifyLog(log, { ...options, ...into(0) })
  const byEntry = await verifyLog(inAnotherOrder(log), options)
  const ahead = await examinedAhead(log, options.deep ?? false)
  const together = await verifyLog(log, { ...options, ahead, ...into(1) })
  expect(said(together)).toEqual(said(alone))
  expect(said(byEntry)).toEqual(said(alone))
  expect(positions[1]).toEqual(positions[0])
  done.equal++
  return alone
}

describe('an honest log', () => {
  it.each(shapes)('of the shape "$name" is the same in every way', async ({ live }) => {
    const life = await Life.begin()
    onTestFinished(() => rmSync(life.folder, { recursive: true, force: true }))
    await live(life)
    await life.rest()
    const store = openThreadStore({ file: life.file, keys: life.keysFolder })
    const { verifiers } = loadPublicKeys(life.keysFolder)
    const sealKey = parseSealKey(life.sealKey)
    for (const options of [{ verifiers, sealKey, deep: true }, { from: 3 }]) {
      expect(await checkAll(store, options)).toMatchObject({ findings: [] })
    }
    const leaves: number[] = []
    await verifyLog(store, { verifiers, onLeaf: ({ seq }) => void leaves.push(seq) })
    expect(leaves).toEqual([...new Set(leaves)].sort((a, b) => a - b))
    await store.close()
    done.logs++
  })
})

it('a log that has grown since it was examined ahead is checked to its end', async () => {
  const life = await Life.begin()
  onTestFinished(() => rmSync(life.folder, { recursive: true, force: true }))
  await life.together(300)
  const store = openThreadStore({ file: life.file, keys: life.keysFolder })
  const { size } = (await store.head())!
  const examined = new Map<number, Examined | undefined>()
  for (const part of partsByTile(0, size)) {
    examined.set(part[0], examine(await entriesIn(store, ...part), part, false))
  }
  await life.together(20)
  const report = await verifyLog(store, { ahead: async from => examined.get(from) })
  expect(report).toMatchObject({ valid: true, findings: [], size: size + 20 })
  await store.close()
})

describe('a log that was tampered with', () => {
  let life: Life
  let size: number
  beforeAll(async () => {
    life = await Life.begin()
    await life.together(300)
    await life.checkpoint()
    for (let i = 0; i < 3; i++) await life.about('ada', 2)
    await life.together(500)
    await life.erase('user:ada')
    await life.oneByOne(5)
    await life.checkpoint()
    await life.together(400)
    await life.rest()
    const store = openThreadStore({ file: life.file, keys: life.keysFolder })
    size = (await store.head())!.size
    await store.close()
  })
  afterAll(() => rmSync(life.folder, { recursive: true, force: true }))

  /** What may be done to it, at a place: most places are near the border of a tile. */
  const harms: readonly ((file: Tamper, at: number, random: Random) => void)[] = [
    (file, at) => file.edit(at, { operation: 'changed' }),
    (file, at) => file.edit(at, { time: '2020-01-01T00:00:00.000000Z' }),
    (file, at) => file.edit(at, { seq: at + 1 }),
    (file, at) => file.edit(at, { previousHash: '0'.repeat(64) }),
    (file, at) => file.edit(at, { kind: 'control', operation: 'log.created' }),
    (file, at) => file.edit(at, { kind: 'intent' }),
    (file, at) => file.edit(at, { intent: file.leaf(at).id }),
    (file, at) => {
      file.rows[at] = { ...file.rows[at]!, leaf: Buffer.from(`${Buffer.from(file.rows[at]!.leaf)} `) }
    },
    (file, at) => {
      file.rows[at] = { ...file.rows[at]!, content: new Uint8Array(0) }
    },
    (file, at) => {
      file.rows[at] = {
        ...file.rows[at]!,
        content: file.rows[at]!.content.map((byte, i) => (i === 60 ? byte ^ 1 : byte)),
      }
    },
    (file, at) => {
      file.rows[at] = { ...file.rows[at]!, content: file.rows[at - 1]!.content }
    },
    (file, at, random) => {
      file.rows[at] = { ...file.rows[at]!, hash: Uint8Array.from(random.some(32, 256)) }
    },
    (file, at) => {
      file.rows[at] = { ...file.rows[at]!, hash: new Uint8Array(32) }
    },
    (file, at) => {
      delete file.rows[at]
    },
    (file, at) => {
      for (let seq = at; seq < Math.min(at + 300, size); seq++) delete file.rows[seq]
    },
    (file, at) => {
      const other = Math.max(1, at - 1)
      const row = file.rows[other]!
      file.rows[other] = file.rows[at]!
      file.rows[at] = row
    },
    (file, at) => {
      file.edit(at, { component: 'changed' })
      file.rewrite(at)
    },
    (file, at) => void file.rewrite(at, Math.max(at, 2)),
  ]
  const harmsBelow = [
    'DELETE FROM seal WHERE size = (SELECT size FROM seal ORDER BY size LIMIT 1 OFFSET 3)',
    'UPDATE seal SET mac = zeroblob(32) WHERE size > 300',
    'UPDATE seal SET epoch = epoch + 1 WHERE size > 700',
    'DELETE FROM checkpoint',
    "UPDATE checkpoint SET note = replace(note, 'example', 'exampel')",
    'DELETE FROM tile WHERE level = 0 AND n = 1',
    'DELETE FROM tile WHERE level = 1',
    'UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND n = 2',
    'UPDATE tile SET hashes = substr(hashes, 1, 8000) WHERE level = 0 AND n = 1',
    'DELETE FROM leaves WHERE first = 256',
    'UPDATE leaves SET data = zeroblob(100) WHERE first = 288',
    'UPDATE content SET data = (SELECT data FROM content WHERE first = 64) WHERE first = 512',
    'DELETE FROM content WHERE first = 320',
    'DELETE FROM declared',
    'INSERT INTO declared VALUES (7)',
    'UPDATE head SET size = size - 1',
    'UPDATE head SET root = zeroblob(32)',
    'UPDATE head SET frozen = 1',
  ]

  async function afterwards(play: (file: Tamper) => void): Promise<VerificationReport[]> {
    const file = join(life.folder, 'copy.db')
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
    cpSync(life.file, file)
    const key = loadStorageKey(life.keysFolder)
    const tamper = Tamper.open(file, key)
    play(tamper)
    tamper.db.close()
    const store = openSqliteStore({ file, key, mode: 'read' })
    const { verifiers } = loadPublicKeys(life.keysFolder)
    const anchors = [...life.notes]
    const sealKey = parseSealKey(life.sealKey)
    const reports = []
    for (const options of [
      { verifiers, anchors, sealKey, deep: true },
      { from: 250, to: 900 },
    ]) {
      reports.push(await checkAll(store, options))
    }
    store.close()
    done.tamperings++
    done.found += reports.some(({ valid }) => !valid) ? 1 : 0
    return reports
  }

  it.each(harmsBelow)('by %s is the same in every way', async sql => {
    await afterwards(({ db }) => void db.exec(sql))
  })

  it('in one place or several, near the borders of tiles and between, is the same in every way', async () => {
    const random = new Random(seedOf('threaded verification'))
    const place = () => {
      const near = random.chance(0.6) ? 256 * (1 + random.below(Math.floor(size / 256))) - 2 + random.below(4) : 0
      return near > 0 && near < size ? near : 2 + random.below(size - 2)
    }
    for (let i = 0; i < harms.length * rounds * 1.3; i++) {
      const chosen =
        i < harms.length ? [harms[i]!] : Array.from({ length: 1 + random.below(3) }, () => random.pick(harms))
      const places = chosen.map(place)
      const reports = await afterwards(file => {
        chosen.forEach((harm, j) => {
          if (file.rows[places[j]!] !== undefined && file.rows[places[j]! - 1] !== undefined) {
            harm(file, places[j]!, random)
          }
        })
        file.save()
      })
      expect(reports, JSON.stringify({ i, places })).toHaveLength(2)
    }
  }, 120_000)

  it('is the same with threads, as a reader has them', async () => {
    const key = loadStorageKey(life.keysFolder)
    const original = join(life.folder, 'original.db')
    cpSync(life.file, original)
    for (const [at, harm] of [
      [511, 0],
      [512, 13],
      [700, 4],
    ] as const) {
      cpSync(original, life.file)
      const tamper = Tamper.open(life.file, key)
      harms[harm]!(tamper, at, new Random(1))
      tamper.save().db.close()
      const reader = await openReader({ file: life.file, keys: life.keysFolder })
      const request = { sealKey: life.sealKey, anchors: [...life.notes] }
      const [alone, two, three] = [1, 2, 3].map(threads => reader.verify({ ...request, threads }))
      expect(said(await two!)).toEqual(said(await alone!))
      expect(said(await three!)).toEqual(said(await alone!))
      expect((await alone!).valid).toBe(false)
      await reader.close()
    }
    cpSync(original, life.file)
    const reader = await openReader({ file: life.file, keys: life.keysFolder })
    expect(await reader.verify({ threads: 2, deep: true })).toMatchObject({ valid: true, size })
    await expect(reader.verify({ threads: 17 })).rejects.toMatchObject({ code: 'bad_input', path: '$.threads' })
    await reader.close()
  }, 60_000)
})

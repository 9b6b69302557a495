/**
 * The attack kit, on logs of several shapes: each move of the table of threats is found, named, at the right place, from the
 * right trust label on, and nothing is found where nothing was done.
 *
 * `MEMMIMIC_LONG=attacks` plays on every shape that there is; `MEMMIMIC_LONG=walks` walks five thousand times.
 */
import { createHash, randomInt } from 'node:crypto'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type AttackReport, runAttackKit } from '../../src/attack/kit.ts'
import { labels, type Move } from '../../src/attack/move.ts'
import { moves } from '../../src/attack/moves/table.ts'
import { Scene } from '../../src/attack/scene.ts'
import { randomWalks } from '../../src/attack/walk.ts'
import { recordEvidence } from '../support/evidence.ts'
import { makeTestLog, sample } from '../support/log.ts'
import { Life, shapes } from '../support/shapes.ts'

const onRows = moves.filter(move => 'play' in move)
const long = process.env.MEMMIMIC_LONG
/** A machine that does much else takes its time. */
const timeout = 120_000

/** Those on which every move is played, and those on which only the ones on rows are. */
const whole = ['unencrypted']
const rows = [
  'blocks and a tail',
  'fresh',
  'a full tile',
  'pruned leaves',
  'erased, in blocks',
  'erased with keys of their own',
  'keys rotated twice, in blocks',
  'frozen',
]

const counts = { rows: 0, moves: moves.length, caught: 0, escaped: 0, argued: 0, falseAlarms: 0, logs: 0 }
const walked = { walks: 0, steps: 0, unchanged: 0, detected: 0, escaped: 0 }

function add(report: AttackReport): void {
  for (const name of ['caught', 'escaped', 'argued', 'falseAlarms'] as const) counts[name] += report[name]
  counts.logs++
}

afterAll(() => {
  const { walks, steps, unchanged, detected, escaped } = walked
  const evidence = {
    walks,
    walkSteps: steps,
    walksDetected: detected,
    walksUnchanged: unchanged,
    walksEscaped: escaped,
  }
  recordEvidence('attack-kit', { ...counts, ...evidence })
})

/** Everything that went wrong, in sentences. */
const wrongIn = ({ moves: played, alarms }: AttackReport) => [
  ...played.filter(({ caught, argued }) => !caught && !argued).map(({ row, move, why }) => `${row}: ${move}: ${why}`),
  ...alarms,
]

describe('the table', () => {
  it('has a move for every row, and none for a row that is not there', () => {
    const known = new Set([...Array.from({ length: 40 }, (_, i) => String(i + 1)), '5a'])
    const played = new Set(moves.map(({ row }) => row))
    counts.rows = played.size
    expect([...known].filter(row => !played.has(row))).toEqual([])
    expect([...played].filter(row => !known.has(row))).toEqual([])
  })

  it('names each move once, and says why where nothing is promised', () => {
    const names = onRows.map(({ row, move }) => `${row} ${move}`)
    expect(new Set(names).size).toBe(names.length)
    for (const move of moves) if ('play' in move && move.found.length === 0) expect(move.why, move.move).toBeTruthy()
  })
})

describe('every move is answered as promised, and no other alarm is given', () => {
  const played = shapes.filter(({ name }) => long === 'attacks' || [...whole, ...rows].includes(name))

  it.each(played)('on a log that is $name', { timeout }, async ({ name, options, live }) => {
    const life = await Life.begin(options)
    try {
      await live(life)
      await life.rest()
      const { file, keysFolder: keys, sealKey } = life
      const isWhole = whole.includes(name)
      const report = await runAttackKit({
        // K₀ is at hand on some, and on others only the seal key of today.
        log: { file, keys, ...(isWhole && { sealKey }) },
        ...(isWhole ? {} : { moves: onRows }),
      })
      expect(wrongIn(report)).toEqual([])
      expect(report.argued).toBe(onRows.filter(({ found }) => found.length === 0).length)
      expect(report.moves.filter(({ on }) => on === 'copy').length).toBeGreaterThan(75)
      add(report)
    } finally {
      await life.dispose()
    }
  })

  it('on no log at all: one of samples is made', { timeout }, async () => {
    const report = await runAttackKit()
    expect(wrongIn(report)).toEqual([])
    expect(report).toMatchObject({ escaped: 0, falseAlarms: 0, played: { entries: 0, from: 0 } })
    add(report)
  })

  it('on a long log, in its newest entries', { timeout }, async () => {
    const log = await makeTestLog()
    await log.grow(1000, 1000, 1000)
    const report = await runAttackKit({ log: { file: log.file, keys: log.keysFolder }, moves: onRows })
    log.dispose()
    expect(wrongIn(report)).toEqual([])
    expect(report.played).toMatchObject({ entries: 3001, from: 1536 })
    expect(report.moves.filter(({ on }) => on === 'samples').map(({ row }) => row)).toEqual([
      '23',
      '23',
      '25',
      '26',
      '27',
      '27',
    ])
    add(report)
  })
})

describe('the copy', () => {
  const digests = (folder: string) =>
    globSync('**/*', { cwd: folder, withFileTypes: true })
      .filter(entry => entry.isFile() && !entry.name.endsWith('-shm'))
      .map(({ parentPath, name }) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(parentPath, name)))
          .digest('hex'),
      ])
      .sort()
  const leftovers = () => readdirSync(tmpdir()).filter(name => name.startsWith(`memmimic-audit-attack-${process.pid}-`))
  const some = onRows.slice(0, 5)

  it('is all that is touched, and is gone afterwards, also when something fails', async () => {
    const log = await makeTestLog()
    await log.grow(30)
    const before = digests(log.folder)
    const place = { file: log.file, keys: log.keysFolder }
    await runAttackKit({ log: place, moves: some })
    const broken: Move = {
      ...onRows[0]!,
      play() {
        throw new Error('something fails')
      },
    }
    await expect(runAttackKit({ log: place, moves: [broken] })).rejects.toThrow('something fails')
    expect(digests(log.folder)).toEqual(before)
    expect(leftovers()).toEqual([])
    log.dispose()
  })

  it('is taken while others write, and found sound', async () => {
    const log = await makeTestLog()
    await log.grow(300)
    const sequencer = log.sequencer()
    let writes = true
    const writing = (async () => {
      for (let i = 0; writes; i++) {
        await sequencer.commit([log.draft(sample(i))])
        if (i % 10 === 0) await sequencer.checkpoint()
        await new Promise(resolve => setImmediate(resolve))
      }
    })()
    const report = await runAttackKit({ log: { file: log.file, keys: log.keysFolder }, moves: some })
    writes = false
    await writing
    log.dispose()
    expect(wrongIn(report)).toEqual([])
  })

  it('of a log that is not sound is not played on', async () => {
    const log = await makeTestLog()
    await log.grow(30)
    log.store.checkpointFile()
    const scene = await Scene.of({ file: log.file, keys: log.keysFolder })
    scene.tamper().change(12, () => ({ content: new Uint8Array(0) }))
    await expect(Scene.of({ file: scene.file, keys: scene.keysFolder })).rejects.toMatchObject({ code: 'damaged' })
    await scene.close()
    log.dispose()
  })
})

describe('the kit itself', () => {
  const [flip] = onRows

  it('counts what is not found as escaped, and what is found too late or elsewhere too', async () => {
    const nothing: Move = { row: '1', move: 'do nothing', found: ['hash_mismatch'], from: 'chained', play: () => {} }
    const elsewhere: Move = { ...flip!, first: ({ middle }) => middle + 1 }
    const late: Move = { ...onRows.find(({ row }) => row === '18')!, from: 'signed' }
    const report = await runAttackKit({ moves: [nothing, elsewhere, late, flip!] })
    expect(report).toMatchObject({ caught: 1, escaped: 3, argued: 0, falseAlarms: 0 })
    expect(report.moves[0]).toMatchObject({ finding: null, trust: null, why: expect.stringContaining('was not found') })
  })

  it('counts a finding that should not be there as a false alarm', async () => {
    const alarmed: Move = { ...flip!, not: ['hash_mismatch'] }
    expect(await runAttackKit({ moves: [alarmed] })).toMatchObject({ escaped: 0, falseAlarms: 1 })
  })

  it('says of a move how little is needed to notice it', async () => {
    const { moves: played } = await runAttackKit({ moves: onRows.filter(({ row }) => ['1', '13', '18'].includes(row)) })
    expect(new Set(played.filter(({ caught }) => caught).map(({ trust }) => trust))).toEqual(new Set(labels))
  })
})

describe('a random walk', () => {
  const walks = long === 'walks' ? 5000 : 50
  const drawn = randomInt(2 ** 30)

  it.each([
    ['all in the tail', 40, 1],
    ['in blocks and tail', 300, 1000],
    ['in blocks and tail, from a seed that was drawn', 300, drawn],
  ])(
    'leaves a log %s as it reads, or is noticed',
    { timeout: long === 'walks' ? 3_600_000 : timeout },
    async (_, entries, seed) => {
      const scene = await Scene.ofSamples(entries)
      const { escaped, ...report } = await randomWalks(scene, { walks, seed })
      await scene.close()
      expect(escaped, `walks from seed ${seed}`).toEqual([])
      for (const name of ['walks', 'steps', 'unchanged', 'detected'] as const) walked[name] += report[name]
      expect(report.detected).toBeGreaterThan(walks / 3)
    },
  )

  it('escapes where less is at hand, and is cut down to the few deeds that matter', { timeout }, async () => {
    const scene = await Scene.ofSamples(40)
    const { escaped } = await randomWalks(scene, { walks: 120, seed: 1, label: 'chained' })
    const seed = escaped[0]?.seed ?? 1
    const again = await randomWalks(scene, { walks: 1, seed, label: 'chained' })
    await scene.close()
    expect(escaped.length).toBeGreaterThan(0)
    expect(again.escaped).toEqual([escaped[0]])
    expect(Math.min(...escaped.map(({ steps }) => steps.length))).toBeLessThanOrEqual(2)
  })
})

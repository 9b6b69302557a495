/**
 * Processes are killed at random moments: one alone and several at once, with threads and without, while a log is made, grows,
 * is signed, rotated, erased from, pruned, frozen, while its index is built. What they were promised holds all the same.
 *
 * `MEMMIMIC_LONG=kills:MINUTES` goes on for as long.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LifeOptions } from '../support/children/life.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { heard, judge } from './oracle.ts'
import { startLife } from './strace.ts'

const [long, minutes = '5'] = (process.env.MEMMIMIC_LONG ?? '').split(':')
const longMs = long === 'kills' ? Number(minutes) * 60_000 : 0
const seed = seedOf('kills')

const forever = 'again:100000'
/** What a process may be doing when it is killed. */
const doings: readonly (readonly string[])[] = [
  ['each:20', 'append:50', forever],
  ['append:400&', 'append:7', 'each:3', forever],
  ['append:4', 'checkpoint', forever],
  ['each:2', 'rotate', forever],
  ['append:20', 'erase', 'append:3', 'prune', forever],
  ['append:300', 'prune:leaves', 'query', forever],
  ['freeze', 'unfreeze', 'each:5', forever],
  ['each:3', 'forget-index', 'open', 'query', forever],
  ['open', 'each:1', 'close', forever],
  ['big:300000', 'append:30', forever],
]

describe('a process that is killed', () => {
  const counts = { kills: 0, acknowledged: 0 }
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-kills-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  afterAll(() => recordEvidence('crashes-kills', counts))

  for (const at of ['while a log is made', 'at any moment of its life', 'beside others'] as const) {
    it(`${at}, loses nothing that was acknowledged`, { timeout: 180_000 + longMs }, async () => {
      const random = new Random(seed)
      const rounds = { 'while a log is made': 4, 'at any moment of its life': 6, 'beside others': 3 }[at]
      const end = performance.now() + longMs / 3
      let place = placeOf(0)
      const lines: string[] = []
      for (let round = 0; round < rounds || performance.now() < end; round++) {
        if (at === 'while a log is made' || round % 20 === 19) {
          place = placeOf(round)
          lines.length = 0
        }
        const together = at === 'beside others' ? 3 : 1
        const lives = Array.from({ length: together }, (_, i) => startLife(lifeOf(place, round, i, random)))
        // One that is to be killed while it makes a log is not waited for: opening takes about 150 ms more than to start.
        if (at !== 'while a log is made') await lives[0]!.said('did')
        const wait = at === 'while a log is made' ? 150 + 300 * random.next() : 400 * random.next()
        await new Promise(resolve => setTimeout(resolve, wait))
        for (const life of lives) {
          life.process.kill('SIGKILL')
          const { signal, stderr } = await life.ended
          expect([signal, stderr], `seed ${seed}`).toEqual(['SIGKILL', ''])
          lines.push(...life.lines)
          counts.kills++
        }
        const said = heard(lines)
        const { wrong } = await judge(place, said)
        expect(wrong.slice(0, 5), `seed ${seed}, round ${round}`).toEqual([])
        counts.acknowledged = Math.max(counts.acknowledged, said.acknowledged.length)
      }
    })
  }

  function placeOf(round: number) {
    return { file: join(folder, `${round}/data/audit.db`), keys: join(folder, `${round}/config/keys`) }
  }

  function lifeOf(place: { file: string; keys: string }, round: number, i: number, random: Random): LifeOptions {
    return {
      ...place,
      name: `life-${round}-${i}`,
      words: random.pick(doings),
      threads: random.chance(0.5),
      ...(round % 2 === 0 && { subjectPaths: ['userId'] }),
    }
  }
})

/** `attack`: the kit on a copy of one's own log, for a person and for a program. */
import { truncateSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { AttackReport } from '../../src/attack/kit.ts'
import { makeHome } from './support.ts'

it('plays every move on a copy, says what caught it, and ends with 0', { timeout: 60_000 }, async () => {
  const home = makeHome()
  await home.run(['init'])
  const entry = '{"operation":"remember","component":"memory","memoryId":7,"actor":{"type":"agent","id":"claude"}}\n'
  await home.run(['ingest', '-'], entry.repeat(60))
  const [person, program] = await Promise.all([
    home.run(['attack', '--walks', '3', '--seed', '4']),
    home.json<AttackReport>(['attack', '--walks', '2']),
  ])
  expect(person.stderr).toBe('')
  expect(person.code).toBe(0)
  expect(person.stdout).toContain('on a copy of 61 entries')
  expect(person.stdout).toMatch(/^1 {4}flip one bit in a leaf +hash_mismatch +chained +\d+$/m)
  expect(person.stdout).toContain('What nothing on this machine can catch, and why')
  expect(person.stdout).toMatch(/^3 random walks of \d+ deeds from seed 4: /m)
  expect(person.stdout).toMatch(
    /\nholds: \d+ of \d+ moves were caught, 0 escaped, \d+ cannot be caught .*, 0 false alarms\n$/,
  )
  const [report] = program
  expect(report).toMatchObject({ escaped: 0, falseAlarms: 0, alarms: [] })
  expect(report!.moves.length).toBe(report!.caught + report!.argued)
  for (const move of report!.moves) {
    expect(Object.keys(move).sort()).toEqual([
      'argued',
      'caught',
      'finding',
      'move',
      'on',
      'row',
      'seq',
      'trust',
      'why',
    ])
  }
  expect(await home.verifiedSize()).toBe(61)
})

it('of a log that cannot be judged is refused with 4, in one sentence', async () => {
  const home = makeHome()
  const none = await home.run(['attack'])
  expect([none.code, none.stderr]).toEqual([4, expect.stringMatching(/^memmimic-audit: there is no log at .*\n$/)])
  await home.run(['init'])
  truncateSync(home.file, 4096)
  const cut = await home.run(['attack'])
  expect([cut.code, cut.stdout]).toEqual([4, ''])
  expect(cut.stderr).toMatch(/^memmimic-audit: .*\n$/)
})

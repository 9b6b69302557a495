/** What the log lets go of, keeps and takes, from the command line. */
import { expect, test } from 'vitest'
import { makeHome } from './support.ts'

const lines = (text: string) => text.trimEnd().split('\n')

test('a person is erased, a hold keeps, and the log verifies throughout', async () => {
  const home = makeHome()
  await home.run(['init'])
  const append = (actor: string) =>
    home.json(['append', '--operation', 'remember', '--component', 'memory', '--actor', actor, '--context', '{"a":1}'])
  for (const actor of ['user:ada', 'user:ben', 'user:ada']) await append(actor)

  expect(await home.json(['erase', '--subject', 'ada', '--dry-run'])).toMatchObject([{ dryRun: true, entries: 2 }])
  const [held] = await home.json<{ id: string }>(['hold', 'place', '--name', 'case 7', '--actor', 'user:ada'])
  expect(await home.json(['hold', 'list'])).toMatchObject([
    { id: held!.id, name: 'case 7', filter: { actor: ['user:ada'] } },
  ])
  const kept = await home.run(['erase', '--subject', 'ada'])
  expect([kept.code, kept.stderr]).toEqual([
    1,
    expect.stringContaining('a legal hold keeps 2 entries about this person'),
  ])

  expect((await home.run(['hold', 'release', 'case 7'])).code).toBe(0)
  expect((await home.run(['hold', 'release', 'case 7'])).stderr).toContain('there is no hold case 7')
  expect(await home.json(['erase', '--subject', 'user:ada'])).toMatchObject([{ entries: 2, held: 0 }])
  const shown = await home.json<{ actor: unknown }>(['query', '--operation', 'remember'])
  expect(shown.map(({ actor }) => actor)).toEqual([{ erased: true }, { type: 'user', id: 'ben' }, { erased: true }])
  expect(await home.json(['retention', 'run', '--dry-run'])).toMatchObject([{ dryRun: true, entries: 0, below: 0 }])
  expect(await home.verifiedSize()).toBeGreaterThan(6)
})

test('keys are rotated and listed, and a frozen log takes nothing until it is open again', async () => {
  const home = makeHome()
  await home.run(['init'])
  const before = await home.run(['keys', 'list'])
  expect((await home.run(['keys', 'rotate'])).code).toBe(0)
  const after = await home.run(['keys', 'list'])
  expect(lines(after.stdout).slice(0, 2)).toEqual(lines(before.stdout))
  expect(lines(after.stdout)).toHaveLength(4)
  expect(
    (await home.run(['verify', '--vkey', lines(before.stdout)[0]!, '--vkey', lines(before.stdout)[1]!])).code,
  ).toBe(0)

  expect((await home.run(['freeze', '--reason', 'an incident'])).code).toBe(0)
  const refused = await home.run(['append', '--operation', 'remember', '--component', 'memory'])
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('the log is frozen')])
  expect((await home.run(['unfreeze'])).code).toBe(0)
  expect((await home.run(['append', '--operation', 'remember', '--component', 'memory'])).code).toBe(0)
  expect((await home.run(['verify'])).code).toBe(0)
})

/** Backup and restore from the command line. */
import { copyFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Home, makeHome } from './support.ts'

const append = (home: Home) => home.run(['append', '--operation', 'remember', '--component', 'memory'])

test('a backup is made, put back on record, and the log verifies throughout', async () => {
  const home = makeHome()
  await home.run(['init'])
  await append(home)
  const copy = join(home.folder, 'backup.db')
  const [made] = await home.json<object>(['backup', 'backup.db'])
  expect(made).toMatchObject({ file: copy, size: 2, signed: 2, seq: 2, bytes: statSync(copy).size })
  const twice = await home.run(['backup', 'backup.db'])
  expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining('is there already: nothing was changed')])
  await append(home)
  const anchor = join(home.folder, 'checkpoint')
  copyFileSync(join(home.keys, 'anchor'), anchor)

  const restored = await home.run(['restore', 'backup.db', '--reason', 'a drill'])
  expect([restored.code, restored.stdout]).toEqual([0, ''])
  expect(restored.stderr).toContain('the log is the backup of 2 entries; 2 were given up, as entry 2 says')
  expect(await home.verifiedSize()).toBe(3)
  const complete = await home.run(['verify', '--complete', '--anchor', anchor])
  expect(complete.code).toBe(6)
  expect(complete.stdout).toContain('the entries from 2 to 3 were signed once, and given up')
  expect(complete.stdout).toContain('log.restored at 2')
  const [entry] = await home.json<object>(['show', '2'])
  expect(entry).toMatchObject({ operation: 'log.restored', reason: 'a drill', actor: { type: 'operator' } })
  expect((await append(home)).code).toBe(0)
})

test('what stands in the way of a restore is said in a sentence, with the exit code of its kind', async () => {
  const home = makeHome()
  await home.run(['init'])
  await append(home)
  await home.run(['backup', 'backup.db'])
  const restore = async (...args: string[]) => {
    const { code, stderr } = await home.run(['restore', ...args])
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    return `${code}: ${stderr}`
  }
  expect(await restore('nothing.db')).toContain('1: memmimic-audit: there is no backup at nothing.db')
  expect(await restore(home.file)).toContain('is the log itself')

  const busy = home.start(['tail', '-f'])
  await new Promise(resolve => busy.stdout.once('data', resolve))
  expect(await restore('backup.db')).toMatch(/^75: .*is open elsewhere: end the programs that have it open/)
  busy.kill()
  await new Promise(resolve => busy.once('close', resolve))

  const folder = join(home.file, '..')
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  expect(await restore('backup.db')).toMatch(/^1: .*is gone, so nothing tells what was erased after the backup/)
  const { code, stderr } = await home.run(['restore', 'backup.db', '--even-if-erased'])
  expect([code, stderr]).toEqual([0, expect.stringContaining('is back: erase it again')])
  expect(await home.verifiedSize()).toBe(3)
  expect((await home.run(['backup', 'restored.db', '--json'])).code).toBe(0)
  const open = await home.run(['verify', '--log', 'restored.db', '--anchor', join(home.keys, 'anchor')])
  expect(open.code).toBe(3)
})

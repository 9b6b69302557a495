import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { Pace } from '../../src/append/pace.ts'

const waits = async (pace: Pace, size: number) => {
  const start = performance.now()
  await pace.hold(size)
  return performance.now() - start
}

it('a writer waits until the index is close, and goes on at once when it comes close', async () => {
  const writer = new Pace()
  const index = new Pace(writer.shared)
  index.reached(1000)
  let isHeld = true
  const held = writer.hold(5000).then(() => {
    isHeld = false
  })
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(isHeld).toBe(true)
  index.reached(4500)
  await held
  expect(isHeld).toBe(false)
})

it('nobody waits for an index that has not begun, is being built, or is close', async () => {
  const pace = new Pace()
  expect(await waits(pace, 50_000)).toBeLessThan(100)
  pace.reached(1000)
  expect(await waits(pace, 1_000_000)).toBeLessThan(100)
  expect(await waits(pace, 1500)).toBeLessThan(100)
})

it('nobody waits for long for an index that stands still', async () => {
  const pace = new Pace()
  pace.reached(1000)
  const ms = await waits(pace, 50_000)
  expect(ms).toBeGreaterThan(100)
  expect(ms).toBeLessThan(2000)
})

it('an index that stood still while a commit was held back holds back no other, until it moves', async () => {
  const pace = new Pace()
  pace.reached(1000)
  await pace.hold(50_000)
  expect(await waits(pace, 50_001)).toBeLessThan(100)
  pace.reached(2000)
  expect(await waits(pace, 50_002)).toBeGreaterThan(100)
})

it('a process that has nothing else to do does not end while it waits', async () => {
  const pace = JSON.stringify(new URL('../../src/append/pace.ts', import.meta.url).href)
  const program = `import { Pace } from ${pace}
    const pace = new Pace()
    pace.reached(1000)
    await pace.hold(50_000)
    console.log('went on')`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program])
  expect(stdout).toBe('went on\n')
})

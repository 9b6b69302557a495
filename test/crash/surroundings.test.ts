/**
 * What else goes wrong around a log: the clock is set while it is written, memory or descriptors run out, the disk is really
 * full, a thread dies, a process is told to end in the middle of a burst, is stopped while it holds the lock, or holds up its
 * own event loop. The oracle is the same.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LifeOptions } from '../support/children/life.ts'
import { recordEvidence } from '../support/evidence.ts'
import { heard, judge, type Said } from './oracle.ts'
import { live, type RunOptions, startLife } from './strace.ts'

// On a machine that has much to do, processes take their time.
vi.setConfig({ testTimeout: 180_000 })

let folder: string
let place: { file: string; keys: string }
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-around-'))
  place = { file: join(folder, 'data/audit.db'), keys: join(folder, 'config/keys') }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const counts = {
  clockSteps: 0,
  outOfMemory: 0,
  outOfDescriptors: 0,
  fullDisks: 0,
  deadThreads: 0,
  signals: 0,
  stops: 0,
}
afterAll(() => recordEvidence('crashes-surroundings', counts))

/** Runs a life to its end, holds it against the oracle, and gives what it said. */
async function played(
  life: Pick<LifeOptions, 'words'> & Partial<LifeOptions>,
  options?: RunOptions,
): Promise<Said & { readonly code: number | null; readonly signal: string | null }> {
  const { code, signal, lines } = await live({ ...place, name: 'life', ...life }, options)
  const said = heard(lines)
  expect((await judge(place, said, life.onFailure)).wrong).toEqual([])
  return { ...said, code, signal }
}

describe('the clock is set', () => {
  const steps = {
    'back and forth within an epoch': [-300, 200, -100, 400],
    'back over epochs, and further': [-900, -3600, -86_400, 30],
    'forward over epochs, and back': [901, 5000, -5000, 90_000, -90_001],
    'to 1970, and back, and months ahead': [-1.79e9, 0.9e9, 2e7, -2e7],
  }
  it.for(Object.entries(steps))('%s', async ([, seconds]) => {
    const words = seconds.flatMap(step => [`clock:${step}`, 'each:2', 'checkpoint', `clock:${-step / 2}`, 'append:3'])
    const { acknowledged, refused, failed } = await played({
      words: ['open', ...words, 'clock:-7200', 'close', 'clock:1e4', 'open', 'rotate', 'each:1', 'clock:-2e4', 'close'],
      threads: false,
    })
    expect([acknowledged.length, refused, failed]).toEqual([seconds.length * 5 + 1, [], []])
    counts.clockSteps += 2 * seconds.length + 3
  })
})

describe('memory runs out', () => {
  it.for([false, true])('while values of 12 MB are appended (threads: %s)', async threads => {
    const words = ['each:5', 'checkpoint', ...Array<string>(12).fill('big:12000000&'), 'each:3', 'again:10']
    const { code, signal, acknowledged } = await played({ words, threads }, { node: ['--max-old-space-size=64'] })
    // The runtime ends itself, or a thread of it.
    expect(code === 0 && signal === null && acknowledged.length > 100).toBe(false)
    expect(acknowledged.length).toBeGreaterThanOrEqual(5)
    counts.outOfMemory++
  })
})

describe('descriptors run out', () => {
  it.for([false, true])('while the log is open, and come back (threads: %s)', async threads => {
    const words = ['each:4', 'take-descriptors', 'append:5', 'clock:1000', 'append:3', 'checkpoint', 'rotate', 'query']
    const { acknowledged, failed } = await played(
      { words: [...words, 'erase', 'give-descriptors', 'each:4', 'rotate', 'checkpoint', 'close'], threads },
      { under: ['prlimit', '--nofile=256'] },
    )
    expect(failed.length).toBeGreaterThan(0)
    expect(acknowledged.length).toBeGreaterThanOrEqual(8)
    counts.outOfDescriptors++
  })

  it.for([22, 26, 30, 36])('of %i that there are', async most => {
    await live(
      { ...place, name: 'life', words: ['open', 'each:3', 'checkpoint', 'close'], threads: false },
      { under: ['prlimit', `--nofile=${most}`] },
    ).then(async ({ lines }) => expect((await judge(place, heard(lines))).wrong).toEqual([]))
    counts.outOfDescriptors++
  })
})

describe('the disk is really full', () => {
  let mounted: string | undefined
  beforeAll(() => {
    mounted = mountOfOneMegabyte()
  })
  afterAll(() => {
    if (mounted === undefined) return
    execFileSync('umount', [mounted])
    rmSync(mounted, { recursive: true, force: true })
  })

  it.for(['refuse', 'spill'] as const)('and what is asked of it then is to %s', async (onFailure, context) => {
    if (mounted === undefined) return context.skip('no small file system can be mounted here')
    const data = join(mounted, onFailure)
    place = { file: join(data, 'audit.db'), keys: join(folder, 'config/keys') }
    const words = ['open', 'each:5', ...Array<string>(12).fill('big:200000'), 'append:40', 'each:10', 'checkpoint']
    // What is full stays full while the process lives; then there is room.
    const { lines } = await live({ ...place, name: 'life', words, threads: false, onFailure })
    const said = heard(lines)
    expect(said.refused.length).toBeGreaterThan(0)
    execFileSync('mount', ['-o', 'remount,size=64m', mounted])
    expect((await judge(place, said, onFailure)).wrong).toEqual([])
    rmSync(data, { recursive: true, force: true })
    execFileSync('mount', ['-o', 'remount,size=1m', mounted])
    counts.fullDisks++
  })
})

describe('a thread dies', () => {
  it.for(['writer', 'reader'] as const)('the %s, in the middle of a burst', async which => {
    const words = [
      'each:3',
      'append:400&',
      'append:2',
      'append:400&',
      `stop-thread:${which}`,
      'each:2',
      'query',
      'close',
    ]
    const said = await played({ words: [...words, 'open', 'each:3', 'close'], threads: true })
    // The process opens the log again, and goes on.
    expect(said.acknowledged.length).toBeGreaterThanOrEqual(8)
    if (which === 'writer') expect(said.refused.length).toBeGreaterThan(0)
    counts.deadThreads++
  })
})

describe('a process', () => {
  it.for(['SIGTERM', 'SIGINT'] as const)('is told to end by %s in the middle of a burst', async signal => {
    for (const threads of [false, true]) {
      const words = ['each:2', 'append:3000&', 'each:100', 'again:1000']
      const life = startLife({ ...place, name: `life-${threads}`, words, threads, closeOnExit: true })
      await life.said('ack')
      life.process.kill(signal)
      expect((await life.ended).signal).toBe(signal)
      expect((await judge(place, heard(life.lines))).wrong).toEqual([])
      counts.signals++
    }
  })

  it('is stopped with the lock in its hand, and goes on later, while others write', async () => {
    const words = ['append:40', 'each:5', 'checkpoint', 'again:100000']
    const lives = [0, 1, 2].map(i => startLife({ ...place, name: `life-${i}`, words, threads: i > 0 }))
    await Promise.all(lives.map(life => life.said('ack')))
    for (let i = 0; i < 6; i++) {
      const life = lives[i % 3]!
      life.process.kill('SIGSTOP')
      await new Promise(resolve => setTimeout(resolve, 250))
      life.process.kill('SIGCONT')
      await new Promise(resolve => setTimeout(resolve, 20))
      counts.stops++
    }
    for (const life of lives) life.process.kill('SIGKILL')
    await Promise.all(lives.map(({ ended }) => ended))
    const said = heard(lives.flatMap(({ lines }) => lines))
    expect(said.refused).toEqual([])
    expect((await judge(place, said)).wrong).toEqual([])
  })

  it('that holds up its own event loop holds up nobody else, and loses nothing', async () => {
    const blocked = startLife({
      ...place,
      name: 'blocked',
      words: ['open', 'append:50&', 'block:1500', 'each:3'],
      threads: true,
    })
    await blocked.said('did open')
    const started = performance.now()
    const other = await live({ ...place, name: 'other', words: ['each:20', 'close'], threads: false })
    expect(performance.now() - started).toBeLessThan(10_000)
    await blocked.ended
    const said = heard([...blocked.lines, ...other.lines])
    expect([said.acknowledged.length, said.refused]).toEqual([73, []])
    expect((await judge(place, said)).wrong).toEqual([])
  })
})

/** A small file system of its own, where this process may have one; otherwise says why not. */
function mountOfOneMegabyte(): string | undefined {
  const at = mkdtempSync(join(tmpdir(), 'memmimic-audit-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'memmimic-audit-test', at], { stdio: 'pipe' })
    return at
  } catch (error) {
    console.warn(
      `skipped: the tests with a disk that is full, because none can be mounted: ${(error as Error).message}`,
    )
    rmSync(at, { recursive: true, force: true })
    return undefined
  }
}

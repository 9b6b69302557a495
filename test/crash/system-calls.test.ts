/**
 * A process is killed at one exact system call, or the system refuses that call: a disk that fails once or for good, a disk
 * that is full, a descriptor that is not to be had. Whatever it was, the oracle holds, for what was acknowledged and for
 * what was refused: when the process lives on, and when it dies at the first refusal.
 *
 * After an fsync that failed, Linux may drop what it had not written and say yes the next time. SQLite does not sync again
 * what it gave up: it writes the next transaction over it, and syncs that. Our own files are written anew. So what is
 * acknowledged later does not stand on what was lost; what was refused would stand there at the next start, if the store
 * did not take it back.
 *
 * `MEMMIMIC_LONG=system-calls` steps through every call in place of a sample.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { heard, judge } from './oracle.ts'
import { live, strace } from './strace.ts'

const isLong = process.env.MEMMIMIC_LONG === 'system-calls'
const seed = seedOf('system calls')

const words = [
  ...['open', 'append:3', 'each:2', 'checkpoint', 'clock:1000', 'each:2', 'query', 'rotate', 'append:300', 'erase'],
  ...[
    'append:2',
    'prune',
    'freeze',
    'unfreeze',
    'append:2',
    'close',
    'forget-index',
    'open',
    'query',
    'each:2',
    'close',
  ],
]

interface Case {
  readonly call: string
  /** What strace does to it; from the n-th call on where it ends in `+`. */
  readonly inject: string
  readonly dies?: 'refused'
  /** How many of the calls, in the test command. */
  readonly sample: number
}

const kills: readonly Case[] = Object.entries({
  pwrite64: 7,
  fsync: 6,
  write: 2,
  openat: 3,
  close: 1,
  rename: 3,
  unlink: 2,
  ftruncate: 2,
  mkdir: 1,
  link: 1,
}).map(([call, sample]) => ({ call, inject: 'signal=SIGKILL', sample }))

const errors: readonly Case[] = [
  { call: 'fsync', inject: 'error=EIO', sample: 4 },
  { call: 'fsync', inject: 'error=EIO', dies: 'refused', sample: 6 },
  { call: 'fsync', inject: 'error=EIO +', dies: 'refused', sample: 2 },
  { call: 'fsync', inject: 'error=EINTR', sample: 1 },
  { call: 'pwrite64', inject: 'error=EIO', sample: 3 },
  { call: 'pwrite64', inject: 'error=EIO', dies: 'refused', sample: 3 },
  { call: 'pwrite64', inject: 'error=ENOSPC +', sample: 2 },
  { call: 'pwrite64', inject: 'error=EINTR', sample: 1 },
  { call: 'pread64', inject: 'error=EIO', sample: 2 },
  { call: 'write', inject: 'error=ENOSPC', sample: 2 },
  { call: 'openat', inject: 'error=EMFILE', sample: 3 },
  { call: 'openat', inject: 'error=EMFILE +', sample: 1 },
  { call: 'rename', inject: 'error=EIO', sample: 2 },
  { call: 'ftruncate', inject: 'error=EIO', sample: 1 },
  { call: 'unlink', inject: 'error=EIO', sample: 1 },
]

describe.skipIf(strace === undefined)('at an exact system call', () => {
  const counts = { killedAt: 0, refusedAt: 0 }
  let folder: string
  /** Of each call, which ones of the process have to do with the log, by number. */
  const calls = new Map<string, number[]>()
  let runs = 0

  const placeOf = () => {
    const at = join(folder, `run-${runs++}`)
    return { at, file: join(at, 'data/audit.db'), keys: join(at, 'config/keys') }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-calls-'))
    const { file, keys, at } = placeOf()
    const names = [...new Set([...kills, ...errors].map(({ call }) => call))]
    const trace = join(folder, 'trace')
    const watched = ['-y', '-s', '0', '-o', trace, '-e', `trace=${names.join(',')}`]
    const { lines } = await live({ file, keys, name: 'dry', words, threads: false }, { strace: watched })
    expect(lines.at(-1)).toBe('end')
    const seen = new Map<string, number>()
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      const name = /^\d+ +(\w+)\(/.exec(line)?.[1]
      if (name === undefined) continue
      seen.set(name, (seen.get(name) ?? 0) + 1)
      const isOurs = line.includes(at) || ['rename', 'unlink', 'mkdir', 'link'].includes(name)
      if (isOurs) calls.set(name, [...(calls.get(name) ?? []), seen.get(name)!])
    }
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    recordEvidence('crashes-system-calls', counts)
  })

  const titled = (cases: readonly Case[]) =>
    cases.map(one => ({ ...one, what: `${one.call}: ${one.inject}${one.dies ? ', and dies at the refusal' : ''}` }))

  it.for(titled(kills))('$what', { timeout: 3_600_000 }, async one => {
    for (const n of chosen(one)) {
      const { ended, wrong } = await run(one, n)
      counts.killedAt += ended.signal === 'SIGKILL' ? 1 : 0
      expect(wrong, `seed ${seed}, at the ${n}th ${one.call}`).toEqual([])
    }
  })

  it.for(titled(errors))('$what', { timeout: 3_600_000 }, async one => {
    for (const n of chosen(one)) {
      const { ended, wrong, hits } = await run(one, n)
      counts.refusedAt += hits
      expect(wrong, `seed ${seed}, at the ${n}th ${one.call}: ${ended.stderr}`).toEqual([])
    }
  })

  /** Sampled so that each part of the run has its share. */
  function chosen({ call, sample }: Case): readonly number[] {
    const all = calls.get(call) ?? []
    expect(all.length, `${call} is not called at all`).toBeGreaterThan(0)
    if (isLong || all.length <= sample) return all
    const random = new Random(seed + sample)
    const width = all.length / sample
    return Array.from({ length: sample }, (_, i) => all[Math.floor((i + random.next()) * width)]!)
  }

  async function run({ call, inject, dies }: Case, n: number) {
    const { file, keys, at } = placeOf()
    const [what = '', from = ''] = inject.split(' ')
    const trace = join(folder, 'trace')
    const injected = ['-o', trace, '-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${n}${from}`]
    const life = { file, keys, name: 'life', words, threads: false, ...(dies && { dies }) }
    const ended = await live(life, { strace: injected })
    const { wrong } = await judge({ file, keys }, heard(ended.lines))
    const hits = readFileSync(trace, 'utf8').split('(INJECTED)').length - 1
    rmSync(at, { recursive: true, force: true })
    return { ended, wrong, hits }
  }
})

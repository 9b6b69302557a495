/**
 * Many writers on one log: processes with threads and without, one that signs, one that rotates, erases and prunes now and
 * then, the command line, and readers that check the log all the time. They are killed at random and started again. No fork,
 * no loss of what was acknowledged, no false alarm of anyone who looks meanwhile, and everybody comes to write.
 *
 * `MEMMIMIC_LONG=writers:MINUTES` runs 16 of them for as long.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openReader } from '../../src/trail/reader.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { heard, judge } from './oracle.ts'
import { type Life, startLife } from './strace.ts'

const [long, minutes = '5'] = (process.env.MEMMIMIC_LONG ?? '').split(':')
const isLong = long === 'writers'
const processes = isLong ? 16 : 6
const runMs = isLong ? Number(minutes) * 60_000 : 10_000
const seed = seedOf('many writers')

const cli = join(import.meta.dirname, '../../src/cli/main.ts')
const forever = 'again:1000000'

/** One after the other: what each of them does, for as long as it lives. */
const trades: readonly { readonly threads: boolean; readonly words: readonly string[] }[] = [
  { threads: true, words: ['append:64', 'each:4', forever] },
  { threads: false, words: ['each:3', 'pause:5', forever] },
  { threads: false, words: ['append:2', 'checkpoint', 'pause:20', forever] },
  {
    threads: true,
    words: ['each:20', 'pause:100', 'rotate', 'each:20', 'erase', 'pause:300', 'prune:leaves', 'each:5', forever],
  },
  { threads: true, words: ['append:16', 'big:20000', 'pause:3', forever] },
  { threads: false, words: ['append:30', 'query', forever] },
]

/** What a writer got done, over all of its lives. */
interface Share {
  acknowledged: number
  busy: number
  /** The longest that it went without a word while it lived, in milliseconds. */
  longestWaitMs: number
}

it('many writers, killed and started again, all get their share of one log', { timeout: runMs + 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-writers-'))
  const place = { file: join(folder, 'data/audit.db'), keys: join(folder, 'config/keys') }
  const random = new Random(seed)
  const lines: string[] = []
  const counts = { processes, kills: 0, liveChecks: 0, commandLineEntries: 0 }
  const alarms: string[] = []
  let isOver = false
  /** Those who have written at all. The time runs when all of them have. */
  const haveBegun = new Set<number>()
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  over.then(() => {
    isOver = true
  })

  /** Lives again and again in one place of the row, until all is over. */
  async function write(which: number): Promise<Share> {
    const share: Share = { acknowledged: 0, busy: 0, longestWaitMs: 0 }
    for (let n = 0; !isOver; n++) {
      const life = startLife({ ...place, name: `writer-${which}-${n}`, ...trades[which % trades.length]! })
      const killed = killLater(life, which)
      let last = performance.now()
      let seen = 0
      const look = () => {
        const now = performance.now()
        for (; seen < life.lines.length; seen++) {
          const line = life.lines[seen]!
          if (line.includes(' busy ')) share.busy++
          // What it says of itself in between is progress too; its start is no wait for the lock.
          if (share.acknowledged > 0 && seen > 0) share.longestWaitMs = Math.max(share.longestWaitMs, now - last)
          last = now
          if (line.startsWith('ack')) share.acknowledged++
        }
      }
      life.process.on('lines', look)
      const { signal, stderr } = await life.ended
      await killed
      look()
      expect([signal, stderr], `seed ${seed}, ${which}`).toEqual(['SIGKILL', ''])
      lines.push(...life.lines)
      counts.kills++
    }
    return share
  }

  /** A life is counted from its first receipt on: on a machine that has much to do, a start takes its time. */
  async function killLater({ process, ended, said }: Life, which: number): Promise<void> {
    await Promise.race([said('ack').catch(() => {}), over])
    haveBegun.add(which)
    if (haveBegun.size === processes) setTimeout(end, runMs).unref()
    const lives = 500 + random.next() * (isLong ? 20_000 : 3000)
    await Promise.race([ended, over, new Promise(resolve => setTimeout(resolve, lives))])
    process.kill('SIGKILL')
  }

  async function check(): Promise<void> {
    while (!isOver) {
      await new Promise(resolve => setTimeout(resolve, 200))
      if (!existsSync(place.file)) continue
      try {
        const reader = await openReader(place)
        try {
          const { findings } = await reader.verify({ deep: counts.liveChecks % 3 === 0 })
          alarms.push(...findings.map(({ type, seq, message }) => `a live check finds ${type} at ${seq}: ${message}`))
          counts.liveChecks++
        } finally {
          await reader.close()
        }
      } catch (error) {
        alarms.push(`a check cannot be made: ${(error as Error).message}`)
      }
    }
  }

  async function fromCommandLine(): Promise<void> {
    while (!isOver) {
      const given = ['--log', place.file, '--keys', place.keys, '--json']
      if (!existsSync(place.file)) {
        await new Promise(resolve => setTimeout(resolve, 100))
        continue
      }
      const tag = `cli-${counts.commandLineEntries}`
      const args = counts.commandLineEntries % 2 === 0 ? ['append', '-'] : ['ingest', '-']
      const child = spawn(process.execPath, [cli, ...given, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
      child.stdin.end(`${JSON.stringify({ operation: 'remember', component: 'cli', attributes: { tag } })}\n`)
      let said = ''
      let complaint = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        complaint += text
      })
      const [code] = (await once(child, 'close')) as [number]
      if (code !== 0) alarms.push(`the command line ends with ${code}: ${complaint}`)
      for (const line of said.split('\n').filter(text => text.startsWith('{'))) {
        const { seq, id, entryHash } = JSON.parse(line) as { seq: number; id: string; entryHash: string }
        lines.push(`ack ${seq} ${id} ${entryHash} ${tag}`)
      }
      counts.commandLineEntries++
    }
  }

  try {
    const row = Array.from({ length: processes }, (_, i) => i)
    const [shares] = await Promise.all([Promise.all(row.map(write)), check(), fromCommandLine()])
    const said = heard(lines)
    const { wrong, report } = await judge(place, said)
    const most = Math.max(...shares.map(({ acknowledged }) => acknowledged))
    const least = Math.min(...shares.map(({ acknowledged }) => acknowledged))
    recordEvidence('many-writers', {
      ...counts,
      entries: report?.size ?? 0,
      acknowledged: said.acknowledged.length,
      refused: said.refused.length,
      busy: shares.reduce((sum, { busy }) => sum + busy, 0),
      leastOfOneWriter: least,
      mostOfOneWriter: most,
      longestWaitMs: Math.round(Math.max(...shares.map(({ longestWaitMs }) => longestWaitMs))),
    })
    expect([...wrong, ...alarms].slice(0, 8), `seed ${seed}`).toEqual([])
    for (const [i, { acknowledged, busy }] of shares.entries()) {
      expect(acknowledged, `writer ${i}`).toBeGreaterThan(0)
      // A commit that waits for the lock for more than 10 s is refused.
      expect(busy, `writer ${i}`).toBeLessThan(Math.max(10, acknowledged / 5))
    }
  } finally {
    end()
    rmSync(folder, { recursive: true, force: true })
  }
})

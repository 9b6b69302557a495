/** What it costs to let go: content whose period is over, in one piece and scattered, and all that there is of a person. */
import { randomUUID } from 'node:crypto'
import { parseTime } from '../src/core/time.ts'
import { eraseSubject } from '../src/retention/erasure.ts'
import { runRetention } from '../src/retention/retention.ts'
import { defaultErasureSettings, defaultRetentionSettings, type RetentionRule } from '../src/retention/settings.ts'
import { openParts } from '../src/system.ts'
import { type Bench, type Measured, removeLog } from './bench.ts'
import { type BigLog, copyLog } from './big-log.ts'
import { rareActor } from './entries.ts'
import { digits, timed } from './measure.ts'

const dayMicros = 86_400e6

/** What one letting go took: until it was durable, in how many commits, and until the index had let go too. */
interface LetGo {
  readonly entries: number
  readonly ms: number
  readonly commits: readonly number[]
  readonly indexMs: number
}

/** On a copy of the long log. */
export async function systemRetention(bench: Bench, log: BigLog): Promise<Measured> {
  const { big } = bench.sizes
  const parts = await openParts({ ...copyLog(bench, log, 'kept', 'index'), closeOnExit: false })
  const { quietReader: reader, writer } = parts
  await parts.log.status()
  let commits: number[] = []
  const remove: typeof writer.remove = async request => {
    const started = performance.now()
    const receipt = await writer.remove(request)
    commits.push(performance.now() - started)
    return receipt
  }
  const measure = async (letGo: () => Promise<{ readonly entries: number }>): Promise<LetGo> => {
    commits = []
    let entries = 0
    const ms = await timed(async () => {
      entries = (await letGo()).entries
    })
    const indexMs = await timed(() => reader.catchUp())
    return { entries, ms, commits, indexMs }
  }
  /** As if a day had passed since this entry, and nothing were kept for longer. */
  const prune = async (upTo: number, rules: readonly RetentionRule[]) => {
    const entry = await reader.get(upTo)
    const now = parseTime(entry!.time)! + dayMicros
    const settings = { ...defaultRetentionSettings, days: 1, rules }
    return await measure(() => runRetention({ reader, remove, now: () => now }, settings))
  }
  const others: RetentionRule = {
    name: 'what is not public',
    when: { securityLevel: ['internal', 'confidential', 'secret', 'top_secret'] },
    days: 3650,
  }
  const together = await prune(Math.floor(big / 10), [])
  const scattered = await prune(Math.floor((3 * big) / 10), [others])
  const subject = `service:${rareActor(3)}`
  const erased = await measure(() =>
    eraseSubject({ reader, remove, newId: randomUUID }, { subject }, defaultErasureSettings),
  )
  await parts.log.close()
  removeLog(bench, 'kept')
  bench.say(
    `retention: ${[together, scattered, erased].map(({ ms, entries }) => `${digits((ms / entries) * 1000)} µs`).join(', ')} an entry`,
  )
  const row = (name: string, { entries, ms, commits, indexMs }: LetGo) =>
    `| ${name} | ${digits(entries)} | ${digits(ms / 1000)} | ${digits((ms / entries) * 1000)} | ${commits.length} | ${digits(Math.max(...commits))} | ${digits(indexMs / 1000)} |`
  return {
    figures: {},
    title: 'Letting go',
    text: [
      `On a copy of the long log with its index, one run each, without pauses between the commits: the content of the first tenth; the content of what is public (one entry in seventeen) in the next two tenths; everything about one actor, who does one entry in a thousand anywhere in the log. The time includes finding what is to go, and, for the erasure, emptying the write-ahead log; the longest commit is the longest that an appender may have to wait for.`,
      '',
      '| | entries | seconds | µs an entry | commits | longest, ms | then until the index has caught up, s |',
      '|---|---|---|---|---|---|---|',
      row('retention, whole blocks', together),
      row('retention, scattered', scattered),
      row('erasure of one subject', erased),
    ],
  }
}

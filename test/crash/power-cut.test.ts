/**
 * Row 33 of the threat table: the power goes, at any moment of the life of a log. What had not been synced is lost, or not,
 * or torn, in any combination (`recorded-disk.ts`); what was acknowledged before that moment must be there, and the next
 * start must go on. Where everything is kept, it is a process that was killed at exactly that system call.
 *
 * `MEMMIMIC_LONG=power-cuts` plays every moment with every loss in place of a sample.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LifeOptions } from '../support/children/life.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { heard, judge } from './oracle.ts'
import { anySurvival, Disk, type DiskEvent, Recording, type Survival, survivals, traced } from './recorded-disk.ts'
import { live, strace } from './strace.ts'

/** States that are looked at in the test command, of each life, more or less. */
const sampled = 60
const isLong = process.env.MEMMIMIC_LONG === 'power-cuts'
const seed = seedOf('power cuts')

const lives: readonly (Pick<LifeOptions, 'words'> & Partial<LifeOptions> & { what: string; inject?: string })[] = [
  {
    what: 'a log is made, grows, is signed, asked, rotated, erased from, pruned, frozen and opened again',
    words: [
      ...[
        'open',
        'append:3',
        'checkpoint',
        'clock:1000',
        'each:3',
        'query',
        'rotate',
        'append:300',
        'erase',
        'clock:1000',
      ],
      ...['append:2', 'prune', 'freeze', 'append:1', 'unfreeze', 'append:2', 'forget-index', 'query', 'close'],
      ...['open', 'clock:-5000', 'append:1', 'rotate', 'close'],
    ],
  },
  {
    what: 'a log that is not encrypted, with a key for each subject, loses leaves too',
    encryption: 'none',
    subjectPaths: ['userId'],
    words: [
      'open',
      'each:4',
      'append:600',
      'checkpoint',
      'erase:user-2',
      'prune:leaves',
      'clock:3000',
      'each:3',
      'close',
    ],
  },
  {
    what: 'the write-ahead log goes into the file again and again',
    words: ['open', ...Array(6).fill(['big:900000', 'append:40', 'checkpoint', 'clock:400']).flat(), 'close'],
  },
  {
    what: 'the log cannot be written for a while, and entries wait in the journal',
    onFailure: 'spill',
    words: ['open', 'each:4', 'append:20', 'each:8', 'append:3', 'each:20', 'checkpoint', 'each:20', 'close'],
    inject: 'pwrite64:error=ENOSPC:when=100..135',
  },
]

describe.skipIf(strace === undefined)('a power cut', () => {
  const counts = { moments: 0, powerCuts: 0, killsAtExactCalls: 0 }
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-power-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  afterAll(() => recordEvidence('crashes-power-cut', counts))

  it.for(lives)('while $what, loses nothing that was acknowledged', { timeout: 3_600_000 }, async life => {
    const events = await record(life)
    const random = new Random(seed)
    const disk = new Disk()
    const lines: string[] = []
    const wrong: string[] = []
    const cut = async (moment: number, how: string, survival: Survival) => {
      const at = join(folder, 'cut')
      rmSync(at, { recursive: true, force: true })
      disk.writeTo(at, survival)
      const place = { file: join(at, 'data/audit.db'), keys: join(at, 'config/keys') }
      const verdict = await judge(place, heard(lines), life.onFailure)
      const after = `seed ${seed}, event ${moment}, kept: ${how}, after "${lines.at(-1)?.slice(0, 60)}"`
      for (const sentence of verdict.wrong.slice(0, 3)) wrong.push(`${after}: ${sentence}`)
      counts[how === 'all' ? 'killsAtExactCalls' : 'powerCuts']++
    }
    const isTold = (event: DiskEvent) => event.kind === 'sync' || event.kind === 'said'
    // What can be lost is most just before a sync; what was said just now must not be among it.
    const told = events.filter(isTold).length
    for (const [moment, event] of events.entries()) {
      if (isTold(event) && disk.pending > 0) {
        counts.moments++
        const loss = anySurvival(random)
        for (const [how, survival] of Object.entries<Survival>({ ...survivals, any: loss, other: loss })) {
          if (isLong || random.chance((event.kind === 'sync' ? 2 : 0.4) * (sampled / told / 8)))
            await cut(moment, how, survival)
        }
      } else if (isLong || random.chance(sampled / 4 / events.length)) await cut(moment, 'all', survivals.all)
      disk.take(event)
      if (event.kind === 'said') lines.push(event.line)
    }
    expect(lines.at(-1)).toBe('end')
    expect(wrong.slice(0, 10), `${wrong.length} in all`).toEqual([])
  })

  async function record({ what: _, inject, ...life }: (typeof lives)[number]): Promise<readonly DiskEvent[]> {
    const run = join(folder, 'run')
    const trace = join(folder, 'trace')
    mkdirSync(run)
    const place = { file: join(run, 'data/audit.db'), keys: join(run, 'config/keys') }
    const injected = inject === undefined ? [] : ['-e', `inject=${inject}`]
    const end = await live({ ...place, name: 'life', ...life }, { strace: ['-o', trace, ...traced, ...injected] })
    expect(end.stderr).toBe('')
    expect(end.lines.filter(line => line.startsWith('failed') && !line.includes('the disk is full'))).toEqual([])
    if (inject !== undefined) expect(end.lines.filter(line => / -1 /.test(line)).length).toBeGreaterThan(3)
    return new Recording(run, readFileSync(trace, 'latin1')).events
  }
})

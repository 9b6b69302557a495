/**
 * Three quarters of a minute of the soak. `MEMMIMIC_LONG=soak` runs ten minutes of it; an hour is
 * `npm run soak -- --minutes 60 --page`. The seed is printed; `MEMMIMIC_SEED` runs it again.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { SoakSummary } from '../soak/soak.ts'
import { recordEvidence } from './support/evidence.ts'
import { seedOf } from './support/random.ts'

const minutes = process.env.MEMMIMIC_LONG === 'soak' ? 10 : 0.75

it(
  'everything at once, with kills and restarts: no entry is lost, no proof fails, nothing is found, nothing grows',
  async () => {
    const args = ['--minutes', String(minutes), '--seed', String(seedOf('soak')), '--json']
    const run = spawn(process.execPath, [join(import.meta.dirname, '../soak/main.ts'), ...args])
    let said = ''
    let told = ''
    run.stdout.on('data', text => {
      said += String(text)
    })
    run.stderr.on('data', text => {
      told += String(text)
    })
    const [code] = await once(run, 'close')
    expect(said, told).not.toBe('')
    const { broken, done, entries, acknowledged, trends } = JSON.parse(said) as SoakSummary
    expect(broken, told).toEqual([])
    expect(code).toBe(0)
    for (const what of ['appends', 'calls', 'questions', 'verifications', 'consistency proofs', 'kills']) {
      expect(done[what], what).toBeGreaterThan(0)
    }
    const { rssMb, descriptors } = trends
    recordEvidence('soak', {
      minutes,
      entries,
      acknowledged,
      proofs: (done['consistency proofs'] ?? 0) + (done['inclusion proofs'] ?? 0),
      verifications: done.verifications ?? 0,
      kills: done.kills ?? 0,
      restarts: (done.restarts ?? 0) + (done.restores ?? 0),
      memory: `${rssMb!.second} to ${rssMb!.last} MB`,
      descriptors: `${descriptors!.second} to ${descriptors!.last}`,
      broken: broken.length,
    })
  },
  (minutes + 2) * 60_000,
)

/**
 * The soak: `npm run soak -- [--minutes 1] [--seed N] [--json] [--page]`.
 *
 * Runs everything together for as long as asked, says every few seconds how it goes, and ends with one summary. Exit 0 only
 * if no invariant was broken. `--page` writes `docs/soak.md`; the page in the repository is of a run of an hour.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Sample } from './gauges.ts'
import { formatPage } from './page.ts'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    json: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const seed = Number(values.seed)
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('soak: --minutes is a number above 0, --seed a whole number\n')
  process.exit(2)
}
const say = (text: string) => process.stderr.write(`${text}\n`)
say(`soak: ${minutes} minutes, --seed ${seed}`)
const samples: Sample[] = []
let told = 0
const summary = await soak({
  minutes,
  seed,
  onSample(sample, { broken }) {
    samples.push(sample)
    const { at, entries, rssMb, descriptors, logMb, appendP50, queryP50 } = sample
    const files = `${rssMb} MB, ${descriptors} descriptors, log ${logMb} MB`
    for (; told < broken.length; told++) say(`broken: ${broken[told]}`)
    say(`${at} s: ${entries} entries, append ${appendP50} ms, query ${queryP50} ms, ${files}, broken: ${broken.length}`)
  },
})
if (values.page) writeFileSync(join(import.meta.dirname, '../docs/soak.md'), formatPage(summary, samples))
if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
else process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`)
process.exit(summary.broken.length === 0 ? 0 : 1)

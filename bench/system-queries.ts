/** What is new in questions: how many, which, when, and words, with the texts in the index and without. */
import type { EntryFilter } from '../src/core/filter.ts'
import { type OpenedParts, openParts } from '../src/system.ts'
import { type Bench, type Measured, removeLog } from './bench.ts'
import { type BigLog, copyLog } from './big-log.ts'
import { entryAt } from './entries.ts'
import { digits, percentile, seededRandom, timed } from './measure.ts'

/** Entries of a search: as many as one looks at first. */
const page = 10
/** Questions that go over a sample take a tenth of a second and more: so many of them are enough. */
const surveys = 40
/** Searches without the texts in the index, where one of them takes seconds. */
const slowSearches = 5

export async function systemQueries(bench: Bench, log: BigLog): Promise<Measured> {
  const { big, queries: count } = bench.sizes
  const random = seededRandom(31)
  const anyEntry = () => entryAt(Math.floor(random() * big))
  const common = (): EntryFilter => ({ operation: oneOf(random, ['tools/call', 'recall', 'remember', 'search']) })
  const twoFields = (): EntryFilter => ({ ...common(), component: anyEntry().component })
  const fields = ['operation', 'component', 'outcome'] as const

  const textless = copyLog(bench, log, 'textless')
  const withTexts = await openParts({ file: log.file, keys: log.keys, closeOnExit: false })
  await withTexts.log.status()
  const { quietReader: reader } = withTexts
  const questions: readonly (readonly [name: string, ask: () => Promise<unknown>, count: number])[] = [
    ['count of a common operation', () => reader.count(common()), count],
    ['… exactly, however many', () => reader.count(common(), { exact: true }), count],
    ['count of an operation of a component', () => reader.count(twoFields()), count],
    ['… exactly, however many', () => reader.count(twoFields(), { exact: true }), count],
    ['facets of three fields, the whole log', () => reader.facets({}, { fields }), surveys],
    ['facets of three fields, a common operation', () => reader.facets(common(), { fields }), surveys],
    ['histogram of at most 50 buckets, the whole log', () => reader.histogram({}, { buckets: 50 }), surveys],
    ['histogram of at most 50 buckets, a common operation', () => reader.histogram(common(), { buckets: 50 }), surveys],
  ]
  const rows: string[] = []
  for (const [name, ask, times] of questions) {
    const took: number[] = []
    for (let i = 0; i < times; i++) took.push(await timed(ask))
    rows.push(`| ${name} | ${times} | ${stats(took)} |`)
    bench.say(`${name}: p95 ${digits(percentile(took, 0.95))} ms`)
  }

  const withoutTexts = await openParts({ ...textless, index: { text: false }, closeOnExit: false, onNotice: () => {} })
  const buildMs = await timed(() => withoutTexts.log.status())
  const searches: readonly (readonly [name: string, words: () => string, on: number, off: number])[] = [
    ['a common word', () => oneOf(random, ['desktop', 'deploy', 'review']), count, count],
    ['two words, both in one entry of 160', () => 'postgres-mcp confidential', count, slowSearches],
    ['a word of one entry in 8 192', () => requestId(anyEntry().operationResult), count, slowSearches],
    ['a word that is nowhere', () => `zz${Math.floor(random() * 1e9).toString(36)}zz`, 20, 1],
  ]
  const found: string[] = []
  for (const [name, words, on, off] of searches) {
    found.push(`| ${name} | with | ${await search(withTexts, words, on)} |`)
    found.push(`| | without | ${await search(withoutTexts, words, off)} |`)
    bench.say(`searches for ${name}: done`)
  }
  await withTexts.log.close()
  await withoutTexts.log.close()
  removeLog(bench, 'textless')
  return {
    figures: {},
    title: `Counts, facets, histograms and words, ${digits(big)} entries`,
    text: [
      'To the reader of an open log with its threads, nothing remembered from one answer to the next; the filters change from question to question. Counts are exact to 10 000 and estimates beyond, facets and histograms of so many entries are estimates of a sample, and say so. Milliseconds:',
      '',
      '| | questions | p50 | p95 | max |',
      '|---|---|---|---|---|',
      ...rows,
      '',
      `\`query({ text })\` for the newest ${page}, as whole entries, with the texts in the index and over a copy of the log whose index is without them (built in ${digits(buildMs / 1000)} s). Milliseconds:`,
      '',
      '| | texts in the index | questions | found, mean | p50 | p95 | max |',
      '|---|---|---|---|---|---|---|',
      ...found,
    ],
  }
}

async function search({ quietReader }: OpenedParts, words: () => string, count: number): Promise<string> {
  const times: number[] = []
  let entries = 0
  for (let i = 0; i < count; i++) {
    const text = words()
    times.push(
      await timed(async () => {
        entries += (await quietReader.query({ text }, { limit: page, order: 'desc' })).length
      }),
    )
  }
  return `${count} | ${digits(entries / count)} | ${stats(times)}`
}

function requestId(result: unknown): string {
  return (result as { requestId: string }).requestId
}

function oneOf<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!
}

function stats(values: readonly number[]): string {
  return [0.5, 0.95, 1].map(p => digits(percentile(values, p))).join(' | ')
}

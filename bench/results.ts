/** What a run found, kept as data: so that one part can be measured again, and the page made anew, without the others. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Measured } from './bench.ts'
import { drawChart } from './chart.ts'
import type { Machine } from './machine.ts'
import { formatPage } from './page.ts'

export interface PartResult {
  /** When it was measured. */
  readonly day: string
  readonly minutes: number
  /** What it found, or why it found nothing. */
  readonly measured: Measured | { readonly failure: string }
}

export interface Results {
  readonly machine: Machine
  readonly entryBytes: { readonly median: number; readonly compressed: number }
  /** Entries of the long log. */
  readonly big: number
  readonly parts: Readonly<Record<string, PartResult>>
}

/** Where results, page and charts lie. */
export interface Places {
  readonly results: string
  readonly page: string
  readonly charts: string
}

/** In the repository, or all of them in another folder. */
export function placesIn(root: string, other: string | undefined): Places {
  return other === undefined
    ? {
        results: join(root, 'bench/results.json'),
        page: join(root, 'docs/benchmarks.md'),
        charts: join(root, 'docs/charts'),
      }
    : { results: join(other, 'results.json'), page: join(other, 'benchmarks.md'), charts: join(other, 'charts') }
}

export function loadResults({ results }: Places): Results | undefined {
  return existsSync(results) ? (JSON.parse(readFileSync(results, 'utf8')) as Results) : undefined
}

export function saveResults({ results }: Places, found: Results): void {
  mkdirSync(dirname(results), { recursive: true })
  writeFileSync(results, `${JSON.stringify(found, undefined, 1)}\n`)
}

/** Whether two machines can stand on one page: everything but the time of a sync is the same. */
export function isSameMachine(a: Machine, b: Machine): boolean {
  const lasting = ({ rows }: Machine) => rows.filter(([name]) => !name.startsWith('fsync'))
  return isDeepStrictEqual(lasting(a), lasting(b))
}

/** The page, and its charts; charts that there are no more go. */
export function writePage({ page, charts }: Places, results: Results): void {
  rmSync(charts, { recursive: true, force: true })
  mkdirSync(charts, { recursive: true })
  for (const { measured } of Object.values(results.parts)) {
    if ('failure' in measured) continue
    for (const chart of measured.charts ?? []) writeFileSync(join(charts, `${chart.name}.svg`), drawChart(chart))
  }
  writeFileSync(page, formatPage(results))
}

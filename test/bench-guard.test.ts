/**
 * The benchmark guards what it measured: costs as ratios, held against `bench/baseline.json`; and its page and charts are
 * whole, made here from a run of seconds. `npm run bench -- --guard` does the first by itself.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Chart, drawChart } from '../bench/chart.ts'
import { judge, loadBaseline, type RatioName, type Ratios, ratioNames } from '../bench/guard.ts'
import { formatPage } from '../bench/page.ts'
import type { Results } from '../bench/results.ts'
import { recordEvidence } from './support/evidence.ts'

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'memmimic-bench-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function bench(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [join(root, 'bench/main.ts'), ...args],
      { maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
      },
    )
  })
}

describe('the guard', () => {
  const baseline = loadBaseline()
  const names = Object.keys(ratioNames) as RatioName[]
  const usual = Object.fromEntries(names.map(name => [name, baseline[name].ratio])) as Record<RatioName, number>

  it('has a ratio and a tolerance for each cost, and no tolerance lets a cost double', () => {
    expect(Object.keys(baseline).sort()).toEqual([...names].sort())
    for (const { ratio, tolerance } of Object.values(baseline)) {
      expect(ratio).toBeGreaterThan(0)
      expect(tolerance).toBeGreaterThan(1)
      expect(tolerance).toBeLessThan(2)
    }
  })

  it('says nothing of what is as it was, and names what has doubled, what it was, and what it is', () => {
    expect(judge(baseline, usual)).toEqual([])
    for (const name of names) {
      const doubled = 2 * usual[name]
      const [said = '', ...others] = judge(baseline, { ...usual, [name]: doubled })
      expect(others).toEqual([])
      expect(said).toContain(ratioNames[name])
      expect(said).toMatch(/: it was [\d.]+ ×, is [\d.]+ ×, and at most [\d.]+ × is let pass$/)
    }
  })

  it('finds no cost grown, measured now by processor time and bytes, while other tests run', async () => {
    const { code, stdout, stderr } = await bench('--guard', '--busy', '--json')
    expect(code, stderr).toBe(0)
    const ratios = JSON.parse(stdout) as Ratios
    const facts = names.map((name): [string, number] => [name, Number(ratios[name].toPrecision(3))])
    recordEvidence('benchmark-guard', { ratios: names.length, ...Object.fromEntries(facts) })
  }, 300_000)
})

/** Parts that have charts, and one that has none. */
const parts = ['group', 'race', 'verify', 'disk', 'growth']

describe('a chart', () => {
  it('is whole with one line or ten, one value or many, names that are not letters, and values far apart', () => {
    for (const lines of [1, 10]) {
      for (const ticks of [[1000], [1, 16, 256, 4096]]) {
        const chart: Chart = {
          kind: 'lines',
          name: 'odd',
          title: 'What & <why>, "in a long title that does not fit into one line of a chart of this width at all"',
          description: 'A description, which stands under the title & is told to those who do not see the chart.',
          x: { label: 'entries < 10', ticks },
          y: { label: 'µs & more' },
          lines: Array.from({ length: lines }, (_, style) => ({
            name: `line <${style}>`,
            style,
            points: ticks.map((x, i): [number, number] => [x, 10 ** (style - 3) * (i + 1)]),
          })),
        }
        checkChart(drawChart(chart), `${lines} lines, ${ticks.length} ticks`)
      }
    }
    const bars = [0, 0.001, 12, 4_000_000].map((value, style) => ({ name: `bar ${style} & <b>`, style, value }))
    const description = 'Bars of very different lengths, one of them of none at all.'
    const mark = { name: 'JSON', value: 17 }
    checkChart(
      drawChart({
        kind: 'bars',
        name: 'odd',
        title: 'Some bars and a mark',
        description,
        x: { label: 'MB' },
        bars,
        mark,
      }),
      'bars',
    )
  })
})

describe('the page', () => {
  const page = () => readFileSync(join(scratch, 'benchmarks.md'), 'utf8')
  const saved = () => JSON.parse(readFileSync(join(scratch, 'results.json'), 'utf8')) as Results

  it('is made of a run of seconds, with every goal, whole tables and whole charts', async () => {
    const { code, stderr } = await bench('--tiny', '--out', scratch, ...parts.flatMap(part => ['--only', part]))
    expect(code, stderr).toBe(0)
    expect(Object.keys(saved().parts)).toEqual(parts)
    const text = page()
    const goals = text
      .split('## Goals')[1]!
      .split(/^##/m)[0]!
      .match(/^\| .* \| [≤≥] .*$/gm)!
    expect(goals.length).toBeGreaterThanOrEqual(28)
    for (const goal of goals) expect(goal).toMatch(/\| (met|\*\*missed\*\*|not measured \| \|) \|$/)
    expect(tablesOf(text)).toBeGreaterThan(10)
    expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/)

    const charts = readdirSync(join(scratch, 'charts')).sort()
    const shown = [...text.matchAll(/!\[[^\]]+\]\(charts\/([^)]+)\)/g)].map(([, name]) => name)
    expect(shown.sort()).toEqual(charts)
    expect(charts).toEqual(
      expect.arrayContaining([
        'append-size.svg',
        'append-throughput-encrypted.svg',
        'disk.svg',
        'growth.svg',
        'verification.svg',
      ]),
    )
    for (const chart of charts) checkChart(readFileSync(join(scratch, 'charts', chart), 'utf8'), chart)
    recordEvidence('benchmark-page', { goals: goals.length, tables: tablesOf(text), charts: charts.length })
  }, 300_000)

  it('is made anew without measuring, and says of a part that failed why, and everything else as before', async () => {
    const results = saved()
    const group = { ...results.parts.group!, measured: { failure: 'the disk is full' } }
    writeFileSync(join(scratch, 'results.json'), JSON.stringify({ ...results, parts: { ...results.parts, group } }))
    const before = page()
    const { code, stderr } = await bench('--page-only', '--out', scratch)
    expect(code, stderr).toBe(0)
    expect(page()).toContain('## group\n\nNot measured: the disk is full.')
    expect(page()).toContain('| not measured | | |')
    const heading = '\n## Full verification\n'
    expect(page().split(heading)[1]).toBe(before.split(heading)[1])
  })

  it.skipIf(!existsSync(join(root, 'bench/results.json')))('in docs/ is what the last full run found', () => {
    const results = JSON.parse(readFileSync(join(root, 'bench/results.json'), 'utf8')) as Results
    expect(readFileSync(join(root, 'docs/benchmarks.md'), 'utf8')).toBe(formatPage(results))
  })
})

/** How many tables there are; each row has as many cells as the heading. */
function tablesOf(text: string): number {
  const tables = [...text.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) => table.trimEnd().split('\n'))
  for (const rows of tables) {
    const cells = rows.map(row => row.split('|').length)
    expect(new Set(cells).size, rows.join('\n')).toBe(1)
    expect(rows.length, rows[0]).toBeGreaterThan(2)
  }
  return tables.length
}

/** Well-formed, self-contained, told in words too, for light and for dark ground, and everything in it has a place. */
function checkChart(svg: string, name: string): void {
  const open: string[] = []
  for (const [tag, end, element, attributes, alone] of svg.matchAll(
    /<(\/)?([a-z]+)((?:\s[\w:-]+="[^"<]*")*)\s*(\/)?>/g,
  )) {
    if (end) expect(open.pop(), `${name}: ${tag}`).toBe(element)
    else if (!alone) open.push(element!)
    expect(attributes, `${name}: ${tag}`).not.toMatch(/NaN|undefined|Infinity/)
  }
  expect(open, name).toEqual([])
  const text = svg.replaceAll(/<[^<>]+>/g, '')
  expect(text, name).not.toMatch(/[<>]|&(?!amp;|lt;|gt;|quot;)/)
  expect(svg).toMatch(
    /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"[^>]* role="img" aria-labelledby="title description">/,
  )
  expect(svg).toMatch(/<title id="title">[^<]{10,}<\/title>\n<desc id="description">[^<]{40,}<\/desc>/)
  expect(svg).toContain('prefers-color-scheme:dark')
  expect(svg.match(/https?:|url\(|href|<script/g), `${name} refers to nothing outside`).toEqual(['http:'])
  expect(svg.match(/class="label/g)!.length, `${name} names its axes`).toBeGreaterThanOrEqual(1)
  expect(svg.match(/class="(?:point|bar)/g), `${name} shows something`).not.toBeNull()
}

/** Runs each test once as it is, and then once more against each mutant that it comes by. */
import { appendFileSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join, relative } from 'node:path'
import fc from 'fast-check'
import type { RunnerTestCase, RunnerTestSuite } from 'vitest'
import { TestRunner } from 'vitest'
import { type Line, linesOf, type Plan, root } from './files.ts'
import { idsPerFile } from './instrument.ts'

const folder = process.env.MUTATION_FOLDER!
const plan: Plan = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'))
const results = join(folder, 'results.jsonl')
const now = openSync(join(folder, `now-${process.pid}`), 'w')

// A run can be repeated, and what fails need not be made small.
fc.configureGlobal({ seed: 1, endOnFailure: true })

const only = new Set(plan.only)
const isFirst = only.size === 0
const wanted = new Set(plan.ids)
const hits = new Uint8Array(idsPerFile * 100)
let isRecording = plan.active === undefined
let active = plan.active ?? 0
let calls = 0
let limit = plan.active === undefined ? Number.POSITIVE_INFINITY : 3e8

class TooLong extends Error {}

Object.assign(globalThis, {
  mutation(id: number): boolean {
    calls++
    if (isRecording) hits[id] = 1
    else if (calls > limit) throw new TooLong('this mutant does not come to an end')
    return id === active
  },
})

function takeHits(): number[] {
  const ids: number[] = []
  for (let id = hits.indexOf(1); id >= 0; id = hits.indexOf(1, id + 1)) ids.push(id)
  hits.fill(0)
  return ids
}

function tell(line: Line): void {
  appendFileSync(results, `${JSON.stringify(line)}\n`)
}

const settled = new Set<number>()
let read = 0
/** Takes in what other processes have settled meanwhile. */
function refresh(): void {
  const { size } = statSync(results)
  if (size === read) return
  read = size
  for (const line of linesOf(results)) if (line.kind === 'killed' || line.kind === 'timeout') settled.add(line.id)
}

function mark(id: number, ms: number): void {
  writeSync(now, JSON.stringify({ id, until: Date.now() + ms }).padEnd(80), 0)
}

/** Any odd number with its bits spread: what it is multiplied with, comes out of order. */
const mixing = 0x9e3779b1

type Hook = (...args: unknown[]) => unknown

export default class MutationRunner extends TestRunner {
  #isSpoiled = false

  async runTask(test: RunnerTestCase): Promise<void> {
    if (plan.active !== undefined) {
      await TestRunner.getTestFn(test)()
      return
    }
    const file = relative(root, test.file.filepath)
    const outside = takeHits().filter(id => wanted.has(id))
    if (isFirst && outside.length > 0) tell({ kind: 'outside', file, ids: outside })
    calls = 0
    const started = performance.now()
    await TestRunner.getTestFn(test)()
    const ms = performance.now() - started
    const usual = calls
    const ids = takeHits().filter(id => wanted.has(id))
    if (isFirst) tell({ kind: 'test', file, test: test.id, ms, ids })
    if (this.#isSpoiled || !only.has(test.id)) return
    refresh()
    // In no order of places, so that a few that live side by side do not stand for all.
    const left = ids.filter(id => !settled.has(id)).sort((a, b) => Math.imul(a, mixing) - Math.imul(b, mixing))
    await this.#against(test, { file, left, ms, usual })
  }

  /** @param usual how often the test asks which mutant holds */
  async #against(
    test: RunnerTestCase,
    { file, left, ms, usual }: { file: string; left: readonly number[]; ms: number; usual: number },
  ): Promise<void> {
    isRecording = false
    limit = Number.POSITIVE_INFINITY
    await this.#after(test)
    try {
      if ((await this.#passes(test, 60_000)) !== true) {
        tell({ kind: 'again', file, ids: left })
        tell({ kind: 'done', test: test.id })
        return
      }
      let patience = plan.patience ?? Number.POSITIVE_INFINITY
      for (const [i, id] of left.entries()) {
        if (i % 16 === 0) refresh()
        if (settled.has(id)) continue
        if (patience === 0) return
        const most = 2000 + ms * 10
        mark(id, 2 * most)
        active = id
        calls = 0
        limit = usual * 20 + 100_000
        const passes = await this.#passes(test, most)
        active = 0
        limit = Number.POSITIVE_INFINITY
        if (passes === true) {
          patience--
          continue
        }
        patience = plan.patience ?? patience
        mark(0, 60_000)
        if ((await this.#passes(test, 60_000)) !== true) {
          this.#isSpoiled = true
          tell({ kind: 'again', file, ids: [id] })
          settled.add(id)
          return
        }
        settled.add(id)
        tell({ kind: passes === 'late' ? 'timeout' : 'killed', id, by: `${file}: ${test.name}` })
      }
      tell({ kind: 'done', test: test.id })
    } finally {
      mark(0, 600_000)
      await this.#before(test)
      isRecording = true
      hits.fill(0)
    }
  }

  async #passes(test: RunnerTestCase, most: number): Promise<true | 'fails' | 'late'> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>(resolve => {
      timer = setTimeout(() => resolve('late'), most)
    })
    try {
      return await Promise.race([this.#once(test), late])
    } catch {
      return calls > limit ? 'late' : 'fails'
    } finally {
      clearTimeout(timer)
    }
  }

  async #once(test: RunnerTestCase): Promise<true> {
    try {
      await this.#before(test)
      await TestRunner.getTestFn(test)()
    } finally {
      await this.#after(test)
    }
    return true
  }

  async #before(test: RunnerTestCase): Promise<void> {
    for (const suite of suitesOf(test)) {
      for (const hook of TestRunner.getSuiteHooks(suite).beforeEach) await (hook as Hook)(test.context, suite)
    }
  }

  async #after(test: RunnerTestCase): Promise<void> {
    for (const suite of suitesOf(test).reverse()) {
      for (const hook of TestRunner.getSuiteHooks(suite).afterEach) await (hook as Hook)(test.context, suite)
    }
    for (const done of ((test as { onFinished?: Hook[] }).onFinished ?? []).splice(0).reverse())
      await done(test.context)
    test.promises?.splice(0)
  }
}

/** The suites around a test, from the outermost inwards. */
function suitesOf(test: RunnerTestCase): RunnerTestSuite[] {
  const suites: RunnerTestSuite[] = []
  for (let suite = test.suite; suite !== undefined; suite = suite.suite) suites.unshift(suite)
  return suites.includes(test.file) ? suites : [test.file, ...suites]
}

/** Runs each test once as it is, and then each mutant against the tests that come by it. */
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
  for (const line of linesOf(results)) {
    if (line.kind === 'killed' || line.kind === 'timeout') settled.add(line.id)
    if (line.kind === 'again') for (const id of line.ids) settled.add(id)
  }
}

function mark(id: number, ms: number): void {
  writeSync(now, JSON.stringify({ id, until: Date.now() + ms }).padEnd(80), 0)
}

/** Any odd number with its bits spread: what it is multiplied with, comes out of order. */
const mixing = 0x9e3779b1

type Hook = (...args: unknown[]) => unknown

/** A test that can be run again and again, and what is known of it. */
interface Candidate {
  readonly test: RunnerTestCase
  readonly ids: ReadonlySet<number>
  /** Milliseconds, as it is. */
  readonly ms: number
  /** How often it asks which mutant holds. */
  readonly usual: number
  kills: number
  runs: number
}

/** What a test is worth: mutants that it kills, in a millisecond. */
const worth = ({ kills, runs, ms }: Candidate) => (kills + 0.5) / (runs + 5) / (ms + 0.1)

export default class MutationRunner extends TestRunner {
  #candidates: Candidate[] = []

  async runTask(test: RunnerTestCase): Promise<void> {
    if (plan.active !== undefined) {
      await TestRunner.getTestFn(test)()
      return
    }
    const file = fileOf(test)
    const outside = takeHits().filter(id => wanted.has(id))
    if (isFirst && outside.length > 0) tell({ kind: 'outside', file, ids: outside })
    calls = 0
    const started = performance.now()
    await TestRunner.getTestFn(test)()
    const ms = performance.now() - started
    const usual = calls
    const ids = takeHits().filter(id => wanted.has(id))
    if (isFirst) tell({ kind: 'test', file, test: test.id, ms, ids })
    if (!only.has(test.id)) return
    const candidate = { test, ids: new Set(ids), ms, usual, kills: 0, runs: 0 }
    const hasSetup = suitesOf(test).some(suite => TestRunner.getSuiteHooks(suite).beforeAll.length > 0)
    // What was set up for some tests is gone after the last of them.
    if (hasSetup) await this.#play([candidate], file, test)
    else this.#candidates.push(candidate)
  }

  override async onAfterRunSuite(suite: RunnerTestSuite): Promise<void> {
    await super.onAfterRunSuite(suite)
    if (!('filepath' in suite) || this.#candidates.length === 0) return
    const candidates = this.#candidates.splice(0)
    await this.#play(candidates, fileOf(candidates[0]!.test), undefined)
  }

  /** Each mutant against the tests that come by it, those first that have killed most in their time. */
  async #play(all: readonly Candidate[], file: string, within: RunnerTestCase | undefined): Promise<void> {
    refresh()
    isRecording = false
    limit = Number.POSITIVE_INFINITY
    if (within !== undefined) await this.#after(within)
    try {
      const candidates: Candidate[] = []
      const aside: number[] = []
      for (const candidate of all) {
        if ((await this.#passes(candidate.test, 60_000)) === true) candidates.push(candidate)
        else aside.push(...candidate.ids)
      }
      // In no order of places, so that what is learned of the tests is of use for any.
      const left = [...new Set(candidates.flatMap(({ ids }) => [...ids]))]
        .filter(id => !settled.has(id))
        .sort((a, b) => Math.imul(a, mixing) - Math.imul(b, mixing))
      for (const [i, id] of left.entries()) {
        if (i % 16 === 0) refresh()
        if (settled.has(id)) continue
        let effort = 0
        for (const candidate of candidates.filter(({ ids }) => ids.has(id)).sort((a, b) => worth(b) - worth(a))) {
          if (effort > plan.effort!) break
          effort += candidate.ms
          const passes = await this.#against(candidate, id)
          candidate.runs++
          if (passes === true) continue
          if ((await this.#passes(candidate.test, 60_000)) !== true) {
            // The next process goes on without it.
            tell({ kind: 'again', file, ids: [id] })
            return
          }
          candidate.kills++
          settled.add(id)
          tell({ kind: passes === 'late' ? 'timeout' : 'killed', id, by: `${file}: ${candidate.test.name}` })
          break
        }
      }
      for (const { test } of all) tell({ kind: 'done', test: test.id })
      const open = [...new Set(aside)].filter(id => !settled.has(id))
      if (open.length > 0) tell({ kind: 'again', file, ids: open })
    } finally {
      mark(0, 600_000)
      if (within !== undefined) await this.#before(within)
      isRecording = true
      hits.fill(0)
    }
  }

  async #against({ test, ms, usual }: Candidate, id: number): Promise<true | 'fails' | 'late'> {
    const most = 2000 + ms * 10
    mark(id, 2 * most)
    active = id
    calls = 0
    limit = usual * 20 + 100_000
    const passes = await this.#passes(test, most)
    active = 0
    limit = Number.POSITIVE_INFINITY
    mark(0, 120_000)
    return passes
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

const fileOf = (test: RunnerTestCase) => relative(root, test.file.filepath)

/** The suites around a test, from the outermost inwards. */
function suitesOf(test: RunnerTestCase): RunnerTestSuite[] {
  const suites: RunnerTestSuite[] = []
  for (let suite = test.suite; suite !== undefined; suite = suite.suite) suites.unshift(suite)
  return suites.includes(test.file) ? suites : [test.file, ...suites]
}

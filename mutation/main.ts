/**
 * `npm run mutation`: takes small pieces out of src/core and src/verify, one at a time, and looks whether a test fails.
 *
 *     npm run mutation -- [--files core/tree] [--tests core/] [--sample 200] [--seed 7] [--effort 2000] [--resume FOLDER] [--write | --page]
 *
 * Each test runs once as it is, which tells what it executes. Then each mutant meets the tests that come by it: fast ones
 * before slow ones, and those that have killed most in their time before the others. What happens before tests begin, or in a test that cannot be repeated, is asked
 * anew in a process for each mutant. A run of everything takes hours; with `--write` it becomes docs/mutation.md, which
 * `--page` writes anew from what is known, with the reasons of survivors.ts. A run that was cut off leaves its folder, which
 * it names when it begins: `--resume FOLDER` goes on there, with the same sources, and may go on with a smaller sample.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Random } from '../test/support/random.ts'
import { allMutants, type Line, linesOf, type Plan, root, type TestLine, testFiles } from './files.ts'
import type { Mutant } from './instrument.ts'
import { keepResults, printResults, resultsOf } from './page.ts'

/** Tests up to so many milliseconds meet mutants before those that take longer. */
const budgets = [200, 3000, 30_000]

/** A run over a copy of the sources, which others may change meanwhile. */
class Run {
  readonly #folder: string
  readonly #mutants: readonly Mutant[]
  readonly #tests: readonly string[]
  /** Milliseconds of tests in one file that a mutant has to live through. */
  readonly #effort: number

  constructor(mutants: readonly Mutant[], tests: readonly string[], effort: number, cutOff: string | undefined) {
    this.#mutants = mutants
    this.#tests = tests
    this.#effort = effort
    this.#folder = cutOff ?? join(mkdtempSync(join(tmpdir(), 'memmimic-audit-mutation-')), 'checkout')
    say(`in ${this.#folder}`)
    if (cutOff !== undefined) return
    mkdirSync(this.#folder)
    // Where tests look for foreign vectors.
    symlinkSync(join(root, '../shared'), join(this.#folder, '../shared'))
    for (const part of ['src', 'test', 'mutation', 'bin', 'package.json', 'tsconfig.json', 'schemas']) {
      cpSync(join(root, part), join(this.#folder, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'))
    writeFileSync(this.#results, '')
  }

  get #results(): string {
    return join(this.#folder, 'results.jsonl')
  }

  lines(): Line[] {
    return linesOf(this.#results)
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true })
    rmSync(join(this.#folder, '../shared'), { force: true })
  }

  #settled(): Map<number, Line> {
    const settled = new Map<number, Line>()
    for (const line of this.lines()) if (line.kind === 'killed' || line.kind === 'timeout') settled.set(line.id, line)
    return settled
  }

  #left(): number[] {
    const settled = this.#settled()
    return this.#mutants.map(({ id }) => id).filter(id => !settled.has(id))
  }

  async all(): Promise<Map<number, Line>> {
    say(`${this.#mutants.length} mutants`)
    const testLines = () => this.lines().filter(line => line.kind === 'test')
    const asked = new Set(testLines().map(({ file }) => file))
    const unasked = this.#tests.filter(file => !asked.has(file))
    if (unasked.length > 0) await this.#vitest({ ids: this.#left(), only: [] }, unasked)
    const known = testLines()
    say(`${known.length} tests, ${Math.round(known.reduce((sum, { ms }) => sum + ms, 0) / 1000)} s`)
    let floor = -1
    for (const budget of budgets) {
      await this.#upTo(known.filter(({ ms }) => floor < ms && ms <= budget))
      floor = budget
      say(`tests up to ${budget} ms: ${this.#left().length} mutants are left`)
    }
    await this.#fromTheStart()
    return this.#settled()
  }

  /** Some tests against all that is left of what they execute: repeated where a process came to an end on the way. */
  async #upTo(some: readonly TestLine[]): Promise<void> {
    for (let attempt = 0; attempt < 12; attempt++) {
      const done = new Set(this.lines().flatMap(line => (line.kind === 'done' ? [line.test] : [])))
      const aside = this.lines().flatMap(line => (line.kind === 'again' ? line.ids : []))
      const left = new Set(this.#left()).difference(new Set(aside))
      const open = some.filter(({ test, ids }) => !done.has(test) && ids.some(id => left.has(id)))
      if (open.length === 0) return
      const only = open.map(({ test }) => test)
      await this.#vitest({ ids: [...left], only, effort: this.#effort }, [...new Set(open.map(({ file }) => file))])
    }
  }

  /** What is executed only before tests begin, or by tests that cannot be repeated: one mutant in a process. */
  async #fromTheStart(): Promise<void> {
    const lines = this.lines()
    const inTests = new Set(lines.flatMap(line => (line.kind === 'test' ? line.ids : [])))
    const files = new Map<number, Set<string>>()
    const cost = new Map<string, number>()
    for (const line of lines) {
      if (line.kind === 'test') cost.set(line.file, (cost.get(line.file) ?? 0) + line.ms)
      if (line.kind !== 'outside' && line.kind !== 'again') continue
      const ids = line.kind === 'again' ? line.ids : line.ids.filter(id => !inTests.has(id))
      for (const id of ids) files.set(id, (files.get(id) ?? new Set()).add(line.file))
    }
    const alive = new Set(lines.flatMap(line => (line.kind === 'lives' ? [line.id] : [])))
    const ids = this.#left().filter(id => files.has(id) && !alive.has(id))
    say(`${ids.length} mutants from the start on`)
    for (const id of ids) {
      const where = [...files.get(id)!].sort((a, b) => (cost.get(a) ?? 0) - (cost.get(b) ?? 0))
      const lives = (await this.#vitest({ ids: [], active: id }, where.slice(0, 4))) === 0
      const line: Line = lives ? { kind: 'lives', id } : { kind: 'killed', id, by: 'from the start on' }
      appendFileSync(this.#results, `${JSON.stringify(line)}\n`)
    }
  }

  async #vitest(plan: Plan, files: readonly string[]): Promise<number | null> {
    writeFileSync(join(this.#folder, 'plan.json'), JSON.stringify(plan))
    const bail = plan.active === undefined ? [] : ['--bail', '1']
    const config = join('mutation', 'vitest.config.ts')
    const child = spawn(
      process.execPath,
      [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--config', config, ...bail, ...files],
      {
        cwd: this.#folder,
        env: { ...process.env, MUTATION_FOLDER: this.#folder, MEMMIMIC_SEED: '1' },
        stdio: ['ignore', 'ignore', 'ignore'],
      },
    )
    const watch = setInterval(() => this.#endHung(), 1000)
    const late = setTimeout(() => child.kill(), plan.active === undefined ? 2 ** 31 - 1 : 120_000)
    try {
      return await ended(child)
    } finally {
      clearInterval(watch)
      clearTimeout(late)
    }
  }

  /** A worker that hangs where no mutant is asked for any more: its process is ended, and the next one goes on. */
  #endHung(): void {
    for (const name of readdirSync(this.#folder).filter(file => file.startsWith('now-'))) {
      const text = readFileSync(join(this.#folder, name), 'utf8').trim()
      if (text === '') continue
      const { id, until } = JSON.parse(text) as { id: number; until: number }
      if (Date.now() < until) continue
      rmSync(join(this.#folder, name))
      if (id === 0) continue
      appendFileSync(this.#results, `${JSON.stringify({ kind: 'timeout', id, by: 'it hangs' })}\n`)
      try {
        process.kill(Number(name.slice('now-'.length)), 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

async function ended(child: ChildProcess): Promise<number | null> {
  return await new Promise(resolve => child.once('close', resolve))
}

function say(text: string): void {
  console.info(`${new Date().toISOString().slice(11, 19)} ${text}`)
}

/** So many of them, chosen by a seed. */
function sampled(mutants: readonly Mutant[], count: number, seed: number): Mutant[] {
  const random = new Random(seed)
  const keyed = mutants.map(mutant => ({ mutant, key: random.next() })).sort((a, b) => a.key - b.key)
  return keyed.slice(0, count).map(({ mutant }) => mutant)
}

const { values } = parseArgs({
  options: {
    files: { type: 'string', multiple: true },
    tests: { type: 'string', multiple: true },
    sample: { type: 'string' },
    resume: { type: 'string' },
    seed: { type: 'string', default: '1' },
    effort: { type: 'string', default: '2000' },
    write: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
  },
})
if (values.page) keepResults(new Map())
else await runAll()

async function runAll(): Promise<void> {
  const chosen = allMutants().filter(({ file }) => values.files?.some(part => file.includes(part)) ?? true)
  const mutants = values.sample === undefined ? chosen : sampled(chosen, Number(values.sample), Number(values.seed))
  const tests = testFiles().filter(file => values.tests?.some(part => file.includes(part)) ?? true)
  const run = new Run(mutants, tests, Number(values.effort), values.resume)
  try {
    const settled = await run.all()
    const results = resultsOf(chosen, mutants, settled, run.lines())
    printResults(results)
    if (values.write) keepResults(results)
  } finally {
    run.dispose()
  }
}

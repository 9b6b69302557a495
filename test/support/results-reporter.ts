/** Keeps what became of each test, by file, for the page of promises; a run of some files leaves the others as they were. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { evidenceFolder } from './evidence.ts'

/** For each file: how many of its tests passed, failed, were skipped; and each test's full name with what became of it. */
export interface TestResults {
  readonly [file: string]: { readonly [name: string]: 'passed' | 'failed' | 'skipped' }
}

export const resultsFile = join(evidenceFolder, 'tests.json')

export default class ResultsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const root = join(import.meta.dirname, '../..')
    const known = existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as TestResults) : {}
    const now = modules.map(module => {
      const tests = [...module.children.allTests()].filter(test => test.result().state !== 'pending')
      return [
        relative(root, module.moduleId),
        Object.fromEntries(tests.map(test => [test.fullName, test.result().state])),
      ]
    })
    const there = Object.entries(known).filter(([file]) => existsSync(join(root, file)))
    mkdirSync(evidenceFolder, { recursive: true })
    // Whole or not at all: two runs may end at the same moment.
    const fresh = `${resultsFile}.${process.pid}`
    writeFileSync(fresh, JSON.stringify({ ...Object.fromEntries(there), ...Object.fromEntries(now) }, undefined, 1))
    renameSync(fresh, resultsFile)
  }
}

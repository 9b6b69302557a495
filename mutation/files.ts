/** What is mutated, and where a run keeps what it has found out. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { idsPerFile, instrument, type Mutant } from './instrument.ts'

export const root = join(import.meta.dirname, '..')

/** Tests that execute what is mutated, on the thread on which they run; without those that take minutes by design. */
const tests = [
  'test/core/*.test.ts',
  'test/verify/{found,cryptographic-verifier,hash-chain-verifier,removal}.test.ts',
  'test/attacks/seed-attacks.test.ts',
  'test/export/bundle.test.ts',
  'test/trail/{read-check,audit-trail,quick-look}.test.ts',
  'test/append/{rotation,frozen}.test.ts',
  'test/backup/restore.test.ts',
  'mutation/moves.test.ts',
]

export function testFiles(): string[] {
  return tests.flatMap(pattern => globSync(pattern, { cwd: root }))
}

/** The files that are mutated: what everything rests on. The browser's primitives are held against Node's by a test. */
const mutated: readonly string[] = globSync('{core,verify}/*.ts', { cwd: join(root, 'src') })
  .map(file => file.replaceAll('\\', '/'))
  .filter(file => !/^core\/(index|primitives\.browser)\.ts$/.test(file))
  .sort()

/** Below `src/`; `undefined` for a file that is left as it is. */
export function mutatedName(path: string): string | undefined {
  return mutated.find(file => path === join(root, 'src', file))
}

export function instrumented(file: string): { code: string; mutants: Mutant[] } {
  const source = readFileSync(join(root, 'src', file), 'utf8')
  return instrument(file, source, (mutated.indexOf(file) + 1) * idsPerFile)
}

export function allMutants(): Mutant[] {
  return mutated.flatMap(file => instrumented(file).mutants)
}

/** What the processes of a run tell each other, in files of a temporary folder. */
export interface Plan {
  /** Ids to play. */
  readonly ids: readonly number[]
  /** The tests that meet them, by their ids; while there are none, tests tell what they execute. */
  readonly only?: readonly string[]
  /** A mutant that lived through tests of so many milliseconds in one file is left there. */
  readonly effort?: number
  /** One mutant from the start on, for what happens before tests begin. */
  readonly active?: number
}

/** What is known of a test: how long it takes, and what it executes. */
export interface TestLine {
  readonly kind: 'test'
  readonly file: string
  readonly test: string
  readonly ms: number
  readonly ids: readonly number[]
}

/** One line of what came of a run. */
export type Line =
  | TestLine
  /** What is executed before and between the tests of a file. */
  | { readonly kind: 'outside'; readonly file: string; readonly ids: readonly number[] }
  | { readonly kind: 'killed' | 'timeout'; readonly id: number; readonly by: string }
  /** It was asked in a process of its own, and lives. */
  | { readonly kind: 'lives'; readonly id: number }
  /** A test was run against everything that it executes. */
  | { readonly kind: 'done'; readonly test: string }
  /** A test that does not pass twice in a row, or not any more after a mutant: to be asked in a process of its own. */
  | { readonly kind: 'again'; readonly file: string; readonly ids: readonly number[] }

export function linesOf(file: string): Line[] {
  const text = readFileSync(file, 'utf8')
  return text.split('\n').flatMap(line => (line.endsWith('}') ? [JSON.parse(line) as Line] : []))
}

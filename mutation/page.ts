/** What came of a run, as numbers and as a page. A run over some files renews what is said of these. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Line, root } from './files.ts'
import type { Mutant } from './instrument.ts'
import { reasonFor } from './survivors.ts'

/** A mutant that lives, and where. */
type Living = Pick<Mutant, 'file' | 'line' | 'source' | 'from' | 'to'>

interface FileResult {
  /** Mutants that there are, of which some may have been chosen. */
  readonly all: number
  readonly mutants: number
  readonly killed: number
  /** Of those killed, the ones that did not come to an end. */
  readonly byTime: number
  readonly survived: readonly Living[]
  /** Executed by none of the tests. */
  readonly uncovered: readonly Living[]
}

interface Totals {
  readonly all: number
  readonly mutants: number
  readonly killed: number
  readonly survived: number
  /** Of those that survived. */
  readonly explained: number
  readonly uncovered: number
  /** Killed of those that are executed at all, in a hundred. */
  readonly score: number
}

const resultFile = join(root, 'mutation/result.json')

/** @returns what came of each file that was mutated */
export function resultsOf(
  all: readonly Mutant[],
  mutants: readonly Mutant[],
  settled: ReadonlyMap<number, Line>,
  lines: readonly Line[],
): Map<string, FileResult> {
  const covered = new Set(lines.flatMap(line => (line.kind === 'test' || line.kind === 'outside' ? line.ids : [])))
  const results = new Map<string, FileResult>()
  for (const [file, own] of Map.groupBy(mutants, mutant => mutant.file)) {
    const living = own.filter(({ id }) => !settled.has(id))
    results.set(file, {
      all: all.filter(mutant => mutant.file === file).length,
      mutants: own.length,
      killed: own.length - living.length,
      byTime: own.filter(({ id }) => settled.get(id)?.kind === 'timeout').length,
      survived: living.filter(({ id }) => covered.has(id)).map(asLiving),
      uncovered: living.filter(({ id }) => !covered.has(id)).map(asLiving),
    })
  }
  return results
}

function asLiving({ file, line, source, from, to }: Mutant): Living {
  return { file, line, source, from, to }
}

export function printResults(results: ReadonlyMap<string, FileResult>): void {
  for (const { survived, uncovered } of results.values()) {
    for (const mutant of survived)
      console.info(`${placeOf(mutant)}  ${changeOf(mutant)}${reasonFor(mutant) ? '  (explained)' : ''}`)
    for (const mutant of uncovered) console.info(`${placeOf(mutant)}  ${changeOf(mutant)}  (not covered)`)
  }
  const { mutants, killed, survived, explained, uncovered, score } = totalsOf([...results.values()])
  console.info(
    `${mutants} mutants: ${killed} killed, ${survived} survived (${explained} explained), ${uncovered} not covered; ${score} %`,
  )
}

/** Writes mutation/result.json and docs/mutation.md, with what is new and what was known before. */
export function keepResults(results: ReadonlyMap<string, FileResult>): void {
  const before = existsSync(resultFile) ? JSON.parse(readFileSync(resultFile, 'utf8')) : { files: {} }
  const files: Record<string, FileResult> = { ...before.files, ...Object.fromEntries(results) }
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
  const totals = totalsOf(Object.values(sorted))
  writeFileSync(resultFile, `${JSON.stringify({ ...totals, files: sorted }, undefined, 2)}\n`)
  writeFileSync(join(root, 'docs/mutation.md'), pageOf(totals, sorted))
}

function totalsOf(files: readonly FileResult[]): Totals {
  const sum = (count: (file: FileResult) => number) => files.reduce((all, file) => all + count(file), 0)
  const killed = sum(file => file.killed)
  const survived = sum(file => file.survived.length)
  return {
    all: sum(file => file.all),
    mutants: sum(file => file.mutants),
    killed,
    survived,
    explained: sum(file => file.survived.filter(mutant => reasonFor(mutant) !== undefined).length),
    uncovered: sum(file => file.uncovered.length),
    score: scoreOf(killed, survived),
  }
}

function scoreOf(killed: number, survived: number): number {
  return killed + survived === 0 ? 100 : Math.round((1000 * killed) / (killed + survived)) / 10
}

function pageOf(
  { all, mutants, killed, survived, explained, uncovered, score }: Totals,
  files: Record<string, FileResult>,
): string {
  const rows = Object.entries(files).map(
    ([file, of]) =>
      `| \`${file}\` | ${of.mutants === of.all ? of.all : `${of.mutants} of ${of.all}`} | ${of.killed} | ${of.byTime} | ${of.survived.length} | ${of.uncovered.length} | ${scoreOf(of.killed, of.survived.length)} % |`,
  )
  const sections = Object.entries(files)
    .map(([file, of]) => sectionOf(file, of))
    .filter(text => text !== '')
  return `<!-- Written by \`npm run mutation -- --write\`. -->
# Mutation testing

What would the tests say if a line of the code were wrong? Small changes are made to \`src/core\` and \`src/verify\`, one at a
time: a condition that always or never holds, a comparison off by one, a call or a statement that is left out, another
constant, an empty text. A test must fail for each. Texts for people are left as they are.

**${mutants} mutants were played, of ${all} that there are: ${killed} killed, ${survived} survived, ${uncovered} in places that these tests do not come by. Of what is
executed, ${score} % is killed; ${explained} of the ${survived} survivors are explained below.** Where not all of a file were played, they were
chosen by chance.

\`npm run mutation\` says what is tried and which tests are asked; with \`--files core/tree --write\` it renews this page for one file.

| file | mutants | killed | by time | survived | not executed | killed of executed |
|---|---|---|---|---|---|---|
${rows.join('\n')}

## What survives

${sections.join('\n\n')}
`
}

/** The survivors of a file, by their reason. */
function sectionOf(file: string, { survived }: FileResult): string {
  if (survived.length === 0) return ''
  const byReason = Map.groupBy(survived, mutant => reasonFor(mutant) ?? '**Not explained.**')
  const parts = [...byReason].map(([why, mutants]) => {
    const lines = mutants.map(mutant => `- ${mutant.line}: ${code(changeOf(mutant))}`)
    return `${why}\n\n${lines.join('\n')}`
  })
  return `### \`${file}\`\n\n${parts.join('\n\n')}`
}

function placeOf({ file, line }: Living): string {
  return `${file}:${line}`
}

function changeOf({ from, to }: Living): string {
  const short = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 90)
  return `${short(from)} → ${short(to) || 'nothing'}`
}

function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}

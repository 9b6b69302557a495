/** The mutants of `npm run mutation`: none of them changes anything until it is chosen, and then just what it says. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { instrument, type Mutant } from '../../mutation/instrument.ts'

/** Runs a function of one module with a mutant, or with none. */
function run(code: string, active: number, ...args: unknown[]): unknown {
  const body = code.replaceAll('export ', '')
  return new Function('mutation', 'args', `${body}\nreturn f(...args)`)((id: number) => id === active, args)
}

const changes = (mutants: readonly Mutant[]) => mutants.map(({ from, to }) => `${from} → ${to}`)

it.each<[string, readonly unknown[], readonly string[]]>([
  ['return a < b', [1, 1], ['a < b → a <= b', 'a < b → a >= b']],
  [
    'if (a && b) return 1\nreturn 2',
    [true, false],
    ['a → true', 'b → true', 'a && b → false', '1 → 1 + 1', '1 → 1 - 1', '2 → 2 + 1', '2 → 2 - 1'],
  ],
  ['return a ?? b', [undefined, 3], ['a ?? b → a', 'a ?? b → b']],
  ['return a?.[0]?.c', [undefined, 0], ['a?.[0]?.c → a[0]?.c', '0 → 1', 'return a?.[0]?.c → undefined']],
  ['let n = 0\nn += a\nreturn n', [2, 0], ['0 → 1', 'n += a → n -= a', 'n += a → ', 'return n → undefined']],
  ["return a === '' ? b : 'a text for people'", ['', 4], ["a === '' → true", "a === '' → false", "'' → 'x'"]],
  [
    'return /^a$/.test(a)',
    ['a', 0],
    ['/^a$/ → /a$/', '/^a$/ → /^a/', '/^a$/ → /(?!)/', 'return /^a$/.test(a) → undefined'],
  ],
  ['return Math.min(a, b)', [1, 2], ['Math.min(a, b) → Math.max(a, b)', 'return Math.min(a, b) → undefined']],
  [
    'if (a) throw new Error(b)\nreturn b',
    [false, 5],
    ['a → true', 'a → false', 'throw new Error(b) → ', 'return b → undefined'],
  ],
])('%j', (body, args, expected) => {
  const source = `export function f(a: any, b: any) {\n${body}\n}`
  const { code, mutants } = instrument('f.ts', source, 10)
  expect(changes(mutants).sort()).toEqual([...expected].sort())
  expect(mutants.map(({ id }) => id).sort((a, b) => a - b)).toEqual(mutants.map((_, i) => 10 + i))
  const asWritten = run(instrument('f.ts', source, 10).code, 0, ...args)
  expect(asWritten).toEqual(run(source.replace(/: any/g, ''), 0, ...args))
  const answers = mutants.map(({ id }) => {
    try {
      return JSON.stringify(run(code, id, ...args))
    } catch (error) {
      return String(error)
    }
  })
  expect(answers.some(answer => answer !== JSON.stringify(asWritten))).toBe(true)
})

it('every file of core and verify can be mutated', () => {
  const src = join(import.meta.dirname, '../../src')
  let all = 0
  for (const file of globSync('{core,verify}/*.ts', { cwd: src })) {
    const source = readFileSync(join(src, file), 'utf8')
    const { code, mutants } = instrument(file, source, 0)
    expect(code).not.toBe('')
    for (const { line, source: text } of mutants) expect(source.split('\n')[line - 1]).toContain(text)
    all += mutants.length
  }
  expect(all).toBeGreaterThan(5000)
})

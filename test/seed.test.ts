/** docs/seed.md says for each promise of the seed which test shows it: a row or a test that is not there fails here. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/seed.md'), 'utf8')
const rows = [...page.matchAll(/^\| ([A-Z]\d+) \| ([^|]+) \| `([^`]+)` \| ([^|]+) \|([^|]*)\|$/gm)].map(
  ([, id = '', promise = '', call = '', tests = '', note = '']) => ({
    id,
    promise,
    call,
    note,
    tests: [...tests.matchAll(/`((?:[^`$]|\$\{[^}]*\}|\$)+)`/g)].map(
      ([, name = '']) => name.split(' › ') as [string, string],
    ),
  }),
)

/** Every id, by letter and how far its numbers go; the components have a 0 besides. */
const ids = Object.entries({
  L: 8,
  V: 7,
  C: 5,
  T: 7,
  Q: 7,
  M: 7,
  P: 4,
  S: 5,
  D: 5,
  I: 5,
  A: 5,
  X: 10,
  U: 4,
  W: 1,
  H: 4,
  K: 12,
  O: 10,
  J: 5,
  Z: 8,
  N: 13,
}).flatMap(([letter, last]) =>
  Array.from({ length: last + 1 }, (_, i) => `${letter}${i}`).filter(
    id => !id.endsWith('0') || /^[LVCTQM]0$|10$/.test(id),
  ),
)

it('has each promise once', () => {
  expect(rows.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
})

it('has the rows that the seed document was found to have', context => {
  const design = join(root, '../shared/design/SEED.md')
  if (!existsSync(design)) return context.skip('the reading of the seed document is not here')
  const found = [...readFileSync(design, 'utf8').matchAll(/^\| ([A-Z]\d+) \| ([^|]+) \|/gm)]
  for (const [, id, promise = ''] of found) {
    expect(rows.find(row => row.id === id)?.promise, id).toBe(promise.trim())
  }
})

/** The sources of the package, by file. */
const texts = new Map(
  globSync('src/**/*.ts', { cwd: root }).map(file => [file, readFileSync(join(root, file), 'utf8')] as const),
)

const sources = new Map<string, string>()
const source = (file: string) => {
  const known = sources.get(file) ?? readFileSync(join(root, 'test', `${file}.test.ts`), 'utf8')
  sources.set(file, known)
  return known
}

it.each(rows)(
  '$id, $promise: is shown by tests that are there, and kept by a call that is there',
  ({ call, tests }) => {
    expect(tests.length).toBeGreaterThan(0)
    for (const [file, sentence] of tests) {
      expect(sentence.length, sentence).toBeGreaterThan(10)
      expect(existsSync(join(root, 'test', `${file}.test.ts`)), file).toBe(true)
      // As it stands in the file, as the name of a test: between quotes.
      const quoted = [`'${sentence}'`, `"${sentence}"`, `\`${sentence}\``]
      expect(
        quoted.some(name => source(file).includes(name)),
        `${file} › ${sentence}`,
      ).toBe(true)
    }
    const [owner = '', method] = call.split('.')
    const declared = new RegExp(`export (?:declare )?(?:async )?(?:class|function|interface) ${owner}\\b`)
    const homes = ownersOf(declared)
    expect(homes.length, `${owner} is exported somewhere`).toBeGreaterThan(0)
    if (method !== undefined) {
      const member = new RegExp(`^\\s+(?:async |get |override )*\\*?${method}[(<]`, 'm')
      expect(
        homes.some(home => member.test(home)),
        `${call} is there`,
      ).toBe(true)
    }
  },
)

/** The files of the package in which something is declared, and those that its class stands on. */
function ownersOf(declared: RegExp): string[] {
  const found = [...texts.values()].filter(text => declared.test(text))
  const bases = found.flatMap(text => [...text.matchAll(/ extends (\w+)/g)].map(([, base]) => base))
  return [...found, ...[...texts.values()].filter(text => bases.some(base => text.includes(`class ${base}`)))]
}

/** The page of promises: every test that it names is there, and every threat stands behind a promise. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { promised } from '../promises/promises.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const tests = globSync('test/**/*.test.ts', { cwd: root }).map(read).join('\n')

describe('the promises', () => {
  it.each(promised)(
    '“$promise” is shown by tests that are there, and has a limit',
    ({ shown, limit, evidence = [] }) => {
      expect(shown.length).toBeGreaterThan(0)
      expect(limit.length).toBeGreaterThan(20)
      for (const { file, name } of shown) {
        expect(existsSync(join(root, file)), file).toBe(true)
        if (name !== undefined) expect(read(file), `${file} › ${name}`).toContain(name)
      }
      for (const name of evidence) expect(tests, name).toContain(`recordEvidence('${name}'`)
    },
  )

  it('answer every row of the threat table', context => {
    const design = join(root, '../shared/design/THREATS.md')
    if (!existsSync(design)) return context.skip('the table of threats is not here')
    const rows = [...readFileSync(design, 'utf8').matchAll(/^\| (\d+a?) \|/gm)].map(([, row]) => row)
    expect(rows.length).toBeGreaterThan(40)
    const answered = new Set(promised.flatMap(({ rows = [] }) => rows))
    expect(rows.filter(row => !answered.has(row!))).toEqual([])
  })

  it('stand on the page, each with its limit, in the words of today', () => {
    const page = read('docs/promises.md')
    for (const { promise, text, limit } of promised) {
      expect(page).toContain(`## ${promise}\n\n${text}`)
      expect(page).toContain(`**Limit.** ${limit}`)
    }
    expect(page).not.toContain('**not run**')
    expect(page).not.toContain('**failed**')
  })
})

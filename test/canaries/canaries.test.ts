/**
 * A check that cannot fail is a defect. So each promise of docs/threat-model.md is taken out of the code once, and the
 * moves and probes that ask for it must go wrong; with the code as it is, none of them does.
 *
 * Each canary is a process of its own, in which the source of one file is another from its first moment on.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { debianProgram } from '../support/debian.ts'
import { recordEvidence } from '../support/evidence.ts'
import { type Canary, type Change, canaries } from './table.ts'

const root = join(import.meta.dirname, '../..')
const script = join(root, 'test/support/children/canary.ts')
const patch = pathToFileURL(join(import.meta.dirname, 'patch.ts')).href

const isTraced = ({ seenBy }: Canary) => seenBy.some(name => name.includes('synced to the disk'))
const strace = debianProgram('strace', 'strace')
const played = strace === undefined ? canaries.filter(canary => !isTraced(canary)) : canaries

interface Said {
  /** What went wrong, and why. */
  readonly red: { readonly [name: string]: string }
  readonly falseAlarms: readonly string[]
  readonly sings: boolean
}

async function play(names: readonly string[], change?: Change): Promise<Said> {
  const { file, from, to, and } = change ?? {}
  const patched = { NODE_OPTIONS: `--import ${patch}`, MEMMIMIC_CANARY: JSON.stringify({ file, from, to, and }) }
  const child = spawn(process.execPath, [script, JSON.stringify(names)], {
    env: { ...process.env, ...(change && patched) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let trouble = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    trouble += text
  })
  await once(child, 'close')
  if (!said.endsWith('}\n')) throw new Error(`nothing could be played: ${trouble}`)
  return JSON.parse(said.slice(said.lastIndexOf('\n', said.length - 2) + 1)) as Said
}

/** Tables of the page that promise something, by the heads of their first columns. */
const promising = ['label', 'who', 'move']

/** The first column of each row of these tables. */
function rowsOfThePage(): string[] {
  const page = readFileSync(join(root, 'docs/threat-model.md'), 'utf8')
  const tables = page.split(/\n(?!\|)/).map(text => text.split('\n').filter(line => line.startsWith('|')))
  return tables
    .map(lines => lines.map(line => line.split('|')[1]!.trim()))
    .flatMap(([head, , ...rows]) => (promising.includes(head!) ? rows : []))
}

describe('the canaries', () => {
  const red: string[] = []
  afterAll(() => {
    const guarantees = new Set(canaries.map(({ guarantee }) => guarantee)).size
    recordEvidence('canaries', { canaries: played.length, red: red.length, guarantees, rows: rowsOfThePage().length })
  })

  it('stand for every row of the tables of docs/threat-model.md, and for none that is not there', () => {
    const rows = rowsOfThePage()
    expect(rows.length).toBeGreaterThan(25)
    const named = [...new Set(canaries.flatMap(canary => canary.rows))]
    expect(rows.filter(row => !named.some(name => row.startsWith(name)))).toEqual([])
    expect(named.filter(name => !rows.some(row => row.startsWith(name)))).toEqual([])
  })

  it('take out texts that stand where they are said to, once', () => {
    for (const { file, from, and = [] } of canaries) {
      const source = readFileSync(join(root, 'src', file), 'utf8')
      for (const text of [from, ...and.map(change => change.from)]) {
        expect(source.split(text).length - 1, `${JSON.stringify(text)} in ${file}`).toBe(1)
      }
    }
  })

  it('are silent where nothing is taken out', { timeout: 120_000 }, async () => {
    const names = [...new Set(played.flatMap(({ seenBy }) => seenBy))]
    expect(await play(names)).toEqual({ red: {}, falseAlarms: [], sings: false })
  })

  const width = Math.min(2, availableParallelism())
  const waiting = [...played]
  const running = new Map<Canary, Promise<Said>>()
  /** Keeps some of them running, in their order, ahead of who waits for them. */
  const next = () => {
    const canary = waiting.shift()
    if (canary === undefined) return
    const said = play(canary.seenBy, canary)
    said.then(next, next)
    running.set(canary, said)
  }

  it.each(played)('without “$guarantee”, something goes wrong', { timeout: 120_000 }, async canary => {
    if (running.size === 0) for (let i = 0; i < width; i++) next()
    while (!running.has(canary)) await Promise.race(running.values()).catch(() => {})
    const said = await running.get(canary)!
    expect(said.sings).toBe(true)
    expect(Object.keys(said.red)).toEqual(expect.arrayContaining([...canary.seenBy]))
    red.push(canary.guarantee)
  })
})

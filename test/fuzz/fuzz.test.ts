/**
 * Parsers against whatever may come. Each is given mutations of good inputs; those that lead through code where no input
 * was before are kept, and mutated further. What was ever found stands in `fixtures.ts`, and is tried first.
 *
 * `MEMMIMIC_SEED` runs a failure again; `MEMMIMIC_LONG=fuzz:10` goes on for ten minutes, with other seeds each round.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { concat, utf8 } from '../../src/core/bytes.ts'
import { visibleJson } from '../../src/core/visible.ts'
import { cpuMs } from '../support/cpu.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { describeVectors, unpackVector } from '../support/vectors.ts'
import { Coverage } from './coverage.ts'
import { fixtures } from './fixtures.ts'
import { known, mutate } from './mutate.ts'
import { type Target, targets } from './targets.ts'

const seed = seedOf('fuzz')
const [long, minutes = '5'] = (process.env.MEMMIMIC_LONG ?? '').split(':')
const totalMs = long === 'fuzz' ? Number(minutes) * 60_000 : 8_000
const counts = { parsers: targets.length, inputs: 0, kept: 0, blocks: 0, fixtures: fixtures.length }
afterAll(() => recordEvidence('fuzzing', { seed, ...counts, found: fixtures.length }))

const bytesOf = (input: string | Uint8Array) => (typeof input === 'string' ? utf8(input) : Uint8Array.from(input))

/** One input: what must hold, in the time that it may take, and without a trace in what all objects share. */
async function tryInput(target: Target, input: Uint8Array, what: string): Promise<void> {
  const told = () =>
    `${what}\n${visibleJson(new TextDecoder().decode(input).slice(0, 1500))}\nbase64 ${Buffer.from(input).toString('base64').slice(0, 6000)}`
  let fastest = Number.POSITIVE_INFINITY
  // What is compiled on the way is slow once; code that is slow is slow again.
  for (let times = 0; times < 4 && fastest > (target.mostMs ?? 50); times++) {
    const started = cpuMs()
    try {
      await target.check(input)
    } catch (error) {
      throw new Error(`${target.name}: ${(error as Error).message}\n${told()}`, { cause: error })
    }
    fastest = Math.min(fastest, cpuMs() - started)
  }
  if (fastest > (target.mostMs ?? 50)) expect.fail(`${target.name} takes ${fastest} ms: ${told()}`)
  for (const name in {}) expect.fail(`${target.name} leaves ${name} in every object: ${told()}`)
}

describe('what was found once', () => {
  it.each(fixtures)('$parser: $was', async ({ parser, input, was }) => {
    const target = targets.find(({ name }) => name === parser)!
    await tryInput(target, bytesOf(input), was)
  })
})

describe('a good input', () => {
  it.each(targets)('is read: $name', async target => {
    for (const input of target.corpus) await tryInput(target, bytesOf(input), 'from the corpus')
  })
})

describeVectors('the messages of the MCP specification', () => {
  const folder = unpackVector('mcp/examples-2026-07-28.tar.gz')

  it('pass the recorder byte for byte, as they stand and on one line', async () => {
    const target = targets.find(({ name }) => name === 'MCP')!
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.json'))
    expect(names.length).toBeGreaterThan(100)
    for (const name of names) {
      const message = readFileSync(join(folder, name), 'utf8')
      for (const text of [message, `${JSON.stringify(JSON.parse(message))}\n`]) await tryInput(target, utf8(text), name)
    }
  })
})

describe('64 kB of one word', () => {
  it.each(targets)('take no longer than they may: $name', { timeout: totalMs + 60_000 }, async target => {
    const random = new Random(seed)
    const all = [...known, ...(target.words ?? []).map(utf8)].filter(({ length }) => length > 0)
    const some = long === 'fuzz' ? all : [random.pick(all), random.pick(all)]
    for (const word of some) {
      const repeated = Buffer.concat(Array<Uint8Array>(Math.floor(65_536 / word.length)).fill(word))
      const good = bytesOf(random.pick(target.corpus))
      const middle = random.below(good.length + 1)
      await tryInput(target, repeated, `64 kB of ${visibleJson(Buffer.from(word).toString())}`)
      const inside = concat(good.subarray(0, middle), repeated, good.subarray(middle))
      await tryInput(target, inside.subarray(0, 65_536), `64 kB of ${visibleJson(Buffer.from(word).toString())} inside`)
    }
  })
})

describe('whatever may come', () => {
  it.each(targets)('$name', { timeout: totalMs + 60_000 }, async target => {
    using coverage = new Coverage()
    const corpus = target.corpus.map(bytesOf)
    const dictionary = (target.words ?? []).map(utf8)
    for (const input of corpus) await target.check(input)
    coverage.fresh()
    const before = counts.inputs
    const end = performance.now() + totalMs / targets.length
    // Counting costs as much as some inputs: the longer nothing new is found, the seldomer it is done.
    let some = 20
    for (let round = 0; performance.now() < end; round++) {
      const random = new Random(seed + round)
      const batch = Array.from({ length: some }, () => mutate(random, corpus, dictionary))
      for (const [i, input] of batch.entries()) {
        await tryInput(target, input, `seed ${seed}, round ${round}, input ${i}`)
        counts.inputs++
        if (performance.now() > end) break
      }
      const isNew = coverage.fresh() > 0
      some = isNew ? 20 : Math.min(2 * some, 320)
      if (!isNew) continue
      // One of these went where none was before: which of them does not matter much, so all are kept for a while.
      corpus.push(...batch.filter(input => input.length < 4096))
      counts.kept++
      if (corpus.length > 1000) corpus.splice(target.corpus.length, 500)
    }
    counts.blocks += coverage.blocks
    console.info(`${target.name}: ${counts.inputs - before} inputs, ${coverage.blocks} blocks`)
    expect(coverage.blocks).toBeGreaterThan(5)
  })
})

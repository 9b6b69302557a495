/**
 * What test/attacks asks, made quick: the moves of the attack kit on rows and honest logs of some shapes, each looked at once
 * and kept in memory, so that a mutant meets a hundred of them in a second.
 */
import { describe, expect, it } from 'vitest'
import { labels } from '../src/attack/move.ts'
import { moves } from '../src/attack/moves/table.ts'
import { Scene } from '../src/attack/scene.ts'
import { parseSealKey } from '../src/core/seal.ts'
import type { KeptLog } from '../src/store/store.ts'
import { EntryCheck } from '../src/verify/entry-check.ts'
import { type VerifyOptions, type VerifyPosition, verifyLog } from '../src/verify/log-verifier.ts'
import { copyOf } from '../test/support/copy.ts'
import { Life, shapes } from '../test/support/shapes.ts'

const played = moves.filter(move => 'play' in move).filter(({ found, anchor }) => found.length > 0 && !anchor)

/** A log, what is known beside it, and the moves that were played on it. */
async function play(entries: number, some: typeof played) {
  const scene = await Scene.ofSamples(entries)
  const untouched = await copyOf(scene.log)
  const known = Object.fromEntries(labels.map(label => [label, scene.knownAt(label)]))
  const { size, sealKey } = scene
  const copies = []
  for (const move of some) {
    const log = await scene.during(file => move.play(file, scene), copyOf)
    copies.push({ name: `${move.row}: ${move.move}`, move, log, known, sealKey, place: move.first?.(scene) })
  }
  await scene.close()
  return { untouched, known, size, copies }
}

const short = await play(
  40,
  played.filter(({ tiles }) => !tiles),
)
const long = await play(
  300,
  played.filter(({ tiles }) => tiles),
)

describe.each([short, long])('an honest log of $size entries', ({ untouched, known, size }) => {
  it.each(labels)('has nothing to be found (%s)', async label => {
    const report = await verifyLog(untouched, { ...known[label], deep: true })
    expect(report).toMatchObject({ valid: true, complete: true, findings: [], trust: label, entries: size, size })
  })

  it.each([1, 20, 256])('has nothing to be found from entry %s on', async from => {
    for (const to of [from + 1, from + 20, size]) {
      if (from < size) expect((await verifyLog(untouched, { ...known.anchored, from, to })).findings).toEqual([])
    }
  })
})

describe('a move is found', () => {
  it.each([...short.copies, ...long.copies])('$name', async ({ move, log, known, sealKey, place }) => {
    const { found, from, not = [] } = move
    const report = await verifyLog(log, known[from])
    const types = report.findings.map(({ type }) => type)
    expect(
      found.some(type => types.includes(type)),
      `${found} is not among ${types}`,
    ).toBe(true)
    expect(types.filter(type => not.includes(type))).toEqual([])
    if (place === undefined) return
    expect(report.firstUntrusted).toBe(place)
    const { status } = await new EntryCheck({ log, sealKey: () => sealKey }).checkEntry(place)
    if (from === 'chained') expect(status).not.toBe('valid')
  })
})

const small = shapes.filter(({ name }) => !/large|writers|seed|schema|blocks/.test(name) || name.includes('pruned'))
const lives: { name: string; log: KeptLog; anchored: VerifyOptions }[] = []
for (const { name, options, live } of small) {
  const life = await Life.begin(options)
  await live(life)
  await life.rest()
  const store = life.store()
  const anchored = {
    verifiers: life.publicKeys.verifiers,
    sealKey: parseSealKey(life.sealKey),
    anchors: [...life.notes],
  }
  lives.push({ name, log: await copyOf(store), anchored })
  await store.close()
  await life.dispose()
}

describe('an honest life has nothing to be found:', () => {
  it.each(lives)('$name', async ({ log, anchored }) => {
    const positions: VerifyPosition[] = []
    const onProgress = (position: VerifyPosition) => positions.push(position)
    const whole = await verifyLog(log, { ...anchored, deep: true, onProgress })
    expect([whole.findings, whole.trust]).toEqual([[], 'anchored'])
    for (const options of [{}, { verifiers: anchored.verifiers! }]) {
      expect((await verifyLog(log, options)).findings).toEqual([])
    }
    for (const from of [1, Math.floor(whole.size / 2), whole.size - 1]) {
      for (const to of [from + 1, whole.size]) {
        expect((await verifyLog(log, { ...anchored, from, to })).findings).toEqual([])
      }
    }
    for (const resume of positions) {
      const rest = await verifyLog(log, { ...anchored, resume, deep: true })
      expect([rest.findings, rest.missing, rest.declared]).toEqual([[], whole.missing, whole.declared])
    }
    const entries = new EntryCheck({ log, sealKey: () => anchored.sealKey })
    for (let seq = 0; seq < whole.size; seq += Math.ceil(whole.size / 12)) {
      const { status, findings, declaredGone } = await entries.checkEntry(seq)
      expect([findings, status]).toEqual([[], declaredGone === 'entry' ? 'missing' : 'valid'])
    }
  })
})

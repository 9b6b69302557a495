/**
 * Honest logs of every shape, and lives put together by chance: whoever looks at them, from whichever side and however
 * far, finds nothing.
 *
 * MEMMIMIC_LONG=honest lives thirty times as many lives by chance.
 */
import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { indexFile } from '../../src/append/places.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { VerificationReport } from '../../src/core/finding.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { checkTlogProof, parseTlogProof } from '../../src/core/tlog-proof.ts'
import type { EntryView } from '../../src/core/view.ts'
import { writeBundle } from '../../src/export/bundle.ts'
import { verifyBundle } from '../../src/export/verify-bundle.ts'
import { openReader, type Reader } from '../../src/trail/reader.ts'
import { EntryCheck } from '../../src/verify/entry-check.ts'
import { type VerifyOptions, type VerifyPosition, verifyLog } from '../../src/verify/log-verifier.ts'
import { recordEvidence } from '../support/evidence.ts'
import { deeds, Life, shapes } from '../support/shapes.ts'

const isLong = process.env.MEMMIMIC_LONG === 'honest'

const done = { shapes: 0, lives: 0, checks: 0, entries: 0, proofs: 0 }
afterAll(() => {
  if (done.shapes === shapes.length && done.lives > 0) recordEvidence('honest-logs', { ...done, falseAlarms: 0 })
})

/** Some numbers below `size`: the first, the last, those at the borders of blocks and tiles, and some between. */
function someBelow(size: number, count: number): number[] {
  const borders = [0, 1, 31, 32, 255, 256, 257, 511, 512, size - 2, size - 1]
  const between = Array.from({ length: count }, (_, i) => Math.floor((size * (i + 0.5)) / count))
  return [...new Set([...borders, ...between])].filter(seq => seq >= 0 && seq < size)
}

async function everything(reader: Reader): Promise<EntryView[]> {
  const all: EntryView[] = []
  for (let after: number | undefined; ; after = all.at(-1)!.seq) {
    const page = await reader.query({}, { limit: 1000, order: 'asc', ...(after !== undefined && { after }) })
    all.push(...page)
    if (page.length < 1000) return all
  }
}

/** Looks at a log in every way there is. Fails with what was found. */
async function findsNothing(life: Life): Promise<void> {
  await life.rest()
  const store = life.store()
  const { verifiers, generations, origin } = life.publicKeys
  const sealKey = parseSealKey(life.sealKey)
  const anchors = [...life.notes]
  const anchored: VerifyOptions = { verifiers, sealKey, anchors }
  const check = async (what: string, options: VerifyOptions): Promise<VerificationReport> => {
    done.checks++
    const report = await verifyLog(store, options)
    expect({ what, findings: report.findings }).toEqual({ what, findings: [] })
    return report
  }

  // Of the whole, at each label.
  await check('chained', { deep: true })
  await check('signed', { verifiers, sealKey, deep: true })
  const positions: VerifyPosition[] = []
  const onProgress = (position: VerifyPosition) => positions.push(position)
  const whole = await check('anchored', { ...anchored, deep: true, onProgress })
  expect(whole.trust).toBe('anchored')
  expect(whole.size).toBeGreaterThan(Math.max(...life.acknowledged.keys(), 0))
  done.entries += whole.size

  // By whoever knows one generation of its keys only.
  for (const { ed25519, mldsa44 } of generations) {
    const known = verifiers.filter((_, i) => [ed25519, mldsa44].includes(generations.flatMap(Object.values)[i]))
    await check('one generation', { verifiers: known, sealKey, anchors })
  }

  // In ranges, and gone on with from where an earlier check stopped.
  const cuts = someBelow(whole.size, 3)
  for (const [i, from] of cuts.entries()) {
    const to = [cuts.at(-1 - i)!, from + 1, whole.size, from + 40][i % 4]!
    await check(`from ${from} to ${to}`, { ...anchored, from, to: Math.max(to, from), deep: i % 2 === 0 })
  }
  for (const resume of positions) {
    const rest = await check(`resumed at ${resume.next}`, { ...anchored, resume, deep: true })
    expect([rest.complete, rest.missing, rest.declared]).toEqual([whole.complete, whole.missing, whole.declared])
  }

  // What was acknowledged is there, at its place.
  const entries = new EntryCheck({ log: store, origin, sealKey: () => sealKey })
  for (const [seq, hash] of life.acknowledged) {
    const tile = (await store.tile(0, seq >> 8))!
    expect(Buffer.from(tile.subarray((seq & 255) * 32, (seq & 255) * 32 + 32)).toString('hex')).toBe(hash)
  }
  for (const seq of someBelow(whole.size, 12)) {
    const { status, findings, seal, declaredGone } = await entries.checkEntry(seq)
    expect({ seq, findings }).toEqual({ seq, findings: [] })
    if (declaredGone === 'entry') continue
    expect({ seq, status, seal }).toEqual({ seq, status: 'valid', seal: 'valid' })
    done.checks++
  }
  await store.close()

  // What readers get: answers, proofs, a bundle; and again when the index was built anew.
  const told: unknown[] = []
  const openAgain = () =>
    openReader({ file: life.file, keys: life.keysFolder, onFinding: found => told.push(found), onNotice: () => {} })
  let reader = await openAgain()
  const deep = { deep: true, sealKey: life.sealKey, anchors }
  expect((await reader.verify(deep)).findings).toEqual([])
  const views = await everything(reader)
  const { signed } = await reader.status()
  for (const seq of someBelow(signed, 6)) {
    const leaf = await reader.leaf(seq)
    if (leaf === undefined) continue
    checkTlogProof(parseTlogProof(await reader.prove(seq)), leaf, origin, verifiers)
    done.proofs++
  }
  const lines: string[] = []
  const bundle = await writeBundle({ reader, anchors, write: line => void lines.push(line) })
  // Where leaves are gone, a whole bundle begins behind the gap, without the first entry.
  const isPruned = views.length > 1 && views[1]!.seq > 1
  const covered = views.filter(({ seq }) => seq < signed).length
  expect(bundle).toMatchObject({ entries: covered - (isPruned ? 1 : 0), unreadable: 0 })
  const vkeys = generations.flatMap(({ ed25519, mldsa44 }) => [ed25519, mldsa44])
  for (const options of [{}, { vkeys }, { vkeys: vkeys.slice(0, 2), anchors }]) {
    const report = await verifyBundle([utf8(lines.join(''))], options)
    expect({ findings: report.findings, undecided: report.undecided }).toEqual({ findings: [], undecided: [] })
    done.checks++
  }
  await reader.close()
  for (const end of ['', '-wal', '-shm']) rmSync(indexFile(life.file) + end, { force: true })
  reader = await openAgain()
  expect(await everything(reader)).toEqual(views)
  expect((await reader.verify(deep)).findings).toEqual([])
  await reader.close()
  expect(told).toEqual([])
}

describe('nothing is found in an honest log:', () => {
  it.each(shapes)('$name', async ({ options, live }) => {
    const life = await Life.begin(options)
    try {
      await live(life)
      await findsNothing(life)
      // And it goes on: what was done to it does not hold up what comes.
      const last = (await life.parts()).reader
      if (!(await last.status()).frozen) {
        await life.oneByOne(2)
        await findsNothing(life)
      }
      done.shapes++
    } finally {
      await life.dispose()
    }
  })

  it('lives put together by chance', { timeout: 3_600_000 }, async () => {
    const deed = fc.record({ deed: fc.constantFrom(...Object.keys(deeds)), n: fc.nat(1000) })
    const life = fc.record({
      options: fc.constantFrom({}, {}, { subjectKeys: true }, { encryption: 'none' } as const),
      isOld: fc.boolean(),
      deeds: fc.array(deed, { minLength: 2, maxLength: 9 }),
    })
    await fc.assert(
      fc.asyncProperty(life, async drawn => {
        const life = await Life.begin(drawn.options)
        try {
          if (drawn.isOld) await life.fromOldSchema()
          for (const { deed, n } of drawn.deeds) await deeds[deed]!(life, n)
          await findsNothing(life)
          done.lives++
        } finally {
          await life.dispose()
        }
      }),
      { numRuns: isLong ? 450 : 15, endOnFailure: false },
    )
  })
})

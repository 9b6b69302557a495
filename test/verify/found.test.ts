/**
 * What a check says of every move of the attack kit on the rows of a log: each finding, where, in what order, with which
 * facts, and nothing besides; and what the check of one entry says of the entries around it.
 *
 * The answers stand in found.json. MEMMIMIC_WRITE=found writes them anew, to be read before they are believed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { labels } from '../../src/attack/move.ts'
import { moves } from '../../src/attack/moves/table.ts'
import { Scene } from '../../src/attack/scene.ts'
import type { Finding, VerificationReport } from '../../src/core/finding.ts'
import type { KeptLog } from '../../src/store/store.ts'
import { EntryCheck } from '../../src/verify/entry-check.ts'
import { type VerifyOptions, verifyLog } from '../../src/verify/log-verifier.ts'
import { copyOf } from '../support/copy.ts'

const file = join(import.meta.dirname, 'found.json')
const isWriting = process.env.MEMMIMIC_WRITE === 'found'
const answers: Record<string, unknown> = isWriting ? {} : JSON.parse(readFileSync(file, 'utf8'))

if (isWriting) afterAll(() => writeFileSync(file, `${JSON.stringify(answers, undefined, 2)}\n`))

function compare(name: string, found: unknown): void {
  if (isWriting) answers[name] = found
  else expect(found).toEqual(answers[name])
}

const played = moves.filter(move => 'play' in move)

interface Copy {
  readonly name: string
  readonly log: KeptLog
  readonly known: readonly VerifyOptions[]
  readonly places: readonly number[]
}

/** Every move that can be played on a log of so many entries, each kept in memory. */
async function copies(entries: number, some: typeof played): Promise<Copy[]> {
  const scene = await Scene.ofSamples(entries)
  const known = labels.map(label => ({ ...scene.knownAt(label), deep: true }))
  const { middle, size } = scene
  const around = [middle - 1, middle, middle + 1, middle + 2, scene.added, size - 1]
  const all: Copy[] = [{ name: `untouched, ${entries}`, log: await copyOf(scene.log), known, places: around }]
  for (const move of some) {
    const log = await scene.during(file => move.play(file, scene), copyOf)
    const places = [...new Set([...around, move.first?.(scene) ?? 0])]
    all.push({ name: `${move.row}: ${move.move}`, log, known, places })
  }
  await scene.close()
  return all
}

/** A finding in a few words, without what is another each time: hashes, names, times. */
function wordsOf({ type, seq, expected, actual, id }: Finding): string {
  const facts = expected === undefined && actual === undefined ? '' : ` ${expected} → ${actual}`
  const line = `${type}@${seq ?? '–'}${id === undefined ? '' : ' id'}${facts}`
  return line
    .replaceAll(/\b[0-9a-f]{64}\b/g, '#')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/memmimic-audit\.local\/[0-9a-f]{16}/g, 'ORIGIN')
}

/** How many findings are told of a log that was rewritten. */
const told = 8

function sentenceOf(report: VerificationReport): string {
  const { valid, complete, trust, entries, size, firstUntrusted, findings, findingsOmitted, missing, declared } = report
  const root = report.rootHash === '' ? 'no root' : 'root'
  const more = findings.length > told ? `${findings.length - told + findingsOmitted} more` : []
  const found = [...findings.slice(0, told).map(wordsOf), more].flat()
  const besides = [
    ...missing.map(({ kind, seq }) => `${kind}@${seq}`),
    ...declared.map(({ operation, seq }) => `${operation}@${seq}`),
  ]
  const verdict = `${valid ? 'valid' : `bad from ${firstUntrusted ?? '–'}`}, ${complete ? 'complete' : 'incomplete'}, ${trust}`
  return `${verdict}, ${entries} of ${size}, ${root}: ${found.join('; ') || 'nothing'} / ${besides.join('; ')}`
}

const all = [
  ...(await copies(
    40,
    played.filter(({ tiles }) => !tiles),
  )),
  ...(await copies(
    300,
    played.filter(({ tiles }) => tiles),
  )),
]

describe('a check says', () => {
  it.each(all)('of $name: what is found, and where', async ({ name, log, known }) => {
    const reports = []
    for (const options of known) reports.push(sentenceOf(await verifyLog(log, options)))
    compare(name, reports)
  })

  it.each(all)('of $name: what is found from the middle on', async ({ name, log, known, places }) => {
    const [, from, , , to] = places
    const reports = []
    for (const range of [{ from: from! }, { from: from!, to: to! }]) {
      reports.push(sentenceOf(await verifyLog(log, { ...known[2], ...range })))
    }
    compare(`${name}; from the middle on`, reports)
  })

  it.each(all)('of $name: what became of single entries', async ({ name, log, known, places }) => {
    const check = new EntryCheck({ log, sealKey: () => known[1]!.sealKey })
    const said: Record<string, unknown> = {}
    for (const place of places) {
      const { status, seq, size, findings, seal, declaredGone } = await check.checkEntry(place)
      said[place] = [status, seq, size, seal, declaredGone ?? 'there', ...findings.map(wordsOf)].join(', ')
    }
    compare(`${name}; entry by entry`, said)
  })
})

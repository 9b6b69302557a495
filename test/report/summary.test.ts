import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { kinds, type Leaf, outcomes, securityLevels } from '../../src/core/entry.ts'
import { countIn, parseRanges } from '../../src/core/ranges.ts'
import { formatTime, parseTime } from '../../src/core/time.ts'
import { type EntryView, identitiesOf } from '../../src/core/view.ts'
import { openReader } from '../../src/trail/reader.ts'
import { relativeError, Sketch } from '../../src/trail/sketch.ts'
import type { LogSummary } from '../../src/trail/summary.ts'
import { Tally } from '../../src/trail/tally.ts'
import { at, day, everyEntry, hour, type OpenLog, openLog, start, writeStory } from './support.ts'

let log: OpenLog
let all: EntryView[]
beforeAll(async () => {
  log = await openLog()
  await writeStory(log)
  await log.writer.checkpoint()
  all = await everyEntry(log.reader)
})
afterAll(() => log.dispose())

/** The same figures, counted from what a query gives, slowly and by other means. */
function counted(views: readonly EntryView[]) {
  const groups = (pick: (view: EntryView) => readonly (string | undefined)[]) => {
    const found = new Map<string, EntryView[]>()
    for (const view of views) {
      for (const name of pick(view)) if (name !== undefined) found.set(name, [...(found.get(name) ?? []), view])
    }
    return [...found].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1))
  }
  const rows = (pick: (view: EntryView) => readonly (string | undefined)[]) =>
    groups(pick).map(([name, of]) => ({ name, entries: of.length }))
  return { rows, groups }
}

const isAction = ({ kind }: EntryView) => kind !== 'control'
const byOutcome = (views: readonly EntryView[]) =>
  Object.fromEntries(
    [...outcomes, 'none'].map(name => [name, views.filter(view => (view.outcome ?? 'none') === name).length]),
  )
const who = (index: 0 | 1) => (view: EntryView) =>
  [identitiesOf(view.actor)[index]].map(found => found && `${found.type}:${found.id}`)

/** The value that has this rank, nearest rank. */
function exactQuantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!
}

function expectFigures({ counts }: LogSummary, views: readonly EntryView[]): void {
  const actions = views.filter(isAction)
  const control = views.filter(view => !isAction(view))
  const { rows, groups } = counted(actions)
  expect(counts.entries).toBe(views.length)
  expect(counts.kinds).toEqual(Object.fromEntries(kinds.map(kind => [kind, views.filter(v => v.kind === kind).length])))
  expect(counts.securityLevels).toEqual(
    Object.fromEntries(securityLevels.map(level => [level, views.filter(v => v.securityLevel === level).length])),
  )
  expect(counts.actions.entries).toBe(actions.length)
  expect(counts.actions.outcomes).toEqual(byOutcome(actions))
  const tables = {
    operations: (view: EntryView) => [view.operation],
    components: (view: EntryView) => [view.component],
    tools: (view: EntryView) => [view.attributes?.['gen_ai.tool.name'] as string | undefined],
    actors: who(0),
    principals: who(1),
  }
  for (const [name, pick] of Object.entries(tables)) {
    const { rows: found, others } = counts.actions[name as keyof typeof tables]
    expect([name, found.map(row => ({ name: row.name, entries: row.entries }))]).toEqual([name, rows(pick)])
    expect(found.map(row => row.outcomes)).toEqual(groups(pick).map(([, of]) => byOutcome(of)))
    expect(others).toEqual({ entries: 0, values: 0, isAtLeast: false })
  }
  for (const { name, duration } of counts.actions.operations.rows) {
    const values = actions.flatMap(v => (v.operation === name ? (v.performanceMetrics?.durationMs ?? []) : []))
    expectStatistics(duration, values)
  }
  for (const { name, statistics, entries } of counts.actions.metrics.rows) {
    const values = actions.flatMap(view => view.performanceMetrics?.[name] ?? [])
    expect(entries).toBe(values.length)
    expectStatistics(statistics, values)
  }
  expect(counts.complianceFlags.rows).toEqual(counted(views).rows(view => view.complianceFlags))
  expect(counts.governance.rows).toEqual(counted(views).rows(view => [view.governanceStatus]))
  const gone = actions.filter(view => view.sealed?.actor !== undefined && identitiesOf(view.actor).length === 0)
  expect(counts.actions.actorsGone).toBe(gone.length)
  expect(counts.actions.withoutActor).toBe(actions.filter(view => view.sealed?.actor === undefined).length)
  const { timeline } = counts.actions
  expect(timeline.buckets.reduce((sum, { entries }) => sum + entries, 0)).toBe(actions.length)
  for (const { start, entries, outcomes: ended } of timeline.buckets) {
    const from = parseTime(start)!
    const inside = actions.filter(
      ({ time }) => from <= parseTime(time)! && parseTime(time)! < from + timeline.widthMs * 1000,
    )
    expect([start, entries, ended]).toEqual([start, inside.length, byOutcome(inside)])
  }
  expect(counts.control.operations).toEqual(
    Object.fromEntries(
      counted(control)
        .rows(view => [view.operation])
        .map(({ name, entries }) => [name, entries]),
    ),
  )
  expect(counts.control.acts.map(({ seq, operation }) => [seq, operation])).toEqual(
    control.map(v => [v.seq, v.operation]),
  )
  expect(counts.control.readers.rows.map(({ name, entries }) => ({ name, entries }))).toEqual(
    counted(control.filter(({ operation }) => operation.startsWith('access.'))).rows(who(0)),
  )
  const named = (operation: string) =>
    control
      .filter(view => view.operation === operation)
      .reduce((sum, { attributes }) => sum + countIn(parseRanges(String(attributes?.entries))), 0)
  expect(counts.control.prunedEntries).toBe(named('retention.pruned'))
  expect(counts.control.erasedEntries).toBe(named('subject.erased'))
  const values = views.flatMap(view => Object.keys(view.sealed ?? {}).map(name => view[name]))
  expect(counts.sealedValues).toBe(values.length)
  expect(counts.sealedValuesGone).toBe(values.filter(value => (value as { erased?: boolean })?.erased === true).length)
}

function expectStatistics(
  found: LogSummary['counts']['actions']['metrics']['rows'][number]['statistics'] | undefined,
  values: readonly number[],
): void {
  if (values.length === 0) {
    expect(found).toBeUndefined()
    return
  }
  const sum = values.reduce((total, value) => total + value, 0)
  expect(found).toMatchObject({ count: values.length, min: Math.min(...values), max: Math.max(...values) })
  expect(found!.sum).toBeCloseTo(sum, 6)
  expect(found!.mean).toBeCloseTo(sum / values.length, 6)
  for (const [name, share] of [
    ['p50', 0.5],
    ['p95', 0.95],
    ['p99', 0.99],
  ] as const) {
    const exact = exactQuantile(values, share)
    expect(Math.abs(found![name] - exact)).toBeLessThanOrEqual(exact * relativeError * 1.0001)
  }
}

describe('the summary of a period', () => {
  test('has the figures of a slow count, over everything and over any part', async () => {
    const summary = await log.reader.summarize({ top: 1000 })
    expect(summary).toMatchObject({ from: 0, to: all.length, size: all.length, absent: 0, unsigned: 0 })
    expect(summary.verification).toMatchObject({ valid: true, complete: false, trust: 'anchored', entries: all.length })
    expect(summary.counts.control.prunedEntries).toBeGreaterThan(20)
    expect(summary.counts.control.erasedEntries).toBeGreaterThan(5)
    expect(summary.counts.sealedValuesGone).toBeGreaterThan(20)
    expectFigures(summary, all)

    const times = all.map(({ time }) => parseTime(time)!)
    const moment = fc.integer({ min: start - hour, max: times.at(-1)! + hour })
    await fc.assert(
      fc.asyncProperty(moment, moment, async (a, b) => {
        const [since, until] = [Math.min(a, b), Math.max(a, b)]
        const part = all.filter((_, i) => since <= times[i]! && times[i]! <= until)
        const summary = await log.reader.summarize({ since: formatTime(since), until, top: 1000 })
        expect(summary.verification).toMatchObject({ valid: true, findings: [] })
        expect(summary.to - summary.from).toBe(part.length)
        if (part.length > 0)
          expect(summary).toMatchObject({ from: part[0]!.seq, firstTime: part[0]!.time, lastTime: part.at(-1)!.time })
        expectFigures(summary, part)
      }),
      { numRuns: 25, seed: 3 },
    )
  })

  test('is the same when threads share the walk, whatever lies across their seams', async () => {
    const threaded = await openLog()
    try {
      // Announced in one part, ended in another; and one that never ends.
      const calls = await Promise.all(
        Array.from({ length: 900 }, (_, i) => threaded.log.begin({ operation: `act-${i % 5}`, component: 'test' })),
      )
      await Promise.all(calls.slice(1).map((call, i) => (i % 3 === 0 ? call.deny('no') : call.succeed(i))))
      await threaded.writer.checkpoint()
      const strip = ({ verification: { durationMs: _, entries: __, ...verification }, ...rest }: LogSummary) => ({
        ...rest,
        verification,
      })
      const one = strip(await threaded.reader.summarize({ threads: 1 }))
      const three = strip(await threaded.reader.summarize({ threads: 3 }))
      expect(three).toEqual(one)
      expect(one.counts.openIntents.map(({ id }) => id)).toEqual([calls[0]!.receipt.id])
      expect(one.verification).toMatchObject({ valid: true, complete: false })
      expect(three.counts.actions.operations.rows[0]?.duration?.count).toBeGreaterThan(100)
    } finally {
      await threaded.dispose()
    }
  })

  test('names so many values and counts the others', async () => {
    const summary = await log.reader.summarize({ top: 2 })
    const { rows, others } = summary.counts.actions.operations
    expect(rows).toHaveLength(2)
    expect(others).toMatchObject({ values: 3, isAtLeast: false })
    expect(rows.reduce((sum, { entries }) => sum + entries, others.entries)).toBe(summary.counts.actions.entries)
  })

  test('of a year without entries has none, and nothing of today', async () => {
    const summary = await log.reader.summarize({ since: '2020-01-01T00:00:00Z', until: '2020-12-31T23:59:59Z' })
    expect(summary).toMatchObject({ from: 0, to: 0, counts: { entries: 0, control: { operations: {}, acts: [] } } })
    expect(summary.verification).toMatchObject({ valid: true, complete: true, entries: 1 })
    const later = await log.reader.summarize({ since: '2031-01-01T00:00:00Z' })
    expect(later).toMatchObject({ from: all.length, to: all.length, counts: { entries: 0 } })
    for (const wrong of [{ since: 'yesterday' }, { top: 0 }, { top: 1001 }, { threads: 0.5 }, { threads: 17 }]) {
      await expect(log.reader.summarize(wrong)).rejects.toMatchObject({ code: 'bad_input' })
    }
  })

  test('says of an action that ended after the period that it did', async () => {
    const late = await openLog()
    try {
      const ends = await late.log.begin({ operation: 'slow', component: 'test' })
      const stays = await late.log.begin({ operation: 'lost', component: 'test' })
      late.goTo(start + day)
      await ends.succeed()
      const summary = await late.reader.summarize({ until: at(start + hour) })
      expect(summary.counts.openIntents.map(({ operation }) => operation)).toEqual(['lost'])
      expect(stays.receipt.seq).toBe(2)
      expect(summary).toMatchObject({ checkpoint: { size: 1 }, unsigned: 2 })
    } finally {
      await late.dispose()
    }
  })

  test('tells how far it is, lets other questions through, and stops when told to', async () => {
    const busy = await openLog()
    try {
      const entries = Array.from({ length: 5000 }, () => busy.log.append({ operation: 'o', component: 'c' }))
      await Promise.all(entries)
      const steps: number[] = []
      let asked = 0
      const summary = busy.reader.summarize({}, { onProgress: done => steps.push(done) })
      const later = busy.log.append({ operation: 'later', component: 'c' })
      while (steps.length === 0) {
        await busy.reader.list({}, { limit: 1, order: 'desc' })
        await new Promise(resolve => setImmediate(resolve))
        asked++
      }
      // What comes meanwhile is not of it.
      expect((await later).seq).toBe(5001)
      expect(await summary).toMatchObject({ to: 5001, absent: 0, counts: { entries: 5001 } })
      expect(asked).toBeGreaterThan(1)
      expect(steps[0]).toBeLessThan(5001)
      const controller = new AbortController()
      const stopped = busy.reader.summarize({}, { onProgress: () => controller.abort(), signal: controller.signal })
      await expect(stopped).rejects.toThrow(/abort/i)
    } finally {
      await busy.dispose()
    }
  })
})

describe('the summary of a log that was tampered with', () => {
  /** What is done to a copy, and the findings over the second day. */
  const harms: [
    name: string,
    harm: (tamper: Tamper) => void,
    period: { since: string; until: string },
    finding: string,
  ][] = []
  const second = { since: at(start + day), until: at(start + 2 * day - 1) }
  const seqs = () => all.filter(({ time }) => time >= second.since && time <= second.until).map(({ seq }) => seq)
  harms.push(
    [
      'an outcome was changed',
      t => t.edit(seqs()[10]!, { outcome: 'success', operation: 'changed' }),
      second,
      'hash_mismatch',
    ],
    ['an entry is gone', t => t.rows.splice(seqs()[10]!, 1, undefined), second, 'missing_entry'],
    // The entries of the period are found by their times: these lead astray.
    [
      'the first was dated before the period',
      t => t.edit(seqs()[0]!, { time: formatTime(start + 1000) }),
      second,
      'hash_mismatch',
    ],
    [
      'the last was dated after it',
      t => t.edit(seqs().at(-1)!, { time: formatTime(start + 4 * day) }),
      second,
      'hash_mismatch',
    ],
    [
      'one in the middle was dated years later',
      t => t.edit(seqs()[15]!, { time: '2036-01-01T00:00:00.000000Z' }),
      second,
      'hash_mismatch',
    ],
    ['all checkpoints are gone', t => t.db.exec('DELETE FROM checkpoint'), second, 'signature_invalid'],
  )

  const whole = mkdtempSync(join(tmpdir(), 'memmimic-report-'))
  beforeAll(async () => {
    const story = await openLog()
    await writeStory(story)
    await story.log.close()
    cpSync(story.folder, whole, { recursive: true })
    await story.dispose()
  })
  afterAll(() => rmSync(whole, { recursive: true, force: true }))

  test.for(harms)('%s', async ([name, harm, period, finding]) => {
    const folder = join(whole, name.replaceAll(' ', '-'))
    for (const part of ['audit.db', 'keys']) cpSync(join(whole, part), join(folder, part), { recursive: true })
    const places = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
    const tamper = Tamper.open(places.file, loadStorageKey(places.keys))
    harm(tamper)
    tamper.save().close()
    const reader = await openReader(places)
    for (const threads of [1, 2]) {
      const { verification } = await reader.summarize({ ...period, threads })
      expect(verification.valid).toBe(false)
      expect(verification.findings.map(({ type }) => type)).toContain(finding)
    }
    await reader.close()
  })
})

test('a flood of different names is counted in memory that does not grow, and hides no total', () => {
  const tally = () => new Tally({ first: start, last: start + hour })
  const leaf = (i: number): Leaf => ({
    v: 1,
    seq: i,
    id: `01a00000-0000-7000-8000-${String(i).padStart(12, '0')}`,
    // The time of an entry that was changed may be any.
    time: i === 7 ? '2200-01-01T00:00:00.000000Z' : formatTime(start + i),
    kind: i % 2 === 0 ? 'event' : 'control',
    operation: i % 3 === 0 ? 'often' : `name ${i}`,
    component: i === 8 ? 'x'.repeat(257) : 'c',
    securityLevel: 'internal',
    complianceFlags: [`flag ${i}`],
    performanceMetrics: { [`metric ${i}`]: i },
    previousHash: '',
  })
  const [one, other] = [tally(), tally()]
  const count = 60_000
  for (let i = 0; i < count; i++) {
    const entry = leaf(i)
    ;(i < count / 2 ? one : other).add(entry, parseTime(entry.time)!, new Uint8Array(0))
  }
  one.absorb(other.state())
  const { actions, complianceFlags, control, entries } = one.counts(5)
  expect(entries).toBe(count)
  for (const { rows, others } of [actions.operations, actions.metrics]) {
    expect(others).toMatchObject({ values: 996, isAtLeast: true })
    expect(rows.reduce((sum, row) => sum + row.entries, others.entries)).toBe(count / 2)
  }
  expect(actions.operations.rows[0]).toMatchObject({ name: 'often', entries: 10_000 })
  expect(complianceFlags.others).toMatchObject({ entries: count - 5, values: 9996 })
  expect(actions.components.others).toEqual({ entries: 1, values: 1, isAtLeast: true })
  expect(Object.values(control.operations).reduce((sum, n) => sum + n, 0)).toBe(count / 2)
  expect(Object.keys(control.operations).length).toBeLessThanOrEqual(101)
  expect(control.acts.length + control.actsOmitted).toBe(count / 2)
  expect(control.acts.length).toBeLessThan(1000)
  expect(actions.timeline.buckets.reduce((sum, bucket) => sum + bucket.entries, 0)).toBe(count / 2)
  expect(actions.timeline.buckets.length).toBeLessThanOrEqual(101)
})

test('a quantile is within one percent of the value that has its rank, whatever the values and however they are split', () => {
  const value = fc.oneof(fc.double({ min: 0.001, max: 1e9, noNaN: true }), fc.constantFrom(0.5, 1, 1, 1, 250))
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 300 }), fc.nat(300), (values, cut) => {
      const parts = [values.slice(0, cut), values.slice(cut)].map(part => {
        const sketch = new Sketch()
        for (const one of part) sketch.add(one)
        return sketch
      })
      const whole = new Sketch()
      for (const part of parts) whole.absorb(part.state())
      expectStatistics(whole.statistics(), values)
    }),
  )
  const odd = new Sketch()
  for (const one of [-5, 0, 1e-9, 1e15]) odd.add(one)
  expect(odd.statistics()).toMatchObject({ count: 4, min: -5, max: 1e15, p50: 0 })
  expect(new Sketch().statistics()).toBeUndefined()
})

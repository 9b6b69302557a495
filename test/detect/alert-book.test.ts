import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IdSource } from '../../src/append/clock.ts'
import { captureEntry } from '../../src/core/capture.ts'
import { type Finding, type FindingType, finding, severities } from '../../src/core/finding.ts'
import { uuidv7, uuidv7Time } from '../../src/core/time.ts'
import { type AlertStep, formatStep, parseStep } from '../../src/detect/alert.ts'
import { AlertBook, type Seen, type Sighting } from '../../src/detect/alert-book.ts'
import { type DetectSettings, defaultDetectSettings } from '../../src/detect/settings.ts'
import { placesOf, type ReportedEvent, reportedSighting } from '../../src/detect/tampering.ts'
import { fixedWorld } from '../../src/testing.ts'

const second = 1e6
const day = 86_400 * second
const start = Date.UTC(2026, 10, 23, 12) * 1000

function newBook(settings: Partial<DetectSettings> = {}) {
  const ids = new IdSource(fixedWorld())
  // All ids of one millisecond.
  const book = new AlertBook({ ...defaultDetectSettings, ...settings }, () => ids.next(start))
  const found = (findings: readonly Finding[], at: number, checked = 1000): Seen[] =>
    placesOf(findings, checked, at, (type, seq) => book.aboutEntry(type, seq)).map(({ sighting }) =>
      book.see(sighting, at),
    )
  const reported = (event: Partial<ReportedEvent>, at: number) =>
    book.see(reportedSighting({ type: 'hash_mismatch', description: 'told', ...event }, at), at)
  return { book, found, reported }
}

const changed = (seq: number, actual = `hash of ${seq}`) =>
  finding('hash_mismatch', `entry ${seq} was changed`, { seq, expected: 'other', actual })
const burst = (who: string, severity: Sighting['severity'] = 'high'): Sighting => ({
  type: 'bulk_modification',
  severity,
  description: 'one actor deleted much',
  component: 'memory',
  source: 'pattern',
  pattern: 'delete_burst',
  subject: who,
  key: `delete_burst ${who}`,
  confidence: 1,
  entries: [],
  ids: [],
  evidence: [],
})

describe('one thing, one alert', () => {
  it('ten thousand alerts of one millisecond have ten thousand ids', () => {
    const { book, reported } = newBook()
    for (let i = 0; i < 10_000; i++) reported({ entryId: `entry ${i}` }, start)
    const ids = new Set(book.all().map(({ id }) => id))
    expect(ids.size).toBe(10_000)
    expect(uuidv7Time([...ids][4711]!)).toBe(start / 1000)
  })

  it('a flood of the same is one alert with a count, written down at growing counts', () => {
    const { book, found } = newBook()
    const steps: AlertStep[] = []
    for (let i = 0; i < 5000; i++) {
      for (const seen of found([changed(50)], start + i * 1000)) steps.push(...seen.steps)
    }
    expect(book.all()).toMatchObject([{ count: 5000, affectedEntries: ['50'], evidence: [{ seq: 50 }] }])
    expect(steps.map(step => (step.step === 'counted' ? step.count : 1))).toEqual(
      Array.from({ length: 13 }, (_, i) => 2 ** i),
    )
  })

  it('neighbours that one check finds are one alert, entries apart are alerts of their own', () => {
    const { book, found } = newBook()
    found([...Array.from({ length: 80 }, (_, i) => changed(100 + i)), changed(300), changed(310)], start)
    expect(book.all().map(({ affectedEntries }) => affectedEntries)).toEqual([['100-179'], ['300'], ['310']])
    expect(book.all()[0]!.description).toBe('80 entries from 100 on, the first: entry 100 was changed')
  })

  it('a run that is found in two stretches is one alert, and a later check finds nothing new', () => {
    const { book, found } = newBook()
    const run = Array.from({ length: 100 }, (_, i) => changed(200 + i))
    found(run.slice(0, 56), start)
    expect(found(run.slice(56), start + second)[0]).toMatchObject({ isNew: true })
    expect(book.all()).toMatchObject([{ affectedEntries: ['200-299'], count: 2 }])
    expect(found(run, start + 2 * second).map(({ isNew }) => isNew)).toEqual([false])
    expect(found(run.slice(30, 70), start + 20 * day).map(({ isNew }) => isNew)).toEqual([false])
  })

  it('what is found beside an old alert at another time is an alert of its own', () => {
    const { book, found } = newBook()
    found([changed(50)], start)
    found([changed(51)], start + 400 * second)
    expect(book.size).toBe(2)
  })

  it('what is wrong with the log as a whole is one alert, wherever a check comes upon it', () => {
    const { book, found } = newBook()
    for (let i = 0; i < 40; i++) {
      found([finding('rollback', `${900 + i} entries were signed`, { seq: 256 * i })], start + i * 60 * second)
      found(
        [finding('tree_mismatch', 'the log does not lead to its head', { seq: 256 * i - 1 })],
        start + i * 60 * second,
      )
    }
    expect(book.all().map(({ type, component, count }) => [type, component, count])).toEqual([
      ['rollback', 'tree', 40],
      ['tree_mismatch', 'tree', 40],
    ])
  })

  it('many events at another time are another incident', () => {
    const { book } = newBook()
    book.see(burst('a'), start)
    book.see(burst('b'), start)
    book.see(burst('a'), start + 299 * second)
    book.see(burst('a'), start + 700 * second)
    expect(book.all().map(({ subject, count }) => [subject, count])).toEqual([
      ['a', 2],
      ['b', 1],
      ['a', 1],
    ])
  })

  it('that becomes worse is told again, once', () => {
    const { book } = newBook()
    const news = (severity: Sighting['severity']) => book.see(burst('a', severity), start).news
    expect((['medium', 'medium', 'critical', 'high', 'critical'] as const).map(news)).toEqual([
      'raised',
      undefined,
      'escalated',
      undefined,
      undefined,
    ])
    expect(book.all()).toMatchObject([{ severity: 'critical' }])
  })
})

describe('a flood of harmless failures', () => {
  it('becomes few alerts, and the real one after it is raised and stays', () => {
    const { book, found, reported } = newBook()
    for (let i = 0; i < 50_000; i++) {
      reported({ type: 'missing_entry', severity: 'medium', entryId: `no such entry ${i}` }, start + i)
      reported({ type: 'suspicious_pattern', severity: 'low', entryId: `not now ${i}` }, start + i)
    }
    expect(book.size).toBe(200)
    expect(book.all().reduce((sum, { count }) => sum + count, 0)).toBe(100_000)
    const [seen] = found([finding('missing_entry', 'entry 7 is not there', { seq: 7 })], start + 60_000)
    expect(seen).toMatchObject({ isNew: true, news: 'raised' })
    expect(found([changed(8)], start + 60_001)[0]).toMatchObject({ news: 'raised' })
    expect(reported({ entryId: 'e' }, start + 60_002).news).toBe('raised')
  })

  it('pushes out no alert of a check, nor one that is worse', () => {
    const settings = { retention: { ...defaultDetectSettings.retention, maxAlerts: 50 } }
    const { book, found, reported } = newBook(settings)
    const [real] = found([finding('missing_entry', 'entry 7 is not there', { seq: 7 })], start)
    const told = reported({ entryId: 'real' }, start)
    for (let i = 0; i < 40; i++) reported({ type: 'missing_entry', severity: 'medium', entryId: `${i}` }, start + 1)
    for (let i = 0; i < 40; i++) book.see(burst(`spoofed ${i}`, 'medium'), start + 2)
    expect(book.size).toBe(50)
    expect(book.evicted).toBe(32)
    expect(book.get(real!.alert)).toMatchObject({ type: 'missing_entry', resolved: false })
    expect(book.get(told.alert)).toMatchObject({ type: 'hash_mismatch' })
    for (let i = 0; i < 3000; i++) reported({ entryId: `forged ${i}` }, start + 3)
    expect(book.get(real!.alert)).toBeDefined()
    expect(book.size).toBe(50)
  })

  it('of real findings is kept together, with every entry that is affected', () => {
    const { book, found } = newBook()
    const seqs = Array.from({ length: 3000 }, (_, i) => 1000 + 3 * i)
    found(
      seqs.map(seq => changed(seq)),
      start,
      10_000,
    )
    expect(book.size).toBeLessThan(110)
    const affected = book.all().flatMap(({ affectedEntries }) => affectedEntries.map(Number))
    expect(affected.toSorted((a, b) => a - b)).toEqual(seqs)
    expect(
      found(
        seqs.map(seq => changed(seq)),
        start + day,
        10_000,
      ).some(({ isNew }) => isNew),
    ).toBe(false)
  })
})

describe('an alert that was resolved', () => {
  const resolved = (seq = 50) => {
    const { book, found, reported } = newBook()
    const [{ alert }] = found([changed(seq)], start) as [Seen]
    book.apply({ step: 'acknowledged', alert, time: start + second })
    book.apply({ step: 'resolved', alert, time: start + 2 * second, note: 'restored' })
    expect(book.get(alert)).toMatchObject({ resolved: true, acknowledged: true })
    return { book, found, reported, alert }
  }

  it('stays so while the file is as it was known to be, for a day', () => {
    const { book, found, alert } = resolved()
    expect(found([changed(50)], start + day)).toMatchObject([{ alert, isNew: false }])
    expect(book.get(alert)).toMatchObject({ resolved: true, count: 2 })
    const [later] = found([changed(50)], start + day + 3 * second)
    expect(later).toMatchObject({ alert, isNew: true, news: 'reopened', steps: [{ step: 'reopened' }] })
    expect(book.get(alert)).toMatchObject({ resolved: false, acknowledged: false })
  })

  it('is opened again at once when the same entry is found otherwise than it was, or is reported', () => {
    const first = resolved()
    expect(first.found([changed(50, 'another hash')], start + 9 * second)[0]!.news).toBe('reopened')
    const second_ = resolved()
    expect(second_.reported({ seq: 50 }, start + 9 * second).news).toBe('reopened')
  })

  it('leaves the memory after seven days, and not before', () => {
    const { book, alert } = resolved()
    book.prune(start + 7 * day)
    expect(book.get(alert)).toBeDefined()
    book.prune(start + 7 * day + 3 * second)
    expect(book.get(alert)).toBeUndefined()
    expect(book.aboutEntry('hash_mismatch', 50)).toBeUndefined()
  })

  it('does not take one that is open with it, however old that is', () => {
    const { book, found } = resolved()
    const [open] = found([changed(99)], start)
    book.prune(start + 4000 * day)
    expect(book.all().map(({ id }) => id)).toEqual([open!.alert])
  })
})

it('the health of a component becomes worse with its alerts, and is good again when they are resolved', () => {
  const { book, reported } = newBook()
  const raise = (severity: Sighting['severity']) =>
    reported({ component: 'vault', severity, entryId: severity }, start).alert
  const status = () => book.health().vault?.status
  expect(status()).toBeUndefined()
  const low = raise('low')
  expect(status()).toBe('healthy')
  const medium = raise('medium')
  expect(status()).toBe('degraded')
  const high = raise('high')
  const critical = raise('critical')
  expect(book.health().vault).toMatchObject({ status: 'compromised', openAlerts: 4, tamperCount: 4 })
  expect(book.active()).toEqual({ info: 0, low: 1, medium: 1, high: 1, critical: 1 })
  const resolve = (alert: string) => book.apply({ step: 'resolved', alert, time: start + second })
  resolve(high)
  expect(status()).toBe('compromised')
  resolve(critical)
  expect(status()).toBe('degraded')
  resolve(medium)
  resolve(low)
  expect(book.health().vault).toMatchObject({ status: 'healthy', openAlerts: 0, tamperCount: 4 })
  book.apply({ step: 'reopened', alert: medium, time: start + 2 * second })
  expect(status()).toBe('degraded')
})

it('is what its steps say: read back from entries, a book is the same', () => {
  const types = ['hash_mismatch', 'missing_entry', 'rollback'] as const satisfies readonly FindingType[]
  const act = fc.oneof(
    fc.record({
      find: fc.array(fc.record({ type: fc.constantFrom(...types), seq: fc.integer({ min: 0, max: 30 }) }), {
        maxLength: 8,
      }),
    }),
    fc.record({ burst: fc.constantFrom('a', 'b'), severity: fc.constantFrom(...severities) }),
    fc.record({ report: fc.constantFrom('x', 'y'), severity: fc.constantFrom(...severities) }),
    fc.record({
      step: fc.constantFrom('acknowledged' as const, 'resolved' as const, 'reopened' as const, 'commented' as const),
      which: fc.nat(5),
      note: fc.constantFrom('', 'looking', 'Zoë’s machine 🌍'),
    }),
    fc.record({ wait: fc.integer({ min: 1, max: 3 * 86_400 }) }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), acts => {
      const { book, found, reported } = newBook()
      const steps: AlertStep[] = []
      const keep = (seen: readonly Seen[]) => steps.push(...seen.flatMap(({ steps }) => steps))
      let time = start
      for (const one of acts) {
        time += 1000
        if ('find' in one)
          keep(
            found(
              one.find.map(({ type, seq }) => finding(type, `${type} ${seq}`, { seq })),
              time,
            ),
          )
        else if ('burst' in one) keep([book.see(burst(one.burst, one.severity), time)])
        else if ('report' in one) keep([reported({ entryId: one.report, severity: one.severity }, time)])
        else if ('wait' in one) time += one.wait * second
        else {
          const alert = book.all()[one.which]?.id
          if (alert === undefined) continue
          const actor = { type: 'user', id: 'u1' }
          const step = { step: one.step, alert, time, actor, ...(one.note && { note: one.note }) }
          book.apply(step)
          steps.push(step)
        }
      }
      steps.push(...book.unwritten())
      const again = newBook().book
      for (const step of steps) {
        const input = formatStep(step)
        captureEntry({ ...(input as object), component: 'memmimic-audit' } as never, {
          id: uuidv7(0, new Uint8Array(10)),
          time,
          control: true,
        })
        const { sealed, ...open } = input
        const read = parseStep({ kind: 'control', ...open, ...sealed } as never)
        expect(read).toEqual(step)
        again.apply(read!)
      }
      // How often it was seen is written at growing counts only.
      const comparable = (all: AlertBook) =>
        all.all().map(({ count, lastSeenAt, evidence, confidenceScore, ...rest }) => rest)
      again.prune(time)
      book.prune(time)
      expect(comparable(again)).toEqual(comparable(book))
      expect(again.active()).toEqual(book.active())
    }),
    { numRuns: 300 },
  )
})

it('an entry that is no step of an alert, or of a later release, is not understood and harms nothing', () => {
  const step = newBook().reported({ entryId: 'e' }, start).steps[0]!
  const { sealed, attributes, ...open } = formatStep(step)
  const entry = { kind: 'control', ...open, attributes, ...sealed } as Parameters<typeof parseStep>[0]
  expect(parseStep(entry)).toEqual(step)
  const wrong: object[] = [
    { kind: 'event' },
    { operation: 'alert.forgotten' },
    { attributes: undefined },
    ...['alert.id', 'alert.time', 'alert.type', 'alert.severity', 'alert.source', 'alert.confidence'].map(name => ({
      attributes: { ...attributes, [name]: 'what?' as string | number },
    })),
    { attributes: { ...attributes, 'alert.entries': '9-1' } },
  ]
  const isUnderstood = wrong.map(part => parseStep({ ...entry, ...part }) !== undefined)
  expect(isUnderstood).toEqual([false, false, false, true, ...Array(6).fill(false)])
  const erased = { evidence: { erased: true }, ids: { erased: true }, subject: { erased: true }, key: { erased: true } }
  expect(parseStep({ ...entry, ...erased })).toMatchObject({ type: 'hash_mismatch', evidence: [], ids: [] })
})

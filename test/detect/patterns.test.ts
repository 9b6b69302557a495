import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FindingType, Severity } from '../../src/core/finding.ts'
import { PatternEngine, type TamperEvent } from '../../src/detect/patterns.ts'
import { builtInPatterns, type TamperPattern } from '../../src/detect/settings.ts'
import { isAtLeast, oneStepUp, rankOf, worse } from '../../src/detect/severity.ts'
import { AuditError } from '../../src/index.ts'

const second = 1e6
const start = Date.UTC(2026, 10, 23, 12) * 1000
const event = (time: number, type: FindingType, component = 'entries', entry?: string): TamperEvent => ({
  time,
  type,
  component,
  entry,
})

describe('the five built-in patterns', () => {
  it.each<[string, readonly FindingType[], number, number, Severity, TamperPattern['grouping'], number]>([
    ['hash_verification_failures', ['hash_mismatch'], 3, 300, 'high', 'all', 2],
    ['chain_break_cluster', ['chain_break'], 2, 60, 'critical', 'component', 2],
    ['bulk_tampering', ['hash_mismatch', 'missing_entry'], 10, 600, 'critical', 'all', 3],
    ['temporal_anomalies', ['temporal_violation'], 5, 300, 'medium', 'all', 2],
    ['signature_failures', ['signature_invalid'], 2, 120, 'high', 'all', 2],
  ])(
    '%s fires at its threshold within its window, and not before, nor over a longer time',
    (name, types, threshold, window, severity, grouping, escalation) => {
      const settings = { types, threshold, windowSeconds: window, severity, grouping, escalation }
      expect(builtInPatterns[name]).toEqual(settings)
      const patterns = { [name]: builtInPatterns[name]! }
      const typeOf = (i: number) => types[i % types.length]!

      const within = new PatternEngine(patterns)
      const step = ((window - 1) * second) / (threshold - 1)
      for (let i = 0; i < threshold - 1; i++) expect(within.observe(event(start + i * step, typeOf(i)))).toEqual([])
      const [match] = within.observe(event(start + (threshold - 1) * step, typeOf(0)))
      expect(match).toMatchObject({ pattern: name, count: threshold, severity })

      const slow = new PatternEngine(patterns)
      const wider = ((window + 1) * second) / (threshold - 1)
      for (let i = 0; i < 3 * threshold; i++) expect(slow.observe(event(start + i * wider, typeOf(i)))).toEqual([])
    },
  )

  it('match what statuses become: a thousand events of each are not zero patterns', () => {
    const engine = new PatternEngine(builtInPatterns)
    const fired = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      for (const type of [
        'hash_mismatch',
        'missing_entry',
        'signature_invalid',
        'chain_break',
        'temporal_violation',
      ] as const) {
        for (const { pattern } of engine.observe(event(start + i * 1000, type))) fired.add(pattern)
      }
    }
    expect([...fired].sort()).toEqual(Object.keys(builtInPatterns).sort())
  })

  it('raise the severity one step above threshold × escalation, and critical stays critical', () => {
    const severities = (name: string, type: FindingType, count: number) => {
      const engine = new PatternEngine({ [name]: builtInPatterns[name]! })
      return Array.from({ length: count }, (_, i) => engine.observe(event(start + i, type))[0]?.severity)
    }
    const temporal = severities('temporal_anomalies', 'temporal_violation', 40)
    expect(temporal.slice(0, 12)).toEqual([
      ...Array.from({ length: 4 }, () => undefined),
      ...Array.from({ length: 6 }, () => 'medium'),
      ...['high', 'high'],
    ])
    expect(temporal.at(-1)).toBe('high')
    expect(severities('chain_break_cluster', 'chain_break', 9).at(-1)).toBe('critical')
  })
})

describe('patterns of one’s own', () => {
  it('count by component, by entry, or all together', () => {
    const own = (grouping: TamperPattern['grouping']) =>
      new PatternEngine({
        own: { types: ['index_mismatch'], threshold: 2, windowSeconds: 10, severity: 'low', grouping, escalation: 1 },
      })
    const groups = (engine: PatternEngine) =>
      [
        event(start, 'index_mismatch', 'a', '1'),
        event(start, 'index_mismatch', 'b', '1'),
        event(start, 'index_mismatch', 'b', '2'),
        event(start, 'index_mismatch', 'c'),
        event(start, 'rollback', 'a', '1'),
      ].map(one => engine.observe(one).map(({ group, count }) => `${group}×${count}`))
    expect(groups(own('all'))).toEqual([[], ['×2'], ['×3'], ['×4'], []])
    expect(groups(own('component'))).toEqual([[], [], ['b×2'], [], []])
    expect(groups(own('entry'))).toEqual([[], ['1×2'], [], [], []])
  })

  it.each<[Partial<TamperPattern>, string]>([
    [{ threshold: 0 }, '$.patterns.own.threshold'],
    [{ threshold: 1.5 }, '$.patterns.own.threshold'],
    [{ types: [] }, '$.patterns.own.types'],
    [{ types: ['tampered' as never] }, '$.patterns.own.types'],
    [{ types: ['toString' as never] }, '$.patterns.own.types'],
    [{ windowSeconds: Number.NaN }, '$.patterns.own.windowSeconds'],
    [{ severity: 'urgent' as never }, '$.patterns.own.severity'],
    [{ grouping: 'actor' as never }, '$.patterns.own.grouping'],
    [{ escalation: 0.5 }, '$.patterns.own.escalation'],
  ])('are refused when they make no sense: %j', (wrong, path) => {
    const own = { ...builtInPatterns.signature_failures!, ...wrong }
    const make = () => new PatternEngine({ own })
    expect(make).toThrow(AuditError)
    expect(make).toThrow(expect.objectContaining({ code: 'bad_input', path }))
  })

  it('can be switched off', () => {
    const off = { ...builtInPatterns.signature_failures!, enabled: false }
    const engine = new PatternEngine({ off })
    for (let i = 0; i < 10; i++) expect(engine.observe(event(start, 'signature_invalid'))).toEqual([])
  })
})

it('counts as the slow reference does, for any pattern and any events', () => {
  const types = ['hash_mismatch', 'chain_break', 'missing_entry'] as const
  const pattern = fc.record({
    types: fc.subarray([...types], { minLength: 1 }),
    threshold: fc.integer({ min: 1, max: 6 }),
    windowSeconds: fc.integer({ min: 1, max: 8 }),
    severity: fc.constantFrom<Severity>('info', 'medium', 'critical'),
    grouping: fc.constantFrom('all' as const, 'component' as const, 'entry' as const),
    escalation: fc.constantFrom(1, 1.5, 3),
  })
  const events = fc.array(
    fc.record({
      later: fc.integer({ min: 0, max: 3 * second }),
      type: fc.constantFrom(...types),
      component: fc.constantFrom('a', 'b'),
      entry: fc.constantFrom('1', '2', undefined),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(pattern, events, (pattern, gaps) => {
      const engine = new PatternEngine({ pattern })
      const seen: TamperEvent[] = []
      let time = start
      const max = Math.max(Math.floor(pattern.threshold * pattern.escalation) + 1, 10)
      for (const { later, ...rest } of gaps) {
        time += later
        const now = { time, ...rest }
        const [match] = engine.observe(now)
        seen.push(now)
        const groupOf = ({ component, entry }: TamperEvent) =>
          pattern.grouping === 'all' ? '' : pattern.grouping === 'component' ? component : entry
        const same = seen.filter(
          one =>
            pattern.types.includes(one.type as never) &&
            one.time >= time - pattern.windowSeconds * second &&
            groupOf(one) !== undefined &&
            groupOf(one) === groupOf(now),
        )
        const fires = pattern.types.includes(now.type) && same.length >= pattern.threshold
        expect(match !== undefined).toBe(fires)
        if (match === undefined) continue
        expect(match.count).toBe(Math.min(same.length, max))
        expect(match.events).toEqual(same.slice(-10))
        const isMore = same.length > pattern.threshold * pattern.escalation
        expect(match.severity).toBe(isMore ? oneStepUp(pattern.severity) : pattern.severity)
      }
    }),
    { numRuns: 300 },
  )
})

it('remembers no more than it is told to, and an event costs the same after a million as after a thousand', () => {
  const engine = new PatternEngine({
    ...builtInPatterns,
    by_entry: { ...builtInPatterns.bulk_tampering!, grouping: 'entry' },
  })
  const types = ['hash_mismatch', 'chain_break', 'missing_entry', 'signature_invalid', 'temporal_violation'] as const
  let at = 0
  const microsEach = (count: number) => {
    const before = performance.now()
    for (let i = 0; i < count; i++, at++) {
      engine.observe(event(start + at * 1000, types[at % 5]!, `component ${at % 9}`, String(at)))
    }
    return ((performance.now() - before) / count) * 1000
  }
  microsEach(20_000)
  const early = Math.min(...Array.from({ length: 5 }, () => microsEach(10_000)))
  microsEach(900_000)
  const late = Math.min(...Array.from({ length: 5 }, () => microsEach(10_000)))
  console.info(`a pattern event: ${early.toFixed(2)} µs after 20 000, ${late.toFixed(2)} µs after 1 000 000`)
  expect(engine.size).toBeLessThanOrEqual(5_000)
  expect(late).toBeLessThan(20)
  expect(late / early).toBeLessThan(3)
})

describe('severities', () => {
  it('are compared by rank, not as text: critical is above high', () => {
    const ordered: Severity[] = ['info', 'low', 'medium', 'high', 'critical']
    expect(ordered.toSorted((a, b) => rankOf(a) - rankOf(b))).toEqual(ordered)
    expect(ordered.toSorted()).not.toEqual(ordered)
    for (const [i, a] of ordered.entries()) {
      for (const [j, b] of ordered.entries()) {
        expect(isAtLeast(a, b)).toBe(i >= j)
        expect(worse(a, b)).toBe(ordered[Math.max(i, j)])
      }
      expect(oneStepUp(a)).toBe(ordered[Math.min(i + 1, 4)])
    }
  })
})

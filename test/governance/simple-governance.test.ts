import { describe, expect, it } from 'vitest'
import type { GovernedMemory } from '../../src/governance/memory-facts.ts'
import {
  defaultGovernanceSettings,
  type EnforcementMode,
  type GovernanceEnvironment,
  type GovernanceSettings,
  type GovernanceThresholds,
  governanceSettingsFor,
} from '../../src/governance/settings.ts'
import { type GovernanceRule, SimpleGovernance } from '../../src/governance/simple-governance.ts'
import { fixedWorld } from '../../src/testing.ts'

/** A clock that goes on by so many milliseconds a look. */
function governanceWith(settings: GovernanceSettings, rules: readonly GovernanceRule[] = [], ms = 1): SimpleGovernance {
  let time = Date.UTC(2026, 10, 23, 12) * 1000
  return new SimpleGovernance({
    settings,
    rules,
    now: () => {
      time += ms * 1000
      return time
    },
  })
}
const inMode = (enforcementMode: EnforcementMode): GovernanceSettings => ({
  ...defaultGovernanceSettings,
  enforcementMode,
})
const nested = (depth: number): unknown => (depth === 0 ? [] : [{ id: 'm', relationships: nested(depth - 1) }])

describe('a limit', () => {
  const cases: [keyof GovernanceThresholds, string, string, (n: number) => GovernedMemory][] = [
    ['contentSize', 'content_size_exceeded', 'critical', n => ({ content: 'x'.repeat(n) })],
    ['tagCount', 'tag_count_exceeded', 'high', n => ({ tags: Array.from({ length: n }, () => 't') })],
    ['tagLength', 'tag_length_exceeded', 'medium', n => ({ tags: ['a', 'x'.repeat(n), 'b'] })],
    ['summaryLength', 'summary_length_exceeded', 'medium', n => ({ summary: 'x'.repeat(n) })],
    ['relationshipDepth', 'relationship_depth_exceeded', 'medium', n => ({ relationships: nested(n) })],
    ['metadataSize', 'metadata_size_exceeded', 'low', n => ({ metadata: { a: 'x'.repeat(n - '{"a":""}'.length) } })],
  ]
  for (const environment of ['default', 'development', 'testing', 'production'] as const) {
    const settings = environment === 'default' ? defaultGovernanceSettings : governanceSettingsFor(environment)
    it.each(cases)(`holds exactly at its threshold in ${environment}: %s`, (name, type, severity, memory) => {
      const governance = governanceWith(settings)
      const threshold = settings.thresholds[name]
      expect(governance.validateMemory(memory(threshold)).violations).toEqual([])
      const { violations } = governance.validateMemory(memory(threshold + 1))
      expect(violations).toEqual([
        {
          type,
          severity,
          value: threshold + 1,
          threshold,
          message: expect.any(String),
          remediation: expect.any(String),
        },
      ])
    })
  }

  it.each<[GovernanceEnvironment | 'default', EnforcementMode, number[]]>([
    ['default', 'strict', [1_000_000, 1000, 10_000, 100, 50, 3, 10]],
    ['development', 'permissive', [2_000_000, 1000, 10_000, 200, 50, 3, 15]],
    ['testing', 'audit_only', [500_000, 1000, 10_000, 50, 50, 3, 5]],
    ['production', 'strict', [500_000, 500, 10_000, 50, 50, 3, 5]],
  ])('is the seed’s in %s', (environment, mode, thresholds) => {
    const settings = environment === 'default' ? defaultGovernanceSettings : governanceSettingsFor(environment)
    expect(settings.enforcementMode).toBe(mode)
    expect(Object.values(settings.thresholds)).toEqual(thresholds)
  })

  it('is measured on the memory however it is spelled, and on a text', () => {
    const governance = governanceWith(governanceSettingsFor('production'))
    const long = 'x'.repeat(500_001)
    for (const memory of [{ full_context: long, content: 'short' }, { fullContext: long }, { content: long }, long]) {
      expect(governance.validateMemory(memory).violations.map(({ type }) => type)).toEqual(['content_size_exceeded'])
    }
    for (const memory of [{}, '', { tags: undefined, metadata: null, summary: null as unknown as string }]) {
      expect(governance.validateMemory(memory)).toMatchObject({ status: 'approved', violations: [], warnings: [] })
    }
  })

  it('says how many of the tags are too long, once, and nothing of what is in them', () => {
    const tags = Array.from({ length: 90 }, (_, i) => `secret${'x'.repeat(i)}`)
    const result = governanceWith(defaultGovernanceSettings).validateMemory({ tags })
    expect(result.violations).toHaveLength(1)
    expect(result.violations[0]).toMatchObject({ value: 95, message: expect.stringMatching(/^45 of the tags/) })
    expect(JSON.stringify(result)).not.toContain('secret')
  })

  it('that is near is a warning', () => {
    const governance = governanceWith(defaultGovernanceSettings)
    expect(governance.validateMemory({ content: 'x'.repeat(800_001) })).toMatchObject({
      approved: true,
      status: 'approved_with_warnings',
      violations: [],
      warnings: ['the content has 800001 of 1000000 characters'],
    })
    expect(governance.validateMemory({ content: 'x'.repeat(800_000) }).status).toBe('approved')
  })
})

describe('enforcement', () => {
  const critical = { content: 'x'.repeat(1_000_001) }
  const high = { tags: Array.from({ length: 101 }, () => 't') }
  const medium = { summary: 'x'.repeat(1001) }
  const low = { metadata: { a: 'x'.repeat(10_000) } }
  it.each<[EnforcementMode, string[]]>([
    ['strict', ['rejected', 'rejected', 'approved_with_warnings', 'approved_with_warnings', 'approved']],
    ['permissive', ['rejected', ...Array<string>(3).fill('approved_with_warnings'), 'approved']],
    ['audit_only', [...Array<string>(4).fill('approved_with_warnings'), 'approved']],
  ])('in mode %s gives, for critical to no violations, %j', (mode, expected) => {
    const governance = governanceWith(inMode(mode))
    const results = [critical, high, medium, low, {}].map(memory => governance.validateMemory(memory))
    expect(results.map(({ status }) => status)).toEqual(expected)
    for (const { approved, status, violations, warnings } of results) {
      expect(approved).toBe(status !== 'rejected')
      // What is let pass is said.
      if (approved) expect(warnings).toHaveLength(violations.length)
    }
  })

  it('gives the result that the seed gives, under its names in camelCase', () => {
    const governance = new SimpleGovernance({ now: () => fixedWorld().now() })
    expect(governance.validateMemory(critical, 'update')).toEqual({
      approved: false,
      status: 'rejected',
      violations: [
        {
          type: 'content_size_exceeded',
          severity: 'critical',
          message: 'the content has 1000001 characters; the limit is 1000000',
          value: 1_000_001,
          threshold: 1_000_000,
          remediation: 'shorten the content, or split it',
        },
      ],
      warnings: [],
      processingTime: 0,
      operationContext: 'update',
      timestamp: '2026-11-23T12:00:00.001000Z',
    })
  })

  it('can differ by what is about to be done', () => {
    const governance = new SimpleGovernance({
      overrides: { retrieve: { enforcementMode: 'audit_only', thresholds: { contentSize: 5 } } },
      now: fixedWorld().now.bind({ time: 0 }),
    })
    expect(governance.validateMemory('123456').status).toBe('approved')
    expect(governance.validateMemory('123456', 'retrieve')).toMatchObject({
      approved: true,
      violations: [{ threshold: 5 }],
    })
    expect(governance.settingsFor('toString')).toEqual(defaultGovernanceSettings)
  })

  it('that is switched off approves, and says so', () => {
    const governance = governanceWith({ ...defaultGovernanceSettings, enabled: false })
    expect(governance.validateMemory(critical)).toMatchObject({
      approved: true,
      status: 'approved_with_warnings',
      warnings: ['governance is switched off'],
    })
  })
})

describe('a rule of one’s own', () => {
  const noDiary: GovernanceRule = {
    name: 'no diary',
    check: (memory, context) =>
      context === 'store' && memory.tags?.includes('diary') === true
        ? [{ type: 'diary_not_allowed', message: 'diaries are not kept here', severity: 'high' }]
        : [],
  }
  const broken: GovernanceRule = {
    name: 'broken',
    check() {
      throw new Error('no policy server')
    },
  }

  it('counts like a limit', () => {
    const governance = governanceWith(defaultGovernanceSettings, [noDiary])
    expect(governance.validateMemory({ tags: ['diary'] })).toMatchObject({
      status: 'rejected',
      violations: [{ type: 'diary_not_allowed' }],
    })
    expect(governance.validateMemory({ tags: ['diary'] }, 'retrieve').status).toBe('approved')
  })

  it.each<[EnforcementMode, boolean]>([
    ['strict', false],
    ['permissive', false],
    ['audit_only', true],
  ])('that fails gives an error, beside what the others found; in mode %s approved is %s', (mode, approved) => {
    const governance = governanceWith(inMode(mode), [broken, noDiary])
    expect(governance.validateMemory({ tags: ['diary'] })).toMatchObject({
      approved,
      status: 'error',
      error: 'broken could not be checked: no policy server',
      violations: [{ type: 'diary_not_allowed' }, { type: 'governance_error', severity: 'critical' }],
    })
  })

  it.each([
    null,
    { tags: 'x' },
    { metadata: { n: 1n } },
    {
      get content(): string {
        throw new Error('gone')
      },
    },
  ])('and a memory that cannot be read give an error too, never an exception', memory => {
    const result = governanceWith(defaultGovernanceSettings).validateMemory(memory as unknown as GovernedMemory)
    expect(result).toMatchObject({
      approved: false,
      status: 'error',
      error: expect.stringContaining('the limits could not be checked'),
    })
  })

  it('that is slow is a warning and rejects nothing', () => {
    const slow = governanceWith(defaultGovernanceSettings, [], 11)
    expect(slow.validateMemory({})).toMatchObject({
      approved: true,
      status: 'approved_with_warnings',
      processingTime: 11,
      warnings: ['governance_timeout: the check took 11 ms, more than 10'],
    })
    expect(governanceWith(defaultGovernanceSettings, [], 10).validateMemory({}).status).toBe('approved')
  })
})

describe('a memory made to be slow to check', () => {
  it.each<[string, () => GovernedMemory]>([
    ['a million tags', () => ({ tags: Array.from({ length: 1_000_000 }, () => 'x'.repeat(60)) })],
    [
      'relationships without end',
      () => {
        const loop: { relationships: unknown[] } = { relationships: [] }
        loop.relationships.push(...Array.from({ length: 1000 }, () => loop))
        return loop
      },
    ],
    ['very many relationships', () => ({ relationships: Array.from({ length: 500_000 }, () => ({ id: 'x' })) })],
  ])('is checked in time: %s', (_what, make) => {
    const memory = make()
    const started = performance.now()
    governanceWith(defaultGovernanceSettings).validateMemory(memory)
    expect(performance.now() - started).toBeLessThan(500)
  })
})

it.each<[GovernanceSettings, string]>([
  [inMode('lax' as EnforcementMode), '$.governance.enforcementMode: must be one of strict, permissive, audit_only'],
  [
    { ...defaultGovernanceSettings, thresholds: { ...defaultGovernanceSettings.thresholds, tagCount: -1 } },
    '$.governance.thresholds.tagCount: must be an integer above 0',
  ],
])('settings that make no sense are refused in a sentence', (settings, sentence) => {
  expect(() => governanceWith(settings)).toThrow(sentence)
  expect(
    () => new SimpleGovernance({ overrides: { store: { thresholds: { tagLength: 1.5 } } }, now: () => 0 }),
  ).toThrow('$.governance.overrides.store.thresholds.tagLength')
})

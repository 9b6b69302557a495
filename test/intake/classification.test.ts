import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { captureEntry } from '../../src/core/capture.ts'
import { type EntryInput, type SecurityLevel, securityLevels } from '../../src/core/entry.ts'
import { classifier, classifyMemoryOperation, type MemoryOperationFacts } from '../../src/intake/classification.ts'
import { prepareEntry } from '../../src/intake/prepare.ts'
import { type ClassificationRule, defaultIntakeSettings } from '../../src/intake/settings.ts'

const defaults = defaultIntakeSettings.classification
const classify = (...rules: ClassificationRule[]) => classifier({ ...defaults, rules })

describe('a memory operation', () => {
  it.each<[MemoryOperationFacts, string, string]>([
    [{ operation: 'recall' }, 'internal', 'audit_required'],
    [{ operation: 'remember' }, 'internal', 'audit_required retention_required'],
    [{ operation: 'update', userContext: { admin_user: false } }, 'internal', 'audit_required retention_required'],
    [{ operation: 'forget' }, 'confidential', 'audit_required'],
    [{ operation: 'purge' }, 'confidential', 'audit_required'],
    [{ operation: 'admin_operation' }, 'confidential', 'audit_required'],
    [{ operation: 'recall', userContext: { admin_user: true } }, 'confidential', 'audit_required'],
    [{ operation: 'recall', userContext: { adminUser: true } }, 'confidential', 'audit_required'],
    [{ operation: 'recall', userContext: { pii: false } }, 'confidential', 'audit_required'],
    [{ operation: 'recall', userContext: { financial: null } }, 'confidential', 'audit_required'],
    [{ operation: 'recall', userContext: { medical: 'x' } }, 'confidential', 'audit_required'],
    [{ operation: 'recall', userContext: { gdpr_applicable: true } }, 'internal', 'audit_required gdpr_compliance'],
    [{ operation: 'recall', userContext: { hipaaApplicable: true } }, 'internal', 'audit_required hipaa_compliance'],
    [
      { operation: 'remember', governanceResult: { violations: [{ type: 'x' }], warnings: ['y'] } },
      'internal',
      'audit_required governance_violations governance_warnings retention_required',
    ],
    [{ operation: 'recall', governanceResult: { violations: [], warnings: [] } }, 'internal', 'audit_required'],
    [{ operation: 'recall', userContext: ['pii'], governanceResult: 'rejected' }, 'internal', 'audit_required'],
  ])('is classified by the seed’s rules: %j is %s, %s', (facts, securityLevel, flags) => {
    expect(classifyMemoryOperation(facts)).toEqual({ securityLevel, complianceFlags: flags.split(' ') })
  })

  it('is known by its component, and what has another one is not touched', () => {
    const entry = { operation: 'forget', component: 'memmimic_storage', complianceFlags: ['mine', 'audit_required'] }
    expect(classify()(entry)).toEqual({
      ...entry,
      securityLevel: 'confidential',
      complianceFlags: ['mine', 'audit_required'],
    })
    const other = { operation: 'forget', component: 'other' }
    expect(classify()(other)).toBe(other)
    expect(classifier({ ...defaults, memoryComponents: ['oth*'] })(other).securityLevel).toBe('confidential')
    expect(classifier({ ...defaults, enabled: false })(entry)).toBe(entry)
  })

  it('is classified by what it held before anything was taken out of it', () => {
    const prepare = prepareEntry({
      ...defaultIntakeSettings,
      redaction: { ...defaultIntakeSettings.redaction, rules: [{ path: 'userContext.medical', action: 'drop' }] },
    })
    const entry = { operation: 'recall', component: 'memmimic_storage', userContext: { medical: 'x', a: 1 } }
    expect(prepare(entry)).toMatchObject({
      securityLevel: 'confidential',
      userContext: { a: 1 },
      attributes: { 'redaction.rules': 'userContext.medical' },
    })
  })
})

describe('a configured rule', () => {
  const entry: EntryInput = {
    operation: 'payment.refund',
    component: 'billing-eu',
    userContext: { tenant: { plan: 'gold', trial: false } },
    arguments: { items: [{ iban: '' }, { iban: 'DE02' }] },
  }

  it.each<[ClassificationRule['when'], boolean]>([
    [{ operation: ['payment.*'] }, true],
    [{ operation: ['x', '*.refund'] }, true],
    [{ operation: ['payment'] }, false],
    [{ operation: ['payment.*'], component: ['billing-*'] }, true],
    [{ operation: ['payment.*'], component: ['billing-us'] }, false],
    [{ present: ['userContext.tenant.plan'] }, true],
    [{ present: ['userContext.tenant.trial'] }, false],
    [{ present: ['arguments.items[0].iban'] }, false],
    [{ present: ['arguments.items[*].iban'] }, true],
    [{ present: ['**.iban'] }, true],
    [{ present: ['sealed.x', 'userContext'] }, true],
    [{ component: ['billing-*'], present: ['userContext.none'] }, false],
  ])('is about the entries that it names: %j %s', (when, isAbout) => {
    const out = classify({ when, securityLevel: 'secret', complianceFlags: ['pci', 'retention_required'] })(entry)
    if (!isAbout) expect(out).toBe(entry)
    else expect(out).toEqual({ ...entry, securityLevel: 'secret', complianceFlags: ['pci', 'retention_required'] })
  })

  it('never lowers a level and never takes a flag away, whatever the rules and whatever the caller gave', () => {
    const level = fc.constantFrom(...securityLevels)
    const flag = fc.constantFrom('a', 'b', 'c')
    const rule = fc.record({ securityLevel: level, complianceFlags: fc.array(flag, { maxLength: 2 }) })
    const given = fc.option(fc.oneof(level, fc.constant('standard' as const)), { nil: undefined })
    fc.assert(
      fc.property(given, fc.array(flag, { maxLength: 2 }), fc.array(rule, { maxLength: 3 }), (own, flags, rules) => {
        const rank = (name: SecurityLevel | 'standard' = 'internal') =>
          securityLevels.indexOf(name === 'standard' ? 'internal' : name)
        const input = { ...entry, ...(own === undefined ? {} : { securityLevel: own }), complianceFlags: flags }
        const out = classify(...rules.map(gives => ({ when: { operation: ['*'] }, ...gives })))(input)
        expect(rank(out.securityLevel)).toBe(
          Math.max(rank(own), ...rules.map(({ securityLevel }) => rank(securityLevel))),
        )
        expect(new Set(out.complianceFlags)).toEqual(new Set([...flags, ...rules.flatMap(r => r.complianceFlags)]))
        expect(() => captureEntry(out, { id: 'x', time: 0 })).not.toThrow()
      }),
    )
  })

  it('leaves an entry that is not well formed for the log to refuse', () => {
    const rule: ClassificationRule = { when: { operation: ['*'] }, securityLevel: 'secret', complianceFlags: ['x'] }
    const userContext: Record<string, unknown> = {}
    userContext.self = userContext
    const cyclic = { ...entry, userContext }
    expect(classify({ when: { present: ['**.nothing'] }, securityLevel: 'secret' })(cyclic)).toBe(cyclic)
    for (const bad of [
      null,
      { ...entry, securityLevel: 'very' },
      { ...entry, complianceFlags: 'x' },
    ] as unknown as EntryInput[]) {
      expect(classify(rule)(bad)).toBe(bad)
    }
  })

  it.each<[ClassificationRule, string]>([
    [{ when: {} }, '$.classification.rules[0].when: must say'],
    [{ when: { present: ['x'] } }, '$.classification.rules[0].when.present[0]: x must begin with'],
    [{ when: { operation: ['x'] }, securityLevel: 'very' as SecurityLevel }, 'securityLevel: must be one of public'],
  ])('that cannot be followed is refused in a sentence: %j', (rule, sentence) => {
    expect(() => classify(rule)).toThrow(sentence)
  })
})

/** What may be stored in a memory: a handful of limits, rules of one's own, and three ways to enforce them. */
import { badInput } from '../core/json.ts'
import { formatTime, type Micros } from '../core/time.ts'
import { type GovernedMemory, type MemoryFacts, memoryFacts } from './memory-facts.ts'
import {
  defaultGovernanceSettings,
  enforcementModes,
  type GovernanceOverride,
  type GovernanceSettings,
  type GovernanceThresholds,
} from './settings.ts'

export type ViolationSeverity = 'critical' | 'high' | 'medium' | 'low'

export interface GovernanceViolation {
  /** `content_size_exceeded`, `tag_count_exceeded` … or a rule's own. */
  readonly type: string
  /** One sentence. It says nothing of what is in the memory. */
  readonly message: string
  readonly severity: ViolationSeverity
  readonly value?: number | string
  readonly threshold?: number | string
  readonly remediation?: string
}

/** What is about to be done with the memory: `store`, `update`, `retrieve`. */
export type OperationContext = string

/** A rule of one's own. It should be quick: it runs before each operation, and nothing can interrupt it. */
export interface GovernanceRule {
  readonly name: string
  check(memory: GovernedMemory, operationContext: OperationContext): readonly GovernanceViolation[]
}

/**
 * `approved`; `approved_with_warnings`: there are violations that the mode lets pass, or warnings; `rejected`; `error`: a
 * rule failed, so that nobody knows.
 */
export type GovernanceStatus = 'approved' | 'approved_with_warnings' | 'rejected' | 'error'

export interface GovernanceResult {
  /** Whether the operation may go on. */
  readonly approved: boolean
  readonly status: GovernanceStatus
  readonly violations: readonly GovernanceViolation[]
  readonly warnings: readonly string[]
  /** Milliseconds. */
  readonly processingTime: number
  readonly operationContext: OperationContext
  /** RFC 3339 UTC. */
  readonly timestamp: string
  /** What went wrong, when the status is `error`. */
  readonly error?: string
}

export interface GovernanceOptions {
  readonly settings?: GovernanceSettings
  readonly rules?: readonly GovernanceRule[]
  /** Other thresholds or another mode for an operation context. */
  readonly overrides?: { readonly [operationContext: string]: Partial<GovernanceOverride> }
  /** Microseconds since 1970. */
  readonly now: () => Micros
}

/** From this share of the limit on, a content is warned of. */
const nearLimit = 0.8

/**
 * Checks memories against limits and rules.
 *
 * It decides by what it is given and keeps nothing: counts and times are told by the events of whoever asks it.
 *
 * @example
 * const governance = new SimpleGovernance({ now: () => Date.now() * 1000 })
 * governance.validateMemory({ content: 'x'.repeat(2_000_000) }).status // 'rejected'
 */
export class SimpleGovernance {
  readonly #settings: GovernanceSettings
  readonly #rules: readonly GovernanceRule[]
  readonly #overrides: NonNullable<GovernanceOptions['overrides']>
  readonly #now: () => Micros

  /** @throws AuditError `bad_input` for a threshold that is not a positive integer, or an unknown mode */
  constructor({ settings = defaultGovernanceSettings, rules = [], overrides = {}, now }: GovernanceOptions) {
    this.#settings = structuredClone(settings)
    this.#rules = [...rules]
    this.#overrides = structuredClone(overrides)
    this.#now = now
    for (const context of ['', ...Object.keys(overrides)]) checkSettings(this.settingsFor(context), context)
  }

  /** The settings that hold for an operation context. */
  settingsFor(operationContext: OperationContext): GovernanceSettings {
    const override = Object.hasOwn(this.#overrides, operationContext) ? this.#overrides[operationContext] : undefined
    if (override === undefined) return this.#settings
    const { enforcementMode = this.#settings.enforcementMode, thresholds } = override
    return { ...this.#settings, enforcementMode, thresholds: { ...this.#settings.thresholds, ...thresholds } }
  }

  /**
   * Checks one memory. Never throws: a rule that does, and a memory that cannot be read, give the status `error`.
   *
   * A check that takes longer than the threshold is a warning and not a violation: how busy a machine is should not decide
   * what may be remembered.
   *
   * @param memory with `content` or `fullContext`, `summary`, `tags`, `metadata`, `relationships`, as camelCase or
   * snake_case; a text is a memory's content
   */
  validateMemory(memory: GovernedMemory | string, operationContext: OperationContext = 'store'): GovernanceResult {
    const started = this.#now()
    const { enabled, enforcementMode, thresholds } = this.settingsFor(operationContext)
    const governed = typeof memory === 'string' ? { content: memory } : memory
    const violations: GovernanceViolation[] = []
    const warnings: string[] = []
    const errors: string[] = []
    if (enabled) {
      attempt('the limits', errors, () => {
        const facts = memoryFacts(governed, thresholds)
        violations.push(...limitViolations(facts, thresholds))
        if (facts.contentSize > nearLimit * thresholds.contentSize && facts.contentSize <= thresholds.contentSize) {
          warnings.push(`the content has ${facts.contentSize} of ${thresholds.contentSize} characters`)
        }
      })
      for (const rule of this.#rules) {
        attempt(rule.name, errors, () => violations.push(...rule.check(governed, operationContext)))
      }
    } else {
      warnings.push('governance is switched off')
    }
    for (const error of errors) {
      const remediation = 'check the rules and the memory'
      violations.push({ type: 'governance_error', message: error, severity: 'critical', remediation })
    }
    const finished = this.#now()
    const processingTime = (finished - started) / 1000
    if (processingTime > thresholds.governanceTimeoutMs) {
      warnings.push(
        `governance_timeout: the check took ${processingTime} ms, more than ${thresholds.governanceTimeoutMs}`,
      )
    }
    const rejecting = violations.filter(({ severity }) => rejects[enforcementMode].includes(severity))
    const approved = rejecting.length === 0
    if (approved) for (const { message } of violations) warnings.push(`${enforcementMode}: ${message}`)
    const passed = violations.length > 0 || warnings.length > 0 ? 'approved_with_warnings' : 'approved'
    return {
      approved,
      status: errors.length > 0 ? 'error' : approved ? passed : 'rejected',
      violations,
      warnings,
      processingTime,
      operationContext,
      timestamp: formatTime(finished),
      ...(errors.length === 0 ? {} : { error: errors.join('; ') }),
    }
  }
}

const rejects: Readonly<Record<GovernanceSettings['enforcementMode'], readonly ViolationSeverity[]>> = {
  strict: ['critical', 'high'],
  permissive: ['critical'],
  audit_only: [],
}

function attempt(what: string, errors: string[], check: () => void): void {
  try {
    check()
  } catch (error) {
    errors.push(`${what} could not be checked: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** What is said when a memory has more of something than its threshold. */
interface Limit {
  readonly type: string
  readonly severity: ViolationSeverity
  readonly threshold: keyof GovernanceThresholds
  readonly measured: (facts: MemoryFacts) => number
  readonly says: (facts: MemoryFacts) => string
  readonly remediation: string
}

const limits: readonly Limit[] = [
  {
    type: 'content_size_exceeded',
    severity: 'critical',
    threshold: 'contentSize',
    measured: facts => facts.contentSize,
    says: facts => `the content has ${facts.contentSize} characters`,
    remediation: 'shorten the content, or split it',
  },
  {
    type: 'tag_count_exceeded',
    severity: 'high',
    threshold: 'tagCount',
    measured: facts => facts.tagCount,
    says: facts => `there are ${facts.tagCount} tags`,
    remediation: 'remove tags',
  },
  {
    type: 'tag_length_exceeded',
    severity: 'medium',
    threshold: 'tagLength',
    measured: facts => facts.longestTag,
    says: facts => `${facts.longTags} of the tags are too long: the longest has ${facts.longestTag} characters`,
    remediation: 'shorten the tags',
  },
  {
    type: 'summary_length_exceeded',
    severity: 'medium',
    threshold: 'summaryLength',
    measured: facts => facts.summaryLength,
    says: facts => `the summary has ${facts.summaryLength} characters`,
    remediation: 'shorten the summary',
  },
  {
    type: 'relationship_depth_exceeded',
    severity: 'medium',
    threshold: 'relationshipDepth',
    measured: facts => facts.relationshipDepth,
    says: facts => `relationships nest ${facts.relationshipDepth} deep or deeper`,
    remediation: 'flatten the relationships',
  },
  {
    type: 'metadata_size_exceeded',
    severity: 'low',
    threshold: 'metadataSize',
    measured: facts => facts.metadataSize,
    says: facts => `the metadata has ${facts.metadataSize} characters of JSON`,
    remediation: 'reduce the metadata',
  },
]

function limitViolations(facts: MemoryFacts, thresholds: GovernanceThresholds): GovernanceViolation[] {
  return limits.flatMap(({ type, severity, measured, threshold: name, says, remediation }) => {
    const value = measured(facts)
    const threshold = thresholds[name]
    if (value <= threshold) return []
    return [{ type, message: `${says(facts)}; the limit is ${threshold}`, severity, value, threshold, remediation }]
  })
}

function checkSettings({ enforcementMode, thresholds }: GovernanceSettings, context: string): void {
  const where = context === '' ? '$.governance' : `$.governance.overrides.${context}`
  if (!enforcementModes.includes(enforcementMode)) {
    throw badInput(`${where}.enforcementMode`, `must be one of ${enforcementModes.join(', ')}`)
  }
  for (const [name, value] of Object.entries(thresholds)) {
    if (!Number.isSafeInteger(value) || value <= 0) {
      throw badInput(`${where}.thresholds.${name}`, 'must be an integer above 0')
    }
  }
}

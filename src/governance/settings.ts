/** What memories may be like, and what happens when one is not. The numbers are the seed's. Plain data. */

/**
 * Whose violations reject a memory: `strict` critical and high ones, `permissive` critical ones only, `audit_only` none.
 * All of them are recorded in every mode.
 */
export const enforcementModes = ['strict', 'permissive', 'audit_only'] as const
export type EnforcementMode = (typeof enforcementModes)[number]

export interface GovernanceThresholds {
  /** Characters of the content. */
  readonly contentSize: number
  /** Characters of the summary. */
  readonly summaryLength: number
  /** Characters of the metadata as JSON. */
  readonly metadataSize: number
  readonly tagCount: number
  /** Characters of one tag. */
  readonly tagLength: number
  /** How deep relationships nest. */
  readonly relationshipDepth: number
  /** Milliseconds that a check may take. */
  readonly governanceTimeoutMs: number
}

export interface GovernanceSettings {
  readonly enabled: boolean
  readonly enforcementMode: EnforcementMode
  readonly thresholds: GovernanceThresholds
}

export const defaultGovernanceSettings: GovernanceSettings = {
  enabled: true,
  enforcementMode: 'strict',
  thresholds: {
    contentSize: 1_000_000,
    summaryLength: 1000,
    metadataSize: 10_000,
    tagCount: 100,
    tagLength: 50,
    relationshipDepth: 3,
    governanceTimeoutMs: 10,
  },
}

/** What is other than the default in each environment. */
export interface GovernanceOverride {
  readonly enforcementMode: EnforcementMode
  readonly thresholds: Partial<GovernanceThresholds>
}

export const governanceEnvironments = {
  development: {
    enforcementMode: 'permissive',
    thresholds: { contentSize: 2_000_000, tagCount: 200, governanceTimeoutMs: 15 },
  },
  testing: {
    enforcementMode: 'audit_only',
    thresholds: { contentSize: 500_000, tagCount: 50, governanceTimeoutMs: 5 },
  },
  production: {
    enforcementMode: 'strict',
    thresholds: { contentSize: 500_000, summaryLength: 500, tagCount: 50, governanceTimeoutMs: 5 },
  },
} as const satisfies Readonly<Record<string, GovernanceOverride>>
export type GovernanceEnvironment = keyof typeof governanceEnvironments

/** The settings of an environment: the default, and what is other there. */
export function governanceSettingsFor(environment: GovernanceEnvironment): GovernanceSettings {
  const { enforcementMode, thresholds } = governanceEnvironments[environment]
  return {
    ...defaultGovernanceSettings,
    enforcementMode,
    thresholds: { ...defaultGovernanceSettings.thresholds, ...thresholds },
  }
}

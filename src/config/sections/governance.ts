import { z } from 'zod'
import { enforcementModes, type GovernanceSettings } from '../../governance/settings.ts'

const count = z.int().min(0)

/** What memories may be like, and what happens when one is not. */
export const governanceSection = z.strictObject({
  enabled: z.boolean(),
  enforcementMode: z
    .enum(enforcementModes)
    .describe('Whose violations reject a memory: strict critical and high, permissive critical, audit_only none.'),
  thresholds: z.strictObject({
    contentSize: count.describe('Characters of the content.'),
    summaryLength: count.describe('Characters of the summary.'),
    metadataSize: count.describe('Characters of the metadata as JSON.'),
    tagCount: count,
    tagLength: count.describe('Characters of one tag.'),
    relationshipDepth: count.describe('How deep relationships nest.'),
    governanceTimeoutMs: z.number().gt(0).describe('Milliseconds that a check may take.'),
  }),
}) satisfies z.ZodType<GovernanceSettings>

import { z } from 'zod'
import { controlFrameworkIds } from '../../report/controls/index.ts'
import type { ReportSettings } from '../../report/settings.ts'

const share = z.number().min(0).max(1)

/** What reports show, and when they recommend something. */
export const reportsSection = z.strictObject({
  frameworks: z
    .array(z.enum(controlFrameworkIds))
    .describe('Whose controls are shown in reports of every type; a compliance report shows all when none is named.'),
  topValues: z.int().min(1).max(1000).describe('Values that a table names; the others are counted.'),
  nameActors: z.boolean().describe('Whether actors are named.'),
  consoleUrl: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .describe('Where a console runs: figures in HTML then link to it.')
    .optional(),
  meanAuditTimeMs: z.number().gt(0).describe('Above this mean time of an append or a verification, look into it.'),
  governanceValidations: z.int().min(0).describe('Above this number of governance results, look into the rules.'),
  deniedShare: share.describe('Above this share of denied attempts among what has an outcome.'),
  failureShare: share.describe('Above this share of failures among what has an outcome.'),
}) satisfies z.ZodType<ReportSettings>

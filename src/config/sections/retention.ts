import { z } from 'zod'
import { securityLevels } from '../../core/entry.ts'
import { frameworkIds } from '../../retention/frameworks.ts'
import {
  defaultErasureSettings,
  type ErasureSettings,
  type RetentionRule,
  type RetentionSettings,
} from '../../retention/settings.ts'
import { filePath } from '../shape.ts'

const days = z.int().min(1).max(36_525)
const names = z.array(z.string().min(1)).min(1)

const rule = z.strictObject({
  name: z.string().min(1).max(64),
  when: z
    .strictObject({
      operation: names.optional(),
      component: names.optional(),
      securityLevel: z.array(z.enum(securityLevels)).min(1).optional(),
      flag: names.describe('One of the compliance flags.').optional(),
    })
    .describe('Every member given must hold; of a list, one value is enough.'),
  days: days.describe('Days that content is kept; where several rules are about an entry, the longest period holds.'),
}) satisfies z.ZodType<RetentionRule>

/** How long content is kept. */
export const retentionSection = z
  .strictObject({
    enabled: z.boolean().describe('Whether pruning runs by itself.'),
    days: days.describe('Days that content is kept when no rule is about it.'),
    rules: z.array(rule),
    leafDays: days.describe('Days after which the leaves go too; never, unless given.').optional(),
    everyHours: z.number().gt(0).max(8766).describe('Hours between two runs.'),
    archive: filePath().describe('A folder into which a bundle of what goes is written first.').optional(),
    frameworks: z
      .array(z.enum(frameworkIds))
      .describe('The frameworks that the periods shall satisfy: where one asks for more, that is said.'),
  })
  .refine(
    ({ days, rules, leafDays }) =>
      leafDays === undefined || leafDays >= Math.max(days, ...rules.map(rule => rule.days)),
    {
      path: ['leafDays'],
      error: 'must not be less than the longest period of content',
    },
  ) satisfies z.ZodType<RetentionSettings>

/** Whom an entry is about. */
export const erasureSection = z.strictObject({
  subjectPaths: z
    .array(z.string().min(1))
    .describe('Places in an entry, besides its actor, where the id of the person stands whom it is about.'),
  subjectKeys: z
    .boolean()
    .describe('Whether a log that is made now has a key for each person, so that an erasure covers backups too.'),
}) satisfies z.ZodType<ErasureSettings>

export const defaultErasureSection: z.infer<typeof erasureSection> = {
  subjectPaths: [...defaultErasureSettings.subjectPaths],
  subjectKeys: false,
}

/** The places in `userContext` by which a log that is made now knows its subjects; nothing when they get no keys. */
export function subjectKeyPaths({ subjectPaths, subjectKeys }: z.infer<typeof erasureSection>): string[] | undefined {
  const prefix = 'userContext.'
  if (!subjectKeys) return undefined
  return subjectPaths.flatMap(path => (path.startsWith(prefix) ? path.slice(prefix.length) : []))
}

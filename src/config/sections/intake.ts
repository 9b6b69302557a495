import { z } from 'zod'
import { securityLevels } from '../../core/entry.ts'
import { parsePlace } from '../../intake/place.ts'
import {
  type ClassificationRule,
  type DetectorName,
  detectorNames,
  type IntakeSettings,
  type RedactionRule,
  redactionActions,
} from '../../intake/settings.ts'
import { secret } from '../shape.ts'

const path = z
  .string()
  .superRefine((text, context) => {
    try {
      parsePlace(text, 'path')
    } catch (error) {
      const message = `means no place: ${(error as Error).message.replace(/^path: /, '')}`
      context.addIssue({ code: 'custom', message })
    }
  })
  .describe('A place in an entry: userContext.password, arguments.*.token.')
const names = z.array(z.string().min(1)).min(1)

const detected = z.enum([...redactionActions, 'off'])

const redactionRule = z.strictObject({
  path,
  action: z.enum(redactionActions),
  name: z.string().min(1).describe('In marks and in the entry; the path unless given.').optional(),
}) satisfies z.ZodType<RedactionRule>

const classificationRule = z.strictObject({
  when: z
    .strictObject({
      operation: names.optional(),
      component: names.optional(),
      present: z.array(path).min(1).optional(),
    })
    .describe('Every member given must hold; of a list, one is enough.'),
  securityLevel: z.enum(securityLevels).describe('At least this level.').optional(),
  complianceFlags: names.describe('Added to those that the entry has.').optional(),
}) satisfies z.ZodType<ClassificationRule>

/** What is taken out of entries on their way in, and how they are classified. */
export const intakeSection = z.strictObject({
  redaction: z.strictObject({
    enabled: z.boolean(),
    rules: z.array(redactionRule).describe('In order: the first that is about a place decides.'),
    detectors: z
      .strictObject(
        Object.fromEntries(detectorNames.map(name => [name, detected])) as Record<DetectorName, typeof detected>,
      )
      .describe('What is looked for in sealed values, and what is done to a finding.'),
    detectInAttributes: z.boolean().describe('Whether it is looked for in attributes too.'),
    maxTextLength: z.int().min(1).describe('Characters of one text that are looked at.'),
  }),
  hashKey: secret(z.string().min(16))
    .describe('For the action hash: equal values can then be found equal. Keep it apart from the log.')
    .optional(),
  classification: z.strictObject({
    enabled: z.boolean(),
    memoryComponents: z
      .array(z.string().min(1))
      .describe('Components of which every entry is a memory operation, to be classified by the seed’s rules.'),
    rules: z.array(classificationRule),
  }),
}) satisfies z.ZodType<IntakeSettings>

import { z } from 'zod'
import { compileFilter, type EntryFilter, operators } from '../../core/filter.ts'

const oneOrMore = z.union([z.string(), z.array(z.string())])
const condition = z.strictObject({
  field: z.string().min(1),
  op: z.enum(operators),
  value: z.json().optional(),
  caseSensitive: z.boolean().optional(),
})

/** Which entries are meant. */
export const filterSchema = z
  .strictObject({
    operation: oneOrMore.optional(),
    component: oneOrMore.optional(),
    memoryId: oneOrMore.optional(),
    actor: oneOrMore.describe('type:id, or an id of any type.').optional(),
    outcome: oneOrMore.optional(),
    kind: oneOrMore.optional(),
    session: oneOrMore.optional(),
    flag: oneOrMore.optional(),
    securityLevel: oneOrMore.optional(),
    since: z.string().optional(),
    until: z.string().optional(),
    text: z.string().optional(),
    where: z.array(condition).optional(),
  })
  .superRefine((filter, context) => {
    try {
      compileFilter(filter as EntryFilter)
    } catch (error) {
      context.addIssue({ code: 'custom', message: `is no filter: ${(error as Error).message}` })
    }
  }) as z.ZodType<EntryFilter>

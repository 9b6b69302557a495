import { z } from 'zod'
import { type AccessSettings, type Grant, type PrincipalSettings, permissions } from '../../access/settings.ts'
import { nearest } from '../../core/capture.ts'
import { securityLevels } from '../../core/entry.ts'

const name = z.string().min(1).max(256)
const identity = z.strictObject({ type: name, id: z.string().min(1).max(512) })

const grant = z.strictObject({
  clearance: z.enum(securityLevels).describe('Up to which level.'),
  components: z.array(name).min(1).describe('Names of components, or * for all.'),
  permissions: z.array(z.enum(permissions)).min(1),
}) satisfies z.ZodType<Grant>

const principal = z.strictObject({
  actor: identity.extend({ onBehalfOf: identity.optional() }).describe('How it stands in the record of accesses.'),
  roles: z.array(name).describe('Names of roles, of which it has all grants.').optional(),
  grants: z.array(grant).optional(),
}) satisfies z.ZodType<PrincipalSettings>

/** Who may do what with the log. */
export const accessSection = z
  .strictObject({
    aboveClearance: z
      .enum(['closed', 'nothing'])
      .describe('What is shown of an entry above the clearance: its leaf with nothing opened, or nothing.'),
    roles: z.record(name, z.array(grant)).describe('By name; the built-in ones too. null takes one away.'),
    principals: z.record(name, principal),
  })
  .superRefine(({ roles, principals }, context) => {
    for (const [who, { roles: named = [] }] of Object.entries(principals)) {
      for (const [i, role] of named.entries()) {
        if (Object.hasOwn(roles, role)) continue
        const near = nearest(role, Object.keys(roles))
        const hint = near === undefined ? '' : `; did you mean ${near}?`
        context.addIssue({ code: 'custom', path: ['principals', who, 'roles', i], message: `names no role${hint}` })
      }
    }
  }) satisfies z.ZodType<AccessSettings>

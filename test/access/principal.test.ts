import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { may, principalOf, seesEverything, sightOf, slicesOf } from '../../src/access/principal.ts'
import { type AccessSettings, defaultAccessSettings, type Grant, permissions } from '../../src/access/settings.ts'
import { securityLevels } from '../../src/core/entry.ts'
import { compileFilter } from '../../src/core/filter.ts'
import type { EntryView } from '../../src/core/view.ts'

const actor = { type: 'user', id: 'alice' }
const components = ['memory', 'files', 'mail']

const grants = fc.array(
  fc.record<Grant>({
    clearance: fc.constantFrom(...securityLevels),
    components: fc.oneof(fc.constant(['*']), fc.uniqueArray(fc.constantFrom(...components), { minLength: 1 })),
    permissions: fc.uniqueArray(fc.constantFrom(...permissions)),
  }),
  { maxLength: 4 },
)
const principals = fc.record({
  actor: fc.constant(actor),
  grants,
  aboveClearance: fc.constantFrom('closed', 'nothing'),
})

const view = (component: string, securityLevel: string) =>
  ({ component, securityLevel, time: '2026-11-23T12:00:00.000000Z' }) as unknown as EntryView

describe('what a principal sees', () => {
  it('is the same asked of one entry as asked of all, and each entry is in one part of it', () => {
    fc.assert(
      fc.property(principals, fc.constantFrom('read', 'export'), (principal, looking) => {
        const slices = slicesOf(principal, looking).map(({ sight, where }) => ({ sight, ...compileFilter({ where }) }))
        for (const component of [...components, 'another']) {
          for (const securityLevel of securityLevels) {
            const sight = sightOf(principal, { component, securityLevel }, looking)
            const found = slices.filter(({ matches }) => matches(view(component, securityLevel)))
            expect(found.map(slice => slice.sight)).toEqual(sight === 'nothing' ? [] : [sight])
          }
        }
      }),
    )
  })

  it('grows with the clearance, and not with what was granted for other components', () => {
    const read = ['read', 'disclose'] as const
    const principal = {
      actor,
      grants: [
        { clearance: 'secret', components: ['memory'], permissions: read },
        { clearance: 'public', components: ['*'], permissions: read },
        { clearance: 'top_secret', components: ['mail'], permissions: ['append', 'verify'] },
      ],
      aboveClearance: 'nothing',
    } as const
    const sights = (component: string) =>
      securityLevels.map(securityLevel => sightOf(principal, { component, securityLevel }, 'read'))
    expect(sights('memory')).toEqual(['whole', 'whole', 'whole', 'whole', 'nothing'])
    expect(sights('files')).toEqual(['whole', 'nothing', 'nothing', 'nothing', 'nothing'])
    expect(sights('mail')).toEqual(['whole', 'nothing', 'nothing', 'nothing', 'nothing'])
    expect(seesEverything(principal, 'read')).toBe(false)
    expect(may(principal, 'append', 'mail')).toBe(true)
    expect(may(principal, 'append', 'memory')).toBe(false)
    expect(may(principal, 'erase')).toBe(false)
  })

  it('is a leaf without values where it may read and not disclose', () => {
    const grant = { clearance: 'secret', components: ['*'], permissions: ['read'] } as const
    const sight = (aboveClearance: 'closed' | 'nothing', securityLevel: 'public' | 'top_secret') =>
      sightOf({ actor, grants: [grant], aboveClearance }, { component: 'memory', securityLevel }, 'read')
    expect(sight('closed', 'public')).toBe('closed')
    expect(sight('closed', 'top_secret')).toBe('closed')
    expect(sight('nothing', 'public')).toBe('closed')
    expect(sight('nothing', 'top_secret')).toBe('nothing')
  })
})

describe('a principal out of the settings', () => {
  const settings: AccessSettings = {
    ...defaultAccessSettings,
    principals: {
      alice: { actor, roles: ['auditor'] },
      bob: {
        actor,
        roles: ['recorder'],
        grants: [{ clearance: 'secret', components: ['mail'], permissions: ['read'] }],
      },
      carol: { actor, roles: ['emperor'] },
      dave: { actor, grants: [{ clearance: 'royal' as never, components: ['*'], permissions: ['read'] }] },
      erin: { actor, grants: [{ clearance: 'public', components: ['*'], permissions: ['fly' as never] }] },
      frank: { actor, grants: [{ clearance: 'public', components: [], permissions: ['read'] }] },
      grace: { actor },
    },
  }

  it('has what its roles and its own grants give, and nothing else', () => {
    const alice = principalOf(settings, 'alice')
    expect(seesEverything(alice, 'read') && seesEverything(alice, 'export')).toBe(true)
    expect(permissions.filter(permission => may(alice, permission))).toEqual(['read', 'disclose', 'verify', 'export'])
    const bob = principalOf(settings, 'bob')
    expect(permissions.filter(permission => may(bob, permission))).toEqual(['append', 'read'])
    expect(permissions.filter(permission => may(principalOf(settings, 'grace'), permission))).toEqual([])
  })

  it.each([
    ['carol', 'bad_input', '$.access.principals.carol.roles: there is no role emperor'],
    ['dave', 'bad_input', '$.access.principals.dave.grants[0].clearance: must be one of public, internal'],
    ['erin', 'bad_input', '$.access.principals.erin.grants[0].permissions: fly is none of append, read'],
    ['frank', 'bad_input', '$.access.principals.frank.grants[0].components: is empty'],
    ['nobody', 'not_found', 'there is no principal nobody'],
    ['constructor', 'not_found', 'there is no principal constructor'],
  ])('is refused in a sentence: %s', (name, code, message) => {
    expect(() => principalOf(settings, name)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })
})

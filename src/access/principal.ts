/** What a principal may do and see: decisions only, nothing is read or written here. */
import { type Actor, type SecurityLevel, securityLevels } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { Condition } from '../core/filter.ts'
import { badInput, pathOf } from '../core/json.ts'
import { type AccessSettings, type Grant, type Permission, permissions } from './settings.ts'

/** Someone who acts on the log, with everything that was granted to them. */
export interface Principal {
  readonly actor: Actor
  readonly grants: readonly Grant[]
  readonly aboveClearance: AccessSettings['aboveClearance']
}

/**
 * A principal by its name in the settings.
 *
 * @throws AuditError `not_found` for a name that is not there, `bad_input` for settings that are not well formed
 * @example principalOf(settings, 'alice')
 */
export function principalOf(settings: AccessSettings, name: string): Principal {
  const path = pathOf('$.access.principals', name)
  if (!Object.hasOwn(settings.principals, name)) throw new AuditError('not_found', `there is no principal ${name}`)
  const { actor, roles = [], grants = [] } = settings.principals[name]!
  const all = [...grants]
  grants.forEach((grant, i) => {
    checkGrant(grant, pathOf(`${path}.grants`, i))
  })
  for (const role of roles) {
    if (!Object.hasOwn(settings.roles, role)) throw badInput(`${path}.roles`, `there is no role ${role}`)
    settings.roles[role]!.forEach((grant, i) => {
      checkGrant(grant, pathOf(pathOf('$.access.roles', role), i))
    })
    all.push(...settings.roles[role]!)
  }
  return { actor, grants: all, aboveClearance: settings.aboveClearance }
}

function checkGrant({ clearance, permissions: given, components }: Grant, path: string): void {
  if (!securityLevels.includes(clearance)) {
    throw badInput(`${path}.clearance`, `must be one of ${securityLevels.join(', ')}`)
  }
  const unknown = given.find(permission => !permissions.includes(permission))
  if (unknown !== undefined) throw badInput(`${path}.permissions`, `${unknown} is none of ${permissions.join(', ')}`)
  if (components.length === 0) throw badInput(`${path}.components`, 'is empty: name components, or * for all')
}

/** Whether anything was granted that lets the principal do this: with entries of that component, when one is given. */
export function may({ grants }: Principal, permission: Permission, component?: string): boolean {
  return grants.some(
    grant => grant.permissions.includes(permission) && (component === undefined || reaches(grant, component)),
  )
}

function reaches({ components }: Grant, component: string): boolean {
  return components.includes('*') || components.includes(component)
}

/** How much of an entry is shown: all of it, its leaf, or nothing. */
export type Sight = 'whole' | 'closed' | 'nothing'

/** What is looked at, and what for. */
export type Looking = 'read' | 'export'

/** What decides about an entry: open members of its leaf. */
export interface Sighted {
  readonly component: string
  readonly securityLevel: SecurityLevel
}

/** How much of an entry this principal may see. */
export function sightOf(principal: Principal, { component, securityLevel }: Sighted, looking: Looking): Sight {
  const reach = lookers(principal, looking).filter(grant => reaches(grant, component))
  const cleared = reach.filter(grant => isCleared(grant, securityLevel))
  if (cleared.some(grant => grant.permissions.includes('disclose'))) return 'whole'
  return cleared.length > 0 || (reach.length > 0 && principal.aboveClearance === 'closed') ? 'closed' : 'nothing'
}

function lookers({ grants }: Principal, looking: Looking): readonly Grant[] {
  return grants.filter(({ permissions }) => permissions.includes('read') && permissions.includes(looking))
}

function isCleared({ clearance }: Grant, level: SecurityLevel): boolean {
  return securityLevels.indexOf(level) <= securityLevels.indexOf(clearance)
}

/** Whether no entry is closed to this principal: then counts of everything tell nothing that it may not know. */
export function seesEverything(principal: Principal, looking: Looking): boolean {
  const [slice, ...others] = slicesOf(principal, looking)
  return slice?.sight === 'whole' && slice.where.length === 0 && others.length === 0
}

/** Entries of which the same may be seen, as conditions on open members. */
export interface Slice {
  readonly sight: 'whole' | 'closed'
  readonly where: readonly Condition[]
}

/** All that a principal may see, in parts that have no entry in common: the same as {@link sightOf}, for a filter. */
export function slicesOf(principal: Principal, looking: Looking): Slice[] {
  const reach = lookers(principal, looking)
  const levels = new Map<string, { sight: Slice['sight']; component: readonly Condition[]; levels: SecurityLevel[] }>()
  const add = (sight: Slice['sight'], components: Components, level: SecurityLevel) => {
    if (components === nowhere) return
    const component = conditionOn(components)
    const key = JSON.stringify([sight, component])
    const same = levels.get(key)
    if (same === undefined) levels.set(key, { sight, component, levels: [level] })
    else same.levels.push(level)
  }
  for (const level of securityLevels) {
    const cleared = reach.filter(grant => isCleared(grant, level))
    const whole = united(cleared.filter(grant => grant.permissions.includes('disclose')))
    const seen = united(principal.aboveClearance === 'closed' ? reach : cleared)
    add('whole', whole, level)
    add('closed', without(seen, whole), level)
  }
  return [...levels.values()].map(({ sight, component, levels: some }) => ({
    sight,
    where: some.length === securityLevels.length ? component : [...component, isOneOf('securityLevel', some)],
  }))
}

/** Some components, or all but some. */
type Components = { readonly all: boolean; readonly names: readonly string[] }

const nowhere: Components = { all: false, names: [] }

function united(grants: readonly Grant[]): Components {
  const names = [...new Set(grants.flatMap(({ components }) => components))].sort()
  if (names.includes('*')) return { all: true, names: [] }
  return names.length === 0 ? nowhere : { all: false, names }
}

function without(from: Components, taken: Components): Components {
  if (taken.all) return nowhere
  if (from.all) return { all: true, names: taken.names }
  const names = from.names.filter(name => !taken.names.includes(name))
  return names.length === 0 ? nowhere : { all: false, names }
}

function conditionOn({ all, names }: Components): Condition[] {
  if (!all) return [isOneOf('component', names)]
  return names.length === 0 ? [] : [{ field: 'component', op: 'not_in', value: names }]
}

function isOneOf(field: string, value: readonly string[]): Condition {
  return { field, op: 'in', value }
}

/** Who may do what with the log. */
import type { Actor, SecurityLevel } from '../core/entry.ts'

export const permissions = ['append', 'read', 'disclose', 'verify', 'export', 'erase', 'administer'] as const
/**
 * `read` shows leaves, `disclose` the sealed values in them. `export` needs `read` beside it. `erase` and `administer` are
 * asked for by whatever does such things.
 */
export type Permission = (typeof permissions)[number]

/** What may be done, with which entries. Grants of one principal are never mixed: each holds for its own entries. */
export interface Grant {
  /** Up to which level. Whoever may append does so at any: writing upwards shows nothing. */
  readonly clearance: SecurityLevel
  /** Names of components, or `*` for all. */
  readonly components: readonly string[]
  readonly permissions: readonly Permission[]
}

export interface PrincipalSettings {
  /** Under which name it stands in the record of accesses. */
  readonly actor: Actor
  /** Names of roles, of which it has all grants. */
  readonly roles?: readonly string[]
  readonly grants?: readonly Grant[]
}

export interface AccessSettings {
  /**
   * What is shown of an entry above the clearance: `closed` for its leaf, with its proof and without its sealed values;
   * `nothing`, as if it were not there.
   */
  readonly aboveClearance: 'closed' | 'nothing'
  readonly roles: { readonly [name: string]: readonly Grant[] }
  readonly principals: { readonly [name: string]: PrincipalSettings }
}

export const defaultAccessSettings: AccessSettings = {
  aboveClearance: 'closed',
  roles: {
    owner: [{ clearance: 'top_secret', components: ['*'], permissions }],
    auditor: [{ clearance: 'top_secret', components: ['*'], permissions: ['read', 'disclose', 'verify', 'export'] }],
    operator: [{ clearance: 'internal', components: ['*'], permissions: ['read', 'disclose', 'verify'] }],
    verifier: [{ clearance: 'public', components: ['*'], permissions: ['verify'] }],
    recorder: [{ clearance: 'public', components: ['*'], permissions: ['append'] }],
  },
  principals: {},
}

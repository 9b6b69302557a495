/**
 * Who acts, in which session, on whose behalf: said once, around the code that acts, and known to every entry that is
 * appended inside it, across awaits, timers and callbacks.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Actor, EntryInput, SecurityLevel } from '../core/entry.ts'
import { badInput } from '../core/json.ts'

/** What entries are given that do not say it themselves. */
export interface AuditContext {
  readonly actor?: Actor
  readonly session?: string
  /** W3C `traceparent`. */
  readonly trace?: string
  readonly securityLevel?: SecurityLevel
  /** Added to an entry’s own. */
  readonly complianceFlags?: readonly string[]
  /** Members that an entry’s own does not have. */
  readonly userContext?: { readonly [name: string]: unknown }
  /** As `userContext`. */
  readonly attributes?: { readonly [name: string]: string | number | boolean }
}

const members = ['actor', 'session', 'trace', 'securityLevel', 'complianceFlags', 'userContext', 'attributes'] as const

const current = new AsyncLocalStorage<AuditContext>()

/**
 * Calls `fn`, and lets everything that it starts know this context. Inside another context, what is not said here holds as
 * it does there; `userContext` and `attributes` are merged by member, flags are added.
 *
 * The context is read before this calls `fn`: what changes in it afterwards changes nothing.
 *
 * @returns what `fn` returns
 * @throws AuditError `bad_input` for a member that a context does not have
 * @example
 * await withContext({ actor: { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u1' } } }, async () => {
 *   await memory.remember('likes window seats') // its entries say who remembered it, and for whom
 * })
 */
export function withContext<T>(context: AuditContext, fn: () => T): T {
  for (const name of Object.keys(context)) {
    if (!(members as readonly string[]).includes(name)) {
      throw badInput(`$.${name}`, `a context has ${members.slice(0, -1).join(', ')} and ${members.at(-1)}`)
    }
  }
  return current.run(merged(current.getStore() ?? {}, context), fn)
}

/** What the code that asks runs in; `undefined` outside of any context. */
export function currentContext(): AuditContext | undefined {
  return current.getStore()
}

/**
 * The entry, with what the current context says and the entry does not. For `openAuditLog({ prepare: contextual })`, or
 * ahead of other steps: `prepare: entry => redact(contextual(entry))`.
 */
export function contextual<T extends Partial<EntryInput>>(entry: T): T {
  const context = current.getStore()
  return context === undefined || typeof entry !== 'object' || entry === null ? entry : merged(context, entry)
}

/** `inner`, and what only `outer` says. */
function merged<T extends AuditContext | Partial<EntryInput>>(outer: AuditContext, inner: T): T {
  const out = { ...outer, ...defined(inner) } as Record<string, unknown>
  for (const name of ['userContext', 'attributes'] as const) {
    const own = inner[name]
    if (isPlain(own)) out[name] = { ...outer[name], ...own }
  }
  const { complianceFlags } = inner
  if (Array.isArray(complianceFlags)) {
    out.complianceFlags = [...new Set([...(outer.complianceFlags ?? []), ...complianceFlags])]
  }
  return out as T
}

/** A member that is there and `undefined` says nothing. */
function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

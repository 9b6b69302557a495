/** What an entry is made of: the vocabulary of FORMAT version 1, as types. No behaviour lives here. */

/** Any value that JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

export const kinds = ['event', 'intent', 'outcome', 'control'] as const
/** `intent` is written before an action runs, `outcome` after; `control` is this software about the log itself. */
export type Kind = (typeof kinds)[number]

export const outcomes = ['success', 'failure', 'denied', 'pending', 'unknown'] as const
export type Outcome = (typeof outcomes)[number]

export const securityLevels = ['public', 'internal', 'confidential', 'secret', 'top_secret'] as const
/** From the most open to the most closed; the order is the order of clearance. */
export type SecurityLevel = (typeof securityLevels)[number]

/** The values that are always sealed, by name: each may speak of a person. */
export const sealedNames = ['actor', 'memoryId', 'operationResult', 'session', 'userContext'] as const

/** Who did it: `{ type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u1' } }`. */
export interface Actor {
  readonly type: string
  readonly id: string
  readonly onBehalfOf?: { readonly type: string; readonly id: string }
}

/**
 * What a caller hands to the log. Times, ids, numbers in the log and hashes are the log's own.
 *
 * @example
 * const entry: EntryInput = {
 *   operation: 'remember',
 *   component: 'memory',
 *   memoryId: 'mem_123',
 *   actor: { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'u1' } },
 *   outcome: 'success',
 * }
 */
export interface EntryInput {
  /** What was done, 1–256 characters: `remember`, `tools/call`. */
  readonly operation: string
  /** Who did it, 1–256 characters: a module, a server's name. */
  readonly component: string
  /** `event` unless given. `control` is refused. */
  readonly kind?: 'event' | 'intent' | 'outcome'
  readonly outcome?: Outcome
  /** The `id` of the intent that this outcome closes. */
  readonly intent?: string
  /** W3C `traceparent`. */
  readonly trace?: string
  /** `internal` unless given; `standard` is read as `internal`. */
  readonly securityLevel?: SecurityLevel | 'standard'
  readonly complianceFlags?: readonly string[]
  readonly governanceStatus?: string
  readonly performanceMetrics?: { readonly [name: string]: number }
  /** Open and indexed, never sealed: nothing about a person belongs here. */
  readonly attributes?: { readonly [name: string]: string | number | boolean }
  readonly actor?: Actor
  /** 1–512 characters; a number becomes its decimal string. */
  readonly memoryId?: string | number
  readonly session?: string
  readonly userContext?: unknown
  readonly operationResult?: unknown
  /** An intent's arguments. */
  readonly arguments?: unknown
  /** Further values to seal, by name. */
  readonly sealed?: { readonly [name: string]: unknown }
}

/** The leaf, parsed: exactly the members that stand in the canonical bytes. */
export interface Leaf {
  readonly v: 1
  /** Index in the log, from 0. */
  readonly seq: number
  /** UUIDv7, lower case. */
  readonly id: string
  /** RFC 3339 UTC with six decimals, never smaller than the entry's before it. */
  readonly time: string
  readonly kind: Kind
  readonly operation: string
  readonly component: string
  readonly outcome?: Outcome
  readonly intent?: string
  readonly trace?: string
  readonly securityLevel: SecurityLevel
  readonly complianceFlags: readonly string[]
  readonly governanceStatus?: string
  readonly performanceMetrics?: { readonly [name: string]: number }
  readonly attributes?: { readonly [name: string]: string | number | boolean }
  /** Commitments to the sealed values, base64url, by name. */
  readonly sealed?: { readonly [name: string]: string }
  /** 64 hex digits: the leaf hash of the entry before, or the genesis hash. */
  readonly previousHash: string
}

/** What the caller gets when an entry is durable: committed and synced to the disk. */
export interface Receipt {
  readonly seq: number
  readonly id: string
  /** The leaf hash, 64 hex digits. */
  readonly entryHash: string
  readonly time: string
  /**
   * The log could not be written, and the entry waits in the journal beside it: durable, but with no place yet. `seq` is
   * −1 and `entryHash` is empty.
   */
  readonly spilled?: true
}

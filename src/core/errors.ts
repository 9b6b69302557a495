/**
 * Errors that a caller can act on. Tampering is never one of them: it is a finding, returned by a check.
 *
 * A wrong argument in a program is a `TypeError` or `RangeError`; a broken invariant is thrown plainly.
 */
import { sentence } from './visible.ts'

export type AuditErrorCode =
  /** The input breaks a rule of the format; `path` names the value. */
  | 'bad_input'
  /** A file, a note or a proof is not what it should be, or is in a spelling that is not the canonical one. */
  | 'bad_format'
  /** No signature, or none that a known key made. */
  | 'bad_signature'
  /** A Merkle proof does not lead to the root. */
  | 'bad_proof'
  /** There is no log, no entry or no key where one was asked for. */
  | 'not_found'
  /** Something is there already and would be overwritten. */
  | 'already_exists'
  /** A key is wrong, missing, or readable by others. */
  | 'bad_key'
  /** The file was written by a newer release. */
  | 'newer_schema'
  /** The log disagrees with itself or with its anchor, so nothing may be appended to it. */
  | 'damaged'
  /** The log was frozen, by an entry that says why: it takes none but those about itself. */
  | 'frozen'
  /** Whoever asks may not have it. */
  | 'not_allowed'
  /** The log is closed or closing. */
  | 'closed'
  /** The queue is full: try again later. */
  | 'busy'
  /** The disk, the file system or the database refused a write: nothing was recorded. */
  | 'io'

/** Facts about an error, beside its sentence. */
export interface AuditErrorFacts {
  /** Where in the input the bad value stands, as a JSONPath-like string: `$.userContext.tags[3]`. */
  path?: string
  cause?: unknown
}

/** The one error class of this package: a sentence for a person, a stable `code` for a program. */
export class AuditError extends Error {
  readonly code: AuditErrorCode
  readonly path: string | undefined

  constructor(code: AuditErrorCode, message: string, facts: AuditErrorFacts = {}) {
    super(sentence(message), facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'AuditError'
    this.code = code
    this.path = facts.path
  }
}

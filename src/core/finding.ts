/** What a check says: findings, declarations and the two verdicts. Data only; `verify/` comes to them. */
import { sentence } from './visible.ts'

/** Each is one way in which a log can be other than it was written. */
export const findingTypes = [
  /** A leaf's bytes do not have the hash that the tree and the next link know. */
  'hash_mismatch',
  /** A link does not lead to the entry before. */
  'chain_break',
  /** An entry is not there. */
  'missing_entry',
  /** Time runs backwards. */
  'temporal_violation',
  /** A checkpoint is missing, is not signed by the log's keys, or signs another tree. */
  'signature_invalid',
  /** A seal is missing, is of the wrong epoch, or does not seal this tree. */
  'seal_invalid',
  /** A tile or the head does not follow from the leaves. */
  'tree_mismatch',
  /** The log is shorter than what was signed. */
  'rollback',
  /** The log's keys signed two histories. */
  'fork',
  /** The index says something that the log does not. */
  'index_mismatch',
  /** A disclosure does not open its commitment. */
  'disclosure_mismatch',
  /** A disclosure is gone, and no later entry declares it. */
  'disclosure_missing',
  /** An entry was not written here: it belongs to another log, or to none. */
  'foreign_entry',
  /** A leaf is not of a format that this release knows. */
  'format_invalid',
  'suspicious_pattern',
  'bulk_modification',
  'unauthorized_access',
] as const
export type FindingType = (typeof findingTypes)[number]

export const severities = ['info', 'low', 'medium', 'high', 'critical'] as const
/** From the least to the most; the order is the rank. */
export type Severity = (typeof severities)[number]

export interface Finding {
  readonly type: FindingType
  readonly severity: Severity
  /** The entry concerned, or the last one that a checkpoint or seal covers. */
  readonly seq?: number
  readonly id?: string
  readonly expected?: string
  readonly actual?: string
  /** One sentence for a person. */
  readonly message: string
}

/** A declared discontinuity: an entry by which the log itself says that something was done to it. */
export interface Declaration {
  readonly operation: string
  readonly seq: number
  readonly time: string
  readonly [attribute: string]: string | number | boolean
}

/** Something that is missing although nothing was changed. */
export interface Omission {
  readonly kind: 'open_intent' | 'gap' | 'given_up'
  readonly seq: number
  readonly id: string
  readonly operation: string
  readonly message: string
}

/**
 * How far an answer reaches: only the file itself says so; the log's keys, known from elsewhere, say so; a checkpoint
 * remembered outside agrees; n witnesses do.
 */
export type Trust = 'chained' | 'signed' | 'anchored' | `witnessed:${number}`

export interface VerificationReport {
  /** Integrity: nothing was changed. */
  readonly valid: boolean
  /** Completeness: nothing is missing. */
  readonly complete: boolean
  readonly trust: Trust
  /** Entries checked. */
  readonly entries: number
  /** Entries in the log. */
  readonly size: number
  /** The root of the tree as computed from the entries, 64 hex digits; empty when the log holds none. */
  readonly rootHash: string
  /** In the order of the log. */
  readonly findings: readonly Finding[]
  /** Findings beyond those listed, when there were too many to list. */
  readonly findingsOmitted: number
  /** The first entry that can no longer be trusted, when there is one. */
  readonly firstUntrusted?: number
  readonly declared: readonly Declaration[]
  readonly missing: readonly Omission[]
  readonly durationMs: number
}

const severityOf: Readonly<Record<FindingType, Severity>> = {
  hash_mismatch: 'high',
  chain_break: 'high',
  missing_entry: 'medium',
  temporal_violation: 'medium',
  signature_invalid: 'high',
  seal_invalid: 'high',
  tree_mismatch: 'high',
  rollback: 'critical',
  fork: 'critical',
  index_mismatch: 'high',
  disclosure_mismatch: 'high',
  disclosure_missing: 'medium',
  foreign_entry: 'high',
  format_invalid: 'high',
  suspicious_pattern: 'low',
  bulk_modification: 'critical',
  unauthorized_access: 'high',
}

/** A finding with the severity of its type. */
export function finding(
  type: FindingType,
  message: string,
  facts: Omit<Finding, 'type' | 'severity' | 'message'> = {},
): Finding {
  return { type, severity: severityOf[type], ...facts, message: sentence(message) }
}

/**
 * What a control mapping is: which of a report's figures speak to a control of a law or a standard, and what no log can
 * say about it. A mapping judges nothing: whether a control is met is for people to say.
 */

/** Something that a report shows, as far as controls ask for it. `evidence.ts` says it in a sentence, with its figures. */
export const evidenceIds = [
  'recording',
  'content',
  'actors',
  'outcomes',
  'time',
  'integrity',
  'completeness',
  'failures',
  'alerts',
  'accesses',
  'retention',
  'erasure',
  'keys',
  'changes',
  'classification',
  'reports',
] as const
export type EvidenceId = (typeof evidenceIds)[number]

export interface Control {
  /** As the source numbers it. */
  readonly id: string
  readonly title: string
  /** What it asks for, in our words. */
  readonly asks: string
  /** Where it can be read. */
  readonly url: string
  readonly shows: readonly EvidenceId[]
  /** What stays open whatever the log holds. */
  readonly cannotShow: string
}

export interface ControlFramework {
  readonly title: string
  /** The edition that the mapping was written for. */
  readonly edition: string
  /** Where its publisher has it. */
  readonly url: string
  /** How long logs are to be kept at least, where the text says so. */
  readonly retention?: { readonly days: number; readonly says: string }
  readonly controls: readonly Control[]
}

/** How long content is kept, by level, flag, component and operation, and what may go after that. */
import type { SecurityLevel } from '../core/entry.ts'
import type { FrameworkId } from './frameworks.ts'

/** Which entries a rule is about: every member given must hold; of a list, one value is enough. */
export interface RetentionWhen {
  readonly operation?: readonly string[]
  readonly component?: readonly string[]
  readonly securityLevel?: readonly SecurityLevel[]
  /** One of the compliance flags. */
  readonly flag?: readonly string[]
}

export interface RetentionRule {
  readonly name: string
  readonly when: RetentionWhen
  /** Days that content is kept; at least those of every other rule that is about the same entry. */
  readonly days: number
}

export interface RetentionSettings {
  /** Whether pruning runs by itself. A run that is asked for by name does not need it. */
  readonly enabled: boolean
  /** Days that the content of an entry is kept when no rule is about it. 90 unless given, as in the seed. */
  readonly days: number
  /** Where several rules are about an entry, the longest period holds. */
  readonly rules: readonly RetentionRule[]
  /** Days after which the leaves go too, as a prefix of the log; never, unless given. Not less than `days`. */
  readonly leafDays?: number | undefined
  /** Hours between two runs. */
  readonly everyHours: number
  /** A folder into which a bundle of what goes is written first, signed and still provable. */
  readonly archive?: string | undefined
  /** The frameworks that the periods shall satisfy: where one asks for more, that is said. */
  readonly frameworks: readonly FrameworkId[]
}

export const defaultRetentionSettings: RetentionSettings = {
  enabled: true,
  days: 90,
  rules: [],
  everyHours: 6,
  frameworks: [],
}

export interface ErasureSettings {
  /** Places in an entry, besides its actor, where the id of the person stands whom it is about. */
  readonly subjectPaths: readonly string[]
}

export const defaultErasureSettings: ErasureSettings = {
  subjectPaths: ['userContext.userId', 'userContext.user_id'],
}

/** What can be set about entries on their way in: what is taken out of them, and how they are classified. Plain data. */
import type { SecurityLevel } from '../core/entry.ts'

/** What can be looked for in texts. */
export const detectorNames = ['api_key', 'token', 'private_key', 'password', 'email', 'card_number'] as const
export type DetectorName = (typeof detectorNames)[number]

/**
 * What is done to a finding.
 *
 * `mask`: `[redacted:NAME]` stands in its place. `hash`: `[hashed:NAME:…]` does, with the first 128 bits of the
 * HMAC-SHA-256 under a key of the owner, so that equal values can be found equal. `drop`: the value in which it stands is
 * not there at all.
 */
export const redactionActions = ['mask', 'hash', 'drop'] as const
export type RedactionAction = (typeof redactionActions)[number]

/** A rule about a place. */
export interface RedactionRule {
  /**
   * A place in an entry: `userContext.password`, `arguments.*.token`, `operationResult.rows[*].*_secret`,
   * `sealed.transcript.**.phone`, `attributes.http.url`, `userContext["odd name"]`.
   *
   * `*` stands for any part of a name, or, alone, for any name or list item; `[3]` for one item; `**` for any depth. Upper
   * and lower case, `-` and `_` make no difference: `api_key` is also `apiKey`. Behind `attributes.` stands one name, dots
   * and all.
   */
  readonly path: string
  /** An actor keeps its type and an id, and an entry its operation and component: there, `drop` is a mask or is refused. */
  readonly action: RedactionAction
  /** What the rule is called in marks and in the entry; its path unless given. */
  readonly name?: string | undefined
}

export interface RedactionSettings {
  readonly enabled: boolean
  /** In order: the first that is about a place decides. */
  readonly rules: readonly RedactionRule[]
  /** What is looked for in `arguments`, `userContext`, `operationResult` and further sealed values; `off` is not. */
  readonly detectors: Readonly<Record<DetectorName, RedactionAction | 'off'>>
  /** Whether it is looked for in attributes too: they are open, and nothing can be erased from them. */
  readonly detectInAttributes: boolean
  /** Characters of one text that are looked at. Of a longer one the rest stays as it is, and the entry says so. */
  readonly maxTextLength: number
}

/** Which entries a rule is about: every member given must hold; of a list, one is enough. `*` stands for anything. */
export interface ClassificationWhen {
  readonly operation?: readonly string[] | undefined
  readonly component?: readonly string[] | undefined
  /** Places, as in {@link RedactionRule}, at which something stands other than `null`, `false` and the empty text. */
  readonly present?: readonly string[] | undefined
}

export interface ClassificationRule {
  readonly when: ClassificationWhen
  /** At least this level. A rule never lowers what the caller gave. */
  readonly securityLevel?: SecurityLevel | undefined
  /** Added to those that the entry has. Rules of retention look at them too. */
  readonly complianceFlags?: readonly string[] | undefined
}

export interface ClassificationSettings {
  readonly enabled: boolean
  /** Components of which every entry is a memory operation, to be classified by the seed's rules. */
  readonly memoryComponents: readonly string[]
  readonly rules: readonly ClassificationRule[]
}

export interface IntakeSettings {
  readonly redaction: RedactionSettings
  readonly classification: ClassificationSettings
}

/**
 * Secrets are taken out, persons are not: a key or a password serves nobody who reads an audit log, and everybody who
 * steals one. An e-mail address is often the very thing that an audit asks for; it lies sealed, and can be erased.
 */
export const defaultIntakeSettings: IntakeSettings = {
  redaction: {
    enabled: true,
    rules: [],
    detectors: {
      api_key: 'mask',
      token: 'mask',
      private_key: 'mask',
      password: 'mask',
      email: 'off',
      card_number: 'off',
    },
    detectInAttributes: true,
    maxTextLength: 1024 * 1024,
  },
  classification: {
    enabled: true,
    memoryComponents: ['memmimic_storage'],
    rules: [],
  },
}

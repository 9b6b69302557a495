/** What is watched for, when it is an alert, who is told, and what is done about it by itself. */
import type { FindingType, Severity } from '../core/finding.ts'

/** So many events of these types within so long are more than each of them alone. */
export interface TamperPattern {
  /** `false` switches it off; on unless given. */
  readonly enabled?: boolean
  readonly types: readonly FindingType[]
  /** Events that make the pattern, 1–10 000. */
  readonly threshold: number
  /** Seconds in which they must come, 1–2 592 000. */
  readonly windowSeconds: number
  readonly severity: Severity
  /** Whether events count together at all times, or only those of one component, or of one entry. */
  readonly grouping: 'all' | 'component' | 'entry'
  /** Above `threshold × escalation` events the severity is one step higher; 1–100. */
  readonly escalation: number
}

/** So many entries within so long. */
export interface CountedBehaviour {
  readonly enabled: boolean
  /** Entries that are remarkable, 1–10 000. */
  readonly threshold: number
  /** Seconds in which they must come. */
  readonly windowSeconds: number
  readonly severity: Severity
  /** Above `threshold × escalation` entries the severity is one step higher; 1–100. */
  readonly escalation: number
}

export interface BehaviourSettings {
  /** Words in the name of an operation or tool that say what it does. The first word that is known decides. */
  readonly words: {
    readonly delete: readonly string[]
    readonly read: readonly string[]
    readonly write: readonly string[]
  }
  /** One actor deletes much in a short time. */
  readonly deleteBurst: CountedBehaviour
  /** A tool is not what it was when it was listed or called last. */
  readonly toolChanged: { readonly enabled: boolean; readonly severity: Severity }
  /** One actor reads far more than it used to. */
  readonly readVolume: {
    readonly enabled: boolean
    /** Seconds that are counted together. */
    readonly windowSeconds: number
    /** Fewer reads than this in a window are never remarkable. */
    readonly atLeast: number
    /** How many times its usual number of reads an actor must reach. */
    readonly factor: number
    readonly severity: Severity
  }
  /** After failing again and again, one actor succeeds with the same thing. */
  readonly failuresThenSuccess: {
    readonly enabled: boolean
    /** Failures in a row, 2–1000. */
    readonly threshold: number
    readonly windowSeconds: number
    readonly severity: Severity
    /** Values of the attribute `error.type` that say nothing about the actor. */
    readonly ignoredErrors: readonly string[]
  }
  /** One actor is refused again and again. */
  readonly deniedAttempts: CountedBehaviour & {
    /** Operations in which a refusal is a person's answer, not an attempt. */
    readonly ignoredOperations: readonly string[]
  }
  /** Memories that were written for one person are used for another soon after. The threshold counts memories. */
  readonly memoryCrossing: CountedBehaviour
}

/** What every sink is asked of. */
export interface SinkOptions {
  /** Names the sink in statistics, faults and rules. */
  readonly name: string
  /** Alerts below are not sent; `info`, that is all, unless given. */
  readonly minSeverity?: Severity
  /** Of which of an alert's steps it is told; `raised`, `escalated` and `reopened` unless given. */
  readonly on?: readonly ('raised' | 'escalated' | 'reopened' | 'acknowledged' | 'resolved')[]
}

/** One line in the program's own log. Says nothing that is sealed. */
export interface LogLineSinkSettings extends SinkOptions {
  readonly type: 'log'
}

/** JSON by HTTP POST, signed as in Standard Webhooks. */
export interface WebhookSinkSettings extends SinkOptions {
  readonly type: 'webhook'
  readonly url: string
  /** `whsec_` and base64, as Standard Webhooks writes it, or any other text of at least 16 characters. */
  readonly secret?: string
  readonly headers?: { readonly [name: string]: string }
  /** How long one attempt may take; 10 000 unless given. */
  readonly timeoutMs?: number
  /** Attempts before a message is given up; 8 unless given. */
  readonly attempts?: number
  /** The wait after the first failure, doubled after each more, up to five minutes; 1000 unless given. */
  readonly retryMs?: number
  /** Messages that may wait; 1000 unless given. One that finds no place is dropped, and that is said. */
  readonly maxWaiting?: number
}

/** A program, started without a shell, with the alert as JSON on its standard input. */
export interface CommandSinkSettings extends SinkOptions {
  readonly type: 'command'
  /** The program, then its arguments. */
  readonly command: readonly string[]
  /** How long it may run before it is killed; 10 000 unless given. */
  readonly timeoutMs?: number
  /** Alerts that may wait for their turn; 100 unless given. */
  readonly maxWaiting?: number
}

export type SinkSettings = LogLineSinkSettings | WebhookSinkSettings | CommandSinkSettings

/** When it applies. A rule is applied to one alert once, in whatever process. */
export interface ResponseCondition {
  /** Names the rule in the entries of the alert. */
  readonly name: string
  readonly minSeverity: Severity
  /** Types of alert; all unless given. */
  readonly types?: readonly FindingType[]
}

export type ResponseRule = ResponseCondition &
  (
    | { /** The log takes no more entries but those about itself. */ readonly action: 'freeze' }
    | { /** The log is checked as fast as allowed, for so long. */ readonly action: 'pace'; readonly forMs: number }
    | { readonly action: 'command'; readonly command: readonly string[]; readonly timeoutMs?: number }
    | {
        /** These sinks are told, whatever else they are asked of. */ readonly action: 'notify'
        readonly sinks: readonly string[]
      }
  )

export interface DetectSettings {
  /** By name. The seed's five unless given; any number of others beside them. */
  readonly patterns: { readonly [name: string]: TamperPattern }
  readonly behaviours: BehaviourSettings
  readonly deduplication: {
    /** What comes again within this time belongs to the same alert. */
    readonly windowMs: number
    /** Alerts of one kind within the window before the next ones are counted into the last of them. */
    readonly alertsPerWindow: number
    /** How long a resolved finding may still be found as it was before its alert is opened again. */
    readonly reopenAfterMs: number
  }
  readonly retention: {
    /** Days after which a resolved alert leaves the memory. The log keeps it. */
    readonly resolvedDays: number
    /** Alerts in memory. */
    readonly maxAlerts: number
    /** Events in memory, of all patterns together. */
    readonly maxEvents: number
  }
  readonly sinks: readonly SinkSettings[]
  readonly responses: readonly ResponseRule[]
  readonly scrub: ScrubSettings
  readonly follow: FollowSettings
}

/** The check in the background. */
export interface ScrubSettings {
  readonly enabled: boolean
  /** How long one pass over the whole log may take. */
  readonly passMs: number
  /** The longest wait between two stretches: a small log is gone over more often than it need be. */
  readonly everyMs: number
  /** The part of one core that may be used, above 0 and at most 1. */
  readonly maxShare: number
}

/** How entries of other processes are noticed. */
export interface FollowSettings {
  readonly pollMs: number
}

export const defaultScrubSettings: ScrubSettings = {
  enabled: true,
  passMs: 24 * 3_600_000,
  everyMs: 60_000,
  maxShare: 0.05,
}

export const defaultFollowSettings: FollowSettings = { pollMs: 500 }

/** The seed's table of patterns. */
export const builtInPatterns: { readonly [name: string]: TamperPattern } = {
  hash_verification_failures: {
    types: ['hash_mismatch'],
    threshold: 3,
    windowSeconds: 300,
    severity: 'high',
    grouping: 'all',
    escalation: 2,
  },
  chain_break_cluster: {
    types: ['chain_break'],
    threshold: 2,
    windowSeconds: 60,
    severity: 'critical',
    grouping: 'component',
    escalation: 2,
  },
  bulk_tampering: {
    types: ['hash_mismatch', 'missing_entry'],
    threshold: 10,
    windowSeconds: 600,
    severity: 'critical',
    grouping: 'all',
    escalation: 3,
  },
  temporal_anomalies: {
    types: ['temporal_violation'],
    threshold: 5,
    windowSeconds: 300,
    severity: 'medium',
    grouping: 'all',
    escalation: 2,
  },
  signature_failures: {
    types: ['signature_invalid'],
    threshold: 2,
    windowSeconds: 120,
    severity: 'high',
    grouping: 'all',
    escalation: 2,
  },
}

export const defaultDetectSettings: DetectSettings = {
  patterns: builtInPatterns,
  behaviours: {
    words: {
      delete: [
        'delete',
        'remove',
        'forget',
        'purge',
        'erase',
        'drop',
        'clear',
        'wipe',
        'truncate',
        'destroy',
        'unlink',
      ],
      read: ['read', 'recall', 'retrieve', 'get', 'fetch', 'search', 'query', 'find', 'list', 'open', 'load', 'export'],
      write: [
        'remember',
        'store',
        'write',
        'add',
        'create',
        'update',
        'insert',
        'save',
        'append',
        'put',
        'set',
        'edit',
      ],
    },
    deleteBurst: { enabled: true, threshold: 30, windowSeconds: 60, severity: 'high', escalation: 4 },
    toolChanged: { enabled: true, severity: 'high' },
    readVolume: { enabled: true, windowSeconds: 300, atLeast: 1000, factor: 10, severity: 'medium' },
    failuresThenSuccess: {
      enabled: true,
      threshold: 5,
      windowSeconds: 300,
      severity: 'medium',
      ignoredErrors: ['timeout', 'cancelled', 'not_forwarded', 'process_ended'],
    },
    deniedAttempts: {
      enabled: true,
      threshold: 5,
      windowSeconds: 300,
      severity: 'medium',
      escalation: 4,
      ignoredOperations: ['elicitation/create', 'sampling/createMessage', 'recorder.refused'],
    },
    memoryCrossing: { enabled: true, threshold: 3, windowSeconds: 600, severity: 'medium', escalation: 4 },
  },
  deduplication: { windowMs: 300_000, alertsPerWindow: 100, reopenAfterMs: 24 * 3_600_000 },
  retention: { resolvedDays: 7, maxAlerts: 10_000, maxEvents: 5_000 },
  sinks: [],
  responses: [],
  scrub: defaultScrubSettings,
  follow: defaultFollowSettings,
}

/** Where entries are sent as they come, what of them leaves, and at which pace. */
import type { EntryFilter } from '../core/filter.ts'

/** How a receiver is spoken to in private. Files are PEM. */
export interface TlsSettings {
  /** The authorities that are believed, instead of those of the system. */
  readonly caFile?: string
  /** The certificate and key by which this side shows who it is. */
  readonly certFile?: string
  readonly keyFile?: string
  /** The name that the receiver's certificate must have; the host's unless given. */
  readonly serverName?: string
}

/** Syslog (RFC 5424) over TCP with octet counting (RFC 6587), or over TLS (RFC 5425). */
export interface SyslogReceiverSettings {
  readonly type: 'syslog'
  readonly host: string
  /** 601 over TCP, 6514 over TLS, unless given. */
  readonly port?: number
  /** TLS when given, `{}` for the system's authorities. */
  readonly tls?: TlsSettings
  /** What stands in a message: fields as structured data, or one CEF line. `structured` unless given. */
  readonly message?: 'structured' | 'cef'
  /** 0–23; 13, log audit, unless given. */
  readonly facility?: number
  /** The name that messages give as their host's; the machine's unless given. */
  readonly hostname?: string
  /** The private enterprise number in the names of structured data; 32473, the one for examples (RFC 5612), unless given. */
  readonly enterprise?: number
  /**
   * When a batch counts as received. Syslog has no answer, so with `close`, the default, each batch has a connection of its
   * own and counts when the receiver has read to its end and closes it. With `written` it counts when the system took the
   * bytes: for receivers that never close, and what was on the way is lost when the connection breaks.
   */
  readonly confirm?: 'close' | 'written'
}

/** Batches of JSON by HTTP POST. */
export interface HttpReceiverSettings {
  readonly type: 'http'
  /** `https:`, or `http:` where the way is private. Secrets belong into headers. */
  readonly url: string
  /** One object a line (`application/x-ndjson`), or one list (`application/json`). `lines` unless given. */
  readonly body?: 'lines' | 'array'
  /** Each entry as it is, or as an OCSF event. `entry` unless given. */
  readonly item?: 'entry' | 'ocsf'
  readonly headers?: { readonly [name: string]: string }
  readonly tls?: TlsSettings
}

/** OpenTelemetry logs: OTLP/HTTP with JSON. */
export interface OtlpReceiverSettings {
  readonly type: 'otlp'
  /** Of the collector, such as `http://127.0.0.1:4318`; `/v1/logs` is added where there is no path. */
  readonly url: string
  readonly headers?: { readonly [name: string]: string }
  readonly tls?: TlsSettings
  /** The resource's `service.name`; `memmimic-audit` unless given. */
  readonly serviceName?: string
}

export type ReceiverSettings = SyslogReceiverSettings | HttpReceiverSettings | OtlpReceiverSettings

/** What holds for a stream unless it says otherwise. */
export interface StreamOptions {
  /** Whether sealed values leave too. Otherwise it is the leaf alone: nothing that may speak of a person. */
  readonly disclose: boolean
  /** Entries in one batch, 1–10 000. */
  readonly batchEntries: number
  /** Bytes in one batch; an entry that is larger travels alone. */
  readonly batchBytes: number
  /** How often the log is looked at for what other processes wrote; what this one writes is sent at once. */
  readonly pollMs: number
  /** How long a receiver may take for one batch. */
  readonly timeoutMs: number
  /** The wait after a first failure; doubled after each more, up to `maxRetryMs`, and spread at random. */
  readonly retryMs: number
  readonly maxRetryMs: number
  /**
   * What happens to a single entry that the receiver refuses for what it is: `hold` keeps the stream at it until somebody
   * acts, `skip` goes on behind it. Either is said.
   */
  readonly onRefused: 'hold' | 'skip'
}

export interface StreamSettings extends Partial<StreamOptions> {
  /** Names the stream and its place in the log: 1–64 letters, digits, `.`, `_` and `-`. */
  readonly name: string
  readonly to: ReceiverSettings
  /** Which entries; all of them unless given. */
  readonly filter?: EntryFilter
}

export const defaultStreamSettings: StreamOptions = {
  disclose: false,
  batchEntries: 500,
  batchBytes: 1_000_000,
  pollMs: 1000,
  timeoutMs: 30_000,
  retryMs: 500,
  maxRetryMs: 60_000,
  onRefused: 'hold',
}

/**
 * Entries as syslog messages (RFC 5424):
 *
 *     <PRI>1 TIME HOST APP - MSGID [memmimic@32473 seq="12" id="…" entryHash="…" …][attributes@32473 …] words
 *
 * What proves an entry stands first, in structured data, so that a receiver that cuts long messages cuts the values at the
 * end. Names of parameters are printable ASCII of at most 32 characters; an attribute with another name stands in `more`,
 * as JSON.
 */
import type { Severity } from '../../core/finding.ts'
import { type EntryView, identitiesOf } from '../../core/view.ts'
import { furtherValues, sentence, severityOf, textOf } from '../values.ts'
import { cefLine } from './cef.ts'
import type { TextFormat } from './format.ts'
import { oneLine } from './lines.ts'

export interface SyslogOptions {
  /** The log. */
  readonly origin: string
  /** 0–23; 13, log audit, unless given. */
  readonly facility?: number | undefined
  /** The machine that the messages come from; unsaid (`-`) unless given. */
  readonly hostname?: string | undefined
  /** The private enterprise number in the names of structured data; 32473, the one for examples (RFC 5612), unless given. */
  readonly enterprise?: number | undefined
  /** Fields as structured data, or one CEF line as the words. `structured` unless given. */
  readonly message?: 'structured' | 'cef' | undefined
}

/** RFC 5424, section 6.2.1. */
const severityNumber: Readonly<Record<Severity, number>> = { info: 6, low: 5, medium: 4, high: 3, critical: 2 }

/** Messages, one a line. */
export function syslog(options: SyslogOptions): TextFormat {
  const message = syslogMessage(options)
  return { entry: entry => `${message(entry)}\n` }
}

/** What makes the message of an entry, without a line end. */
export function syslogMessage(options: SyslogOptions): (entry: EntryView) => string {
  const { origin, facility = 13, hostname = '-', enterprise = 32473, message = 'structured' } = options
  const host = printable(hostname, 255)
  return entry => {
    const priority = 8 * facility + severityNumber[severityOf(entry)]
    const header = `<${priority}>1 ${entry.time} ${host} memmimic-audit - ${printable(entry.operation, 32)}`
    // Those who read CEF look for its first letters: no mark before them, which makes it text of no said encoding.
    if (message === 'cef') return `${header} - ${cefLine(entry, origin)}`
    const data = [
      element(`memmimic@${enterprise}`, fields(entry, origin)),
      element(`attributes@${enterprise}`, named(entry.attributes)),
      element(`metrics@${enterprise}`, named(entry.performanceMetrics)),
    ]
    return `${header} ${data.join('')} ${marked(words(entry))}`
  }
}

function fields(entry: EntryView, origin: string): [name: string, value: string | number | undefined][] {
  const [actor, principal] = identitiesOf(entry.actor)
  return [
    ['seq', entry.seq],
    ['id', entry.id],
    ['entryHash', entry.entryHash],
    ['previousHash', entry.previousHash],
    ['origin', origin],
    ['kind', entry.kind],
    ['operation', entry.operation],
    ['component', entry.component],
    ['outcome', entry.outcome],
    ['securityLevel', entry.securityLevel],
    ...entry.complianceFlags.map((flag): [string, string] => ['complianceFlag', flag]),
    ['governanceStatus', entry.governanceStatus],
    ['intent', entry.intent],
    ['trace', entry.trace],
    ['actor', actor && `${actor.type}:${actor.id}`],
    ['onBehalfOf', principal && `${principal.type}:${principal.id}`],
    ['memoryId', textOf(entry.memoryId)],
    ['session', textOf(entry.session)],
  ]
}

type Pairs = readonly (readonly [name: string, value: string | number | boolean | undefined])[]

/** A map of the entry as parameters, those whose names cannot be one together under `more`. */
function named(map: { readonly [name: string]: string | number | boolean } | undefined): Pairs {
  const pairs = Object.entries(map ?? {})
  const others = pairs.filter(([name]) => !isParameter(name))
  const more = others.length === 0 ? undefined : JSON.stringify(Object.fromEntries(others))
  return [...pairs.filter(([name]) => isParameter(name)), ['more', more]]
}

/** SD-NAME of RFC 5424, section 6.3.2; `more` is taken. */
function isParameter(name: string): boolean {
  return name !== 'more' && /^[!#-<>-\\^-~]{1,32}$/.test(name)
}

function element(id: string, pairs: Pairs): string {
  const params = pairs.flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${escaped(String(value))}"`]))
  return params.length === 0 ? '' : `[${id}${params.join('')}]`
}

function escaped(text: string): string {
  return oneLine(text).replaceAll(/["\\\]]/g, '\\$&')
}

function words(entry: EntryView): string {
  const values = furtherValues(entry)
  const more = Object.keys(values).length === 0 ? '' : ` ${JSON.stringify(values)}`
  return oneLine(sentence(entry) + more)
}

/** Words that are not ASCII begin with the byte order mark that says so (section 6.4). */
function marked(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : `\ufeff${text}`
}

/** PRINTUSASCII of at most so many characters, or the word for nothing. */
function printable(text: string, length: number): string {
  return text.replaceAll(/[^!-~]/gu, '?').slice(0, length) || '-'
}

/**
 * Entries in the Common Event Format of ArcSight (Implementing ArcSight CEF, version 0 of the format):
 *
 *     CEF:0|vendor|product|version|event class|name|severity|key=value key=value …
 *
 * Keys of its dictionary where they mean the same; what has no such key stands under keys of our own, which begin with
 * vendor and product as the format asks. `cn1` is the number in the log and `cs1` the entry hash: with them a line is
 * found again in the log, and proved.
 */
import type { Severity } from '../../core/finding.ts'
import { parseTime } from '../../core/time.ts'
import { type EntryView, identitiesOf } from '../../core/view.ts'
import { furtherValues, sentence, severityOf, textOf } from '../values.ts'
import type { TextFormat } from './format.ts'
import { oneLine } from './lines.ts'

/** 0–10, from the least to the most. */
const severityNumber: Readonly<Record<Severity, number>> = { info: 1, low: 3, medium: 5, high: 8, critical: 10 }

/** @param origin the log */
export function cef(origin: string): TextFormat {
  return { entry: entry => `${cefLine(entry, origin)}\n` }
}

/** One entry as one line, without its end. */
export function cefLine(entry: EntryView, origin: string): string {
  const name = `${entry.operation} ${entry.outcome ?? entry.kind}`
  const header = [
    'MemMimic',
    'Audit',
    String(entry.v),
    entry.operation,
    name,
    String(severityNumber[severityOf(entry)]),
  ]
  const pairs = Object.entries(extension(entry, origin)).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${escapedValue(String(value))}`],
  )
  return `CEF:0|${header.map(escapedHeader).join('|')}|${pairs.join(' ')}`
}

function extension(entry: EntryView, origin: string): Record<string, string | number | undefined> {
  const [actor, principal] = identitiesOf(entry.actor)
  const { attributes, complianceFlags, performanceMetrics } = entry
  return {
    rt: Math.floor(parseTime(entry.time)! / 1000),
    externalId: entry.id,
    deviceExternalId: origin,
    deviceProcessName: entry.component,
    cat: entry.kind,
    outcome: entry.outcome,
    msg: sentence(entry),
    suser: actor?.id,
    ...labelled('cn1', 'seq', entry.seq),
    ...labelled('cs1', 'entryHash', entry.entryHash),
    ...labelled('cs2', 'actorType', actor?.type),
    ...labelled('cs3', 'onBehalfOf', principal && `${principal.type}:${principal.id}`),
    ...labelled('cs4', 'memoryId', textOf(entry.memoryId)),
    ...labelled('cs5', 'session', textOf(entry.session)),
    ...labelled('cs6', 'securityLevel', entry.securityLevel),
    ...labelled('cfp1', 'durationMs', performanceMetrics?.durationMs),
    ...labelled('flexString1', 'trace', entry.trace),
    ...labelled('flexString2', 'complianceFlags', complianceFlags.length === 0 ? undefined : complianceFlags.join(',')),
    MemMimicAuditPreviousHash: entry.previousHash,
    MemMimicAuditIntent: entry.intent,
    MemMimicAuditGovernanceStatus: entry.governanceStatus,
    MemMimicAuditAttributes: jsonOf(attributes),
    MemMimicAuditMetrics: jsonOf(performanceMetrics),
    MemMimicAuditValues: jsonOf(furtherValues(entry)),
  }
}

function labelled(key: string, label: string, value: string | number | undefined): Record<string, string | number> {
  return value === undefined ? {} : { [key]: value, [`${key}Label`]: label }
}

function jsonOf(value: object | undefined): string | undefined {
  return value === undefined || Object.keys(value).length === 0 ? undefined : JSON.stringify(value)
}

/** A header field has no line ends, escaped or not. */
function escapedHeader(text: string): string {
  return oneLine(text).replaceAll(/[\\|]/g, '\\$&')
}

/** In a value an equals sign, a backslash and a line end are escaped; other controls are shown, not sent. */
function escapedValue(text: string): string {
  return text.replaceAll(/[\\=\p{Cc}\u2028\u2029]/gu, char => {
    if (char === '\n') return '\\n'
    if (char === '\r') return '\\r'
    return char === '\\' || char === '=' ? `\\${char}` : `\\${oneLine(char)}`
  })
}

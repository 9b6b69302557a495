/** What checks say, as something worth an alert: which part of the log it is about, how bad, how sure. */
import { type Finding, type FindingType, finding, findingTypes, type Severity, severities } from '../core/finding.ts'
import { badInput } from '../core/json.ts'
import { rangesOf } from '../core/ranges.ts'
import { formatTime, type Micros } from '../core/time.ts'
import type { VerificationStatus } from '../verify/cryptographic-verifier.ts'
import type { Evidence } from './alert.ts'
import type { Sighting } from './alert-book.ts'
import { maxEvidence } from './patterns.ts'
import { worse } from './severity.ts'

/** What a finding is about: the component of its alert. */
const componentOf: Readonly<Record<FindingType, string>> = {
  hash_mismatch: 'entries',
  missing_entry: 'entries',
  foreign_entry: 'entries',
  format_invalid: 'entries',
  disclosure_mismatch: 'entries',
  disclosure_missing: 'entries',
  chain_break: 'chain',
  temporal_violation: 'chain',
  tree_mismatch: 'tree',
  rollback: 'tree',
  fork: 'tree',
  signature_invalid: 'signatures',
  seal_invalid: 'signatures',
  index_mismatch: 'index',
  suspicious_pattern: 'log',
  bulk_modification: 'log',
  unauthorized_access: 'log',
}

/** Findings about the log as a whole: wherever a check comes upon them, they are the same. */
const ofTheWhole: ReadonlySet<FindingType> = new Set(['rollback', 'fork', 'tree_mismatch'])

/** How sure a check is, as the seed has it. */
const confidence = 0.9

/** The severity of broken links by the part of the entries that hold, in percent. */
export function chainSeverity(integrityPercentage: number): Severity {
  if (integrityPercentage < 50) return 'critical'
  if (integrityPercentage < 80) return 'high'
  return integrityPercentage < 95 ? 'medium' : 'low'
}

/** What a failed verification of one entry is, and how bad. */
export const typeOfStatus: Readonly<
  Record<Exclude<VerificationStatus, 'valid'>, { readonly type: FindingType; readonly severity: Severity }>
> = {
  tampered: { type: 'hash_mismatch', severity: 'high' },
  missing: { type: 'missing_entry', severity: 'medium' },
  invalid: { type: 'signature_invalid', severity: 'high' },
  error: { type: 'suspicious_pattern', severity: 'low' },
}

/** A text as an entry can hold it: what is found may have been written to be refused. */
function told(text: string): string {
  return text.slice(0, 1000).toWellFormed()
}

/** Findings that belong into one alert. */
export interface Place {
  readonly sighting: Sighting
  readonly findings: readonly Finding[]
}

/**
 * The findings of one check, by what they are about: each run of neighbouring entries is one, and so is each alert that
 * is about some of them already.
 *
 * @param checked entries that were checked
 * @param ownerOf the alert that is about an entry
 */
export function placesOf(
  findings: readonly Finding[],
  checked: number,
  at: Micros,
  ownerOf: (type: FindingType, seq: number) => string | undefined,
): Place[] {
  const broken = findings.filter(({ type }) => type === 'chain_break').length
  const chain = chainSeverity(checked === 0 ? 0 : ((checked - broken) / checked) * 100)
  const places: Place[] = []
  for (const [type, all] of Map.groupBy(findings, ({ type }) => type)) {
    const isOfEntry = ({ seq }: Finding) => isPlace(seq) && !ofTheWhole.has(type)
    const whole = all.filter(found => !isOfEntry(found))
    if (whole.length > 0) places.push(placeOf(whole, at, `${type} of the ${componentOf[type]}`))
    const owned = Map.groupBy(all.filter(isOfEntry), ({ seq }) => ownerOf(type, seq!))
    for (const [owner, some] of owned) {
      for (const together of owner === undefined ? neighbours(some) : [some]) places.push(placeOf(together, at))
    }
  }
  return places.map(place => {
    const { sighting } = place
    if (sighting.type !== 'chain_break') return place
    return { ...place, sighting: { ...sighting, severity: worse(sighting.severity, chain) } }
  })
}

/** Whether it is the number of an entry: what is found in a forged log may be anything. */
function isPlace(seq: number | undefined): seq is number {
  return seq !== undefined && Number.isSafeInteger(seq) && seq >= 0
}

/** Findings at entries that follow each other. */
function neighbours(findings: readonly Finding[]): Finding[][] {
  const runs: Finding[][] = []
  for (const found of findings.toSorted((a, b) => a.seq! - b.seq!)) {
    const run = runs.at(-1)
    if (run !== undefined && found.seq! <= run.at(-1)!.seq! + 1) run.push(found)
    else runs.push([found])
  }
  return runs
}

function placeOf(findings: readonly Finding[], at: Micros, key?: string): Place {
  const { type, severity, message } = findings[0]!
  const seqs = new Set(findings.flatMap(({ seq }) => (isPlace(seq) ? seq : [])))
  const entries = rangesOf([...seqs].sort((a, b) => a - b))
  const component = componentOf[type]
  const sighting: Sighting = {
    type,
    severity: findings.reduce((worst, found) => worse(worst, found.severity), severity),
    description:
      seqs.size < 2 ? told(message) : `${seqs.size} entries from ${entries[0]![0]} on, the first: ${told(message)}`,
    component,
    source: 'check',
    confidence,
    entries,
    ids: [],
    evidence: findings.slice(-maxEvidence).map(found => evidenceOf(found, component, at)),
    ...(key !== undefined && { key }),
  }
  return { sighting, findings }
}

/** A finding as an alert shows it. */
export function evidenceOf(
  { type, seq, id, message, expected, actual }: Finding,
  component: string,
  at: Micros,
): Evidence {
  return {
    time: formatTime(at),
    type,
    component,
    message: told(message),
    ...(seq === undefined ? {} : { seq }),
    ...(id === undefined ? {} : { id: told(id) }),
    ...(expected === undefined ? {} : { expected: told(expected) }),
    ...(actual === undefined ? {} : { actual: told(actual) }),
  }
}

/** Something that a caller noticed and tells the detector itself. */
export interface ReportedEvent {
  readonly type: FindingType
  /** That of the type unless given. */
  readonly severity?: Severity
  /** One sentence that names no person: it is written openly. */
  readonly description: string
  /** The part of the log, or of the program, that it is about; by its type unless given. */
  readonly component?: string
  /** The entry concerned. */
  readonly seq?: number
  readonly entryId?: string
  /** 0–1; 0.9 unless given. */
  readonly confidence?: number
}

/** @throws AuditError `bad_input` for a type or severity that there is not */
export function reportedSighting(event: ReportedEvent, at: Micros): Sighting {
  const { type, seq } = event
  if (!findingTypes.includes(type)) throw badInput('$.type', `must be one of ${findingTypes.join(', ')}`)
  const severity = event.severity ?? finding(type, '').severity
  if (!severities.includes(severity)) throw badInput('$.severity', `must be one of ${severities.join(', ')}`)
  if (seq !== undefined && !isPlace(seq)) throw badInput('$.seq', 'must be the number of an entry')
  const description = told(event.description)
  const component = told(event.component ?? componentOf[type])
  const id = event.entryId === undefined ? undefined : told(event.entryId)
  return {
    type,
    severity,
    description,
    component,
    source: 'report',
    confidence: event.confidence ?? confidence,
    entries: seq === undefined ? [] : [[seq, seq]],
    ids: id === undefined ? [] : [id],
    evidence: [
      {
        time: formatTime(at),
        type,
        component,
        message: description,
        ...(seq === undefined ? {} : { seq }),
        ...(id === undefined ? {} : { id }),
      },
    ],
    ...(seq === undefined && id === undefined && { key: `${type} of the ${component}` }),
  }
}

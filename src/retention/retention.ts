/**
 * Retention: content goes when its period is over, entry by entry; leaves later, as a prefix, when even the skeleton is
 * past its time. A legal hold keeps what it covers. Each step is one commit, with the entry in it that says what went.
 *
 * There is nothing to resume: what is gone is in the log, so a run that was stopped is gone on with by the next.
 */
import type { RemovalRequest } from '../append/sequencer.ts'
import { utf8 } from '../core/bytes.ts'
import type { Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { EntryFilter } from '../core/filter.ts'
import { canonicalize } from '../core/json.ts'
import { sha256Hex } from '../core/primitives.ts'
import { countIn, formatRanges, gapsIn, parseRanges, type Range, rangesOf, unite } from '../core/ranges.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import type { ListRow } from '../trail/audit-trail.ts'
import type { Reader } from '../trail/reader.ts'
import { shortfalls } from './frameworks.ts'
import { activeHolds, type Hold, heldAmong } from './holds.ts'
import type { RetentionRule, RetentionSettings } from './settings.ts'

/** What a run works with. */
export interface RetentionParts {
  readonly reader: Pick<Reader, 'query' | 'list' | 'openIntents'>
  readonly remove: (request: RemovalRequest) => Promise<Receipt>
  readonly now: () => Micros
  /** Keeps what is about to go, before it goes; what it throws ends the run. */
  readonly archive?: ((content: readonly Range[]) => Promise<void>) | undefined
}

export interface RetentionRun {
  /** Says what would go, and changes nothing. */
  readonly dryRun?: boolean
  readonly onStep?: (removed: number) => void
  readonly signal?: AbortSignal
  /** Milliseconds to wait between two steps, so that others come to the disk; 0 unless given. */
  readonly pauseMs?: number
}

export interface RetentionReport {
  readonly dryRun: boolean
  /** Entries whose content went, or would go. */
  readonly entries: number
  /** Entries whose period is over and that a hold keeps. */
  readonly held: number
  /** The minimum index afterwards: the leaves below it are gone, but the first. */
  readonly below: number
  /** The entries that declare it. */
  readonly declaredBy: readonly number[]
  /** Where a period is shorter than a chosen framework asks for. */
  readonly warnings: readonly string[]
}

const dayMicros = 86_400e6
/** Entries looked at in one go. */
const stretch = 4096
/** As much as one commit lets go of, so that no appender waits long behind it and its list fits into a leaf. */
const maxEntries = 16_384
const maxRanges = 1500
const leafStep = 32_768

/**
 * Lets go of everything whose period is over.
 *
 * @throws AuditError as the log says; what went before stays gone, on record
 * @example await runRetention({ reader, remove, now }, settings, { dryRun: true })
 */
export async function runRetention(
  parts: RetentionParts,
  settings: RetentionSettings,
  { dryRun = false, onStep = () => {}, signal, pauseMs = 0 }: RetentionRun = {},
): Promise<RetentionReport> {
  checkPeriods(settings)
  const now = parts.now()
  const policy = policyFacts(settings)
  const declaredBy: number[] = []
  const before = await removedFrom(parts.reader)
  let gone = before.content
  let { below } = before
  let entries = 0
  let held = 0

  const remove = async (content: readonly Range[], leavesBelow: number) => {
    signal?.throwIfAborted()
    if (!dryRun) {
      if (content.length > 0) await parts.archive?.(content)
      const request = { operation: 'retention.pruned', entries: formatRanges(content), below: leavesBelow } as const
      declaredBy.push((await parts.remove({ ...request, attributes: policy })).seq)
      if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
    gone = unite([...gone, ...content])
    onStep(countIn(content))
  }

  const holds = await activeHolds(parts.reader)
  for await (const due of dueContent(parts.reader, settings, { now, gone, holds })) {
    held += due.held
    if (due.ranges.length === 0) continue
    entries += countIn(due.ranges)
    await remove(due.ranges, 0)
  }

  const target = await leavesDueBelow(parts.reader, settings, { now, gone })
  while (below < target) {
    below = Math.min(target, below + leafStep)
    await remove([], below)
  }
  return { dryRun, entries, held, below, declaredBy, warnings: shortfalls(settings) }
}

/** @throws AuditError `bad_input` */
export function checkPeriods({ days, rules, leafDays }: RetentionSettings): void {
  const periods: [string, number][] = [['days', days], ...rules.map((rule): [string, number] => [rule.name, rule.days])]
  for (const [name, period] of periods) {
    if (!(Number.isFinite(period) && period >= 1)) {
      throw new AuditError('bad_input', `retention: ${name} must be a number of days from 1 on, not ${period}`)
    }
  }
  if (leafDays !== undefined && !(leafDays >= Math.max(...periods.map(([, period]) => period)))) {
    throw new AuditError('bad_input', 'retention: leafDays must not be less than the longest period of content')
  }
}

function policyFacts(settings: RetentionSettings): { readonly [name: string]: string | number } {
  const { days, rules, leafDays } = settings
  const digest = sha256Hex(utf8(canonicalize({ days, rules, ...(leafDays === undefined ? {} : { leafDays }) })))
  return { policy: `${days} days, ${rules.length} rules`, policyDigest: digest }
}

/** What is gone already, by the entries that say so. */
export async function removedFrom(reader: Pick<Reader, 'query'>): Promise<{ content: Range[]; below: number }> {
  const filter = { operation: ['retention.pruned', 'subject.erased'], kind: 'control' }
  const ranges: Range[] = []
  let below = 0
  for (let after: number | undefined; ; ) {
    const views = await reader.query(filter, { limit: 256, after, order: 'asc' })
    for (const { seq, attributes = {} } of views) {
      const { entries, below: minimum } = attributes
      if (typeof entries !== 'string' || typeof minimum !== 'number') {
        throw new AuditError('damaged', `entry ${seq} does not say what went with it: run verify`)
      }
      ranges.push(...parseRanges(entries))
      below = Math.max(below, minimum)
    }
    if (views.length < 256) break
    after = views.at(-1)!.seq
  }
  return { content: unite(below > 0 ? [...ranges, [1, below - 1]] : ranges), below }
}

interface Moment {
  readonly now: Micros
  readonly gone: readonly Range[]
}

/** The content that is due, a commit's worth at a time. */
async function* dueContent(
  reader: RetentionParts['reader'],
  settings: RetentionSettings,
  { now, gone, holds }: Moment & { holds: readonly Hold[] },
): AsyncIterable<{ ranges: Range[]; held: number }> {
  const shortest = Math.min(settings.days, ...settings.rules.map(({ days }) => days))
  const last = await lastBefore(reader, now - shortest * dayMicros)
  let ranges: Range[] = []
  let held = 0
  for (const [from, to] of gapsIn(gone, 1, last)) {
    for (let first = from; first <= to; first += stretch) {
      const end = Math.min(to, first + stretch - 1)
      const over = await overAmong(reader, settings, { now, first, end })
      const kept = await heldAmong(reader, holds, first, end)
      const due = over.filter(seq => !kept.has(seq))
      held += over.length - due.length
      ranges = unite([...ranges, ...rangesOf(due)])
      if (countIn(ranges) < maxEntries && ranges.length < maxRanges) continue
      // A stretch may bring more pieces than a leaf can name: they go in turns.
      for (let i = 0; i < ranges.length; i += maxRanges) yield { ranges: ranges.slice(i, i + maxRanges), held }
      ranges = []
      held = 0
    }
  }
  yield { ranges, held }
}

/** The entries between two numbers whose period is over. */
async function overAmong(
  reader: RetentionParts['reader'],
  { days, rules }: RetentionSettings,
  { now, first, end }: { now: Micros; first: number; end: number },
): Promise<number[]> {
  const among = { field: 'seq', op: 'between', value: [first, end] } as const
  const list = (filter: EntryFilter): Promise<ListRow[]> =>
    reader.list({ ...filter, where: [among] }, { limit: end - first + 1, order: 'asc' })
  const periods = new Map<number, number>()
  for (const rule of rules) {
    for (const { seq } of await list(filterOf(rule))) periods.set(seq, Math.max(periods.get(seq) ?? 0, rule.days))
  }
  const rows = await list({})
  return rows
    .filter(({ seq, time }) => parseTime(time)! + (periods.get(seq) ?? days) * dayMicros <= now)
    .map(({ seq }) => seq)
}

function filterOf({ when }: RetentionRule): EntryFilter {
  return Object.fromEntries(Object.entries(when).filter(([, value]) => value !== undefined))
}

/** The newest entry up to an instant, or 0. */
async function lastBefore(reader: RetentionParts['reader'], instant: Micros): Promise<number> {
  if (instant < 0) return 0
  const [row] = await reader.list({ until: formatTime(instant) }, { limit: 1, order: 'desc' })
  return row?.seq ?? 0
}

/** The minimum index that the policy asks for: behind nothing whose content is still there, and no open intent. */
async function leavesDueBelow(
  reader: RetentionParts['reader'],
  { leafDays }: RetentionSettings,
  { now, gone }: Moment,
): Promise<number> {
  if (leafDays === undefined) return 0
  const last = await lastBefore(reader, now - leafDays * dayMicros)
  const [kept] = gapsIn(gone, 1, last)
  const [intent] = await reader.openIntents()
  // By these a check finds its way from the first keys to those that sign, and from what was signed to a copy restored.
  const links = { operation: ['key.rotated', 'log.restored'], kind: 'control' }
  const [link] = await reader.list(links, { limit: 1, order: 'asc' })
  const stops = [kept?.[0], intent?.seq, link?.seq].filter(stop => stop !== undefined)
  const end = Math.min(last + 1, ...stops)
  return end - (end % 256)
}

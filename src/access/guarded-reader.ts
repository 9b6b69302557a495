/**
 * A reader that shows what a principal may see, and nothing that follows from what it may not. Of a closed entry only the
 * open members answer: a question that reaches into sealed values is not asked of it, so that neither its presence nor its
 * absence in an answer tells anything of them.
 *
 * Members are named one by one: whatever a reader learns to answer later is not let through before it stands here.
 */
import { AuditError } from '../core/errors.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'
import { type Finding, finding, type Omission, type VerificationReport } from '../core/finding.ts'
import { parseLeaf } from '../core/leaf.ts'
import { type EntryView, leafMembers } from '../core/view.ts'
import { closeValues } from '../export/values.ts'
import type { EntryWithDisclosures, ListRow, PageOptions } from '../trail/audit-trail.ts'
import type { Reader } from '../trail/reader.ts'
import { addCounts, addFacets, addHistograms } from './merge.ts'
import { type Looking, type Principal, type Sight, type Slice, seesEverything, sightOf, slicesOf } from './principal.ts'

/** As much of a reader as can be shown in part. */
export type GuardedReader = Pick<
  Reader,
  | 'query'
  | 'list'
  | 'count'
  | 'facets'
  | 'histogram'
  | 'get'
  | 'leaf'
  | 'prove'
  | 'kept'
  | 'tiles'
  | 'verify'
  | 'checkEntry'
  | 'openIntents'
  | 'checkpoint'
  | 'status'
>

/**
 * What a principal may see of a log.
 *
 * @param looking what for: entries that may be read need not be ones that may be exported
 * @example const reader = guardReader(log, principalOf(settings, 'alice'), 'read')
 */
export function guardReader(reader: GuardedReader, principal: Principal, looking: Looking): GuardedReader {
  if (seesEverything(principal, looking)) return bare(reader)
  const all = slicesOf(principal, looking)
  const sight = (entry: EntryView) => sightOf(principal, entry, looking)
  /** The parts of the log of which this may be asked. */
  const asked = (filter: EntryFilter) => {
    compileFilter(filter)
    const isOpen = asksOpenMembers(filter)
    return all.filter(slice => isOpen || slice.sight === 'whole')
  }

  /** Pages of the parts, side by side: each entry is in one of them. */
  async function merged<T extends { readonly seq: number }>(
    filter: EntryFilter,
    { limit, order }: PageOptions,
    pageOf: (filter: EntryFilter, sight: Slice['sight']) => Promise<T[]>,
  ): Promise<T[]> {
    const pages = await Promise.all(asked(filter).map(slice => pageOf(within(filter, slice), slice.sight)))
    const turn = order === 'asc' ? 1 : -1
    return pages
      .flat()
      .sort((a, b) => turn * (a.seq - b.seq))
      .slice(0, limit)
  }

  const list = (filter: EntryFilter, page: PageOptions) =>
    merged(filter, page, async (part, how) => {
      const rows = await reader.list(part, page)
      return how === 'whole' ? rows : rows.map(openRow)
    })

  async function seen(seqOrId: number | string): Promise<{ leaf: Uint8Array; sight: Sight } | undefined> {
    const leaf = await reader.leaf(seqOrId)
    const parsed = leaf && parseLeaf(leaf).leaf
    if (leaf === undefined || parsed === undefined) return undefined
    const how = sightOf(principal, parsed, looking)
    return how === 'nothing' ? undefined : { leaf, sight: how }
  }

  return {
    query: (filter, page) =>
      merged(filter, page, async (part, how) => {
        const entries = await reader.query(part, page)
        return how === 'whole' ? entries : entries.map(entry => closeValues(entry, () => false))
      }),
    list,
    count: async (filter, options) =>
      addCounts(await Promise.all(asked(filter).map(slice => reader.count(within(filter, slice), options)))),
    async facets(filter, { fields, limit = 10 }) {
      const parts = await Promise.all(
        asked(filter).map(async slice => {
          const open = slice.sight === 'whole' ? fields : fields.filter(field => !sealedFields.has(field))
          return open.length === 0
            ? []
            : await reader.facets(within(filter, slice), { fields: open, limit: mostValues })
        }),
      )
      return [...new Set(fields)].map(field => {
        const own = parts.flatMap(part => part.filter(facet => facet.field === field))
        return addFacets(field, own, { limit, complete: mostValues })
      })
    },
    async histogram(filter, options) {
      const [first, ...others] = asked(filter)
      const ends = await Promise.all((['asc', 'desc'] as const).map(order => list(filter, { limit: 1, order })))
      const [begin, end] = ends.map(([row]) => row?.time)
      if (first === undefined || begin === undefined || end === undefined)
        return await reader.histogram(nothing, options)
      // One period and one width for all, whatever each part holds of it.
      const period = { ...filter, since: filter.since ?? begin, until: filter.until ?? end }
      const one = await reader.histogram(within(period, first), options)
      const { everyMs } = one
      const rest = await Promise.all(others.map(slice => reader.histogram(within(period, slice), { everyMs })))
      return addHistograms([one, ...rest])
    },
    async get(seqOrId) {
      const how = (await seen(seqOrId))?.sight
      const entry = how && (await reader.get(seqOrId))
      return entry && (how === 'whole' ? entry : closedEntry(entry))
    },
    leaf: async seqOrId => (await seen(seqOrId))?.leaf,
    async prove(seqOrId) {
      if ((await seen(seqOrId)) === undefined) throw new AuditError('not_found', `there is no entry ${seqOrId}`)
      return await reader.prove(seqOrId)
    },
    async kept(seqs) {
      const entries = await reader.kept(seqs)
      return entries.flatMap(entry => {
        const { leaf } = parseLeaf(entry.leaf)
        const how = leaf === undefined ? 'nothing' : sightOf(principal, leaf, looking)
        return how === 'nothing' ? [] : [how === 'whole' ? entry : { ...entry, content: new Uint8Array(0) }]
      })
    },
    // Hashes of leaves, each with an id in it that nobody can guess.
    tiles: plan => reader.tiles(plan),
    async verify(request, hooks) {
      return await shownReport(await reader.verify(request, hooks), async seq => (await seen(seq)) !== undefined)
    },
    async checkEntry(seqOrId, sealKey) {
      const checked = await reader.checkEntry(seqOrId, sealKey)
      const { seq, id: _id, ...verdict } = checked
      if (seq === undefined || (await seen(seq)) !== undefined) return checked
      return { ...verdict, seq, findings: checked.findings.map(found => withoutFacts(found, seq)) }
    },
    async openIntents() {
      return (await reader.openIntents()).flatMap(entry => {
        const how = sight(entry)
        return how === 'nothing' ? [] : [how === 'whole' ? entry : closeValues(entry, () => false)]
      })
    },
    checkpoint: () => reader.checkpoint(),
    async status() {
      const intents = await reader.openIntents()
      const openIntents = intents.filter(entry => sight(entry) !== 'nothing').length
      return { ...(await reader.status()), openIntents }
    },
  }
}

function bare(reader: GuardedReader): GuardedReader {
  const { query, list, count, facets, histogram, get, leaf, prove, kept, tiles } = reader
  const { verify, checkEntry, openIntents, checkpoint, status } = reader
  const answers = { query, list, count, facets, histogram, get, leaf, prove, kept, tiles }
  return { ...answers, verify, checkEntry, openIntents, checkpoint, status }
}

function within(filter: EntryFilter, { where }: Slice): EntryFilter {
  return where.length === 0 ? filter : { ...filter, where: [...(filter.where ?? []), ...where] }
}

/** The fields of a filter that are sealed values. */
const sealedFields: ReadonlySet<string> = new Set(['actor', 'memoryId', 'session'])
/** Values of a field that can be asked for at once. */
const mostValues = 1000
/** What no entry is. */
const nothing: EntryFilter = { where: [{ field: 'seq', op: 'lt', value: 0 }] }

/** Whether a filter asks for nothing but what stands open in a leaf. Words may stand anywhere. */
function asksOpenMembers({ actor, memoryId, session, text, where = [] }: EntryFilter): boolean {
  if ([actor, memoryId, session, text].some(given => given !== undefined)) return false
  return where.every(({ field }) => {
    const first = field.split('.', 1)[0]!
    return first !== 'sealed' && leafMembers.has(first)
  })
}

function openRow({ actor: _actor, memoryId: _memory, session: _session, ...row }: ListRow): ListRow {
  return row
}

function closedEntry({ disclosures: _disclosures, ...entry }: EntryWithDisclosures): EntryWithDisclosures {
  return { ...closeValues(entry as unknown as EntryView, () => false), disclosures: [] }
}

/**
 * The verdicts are about the log and stay; of an entry that is not shown, a finding says only that there is one, and what is
 * missing or declared is left out.
 */
async function shownReport(
  report: VerificationReport,
  isSeen: (seq: number) => Promise<boolean>,
): Promise<VerificationReport> {
  const known = new Map<number, Promise<boolean>>()
  const sees = (seq: number) => {
    if (!known.has(seq)) known.set(seq, isSeen(seq))
    return known.get(seq)!
  }
  const seenOf = async <T extends { readonly seq: number }>(list: readonly T[]): Promise<T[]> => {
    const shown: T[] = []
    for (const one of list) if (await sees(one.seq)) shown.push(one)
    return shown
  }
  const findings: Finding[] = []
  for (const found of report.findings) {
    const { seq } = found
    findings.push(seq === undefined || (await sees(seq)) ? found : withoutFacts(found, seq))
  }
  return {
    ...report,
    findings,
    missing: await seenOf<Omission>(report.missing),
    declared: await seenOf(report.declared),
  }
}

function withoutFacts({ type }: Finding, seq: number): Finding {
  return finding(type, `something is wrong with entry ${seq}, which is not shown`, { seq })
}

/**
 * Erasure: every sealed value of the entries that are about one person goes, value and salt, and an entry says so that
 * is bound to the tree before, to the list of what went and, where the person has a key of their own, to that key.
 *
 * Leaves, links, hashes and old proofs stay as they were: nothing about a person stands in a leaf. FORMAT.md, section 3.
 */
import type { RemovalRequest } from '../append/sequencer.ts'
import type { ErasableKeys } from '../append/subject-keys.ts'
import type { Actor, Receipt } from '../core/entry.ts'
import type { EntryFilter } from '../core/filter.ts'
import { countIn, formatRanges, gapsIn, type Range, rangesOf } from '../core/ranges.ts'
import type { Reader } from '../trail/reader.ts'
import { activeHolds, heldAmong } from './holds.ts'
import { removedFrom } from './retention.ts'
import type { ErasureSettings } from './settings.ts'

export interface ErasureParts {
  readonly reader: Pick<Reader, 'query' | 'list' | 'size' | 'catchUp'>
  readonly remove: (request: RemovalRequest) => Promise<Receipt>
  /** The keys of the subjects, where they have some. */
  readonly keys?: ErasableKeys | undefined
  /** A fresh name for this erasure, by which its entries are told to belong together. */
  readonly newId: () => string
}

export interface ErasureRequest {
  /** The id of the person, alone or as `type:id`. It is not recorded. */
  readonly subject: string
  /** Says what would go, and changes nothing. */
  readonly dryRun?: boolean
  /** Who asked for it. */
  readonly actor?: Actor
  readonly signal?: AbortSignal
}

export interface ErasureReport {
  readonly dryRun: boolean
  /** Names this erasure in its entries. */
  readonly erasure: string
  /** Entries whose content went, or would go. */
  readonly entries: number
  /** Entries about this person that a hold keeps. */
  readonly held: number
  /** The entries that declare it: the receipts. */
  readonly declaredBy: readonly number[]
  /** SHA-256 of the keys that were destroyed, 64 hex digits each. None while a hold keeps something of this person. */
  readonly keysDestroyed: readonly string[]
}

/** Pieces that one entry can name. */
const maxRanges = 1500
const page = 4096

/**
 * Erases what the log holds of a person: whatever stands before the first entry that declares it.
 *
 * @throws AuditError as the log says; what went before stays gone, on record
 * @example await eraseSubject({ reader, remove, newId }, { subject: 'user:u1' }, defaultErasureSettings)
 */
export async function eraseSubject(
  parts: ErasureParts,
  { subject, dryRun = false, actor, signal }: ErasureRequest,
  settings: ErasureSettings,
): Promise<ErasureReport> {
  const { reader, keys, newId, remove } = parts
  const erasure = newId()
  // What is written from here on is under another key: what was found is all that this one opens.
  const retired = dryRun ? [] : (keys?.retire(subject) ?? [])
  const declaredBy: number[] = []
  let entries = 0
  let held = 0
  for (let from = 0; ; ) {
    const size = await reader.size()
    // What is written behind the first declaration is not waited for: there may be no end to it.
    const about = await aboutSubject(reader, subject, settings, [from, declaredBy[0] ?? Infinity], signal)
    from = size
    const { due, held: more } = await stillThere(reader, about)
    held += more
    // A key that goes is declared, even where there is nothing else to declare.
    const isKeyDue = retired.length > 0 && held === 0 && declaredBy.length === 0
    if (dryRun) return { dryRun, erasure, entries: countIn(due), held, declaredBy, keysDestroyed: [] }
    if (due.length === 0 && !isKeyDue) {
      // Each commit waited for those before it: what was under way with the old key stands before the declaration.
      const keysDestroyed = held === 0 ? retired : []
      if (keysDestroyed.length > 0) keys?.destroy(subject)
      if (declaredBy.length > 0) await reader.catchUp()
      return { dryRun, erasure, entries, held, declaredBy, keysDestroyed }
    }
    for (let i = 0; i === 0 || i < due.length; i += maxRanges) {
      signal?.throwIfAborted()
      const some = due.slice(i, i + maxRanges)
      const attributes = {
        erasure,
        held,
        ...(held === 0 && retired.length > 0 ? { keyDigests: retired.join(',') } : {}),
      }
      const request = { operation: 'subject.erased', entries: formatRanges(some), below: 0, attributes } as const
      declaredBy.push((await remove({ ...request, ...(actor && { actor }) })).seq)
      entries += countIn(some)
    }
  }
}

/** The numbers of the entries with `from ≤ seq < to` that are about someone, in order. */
async function aboutSubject(
  reader: ErasureParts['reader'],
  subject: string,
  { subjectPaths }: ErasureSettings,
  [from, to]: Range,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const id = subject.slice(subject.indexOf(':') + 1)
  const among = [{ field: 'seq', op: 'gte', value: from } as const, { field: 'seq', op: 'lt', value: to } as const]
  const where = to === Infinity ? among.slice(0, 1) : among
  const filters: EntryFilter[] = [
    { actor: subject, where },
    ...subjectPaths.map(
      field => ({ where: [...where, { field, op: 'in', value: [...new Set([subject, id])] }] }) as const,
    ),
  ]
  const found = new Set<number>()
  for (const filter of filters) {
    for (let after: number | undefined; ; ) {
      signal?.throwIfAborted()
      const rows = await reader.list(filter, { limit: page, after, order: 'asc' })
      for (const { seq } of rows) found.add(seq)
      if (rows.length < page) break
      after = rows.at(-1)!.seq
    }
  }
  return [...found].sort((a, b) => a - b)
}

/** What is there of some entries and may go, and how many of them a hold keeps. */
async function stillThere(
  reader: ErasureParts['reader'],
  seqs: readonly number[],
): Promise<{ due: readonly Range[]; held: number }> {
  const gone = (await removedFrom(reader)).content
  const ranges = rangesOf(seqs).flatMap(([first, last]) => [...gapsIn(gone, first, last)])
  const holds = await activeHolds(reader)
  if (holds.length === 0 || ranges.length === 0) return { due: ranges, held: 0 }
  const kept = await heldAmong(reader, holds, ranges[0]![0], ranges.at(-1)![1])
  const still = ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
  const due = still.filter(seq => !kept.has(seq))
  return { due: rangesOf(due), held: still.length - due.length }
}

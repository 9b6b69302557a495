/**
 * Erasure: every sealed value of the entries that are about one person goes, value and salt, and an entry says so that
 * is bound to the tree before, to the list of what went and, where the person has a key of their own, to that key.
 *
 * Leaves, links, hashes and old proofs stay as they were: nothing about a person stands in a leaf. FORMAT.md, section 3.
 */
import type { RemovalRequest } from '../append/sequencer.ts'
import type { Actor, Receipt } from '../core/entry.ts'
import type { EntryFilter } from '../core/filter.ts'
import { formatRanges, gapsIn, type Range, rangesOf } from '../core/ranges.ts'
import type { Reader } from '../trail/reader.ts'
import { activeHolds, heldAmong } from './holds.ts'
import { removedFrom } from './retention.ts'
import type { ErasureSettings } from './settings.ts'

export interface ErasureParts {
  readonly reader: Pick<Reader, 'query' | 'list' | 'catchUp'>
  readonly remove: (request: RemovalRequest) => Promise<Receipt>
  /** Destroys the key of a subject, where subjects have keys; gives the digest of the key. */
  readonly destroyKey?: ((subject: string) => Promise<string | undefined>) | undefined
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
  /** SHA-256 of the key that was destroyed, 64 hex digits. */
  readonly keyDigest?: string
}

/** Pieces that one entry can name. */
const maxRanges = 1500
const page = 4096

/**
 * Erases what the log holds of a person.
 *
 * @throws AuditError as the log says; what went before stays gone, on record
 * @example await eraseSubject({ reader, remove, newId }, { subject: 'user:u1' }, defaultErasureSettings)
 */
export async function eraseSubject(
  parts: ErasureParts,
  { subject, dryRun = false, actor, signal }: ErasureRequest,
  settings: ErasureSettings,
): Promise<ErasureReport> {
  const { reader } = parts
  const found = await aboutSubject(reader, subject, settings, signal)
  const gone = (await removedFrom(reader)).content
  const still = rangesOf(found).flatMap(([first, last]) => [...gapsIn(gone, first, last)])
  const { due, held } = await withoutHeld(reader, still)

  const erasure = parts.newId()
  const declaredBy: number[] = []
  // The key first: from here on no copy of the log, wherever it lies, opens what was kept under it.
  const keyDigest = dryRun || held > 0 ? undefined : await parts.destroyKey?.(subject)
  const steps = Math.max(Math.ceil(due.length / maxRanges), keyDigest === undefined ? 0 : 1)
  for (let i = 0; i < steps && !dryRun; i++) {
    signal?.throwIfAborted()
    const some = due.slice(i * maxRanges, (i + 1) * maxRanges)
    const facts = { erasure, part: i + 1, parts: steps, held, ...(keyDigest === undefined ? {} : { keyDigest }) }
    const request = { operation: 'subject.erased', entries: formatRanges(some), below: 0, attributes: facts } as const
    declaredBy.push((await parts.remove({ ...request, ...(actor && { actor }) })).seq)
  }
  // The index lets go of it when it comes by.
  if (declaredBy.length > 0) await reader.catchUp()
  const entries = due.reduce((sum, [first, last]) => sum + last - first + 1, 0)
  return { dryRun, erasure, entries, held, declaredBy, ...(keyDigest === undefined ? {} : { keyDigest }) }
}

/** The numbers of the entries that are about someone, in order. */
async function aboutSubject(
  reader: ErasureParts['reader'],
  subject: string,
  { subjectPaths }: ErasureSettings,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const id = subject.slice(subject.indexOf(':') + 1)
  const filters: EntryFilter[] = [
    { actor: subject },
    ...subjectPaths.map(field => ({ where: [{ field, op: 'in', value: [...new Set([subject, id])] }] }) as const),
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

async function withoutHeld(
  reader: ErasureParts['reader'],
  ranges: readonly Range[],
): Promise<{ due: readonly Range[]; held: number }> {
  const holds = await activeHolds(reader)
  if (holds.length === 0 || ranges.length === 0) return { due: ranges, held: 0 }
  const kept = await heldAmong(reader, holds, ranges[0]![0], ranges.at(-1)![1])
  let held = 0
  const due: number[] = []
  for (const [first, last] of ranges) {
    for (let seq = first; seq <= last; seq++) {
      if (kept.has(seq)) held++
      else due.push(seq)
    }
  }
  return { due: rangesOf(due), held }
}

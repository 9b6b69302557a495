/** Writes a bundle: entries of a log with their proofs, under one signed checkpoint. `bundle-format.ts` says what it is. */
import { fromUtf8, toBase64url, toHex } from '../core/bytes.ts'
import { peekCheckpoint } from '../core/checkpoint.ts'
import type { Json } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'
import { consistencyProof, inclusionProof, tilesForConsistency, tilesForInclusion } from '../core/proof.ts'
import type { Range } from '../core/ranges.ts'
import { openEntry, readContent } from '../core/view.ts'
import type { StoredEntry } from '../store/store.ts'
import type { Reader } from '../trail/reader.ts'
import {
  type BundleDisclosure,
  type ConsistencyProof,
  formatEnd,
  formatEntry,
  formatHeader,
  LineDigest,
} from './bundle-format.ts'
import { type KeyReader, keyChain } from './key-chain.ts'
import { fetchTiles } from './plan.ts'
import type { MayOpen } from './values.ts'

export interface BundleRequest {
  readonly reader: Pick<Reader, 'query' | 'list' | 'kept' | 'tiles' | 'leaf' | 'checkpoint'>
  /** Entries by a filter, or by their numbers. */
  readonly filter?: EntryFilter
  readonly entries?: readonly Range[]
  /**
   * The log of which `reader` shows only a part. Its public keys are read from here, and the bundle does not claim to hold
   * every entry of a stretch.
   */
  readonly partOf?: KeyReader
  /** Which sealed values are disclosed; all that there are, unless given. */
  readonly mayOpen?: MayOpen
  /** Signed checkpoints that the bundle shall be held against later: a proof leads from each to its own. */
  readonly anchors?: readonly string[]
  /** Takes a line with its end. The next is made when it has taken the last. */
  readonly write: (line: string) => void | Promise<void>
  readonly onEntries?: (count: number) => void
  readonly signal?: AbortSignal
}

export interface WrittenBundle {
  readonly entries: number
  /** What the checkpoint in it says of the log. */
  readonly size: number
  readonly rootHash: string
  /** Entries that were asked for and whose leaves are not there, or are no text. */
  readonly unreadable: number
}

/** Entries that are read and proved in one go. */
const pageSize = 64

/**
 * Writes the entries that the newest checkpoint covers and the request names.
 *
 * Where they are all that the log has from one number to another (no filter, a filter by time or by number, or ranges), the
 * bundle says so, and one that is missing in it will be found.
 *
 * @throws AuditError `not_found` when nothing is signed yet, `damaged` when the log cannot prove its entries
 */
export async function writeBundle(request: BundleRequest): Promise<WrittenBundle> {
  const { reader, mayOpen = () => true, onEntries = () => {}, signal } = request
  const checkpoint = await reader.checkpoint()
  const signed = checkpoint === undefined ? undefined : peekCheckpoint(checkpoint)
  if (checkpoint === undefined || signed === undefined) {
    throw new AuditError('not_found', 'the log has no signed checkpoint yet: sign one first')
  }
  const { origin, size } = signed
  const numbers = await numbersOf(request, size)
  const whole = request.partOf === undefined ? numbers : undefined
  const consistency: ConsistencyProof[] = []
  for (const note of request.anchors ?? []) consistency.push(...(await growth(reader, note, origin, size, consistency)))

  const digest = new LineDigest()
  const write = async (line: string) => {
    digest.add(line)
    await request.write(`${line}\n`)
  }
  await write(
    formatHeader({
      origin,
      ...(await keyChain(request.partOf ?? reader, checkpoint)),
      checkpoint,
      consistency: consistency.toSorted((a, b) => a.size - b.size),
      whole,
      filter: whole === undefined ? plainFilter(request.filter) : undefined,
    }),
  )
  let count = 0
  let unreadable = 0
  for await (const seqs of pagesOf(request, numbers, size)) {
    signal?.throwIfAborted()
    const tiles = await fetchTiles(
      reader,
      seqs.flatMap(seq => tilesForInclusion(seq, size)),
    )
    unreadable += seqs.length
    for (const entry of await reader.kept(seqs)) {
      const leaf = fromUtf8(entry.leaf)
      if (leaf === undefined) continue
      const proof = inclusionProof(entry.seq, size, tiles)
      await write(formatEntry({ leaf, proof, disclosures: disclosuresOf(entry, mayOpen) }))
      count++
      unreadable--
    }
    onEntries(count)
  }
  await request.write(`${formatEnd({ count, digest: digest.hex() })}\n`)
  return { entries: count, size, rootHash: toHex(signed.root), unreadable }
}

/** The proof that the tree under an anchor grew into the bundle's, unless it is there already. */
async function growth(
  reader: BundleRequest['reader'],
  note: string,
  origin: string,
  size: number,
  known: readonly ConsistencyProof[],
): Promise<ConsistencyProof[]> {
  const anchor = peekCheckpoint(note)
  if (anchor?.origin !== origin) throw new AuditError('bad_input', `an anchor is not a checkpoint of ${origin}`)
  if (anchor.size > size) {
    throw new AuditError('damaged', `an anchor is of ${anchor.size} entries, and ${size} are signed: run verify`)
  }
  if (known.some(proof => proof.size === anchor.size)) return []
  const tiles = await fetchTiles(reader, tilesForConsistency(anchor.size, size))
  return [{ size: anchor.size, path: consistencyProof(anchor.size, size, tiles) }]
}

/** The numbers of what is asked for, where they are a matter of numbers alone; `undefined` for a selection. */
async function numbersOf(
  { reader, entries, filter = {}, partOf }: BundleRequest,
  size: number,
): Promise<readonly Range[] | undefined> {
  if (entries !== undefined) return upTo(entries, size)
  if (partOf !== undefined) return undefined
  const { required, rest } = compileFilter(filter)
  if (required.length > 0 || rest.length > 0) return undefined
  const ends = { limit: 2, order: 'asc' } as const
  const [first, second] = await reader.list(filter, ends)
  const [last] = await reader.list(filter, { limit: 1, order: 'desc' })
  if (first === undefined || last === undefined) return []
  // Entry 0 stays when leaves are pruned: those that can be whole begin behind the gap.
  const from = first.seq === 0 && second !== undefined && second.seq > 1 ? second.seq : first.seq
  const isOpenEnded = filter.until === undefined && filter.where === undefined
  return upTo([[from, isOpenEnded ? size - 1 : last.seq]], size)
}

function upTo(ranges: readonly Range[], size: number): Range[] {
  return ranges.flatMap(([first, last]): Range[] => (first < size ? [[first, Math.min(last, size - 1)]] : []))
}

/** The numbers of the entries, some at a time, oldest first. What shall be whole is not taken from an index. */
async function* pagesOf(
  { reader, filter = {} }: BundleRequest,
  numbers: readonly Range[] | undefined,
  size: number,
): AsyncGenerator<number[]> {
  if (numbers !== undefined) {
    yield* pagesIn(numbers)
    return
  }
  for (let after: number | undefined; ; ) {
    const rows = await reader.list(filter, { limit: pageSize, order: 'asc', after })
    const seqs = rows.map(({ seq }) => seq).filter(seq => seq < size)
    if (seqs.length > 0) yield seqs
    if (seqs.length < pageSize) return
    after = seqs.at(-1)!
  }
}

function* pagesIn(ranges: readonly Range[]): Generator<number[]> {
  let page: number[] = []
  for (const [first, last] of ranges) {
    for (let seq = first; seq <= last; seq++) {
      if (page.push(seq) < pageSize) continue
      yield page
      page = []
    }
  }
  if (page.length > 0) yield page
}

/** What is disclosed of an entry. What cannot be read is closed. */
function disclosuresOf(entry: StoredEntry, mayOpen: MayOpen): BundleDisclosure[] {
  const { view } = openEntry(entry)
  const out: BundleDisclosure[] = []
  readContent(entry.content, (name, json, salt) => {
    if (view !== undefined && mayOpen(view, name)) out.push([toBase64url(salt), name, json])
    return undefined
  })
  return out
}

/** The filter as JSON: instants as texts. */
function plainFilter(filter: EntryFilter = {}): Json {
  return JSON.parse(JSON.stringify(filter))
}

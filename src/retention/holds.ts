/**
 * Legal holds: what a hold covers is neither pruned nor erased, whatever a policy or a person asks for. A hold is an
 * entry, and so is its end; the state is derived from them.
 */
import type { ControlInput } from '../core/control.ts'
import type { Actor, Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'
import type { EntryView } from '../core/view.ts'
import type { Reader } from '../trail/reader.ts'

export interface Hold {
  /** The id of the entry that placed it. */
  readonly id: string
  readonly seq: number
  readonly name: string
  readonly placedAt: string
  /** What it covers, now and in what is to come; `undefined` when that cannot be read any more: then it covers all. */
  readonly filter: EntryFilter | undefined
  readonly reason: string | undefined
}

export interface NewHold {
  /** 1–256 characters, for everyone to read: nothing about a person. */
  readonly name: string
  readonly filter: EntryFilter
  readonly reason?: string
  readonly actor?: Actor
}

type WriteControl = (entry: ControlInput) => Promise<Receipt>

/**
 * Places a hold.
 *
 * @throws AuditError `bad_input` for a malformed filter
 * @example await placeHold(control, { name: 'case 7', filter: { actor: 'user:u1' } })
 */
export async function placeHold(control: WriteControl, { name, filter, reason, actor }: NewHold): Promise<Receipt> {
  compileFilter(filter)
  return await control({
    operation: 'hold.placed',
    attributes: { 'hold.name': name },
    sealed: { filter: asJson(filter), ...(reason === undefined ? {} : { reason }) },
    ...(actor && { actor }),
  })
}

/**
 * Releases a hold.
 *
 * @throws AuditError `not_found` when there is no such hold
 */
export async function releaseHold(
  reader: Pick<Reader, 'query'>,
  control: WriteControl,
  { id, actor }: { readonly id: string; readonly actor?: Actor },
): Promise<Receipt> {
  const held = (await activeHolds(reader)).find(hold => hold.id === id || hold.name === id)
  if (held === undefined) throw new AuditError('not_found', `there is no hold ${id}`)
  const attributes = { 'hold.id': held.id, 'hold.name': held.name }
  return await control({ operation: 'hold.released', attributes, ...(actor && { actor }) })
}

/** The holds that nothing has released, oldest first. */
export async function activeHolds(reader: Pick<Reader, 'query'>): Promise<Hold[]> {
  const holds = new Map<string, Hold>()
  const filter: EntryFilter = { operation: ['hold.placed', 'hold.released'], kind: 'control' }
  let after: number | undefined
  for (;;) {
    const views = await reader.query(filter, { limit: 256, after, order: 'asc' })
    for (const view of views) {
      const released = view.attributes?.['hold.id']
      if (view.operation === 'hold.placed') holds.set(view.id, holdOf(view))
      else if (typeof released === 'string') holds.delete(released)
    }
    if (views.length < 256) return [...holds.values()]
    after = views.at(-1)!.seq
  }
}

function holdOf({ id, seq, time, attributes, filter, reason }: EntryView): Hold {
  const isOpen = typeof filter === 'object' && filter !== null && !('erased' in filter)
  return {
    id,
    seq,
    name: String(attributes?.['hold.name'] ?? ''),
    placedAt: time,
    filter: isOpen ? (filter as EntryFilter) : undefined,
    reason: typeof reason === 'string' ? reason : undefined,
  }
}

/** The filter as it is kept: dates as texts. */
function asJson(filter: EntryFilter): unknown {
  return JSON.parse(JSON.stringify(filter))
}

/** The entries between two numbers, both inclusive, that a hold covers; the entry that placed it among them. */
export async function heldAmong(
  reader: Pick<Reader, 'list'>,
  holds: readonly Hold[],
  first: number,
  last: number,
): Promise<Set<number>> {
  const held = new Set<number>()
  for (const { seq, filter } of holds) {
    if (first <= seq && seq <= last) held.add(seq)
    if (filter === undefined) {
      for (let covered = first; covered <= last; covered++) held.add(covered)
      continue
    }
    const where = [...(filter.where ?? []), { field: 'seq', op: 'between', value: [first, last] } as const]
    const rows = await reader.list({ ...filter, where }, { limit: last - first + 1, order: 'asc' })
    for (const row of rows) held.add(row.seq)
  }
  return held
}

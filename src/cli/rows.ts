/** Entries for people: a table that fits into the terminal, and one entry in full. */
import type { Actor, Leaf } from '../core/entry.ts'
import type { EntryView } from '../core/view.ts'
import type { PageOptions } from '../trail/audit-trail.ts'
import type { Cli } from './cli.ts'
import { type Column, layOut, shown, visible } from './text.ts'

/** Entries in one page of an answer. */
const pageSize = 256

/** A long answer, page by page. */
export async function* pagesOf<T extends { readonly seq: number }>(
  { limit, after, order }: PageOptions,
  read: (page: PageOptions) => Promise<T[]>,
): AsyncGenerator<T[]> {
  let left = limit
  let last = after
  while (left > 0) {
    const wanted = Math.min(left, pageSize)
    const page = await read({ limit: wanted, order, ...(last === undefined ? {} : { after: last }) })
    if (page.length > 0) yield page
    if (page.length < wanted) return
    left -= page.length
    last = page.at(-1)!.seq
  }
}

/** `2026-11-23 14:07:00.123`: UTC, to the millisecond. */
export function shortTime(time: string): string {
  return visible(time.slice(0, 23).replace('T', ' '))
}

/** Who acted, on one line. */
export function who(actor: unknown): string {
  if (typeof actor !== 'object' || actor === null) return ''
  if ('erased' in actor) return '(erased)'
  const { type, id, onBehalfOf } = actor as Actor
  const behalf = onBehalfOf === undefined ? '' : ` for ${onBehalfOf.type}:${onBehalfOf.id}`
  return visible(`${type}:${id}${behalf}`)
}

/** How the action ended, or what the entry is instead. */
function said({ kind, outcome }: EntryView): string {
  return outcome ?? (kind === 'intent' ? 'begins' : kind)
}

/** What was done, with the tool that did it. */
export function operationText({ operation, attributes }: Leaf): string {
  const tool = attributes?.['gen_ai.tool.name']
  return tool === undefined ? operation : `${operation} ${tool}`
}

const colourOf = { success: 'green', failure: 'red', denied: 'red', pending: 'yellow', unknown: 'yellow' } as const

const columns: readonly Column<EntryView>[] = [
  { title: 'seq', value: row => String(row.seq), align: 'right' },
  { title: 'time (UTC)', value: row => shortTime(row.time) },
  { title: 'what', value: said },
  {
    title: 'operation',
    value: row => visible(operationText(row)),
    min: 12,
  },
  { title: 'component', value: row => visible(row.component), min: 9 },
  { title: 'actor', value: row => who(row.actor), min: 8 },
  {
    title: 'memory',
    value: row => (typeof row.memoryId === 'string' ? visible(row.memoryId) : row.memoryId ? '(erased)' : ''),
    min: 8,
  },
]

/** Entries as a table, one line each. */
export function rowTable(cli: Cli, rows: readonly EntryView[], { title = true } = {}): string {
  const [head = [], ...lines] = layOut(columns, rows, cli.columns)
  const at = head.findIndex(cell => cell.trim() === 'what')
  const out = lines.map((cells, i) => {
    const { outcome } = rows[i]!
    const coloured = cells.map((cell, k) =>
      k === at && outcome !== undefined ? cli.style(colourOf[outcome], cell) : k === 1 ? cli.style('dim', cell) : cell,
    )
    return coloured.join('  ').trimEnd()
  })
  const heading = title ? [cli.style('dim', head.join('  ').trimEnd())] : []
  return [...heading, ...out, ''].join('\n')
}

const inHead = new Set(['v', 'seq', 'disclosures', 'sealed'])

/** One entry in full: a name and a value a line. */
export function entryText(cli: Cli, entry: EntryView): string {
  const pairs = Object.entries(entry).filter(([name]) => !inHead.has(name))
  const width = Math.max(...pairs.map(([name]) => name.length), 0)
  const sealed = new Set(Object.keys(entry.sealed ?? {}))
  const lines = pairs.map(([name, value]) => {
    const mark = sealed.has(name) ? cli.style('dim', ' (sealed)') : ''
    const isErased = sealed.has(name) && typeof value === 'object' && value !== null && 'erased' in value
    const text = isErased ? 'erased' : name === 'actor' ? who(value) : shown(value)
    return `  ${cli.style('dim', visible(name).padEnd(width))}  ${text}${mark}`
  })
  return `${cli.style('bold', `entry ${entry.seq}`)}\n${lines.join('\n')}\n`
}

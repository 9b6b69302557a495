/**
 * The questions behind the figures. Each is a filter, and the same as a command line: whoever doubts a figure asks again.
 *
 * All are pinned to the numbers of the entries of the period, so that they give the same when the log has grown.
 */
import { utf8 } from '../core/bytes.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'

export interface Query {
  /** `q1`, `q2` … in the order in which they appear. */
  readonly id: string
  /** What is asked, in a few words. */
  readonly about: string
  /** Absent where the question is not one for entries, such as a check. */
  readonly filter?: EntryFilter
  readonly command: string
}

export class Queries {
  readonly #from: number
  readonly #to: number
  readonly #queries: Query[] = []
  readonly #known = new Map<string, string>()

  /** Of entries `from ≤ seq < to`. */
  constructor(from: number, to: number) {
    this.#from = from
    this.#to = to
  }

  /** A question for entries; the same question is asked once. */
  entries(about: string, filter: EntryFilter): string {
    const pin = { field: 'seq', op: 'between', value: [this.#from, this.#to - 1] } as const
    const pinned = { ...filter, where: [...(filter.where ?? []), pin] }
    compileFilter(pinned)
    return this.#add({ about, filter: pinned, command: queryCommand(pinned) })
  }

  /** Any other question. */
  command(about: string, ...words: readonly string[]): string {
    return this.#add({ about, command: commandLine(words) })
  }

  list(): readonly Query[] {
    return this.#queries
  }

  #add(query: Omit<Query, 'id'>): string {
    const known = this.#known.get(query.command)
    if (known !== undefined) return known
    const id = `q${this.#queries.length + 1}`
    this.#known.set(query.command, id)
    this.#queries.push({ id, ...query })
    return id
  }
}

const flags: Readonly<Record<Exclude<keyof EntryFilter, 'where'>, string>> = {
  operation: '--operation',
  component: '--component',
  memoryId: '--memory-id',
  actor: '--actor',
  outcome: '--outcome',
  kind: '--kind',
  session: '--session',
  flag: '--flag',
  securityLevel: '--security-level',
  since: '--since',
  until: '--until',
  text: '--text',
}

function queryCommand(filter: EntryFilter): string {
  const words = ['query']
  for (const [member, flag] of Object.entries(flags) as [keyof typeof flags, string][]) {
    const given = filter[member]
    for (const value of Array.isArray(given) ? given : [given]) if (value !== undefined) words.push(flag, String(value))
  }
  for (const { field, op, value } of filter.where ?? []) {
    words.push('--where', [field, op, ...(value === undefined ? [] : [JSON.stringify(value)])].join(' '))
  }
  return commandLine([...words, '--limit', 'all'])
}

/** A command as it can be pasted into a shell, whatever its words hold. */
function commandLine(words: readonly string[]): string {
  return ['memmimic-audit', ...words].map(quoted).join(' ')
}

/** What a shell would not take as it stands is quoted; where something could not be seen, in the way that spells it out. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  if (/^[\x20-\x7e]*$/.test(word)) return `'${word.replaceAll("'", "'\\''")}'`
  // By bytes: what a shell makes of a character's number depends on its locale.
  const spelled = Array.from(utf8(word), byte => {
    const char = String.fromCharCode(byte)
    if (char === '\\' || char === "'") return `\\${char}`
    return byte >= 0x20 && byte < 0x7f ? char : `\\x${byte.toString(16).padStart(2, '0')}`
  })
  return `$'${spelled.join('')}'`
}

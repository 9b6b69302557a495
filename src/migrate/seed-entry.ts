/**
 * A row of the seed's log as an entry of ours. Its context and result go where they belong, under the same redaction as
 * anybody's; the rest of the row goes along as it stands, sealed as `seed`. The open members are what could be made of it,
 * and `imported.odd` names the columns of which they are not the plain truth.
 */
import { type EntryInput, type Json, securityLevels } from '../core/entry.ts'
import { parseInstant } from '../core/instant.ts'
import { parseJson } from '../core/json.ts'
import { formatTime } from '../core/time.ts'
import type { SeedColumns, SeedRow } from './seed-file.ts'

/** The flag under which everything imported is found again. */
export const importedFlag = 'imported'

/**
 * @example entryOfSeed({ number: 1, mark: 'linked', entry, chain }).attributes // { 'imported.from': 'memmimic', … }
 */
export function entryOfSeed({ number, mark, entry, chain }: SeedRow): EntryInput {
  const { position, id, hash, time } = identityOf({ entry, chain })
  const read = entry === undefined ? lost : membersOf(entry)
  return {
    ...read.members,
    complianceFlags: [...(read.members.complianceFlags ?? []), importedFlag],
    attributes: {
      'imported.from': 'memmimic',
      'imported.row': number,
      'imported.chain': mark,
      // The key in each of its hashes was drawn anew by every process, and kept nowhere.
      'imported.verifiable': false,
      ...(id === undefined ? {} : { 'imported.id': id }),
      ...(hash === undefined ? {} : { 'imported.hash': hash }),
      ...(position === undefined ? {} : { 'imported.position': position }),
      ...(time === undefined ? {} : { 'imported.time': time }),
      ...(read.odd.length === 0 ? {} : { 'imported.odd': read.odd.join(',') }),
    },
    sealed: { seed: { ...(entry && { entry: withoutContent(entry) }), ...(chain && { chain }) } },
  }
}

function withoutContent({ user_context: _context, operation_result: _result, ...rest }: SeedColumns): SeedColumns {
  return rest
}

/** By what a row is known again: its id, its hash, its place in the chain, its time. */
function identityOf({ entry, chain }: Pick<SeedRow, 'entry' | 'chain'>): {
  position?: number
  id?: string
  hash?: string
  time?: string
} {
  const { entry_id: id, entry_hash: hash } = entry ?? chain ?? {}
  const position = chain?.chain_position
  const time = timeOf(entry?.timestamp)
  return {
    ...(typeof position === 'number' && { position }),
    ...(typeof id === 'string' && label(id) === id && { id }),
    ...(typeof hash === 'string' && label(hash) === hash && { hash }),
    ...(time !== undefined && { time }),
  }
}

/** RFC 3339 UTC of what Python's `isoformat` writes; nothing for a time without an offset, which is no instant. */
function timeOf(text: Json | undefined): string | undefined {
  try {
    const micros = Math.floor(parseInstant(typeof text === 'string' ? text : undefined, '$.timestamp'))
    return Number.isSafeInteger(micros) ? formatTime(micros) : undefined
  } catch {
    return undefined
  }
}

type Members = Omit<EntryInput, 'attributes' | 'sealed' | 'kind'>

/** Of this entry only the chain knows. */
const lost: { readonly members: Members; readonly odd: readonly string[] } = {
  members: { operation: 'imported.missing', component: 'memmimic' },
  odd: [],
}

function membersOf(entry: SeedColumns): { members: Members; odd: string[] } {
  const odd: string[] = []
  /** What `read` makes of a column; `undefined` where it is null, and also, with a word about it, where it is odd. */
  const column = <T>(
    name: string,
    read: (value: Exclude<Json, null>) => { value?: T; isOdd?: boolean },
  ): T | undefined => {
    const given = entry[name] ?? null
    if (given === null) return undefined
    const { value, isOdd = value === undefined } = read(given)
    if (isOdd) odd.push(name)
    return value
  }
  const named = (given: Json) => {
    const value = label(given)
    return { value, isOdd: value !== given }
  }
  const json = (given: Json) => {
    const value = typeof given === 'string' ? jsonIn(given) : undefined
    return value === undefined ? { value: given, isOdd: true } : { value, isOdd: false }
  }
  if (timeOf(entry.timestamp) === undefined) odd.push('timestamp')

  const members = {
    operation: column('operation', named) ?? unnamed,
    component: column('component', named) ?? unnamed,
    memoryId: column('memory_id', given => {
      const text = typeof given === 'string' ? given : JSON.stringify(given)
      return label(text, 512) === text ? { value: text, isOdd: typeof given !== 'string' } : {}
    }),
    userContext: column('user_context', json),
    operationResult: column('operation_result', json),
    governanceStatus: column('governance_status', named),
    performanceMetrics: column('performance_metrics', given => {
      const value = jsonIn(given)
      return isMap(value) &&
        Object.entries(value).every(([name, part]) => label(name) === name && typeof part === 'number')
        ? { value: value as { [name: string]: number } }
        : {}
    }),
    securityLevel: column('security_level', given => {
      const level = given === 'standard' ? 'internal' : securityLevels.find(known => known === given)
      // What nobody can place is kept rather closed than open.
      return level === undefined ? { value: 'confidential' as const, isOdd: true } : { value: level }
    }),
    complianceFlags: column('compliance_flags', given => {
      const value = jsonIn(given)
      return Array.isArray(value) && value.every(flag => label(flag) === flag) ? { value: value as string[] } : {}
    }),
  }
  const isEmpty = (value: unknown) => value === undefined || (isMap(value) && Object.keys(value).length === 0)
  return { members: Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value))) as never, odd }
}

/** JSON as our format can hold it; Python also writes NaN, and integers without end. */
function jsonIn(text: Json): Json | undefined {
  try {
    return typeof text === 'string' ? parseJson(text) : undefined
  } catch {
    return undefined
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const unnamed = '(unnamed)'

/** A value as a short text without control characters. Where it is not the same afterwards, it was not one. */
function label(value: unknown, longest = 256): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const clean = text
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
    .slice(0, longest)
    .toWellFormed()
  return clean === '' ? unnamed : clean
}

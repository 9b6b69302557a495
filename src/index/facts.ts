/** What the index keeps of an entry, drawn from its bytes alone. */

import type { Leaf } from '../core/entry.ts'
import { parseRanges, type Range } from '../core/ranges.ts'
import { type Micros, parseTime, uuidv7Time } from '../core/time.ts'
import { identitiesOf, readContent, readJson, readLeaf } from '../core/view.ts'
import type { StoredEntry } from '../store/store.ts'
import { codes } from './schema.ts'

/** What an entry declares to be gone from entries before it: FORMAT.md, section 8. */
export interface Removal {
  /** Entries whose content is gone. */
  readonly content: readonly Range[]
  /** The leaves below this number are gone, but the first. */
  readonly below: number
  /** Nothing of it may be left anywhere. */
  readonly isErasure: boolean
}

/** The facts about one entry. Of an unreadable one only its number is known, and its `kind` is 0. */
export interface Facts {
  readonly seq: number
  /** `undefined` when the entry is unreadable: its row then has the time of the entry before. */
  readonly time: Micros | undefined
  readonly kind: number
  readonly outcome: number
  readonly level: number
  readonly operation: string | undefined
  readonly component: string | undefined
  readonly actor: string | undefined
  readonly principal: string | undefined
  readonly memory: string | undefined
  readonly session: string | undefined
  readonly flags: readonly string[]
  /** The id of the entry, when the millisecond in it is not the entry's. */
  readonly oddId: string | undefined
  /** The id that an intent opens, and the one that an outcome closes. */
  readonly opens: string | undefined
  readonly closes: string | undefined
  readonly previousHash: string | undefined
  readonly removal: Removal | undefined
}

const wanted = (name: string) => name === 'actor' || name === 'memoryId' || name === 'session'

/** @example factsOf(stored).operation */
export function factsOf(stored: StoredEntry, leaf: Leaf | undefined = readLeaf(stored).leaf): Facts {
  const { seq, content } = stored
  if (leaf === undefined) return { ...unreadable, seq }
  let who: readonly string[] | undefined
  let memory: unknown
  let session: unknown
  const sealed = leaf.sealed
  if (sealed !== undefined && content.length > 0) {
    readContent(
      content,
      (name, json) => {
        // As where an entry is opened: only what the leaf commits to, and the first of its name.
        if (!Object.hasOwn(sealed, name)) return undefined
        if (name === 'actor') who ??= namesOf(json)
        else if (name === 'memoryId') memory = memory === undefined ? readJson(json) : memory
        else session = session === undefined ? readJson(json) : session
        return undefined
      },
      wanted,
    )
  }
  const time = parseTime(leaf.time)!
  return {
    seq,
    time,
    kind: 1 + codes.kind.indexOf(leaf.kind),
    outcome: leaf.outcome === undefined ? 0 : 1 + codes.outcome.indexOf(leaf.outcome),
    level: 1 + codes.securityLevel.indexOf(leaf.securityLevel),
    operation: leaf.operation,
    component: leaf.component,
    actor: who?.[0],
    principal: who?.[1],
    memory: typeof memory === 'string' ? memory : undefined,
    session: typeof session === 'string' ? session : undefined,
    flags: leaf.complianceFlags.length > 1 ? [...new Set(leaf.complianceFlags)] : leaf.complianceFlags,
    oddId: uuidv7Time(leaf.id) === Math.floor(time / 1000) ? undefined : leaf.id,
    opens: leaf.kind === 'intent' ? leaf.id : undefined,
    closes: leaf.kind === 'outcome' ? leaf.intent : undefined,
    previousHash: leaf.previousHash,
    removal: leaf.kind === 'control' ? removalIn(leaf) : undefined,
  }
}

/** The verifier judges a declaration. Here it is only a reason to look at entries again. */
function removalIn({ operation, attributes = {} }: Leaf): Removal | undefined {
  const isErasure = operation === 'subject.erased'
  if (!isErasure && operation !== 'retention.pruned') return undefined
  const { entries, below } = attributes
  let content: readonly Range[] = []
  try {
    if (typeof entries === 'string') content = parseRanges(entries)
  } catch {
    // Not a set of numbers: names no entry.
  }
  return { content, below: typeof below === 'number' ? below : 0, isErasure }
}

const unreadable: Omit<Facts, 'seq'> = {
  time: undefined,
  kind: 0,
  outcome: 0,
  level: 0,
  operation: undefined,
  component: undefined,
  actor: undefined,
  principal: undefined,
  memory: undefined,
  session: undefined,
  flags: [],
  oddId: undefined,
  opens: undefined,
  closes: undefined,
  previousHash: undefined,
  removal: undefined,
}

/** The same few actors come again and again. */
const knownActors = new Map<string, readonly string[]>()
const maxKnownActors = 5000

/** Forgets the actors that came by: one of them may have been erased. */
export function forgetActors(): void {
  knownActors.clear()
}

/**
 * The actor and its principal as texts of the dictionary, in which no type can run into an id; `undefined` when the JSON
 * is none.
 */
function namesOf(json: string): readonly string[] | undefined {
  const known = knownActors.get(json)
  if (known !== undefined) return known
  const actor = readJson(json)
  if (actor === undefined) return undefined
  const names = identitiesOf(actor).map(({ type, id }) => identityText(type, id))
  if (knownActors.size >= maxKnownActors) knownActors.clear()
  knownActors.set(json, names)
  return names
}

export function identityText(type: string, id: string): string {
  return JSON.stringify([type, id])
}

/** The id in the text of an identity; `undefined` for another text. */
export function bareId(text: string): string | undefined {
  if (!text.startsWith('["')) return undefined
  try {
    const [, id] = JSON.parse(text) as unknown[]
    return typeof id === 'string' ? id : undefined
  } catch {
    return undefined
  }
}

/** The id as it stands in a column: 16 bytes. */
export function idBytes(id: string): Uint8Array {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

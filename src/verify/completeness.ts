/** The second verdict: is anything missing although nothing was changed? And what does the log itself declare? */
import type { Leaf } from '../core/entry.ts'
import type { Declaration, Omission } from '../core/finding.ts'
import type { Notable } from './examine.ts'

/** Control operations that declare a discontinuity. */
const declarations: ReadonlySet<string> = new Set([
  'log.restored',
  'log.frozen',
  'log.unfrozen',
  'log.migrated',
  'key.rotated',
  'retention.pruned',
  'subject.erased',
  'hold.placed',
  'hold.released',
  'gap.recorded',
])

/** As plain data, to go on from. */
export interface CompletenessState {
  readonly openIntents: readonly Omission[]
  /** What is missing for good. */
  readonly gaps: readonly Omission[]
  readonly declared: readonly Declaration[]
}

export class Completeness {
  readonly #openIntents = new Map<string, Omission>()
  readonly #gaps: Omission[] = []
  readonly #declared: Declaration[] = []

  constructor(from?: CompletenessState) {
    for (const open of from?.openIntents ?? []) this.#openIntents.set(open.id, open)
    this.#gaps.push(...(from?.gaps ?? []))
    this.#declared.push(...(from?.declared ?? []))
  }

  entry(seq: number, leaf: Notable): void {
    const { id, operation } = leaf
    if (leaf.kind === 'intent') {
      const message = `entry ${seq} says that ${operation} was about to happen; nothing says how it ended`
      this.#openIntents.set(id, { kind: 'open_intent', seq, id, operation, message })
    } else if (leaf.intent !== undefined) {
      this.#openIntents.delete(leaf.intent)
    }
    if (leaf.kind !== 'control' || !declarations.has(operation)) return
    this.#declared.push({ operation, seq, time: leaf.time, ...brief(leaf.attributes) })
    if (operation === 'gap.recorded') {
      const message = `${leaf.attributes?.entries ?? 'some'} entries could not be recorded before entry ${seq}`
      this.#gaps.push({ kind: 'gap', seq, id, operation, message })
    }
    const message = operation === 'log.restored' ? givenUpBy(leaf) : undefined
    if (message !== undefined) this.#gaps.push({ kind: 'given_up', seq, id, operation, message })
  }

  state(): CompletenessState {
    return { openIntents: [...this.#openIntents.values()], gaps: [...this.#gaps], declared: [...this.#declared] }
  }

  report(): { complete: boolean; missing: Omission[]; declared: Declaration[] } {
    const missing = [...this.#openIntents.values(), ...this.#gaps].sort((a, b) => a.seq - b.seq)
    return { complete: missing.length === 0, missing, declared: this.#declared }
  }
}

/** What a restore gave up, in a sentence; nothing when the copy had all of it. */
function givenUpBy({ seq, attributes = {} }: Notable): string | undefined {
  const { size, common, sizeBefore } = attributes
  const from = typeof common === 'number' ? common : size
  if (typeof from !== 'number') return `entry ${seq} says that an older copy was put in the place of the log`
  if (typeof sizeBefore !== 'number')
    return `entry ${seq} says that an older copy of ${size} entries was put in place of a log of which nothing is known`
  if (sizeBefore <= from) return undefined
  return `the entries from ${from} to ${sizeBefore - 1} were signed once, and given up when an older copy was put in place: entry ${seq} says so`
}

/** Lists and notes can be long, and are in the entry for whoever wants them. */
function brief(attributes: Leaf['attributes'] = {}): NonNullable<Leaf['attributes']> {
  const short = Object.entries(attributes).filter(([, value]) => typeof value !== 'string' || value.length <= 200)
  return Object.fromEntries(short)
}

/** The second verdict: is anything missing although nothing was changed? And what does the log itself declare? */
import type { Leaf } from '../core/entry.ts'
import type { Declaration, Omission } from '../core/finding.ts'

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

  entry(seq: number, leaf: Leaf): void {
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
  }

  state(): CompletenessState {
    return { openIntents: [...this.#openIntents.values()], gaps: [...this.#gaps], declared: [...this.#declared] }
  }

  report(): { complete: boolean; missing: Omission[]; declared: Declaration[] } {
    const missing = [...this.#openIntents.values(), ...this.#gaps].sort((a, b) => a.seq - b.seq)
    return { complete: missing.length === 0, missing, declared: this.#declared }
  }
}

/** The list of what was removed can be long, and is in the entry for whoever wants it. */
function brief(attributes: Leaf['attributes'] = {}): NonNullable<Leaf['attributes']> {
  const { entries, ...rest } = attributes
  return typeof entries === 'string' && entries.length > 200 ? rest : attributes
}

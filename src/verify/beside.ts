/**
 * What a log keeps beside its entries, and what must follow from them: whether it is frozen, which entries declare what it
 * let go of. And what follows from none: seals of entries that there are not, and strays.
 */
import type { Head, KeptLog, LogReader } from '../store/store.ts'
import { entriesIn, upTo } from './answers.ts'
import type { CompletenessState } from './completeness.ts'
import type { Notable } from './examine.ts'
import type { Findings } from './findings.ts'

/** Control operations that stand in the list of what a check must know, wherever it begins. */
const listed: ReadonlySet<string> = new Set(['retention.pruned', 'subject.erased', 'key.rotated', 'log.restored'])

/** As many of one kind are named. */
const mostNamed = 100

export class Beside {
  /** As the entries say so far; `undefined` when some are gone that may have said so. */
  #isFrozen: boolean | undefined = false
  readonly #listed = new Set<number>()
  /** The last step of the schema that is on record. */
  #step = 0

  constructor(before: Pick<CompletenessState, 'declared'> | undefined) {
    for (const declared of before?.declared ?? []) this.#says(declared.operation, declared)
  }

  entry(seq: number, { kind, operation, attributes = {} }: Notable): void {
    if (kind !== 'control') return
    this.#says(operation, attributes)
    if (listed.has(operation)) this.#listed.add(seq)
  }

  missing(): void {
    this.#isFrozen = undefined
  }

  #says(operation: string, { frozen, what, to }: NonNullable<Notable['attributes']>): void {
    if (operation === 'log.frozen') this.#isFrozen = true
    if (operation === 'log.unfrozen') this.#isFrozen = false
    // Whoever lets go of leaves says whether the log was frozen: the entries that said so may be among them.
    if (operation === 'retention.pruned' && typeof frozen === 'boolean') this.#isFrozen = frozen
    if (operation === 'log.migrated' && what === 'schema' && typeof to === 'number') this.#step = to
  }

  /** At the end of a check of everything from `from` on. */
  async end(log: KeptLog, head: Head, from: number, findings: Findings): Promise<void> {
    const { size, frozen = false } = head
    if (this.#isFrozen !== undefined && this.#isFrozen !== frozen) {
      const message = `the head of the log says that it is ${frozen ? '' : 'not '}frozen, and its entries do not`
      findings.find('tree_mismatch', message, { seq: size - 1 })
    }
    const step = await log.unrecordedStep?.()
    if (step !== undefined && step <= this.#step) {
      findings.find('format_invalid', `the step to schema ${step} is kept as one that no entry records, and one does`)
    }
    await this.#list(log, head, from, findings)
    const behind = await Array.fromAsync(upTo(mostNamed, log.seals(size, Number.MAX_SAFE_INTEGER)))
    const now = (await log.head())?.size ?? 0
    for (const seal of behind) {
      if (seal.size <= now) continue
      findings.find('seal_invalid', `${seal.size} entries are sealed, and ${now} are there`, { seq: size - 1 })
    }
  }

  /** The list must name those entries that it is for, and no others. */
  async #list(log: LogReader, { size }: Head, from: number, findings: Findings): Promise<void> {
    const named = new Set<number>()
    for await (const { seq } of upTo(size, log.declarations())) {
      if (seq < from || seq >= size) continue
      named.add(seq)
      if (this.#listed.has(seq)) continue
      const message = `entry ${seq} is kept as one that says what the log let go of, and says nothing of that kind`
      findings.find('format_invalid', message, { seq })
    }
    for (const seq of this.#listed) {
      if (named.has(seq)) continue
      // Its leaf may have been let go of since.
      if ((await entriesIn(log, seq, seq + 1)).length === 0) continue
      const message = `entry ${seq} is not kept as one that says what the log let go of: a check of a part would not know`
      findings.find('format_invalid', message, { seq })
    }
  }

  /** What stands in the store and is part of nothing: for a deep check. */
  async strays(log: KeptLog, findings: Findings): Promise<void> {
    for await (const stray of upTo(mostNamed, (await log.strays?.()) ?? [])) findings.find('format_invalid', stray)
  }
}

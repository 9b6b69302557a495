/**
 * What the index lets go of when the log does.
 *
 * An entry declares whose content is gone, or below which number the leaves are. The entries it names are read again, and
 * what the index says of them becomes what they still say; terms that no row names any more are written over. It goes in
 * steps, each one transaction and each of them true for itself; whoever is interrupted begins again at the declaration.
 */
import { isIn, type Range } from '../core/ranges.ts'
import type { Connection } from '../store/sqlite-file.ts'
import type { LogSource, StoredEntry } from '../store/store.ts'
import { factsOf, forgetActors, type Removal } from './facts.ts'
import type { Rows } from './rows.ts'
import type { Meta, Row, Statements } from './schema.ts'
import type { Terms } from './terms.ts'
import { bitsOf, blockWidth } from './text-blocks.ts'

export interface RemovalContext {
  readonly db: Connection
  readonly sql: Statements
  readonly rows: Rows
  readonly terms: Terms
  readonly log: LogSource
  readonly newGeneration: () => number
}

/** Rows in one transaction. */
const step = 1024

/**
 * Lets go of what an entry declares.
 *
 * @param before the number of that entry: everything below it is in the index
 * @returns the generation of the index afterwards; `undefined` when another process went on with it meanwhile
 */
export async function letGo(
  context: RemovalContext,
  removal: Removal,
  before: number,
  generation: number,
): Promise<number | undefined> {
  const work = new Work(context, removal, before, generation)
  const isDone = (await work.dropLeaves()) && (await work.renewContent())
  return isDone ? work.generation : undefined
}

/** What may be left of what was let go: see {@link Meta}. */
const remainsOfPruning = 1
const remainsOfErasure = 2

class Work {
  readonly #context: RemovalContext
  readonly #removal: Removal
  readonly #before: number
  generation: number

  constructor(context: RemovalContext, removal: Removal, before: number, generation: number) {
    this.#context = context
    this.#removal = removal
    this.#before = before
    this.generation = generation
  }

  /** The rows of leaves that are gone: all below a number but the first. */
  async dropLeaves(): Promise<boolean> {
    const { sql, rows } = this.#context
    const below = Math.min(this.#removal.below, this.#before)
    if (below <= 1) return true
    for (let isLast = false; !isLast; ) {
      const isOurs = this.#transaction(() => {
        const some = sql.rowsUp.all(1, below - 1, step) as Row[]
        isLast = some.length < step
        if (isLast) {
          for (const table of [sql.dropOddIds, sql.dropIntents]) table.run(below)
          sql.dropTextBlocks.run(Math.floor(below / blockWidth))
        }
        const terms = some.flatMap(row => rows.drop(row))
        if (isLast) sql.dropFlagSets.run()
        return terms
      })
      if (!isOurs) return false
    }
    return await this.#renew(0, 0, [])
  }

  /** The rows of entries whose content is gone. */
  async renewContent(): Promise<boolean> {
    const { content } = this.#removal
    for (const [first, last] of blocksOf(content, this.#before)) {
      for (let block = first; block <= last; block += step / blockWidth) {
        if (!(await this.#renew(block, Math.min(last, block + step / blockWidth - 1), content))) return false
      }
    }
    return true
  }

  /** Brings rows and texts of some blocks to what the entries say now. */
  async #renew(firstBlock: number, lastBlock: number, content: readonly Range[]): Promise<boolean> {
    const { log, rows } = this.#context
    const to = Math.min((lastBlock + 1) * blockWidth, this.#before)
    const entries: StoredEntry[] = []
    for await (const some of log.entries(firstBlock * blockWidth, to)) entries.push(...some)
    const facts = entries.filter(({ seq }) => isIn(content, seq)).map(stored => factsOf(stored))
    const byBlock = Map.groupBy(entries, ({ seq }) => Math.floor(seq / blockWidth))
    return this.#transaction(() => {
      const terms = facts.flatMap(entry => rows.renew(entry))
      for (const [block, of] of byBlock) this.#renewText(block, of)
      return terms
    })
  }

  /** In the length that it has, so that it is written over where it stands. */
  #renewText(block: number, entries: readonly StoredEntry[]): void {
    const { sql } = this.#context
    const bits = sql.textBlock.get(block) as Uint8Array | undefined
    if (bits !== undefined) sql.setTextBlock.run(bitsOf(entries, bits.length), block)
  }

  /** One step: `work` gives the terms that may be needed no more. False when the index is another by now. */
  #transaction(work: () => number[]): boolean {
    const { db, sql, rows, terms, newGeneration } = this.#context
    db.exec('BEGIN IMMEDIATE')
    try {
      const meta = sql.meta.get() as Meta | undefined
      if (meta?.generation !== this.generation || meta.size !== this.#before) {
        db.exec('ROLLBACK')
        return false
      }
      terms.enter(this.generation)
      const hasForgotten = rows.forget(work())
      const next = hasForgotten ? newGeneration() : this.generation
      const remains = this.#removal.isErasure ? remainsOfErasure : remainsOfPruning
      if (hasForgotten) sql.setForgotten.run(next, Math.max(meta.remains, remains))
      db.exec('COMMIT')
      this.generation = next
      terms.enter(next)
      return true
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK')
      terms.forget()
      throw error
    }
  }
}

/** The blocks that some entries lie in, as far as they are before a number. */
function blocksOf(entries: readonly Range[], before: number): Range[] {
  const blocks: [number, number][] = []
  for (const [from, to] of entries) {
    if (from >= before) break
    const [first, last] = [Math.floor(from / blockWidth), Math.floor(Math.min(to, before - 1) / blockWidth)]
    const previous = blocks.at(-1)
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = last
    else blocks.push([first, last])
  }
  return blocks
}

/**
 * Takes away the last of what was let go: the write-ahead log, where its pages stand as they were, and after an erasure the
 * index over the hashes of terms, whose pages may have been split since. What cannot be done while another process is at
 * work is done by whoever comes by next.
 */
export function clean(db: Connection, sql: Statements, remains: number): void {
  forgetActors()
  const timeout = db.pragma('busy_timeout', { simple: true }) as number
  db.pragma('busy_timeout=0')
  try {
    if (remains >= remainsOfErasure) {
      db.exec('REINDEX term_hash')
      sql.setRemains.run(remainsOfPruning)
    }
    const isBusy = db.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) === 1
    if (!isBusy) sql.setRemains.run(0)
  } catch (error) {
    if (!String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) throw error
  } finally {
    db.pragma(`busy_timeout=${timeout}`)
  }
}

/** The writing of the index: the rows of one entry in every table, added, brought up to what is left of it, dropped. */
import { bareId, type Facts, idBytes } from './facts.ts'
import { keysOf, ListAdditions, listKey, takeFromList } from './lists.ts'
import type { Row, Statements } from './schema.ts'
import type { Terms } from './terms.ts'

/** Writes within a transaction that the caller holds. */
export class Rows {
  readonly #sql: Statements
  readonly #terms: Terms

  constructor(sql: Statements, terms: Terms) {
    this.#sql = sql
    this.#terms = terms
  }

  /**
   * @param time the time of its row: its own, or that of the entry before where it is unreadable
   * @param intents those that were opened in this transaction; what stays in it has to be kept
   * @param lists what this transaction adds to lists; has to be written
   */
  add(entry: Facts, time: number, intents: Map<string, number>, lists: ListAdditions): void {
    const { seq, kind, outcome, level, flags } = entry
    const sql = this.#sql
    const terms = this.#terms
    const { actor, principal, memory, session } = this.#sealed(entry)
    const operation = this.#number(entry.operation)
    const component = this.#number(entry.component)
    const set = terms.addFlags(flags)
    sql.addRow.run(seq, time, kind, outcome, level, operation, component, actor, principal, memory, session, set)
    if (operation !== null) lists.add('operation', operation, seq)
    if (component !== null) lists.add('component', component, seq)
    if (session !== null) lists.add('session', session, seq)
    for (const flag of flags) lists.add('flag', terms.add(flag), seq)
    if (actor !== null) lists.add('who', actor, seq)
    if (principal !== null) lists.add('who', principal, seq)
    if (entry.oddId !== undefined) sql.addOddId.run(idBytes(entry.oddId), seq)
    if (entry.opens !== undefined && !intents.has(entry.opens)) intents.set(entry.opens, seq)
    // In the same transaction more often than not: then it never reaches the file.
    if (entry.closes !== undefined && !intents.delete(entry.closes)) sql.closeIntent.run(idBytes(entry.closes))
  }

  keepIntents(intents: ReadonlyMap<string, number>): void {
    for (const [id, seq] of intents) this.#sql.addIntent.run(idBytes(id), seq)
  }

  /** Brings a row to what its entry still says of its sealed values. @returns the terms that it does not name any more */
  renew(entry: Facts): number[] {
    const sql = this.#sql
    const row = sql.row.get(entry.seq) as Row | undefined
    if (row === undefined) return []
    const before = sealedTerms(row)
    const { actor, principal, memory, session } = this.#sealed(entry)
    const now = [actor, principal, memory, session]
    if (now.every((term, i) => term === before[i])) return []
    sql.setSealed.run(...now, entry.seq)
    this.#takeSealed(before, entry.seq)
    const lists = new ListAdditions()
    for (const who of [actor, principal]) if (who !== null) lists.add('who', who, entry.seq)
    if (session !== null) lists.add('session', session, entry.seq)
    lists.write(sql)
    return before.filter(term => term !== null && !now.includes(term)) as number[]
  }

  /** Drops what stands in a row and beside it. @returns the terms that it named */
  drop(row: Row): number[] {
    const sql = this.#sql
    const [seq, , , , , operation, component, ...rest] = row
    const flags = this.#terms.flags(rest.at(-1)!).map(flag => this.#terms.add(flag))
    const sealed = sealedTerms(row)
    this.#takeSealed(sealed, seq)
    for (const flag of flags) takeFromList(sql, 'flag', flag, seq)
    if (operation !== null) takeFromList(sql, 'operation', operation, seq)
    if (component !== null) takeFromList(sql, 'component', component, seq)
    sql.dropRow.run(seq)
    return [operation, component, ...sealed, ...flags].filter(term => term !== null)
  }

  #takeSealed([actor, principal, , session]: SealedTerms, seq: number): void {
    for (const who of [actor, principal]) if (who !== null) takeFromList(this.#sql, 'who', who, seq)
    if (session !== null) takeFromList(this.#sql, 'session', session, seq)
  }

  /** Lets go of those terms that no row names. @returns whether there were any */
  forget(terms: Iterable<number>): boolean {
    let hasForgotten = false
    for (const term of new Set(terms)) hasForgotten = this.#forget(term) || hasForgotten
    return hasForgotten
  }

  #forget(term: number): boolean {
    const sql = this.#sql
    const id = bareId(this.#terms.text(term))
    const bare = id === undefined ? undefined : this.#terms.find(id)
    // Nobody is found by the id of an actor that no row has.
    const isFoundNoMore = bare !== undefined && sql.dropIdentity.run(bare, term, listKey('who', term)).changes > 0
    const isGone = sql.isTermUsed.get(term, ...keysOf(term), term) === 0
    if (isGone) this.#terms.overwrite(term)
    return (isFoundNoMore && this.#forget(bare)) || isGone
  }

  #sealed({ actor, principal, memory, session }: Facts) {
    return {
      actor: this.#identity(actor),
      principal: this.#identity(principal),
      memory: this.#number(memory),
      session: this.#number(session),
    }
  }

  #number(text: string | undefined): number | null {
    return text === undefined ? null : this.#terms.add(text)
  }

  #identity(text: string | undefined): number | null {
    return text === undefined ? null : this.#terms.addIdentity(text)
  }
}

type SealedTerms = [actor: number | null, principal: number | null, memory: number | null, session: number | null]

function sealedTerms([, , , , , , , actor, principal, memory, session]: Row): SealedTerms {
  return [actor, principal, memory, session]
}

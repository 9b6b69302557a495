/** The dictionary of the index: each text once, and its number everywhere else. */
import type { Statements } from './schema.ts'

/** Texts that are remembered per direction; as many again of an older half, before they are forgotten. */
const remembered = 20_000

/** A map that forgets what was not asked for in a while. */
class RecentMap<K, V> {
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  get(key: K): V | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: K, value: V): void {
    if (this.#young.size >= remembered) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }
}

/** What this process remembers of the dictionary. A number is good for one generation of the index only. */
export class Terms {
  readonly #sql: Statements
  readonly #ids = new RecentMap<string, number>()
  readonly #texts = new RecentMap<number, string>()
  #generation: number | undefined

  constructor(sql: Statements) {
    this.#sql = sql
  }

  /** Forgets everything when the index was thrown away since. */
  enter(generation: number): void {
    if (this.#generation !== generation) this.forget()
    this.#generation = generation
  }

  /** Also after a rollback: numbers that were given in it are not there. */
  forget(): void {
    this.#ids.clear()
    this.#texts.clear()
  }

  /** The number of a text, `undefined` when no entry has it. */
  find(text: string): number | undefined {
    let id = this.#ids.get(text)
    if (id === undefined) {
      id = this.#sql.term.get(text) as number | undefined
      if (id !== undefined) this.#ids.set(text, id)
    }
    return id
  }

  /** The number of a text, given to it now if it has none. Within a transaction that writes. */
  add(text: string, isNew?: (id: number) => void): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    // What is not remembered is new more often than not.
    const added = this.#sql.addTerm.get(text) as number | undefined
    const id = added ?? (this.#sql.term.get(text) as number)
    this.#ids.set(text, id)
    if (added !== undefined) isNew?.(id)
    return id
  }

  text(id: number): string {
    let text = this.#texts.get(id)
    if (text === undefined) {
      text = (this.#sql.text.get(id) as string | undefined) ?? ''
      this.#texts.set(id, text)
    }
    return text
  }
}

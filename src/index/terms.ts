/** The dictionary of the index: each text once, and its number everywhere else. */
import { hash } from 'node:crypto'
import { bareId } from './facts.ts'
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
  readonly #identities = new RecentMap<string, number>()
  readonly #setIds = new RecentMap<string, number>()
  readonly #sets = new RecentMap<number, readonly string[]>()
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
    for (const map of [this.#ids, this.#texts, this.#identities, this.#setIds, this.#sets]) map.clear()
  }

  /** The number of a text, `undefined` when no entry has it. */
  find(text: string): number | undefined {
    let id = this.#ids.get(text)
    if (id === undefined) {
      id = this.#stored(text, termHash(text))
      if (id !== undefined) this.#ids.set(text, id)
    }
    return id
  }

  /** The number of a text, given to it now if it has none. Within a transaction that writes. */
  add(text: string): number {
    let id = this.#ids.get(text)
    if (id === undefined) {
      const hash = termHash(text)
      id = this.#stored(text, hash) ?? (this.#sql.addTerm.get(hash, text) as number)
      this.#ids.set(text, id)
    }
    return id
  }

  /** As {@link add}, for the text of an identity, which can then be found by its bare id, too. */
  addIdentity(text: string): number {
    let id = this.#identities.get(text)
    if (id === undefined) {
      id = this.add(text)
      this.#sql.addIdentity.run(this.add(bareId(text)!), id)
      this.#identities.set(text, id)
    }
    return id
  }

  #stored(text: string, hash: number): number | undefined {
    return (this.#sql.term.all(hash) as [id: number, text: string][]).find(found => found[1] === text)?.[0]
  }

  text(id: number): string {
    let text = this.#texts.get(id)
    if (text === undefined) {
      text = (this.#sql.text.get(id) as string | undefined) ?? ''
      this.#texts.set(id, text)
    }
    return text
  }

  /** The number of a set of flags; null for none. Within a transaction that writes. */
  addFlags(flags: readonly string[]): number | null {
    if (flags.length === 0) return null
    const text = JSON.stringify(flags)
    let id = this.#setIds.get(text)
    if (id === undefined) {
      id = (this.#sql.flagSet.get(text) ?? this.#sql.addFlagSet.get(text)) as number
      this.#setIds.set(text, id)
    }
    return id
  }

  flags(id: number | null): readonly string[] {
    if (id === null) return []
    let flags = this.#sets.get(id)
    if (flags === undefined) {
      flags = JSON.parse((this.#sql.flagsOf.get(id) as string | undefined) ?? '[]') as string[]
      this.#sets.set(id, flags)
    }
    return flags
  }

  /**
   * Lets go of a text that no row names any more: it is written over where it stands, in its own length, so that neither
   * it nor a copy is left in the file. Its place is not used again before the index is built anew.
   */
  overwrite(id: number): void {
    const text = this.#sql.text.get(id) as string
    this.#sql.overwriteTerm.run(overwritten, '\0'.repeat(Buffer.byteLength(text)), id)
  }
}

/** The least hash, and what stands for one where the text is gone: as many bytes in the file. */
const leastHash = 2 ** 46
const overwritten = leastHash - 1

/** 45 bits of SHA-256: the dictionary is looked up by these, so that a text stands in the file once. */
export function termHash(text: string): number {
  return leastHash + Math.floor(Number.parseInt(hash('sha256', text).slice(0, 12), 16) / 8)
}

/** Whether a row of the dictionary is one that was let go. */
export function isOverwritten(hash: number, text: string): boolean {
  return hash === overwritten && /^\0*$/.test(text)
}

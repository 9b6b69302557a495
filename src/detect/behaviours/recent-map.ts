/**
 * A map that forgets what was not written for long, so that it stays within a bound.
 *
 * It keeps two halves, and lets the older one go when the newer one is full: a value is kept while at least `max / 2` others
 * are written after it, and while at most `max` are. One `Map` from which the oldest is taken each time costs several times
 * as much, for the places of what was taken out are passed over again and again.
 */
export class RecentMap<Value> {
  readonly #half: number
  #newer = new Map<string, Value>()
  #older = new Map<string, Value>()

  constructor(max: number) {
    this.#half = Math.ceil(max / 2)
  }

  get(key: string): Value | undefined {
    return this.#newer.get(key) ?? this.#older.get(key)
  }

  set(key: string, value: Value): void {
    this.#newer.set(key, value)
    if (this.#newer.size < this.#half) return
    this.#older = this.#newer
    this.#newer = new Map()
  }

  delete(key: string): void {
    this.#newer.delete(key)
    this.#older.delete(key)
  }
}

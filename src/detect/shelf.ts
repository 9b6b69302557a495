/**
 * Ids in the order in which they came, any of which may leave.
 *
 * One that leaves stays in the line and is passed over when its turn comes: taking the first out of a `Set` again and again
 * costs more the longer that goes on.
 */
export class Shelf {
  readonly #there = new Map<string, number>()
  #line: { readonly id: string; readonly ticket: number }[] = []
  #front = 0
  #tickets = 0

  add(id: string): void {
    const ticket = this.#tickets++
    this.#there.set(id, ticket)
    this.#line.push({ id, ticket })
    if (this.#line.length > 2 * this.#there.size + 64) this.#tidy()
  }

  delete(id: string): void {
    this.#there.delete(id)
  }

  /** The id that came first of those that are there. */
  first(): string | undefined {
    for (; this.#front < this.#line.length; this.#front++) {
      const { id, ticket } = this.#line[this.#front]!
      if (this.#there.get(id) === ticket) return id
    }
    return undefined
  }

  #tidy(): void {
    this.#line = this.#line.slice(this.#front).filter(({ id, ticket }) => this.#there.get(id) === ticket)
    this.#front = 0
  }
}

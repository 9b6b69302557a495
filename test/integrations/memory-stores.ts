/** Memory stores as people write them: small, and real. */

export interface StoredMemory {
  id?: string
  content: string
  summary?: string
  tags?: string[]
  metadata?: Record<string, unknown>
}

/** A store with the names of the seed’s: asynchronous, with private state. */
export class SeedStore {
  readonly #memories = new Map<string, StoredMemory>()
  #next = 1
  /** Calls that reached the store. */
  calls = 0

  async store_enhanced_memory_optimized(memory: StoredMemory): Promise<string> {
    this.calls++
    const id = memory.id ?? `mem_${this.#next++}`
    this.#memories.set(id, { ...memory, id })
    return id
  }
  async retrieve_summary_optimized(id: string): Promise<string | undefined> {
    this.calls++
    return this.#memories.get(id)?.summary
  }
  async retrieve_full_context_optimized(id: string): Promise<StoredMemory | undefined> {
    this.calls++
    return this.#memories.get(id)
  }
  async search_enhanced_memories(text: string): Promise<StoredMemory[]> {
    this.calls++
    return [...this.#memories.values()].filter(({ content }) => content.includes(text))
  }
  async count_enhanced_memories(): Promise<number> {
    this.calls++
    return this.#memories.size
  }
  store_memory(memory: StoredMemory): Promise<string> {
    return this.store_enhanced_memory_optimized(memory)
  }
  retrieve_memory(id: string): Promise<StoredMemory | undefined> {
    return this.retrieve_full_context_optimized(id)
  }
  search_memories(text: string): Promise<StoredMemory[]> {
    return this.search_enhanced_memories(text)
  }
  async list_memories(limit = 10): Promise<StoredMemory[]> {
    this.calls++
    return [...this.#memories.values()].slice(0, limit)
  }
  async delete_memory(id: string): Promise<boolean> {
    this.calls++
    if (!this.#memories.delete(id)) throw new RangeError(`there is no memory ${id}`)
    return true
  }
  async update_memory(memory: StoredMemory): Promise<void> {
    this.calls++
    if (!this.#memories.has(memory.id!)) throw new RangeError(`there is no memory ${memory.id}`)
    this.#memories.set(memory.id!, memory)
  }
  get size(): number {
    return this.#memories.size
  }
  describe(): string {
    return `${this.#memories.size} memories`
  }
}

/** A store with plain names: synchronous. */
export class PlainStore {
  readonly #memories = new Map<string, unknown>()
  label = 'plain'

  set(id: string, memory: unknown): this {
    this.#memories.set(id, memory)
    return this
  }
  get(id: string): unknown {
    return this.#memories.get(id)
  }
  update(id: string, change: object): unknown {
    const changed = { ...(this.#memories.get(id) as object), ...change }
    this.#memories.set(id, changed)
    return changed
  }
  search(text: string): unknown[] {
    return [...this.#memories.values()].filter(memory => JSON.stringify(memory).includes(text))
  }
  list(): string[] {
    return [...this.#memories.keys()]
  }
  count(): number {
    return this.#memories.size
  }
  delete(id: string): boolean {
    return this.#memories.delete(id)
  }
  clear(): void {
    this.#memories.clear()
  }
  *scan(): Generator<string> {
    yield* this.#memories.keys()
  }
}

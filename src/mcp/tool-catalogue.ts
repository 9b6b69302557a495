import { utf8 } from '../core/bytes.ts'
import { canonicalize } from '../core/json.ts'
import { digestOf, member, textMember } from './part.ts'

/** What a tool's definition says of it, as far as an entry of a call repeats it. */
export interface ToolFacts {
  readonly digest: string
  readonly destructiveHint?: boolean
  readonly readOnlyHint?: boolean
}

/** The tools of a listing so far: a listing may come in pages. */
export interface Listing {
  /** Digest by name. */
  readonly tools: ReadonlyMap<string, string>
  /** Definition by name; a list of them when the server gave one name to several tools. */
  readonly definitions: ReadonlyMap<string, unknown>
  /** Whether this was the last page. */
  readonly complete: boolean
}

/** One tool that is not what it was. */
export interface ToolChange {
  readonly name: string
  readonly change: 'added' | 'changed' | 'removed'
  readonly digest?: string
  readonly previous?: string
}

/** Knows what a server's tools were, and tells what has changed. */
export class ToolCatalogue {
  #definitions = new Map<string, unknown[]>()
  #facts = new Map<string, ToolFacts>()
  #last: Map<string, string> | undefined

  /** What is known of a tool now. */
  facts(name: string): ToolFacts | undefined {
    return this.#facts.get(name)
  }

  /** Takes one page of a `tools/list` answer. */
  page(tools: readonly unknown[], first: boolean, complete: boolean): Listing {
    if (first) this.#definitions = new Map()
    for (const tool of tools) {
      const name = textMember(tool, 'name')
      if (name === undefined) continue
      this.#definitions.set(name, [...(this.#definitions.get(name) ?? []), tool])
    }
    const definitions = new Map<string, unknown>()
    const digests = new Map<string, string>()
    for (const [name, all] of this.#definitions) {
      const definition = all.length === 1 ? all[0] : all
      const digest = digestOfValue(definition)
      definitions.set(name, definition)
      digests.set(name, digest)
      const annotations = member(all.at(-1), 'annotations')
      this.#facts.set(name, { digest, ...hint(annotations, 'destructiveHint'), ...hint(annotations, 'readOnlyHint') })
    }
    if (complete) {
      for (const name of this.#facts.keys()) if (!digests.has(name)) this.#facts.delete(name)
      this.#definitions = new Map()
    }
    return { tools: digests, definitions, complete }
  }

  /** Whether there is anything to compare the next listing with. */
  get comparable(): boolean {
    return this.#last !== undefined
  }

  /** Gives what an earlier session knew. */
  remember(tools: ReadonlyMap<string, string>): void {
    this.#last = new Map(tools)
  }

  /** What this listing changed; without an earlier one, nothing. A removal is concluded from the last page only. */
  changes(listing: Listing): ToolChange[] {
    const known = this.#last
    if (known === undefined) {
      if (listing.complete) this.#last = new Map(listing.tools)
      return []
    }
    const out: ToolChange[] = []
    for (const [name, digest] of listing.tools) {
      const previous = known.get(name)
      if (previous === undefined) out.push({ name, change: 'added', digest })
      else if (previous !== digest) out.push({ name, change: 'changed', digest, previous })
      known.set(name, digest)
    }
    if (!listing.complete) return out
    for (const [name, previous] of known) {
      if (listing.tools.has(name)) continue
      out.push({ name, change: 'removed', previous })
      known.delete(name)
    }
    return out
  }
}

/** The digest of a value's canonical JSON; of its plain JSON when it has no canonical one. */
export function digestOfValue(value: unknown): string {
  try {
    return digestOf(utf8(canonicalize(value)))
  } catch {
    return digestOf(utf8(JSON.stringify(value)))
  }
}

function hint<Name extends string>(annotations: unknown, name: Name): { readonly [name in Name]?: boolean } {
  const value = member(annotations, name)
  return typeof value === 'boolean' ? ({ [name]: value } as { [name in Name]: boolean }) : {}
}

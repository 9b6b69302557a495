/**
 * Settings from several places, laid over one another: maps are merged, everything else is replaced, and `null` takes away
 * what stood there before (RFC 7396, JSON Merge Patch). Each value remembers where it came from.
 */
import { pathOf } from '../core/json.ts'
import type { Place } from './yaml-file.ts'

/** Where a value came from. */
export type Origin =
  | { readonly from: 'default' }
  | ({ readonly from: 'file'; readonly file: string; readonly environment?: string } & Place)
  | { readonly from: 'environment'; readonly name: string }
  | { readonly from: 'flag'; readonly name: string }

/** The names that lead to a setting: `['server', 'port']`; below a list, its positions. */
export type Path = readonly string[]

export interface Setting {
  readonly path: Path
  readonly value: unknown
  readonly origin: Origin
}

/** A setting's name, as people write it: `server.port`. */
export function settingName(path: readonly (string | number)[]): string {
  return path.reduce<string>(pathOf, '$').replace(/^\$\.?/, '')
}

/** An origin in a few words: `audit.yaml:3:9`, `MEMMIMIC_AUDIT_SERVER__PORT`, `--port`. */
export function originText(origin: Origin): string {
  if (origin.from === 'file') return `${origin.file}:${origin.line}:${origin.column}`
  return origin.from === 'default' ? 'default' : origin.name
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The leaves of a tree of maps: lists, and maps with nothing in them, are leaves too. */
export function leavesOf(value: unknown, path: Path = []): { path: Path; value: unknown }[] {
  if (!isMap(value) || (path.length > 0 && Object.keys(value).length === 0)) return [{ path, value }]
  return Object.keys(value).flatMap(name => leavesOf(value[name], [...path, name]))
}

export class Layers {
  /** By path. Below a list there are those of its items that were set one by one. */
  readonly #settings = new Map<string, Setting>()

  /** Lays one setting over what is there. A map with nothing in it changes nothing. */
  put(setting: Setting): void {
    const { path, value } = setting
    if (isMap(value) && Object.keys(value).length === 0 && this.#from(path).length > 0) return
    this.remove(path)
    for (let length = 1; length < path.length; length++) {
      const above = keyOf(path.slice(0, length))
      if (!Array.isArray(this.#settings.get(above)?.value)) this.#settings.delete(above)
    }
    this.#settings.set(keyOf(path), setting)
  }

  /** Takes away what stands at a path and below it. */
  remove(path: Path): void {
    for (const key of this.#from(path)) this.#settings.delete(key)
  }

  copy(): Layers {
    const copy = new Layers()
    for (const [key, setting] of this.#settings) copy.#settings.set(key, setting)
    return copy
  }

  /** Where the value at a path came from: the setting itself, or the one that it is a part of. */
  originOf(path: readonly (string | number)[]): Origin {
    const names = path.map(String)
    for (let length = names.length; length > 0; length--) {
      const found = this.#settings.get(keyOf(names.slice(0, length)))
      if (found !== undefined) return found.origin
    }
    return { from: 'default' }
  }

  /** Where to look for what is not there: the origin of what stands nearest to a path. */
  originNear(path: readonly (string | number)[]): Origin {
    const names = path.map(String)
    for (let length = names.length; length > 0; length--) {
      const around = this.#from(names.slice(0, length)).map(key => this.#settings.get(key)!.origin)
      const said = around.find(({ from }) => from !== 'default') ?? this.originOf(names.slice(0, length))
      if (said.from !== 'default') return said
    }
    return { from: 'default' }
  }

  /** All of it as one tree. */
  tree(): Record<string, unknown> {
    const root = emptyMap()
    for (const { path, value } of [...this.#settings.values()].sort((a, b) => a.path.length - b.path.length)) {
      let at = root
      for (const name of path.slice(0, -1)) {
        at[name] ??= emptyMap()
        at = at[name] as Record<string, unknown>
      }
      at[path.at(-1)!] = structuredClone(value)
    }
    return root
  }

  /** The keys of what stands at a path and below it. */
  #from(path: Path): string[] {
    const key = keyOf(path)
    return [...this.#settings.keys()].filter(other => other === key || other.startsWith(`${key}\0`))
  }
}

function keyOf(path: Path): string {
  return path.join('\0')
}

/** A map without a prototype: every name is only a name. */
function emptyMap(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

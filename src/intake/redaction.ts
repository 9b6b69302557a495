/**
 * Redaction: what must not be kept is taken out of an entry before anything of it is hashed, and the entry says so.
 *
 * In its place stands a mark, `[redacted:api_key]`, and the attributes `redaction.rules` and `redaction.count` say which
 * rules found something and how often. What cannot be read or kept is left for `captureEntry` to judge.
 */
import { toBase64url, utf8 } from '../core/bytes.ts'
import type { EntryInput } from '../core/entry.ts'
import { badInput, canonicalize, maxDepth, notPlain, pathOf } from '../core/json.ts'
import { hmacSha256 } from '../core/primitives.ts'
import { type Found, isCardNumber, isSecretName, lookFor } from './detectors.ts'
import { type Cursors, parsePlace, plainName, startAlong, stepAlong } from './place.ts'
import { type DetectorName, detectorNames, type RedactionAction, type RedactionSettings } from './settings.ts'

/** What a rule or a detector does, and under which name. */
interface Owner {
  readonly name: string
  readonly action: RedactionAction
}

/** Stands for a value that is not to be there. */
const dropped = Symbol('dropped')

/** In which values detectors look; the others are only touched by rules that name them. */
const searched = ['arguments', 'operationResult', 'userContext']
const named = ['operation', 'component', 'memoryId', 'session', 'actor']

/** Objects and lists of one value that are walked through; what is made of more is refused by `captureEntry`. */
const maxParts = 1_000_000
/** From this length on, the names of members are searched too. */
const minNameLength = 12
const maxKnownNames = 1000

/**
 * What takes out of an entry what these settings name. The entry that was given is not touched; where there is nothing to
 * take out, it is the result.
 *
 * @param key for the action `hash`: at least 16 bytes, kept by whoever may find equal values again
 * @throws AuditError `bad_input` when a rule is not well formed or the key is missing
 * @example
 * const redact = redactor(defaultIntakeSettings.redaction)
 * redact({ operation: 'x', component: 'y', arguments: { password: 'hunter2' } }).arguments
 * // { password: '[redacted:password]' }
 */
export function redactor(settings: RedactionSettings, key?: Uint8Array): (entry: EntryInput) => EntryInput {
  if (!settings.enabled) return entry => entry
  const tools = toolsFor(settings, key)
  const start = startAlong(
    settings.rules.map(({ path, action, name = path }, i) => {
      const place = parsePlace(path, `$.redaction.rules[${i}].path`)
      if (!/^[^,\u0000-\u001f]{1,80}$/.test(name)) {
        throw badInput(`$.redaction.rules[${i}].name`, 'must be 1–80 characters, without commas and control characters')
      }
      return { place, owner: { name, action } }
    }),
  )
  return entry => {
    if (typeof entry !== 'object' || entry === null) return entry
    const walk = new Walk(tools)
    const changes = changesTo(entry, walk, start, settings.detectInAttributes)
    return walk.count === 0 && walk.unscanned === 0 ? entry : asSaid(entry, changes, walk)
  }
}

interface Tools {
  readonly look: (text: string) => Found[] | undefined
  readonly owners: Readonly<Record<DetectorName, Owner>>
  readonly key: Uint8Array | undefined
  readonly maxTextLength: number
  readonly findsSecretNames: boolean
  readonly findsCards: boolean
  /** What is known of the names of members: most of them come again and again. */
  readonly knownNames: Map<string, { readonly isSecret: boolean; readonly holdsNothing: boolean }>
}

function toolsFor({ rules, detectors, maxTextLength }: RedactionSettings, key: Uint8Array | undefined): Tools {
  const wanted = detectorNames.filter(name => detectors[name] !== 'off')
  const actions = [...rules.map(({ action }) => action), ...Object.values(detectors)]
  if (actions.includes('hash') && (key === undefined || key.length < 16)) {
    throw badInput('$.redaction', 'the action hash needs a key of at least 16 bytes')
  }
  if (!(maxTextLength > 0)) throw badInput('$.redaction.maxTextLength', 'must be above 0')
  const owners = Object.fromEntries(detectorNames.map(name => [name, { name, action: detectors[name] }]))
  return {
    look: lookFor(wanted),
    owners: owners as Readonly<Record<DetectorName, Owner>>,
    key,
    maxTextLength,
    findsSecretNames: wanted.includes('password'),
    findsCards: wanted.includes('card_number'),
    knownNames: new Map(),
  }
}

/** The members of an entry that become others; `dropped` ones go. */
type Changes = ReadonlyMap<string, unknown>

function changesTo(entry: EntryInput, walk: Walk, start: Cursors<Owner>, detectInAttributes: boolean): Changes {
  const changes = new Map<string, unknown>()
  const visit = (name: string, walked: (value: unknown) => unknown) => {
    const value = read(entry, name, '$')
    if (value === undefined) return
    const kept = walked(value)
    if (kept !== value) changes.set(name, kept)
  }
  for (const name of searched) visit(name, value => walk.through(value, name, start, '$', true))
  visit('sealed', sealed => {
    if (!isRecord(sealed)) return sealed
    const { next } = stepAlong(start, 'sealed')
    return changed(sealed, (value, name) => walk.through(value, name, next, '$.sealed', true))
  })
  visit('attributes', attributes => walk.through(attributes, 'attributes', start, '$', detectInAttributes))
  if (start.length === 0) return changes
  for (const name of named) {
    visit(name, value => {
      const kept = walk.through(value, name, start, '$', false)
      if (name === 'actor') return asActor(kept, value)
      return kept === dropped && !optional.has(name) ? mark('dropped') : kept
    })
  }
  return changes
}

const optional: ReadonlySet<string> = new Set(['memoryId', 'session'])

/** An actor stays one, whatever was taken out of it: a type and an id must stand there, and in its principal. */
function asActor(kept: unknown, before: unknown): unknown {
  if (kept === before || kept === dropped || !isRecord(before)) return kept
  const { onBehalfOf } = isRecord(kept) ? kept : {}
  const principal = onBehalfOf === undefined ? {} : { onBehalfOf: asIdentity(onBehalfOf, before.onBehalfOf) }
  return { ...asIdentity(kept, before), ...principal }
}

function asIdentity(kept: unknown, before: unknown): object {
  if (typeof kept === 'string') return { type: isRecord(before) ? before.type : mark('actor'), id: kept }
  return { type: mark('dropped'), id: mark('dropped'), ...(kept as object) }
}

/** The entry as it is to be kept, and what it says of that. */
function asSaid(entry: EntryInput, changes: Changes, { names, count, unscanned }: Walk): EntryInput {
  const out: Record<string, unknown> = { ...entry }
  for (const [name, value] of changes) {
    if (value === dropped) delete out[name]
    else out[name] = value
  }
  const attributes = isRecord(out.attributes) || out.attributes === undefined ? out.attributes : undefined
  out.attributes = {
    ...attributes,
    ...(count === 0 ? {} : { 'redaction.rules': [...names].sort().join(','), 'redaction.count': count }),
    ...(unscanned === 0 ? {} : { 'redaction.unscanned': unscanned }),
  }
  return out as unknown as EntryInput
}

/** A link from the value at hand up to its root: it shows cycles, and a path costs nothing until it is needed. */
interface Spot {
  readonly parent: Spot | undefined
  readonly key: string | number
  readonly value: object
}

/** One entry's values, walked through one after the other. Whatever holds nothing to take out is passed on as it is. */
class Walk {
  readonly #tools: Tools
  /** Rules and detectors that found something. */
  readonly names = new Set<string>()
  count = 0
  /** Texts of which the end was not looked at. */
  unscanned = 0
  /** Where the value at hand stands, whether it is searched, and how much of it was walked through. */
  #root = '$'
  #search = false
  #parts = 0

  constructor(tools: Tools) {
    this.#tools = tools
  }

  /** The value as it is to be kept, or `dropped`. */
  through(value: unknown, name: string, cursors: Cursors<Owner>, root: string, search: boolean): unknown {
    this.#root = root
    this.#search = search
    this.#parts = 0
    return this.#member(value, name, cursors, undefined, this.#nameFacts(name).isSecret)
  }

  #member(
    value: unknown,
    key: string | number,
    cursors: Cursors<Owner>,
    parent: Spot | undefined,
    isSecret: boolean,
  ): unknown {
    const { next, arrived } = stepAlong(cursors, key)
    if (arrived !== undefined) return this.#replaced(value, arrived)
    if (typeof value === 'object' && value !== null) {
      return this.#search || next.length > 0 ? this.#inside(value, key, next, parent, isSecret) : value
    }
    if (!this.#search) return value
    if (typeof value === 'string') return isSecret ? this.#secret(value) : this.#text(value)
    return typeof value === 'number' && this.#isCard(value)
      ? this.#replaced(value, this.#tools.owners.card_number)
      : value
  }

  #inside(
    value: object,
    key: string | number,
    cursors: Cursors<Owner>,
    parent: Spot | undefined,
    isSecret: boolean,
  ): unknown {
    if (++this.#parts > maxParts) return value
    let depth = 0
    for (let at = parent; at !== undefined; at = at.parent) if (at.value === value || ++depth >= maxDepth) return value
    const spot: Spot = { parent, key, value }
    if (Array.isArray(value)) return this.#list(value, cursors, spot, isSecret)
    return notPlain(value) === undefined ? this.#object(value, cursors, spot) : value
  }

  #list(list: readonly unknown[], cursors: Cursors<Owner>, spot: Spot, isSecret: boolean): unknown {
    let out: unknown[] | undefined
    for (let i = 0; i < list.length; i++) {
      const value = this.#read(spot, i)
      const kept = this.#member(value, i, cursors, spot, isSecret)
      if (kept !== value) out ??= list.slice(0, i)
      if (kept !== dropped) out?.push(kept)
    }
    return out ?? list
  }

  #object(value: object, cursors: Cursors<Owner>, spot: Spot): unknown {
    let out: Record<string, unknown> | undefined
    const names = Object.keys(value)
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      const { isSecret, holdsNothing } = this.#nameFacts(name)
      const member = this.#read(spot, name)
      const kept = this.#member(member, name, cursors, spot, isSecret)
      const newName = holdsNothing || !this.#search ? name : this.#text(name)
      if (out === undefined) {
        if (kept === member && newName === name) continue
        out = {}
        for (const before of names.slice(0, i)) define(out, before, this.#read(spot, before))
      }
      if (kept !== dropped && newName !== dropped) define(out, vacant(newName, out), kept)
    }
    return out ?? value
  }

  #nameFacts(name: string): { isSecret: boolean; holdsNothing: boolean } {
    const { knownNames, findsSecretNames, look } = this.#tools
    const known = knownNames.get(name)
    if (known !== undefined) return known
    const facts = {
      isSecret: findsSecretNames && isSecretName(plainName(name)),
      holdsNothing: name.length < minNameLength || look(name) === undefined,
    }
    if (knownNames.size >= maxKnownNames) knownNames.clear()
    if (name.length <= 64) knownNames.set(name, facts)
    return facts
  }

  /** The value of a member whose name says that it is a secret. */
  #secret(text: string): string | typeof dropped {
    return text === '' || isMark(text) ? text : this.#replaced(text, this.#tools.owners.password)
  }

  #isCard(value: number): boolean {
    return this.#tools.findsCards && value >= 1e12 && Number.isSafeInteger(value) && isCardNumber(String(value))
  }

  /** A text without what is found in it. What overlaps is one finding. */
  #text(text: string): string | typeof dropped {
    const { look, maxTextLength, owners } = this.#tools
    if (text.length > maxTextLength) this.unscanned++
    const found = look(text.length > maxTextLength ? text.slice(0, maxTextLength) : text)
    if (found === undefined) return text
    if (found.length > 1) found.sort((a, b) => a.start - b.start || b.end - a.end)
    let out = ''
    let at = 0
    for (let i = 0; i < found.length; ) {
      const { start, name } = found[i]!
      let { end } = found[i]!
      let owner = owners[name]
      for (i++; i < found.length && found[i]!.start < end; i++) {
        end = Math.max(end, found[i]!.end)
        const other = owners[found[i]!.name]
        if (rank(other) > rank(owner)) owner = other
      }
      const instead = this.#replaced(text.slice(start, end), owner)
      if (instead === dropped) return dropped
      out += text.slice(at, start) + instead
      at = end
    }
    return out + text.slice(at)
  }

  /** What stands in the place of a value. */
  #replaced(value: unknown, { name, action }: Owner): string | typeof dropped {
    this.names.add(name)
    this.count++
    if (action === 'drop') return dropped
    return action === 'mask' ? mark(name) : `[hashed:${name}:${this.#macOf(value)}]`
  }

  #macOf(value: unknown): string {
    const bytes = utf8(typeof value === 'string' ? value.toWellFormed() : canonicalize(value, this.#root))
    return toBase64url(hmacSha256(this.#tools.key!, bytes).subarray(0, 16))
  }

  #read(spot: Spot, key: string | number): unknown {
    try {
      return (spot.value as Record<string | number, unknown>)[key]
    } catch (cause) {
      const keys = [key]
      for (let at: Spot | undefined = spot; at !== undefined; at = at.parent) keys.unshift(at.key)
      throw badInput(keys.reduce<string>(pathOf, this.#root), 'the value cannot be read', cause)
    }
  }
}

/** The strictest action first, then the detector that comes first. */
function rank({ name, action }: Owner): number {
  return strictness[action] - detectorNames.indexOf(name as DetectorName)
}

const strictness: Readonly<Record<RedactionAction, number>> = { hash: 0, mask: 100, drop: 200 }

function mark(name: string): string {
  return `[redacted:${name}]`
}

/** Whether a text is what a mask or a hash left. */
function isMark(text: string): boolean {
  return /^\[(?:redacted:[^\]]{1,80}|hashed:[^\]]{1,80}:[\w-]{22})\]$/.test(text)
}

/** A name that is not taken yet: two names may have become one. */
function vacant(name: string, out: object): string {
  if (!Object.hasOwn(out, name)) return name
  let i = 2
  while (Object.hasOwn(out, `${name} (${i})`)) i++
  return `${name} (${i})`
}

/** A map with other values where `keep` gives others; the map itself where it gives none. */
function changed(map: Readonly<Record<string, unknown>>, keep: (value: unknown, name: string) => unknown): unknown {
  let out: Record<string, unknown> | undefined
  for (const name of Object.keys(map)) {
    const value = read(map, name, '$.sealed')
    const kept = keep(value, name)
    if (kept === value) continue
    out ??= { ...map }
    if (kept === dropped) delete out[name]
    else define(out, name, kept)
  }
  return out ?? map
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && notPlain(value) === undefined
}

/** A member of what was given. A getter may throw. */
function read(value: object, key: string, root: string): unknown {
  try {
    return (value as Record<string, unknown>)[key]
  } catch (cause) {
    throw badInput(pathOf(root, key), 'the value cannot be read', cause)
  }
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

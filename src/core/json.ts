/**
 * JSON with one spelling: RFC 8785 canonical text out of values, and values out of text by a parser that refuses
 * whatever could be read in two ways (duplicate names, lone surrogates, numbers that a double cannot hold).
 */
import type { Json } from './entry.ts'
import { AuditError } from './errors.ts'
import { visibleJson } from './visible.ts'

/** How deep a value may nest. */
export const maxDepth = 128

/** How many objects and lists one value may be made of. */
const maxParts = 1_000_000

/** Where a value stands in its input: `$.userContext.tags[3]`. A name of more than 80 characters is cut. */
export function pathOf(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`
  const name = key.length > 80 ? `${key.slice(0, 80)}…` : key
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${parent}.${name}` : `${parent}[${visibleJson(name)}]`
}

/** The refusal of a bad value: one sentence that names its path. */
export function badInput(path: string, what: string, cause?: unknown): AuditError {
  return new AuditError('bad_input', `${path}: ${what}`, { path, cause })
}

/** A link of the chain from the value at hand up to the root, so that a path costs nothing until it is needed. */
interface Place {
  readonly parent: Place | undefined
  readonly key: string | number
  readonly value: object
}

function pathTo(root: string, place: Place | undefined, key?: string | number): string {
  const keys: (string | number)[] = key === undefined ? [] : [key]
  for (let at = place; at !== undefined; at = at.parent) if (at.parent !== undefined) keys.unshift(at.key)
  return keys.reduce<string>(pathOf, root)
}

/** One call of `canonicalize`. */
interface Job {
  readonly root: string
  /** Whether `JSON.stringify` keeps the order in which the names of the copy were written. */
  keepsOrder: boolean
  /** Objects and lists that may still come: one that stands in many places is written in each. */
  left: number
}

/**
 * The RFC 8785 canonical JSON of a value that came from outside, in one walk that reads each member once.
 *
 * A `Date` becomes its RFC 3339 string. Everything that JSON cannot say is refused: `undefined`, functions, symbols,
 * BigInt, class instances, cycles, lone surrogates, numbers that are not finite or, if integral, beyond ±(2^53−1).
 *
 * @param root what the value is called in an error: `$.userContext`
 * @throws AuditError `bad_input`, naming the path of the bad value
 * @example canonicalize({ b: 1, a: [true, null] }) // '{"a":[true,null],"b":1}'
 */
export function canonicalize(value: unknown, root = '$'): string {
  // A judged copy with sorted names, then one call of `JSON.stringify`: 40 % less time than writing member by member.
  const job: Job = { root, keepsOrder: true, left: maxParts }
  const copy = judge(value, job, undefined, undefined, 0)
  return job.keepsOrder ? JSON.stringify(copy) : spell(copy)
}

/** A plain copy of a value, its names sorted, or the reason why there is none. */
function judge(
  value: unknown,
  job: Job,
  parent: Place | undefined,
  key: string | number | undefined,
  depth: number,
): Json {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw badInput(pathTo(job.root, parent, key), 'the text has a lone surrogate')
      return value
    case 'number':
      if (!Number.isFinite(value)) throw badInput(pathTo(job.root, parent, key), `${value} is not a JSON number`)
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        throw badInput(pathTo(job.root, parent, key), 'the integer is beyond ±(2^53−1); write it as a string')
      }
      return value
    case 'boolean':
      return value
    case 'object':
      return value === null ? null : judgeObject(value, job, parent, key, depth)
    default:
      throw badInput(pathTo(job.root, parent, key), `${typeof value} is not a JSON value`)
  }
}

function judgeObject(
  value: object,
  job: Job,
  parent: Place | undefined,
  key: string | number | undefined,
  depth: number,
): Json {
  const { root } = job
  if (--job.left < 0) throw badInput(root, `the value is made of more than ${maxParts} objects and lists`)
  if (depth >= maxDepth) throw badInput(pathTo(root, parent, key), `the value is nested deeper than ${maxDepth}`)
  for (let at = parent; at !== undefined; at = at.parent) {
    if (at.value === value) throw badInput(pathTo(root, parent, key), 'the value contains itself')
  }
  const here: Place = { parent, key: key ?? '', value }
  if (Array.isArray(value)) {
    const copy: Json[] = []
    for (let i = 0; i < value.length; i++) copy.push(judge(read(value, i, root, here), job, here, i, depth + 1))
    return copy
  }
  if (value instanceof Date) {
    const text = dateText(value)
    if (text === undefined) throw badInput(pathTo(root, parent, key), 'the date is not one of the years 0000–9999')
    return text
  }
  const problem = notPlain(value)
  if (problem !== undefined) throw badInput(pathTo(root, parent, key), problem)
  const copy: Record<string, Json> = {}
  for (const name of sortedKeys(value)) {
    if (!name.isWellFormed()) throw badInput(pathTo(root, here), 'a member name has a lone surrogate')
    const member = judge(read(value, name, root, here), job, here, name, depth + 1)
    if (name === '__proto__') define(copy, name, member)
    else copy[name] = member
    const first = name.charCodeAt(0)
    // Names that are numbers come first in JavaScript, in the order of the numbers.
    if (first >= 0x30 && first <= 0x39) job.keepsOrder = false
  }
  return copy
}

/** The canonical text of a judged copy, member by member. */
function spell(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(spell).join(',')}]`
  const members = value as { readonly [name: string]: Json }
  return `{${sortedKeys(members)
    .map(name => `${JSON.stringify(name)}:${spell(members[name]!)}`)
    .join(',')}}`
}

/** The one text of a finite number (RFC 8785, section 3.2.2.3): JavaScript’s own, which has no negative zero. */
export function numberText(value: number): string {
  return JSON.stringify(value)
}

function define(target: object, name: string, value: Json): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

/** A member of a value, read once. A getter may throw. */
function read(value: object, key: string | number, root: string, here: Place): unknown {
  try {
    return (value as Record<string | number, unknown>)[key]
  } catch (cause) {
    throw badInput(pathTo(root, here, key), 'the value cannot be read', cause)
  }
}

/** RFC 3339 has years of four digits, and `undefined` stands for any other date. */
function dateText(date: Date): string | undefined {
  try {
    const text = Date.prototype.toISOString.call(date)
    return text.length === '0000-01-01T00:00:00.000Z'.length ? text : undefined
  } catch {
    return undefined
  }
}

/** Why an object is more than a record of its members, or `undefined` when it is a plain one. */
export function notPlain(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `an instance of ${prototype.constructor?.name || 'a class'} is not a JSON value`
  }
  const plain = Object.prototype.toString.call(value) === '[object Object]'
  return plain && Object.getOwnPropertySymbols(value).length === 0 ? undefined : 'the object is not a plain one'
}

/** Up to so many names are put in order by hand: `sort` takes two kilobytes for each call. */
const fewNames = 32

/** The member names in the order of RFC 8785: by UTF-16 code units. */
export function sortedKeys(value: object): string[] {
  const names = Object.keys(value)
  if (names.length > fewNames) return names.sort()
  for (let i = 1; i < names.length; i++) {
    const name = names[i]!
    let at = i
    for (; at > 0 && names[at - 1]! > name; at--) names[at] = names[at - 1]!
    names[at] = name
  }
  return names
}

/**
 * The value of a JSON text, read strictly (RFC 8259, I-JSON): duplicate names, lone surrogates, integers beyond
 * ±(2^53−1), numbers too large for a double and values nested deeper than {@link maxDepth} are refused.
 *
 * @throws AuditError `bad_input` with the path and the position of what is wrong
 * @example parseJson('{"a": 1}') // { a: 1 }
 */
export function parseJson(text: string): Json {
  return new Reader(text).document()
}

const stringRun = /[^"\\\u0000-\u001f]*/y
const numberForm = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
const space = /[ \t\n\r]*/y
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Json {
    this.#skip()
    const value = this.#value('$', 0)
    this.#skip()
    if (this.#at < this.#text.length) throw this.#bad('$', 'there is text after the JSON value')
    return value
  }

  #bad(path: string, what: string): AuditError {
    const before = this.#text.slice(0, this.#at)
    const line = before.split('\n').length
    const column = this.#at - before.lastIndexOf('\n')
    const where = line > 1 ? `line ${line}, column ${column}` : `column ${column}`
    return new AuditError('bad_input', `${path}: ${what} (${where})`, { path })
  }

  #skip(): void {
    const code = this.#text.charCodeAt(this.#at)
    if (code > 0x20) return
    space.lastIndex = this.#at
    space.test(this.#text)
    this.#at = space.lastIndex
  }

  #value(path: string, depth: number): Json {
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(path, depth)
      case '[':
        return this.#array(path, depth)
      case '"':
        return this.#string(path)
      case 't':
        return this.#word('true', true, path)
      case 'f':
        return this.#word('false', false, path)
      case 'n':
        return this.#word('null', null, path)
      case undefined:
        throw this.#bad(path, 'the JSON text ends too early')
      default:
        return this.#number(path)
    }
  }

  #word<T>(word: string, value: T, path: string): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#bad(path, 'this is not a JSON value')
    this.#at += word.length
    return value
  }

  #number(path: string): number {
    numberForm.lastIndex = this.#at
    const found = numberForm.exec(this.#text)
    if (found === null) throw this.#bad(path, 'this is not a JSON value')
    const value = Number(found[0])
    if (!Number.isFinite(value)) throw this.#bad(path, `the number ${clip(found[0])} is too large`)
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw this.#bad(path, `the integer ${clip(found[0])} is beyond ±(2^53−1); write it as a string`)
    }
    this.#at = numberForm.lastIndex
    return value
  }

  #string(path: string): string {
    this.#at++
    let out = ''
    for (;;) {
      stringRun.lastIndex = this.#at
      stringRun.test(this.#text)
      out += this.#text.slice(this.#at, stringRun.lastIndex)
      this.#at = stringRun.lastIndex
      const stop = this.#text[this.#at]
      if (stop === '"') break
      if (stop === undefined) throw this.#bad(path, 'a string is not closed')
      if (stop !== '\\') throw this.#bad(path, 'a string has a raw control character; write it as \\uXXXX')
      out += this.#escape(path)
    }
    this.#at++
    if (!out.isWellFormed()) throw this.#bad(path, 'a string has a lone surrogate')
    return out
  }

  #escape(path: string): string {
    const letter = this.#text[this.#at + 1] ?? ''
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#bad(path, 'a string has a broken \\u escape')
      this.#at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const plain = escapes[letter]
    if (plain === undefined) throw this.#bad(path, 'a string has an unknown escape')
    this.#at += 2
    return plain
  }

  #array(path: string, depth: number): Json {
    const out: Json[] = []
    this.#enter(path, depth)
    if (this.#text[this.#at] === ']') {
      this.#at++
      return out
    }
    for (;;) {
      out.push(this.#value(pathOf(path, out.length), depth + 1))
      if (this.#next(']', path)) return out
    }
  }

  #object(path: string, depth: number): Json {
    const out: Record<string, Json> = {}
    this.#enter(path, depth)
    if (this.#text[this.#at] === '}') {
      this.#at++
      return out
    }
    for (;;) {
      if (this.#text[this.#at] !== '"') throw this.#bad(path, 'a member name must be a string')
      const name = this.#string(path)
      const inner = pathOf(path, name)
      if (Object.hasOwn(out, name)) throw this.#bad(inner, 'the name stands twice')
      this.#skip()
      if (this.#text[this.#at] !== ':') throw this.#bad(inner, 'a colon is missing')
      this.#at++
      this.#skip()
      const value = this.#value(inner, depth + 1)
      if (name === '__proto__')
        Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true })
      else out[name] = value
      if (this.#next('}', path)) return out
    }
  }

  #enter(path: string, depth: number): void {
    if (depth >= maxDepth) throw this.#bad(path, `the value is nested deeper than ${maxDepth}`)
    this.#at++
    this.#skip()
  }

  /** After a member: true when `close` ends the list, false when a comma goes on. */
  #next(close: string, path: string): boolean {
    this.#skip()
    const mark = this.#text[this.#at]
    if (mark !== close && mark !== ',') throw this.#bad(path, `a comma or ${close} is missing`)
    this.#at++
    if (mark === ',') this.#skip()
    return mark === close
  }
}

function clip(text: string): string {
  return text.length > 24 ? `${text.slice(0, 24)}…` : text
}

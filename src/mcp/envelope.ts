/**
 * Finds the parts of JSON-RPC messages in a line of bytes without parsing it: in linear time, at any depth and size.
 *
 * On valid JSON it finds what `JSON.parse` finds. On anything else it errs towards finding more: a line that some
 * lenient server might take for a call must not pass for noise.
 */

/** Where a value stands: `bytes.subarray(start, end)`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The wanted members of one object by name, each with every place where it stands: a name may come twice. */
export type Members = ReadonlyMap<string, readonly Span[]>

/** The messages of one line. */
export interface Messages {
  readonly envelopes: readonly Members[]
  /** Whether the line is a JSON array of messages, as revision 2025-03-26 allows. */
  readonly batch: boolean
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openArray = 0x5b
const closeArray = 0x5d
const openObject = 0x7b
const closeObject = 0x7d

const envelopeNames: ReadonlySet<string> = new Set(['id', 'method', 'params', 'result', 'error'])

/**
 * The JSON-RPC messages of one line.
 *
 * Some servers end a line at a carriage return (Python's text streams), others at U+2028 as well (Node's readline), so
 * what stands between those is looked at too: a call must not hide behind another idea of a line.
 */
export function findMessages(bytes: Uint8Array): Messages {
  const envelopes: Members[] = []
  let end = bytes.length
  while (end > 0 && isSpace(bytes[end - 1]!)) end--
  const batch = scan(bytes, 0, end, envelopes)
  const returns = carriageReturns(bytes, end)
  const separators = unicodeSeparators(bytes, end)
  if (returns.length > 0) scanPieces(bytes, returns, end, envelopes)
  if (separators.length > 0)
    scanPieces(
      bytes,
      [...returns, ...separators].sort((a, b) => a - b),
      end,
      envelopes,
    )
  return { envelopes, batch }
}

/** The last place where a member stands: the one that `JSON.parse` keeps. */
export function last(members: Members, name: string): Span | undefined {
  return members.get(name)?.at(-1)
}

/** The wanted members of the object at `span`; none when another value stands there. */
export function findMembers(bytes: Uint8Array, span: Span | undefined, wanted: ReadonlySet<string>): Members {
  if (span === undefined || bytes[span.start] !== openObject) return new Map()
  return scanObject(bytes, span.start, span.end, wanted).members
}

/** Adds the messages that begin after one of `starts` and end before the next, where they are not known yet. */
function scanPieces(bytes: Uint8Array, starts: readonly number[], end: number, envelopes: Members[]): void {
  const known = new Set(envelopes.flatMap(envelope => envelope.get('method')?.map(span => span.start) ?? []))
  for (let i = -1; i < starts.length; i++) {
    const found: Members[] = []
    scan(bytes, starts[i] ?? 0, starts[i + 1] ?? end, found)
    for (const envelope of found) {
      const methods = envelope.get('method')
      if (methods !== undefined && !methods.some(span => known.has(span.start))) envelopes.push(envelope)
    }
  }
}

/** The indexes after each carriage return. */
function carriageReturns(bytes: Uint8Array, end: number): number[] {
  const out: number[] = []
  for (let i = bytes.indexOf(0x0d); i >= 0 && i < end; i = bytes.indexOf(0x0d, i + 1)) out.push(i + 1)
  return out
}

/** The indexes after each U+2028 and U+2029. */
function unicodeSeparators(bytes: Uint8Array, end: number): number[] {
  const out: number[] = []
  for (let i = bytes.indexOf(0xe2); i >= 0 && i + 2 < end; i = bytes.indexOf(0xe2, i + 1)) {
    if (bytes[i + 1] === 0x80 && (bytes[i + 2] === 0xa8 || bytes[i + 2] === 0xa9)) out.push(i + 3)
  }
  return out
}

/** Adds every message between two indexes; tells whether they stand in one JSON array. */
function scan(bytes: Uint8Array, from: number, end: number, envelopes: Members[]): boolean {
  const first = skipSpace(bytes, from, end)
  let at = first
  while (at < end) {
    const byte = bytes[at]!
    if (byte === openObject) {
      const object = scanObject(bytes, at, end, envelopeNames)
      envelopes.push(object.members)
      at = object.end
    } else {
      // The brackets and commas of an array of messages are passed over like any other bytes between messages.
      at = byte === quote ? afterString(bytes, at, end) : at + 1
    }
  }
  return bytes[first] === openArray
}

interface ScannedObject {
  readonly members: Map<string, Span[]>
  /** After the closing brace, or where the object stopped being one. Always after `at`. */
  readonly end: number
}

function scanObject(bytes: Uint8Array, at: number, end: number, wanted: ReadonlySet<string>): ScannedObject {
  const members = new Map<string, Span[]>()
  let i = skipSpace(bytes, at + 1, end)
  while (i < end) {
    if (bytes[i] === closeObject) return { members, end: i + 1 }
    if (bytes[i] !== quote) return { members, end: i }
    const nameEnd = afterString(bytes, i, end)
    const name = shortString(bytes, i, nameEnd)
    i = skipSpace(bytes, nameEnd, end)
    if (bytes[i] !== colon) return { members, end: i }
    const start = skipSpace(bytes, i + 1, end)
    if (start >= end) break
    const valueEnd = afterValue(bytes, start, end)
    if (name !== undefined && wanted.has(name)) {
      const span = { start, end: valueEnd }
      const places = members.get(name)
      if (places === undefined) members.set(name, [span])
      else places.push(span)
    }
    i = skipSpace(bytes, valueEnd, end)
    if (bytes[i] === comma) i = skipSpace(bytes, i + 1, end)
  }
  return { members, end }
}

/** The text of a string that may be a name that matters: with its escapes read, `undefined` when it is long. */
function shortString(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start > 128) return undefined
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!)
  if (!text.includes('\\')) return text.slice(1, -1)
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function afterValue(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]
  if (first === quote) return afterString(bytes, at, end)
  let i = at
  if (first === openObject || first === openArray) {
    let depth = 0
    while (i < end) {
      const byte = bytes[i]!
      if (byte === quote) {
        i = afterString(bytes, i, end)
        continue
      }
      if (byte === openObject || byte === openArray) depth++
      else if ((byte === closeObject || byte === closeArray) && --depth === 0) return i + 1
      i++
    }
    return end
  }
  while (i < end && !endsScalar(bytes[i]!)) i++
  return i
}

/** The index after the string that opens at `at`; `end` when nothing closes it. */
function afterString(bytes: Uint8Array, at: number, end: number): number {
  let i = at + 1
  // Short strings by hand; long ones with `indexOf`, which is many times as fast there and slower here.
  for (const near = Math.min(end, i + 64); i < near; ) {
    const byte = bytes[i]!
    if (byte === quote) return i + 1
    i += byte === backslash ? 2 : 1
  }
  while (i < end) {
    const found = bytes.indexOf(quote, i)
    if (found < 0 || found >= end) return end
    let escapes = found
    while (escapes > i && bytes[escapes - 1] === backslash) escapes--
    i = found + 1
    if ((found - escapes) % 2 === 0) return i
  }
  return end
}

function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let i = from
  while (i < end && isSpace(bytes[i]!)) i++
  return i
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function endsScalar(byte: number): boolean {
  return byte === comma || byte === closeObject || byte === closeArray || isSpace(byte)
}

/** What a JSON-RPC message says, read off its bytes: ids, methods, parts; and the answer to one that is refused. */
import { isTraceparent } from '../core/capture.ts'
import { AuditError } from '../core/errors.ts'
import { last, type Members, type Span } from './envelope.ts'
import { digestOf, label, looseValue, textMember } from './part.ts'

/** Which way a message goes. */
export type Direction = 'client_to_server' | 'server_to_client'

/** The JSON-RPC error code of a call that was refused because it could not be recorded. */
export const refusedErrorCode = -32010

/** The JSON-RPC errors for the requests of a line that is not forwarded; empty when nobody waits for an answer. */
export function refusal(line: Uint8Array, envelopes: readonly Members[], batch: boolean, reason: unknown): Uint8Array {
  const code = reason instanceof AuditError ? reason.code : 'io'
  const why = reason instanceof Error ? reason.message : String(reason)
  const message = `memmimic-audit could not record this call, so it was not made: ${why.toWellFormed()}`
  const error = JSON.stringify({ code: refusedErrorCode, message, data: { code } })
  const answers = envelopes
    .filter(envelope => envelope.has('method') && envelope.has('id'))
    .map(envelope => `{"jsonrpc":"2.0","id":${idText(line, last(envelope, 'id')!)},"error":${error}}`)
  if (answers.length === 0) return new Uint8Array(0)
  return Buffer.from(batch ? `[${answers.join(',')}]\n` : `${answers.join('\n')}\n`)
}

/** The id exactly as it was sent; `null` when it is no JSON value that an id can be. */
function idText(line: Uint8Array, span: Span): string {
  const text = decode(slice(line, span)!)
  const value = looseValue(slice(line, span))
  return typeof value === 'string' || typeof value === 'number' ? text : 'null'
}

/** One key for one id, by type and value: 1 is not "1", 1.0 is 1, and an integer that no double holds is its digits. */
export function keyOf(direction: Direction, line: Uint8Array, span: Span): string {
  const bytes = slice(line, span)!
  const value = looseValue(bytes)
  if (typeof value === 'string' && bytes.length > 1024) return `${direction} ${digestOf(bytes)}`
  return `${direction} ${typeof value === 'string' || isPlainNumber(value) ? JSON.stringify(value) : decode(bytes.subarray(0, 1024))}`
}

export function idAttribute(line: Uint8Array, span: Span | undefined): string | number | undefined {
  const bytes = slice(line, span)
  const value = looseValue(bytes)
  if (typeof value === 'string') return label(value)
  if (typeof value !== 'number') return undefined
  return isPlainNumber(value) ? value : label(decode(bytes!))
}

/** Whether a number is one that a leaf can carry and that a double holds exactly. */
function isPlainNumber(value: unknown): value is number {
  return Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))
}

/** A method that is no text is taken as its JSON, so that it is recorded like one that is new to us. */
export function methodText(line: Uint8Array, span: Span): string {
  const bytes = slice(line, span)!
  const value = looseValue(bytes, 4096)
  return typeof value === 'string' ? value : decode(bytes.subarray(0, 4096))
}

export function traceparent(metadata: unknown): string | undefined {
  const text = textMember(metadata, 'traceparent')
  return text !== undefined && isTraceparent(text) ? text : undefined
}

export function slice(line: Uint8Array, span: Span | undefined): Uint8Array | undefined {
  return span === undefined ? undefined : line.subarray(span.start, span.end)
}

export function part(line: Uint8Array, members: Members, name: string): Uint8Array | undefined {
  return slice(line, last(members, name))
}

export function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/**
 * Whatever a program passes around, as a value that can be sealed: arguments and results of calls that were not made to be
 * recorded. What JSON cannot say is said in words; what is too large is said by its digest. Nothing here throws.
 */
import type { Json } from '../core/entry.ts'
import { sha256Hex } from '../core/primitives.ts'

/** Bytes of JSON, about, that are kept of one value; of a larger one, its digest. As the MCP recorder has it. */
export const defaultMaxValueBytes = 1024 * 1024

const maxDepth = 64

/**
 * The value as JSON, read once. Members that are `undefined` are left out, as JSON does.
 *
 * @param maxBytes of JSON, beyond which `{ digest, length, reason: 'size' }` stands for it
 * @example sealable({ id: 7n, at: new Date(0), raw: Buffer.from('x'), f() {} })
 * // { id: '7', at: '1970-01-01T00:00:00.000Z', raw: { digest: 'sha256:2d71…', length: 1 }, f: '[function f]' }
 */
export function sealable(value: unknown, maxBytes: number = defaultMaxValueBytes): Json {
  const size = { left: maxBytes }
  const json = copy(value, [], size) ?? null
  if (size.left >= 0) return json
  const text = JSON.stringify(json)
  return { digest: `sha256:${sha256Hex(Buffer.from(text))}`, length: Buffer.byteLength(text), reason: 'size' }
}

function copy(value: unknown, above: readonly object[], size: { left: number }): Json | undefined {
  switch (typeof value) {
    case 'string':
      size.left -= value.length + 3
      return value.toWellFormed()
    case 'number':
      size.left -= 8
      return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? value : String(value)
    case 'boolean':
      size.left -= 5
      return value
    case 'bigint':
      return copy(String(value), above, size)
    case 'function':
      return copy(`[function ${value.name}]`, above, size)
    case 'symbol':
      return copy(`[${String(value)}]`, above, size)
    case 'undefined':
      return undefined
    case 'object':
      try {
        return value === null ? null : copyObject(value, above, size)
      } catch {
        return '[unreadable]'
      }
  }
}

function copyObject(value: object, above: readonly object[], size: { left: number }): Json | undefined {
  if (above.includes(value)) return '[circular]'
  if (above.length >= maxDepth) return '[nested too deeply]'
  const here = [...above, value]
  size.left -= 2
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[no date]' : value.toISOString()
  if (value instanceof Error) return copyError(value, here, size)
  if (ArrayBuffer.isView(value)) return digestOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  if (value instanceof ArrayBuffer) return digestOf(new Uint8Array(value))
  if (value instanceof Map || value instanceof Set) return copyList([...value], here, size)
  if (Array.isArray(value)) return copyList(value, here, size)
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return copy(Reflect.apply(toJSON, value, []), here, size)
  const out: Record<string, Json> = {}
  for (const name of Object.keys(value)) {
    const member = copy((value as Record<string, unknown>)[name], here, size)
    if (member === undefined) continue
    size.left -= name.length + 4
    Object.defineProperty(out, name.toWellFormed(), {
      value: member,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return out
}

function copyList(list: readonly unknown[], above: readonly object[], size: { left: number }): Json {
  // Not `map`, which leaves the holes of a sparse list.
  return Array.from(list, item => copy(item, above, size) ?? null)
}

/** An error says more than its members: its name and message are not enumerable. Stacks name places of a machine. */
function copyError(error: Error, above: readonly object[], size: { left: number }): Json {
  const { name, message, cause } = error
  const { code } = error as { code?: unknown }
  const facts = {
    name: String(name),
    message: String(message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(cause instanceof Error ? { cause } : {}),
  }
  return copy(facts, above, size) ?? null
}

function digestOf(bytes: Uint8Array): Json {
  return { digest: `sha256:${sha256Hex(bytes)}`, length: bytes.length }
}

/** Memory stores: every operation on one is recorded, whichever names its methods have. */
import { badInput } from '../core/json.ts'
import {
  type AuditedOptions,
  type AuditTarget,
  audited,
  type CallPlan,
  type Promised,
  type ResultFacts,
  type SnakeToCamel,
} from './audited.ts'
import { memoryIdIn } from './memory-id.ts'
import { sealable } from './sealable.ts'

/** What a method does to memories: the operation of its entries. */
export const memoryOperations = ['remember', 'recall', 'update', 'search', 'forget', 'list', 'count'] as const
export type MemoryOperation = (typeof memoryOperations)[number]

/** Where among its arguments a method takes the id of a memory, and the memory itself. */
interface StorageMethod {
  readonly operation: MemoryOperation
  readonly id?: number
  readonly memory?: number
}

const writes = { operation: 'remember', memory: 0 } as const
const writesAt = { operation: 'remember', id: 0, memory: 1 } as const
const reads = { operation: 'recall', id: 0 } as const
const changes = { operation: 'update', id: 0, memory: 1 } as const
const removes = { operation: 'forget', id: 0 } as const

/** The names of the seed's store, which may be in camelCase, and those that other stores have. */
const storageMethods = {
  store_enhanced_memory_optimized: writes,
  retrieve_summary_optimized: reads,
  retrieve_full_context_optimized: reads,
  search_enhanced_memories: { operation: 'search' },
  count_enhanced_memories: { operation: 'count' },
  store_memory: writes,
  retrieve_memory: reads,
  search_memories: { operation: 'search' },
  list_memories: { operation: 'list' },
  delete_memory: removes,
  update_memory: changes,

  set: writesAt,
  put: writesAt,
  add: writes,
  create: writes,
  insert: writes,
  save: writes,
  store: writes,
  remember: writes,
  get: reads,
  has: reads,
  load: reads,
  recall: reads,
  retrieve: reads,
  update: changes,
  search: { operation: 'search' },
  find: { operation: 'search' },
  query: { operation: 'search' },
  list: { operation: 'list' },
  count: { operation: 'count' },
  delete: removes,
  remove: removes,
  forget: removes,
  clear: { operation: 'forget' },
} as const satisfies Readonly<Record<string, StorageMethod>>
type KnownMethod = keyof typeof storageMethods

const knownMethods = new Map<string, StorageMethod>()
for (const [name, method] of Object.entries(storageMethods)) {
  knownMethods.set(name, method)
  knownMethods.set(
    name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    method,
  )
}

/** A store whose recorded methods return promises. */
export type AuditedStorage<T> = {
  [K in keyof T]: K extends KnownMethod | SnakeToCamel<KnownMethod> ? Promised<T[K]> : T[K]
}

export interface AuditStorageOptions extends AuditedOptions {
  /** Further methods, or other operations for known ones. `off` lets a method pass unrecorded. */
  readonly methods?: { readonly [name: string]: MemoryOperation | 'off' }
}

/**
 * A stand-in for a memory store, which records every operation on it: an intent that is durable before the store is
 * called, then an outcome with the duration, the result and the id of the memory. With a governance, a memory that it does
 * not approve is refused, and the refusal recorded; one that is read is judged too, which is recorded and refuses nothing.
 *
 * Known are the names of the seed's store and those that most stores have; name others in `methods`. What the store calls
 * on itself is not recorded. Recorded methods return promises. Entries get their level and flags where the log was opened
 * with `prepareEntry`, which knows memory operations by their component, `memmimic_storage` unless another is given.
 *
 * @throws AuditError `bad_input` for an unknown operation. A call throws what the store throws, as it is; `not_allowed`
 * with the governance result as its cause; and what the log refuses an intent with: then the store is not called.
 * @example
 * const memory = auditStorage(new MyStore(), { log, governance: new SimpleGovernance({ now }) })
 * const id = await memory.storeMemory({ content: 'likes window seats', tags: ['travel'] })
 */
export function auditStorage<T extends object>(
  storage: T,
  system: AuditTarget,
  { methods = {}, ...options }: AuditStorageOptions = {},
): AuditedStorage<T> {
  const own = new Map(Object.entries(methods).map(([name, operation]) => [name, ownMethod(name, operation)]))
  const planner = (name: string) => {
    const method = own.has(name) ? own.get(name) : knownMethods.get(name)
    return method && ((args: readonly unknown[]) => planOf(name, method, args))
  }
  return audited(storage, planner, system, options) as AuditedStorage<T>
}

function ownMethod(name: string, operation: MemoryOperation | 'off'): StorageMethod | undefined {
  if (operation === 'off') return undefined
  const known = knownMethods.get(name)
  if (known?.operation === operation) return known
  switch (operation) {
    case 'remember':
      return writes
    case 'recall':
      return reads
    case 'update':
      return changes
    case 'forget':
      return removes
    case 'search':
    case 'list':
    case 'count':
      return { operation }
    default:
      throw badInput(`$.methods.${name}`, `must be one of ${memoryOperations.join(', ')}, off`)
  }
}

function planOf(name: string, { operation, id, memory }: StorageMethod, args: readonly unknown[]): CallPlan {
  const first = id === undefined ? undefined : args[id]
  // A method that takes an id and a memory may be given a memory that has its id.
  const stored = memory === undefined ? undefined : typeof first === 'object' && first !== null ? first : args[memory]
  const memoryId = memoryIdIn(first) ?? (typeof stored === 'object' ? memoryIdIn(stored) : undefined)
  const context = operation === 'update' ? 'update' : 'store'
  return {
    operation,
    memoryId,
    attributes: { 'code.function.name': name },
    governed: memory === undefined ? undefined : { memory: governedMemory(stored), context },
    read: result => resultFacts(operation, memoryId, result),
  }
}

function resultFacts(operation: MemoryOperation, memoryId: string | number | undefined, result: unknown): ResultFacts {
  switch (operation) {
    case 'remember':
      return { memoryId: memoryId ?? memoryIdIn(result) }
    case 'recall':
      return isMemory(result) ? { governed: { memory: result, context: 'retrieve' } } : {}
    case 'search':
    case 'list':
      return Array.isArray(result) ? { attributes: { 'gen_ai.memory.record.count': result.length } } : {}
    case 'count':
      return Number.isSafeInteger(result) ? { attributes: { 'gen_ai.memory.record.count': result as number } } : {}
    default:
      return {}
  }
}

const memoryMembers = ['content', 'fullContext', 'full_context', 'summary', 'tags', 'metadata']

function isMemory(value: unknown): value is object {
  try {
    return typeof value === 'object' && value !== null && memoryMembers.some(name => name in value)
  } catch {
    return false
  }
}

/** What governance judges: a memory or a text as it is, and of anything else its JSON as the content. */
function governedMemory(value: unknown): unknown {
  return typeof value === 'string' || isMemory(value) ? value : { content: JSON.stringify(sealable(value)) }
}

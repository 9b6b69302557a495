/** The calls above a memory store: the seed's API, and the handlers behind MCP tools. */
import type { EntryInput } from '../core/entry.ts'
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

const apiMethods = ['remember_with_context', 'recall_with_context', 'get_system_status'] as const
type ApiMethod = (typeof apiMethods)[number]

const apiPlans: Readonly<Record<ApiMethod, (args: readonly unknown[]) => CallPlan>> = {
  remember_with_context: () => ({
    operation: 'remember_with_context',
    failedOperation: 'remember_with_context_error',
    read: saidBy,
  }),
  recall_with_context: args => ({ operation: wantsAll(args) ? 'recall_full' : 'recall_summary', read: saidBy }),
  get_system_status: () => ({ operation: 'get_system_status', read: saidBy }),
}

/** An API whose recorded methods return promises. */
export type AuditedApi<T> = {
  [K in keyof T]: K extends ApiMethod | SnakeToCamel<ApiMethod> ? Promised<T[K]> : T[K]
}

/**
 * A stand-in for the seed's API, which records its calls, rejections and errors of reading included:
 * `remember_with_context` (a failure as `remember_with_context_error`), `recall_with_context` as `recall_summary` or
 * `recall_full`, `get_system_status`; in camelCase too.
 *
 * A result that says so itself, `{ status: 'rejected' }` or `{ success: false }`, is recorded as denied or failed, and
 * given to the caller as it is.
 *
 * @throws what the API throws, as it is; what the log refuses an intent with: then the API is not called
 * @example const api = auditApi(new MemMimicV2API(), log)
 */
export function auditApi<T extends object>(api: T, system: AuditTarget, options: AuditedOptions = {}): AuditedApi<T> {
  const planner = (name: string) => {
    const known = apiMethods.find(method => method === snakeOf(name))
    if (known === undefined) return undefined
    return (args: readonly unknown[]) => ({ attributes: functionName(name), ...apiPlans[known](args) })
  }
  return audited(api, planner, system, { component: 'memmimic_api', ...options }) as AuditedApi<T>
}

/** Handlers whose recorded methods return promises. */
export type AuditedHandlers<T> = {
  [K in keyof T]: K extends `handle_${string}` | `handle${Capitalize<string>}` ? Promised<T[K]> : T[K]
}

/**
 * A stand-in for an object with handlers of MCP tools, `handle_remember_with_context` or `handleRecallEnhanced`: each call
 * is recorded as a `tools/call` of the tool that it is named for. A result with `isError` is a failure, which the handler
 * returned and did not throw.
 *
 * @throws what a handler throws, as it is; what the log refuses an intent with: then the handler is not called
 * @example const handlers = auditMcpHandlers(new Handlers(), log, { component: 'memmimic' })
 */
export function auditMcpHandlers<T extends object>(
  handlers: T,
  system: AuditTarget,
  options: AuditedOptions = {},
): AuditedHandlers<T> {
  const planner = (name: string) => {
    const tool = /^handle_(.+)$/.exec(snakeOf(name))?.[1]
    if (tool === undefined) return undefined
    const attributes = {
      ...functionName(name),
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': tool,
    }
    return () => ({ operation: 'tools/call', attributes, read: saidBy })
  }
  return audited(handlers, planner, system, { component: 'memmimic_mcp', ...options }) as AuditedHandlers<T>
}

function functionName(name: string): NonNullable<EntryInput['attributes']> {
  return { 'code.function.name': name }
}

function snakeOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/** Whether the whole context is asked for, and not its summary: an argument behind the query says so, or an option. */
function wantsAll(args: readonly unknown[]): boolean {
  return args.some((argument, i) => {
    if (typeof argument !== 'object' || argument === null) return i > 0 && isFull(argument)
    const { contextLevel, context_level, level } = argument as Readonly<Record<string, unknown>>
    return [contextLevel, context_level, level].some(isFull)
  })
}

function isFull(value: unknown): boolean {
  return typeof value === 'string' && /^full(?:_?context)?$/i.test(value)
}

/** What a result says of itself. */
function saidBy(result: unknown): ResultFacts {
  if (typeof result !== 'object' || result === null) return {}
  const said = result as Readonly<Record<string, unknown>>
  const { governanceStatus = said.governance_status, status, success, isError } = said
  const isDenied = status === 'rejected' || governanceStatus === 'rejected'
  const hasFailed = success === false || isError === true || status === 'error'
  const outcome = isDenied ? 'denied' : hasFailed ? 'failure' : undefined
  return {
    ...(outcome === undefined ? {} : { outcome }),
    ...(isError === true ? { attributes: { 'error.type': 'tool_error' } } : {}),
    memoryId: memoryIdIn({ memoryId: said.memoryId, memory_id: said.memory_id }),
    ...(typeof governanceStatus === 'string' && /^\w{1,64}$/.test(governanceStatus) ? { governanceStatus } : {}),
  }
}

/**
 * The names of OpenTelemetry for what stands in an entry: its semantic conventions for GenAI and MCP
 * (open-telemetry/semantic-conventions-genai, 0.1, all still “development”), and names of our own below `memmimic_audit.`.
 */
import type { AppendedEntry } from '../../core/events.ts'

/** The scope of whatever this package tells OpenTelemetry. What comes from it is never recorded again. */
export const ownScope = 'memmimic-audit'

/** Says in an entry that it came from OpenTelemetry, as which signal. Such an entry is not told to OpenTelemetry again. */
export const signalAttribute = 'otel.signal'

export type OtelAttributes = Record<string, string | number | boolean | string[]>

/** Sealed values that may be told to a telemetry backend, which keeps them as long as it likes. */
export const disclosable = ['agent', 'user', 'session', 'memoryId'] as const
export type Disclosable = (typeof disclosable)[number]

/** Operations on a memory as the conventions have them, and as the seed has them. */
const memoryOperations: readonly (readonly [seed: string, genAi: string])[] = [
  ['remember', 'create_memory'],
  ['update', 'update_memory'],
  ['forget', 'delete_memory'],
  ['search', 'search_memory'],
  ['recall', 'search_memory'],
  ['list', 'search_memory'],
  ['count', 'search_memory'],
  ['update', 'upsert_memory'],
]

/** The seed’s operation for one of the conventions: `delete_memory` is `forget`. */
export function seedOperation(genAi: string): string | undefined {
  return memoryOperations.find(([, name]) => name === genAi)?.[0]
}

/** The operation of the conventions, where there is one. */
function genAiOperation({ operation, attributes }: AppendedEntry, isMemory: boolean): string | undefined {
  const said = attributes?.['gen_ai.operation.name']
  if (typeof said === 'string') return said
  if (attributes?.['mcp.method.name'] === 'tools/call') return 'execute_tool'
  return isMemory ? memoryOperations.find(([seed]) => seed === operation)?.[1] : undefined
}

/**
 * An entry as attributes: what is open in it, and of what is sealed only what is to be disclosed.
 *
 * @param memoryComponents the components that are memory stores
 */
export function attributesOf(
  entry: AppendedEntry,
  memoryComponents: readonly string[],
  disclose: ReadonlySet<Disclosable>,
): OtelAttributes {
  const { 'process.mark': _mark, 'rpc.jsonrpc.error_code': rpcCode, ...open } = entry.attributes ?? {}
  const isMemory = memoryComponents.includes(entry.component)
  const isMcp = open['mcp.method.name'] !== undefined
  const { actor, session, memoryId } = entry
  const user = actor?.type === 'user' ? actor : actor?.onBehalfOf?.type === 'user' ? actor.onBehalfOf : undefined
  return present({
    ...open,
    'memmimic_audit.seq': entry.seq,
    'memmimic_audit.id': entry.id,
    'memmimic_audit.kind': entry.kind,
    'memmimic_audit.operation': entry.operation,
    'memmimic_audit.component': entry.component,
    'memmimic_audit.outcome': entry.outcome,
    'memmimic_audit.intent': entry.intent,
    'memmimic_audit.security_level': entry.securityLevel,
    'memmimic_audit.compliance_flags': entry.complianceFlags.length === 0 ? undefined : [...entry.complianceFlags],
    'memmimic_audit.governance_status': entry.governanceStatus,
    'gen_ai.operation.name': genAiOperation(entry, isMemory),
    'gen_ai.memory.store.id': isMemory ? entry.component : undefined,
    'gen_ai.memory.record.id': isMemory && disclose.has('memoryId') ? memoryId : undefined,
    'gen_ai.agent.id': actor?.type === 'agent' && disclose.has('agent') ? actor.id : undefined,
    'user.id': disclose.has('user') ? user?.id : undefined,
    [isMcp ? 'mcp.session.id' : 'session.id']: disclose.has('session') ? session : undefined,
    'rpc.response.status_code': rpcCode === undefined ? undefined : String(rpcCode),
    'error.type': errorType(entry),
  })
}

/** The class of error that an entry ended with; `_OTHER` is what the conventions have for an unknown one. */
function errorType({ outcome, attributes }: AppendedEntry): string | undefined {
  const said = attributes?.['error.type']
  if (said !== undefined) return String(said)
  return outcome === 'denied' ? 'denied' : outcome === 'failure' ? '_OTHER' : undefined
}

function present(attributes: { readonly [name: string]: OtelAttributes[string] | undefined }): OtelAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as OtelAttributes
}

/** The name of a span, of few different values: `tools/call get_weather`, `search_memory memmimic_storage`. */
export function spanName(operation: string, attributes: OtelAttributes): string {
  const method = attributes['mcp.method.name']
  const genAi = attributes['gen_ai.operation.name']
  const target =
    attributes['gen_ai.tool.name'] ?? attributes['gen_ai.prompt.name'] ?? attributes['gen_ai.memory.store.id']
  const name = method ?? genAi ?? operation
  return (method ?? genAi) !== undefined && target !== undefined ? `${name} ${target}` : String(name)
}

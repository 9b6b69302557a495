/**
 * Entries as events of the Open Cybersecurity Schema Framework 1.8.0: class API Activity (6003), profiles `trace` and
 * `ai_operation` where an entry has something to say in them.
 *
 * Nothing is invented: what the schema has no place for stands in `unmapped`, with the number in the log and the hashes.
 * `raw_data` is the leaf, byte for byte, and `raw_data_hash` its hash in the tree: SHA-256 of a zero byte and the leaf. So
 * an event still shows, wherever it ends up, that it says what the log says.
 *
 * Source: https://schema.ocsf.io/1.8.0/classes/api_activity
 */
import { utf8 } from '../../core/bytes.ts'
import type { Severity } from '../../core/finding.ts'
import { parseTime } from '../../core/time.ts'
import { type EntryView, identitiesOf } from '../../core/view.ts'
import { visibleJson } from '../../core/visible.ts'
import { furtherValues, leafJson, sentence, severityOf, textOf } from '../values.ts'
import type { TextFormat } from './format.ts'

/** @param origin the log */
export function ocsf(origin: string): TextFormat {
  return { entry: entry => `${visibleJson(ocsfEvent(entry, origin))}\n` }
}

const classUid = 6003

/** One entry as an event. */
export function ocsfEvent(entry: EntryView, origin: string): object {
  const { attributes, component, operation, seq } = entry
  const activity = activityOf(entry)
  const severity = severityOf(entry)
  const time = Math.floor(parseTime(entry.time)! / 1000)
  const leaf = leafJson(entry)
  const ai = aiOf(entry)
  const trace = entry.trace?.split('-')[1]
  const { arguments: given, operationResult: result, ...values } = furtherValues(entry)
  return defined({
    class_uid: classUid,
    class_name: 'API Activity',
    category_uid: 6,
    category_name: 'Application Activity',
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: classUid * 100 + activity.id,
    type_name: `API Activity: ${activity.id === 99 ? 'Other' : activity.name}`,
    severity_id: severityIds[severity].id,
    severity: severityIds[severity].name,
    ...statusOf(entry),
    time,
    message: sentence(entry),
    duration: wholeOf(entry.performanceMetrics?.durationMs),
    metadata: defined({
      version: '1.8.0',
      product: { name: 'memmimic-audit', vendor_name: 'MemMimic' },
      profiles: definedList([ai && 'ai_operation', trace && 'trace']),
      uid: entry.id,
      sequence: seq,
      event_code: operation,
      log_name: origin,
      log_version: `memmimic-audit/v${entry.v}`,
      original_time: entry.time,
      logged_time: time,
      correlation_uid: entry.intent,
      labels: entry.complianceFlags.length === 0 ? undefined : entry.complianceFlags,
    }),
    actor: actorOf(entry),
    api: defined({
      operation,
      service: { name: component },
      version: textOf(attributes?.['mcp.protocol.version']),
      request: defined({
        uid: String(attributes?.['jsonrpc.request.id'] ?? entry.intent ?? entry.id),
        data: jsonOf(given),
      }),
      response: result === undefined ? undefined : { data: jsonOf(result) },
    }),
    src_endpoint: { svc_name: component },
    resources:
      typeof entry.memoryId === 'string'
        ? [{ uid: entry.memoryId, type: 'memory', role_id: 1, role: 'Target' }]
        : undefined,
    trace: trace && { uid: trace },
    ...ai,
    raw_data: leaf,
    raw_data_size: leaf && utf8(leaf).length,
    raw_data_hash: leaf && {
      algorithm_id: 99,
      algorithm: 'SHA-256 of 0x00 and the data (RFC 6962)',
      value: entry.entryHash,
    },
    unmapped: defined({
      seq,
      entryHash: entry.entryHash,
      previousHash: entry.previousHash,
      kind: entry.kind,
      securityLevel: entry.securityLevel,
      governanceStatus: entry.governanceStatus,
      trace: entry.trace,
      attributes,
      performanceMetrics: entry.performanceMetrics,
      values: Object.keys(values).length === 0 ? undefined : values,
    }),
  })
}

const severityIds: Readonly<Record<Severity, { readonly id: number; readonly name: string }>> = {
  info: { id: 1, name: 'Informational' },
  low: { id: 2, name: 'Low' },
  medium: { id: 3, name: 'Medium' },
  high: { id: 4, name: 'High' },
  critical: { id: 5, name: 'Critical' },
}

const activityNames = ['Unknown', 'Create', 'Read', 'Update', 'Delete']

/** First words of operations and tools, and what they do. */
const activityWords: readonly (readonly string[])[] = [
  [],
  ['remember', 'store', 'save', 'create', 'add', 'append', 'insert', 'write', 'import'],
  ['recall', 'search', 'retrieve', 'read', 'get', 'list', 'query', 'open', 'find', 'count', 'load', 'export'],
  ['update', 'edit', 'set', 'move', 'rename', 'patch', 'merge'],
  ['forget', 'delete', 'remove', 'purge', 'erase', 'clear'],
]

/** What kind of act it was, by the first word of the tool or the operation; the last word where that is the verb. */
function activityOf({ operation, attributes }: EntryView): { id: number; name: string } {
  const parts = operation.split('/')
  const tool = operation === 'tools/call' ? attributes?.['gen_ai.tool.name'] : undefined
  for (const name of typeof tool === 'string' ? [tool] : [operation, parts.at(-1)!]) {
    const word = /^[a-z]+/.exec(name.toLowerCase())?.[0] ?? ''
    const id = activityWords.findIndex(words => words.includes(word))
    if (id > 0) return { id, name: activityNames[id]! }
  }
  return { id: 99, name: typeof tool === 'string' ? tool : operation }
}

/** What is not over has no status. */
function statusOf({ outcome }: EntryView): object {
  switch (outcome) {
    case undefined:
      return {}
    case 'success':
      return { status_id: 1, status: 'Success' }
    case 'failure':
      return { status_id: 2, status: 'Failure' }
    case 'denied':
      return { status_id: 2, status: 'Failure', status_code: 'denied', status_detail: 'The action was denied.' }
    case 'pending':
      return { status_id: 99, status: 'pending' }
    case 'unknown':
      return { status_id: 0, status: 'Unknown' }
  }
}

const userTypes: Readonly<Record<string, { readonly type_id: number; readonly type: string }>> = {
  user: { type_id: 1, type: 'User' },
  admin: { type_id: 2, type: 'Admin' },
  system: { type_id: 3, type: 'System' },
  service: { type_id: 4, type: 'Service' },
}

/**
 * Who acted. A person is the `user`; an agent or a program is the application, by `app_uid`, and the `user` is the person on
 * whose behalf it acted. Where nobody is named, the component is all that is known.
 */
function actorOf({ actor, component, session }: EntryView): object {
  const [who, principal] = identitiesOf(actor)
  const isUser = who !== undefined && userTypes[who.type] !== undefined
  const user = isUser ? who : principal
  return defined({
    app_name: isUser || who === undefined ? component : who.type,
    app_uid: isUser ? undefined : who?.id,
    user: user && { uid: user.id, name: user.id, ...(userTypes[user.type] ?? { type_id: 99, type: user.type }) },
    session: typeof session === 'string' ? { uid: session } : undefined,
  })
}

/** Profile `ai_operation`: the model, and which part the entry has in a conversation. */
function aiOf({ actor, attributes = {}, component }: EntryView): object | undefined {
  const model = textOf(attributes['gen_ai.request.model'] ?? attributes['gen_ai.response.model'])
  const provider = textOf(attributes['gen_ai.provider.name'] ?? attributes['gen_ai.system'])
  const tool = textOf(attributes['gen_ai.tool.name'])
  const isAgent = identitiesOf(actor)[0]?.type === 'agent'
  if (model === undefined && tool === undefined && !isAgent) return undefined
  const role = tool === undefined ? { ai_role_id: 4, ai_role: 'Agent' } : { ai_role_id: 3, ai_role: 'Tool' }
  return defined({
    ai_model: model === undefined || provider === undefined ? undefined : { name: model, ai_provider: provider },
    message_context: defined({
      ...role,
      name: tool,
      service: { name: component },
      prompt_tokens: wholeOf(attributes['gen_ai.usage.input_tokens']),
      completion_tokens: wholeOf(attributes['gen_ai.usage.output_tokens']),
    }),
  })
}

function wholeOf(value: unknown): number | undefined {
  return typeof value === 'number' ? Math.round(value) : undefined
}

/** `json_t` is an object or a list here: a bare value is wrapped, so that receivers with typed columns keep it. */
function jsonOf(value: unknown): object | undefined {
  if (value === undefined) return undefined
  return typeof value === 'object' && value !== null ? value : { value }
}

function definedList<T>(list: readonly (T | undefined | '')[]): T[] | undefined {
  const given = list.filter((item): item is T => item !== undefined && item !== '')
  return given.length === 0 ? undefined : given
}

function defined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T
}

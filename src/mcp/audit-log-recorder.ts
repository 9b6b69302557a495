/** An open audit log as the recorder sees it. */
import type { EntryInput, Receipt } from '../core/entry.ts'
import type { EntryFilter } from '../core/filter.ts'
import type { EntryView } from '../core/view.ts'
import type { RecorderLog } from './recorder-log.ts'

/** As much of an `AuditLog` as a recorder needs. */
export interface RecordedTo {
  append(entry: EntryInput): Promise<Receipt>
  query(filter: EntryFilter, options: { readonly limit: number }): AsyncIterable<EntryView>
}

/** Adapts an open log to the recorder. The log stays its owner's to close. */
export function recorderLog(log: RecordedTo): RecorderLog {
  return {
    append: entry => log.append(entry),
    async knownTools(component) {
      const complete = { field: 'attributes.mcp.tools.complete', op: 'eq', value: true } as const
      const filter = { operation: 'tools/list', component, where: [complete] }
      for await (const { operationResult } of log.query(filter, { limit: 1 })) return digestsIn(operationResult)
      return undefined
    },
  }
}

/** What the newest listing sealed; `undefined` when it was erased since. */
function digestsIn(operationResult: unknown): ReadonlyMap<string, string> | undefined {
  const tools = (operationResult as { tools?: unknown } | undefined)?.tools
  if (typeof tools !== 'object' || tools === null || Array.isArray(tools)) return undefined
  const digests = new Map<string, string>()
  for (const [name, digest] of Object.entries(tools)) if (typeof digest === 'string') digests.set(name, digest)
  return digests
}

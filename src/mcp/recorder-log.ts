import type { EntryInput } from '../core/entry.ts'

/**
 * The log as the recorder sees it. What happens when it cannot be written (refuse, wait, spill), where keys come from
 * and who closes the intents of a crashed recorder are the log's own affair.
 */
export interface RecorderLog {
  /**
   * Resolves when the entry is durable, and rejects when it is not recorded. Entries are recorded in the order of the
   * calls. `bad_input` says that a value cannot be sealed as it is: the recorder then tries again with digests.
   */
  append(entry: EntryInput): Promise<{ readonly id: string }>
  /**
   * The digests by tool name, as the newest `tools/list` entry of this component with `mcp.tools.complete: true` seals
   * them (`operationResult.tools`); `undefined` when there is none.
   */
  knownTools(component: string): Promise<ReadonlyMap<string, string> | undefined>
}

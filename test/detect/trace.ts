/** Runs of entries as recorders and memory wrappers write them, with a clock of their own. */
import type { AppendedEntry } from '../../src/core/events.ts'
import { formatTime } from '../../src/core/time.ts'

export const agentFor = (user: string, agent = 'claude') => ({
  type: 'agent',
  id: agent,
  onBehalfOf: { type: 'user', id: user },
})

/** Entries, each a little later than the one before. */
export class Trace {
  readonly entries: AppendedEntry[] = []
  #time = Date.UTC(2026, 10, 23, 12) * 1000

  /** Lets time pass. */
  wait(seconds: number): this {
    this.#time += Math.round(seconds * 1e6)
    return this
  }

  add(entry: Partial<AppendedEntry> & { readonly operation: string }): this {
    this.#time += 1000
    const seq = this.entries.length
    this.entries.push({
      seq,
      id: `0199a3c1-7f00-7abc-8def-${String(seq).padStart(12, '0')}`,
      time: formatTime(this.#time),
      kind: 'event',
      component: 'memmimic_storage',
      outcome: 'success',
      securityLevel: 'internal',
      complianceFlags: [],
      governanceStatus: undefined,
      actor: undefined,
      memoryId: undefined,
      session: undefined,
      attributes: undefined,
      performanceMetrics: undefined,
      ...entry,
    })
    return this
  }

  /** A tool call, as the recorder writes one: what is about to happen, and how it ended. */
  call(tool: string, more: Partial<AppendedEntry> & { readonly digest?: string } = {}): this {
    const { digest, ...rest } = more
    const attributes = {
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': tool,
      ...(digest && { 'mcp.tool.digest': digest }),
      ...rest.attributes,
    }
    const common = { operation: 'tools/call', component: 'memory-server', ...rest, attributes }
    this.add({ ...common, kind: 'intent', outcome: undefined })
    this.wait(0.05)
    return this.add({ ...common, kind: 'outcome', outcome: rest.outcome ?? 'success' })
  }
}

/** The tool calls of a dialogue as text: what the tool answered tells which it was. */
export function replayDialogue(trace: Trace, text: string, user: string): void {
  const actor = agentFor(user, 'airline-agent')
  const session = `dialogue of ${user}`
  for (const line of text.split('\n')) {
    trace.wait(4)
    if (!line.startsWith('tool: ')) continue
    const answer = line.slice('tool: '.length)
    const tool = /^\{"reservation_id"/.test(answer)
      ? 'get_reservation_details'
      : /^\{"name"/.test(answer)
        ? 'get_user_details'
        : /^\[/.test(answer)
          ? 'search_direct_flight'
          : /^Transfer/.test(answer)
            ? 'transfer_to_human_agents'
            : 'update_reservation_flights'
    const failed = answer.startsWith('Error')
    trace.call(tool, {
      component: 'airline',
      actor,
      session,
      outcome: failed ? 'failure' : 'success',
      attributes: failed ? { 'error.type': 'tool_error' } : {},
    })
  }
}

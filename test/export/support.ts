/** Entries as a reader sees them, without a log: captured, committed to, and opened by the real code. */

import { utf8 } from '../../src/core/bytes.ts'
import { captureEntry } from '../../src/core/capture.ts'
import { type ControlOperation, controlOperations, ownComponent } from '../../src/core/control.ts'
import type { EntryInput } from '../../src/core/entry.ts'
import { kinds, outcomes, securityLevels } from '../../src/core/entry.ts'
import { leafText } from '../../src/core/leaf.ts'
import { commitment, formatContent, formatPreimage } from '../../src/core/sealed.ts'
import { uuidv7 } from '../../src/core/time.ts'
import { type EntryView, openEntry } from '../../src/core/view.ts'

const start = Date.UTC(2026, 10, 23, 12) * 1000

/** The entry that a log would hold under this number. */
export function viewOf(input: Partial<EntryInput>, { seq = 0, control = false } = {}): EntryView {
  const time = start + 1_234_567 * seq
  const id = uuidv7(Math.floor(time / 1000), new Uint8Array(10).fill(seq))
  const draft = captureEntry({ operation: 'remember', component: 'memory', ...input }, { id, time, control })
  const preimages: Uint8Array[] = []
  for (let i = 0; i < draft.sealed.length; i += 2) {
    const salt = new Uint8Array(16).fill(i + seq)
    preimages.push(formatPreimage({ salt, name: draft.sealed[i]!, json: draft.sealed[i + 1]! }))
  }
  const leaf = utf8(leafText(draft, { seq, time, previousHash: 'ab'.repeat(32) }, preimages.map(commitment)))
  return openEntry({ seq, leaf, content: formatContent(preimages) }).view!
}

export const actor = { type: 'agent', id: 'claude', onBehalfOf: { type: 'user', id: 'Zoë' } }

/** An entry of every kind, outcome, level and control operation, with something of everything among them. */
export function sampleViews(): EntryView[] {
  const full: Partial<EntryInput> = {
    outcome: 'success',
    actor,
    memoryId: 'mem_1',
    session: 'session 1',
    trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    securityLevel: 'confidential',
    complianceFlags: ['audit_required', 'gdpr_compliance'],
    governanceStatus: 'approved_with_warnings',
    performanceMetrics: { durationMs: 12.75, 'cache.hits': 3 },
    attributes: {
      'gen_ai.tool.name': 'create_entities',
      'gen_ai.request.model': 'a-model',
      'gen_ai.provider.name': 'a-provider',
      'gen_ai.usage.input_tokens': 120,
      'mcp.protocol.version': '2025-11-25',
      'jsonrpc.request.id': 7,
      'isFine ☕': true,
    },
    userContext: { task: 'überall\nand more', n: -5 },
    operationResult: [1, 'two', null],
    sealed: { note: 'a further value' },
  }
  const inputs: Partial<EntryInput>[] = [
    full,
    { ...full, operation: 'tools/call', kind: 'intent', outcome: 'pending', arguments: { path: '/etc/passwd' } },
    { kind: 'outcome', intent: uuidv7(1, new Uint8Array(10)), outcome: 'unknown' },
    ...outcomes.map(outcome => ({ outcome, actor: { type: 'user', id: 'u1' } })),
    ...securityLevels.map(securityLevel => ({ securityLevel, actor: { type: 'service', id: 'billing' } })),
    ...['remember', 'recall', 'update', 'forget', 'purge', 'resources/read', 'wink'].map(operation => ({ operation })),
    { governanceStatus: 'rejected', operationResult: 'a bare text' },
  ]
  const events = inputs.map((input, seq) => viewOf(input, { seq }))
  const controls = controlOperations.map((operation: ControlOperation, i) =>
    viewOf(
      { operation, component: ownComponent, attributes: { 'alert.severity': 'critical', entries: 3 } },
      { seq: 100 + i, control: true },
    ),
  )
  const views = [...events, ...controls]
  for (const kind of kinds) if (!views.some(view => view.kind === kind)) throw new Error(`no sample of kind ${kind}`)
  return views
}

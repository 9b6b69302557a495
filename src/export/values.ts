/** An entry on its way out: which of its sealed values are open, and how grave it is. */
import type { Leaf } from '../core/entry.ts'
import { type Severity, severities } from '../core/finding.ts'
import { canonicalize } from '../core/json.ts'
import { type EntryView, leafMembers } from '../core/view.ts'

/** Whether a sealed value of an entry may leave. */
export type MayOpen = (entry: EntryView, name: string) => boolean

/** The names of the sealed values of an entry. One that is named as a member of the leaf is not ours, and is no value. */
function sealedNamesOf({ sealed = {} }: EntryView): string[] {
  return Object.keys(sealed).filter(name => !leafMembers.has(name))
}

/** An entry without the values that must stay: their commitments go with it. */
export function closeValues(entry: EntryView, mayOpen: MayOpen): EntryView {
  const closed = sealedNamesOf(entry).filter(name => !mayOpen(entry, name))
  return closed.length === 0 ? entry : without(entry, new Set(closed))
}

function without(entry: EntryView, names: ReadonlySet<string>): EntryView {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => !names.has(name))) as unknown as EntryView
}

/** The leaf of an entry, byte for byte; `undefined` where its members could not stand in one. */
export function leafJson(entry: EntryView): string | undefined {
  try {
    return canonicalize(Object.fromEntries(Object.entries(entry).filter(([name]) => leafMembers.has(name))))
  } catch {
    return undefined
  }
}

/** The values of an entry that are open and have no place of their own in the formats of others, by name. */
export function furtherValues(entry: EntryView): { readonly [name: string]: unknown } {
  const names = sealedNamesOf(entry).filter(name => !placed.has(name) && isOpen(entry[name]))
  return Object.fromEntries(names.map(name => [name, entry[name]]))
}

const placed: ReadonlySet<string> = new Set(['actor', 'memoryId', 'session'])

/** Whether there is a value, and not the word that it is gone. */
export function isOpen(value: unknown): boolean {
  return value !== undefined && !(typeof value === 'object' && value !== null && 'erased' in value)
}

/** A value that is a text, or nothing. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** What was done, by whom and how it ended, in a few words without values: `tools/call read_graph by memory: success`. */
export function sentence({ operation, component, kind, outcome, attributes }: Leaf): string {
  const tool = attributes?.['gen_ai.tool.name']
  return `${operation}${tool === undefined ? '' : ` ${tool}`} by ${component}: ${outcome ?? kind}`
}

const graveOperations: Readonly<Record<string, Severity>> = {
  'gap.recorded': 'high',
  'access.refused': 'medium',
  'log.frozen': 'medium',
  'log.restored': 'medium',
  'config.changed': 'low',
  'key.rotated': 'low',
  'retention.pruned': 'low',
  'subject.erased': 'low',
}

/** How grave an entry is for whoever watches: an alert is what it says, a refusal more than a failure. */
export function severityOf({ kind, operation, outcome, governanceStatus, attributes }: Leaf): Severity {
  if (kind === 'control') {
    const said = severities.find(severity => severity === attributes?.['alert.severity'])
    return said ?? graveOperations[operation] ?? 'info'
  }
  if (outcome === 'denied' || governanceStatus === 'rejected' || governanceStatus === 'error') return 'medium'
  return outcome === 'failure' || outcome === 'unknown' ? 'low' : 'info'
}

/** The acts of this software about the log itself: the entries of kind `control`. FORMAT.md, section 7. */
import type { EntryInput, Receipt } from './entry.ts'

export const controlOperations = [
  'log.created',
  'log.opened',
  'log.closed',
  'log.backed_up',
  'log.restored',
  'log.frozen',
  'log.unfrozen',
  'log.migrated',
  'key.rotated',
  'retention.pruned',
  'subject.erased',
  'hold.placed',
  'hold.released',
  'gap.recorded',
  'alert.raised',
  'alert.counted',
  'alert.acknowledged',
  'alert.resolved',
  'alert.reopened',
  'alert.commented',
  'access.query',
  'access.read',
  'access.disclose',
  'access.verify',
  'access.report',
  'access.export',
  'access.refused',
  'config.changed',
] as const
export type ControlOperation = (typeof controlOperations)[number]

/** The component under which this software speaks of itself. */
export const ownComponent = 'memmimic-audit'

/** A control entry on its way in. Its component is {@link ownComponent}. */
export interface ControlInput extends Omit<EntryInput, 'operation' | 'component' | 'kind' | 'intent'> {
  readonly operation: ControlOperation
}

/** How a part of this software records what it does about the log. Resolves when the entry is durable. */
export type WriteControl = (entry: ControlInput) => Promise<Receipt>

/**
 * Backup: a copy of the log, and an entry that says so. What a backup holds is signed for up to a moment before it was made;
 * the entry about it comes after it, so that no backup contains its own.
 */
import { resolve } from 'node:path'
import type { WriteControl } from '../core/control.ts'
import type { Actor } from '../core/entry.ts'
import { Remote } from '../threads/rpc.ts'
import type { CopiedLog, CopyRequest } from './copy.ts'

export interface BackupParts {
  readonly file: string
  /** The folder of the keys. */
  readonly keys: string
  /** Signs the head of the log. */
  readonly sign: () => Promise<unknown>
  readonly write: WriteControl
}

export interface BackupReport extends CopiedLog {
  readonly file: string
  /** The entry that says so. */
  readonly seq: number
}

/**
 * Copies a log into a file of its own, encrypted as the log is, for its owner only. No key is in it, and no index.
 *
 * @param to must not be there yet
 * @throws AuditError `already_exists`, `damaged` when the log is not what was signed, `busy`, `io`
 * @example await backupLog({ file, keys, sign: writer.checkpoint, write }, 'audit-2026-11-23.db')
 */
export async function backupLog(
  { file, keys, sign, write }: BackupParts,
  to: string,
  { actor }: { readonly actor?: Actor } = {},
): Promise<BackupReport> {
  const copy = resolve(to)
  await sign()
  const thread = new Remote(new URL('./copy-thread', import.meta.url), undefined)
  let copied: CopiedLog
  try {
    copied = await thread.call('copy', { file, keys, to: copy } satisfies CopyRequest)
  } finally {
    await thread.end()
  }
  const { size, rootHash, digest } = copied
  const attributes = { size, rootHash, digest }
  const { seq } = await write({ operation: 'log.backed_up', attributes, ...(actor && { actor }) })
  return { file: copy, seq, ...copied }
}

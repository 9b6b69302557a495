/** What became of entries whose writer ended before it answered: the log says it. */
import type { Receipt } from '../core/entry.ts'
import { leafHashHex } from '../core/hash.ts'
import { parseLeaf } from '../core/leaf.ts'
import { type Micros, parseTime } from '../core/time.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { loadStorageKey } from './keys.ts'

/** Entries that are looked through at once. */
const stretch = 1024

/**
 * The receipts of entries, if they are in the log: all of them or none, as they were to be committed.
 *
 * @param since the time of the first: no entry is earlier in the log than it was given
 * @throws AuditError as `openSqliteStore`
 */
export function settledReceipts(
  { file, keys }: { readonly file: string; readonly keys: string },
  ids: readonly string[],
  since: Micros,
): Receipt[] | undefined {
  const wanted = new Set(ids)
  const found = new Map<string, Receipt>()
  const store = openSqliteStore({ file, key: loadStorageKey(keys), mode: 'read' })
  try {
    let isBefore = false
    for (let end = store.head()?.size ?? 0; end > 0 && !isBefore; end = Math.max(0, end - stretch)) {
      for (const some of store.entries(Math.max(0, end - stretch), end)) {
        for (const { seq, leaf: bytes } of some) {
          const { leaf } = parseLeaf(bytes)
          if (leaf === undefined) continue
          isBefore ||= parseTime(leaf.time)! < since
          if (wanted.has(leaf.id)) {
            found.set(leaf.id, { seq, id: leaf.id, entryHash: leafHashHex(bytes), time: leaf.time })
          }
        }
      }
    }
  } finally {
    store.close()
  }
  return found.size === wanted.size ? ids.map(id => found.get(id)!) : undefined
}

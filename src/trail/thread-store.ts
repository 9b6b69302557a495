/** The store of a log as a thread opens it for itself: what crosses the border is where it is, and no key. */
import { loadStorageKey } from '../append/keys.ts'
import { openSubjectKeys } from '../append/subject-keys.ts'
import { SubjectStore } from '../append/subject-store.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'

/** Where a log is. */
export interface LogPlaces {
  readonly file: string
  /** The folder of the keys. */
  readonly keys: string
}

/** Opens a log for reading, its content as it was given. */
export function openThreadStore({ file, keys }: LogPlaces): Store {
  const storage = loadStorageKey(keys)
  const kept = openSqliteStore({ file, key: storage, mode: 'read' })
  const subjects = openSubjectKeys({ folder: keys, storage }, 'read')
  return subjects === undefined ? kept : new SubjectStore(kept, subjects)
}

/** The heap of a thread that goes over a log: it makes garbage only, which is soon found again in little room. */
export const walkLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 512 }

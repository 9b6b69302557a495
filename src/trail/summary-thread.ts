/** A thread that walks a part of a period. */
import { workerData } from 'node:worker_threads'
import { loadStorageKey } from '../append/keys.ts'
import { openSubjectKeys } from '../append/subject-keys.ts'
import { SubjectStore } from '../append/subject-store.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { serve } from '../threads/rpc.ts'
import { type Walk, walk } from './summary.ts'

const { file, keys } = workerData as { file: string; keys: string }

serve({
  async walk(part: Walk, tell, signal) {
    const storage = loadStorageKey(keys)
    const kept = openSqliteStore({ file, key: storage, mode: 'read' })
    const subjects = openSubjectKeys({ folder: keys, storage }, 'read')
    const store = subjects === undefined ? kept : new SubjectStore(kept, subjects)
    try {
      return await walk(store, keys, part, { onProgress: tell, signal })
    } finally {
      await store.close()
    }
  },
})

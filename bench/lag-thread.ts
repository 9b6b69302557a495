/** Watches, from a thread of its own, how far the index is behind the log: every few milliseconds, the size of each. */
import { setTimeout as delay } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { loadStorageKey } from '../src/append/keys.ts'
import { indexFile } from '../src/append/places.ts'
import { openIndexFile } from '../src/index/file.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { serve } from '../src/threads/rpc.ts'

const everyMs = 4
const { file, keys } = workerData as { file: string; keys: string }

/** Time, entries in the log, entries in the index. */
type Look = readonly [at: number, log: number, index: number]

const looks: Look[] = []
let running = true
let watching: Promise<void>

serve({
  open() {
    const key = loadStorageKey(keys)
    const store = openSqliteStore({ file, key, mode: 'read' })
    const index = openIndexFile(indexFile(file), key, { mode: 'read' })
    const size = index.prepare('SELECT size FROM meta').pluck()
    watching = (async () => {
      for (; running; await delay(everyMs)) {
        looks.push([performance.now(), store.head()?.size ?? 0, (size.get() as number | undefined) ?? 0])
      }
      store.close()
      index.close()
    })()
  },
  /** Milliseconds, for each look, until the index had all that the log had then. */
  async close() {
    running = false
    await watching
    const lags: number[] = []
    let reached = 0
    for (const [at, log] of looks) {
      while (reached < looks.length && looks[reached]![2] < log) reached++
      if (reached < looks.length) lags.push(looks[reached]![0] - at)
    }
    return lags
  },
})

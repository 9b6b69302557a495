/** A thread that walks a part of a period. */
import { workerData } from 'node:worker_threads'
import { serve } from '../threads/rpc.ts'
import { type Walk, walk } from './summary.ts'
import { type LogPlaces, openThreadStore } from './thread-store.ts'

const places = workerData as LogPlaces

serve({
  async walk(part: Walk, tell, signal) {
    const store = openThreadStore(places)
    try {
      return await walk(store, places.keys, part, { onProgress: tell, signal })
    } finally {
      await store.close()
    }
  },
})

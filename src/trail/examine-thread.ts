/** A thread that examines entries ahead of a check. */
import { workerData } from 'node:worker_threads'
import { serve } from '../threads/rpc.ts'
import { entriesIn } from '../verify/answers.ts'
import { type Examined, examine, partsByTile } from '../verify/examine.ts'
import { type LogPlaces, openThreadStore } from './thread-store.ts'

/** Until the thread is ended, from outside. */
const store = openThreadStore(workerData as LogPlaces)

serve({
  async examine({ from, to, deep }: { from: number; to: number; deep: boolean }): Promise<(Examined | undefined)[]> {
    const examined: (Examined | undefined)[] = []
    for (const part of partsByTile(from, to)) examined.push(examine(await entriesIn(store, ...part), part, deep))
    return examined
  },
})

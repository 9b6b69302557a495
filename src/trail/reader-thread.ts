/** The reader thread: a reader behind messages. */
import { workerData } from 'node:worker_threads'
import type { EntryFilter } from '../core/filter.ts'
import { serve } from '../threads/rpc.ts'
import type { PageOptions } from './audit-trail.ts'
import { openReader, type Reader, type ReaderOptions, type VerifyRequest } from './reader.ts'

let opened: Promise<Reader>

type Question = { filter: EntryFilter; page: PageOptions }

serve({
  async open(_: undefined, tell) {
    opened = openReader({ ...(workerData as ReaderOptions), onNotice: tell })
    await opened
  },
  query: async ({ filter, page }: Question) => (await opened).query(filter, page),
  list: async ({ filter, page }: Question) => (await opened).list(filter, page),
  get: async (seqOrId: number | string) => (await opened).get(seqOrId),
  leaf: async (seqOrId: number | string) => (await opened).leaf(seqOrId),
  prove: async (seqOrId: number | string) => (await opened).prove(seqOrId),
  verify: async (request: VerifyRequest, tell, signal) =>
    (await opened).verify(request, { onProgress: (position, size) => tell({ position, size }), signal }),
  openIntents: async () => (await opened).openIntents(),
  checkpoint: async () => (await opened).checkpoint(),
  status: async () => (await opened).status(),
  catchUp: async () => (await opened).catchUp(),
  close: async () => (await opened).close(),
})

/** The reader thread: a reader behind messages. */
import { workerData } from 'node:worker_threads'
import type { EntryFilter } from '../core/filter.ts'
import type { TileId } from '../core/tile.ts'
import { serve } from '../threads/rpc.ts'
import type { CountOptions, FacetOptions, HistogramOptions } from './aggregates.ts'
import type { PageOptions } from './audit-trail.ts'
import { openReader, type Reader, type ReaderThreadData, type Told, type VerifyRequest } from './reader.ts'
import type { SummaryRequest } from './summary.ts'

let opened: Promise<Reader>

type Question = { filter: EntryFilter; page: PageOptions }

serve({
  async open() {
    const { options, told, checksReads } = workerData as ReaderThreadData
    const tell = (message: Told) => told.postMessage(message)
    opened = openReader({
      ...options,
      onNotice: notice => tell({ notice }),
      ...(checksReads && { onFinding: finding => tell({ finding }) }),
    })
    await opened
  },
  query: async ({ filter, page }: Question) => (await opened).query(filter, page),
  list: async ({ filter, page }: Question) => (await opened).list(filter, page),
  count: async ({ filter, options }: { filter: EntryFilter; options?: CountOptions }) =>
    (await opened).count(filter, options),
  facets: async ({ filter, options }: { filter: EntryFilter; options: FacetOptions }) =>
    (await opened).facets(filter, options),
  histogram: async ({ filter, options }: { filter: EntryFilter; options: HistogramOptions }) =>
    (await opened).histogram(filter, options),
  get: async (seqOrId: number | string) => (await opened).get(seqOrId),
  leaf: async (seqOrId: number | string) => (await opened).leaf(seqOrId),
  prove: async (seqOrId: number | string) => (await opened).prove(seqOrId),
  kept: async (seqs: readonly number[]) => (await opened).kept(seqs),
  tiles: async (plan: readonly TileId[]) => (await opened).tiles(plan),
  verify: async (request: VerifyRequest, tell, signal) =>
    (await opened).verify(request, { onProgress: (position, size) => tell({ position, size }), signal }),
  checkEntry: async ({ seqOrId, sealKey }: { seqOrId: number | string; sealKey?: string }) =>
    (await opened).checkEntry(seqOrId, sealKey),
  summarize: async (request: SummaryRequest, tell, signal) =>
    (await opened).summarize(request, { onProgress: (done, total) => tell({ done, total }), signal }),
  openIntents: async () => (await opened).openIntents(),
  checkpoint: async () => (await opened).checkpoint(),
  status: async () => (await opened).status(),
  size: async () => (await opened).size(),
  catchUp: async () => (await opened).catchUp(),
  close: async () => (await opened).close(),
})

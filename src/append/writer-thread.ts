/** The writer thread: a writer behind messages. */
import { workerData } from 'node:worker_threads'
import { serve } from '../threads/rpc.ts'
import { decodeDrafts, type EncodedDrafts, encodeReceipts } from './draft-codec.ts'
import type { RemovalRequest } from './sequencer.ts'
import { openWriter, type Writer, type WriterOptions } from './writer.ts'

let writer: Promise<Writer>

serve({
  async open() {
    writer = openWriter(workerData as WriterOptions)
    await writer
  },
  async append(drafts: EncodedDrafts) {
    return encodeReceipts(await (await writer).append(decodeDrafts(drafts)))
  },
  async remove(request: RemovalRequest) {
    return (await writer).remove(request)
  },
  async rotateKeys() {
    return (await writer).rotateKeys()
  },
  async checkpoint() {
    return (await writer).checkpoint()
  },
  async close() {
    await (await writer).close()
  },
})

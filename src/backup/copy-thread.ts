/** A thread that copies a log: neither who appends nor who asks waits for it. */
import { serve } from '../threads/rpc.ts'
import { type CopyRequest, copyLog } from './copy.ts'

serve({
  copy: (request: CopyRequest) => copyLog(request),
})

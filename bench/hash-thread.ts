/** A thread that only hashes: what a second one adds is what this machine can give to any work. */
import { createHash } from 'node:crypto'
import { serve } from '../src/threads/rpc.ts'

const leaf = new Uint8Array(500)

serve({
  /** @returns when so many leaves are hashed */
  hash(leaves: number) {
    for (let i = 0; i < leaves; i++) createHash('sha256').update(leaf).digest()
  },
})

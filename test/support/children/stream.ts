/** Appends for ever and streams what it appends, until it is killed. */

import { openStreams } from '../../../src/streams/streams.ts'
import { openParts } from '../../../src/system.ts'

const [file, keys, url, count] = process.argv.slice(2) as [string, string, string, string]
const parts = await openParts({ file, keys, onCreate: () => {} })
const to = { type: 'http', url } as const
await openStreams([{ name: 'siem', to, batchEntries: 7, retryMs: 10, maxRetryMs: 50 }], { ...parts, file })
process.stdout.write('open\n')
for (let i = 0; i < Number(count); i++)
  await parts.log.append({ operation: 'remember', component: 'memory', memoryId: i })
process.stdout.write('done\n')
setInterval(() => {}, 1000)

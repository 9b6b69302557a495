/** Appends until it is told to stop or has done enough, and says each receipt when it has it. */
import { openAuditLog } from '../../../src/index.ts'

const [file, keys, count, who, at] = process.argv.slice(2) as [string, string, string, string, string?]
const log = await openAuditLog({ file, keys, onCreate: () => {} })
process.stdout.write('open\n')
for (let i = 0; i < Number(count); i += 8) {
  const width = Math.min(8, Number(count) - i)
  await Promise.all(
    Array.from({ length: width }, async (_, j) => {
      const receipt = await log.append({ operation: 'remember', component: who, memoryId: `${who} ${i + j}` })
      process.stdout.write(`${receipt.seq} ${receipt.entryHash}\n`)
    }),
  )
}
if (at === 'intent') {
  await log.begin({ operation: 'tools/call', component: who })
  process.stdout.write('intent\n')
  await new Promise(() => setInterval(() => {}, 1000))
}
// Without a close: the end of the process must be enough.

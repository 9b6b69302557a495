/** A whole system that is given 100 000 entries at once, and says each receipt as it comes. Is killed meanwhile. */
import { MemMimicAuditSystem } from '../../../src/index.ts'

const [file, keys] = process.argv.slice(2) as [string, string]
const system = await new MemMimicAuditSystem(file, { keys, onCreate: () => {} }).ready()
process.stdout.write('open\n')
let said = ''
const say = () => {
  if (said !== '') process.stdout.write(said)
  said = ''
}
setInterval(say, 5)
for (let i = 0; i < 100_000; i++) {
  system.log
    .append({ operation: 'remember', component: 'burst', memoryId: i, userContext: { userId: `user ${i % 50}` } })
    .then(({ seq, entryHash }) => {
      said += `${seq} ${entryHash}\n`
    })
}

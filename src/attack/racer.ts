/**
 * A process of its own that writes to a copy of a log: entries, one line on stdout for each that it was given a receipt for,
 * until it has written so many or is killed; or an intent, after which it kills itself.
 */
import { systemWorld } from '../append/clock.ts'
import { Drafts, openForWriting } from './sample-log.ts'

const [file, keys, count] = process.argv.slice(2)
const world = systemWorld()
const drafts = new Drafts(world)
const writer = await openForWriting({ file: file!, keys: keys! }, world)

if (count === 'intent') {
  const intent = { operation: 'remember', component: 'memory', kind: 'intent', arguments: {} } as const
  const [receipt] = await writer.append([drafts.entry(intent)])
  process.stdout.write(`${receipt!.seq} ${receipt!.entryHash}\n`, () => process.kill(process.pid, 'SIGKILL'))
} else {
  for (let left = Number(count); left > 0; left--) {
    const [receipt] = await writer.append(drafts.samples(1))
    process.stdout.write(`${receipt!.seq} ${receipt!.entryHash}\n`)
  }
  await writer.close()
}

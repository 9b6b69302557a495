/** Commits some entries, and writes a line to standard output for each as soon as it has its receipt: to be traced. */
import { writeSync } from 'node:fs'
import { makeTestLog } from '../log.ts'

const log = await makeTestLog()
const sequencer = log.sequencer()
for (let i = 0; i < 5; i++) {
  writeSync(1, `begin ${i}\n`)
  await sequencer.commit([log.draft({})])
  writeSync(1, `acknowledged ${i}\n`)
}
log.dispose()

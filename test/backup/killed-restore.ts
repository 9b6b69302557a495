/** Restores a log, and is killed at the n-th call that changes something in the file system. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { restoreLog } from '../../src/backup/restore.ts'

const [file, keys, backup, at] = process.argv.slice(2) as [string, string, string, string]
let left = Number(at)
const open = fs as unknown as Record<string, (...given: unknown[]) => unknown>
for (const name of ['copyFileSync', 'linkSync', 'renameSync', 'writeFileSync', 'fsyncSync', 'rmSync']) {
  const real = open[name]!
  open[name] = (...given) => {
    if (--left === 0) process.kill(process.pid, 'SIGKILL')
    return real(...given)
  }
}
syncBuiltinESMExports()
await restoreLog({ file, keys, backup })
process.exit(0)

/** Serves a log and appends to it without a pause, until it is told to end; says each receipt when it has it. */
import { assemble } from '../../../src/assembly.ts'
import { resolveConfig } from '../../../src/config/resolve.ts'
import type { AuditError } from '../../../src/core/errors.ts'
import { createLogger } from '../../../src/server/logger.ts'
import { serve } from '../../../src/server/serve.ts'
import { servedAssembly } from '../../../src/server/served-assembly.ts'
import { untilToldToEnd } from '../../../src/server/signals.ts'

const [file = '', keys = ''] = process.argv.slice(2)
const env = {
  MEMMIMIC_AUDIT_LOG: file,
  MEMMIMIC_AUDIT_KEYS: keys,
  PORT: '0',
  MEMMIMIC_AUDIT_SERVER__DRAIN_DELAY_MS: '100',
}
const sources = { env, cwd: '/', readFile: () => undefined }
const resolved = resolveConfig(sources)
const { config } = resolved
const system = await assemble({ ...config.log, closeOnExit: false, onCreate: () => {} })
const logger = createLogger({ level: 'silent' })
const server = await serve(servedAssembly(system), { resolved, sources, logger })
process.stdout.write('listening\n')

let isRefused = false
const load = Array.from({ length: 50 }, async (_, i) => {
  for (let n = 0; !isRefused; n++) {
    try {
      const receipt = await system.log.append({ operation: 'remember', component: 'load', memoryId: `${i} ${n}` })
      process.stdout.write(`${receipt.seq} ${receipt.entryHash}\n`)
    } catch (error) {
      isRefused = true
      process.stdout.write(`refused after the end: ${(error as AuditError).code}\n`)
    }
  }
})
const code = await untilToldToEnd(server, config.server, logger)
await Promise.all(load)
process.exitCode = code

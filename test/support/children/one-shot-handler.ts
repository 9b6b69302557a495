/** A process for one call of an MCP tool, as a server that spawns one per call has it. It says nothing when it ends. */

import { auditMcpHandlers } from '../../../src/integrations/api.ts'
import { openAuditLog } from '../../../src/system.ts'

const [file, keys, which] = process.argv.slice(2) as [string, string, string]
const log = await openAuditLog({ file, keys, threads: false, onCreate: () => {}, onNotice: () => {} })
const handlers = auditMcpHandlers({ handle_remember_with_context: (memory: { content: string }) => memory }, log)
await handlers.handle_remember_with_context({ content: `memory ${which}` })
process.exit(0)

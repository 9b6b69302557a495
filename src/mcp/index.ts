/** The MCP recorder: sits between a client and a server, and lets no call through that is not on the record. */

export { type Direction, refusedErrorCode } from './message.ts'
export { McpRecorder, type RecorderOptions, type SessionEnd } from './recorder.ts'
export type { RecorderLog } from './recorder-log.ts'
export type { StdioProxyEnd, StdioProxyOptions } from './stdio-proxy.ts'
export { runStdioProxy } from './stdio-proxy.ts'

/** memmimic-audit/server: health, status and metrics of a log over HTTP. */

export { type AppParts, createApp } from './app.ts'
export { type RunningServer, type ServedSystem, type ServeOptions, serve } from './serve.ts'
export { openServed, servedAssembly } from './served-assembly.ts'

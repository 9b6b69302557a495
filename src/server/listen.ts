/** The app on a port. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { ServerSettings } from '../config/sections/server.ts'
import { AuditError } from '../core/errors.ts'

export interface Listening {
  /** `http://127.0.0.1:7330`. */
  readonly url: string
  /** Takes no more connections, and resolves when the requests that are on the way are answered. */
  close(): Promise<void>
  /** Ends every connection, answered or not. */
  closeNow(): void
}

/** How long a client may take for its headers, and for the whole of a request, in milliseconds. */
const headersTimeout = 10_000
const requestTimeout = 30_000

/**
 * Listens.
 *
 * @throws AuditError `io` when the port is taken
 */
export async function listen(app: Hono, { host, port }: ServerSettings): Promise<Listening> {
  const server = createServer(
    { headersTimeout, requestTimeout },
    getRequestListener(app.fetch, { overrideGlobalObjects: false }),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(asAuditError(error, host, port)))
    server.listen(port, host, resolve)
  })
  const { address, family, port: taken } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    close: () => closed(server),
    closeNow: () => server.closeAllConnections(),
  }
}

function closed(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}

function asAuditError(error: NodeJS.ErrnoException, host: string, port: number): AuditError {
  const why =
    error.code === 'EADDRINUSE'
      ? 'something else listens there: choose another port with --port'
      : error.code === 'EACCES'
        ? 'this process may not listen there: choose a port from 1024 on'
        : error.message
  return new AuditError('io', `the server cannot listen on ${host}:${port}: ${why}`, { cause: error })
}

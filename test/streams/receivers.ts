/** Real receivers on loopback, that can be told to behave badly. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface SyslogServer {
  readonly port: number
  /** The messages of each connection that was read to its end, in the order of the connections. */
  readonly connections: string[][]
  readonly messages: string[]
  /** What happens to the next connections; read to their end and closed unless told otherwise. */
  readonly behave: ('die' | 'die later' | 'hang' | 'refuse')[]
}

/** Octet counting, RFC 6587: what is left over is a mistake. */
function framesOf(bytes: Buffer): string[] {
  const frames: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at)
    const length = Number(bytes.toString('latin1', at, space))
    if (!/^[1-9]\d*$/.test(bytes.toString('latin1', at, space))) throw new Error('not an octet count')
    at = space + 1 + length
    if (at > bytes.length) throw new Error('a message is cut short')
    frames.push(bytes.toString('utf8', space + 1, at))
  }
  return frames
}

export async function syslogServer(secure?: { cert: string; key: string }): Promise<SyslogServer> {
  const connections: string[][] = []
  const behave: SyslogServer['behave'] = []
  const open = new Set<Socket>()
  const take = (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {})
    const how = behave.shift()
    if (how === 'refuse') return void socket.destroy()
    const parts: Buffer[] = []
    socket.on('data', part => {
      parts.push(part)
      // Read, and lost.
      if (how === 'die') socket.destroy()
      if (how === 'die later') setTimeout(() => socket.destroy(), 30)
    })
    socket.on('end', () => {
      if (how !== undefined) return
      connections.push(framesOf(Buffer.concat(parts)))
      socket.end()
    })
  }
  const server =
    secure === undefined
      ? createServer({ allowHalfOpen: true }, take)
      : createTlsServer({ ...secure, allowHalfOpen: true }, take)
  const port = await listen(server, open)
  return {
    port,
    connections,
    behave,
    get messages() {
      return connections.flat()
    },
  }
}

export interface HttpRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface HttpReceiver {
  readonly url: string
  /** Requests that were answered well. */
  readonly taken: HttpRequest[]
  /** Every request, in order. */
  readonly seen: HttpRequest[]
  /** Answers a request, or does something worse with it; `undefined` for 200. */
  answer: (request: HttpRequest, response: ServerResponse) => number | 'handled' | undefined
}

export async function httpReceiver(): Promise<HttpReceiver> {
  const open = new Set<Socket>()
  const receiver = {
    url: '',
    taken: [] as HttpRequest[],
    seen: [] as HttpRequest[],
    answer: () => undefined,
  } as HttpReceiver & { url: string }
  const server = createHttpServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    request.on('error', () => {})
    request.on('end', () => {
      const taken = { path: request.url!, headers: request.headers, body: Buffer.concat(parts).toString('utf8') }
      receiver.seen.push(taken)
      const status = receiver.answer(taken, response) ?? 200
      if (status === 'handled') return
      if (status < 300) receiver.taken.push(taken)
      response.writeHead(status).end(status < 300 ? '{}' : 'not now')
    })
  })
  server.on('connection', socket => open.add(socket))
  receiver.url = `http://127.0.0.1:${await listen(server, open)}`
  return receiver
}

async function listen(server: Server, open: ReadonlySet<Socket>): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const { OPENSSL: openssl = 'openssl' } = process.env

/** A certificate that vouches for itself, for the name `localhost`. */
export function selfSigned(): { cert: string; key: string; certFile: string } {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')] as const
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync(openssl, ['req', '-x509', ...algorithm, ...subject, '-keyout', keyFile, '-out', certFile], {
    stdio: 'pipe',
  })
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile }
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string, ms = 10_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`${what} did not come about in ${ms} ms`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Actor } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { LineSplitter } from './framing.ts'
import type { Direction } from './message.ts'
import { label } from './part.ts'
import { McpRecorder, type SessionEnd } from './recorder.ts'
import type { RecorderLog } from './recorder-log.ts'

/** What a stdio proxy is made of. */
export interface StdioProxyOptions {
  /** The server to start, and its arguments. */
  readonly command: string
  readonly args: readonly string[]
  readonly log: RecorderLog
  /** The client's side. */
  readonly stdin: Readable
  readonly stdout: Writable
  /** Where the server's stderr goes, unchanged. `process.stderr` is handed to the server itself. */
  readonly stderr: Writable
  readonly env?: NodeJS.ProcessEnv
  /** The component of an entry until the server has said its own name. Default: the base name of the command. */
  readonly name?: string
  /** Who acts until the client has said its name. */
  readonly actor?: Actor
  /** A larger argument or result is recorded as its digest and length. Default 1 MiB of JSON. */
  readonly maxValueBytes?: number
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number
  readonly newSessionId: () => string
  /** How long a server may take to end after its client has gone, before SIGTERM and again before SIGKILL. Default 5 s. */
  readonly graceMs?: number
}

/** How the server ended, for the proxy to end likewise. */
export interface StdioProxyEnd {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** Entries that the log did not take. */
  readonly lost: number
}

const forwardedSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** A lane holds so many lines, and reads no more while it holds so many bytes. One line may be larger. */
const maxHeldLines = 256
const maxHeldBytes = 4 * 1024 * 1024

/**
 * Runs an MCP server behind the recorder, over stdio. Bytes pass unchanged in both directions, in order; a line with a
 * call goes on when its intent is durable, and is answered with an error when it cannot be recorded.
 *
 * Resolves when the server has ended and every entry is durable.
 *
 * @throws AuditError `not_found` when the command cannot be started
 */
export async function runStdioProxy(options: StdioProxyOptions): Promise<StdioProxyEnd> {
  const { command, args, stdin, stdout, stderr, now, graceMs = 5000 } = options
  const ownStderr = stderr === process.stderr
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', ownStderr ? 'inherit' : 'pipe'],
    env: options.env ?? process.env,
    windowsHide: true,
    // A process group of its own: Ctrl-C in a terminal then reaches the server once, through us, like any other signal.
    detached: process.platform !== 'win32',
  })
  const exited = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>(resolve => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  // Taken on before the first wait: a signal must not end the proxy and leave the server behind.
  let clientEnded = false
  const onSignal = (signal: NodeJS.Signals) => {
    clientEnded = true
    child.kill(signal)
  }
  for (const signal of forwardedSignals) process.on(signal, onSignal)
  try {
    await started(child, command)
    const { stdin: serverInput, stdout: serverOutput } = child as typeof child & { stdin: Writable; stdout: Readable }
    const stderrEnded = Promise.withResolvers<void>()
    if (ownStderr) stderrEnded.resolve()
    else child.stderr!.once('close', stderrEnded.resolve).pipe(stderr, { end: false })

    const recorder = new McpRecorder({
      log: options.log,
      name: options.name ?? basename(command),
      now,
      newSessionId: options.newSessionId,
      session: {
        attributes: { 'process.executable.name': label(basename(command)), 'network.transport': 'pipe' },
        arguments: [command, ...args],
      },
      ...(options.actor === undefined ? {} : { actor: options.actor }),
      ...(options.maxValueBytes === undefined ? {} : { maxValueBytes: options.maxValueBytes }),
    })
    const opened = recorder.open()

    // A server that has closed its input will say so by ending; what we still write to it is nobody's.
    serverInput.on('error', () => undefined)
    let ended = false
    const timers: NodeJS.Timeout[] = []
    const onClientGone = () => {
      if (ended || timers.length > 0) return
      clientEnded = true
      serverInput.end()
      timers.push(
        setTimeout(() => child.kill('SIGTERM'), graceMs),
        setTimeout(() => child.kill('SIGKILL'), 2 * graceMs),
      )
    }
    stdout.on('error', onClientGone)

    const requests = startLane(recorder, 'client_to_server', stdin, serverInput, stdout)
    const answers = startLane(recorder, 'server_to_client', serverOutput, stdout, serverInput)
    requests.ended.then(() => {
      if (requests.stopped) return
      clientEnded = true
      serverInput.end()
    })

    const end = await exited
    const endedByClient = clientEnded
    ended = true
    for (const timer of timers) clearTimeout(timer)
    requests.stop()
    await answers.drained(graceMs)
    await within(graceMs, stderrEnded.promise)
    await opened
    const { lost } = await recorder.close(sessionEnd(end, endedByClient))
    await flushed(stdout)
    return { ...end, lost }
  } finally {
    for (const signal of forwardedSignals) process.off(signal, onSignal)
  }
}

async function started(child: ReturnType<typeof spawn>, command: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'ENOENT'
          ? 'was not found; check its name and the PATH'
          : cause.code === 'EACCES'
            ? 'may not be executed; check its permissions'
            : `could not be started (${cause.code ?? cause.message})`
      reject(new AuditError('not_found', `The server's command ${JSON.stringify(command)} ${why}.`, { cause }))
    })
  })
  // A signal that cannot be delivered is an error event too; the server's end tells what matters.
  child.on('error', () => undefined)
}

function sessionEnd(
  { exitCode, signal }: { readonly exitCode: number | null; readonly signal: NodeJS.Signals | null },
  endedByClient: boolean,
): SessionEnd {
  const attributes = {
    ...(exitCode === null ? {} : { 'process.exit.code': exitCode }),
    ...(signal === null ? {} : { 'process.exit.signal': signal }),
  }
  const asAsked = exitCode === 0 || (endedByClient && signal !== null)
  return {
    outcome: asAsked ? 'success' : 'failure',
    attributes: { ...attributes, 'mcp.session.ended_by': endedByClient ? 'client' : 'server' },
    pending: endedByClient
      ? { outcome: 'unknown', attributes: { ...attributes, 'error.type': 'session_ended' } }
      : { outcome: 'failure', attributes: { ...attributes, 'error.type': 'server_exited' } },
  }
}

/** One direction: reads lines, has them recorded as they come, and passes them on in order. */
interface Lane {
  /** Resolves when the source has ended and every line has gone on. */
  readonly ended: Promise<void>
  readonly stopped: boolean
  /** Reads no more and drops what is held. */
  stop(): void
  /** Resolves when the lane has ended, or when nothing has come for `idleMs`: a grandchild may keep the pipe open. */
  drained(idleMs: number): Promise<void>
}

interface Held {
  readonly line: Uint8Array
  readonly verdict: Promise<Uint8Array | undefined> | undefined
}

function startLane(
  recorder: McpRecorder,
  direction: Direction,
  source: Readable,
  sink: Writable,
  back: Writable,
): Lane {
  const splitter = new LineSplitter()
  /** Lines that were read but are not yet the recorder's: one chunk may bring thousands. */
  let read: Uint8Array[] = []
  let taken = 0
  const held: Held[] = []
  let heldBytes = 0
  let forwarding = false
  let stopped = false
  let sourceEnded = false
  let lastActivity = performance.now()
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()

  const isFull = () => held.length >= maxHeldLines || heldBytes >= maxHeldBytes
  const take = () => {
    while (taken < read.length && !isFull()) {
      const line = read[taken++]!
      held.push({ line, verdict: recorder.receive(direction, line) })
      heldBytes += line.length
    }
    if (taken < read.length) return
    read = []
    taken = 0
  }
  const onData = (chunk: Buffer) => {
    lastActivity = performance.now()
    read.push(...splitter.push(chunk))
    take()
    if (isFull()) source.pause()
    void forward()
  }
  const onEnd = () => {
    if (sourceEnded) return
    sourceEnded = true
    const rest = splitter.end()
    if (rest !== undefined) read.push(rest)
    take()
    void forward()
  }

  async function forward(): Promise<void> {
    if (forwarding) return
    forwarding = true
    for (let next = held[0]; next !== undefined && !stopped; next = held[0]) {
      const refusal = next.verdict === undefined ? undefined : await next.verdict
      if (stopped) break
      // A refusal is not waited for: its reader may itself be waiting for us to read on.
      if (refusal !== undefined) void write(back, refusal)
      else await write(sink, next.line)
      lastActivity = performance.now()
      held.shift()
      heldBytes -= next.line.length
      take()
      if (source.isPaused() && !isFull()) source.resume()
    }
    forwarding = false
    if (stopped || sourceEnded) end()
  }

  source.on('data', onData)
  source.once('end', onEnd)
  source.once('close', onEnd)
  source.once('error', onEnd)

  return {
    ended,
    get stopped() {
      return stopped
    },
    stop() {
      stopped = true
      source.off('data', onData)
      source.on('error', () => undefined)
      source.pause()
      // Standard input as a terminal or a pipe would otherwise keep the process alive.
      if ('unref' in source && typeof source.unref === 'function') source.unref()
      end()
    },
    async drained(idleMs) {
      while (held.length > 0 || performance.now() - lastActivity < idleMs) {
        if (await within(idleMs, ended)) return
      }
      source.destroy()
      onEnd()
      await ended
    },
  }
}

/** Whether a promise resolved within so many milliseconds. */
async function within(ms: number, promise: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const inTime = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return inTime
}

/** Resolves when everything written has been handed to the operating system, or never can be. */
function flushed(stream: Writable): Promise<void> | undefined {
  if (stream.destroyed || stream.writableEnded || stream.errored || stream.writableLength === 0) return undefined
  return new Promise(resolve => {
    stream.once('close', resolve)
    stream.once('error', () => resolve())
    stream.write('', () => resolve())
  })
}

/** Resolves when the stream takes more; at once when it is gone, for then there is nobody to wait for. */
function write(stream: Writable, bytes: Uint8Array): Promise<void> | undefined {
  if (bytes.length === 0 || stream.destroyed || stream.writableEnded || stream.errored) return undefined
  if (stream.write(bytes)) return undefined
  return new Promise(resolve => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'error']) stream.on(event, done)
  })
}

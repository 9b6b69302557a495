/** Calls across a thread's border: the same methods on both sides, arguments and results as plain data. */
import { type MessagePort, parentPort, type ResourceLimits, Worker } from 'node:worker_threads'
import { AuditError, type AuditErrorCode } from '../core/errors.ts'

/** What a thread answers to. `tell` sends something on the way, before the answer. */
export type Handlers = Record<string, (args: never, tell: (event: unknown) => void, signal: AbortSignal) => unknown>

type Request = { id: number; method: string; args: unknown } | { id: number; abort: true }
type Answer =
  | { id: number; result: unknown }
  | { id: number; event: unknown }
  | { id: number; error: { name: string; message: string; code?: AuditErrorCode; path?: string } }

/** In the thread: answers every call that comes in. */
export function serve(handlers: Handlers, port: MessagePort | null = parentPort): void {
  const running = new Map<number, AbortController>()
  port?.on('message', async (request: Request) => {
    const { id } = request
    if ('abort' in request) {
      running.get(id)?.abort()
      return
    }
    const controller = new AbortController()
    running.set(id, controller)
    try {
      const tell = (event: unknown) => port.postMessage({ id, event } satisfies Answer)
      const result = await handlers[request.method]!(request.args as never, tell, controller.signal)
      port.postMessage({ id, result } satisfies Answer)
    } catch (error) {
      const { name, message, code, path } = error as AuditError
      port.postMessage({ id, error: { name, message, code, ...(path ? { path } : {}) } } satisfies Answer)
    } finally {
      running.delete(id)
    }
  })
}

interface Pending {
  resolve(result: unknown): void
  reject(error: unknown): void
  onEvent: ((event: unknown) => void) | undefined
}

/** On the host: a thread to call. It keeps the process alive only while a call waits for its answer. */
export class Remote {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  #next = 0
  #failed: Error | undefined
  #hasEnded = false

  /**
   * @param script the thread's module, without its extension: `.ts` from source, `.js` when built
   * @param options.limits of its heap; those of V8 unless given
   */
  constructor(
    script: URL,
    workerData: unknown,
    options: { readonly transferList?: MessagePort[]; readonly limits?: ResourceLimits } = {},
  ) {
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
    const { transferList = [], limits } = options
    this.#worker = new Worker(new URL(script.href + extension), {
      workerData,
      transferList,
      ...(limits && { resourceLimits: limits }),
    })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#take(answer))
    // Who waits is told when the thread is at its end: until then it may still do what it was asked.
    this.#worker.on('error', error => {
      this.#failed ??= error as Error
    })
    this.#worker.on('exit', () => {
      this.#hasEnded = true
      this.#fail(new AuditError('closed', 'the thread of the log has ended'))
    })
  }

  /** Whether the thread is at its end, and does nothing any more. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  call<T>(
    method: string,
    args: unknown,
    options: { onEvent?: ((event: never) => void) | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed)
    const { onEvent, signal } = options
    const id = this.#next++
    if (this.#pending.size === 0) this.#worker.ref()
    const abort = () => this.#worker.postMessage({ id, abort: true } satisfies Request)
    signal?.addEventListener('abort', abort)
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as never, reject, onEvent: onEvent as never })
      this.#worker.postMessage({ id, method, args } satisfies Request)
    }).finally(() => signal?.removeEventListener('abort', abort))
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #take(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    if (pending === undefined) return
    if ('event' in answer) {
      pending.onEvent?.(answer.event)
      return
    }
    this.#pending.delete(answer.id)
    if (this.#pending.size === 0) this.#worker.unref()
    if ('result' in answer) pending.resolve(answer.result)
    else pending.reject(revive(answer.error))
  }

  #fail(error: Error): void {
    this.#failed ??= error
    for (const { reject } of this.#pending.values()) reject(this.#failed)
    this.#pending.clear()
  }
}

function revive({
  name,
  message,
  code,
  path,
}: {
  name: string
  message: string
  code?: AuditErrorCode
  path?: string
}): Error {
  if (name === 'AuditError' && code !== undefined)
    return new AuditError(code, message, path === undefined ? {} : { path })
  return Object.assign(new Error(message), { name })
}

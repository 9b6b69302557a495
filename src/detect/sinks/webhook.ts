/**
 * Alerts by HTTP POST, signed as in Standard Webhooks (https://www.standardwebhooks.com, `v1`: HMAC-SHA-256 over
 * `id.timestamp.body`), and tried again for as long as there is hope.
 */
import { createHmac } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { World } from '../../append/clock.ts'
import { utf8 } from '../../core/bytes.ts'
import { uuidv7 } from '../../core/time.ts'
import type { WebhookSinkSettings } from '../settings.ts'
import { JobQueue } from './queue.ts'
import { type AlertNotice, type AlertSink, openPart } from './sink.ts'

const maxRetryMs = 300_000
/** How long `close` waits for what is on its way. */
const closeMs = 2000

/** An answer, or none, that may be another a moment later. */
class Passing extends Error {
  readonly retryAfterMs: number | undefined

  constructor(message: string, retryAfterMs?: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * The signature header of a message.
 *
 * @param secret `whsec_` and base64, or any text
 * @param timestamp seconds since 1970
 * @example signatureOf(secret, headers['webhook-id'], headers['webhook-timestamp'], body) === headers['webhook-signature']
 */
export function signatureOf(secret: string, id: string, timestamp: number | string, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : utf8(secret)
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}

/** A sink that posts to a URL. A redirect is not followed: it is a failure. */
export function webhookSink(settings: WebhookSinkSettings, world: World): AlertSink {
  const { url, secret, headers = {}, timeoutMs = 10_000, attempts = 8, retryMs = 1000, maxWaiting = 1000 } = settings
  const queue = new JobQueue(maxWaiting)
  const closing = new AbortController()

  async function post(id: string, body: string): Promise<void> {
    const timestamp = Math.floor(world.now() / 1e6)
    const signature = secret === undefined ? {} : { 'webhook-signature': signatureOf(secret, id, timestamp, body) }
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        ...signature,
      },
      body,
      redirect: 'error',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), closing.signal]),
    }).catch(error => {
      throw new Passing(`${originOf(url)} cannot be reached: ${reasonOf(error)}`)
    })
    await response.body?.cancel()
    if (response.ok) return
    const said = `${originOf(url)} answered ${response.status}`
    const isPassing = response.status === 408 || response.status === 429 || response.status >= 500
    if (!isPassing) throw new Error(said)
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
    throw new Passing(said, Number.isFinite(seconds) ? Math.min(seconds * 1000, maxRetryMs) : undefined)
  }

  async function deliver(id: string, body: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await post(id, body)
      } catch (error) {
        if (!(error instanceof Passing) || attempt >= attempts || closing.signal.aborted) throw error
        const backOff = Math.min(retryMs * 2 ** (attempt - 1), maxRetryMs)
        // Up to a quarter more, so that many who failed together do not come again together.
        const spread = backOff * (1 + world.random(1)[0]! / 1024)
        await wait(error.retryAfterMs ?? spread, undefined, { ref: false, signal: closing.signal }).catch(() => {})
      }
    }
  }

  return {
    send(notice) {
      const id = `msg_${uuidv7(Math.floor(world.now() / 1000), world.random(10))}`
      const body = bodyOf(notice)
      return queue.add(() => deliver(id, body))
    },
    async close() {
      const timer = setTimeout(() => closing.abort(), closeMs).unref()
      await Promise.race([queue.idle(), new Promise(resolve => closing.signal.addEventListener('abort', resolve))])
      clearTimeout(timer)
      closing.abort()
      await queue.idle()
    },
  }
}

function bodyOf(notice: AlertNotice): string {
  return JSON.stringify({ type: `alert.${notice.what}`, timestamp: notice.time, data: openPart(notice) })
}

/** Where a message went, without what may be secret in a URL. */
function originOf(url: string): string {
  return URL.parse(url)?.origin ?? 'the webhook'
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || message : message
}

/** Bodies by HTTP POST, one after another on one connection, and what an answer means for a stream. */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { badInput } from '../core/json.ts'
import { DeliveryError } from './receiver.ts'
import type { TlsSettings } from './settings.ts'
import { tlsOptions } from './tls.ts'

export interface HttpSender {
  /**
   * @returns the body of the answer, when it says that all is well (2xx)
   * @throws DeliveryError
   */
  post(body: string, headers: { readonly [name: string]: string }, signal: AbortSignal): Promise<string>
  close(): void
}

export interface HttpSenderOptions {
  readonly headers?: { readonly [name: string]: string }
  readonly tls?: TlsSettings
}

/** Statuses that speak of the body: it is malformed, too large, or cannot be taken as it is. */
const refusals: ReadonlySet<number> = new Set([400, 413, 422])
/** Bytes of an answer that are looked at. */
const longestAnswer = 64 * 1024

/** @throws AuditError `bad_input` for a URL that cannot be posted to */
export function httpSender(url: string, { headers = {}, tls }: HttpSenderOptions): HttpSender {
  const target = receiverUrl(url)
  const isSecure = target.protocol === 'https:'
  const connection = { keepAlive: true, maxSockets: 1 }
  const agent = isSecure ? new HttpsAgent({ ...connection, ...tlsOptions(tls) }) : new HttpAgent(connection)
  const send = isSecure ? requestHttps : requestHttp
  return {
    post(body, more, signal) {
      const options = {
        method: 'POST',
        agent,
        signal,
        headers: { 'User-Agent': 'memmimic-audit', ...headers, ...more },
      }
      return new Promise((resolve, reject) => {
        const fail = (error: Error) => {
          const problem = signal.aborted ? 'did not answer in time' : `cannot be reached: ${error.message}`
          reject(new DeliveryError(`${target.origin} ${problem}`, { cause: error }))
        }
        const request = send(target, options, answer => {
          readAnswer(answer).then(text => {
            const problem = problemOf(answer, text, target.origin)
            if (problem === undefined) resolve(text)
            else reject(problem)
          }, fail)
        })
        request.on('error', fail)
        request.end(body)
      })
    },
    close: () => agent.destroy(),
  }
}

/** @throws AuditError `bad_input` */
export function receiverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw badInput('$.to.url', 'must be a URL such as https://collector.example:4318/v1/logs')
  }
  // It would stand in every message about a failure.
  if (url.username !== '' || url.password !== '') throw badInput('$.to.url', 'must not hold a password: use headers')
  return url
}

async function readAnswer(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length
    if (length <= longestAnswer) parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function problemOf(
  { statusCode = 0, headers }: IncomingMessage,
  text: string,
  origin: string,
): DeliveryError | undefined {
  if (statusCode >= 200 && statusCode < 300) return undefined
  const words = text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
  const message = `${origin} answered ${statusCode}${words === '' ? '' : `: ${words}`}`
  return new DeliveryError(message, {
    isRefusal: refusals.has(statusCode),
    retryAfterMs: retryAfterMs(headers['retry-after']),
  })
}

/** RFC 9110, section 10.2.3, in seconds. A date is not looked at: the wait between attempts grows by itself. */
function retryAfterMs(header: string | undefined): number {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : 0
}

/**
 * Syslog over TCP (RFC 6587, octet counting) and TLS (RFC 5425).
 *
 * The protocol has no answer. What tells that a batch was read is the end of its connection: this side ends, and a receiver
 * that has read everything up to there closes (RFC 5425, section 4.4, asks for it). So each batch has a connection of its
 * own, and before it is ended it stays open for a moment: a receiver that closes then, closes for another reason. What a
 * receiver read and lost before it stored it, no sender of syslog can know.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { connect as connectTls } from 'node:tls'
import { syslogMessage } from '../export/formats/syslog.ts'
import { DeliveryError, type Receiver } from './receiver.ts'
import type { SyslogReceiverSettings } from './settings.ts'
import { tlsOptions } from './tls.ts'

/** @throws AuditError as `tlsOptions` */
export function syslogReceiver(settings: SyslogReceiverSettings, origin: string): Receiver {
  const { host, tls, confirm = 'close', facility, enterprise, message } = settings
  const port = settings.port ?? (tls === undefined ? 601 : 6514)
  const secure = tls && tlsOptions(tls)
  const place = `${host}:${port}`
  const encode = syslogMessage({ origin, facility, enterprise, message, hostname: settings.hostname ?? hostname() })
  const connect = () => (secure ? connectTls({ host, port, ...secure }) : connectTcp({ host, port }))
  return {
    encode: entry => frame(encode(entry)),
    async deliver({ items }, signal) {
      signal.throwIfAborted()
      await sendAll(connect(), items.join(''), { place, confirm, signal })
      return { rejected: 0 }
    },
    close() {},
  }
}

/** Milliseconds for the news to come that the receiver is gone: longer than a packet takes there and back. */
const settleMs = 100

/** A message behind its length in bytes (RFC 6587, section 3.4.1). */
function frame(message: string): string {
  return `${Buffer.byteLength(message)} ${message}`
}

interface Sending {
  readonly place: string
  readonly confirm: 'close' | 'written'
  readonly signal: AbortSignal
}

/** Sends all of a text on a connection of its own, and lets go of it. */
function sendAll(socket: Socket, text: string, { place, confirm, signal }: Sending): Promise<void> {
  return new Promise((resolve, reject) => {
    let isEnded = false
    let settling: NodeJS.Timeout | undefined
    const end = (problem?: string, cause?: unknown) => {
      signal.removeEventListener('abort', giveUp)
      clearTimeout(settling)
      socket.destroy()
      if (problem === undefined) resolve()
      else reject(new DeliveryError(`${place} ${problem}`, { cause }))
    }
    const giveUp = () => end('did not take a batch in time')
    signal.addEventListener('abort', giveUp, { once: true })
    socket.on('error', error => end(`cannot be reached: ${error.message}`, error))
    socket.on('close', () => end('closed the connection before it had read everything'))
    // Nothing is expected to come but the end.
    socket.resume()
    socket.on('end', () => end(isEnded ? undefined : 'closed the connection before it had read everything'))
    socket.write(text, error => {
      if (error) return
      if (confirm === 'written') socket.end(() => end())
      else {
        settling = setTimeout(() => {
          isEnded = true
          socket.end()
        }, settleMs)
      }
    })
  })
}

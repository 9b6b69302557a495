/** Batches of JSON by HTTP POST: any collector that takes JSON lines or lists. */
import { ocsfEvent } from '../export/formats/ocsf.ts'
import { httpSender } from './http-sender.ts'
import type { Receiver } from './receiver.ts'
import type { HttpReceiverSettings } from './settings.ts'

/**
 * A 2xx answer confirms a batch. Each carries an `Idempotency-Key` of the log's name and its first and last numbers, the same
 * when it is sent again, and `Memmimic-Origin` with the name of the log.
 *
 * @throws AuditError `bad_input` for a URL that cannot be posted to
 */
export function httpReceiver(settings: HttpReceiverSettings, origin: string): Receiver {
  const { url, body = 'lines', item = 'entry' } = settings
  const sender = httpSender(url, settings)
  const isList = body === 'array'
  const type = isList ? 'application/json' : 'application/x-ndjson'
  return {
    encode: entry => JSON.stringify(item === 'ocsf' ? ocsfEvent(entry, origin) : entry),
    async deliver({ items, first, last }, signal) {
      const text = isList ? `[${items.join(',')}]` : items.map(line => `${line}\n`).join('')
      const headers = {
        'Content-Type': type,
        'Memmimic-Origin': headerText(origin),
        'Idempotency-Key': `"${headerText(origin)}/${first}-${last}"`,
      }
      await sender.post(text, headers, signal)
      return { rejected: 0 }
    },
    close: () => sender.close(),
  }
}

/** Origins may be of any script; a header is ASCII. */
function headerText(text: string): string {
  return encodeURI(text)
}

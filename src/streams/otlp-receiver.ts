/** OpenTelemetry collectors: OTLP/HTTP with JSON (OTLP 1.9, section OTLP/HTTP). */
import { otlpRecord, otlpRequest } from '../export/formats/otlp.ts'
import { httpSender, receiverUrl } from './http-sender.ts'
import type { Delivered, Receiver } from './receiver.ts'
import type { OtlpReceiverSettings } from './settings.ts'

/** @throws AuditError `bad_input` for a URL that cannot be posted to */
export function otlpReceiver(settings: OtlpReceiverSettings, origin: string): Receiver {
  const url = receiverUrl(settings.url)
  if (url.pathname === '/') url.pathname = '/v1/logs'
  const sender = httpSender(url.href, settings)
  const serviceName = settings.serviceName ?? 'memmimic-audit'
  return {
    encode: entry => JSON.stringify(otlpRecord(entry)),
    async deliver({ items }, signal) {
      const body = otlpRequest(items, serviceName, origin)
      return partialSuccess(await sender.post(body, { 'Content-Type': 'application/json' }, signal))
    },
    close: () => sender.close(),
  }
}

/** A collector may accept a request and not all of its records; it must not be sent them again (section Partial Success). */
function partialSuccess(answer: string): Delivered {
  try {
    const { partialSuccess } = JSON.parse(answer) as { partialSuccess?: { [name: string]: unknown } }
    const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0)
    const message = partialSuccess?.errorMessage
    if (rejected > 0) return { rejected, message: typeof message === 'string' ? message.slice(0, 200) : '' }
  } catch {
    // An empty answer, or one that is not JSON, with a status that says all is well.
  }
  return { rejected: 0 }
}

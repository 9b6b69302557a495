/** The streams out of a log, as they are configured. */
import { basename, dirname, join } from 'node:path'
import type { World } from '../append/clock.ts'
import { AuditError } from '../core/errors.ts'
import type { EventStream } from '../core/events.ts'
import { compileFilter } from '../core/filter.ts'
import { badInput } from '../core/json.ts'
import type { Reader } from '../trail/reader.ts'
import { Cursor } from './cursor.ts'
import { httpReceiver } from './http-receiver.ts'
import { otlpReceiver } from './otlp-receiver.ts'
import { OutgoingStream, type StreamStatus } from './outgoing-stream.ts'
import type { Receiver } from './receiver.ts'
import { defaultStreamSettings, type ReceiverSettings, type StreamOptions, type StreamSettings } from './settings.ts'
import { syslogReceiver } from './syslog-receiver.ts'

export interface StreamParts {
  readonly reader: Pick<Reader, 'query' | 'leaf' | 'status'>
  /** Wakes the streams when something was appended, and is told of what fails. */
  readonly events: EventStream
  readonly world: World
  /** The log's file: the places of the streams stand beside it. */
  readonly file: string
  /** Another folder for their places. */
  readonly folder?: string
}

/** Streams that run until they are closed. */
export class Streams {
  readonly #streams: readonly OutgoingStream[]

  constructor(streams: readonly OutgoingStream[]) {
    this.#streams = streams
  }

  /** How far each is, in the order of the settings. */
  status(): StreamStatus[] {
    return this.#streams.map(stream => stream.status())
  }

  /**
   * Sends what is left, for as long as the receivers take it and the time is not over. Before the log is closed.
   *
   * @param deadlineMs milliseconds; 5000 unless given
   */
  async close(deadlineMs = 5000): Promise<void> {
    await Promise.all(this.#streams.map(stream => stream.close(deadlineMs)))
  }
}

/**
 * Starts the streams of a log. Each goes on where it stopped; a new one begins with the first entry. One log's stream belongs
 * to one process at a time: two would send everything twice.
 *
 * @throws AuditError `bad_input` for settings that are wrong, `not_found` and `bad_key` for certificates and keys
 * @example
 * const streams = await openStreams(settings.streams, { reader, events, world, file })
 * streams.status() // [{ name: 'siem', sent: 120, refused: 0, size: 120, lag: 0, lastSentAt: '2026-11-23T14:07:00.123456Z' }]
 */
export async function openStreams(settings: readonly StreamSettings[], parts: StreamParts): Promise<Streams> {
  if (settings.length === 0) return new Streams([])
  const names = new Set<string>()
  settings.forEach((stream, i) => {
    checkSettings(stream, `$[${i}]`)
    if (names.has(stream.name)) throw badInput(`$[${i}].name`, `there are two streams ${stream.name}`)
    names.add(stream.name)
  })
  const { origin } = await parts.reader.status()
  const receivers = settings.map(({ to }) => receiverOf(to, origin))
  return new Streams(
    settings.map(({ name, filter = {}, to: _to, ...options }, i) => {
      const receiver = receivers[i]!
      const cursor = new Cursor(placeFile(parts, name), origin)
      return new OutgoingStream({ ...parts, name, filter, receiver, cursor, options: optionsOf(options) })
    }),
  )
}

function optionsOf(given: Partial<StreamOptions>): StreamOptions {
  return { ...defaultStreamSettings, ...given }
}

/** Beside the log, or in a folder of their own. */
function placeFile({ file, folder = dirname(file) }: StreamParts, name: string): string {
  return join(folder, `${basename(file)}.stream-${name}`)
}

function receiverOf(to: ReceiverSettings, origin: string): Receiver {
  switch (to.type) {
    case 'syslog':
      return syslogReceiver(to, origin)
    case 'http':
      return httpReceiver(to, origin)
    case 'otlp':
      return otlpReceiver(to, origin)
    default:
      throw new AuditError('bad_input', `a receiver is one of syslog, http, otlp, not ${(to as { type: string }).type}`)
  }
}

function checkSettings({ name, filter, to: _to, ...given }: StreamSettings, path: string): void {
  if (!/^[\w][\w.-]{0,63}$/.test(name)) throw badInput(`${path}.name`, 'must be 1–64 letters, digits, ., _ and -')
  if (filter !== undefined) compileFilter(filter)
  const { batchEntries, batchBytes, pollMs, timeoutMs, retryMs, maxRetryMs } = optionsOf(given)
  for (const [member, value] of Object.entries({ batchEntries, batchBytes, pollMs, timeoutMs, retryMs, maxRetryMs })) {
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw badInput(`${path}.${member}`, 'must be a whole number from 1 on')
  }
  if (batchEntries > 10_000) throw badInput(`${path}.batchEntries`, 'must be at most 10000')
}

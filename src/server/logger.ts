/**
 * The server's own log: JSON lines (pino). What goes in is chosen field by field: numbers, names and verdicts, never a
 * value of an entry.
 */
import { type DestinationStream, type Logger, pino } from 'pino'
import type { LoggingSettings } from '../config/sections/logging.ts'
import type { AuditEvent, EventStream } from '../core/events.ts'

/** @param destination stderr unless given, written at once: a line is not lost when the process ends */
export function createLogger(
  { level }: LoggingSettings,
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  const formatters = { level: (label: string) => ({ level: label }) }
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, destination)
}

/** Logs what happens in a log. */
export function logEvents(events: EventStream, logger: Logger): () => void {
  return events.on(event => logEvent(logger, event))
}

function logEvent(logger: Logger, event: AuditEvent): void {
  switch (event.type) {
    case 'appended': {
      const { entries, durationMs } = event
      logger.debug(
        { entries: entries.length, first: entries[0]?.seq, last: entries.at(-1)?.seq, durationMs },
        'appended',
      )
      break
    }
    case 'refused':
      logger.error({ entries: event.entries, code: event.code }, 'entries were refused')
      break
    case 'queried':
      logger.debug({ entries: event.entries, durationMs: event.durationMs, cached: event.cached }, 'queried')
      break
    case 'checked': {
      const { scope, entries, valid, complete, trust, durationMs } = event
      const found = event.findings.slice(0, 10).map(({ type, severity, seq }) => ({ type, severity, seq }))
      const facts = { scope, entries, valid, complete, trust, durationMs }
      if (valid) logger[scope === 'log' ? 'info' : 'debug'](facts, 'checked')
      else logger.error({ ...facts, findings: event.findings.length, first: found }, 'tampering was found')
      break
    }
    case 'stored':
      logger[event.ok ? 'debug' : 'error']({ op: event.op, ok: event.ok, durationMs: event.durationMs }, 'stored')
      break
    case 'governed':
      logger.debug(
        { status: event.status, violations: event.violations.length, durationMs: event.durationMs },
        'governed',
      )
      break
    case 'alerts':
      logger.info({ active: event.active }, 'alerts')
      break
    case 'fault':
      logger.warn({ where: event.where }, event.message)
      break
  }
}

import { type AlertNotice, type AlertSink, openPart } from './sink.ts'

/** Takes one line of a structured log: its level, what it says, and the facts. */
export type LogLine = (level: 'info' | 'warn' | 'error', message: string, facts: object) => void

/** A sink that writes to the program's own log: nothing that is sealed. */
export function logLineSink(log: LogLine): AlertSink {
  return {
    send(notice) {
      log(levelOf(notice), `alert ${notice.what}: ${notice.alert.description}`, openPart(notice))
    },
  }
}

function levelOf({ what, alert }: AlertNotice): 'info' | 'warn' | 'error' {
  if (what === 'acknowledged' || what === 'resolved') return 'info'
  return alert.severity === 'high' || alert.severity === 'critical' ? 'error' : 'warn'
}

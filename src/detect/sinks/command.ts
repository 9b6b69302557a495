import { runCommand } from '../run-command.ts'
import type { CommandSinkSettings } from '../settings.ts'
import { JobQueue } from './queue.ts'
import { type AlertSink, openPart } from './sink.ts'

/** A sink that starts a program for each notice, one after the other. */
export function commandSink({ command, timeoutMs = 10_000, maxWaiting = 100 }: CommandSinkSettings): AlertSink {
  const queue = new JobQueue(maxWaiting)
  return {
    send: notice => queue.add(() => runCommand(command, openPart(notice), timeoutMs)),
    close: () => queue.idle(),
  }
}

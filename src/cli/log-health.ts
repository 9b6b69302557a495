/** The health of the log as a command that looks once sees it. */
import { systemWorld } from '../append/clock.ts'
import { EventStream } from '../core/events.ts'
import { type HealthReport, LogHealth } from '../trail/log-health.ts'
import type { Reader } from '../trail/reader.ts'
import type { Cli } from './cli.ts'

export async function healthOf({ file, keys }: Cli, reader: Pick<Reader, 'status'>): Promise<HealthReport> {
  const world = systemWorld()
  const events = new EventStream()
  const health = new LogHealth({ file, keys, reader, events, now: () => world.now(), waiting: () => 0 })
  try {
    return await health.look()
  } finally {
    health.close()
  }
}

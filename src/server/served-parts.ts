/** An open log with its metrics, as a system to be served. */
import type { Config } from '../config/schema.ts'
import { AuditMetrics } from '../metrics/audit-metrics.ts'
import type { OpenedParts } from '../system.ts'
import { checkpointTime } from '../trail/checkpoint-time.ts'
import type { ServedSystem } from './serve.ts'

export function servedParts({ log, logger, quietReader: reader, events, world }: OpenedParts, config: Config): ServedSystem {
  const { file, keys } = config.log
  const now = () => world.now()
  const waiting = () => logger.waiting
  const checkpointAgeSeconds = async () => {
    const signed = checkpointTime((await reader.checkpoint()) ?? '', keys)
    return signed && now() / 1e6 - signed
  }
  const outside = { bufferEntries: waiting, checkpointAgeSeconds }
  const metrics = new AuditMetrics({ events, now, settings: config.metrics, outside })
  return {
    file,
    keys,
    reader,
    events,
    now,
    waiting,
    control: entry => logger.logControl(entry),
    metrics: () => metrics.prometheus(),
    async close() {
      await log.close()
      metrics.close()
    },
  }
}

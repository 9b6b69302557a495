/** The whole system, opened as the configuration says, and as a server serves it. */
import type { Logger } from 'pino'
import { type Assembly, assemble } from '../assembly.ts'
import type { Config } from '../config/schema.ts'
import { subjectKeyPaths } from '../config/sections/retention.ts'
import { utf8 } from '../core/bytes.ts'
import type { ServedSystem } from './serve.ts'

/**
 * Opens the log and everything on top of it; makes a log first where there is none. Detection looks at what other
 * processes append, too.
 *
 * @throws AuditError as `openAuditLog`
 */
export async function openServed(config: Config, logger: Logger): Promise<ServedSystem> {
  const { log, index, server: _server, logging: _logging, ...settings } = config
  const system = await assemble({
    ...log,
    index,
    subjectPaths: subjectKeyPaths(settings.erasure),
    closeOnExit: false,
    follow: true,
    settings,
    ...(settings.intake.hashKey !== undefined && { redactionKey: utf8(settings.intake.hashKey) }),
    logLine: (level, message, facts) => logger[level](facts, message),
    onNotice: sentence => logger.warn(sentence),
  })
  return servedAssembly(system)
}

export function servedAssembly(system: Assembly): ServedSystem {
  const { file, keys, quietReader, events, world, logger, metrics, detector, scrubber, streams, write } = system
  return {
    file,
    keys,
    reader: quietReader,
    events,
    control: write,
    now: () => world.now(),
    waiting: () => logger.waiting,
    openAlerts: () => detector.getStatistics().active,
    metrics: () => metrics.prometheus(),
    facts: async () => ({
      detection: detector.getStatistics(),
      components: detector.getComponentHealth(),
      scrub: scrubber.status(),
      streams: streams.status(),
    }),
    appliers: [
      {
        settings: ['patterns', 'behaviours', 'deduplication', 'retention', 'sinks', 'responses'].map(
          part => `detection.${part}`,
        ),
        apply: ({ detection }) => detector.configure(detection),
      },
      {
        settings: ['passMs', 'everyMs', 'maxShare'].map(part => `detection.scrub.${part}`),
        apply: ({ detection }) => scrubber.configure(detection.scrub),
      },
    ],
    close: () => system.close(),
  }
}

/** The whole system, open, as a server serves it. */
import type { Assembly } from '../assembly.ts'
import type { ServedSystem } from './serve.ts'

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
        settings: ['patterns', 'behaviours', 'deduplication', 'retention', 'sinks', 'responses'].map(part => `detection.${part}`),
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

/** The spine, and what can be switched on beside it: one thing at a time, wired as the system wires it, or everything. */
import { assemble } from '../src/assembly.ts'
import type { AuditLog } from '../src/audit-log.ts'
import type { ControlInput } from '../src/core/control.ts'
import { LogFollower } from '../src/detect/log-follower.ts'
import { Scrubber } from '../src/detect/scrubber.ts'
import { TamperDetector } from '../src/detect/tamper-detector.ts'
import { prepareEntry } from '../src/intake/prepare.ts'
import { defaultIntakeSettings } from '../src/intake/settings.ts'
import { AuditMetrics } from '../src/metrics/audit-metrics.ts'
import { openParts } from '../src/system.ts'
import { type Bench, logPlaces } from './bench.ts'

export type Switch = 'intake' | 'metrics' | 'detection' | 'scrubber' | 'text' | 'subjectKeys' | 'follow'

export interface SwitchedLog {
  readonly log: AuditLog
  /** Has the follower, where there is one, go over what it has not seen; says how much that was. */
  readonly followed?: () => Promise<number>
  close(): Promise<void>
}

/** A new log with nothing but this on top of the spine. */
export async function openSwitched(bench: Bench, name: string, on?: Switch): Promise<SwitchedLog> {
  const parts = await openParts({
    ...quietOptions(bench, name),
    index: { text: on === 'text' },
    ...(on === 'intake' && { prepare: prepareEntry(defaultIntakeSettings) }),
    ...(on === 'subjectKeys' && { subjectPaths: ['userId', 'user_id'] }),
  })
  const { log, logger, quietReader: reader, events, world, file } = parts
  const withPart = (part: { close(): unknown }): SwitchedLog => ({
    log,
    async close() {
      await part.close()
      await log.close()
    },
  })
  switch (on) {
    case 'metrics':
      return withPart(
        new AuditMetrics({ events, now: () => world.now(), outside: { bufferEntries: () => logger.waiting } }),
      )
    case 'detection': {
      const write = (entry: ControlInput) => logger.logControl(entry)
      const detector = new TamperDetector({ events, reader, write, world })
      await detector.open()
      return withPart(detector)
    }
    case 'scrubber': {
      const scrubber = new Scrubber({ reader, events, file })
      await scrubber.start()
      // A new log is soon gone over: as fast as it may is what it can cost at most.
      scrubber.raisePace(3_600_000)
      return withPart(scrubber)
    }
    case 'follow': {
      let shown = 0
      const follower = new LogFollower({
        reader,
        onEntries: entries => {
          shown += entries.length
        },
        onFault: message => bench.say(`fault: ${message}`),
      })
      await follower.start()
      const followed = async () => {
        const before = shown
        await follower.poll()
        return shown - before
      }
      return { ...withPart(follower), followed }
    }
    default:
      return withPart({ close() {} })
  }
}

/** A new log with the whole system on top, every setting as it is by default. */
export async function openEverything(bench: Bench, name: string, follow = false): Promise<SwitchedLog> {
  return await assemble({ ...quietOptions(bench, name), follow })
}

function quietOptions(bench: Bench, name: string) {
  const onNotice = (sentence: string) => bench.say(`notice: ${sentence}`)
  return { ...logPlaces(bench, name), onCreate: () => {}, onNotice, closeOnExit: false }
}

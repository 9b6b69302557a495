/** A real log on disk with a detector on it, to be tampered with and opened again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IdSource, systemWorld } from '../../src/append/clock.ts'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import type { ControlInput } from '../../src/core/control.ts'
import { type AuditEvent, EventStream } from '../../src/core/events.ts'
import type { EntryView } from '../../src/core/view.ts'
import { alertOperations } from '../../src/detect/alert.ts'
import { Scrubber } from '../../src/detect/scrubber.ts'
import { defaultDetectSettings } from '../../src/detect/settings.ts'
import { TamperDetector, type TamperDetectorOptions } from '../../src/detect/tamper-detector.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { fixedWorld } from '../../src/testing.ts'
import { sample } from '../support/log.ts'

export const person = { type: 'user', id: 'Zoë Quartz' }

export interface Opened extends OpenedParts {
  readonly detector: TamperDetector
  readonly scrubber: Scrubber
  readonly heard: AuditEvent[]
  /** Checks the whole log in stretches, once. */
  scrub(): Promise<void>
  grow(count: number): Promise<void>
  /** The entries of alerts, oldest first. */
  entries(): Promise<EntryView[]>
  close(): Promise<void>
}

export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-detect-'))
  readonly file = join(this.folder, 'audit.db')
  readonly keys = join(this.folder, 'keys')
  /** Goes on over restarts. */
  readonly world = fixedWorld()

  async open(options: Partial<TamperDetectorOptions> = {}): Promise<Opened> {
    const { file, keys, world } = this
    const parts = await openParts({ file, keys, world, threads: false, closeOnExit: false, onCreate: () => {} })
    const { logger, quietReader: reader, events } = parts
    const heard: AuditEvent[] = []
    events.on(event => heard.push(event))
    const write = (entry: Parameters<typeof logger.logControl>[0]) => logger.logControl(entry)
    const detector = new TamperDetector({ events, reader, write, world, ...options })
    const scrubber = new Scrubber({ reader, events, file })
    await detector.open()
    return {
      ...parts,
      detector,
      scrubber,
      heard,
      async scrub() {
        const { passes } = scrubber.status()
        while (scrubber.status().passes === passes) await scrubber.checkNext()
      },
      async grow(count) {
        await Promise.all(
          Array.from({ length: count }, (_, i) => logger.logAuditEntry({ ...sample(i), operation: 'remember' })),
        )
      },
      entries: () => reader.query({ operation: alertOperations }, { limit: 100_000, order: 'asc' }),
      async close() {
        await scrubber.close()
        await detector.close()
        await parts.log.close()
      },
    }
  }

  tamper(change: (file: Tamper) => void): void {
    const file = Tamper.open(this.file, loadStorageKey(this.keys))
    change(file)
    file.close()
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A detector with no log behind it: it writes into a list. */
export function looseDetector(settings = defaultDetectSettings) {
  const events = new EventStream()
  const written: ControlInput[] = []
  const world = systemWorld()
  const ids = new IdSource(world)
  const detector = new TamperDetector({
    events,
    world,
    settings,
    reader: { query: async () => [], get: async () => undefined },
    async write(entry) {
      written.push(entry)
      return { seq: written.length, id: ids.next(world.now()), entryHash: '', time: '' }
    },
  })
  return { detector, events, written }
}

/** An entry as the event stream tells of it. */
export const entryOf = (operation: string, more: object = {}) => ({
  seq: 1,
  id: '',
  time: '2026-11-23T12:00:00.000000Z',
  kind: 'event' as const,
  operation,
  component: 'memory',
  outcome: 'success' as const,
  securityLevel: 'internal' as const,
  complianceFlags: [],
  governanceStatus: undefined,
  actor: undefined,
  memoryId: undefined,
  session: undefined,
  attributes: undefined,
  performanceMetrics: undefined,
  ...more,
})

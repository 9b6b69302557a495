/** What an event costs the detector, after few others and after very many. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { IdSource, systemWorld, type World } from '../src/append/clock.ts'
import { type AppendedEntry, EventStream } from '../src/core/events.ts'
import { finding } from '../src/core/finding.ts'
import { formatTime } from '../src/core/time.ts'
import { TamperDetector } from '../src/detect/tamper-detector.ts'
import type { Bench, Measured } from './bench.ts'
import { entryAt } from './entries.ts'
import { digits, median, spread, timed } from './measure.ts'

const early = 1000
const sampleSize = 2000
const samples = 15
/** Entries that the log acknowledges in one turn of the host's event loop, and tells of together. */
const together = 32

type Kind = 'entry' | 'finding' | 'known' | 'reported'

const names: Readonly<Record<Kind, string>> = {
  entry: `an entry that was appended, told of ${together} at a time`,
  finding: 'a finding about an entry that none was about before',
  known: 'a finding that is known, made once more',
  reported: 'an event that a caller reports',
}
const kinds = Object.keys(names) as Kind[]

/** Something that the detector sees, and when, microseconds since 1970. */
interface Look {
  readonly at: number
  run(): void
}

/** A detector whose clock the events move on: a millisecond each. */
class Watched {
  readonly #events = new EventStream()
  readonly #detector: TamperDetector
  #time = Date.UTC(2026, 10, 23) * 1000
  #made = 0
  #written = 0

  constructor() {
    const world: World = { now: () => this.#time, random: systemWorld().random }
    const ids = new IdSource(world)
    // The entries of alerts are counted and not written: what appending costs is measured elsewhere.
    const write = async () => ({ seq: this.#written++, id: ids.next(this.#time), entryHash: '', time: '' })
    const reader = { query: async () => [], get: async () => undefined }
    this.#detector = new TamperDetector({ events: this.#events, world, reader, write })
  }

  open(): Promise<void> {
    return this.#detector.open()
  }

  close(): Promise<void> {
    return this.#detector.close()
  }

  /** As many events of all kinds, as in a log in which much is wrong: six in ten are entries. */
  async live(count: number): Promise<void> {
    for (let seen = 0; seen < count; seen += 10 * together) {
      await this.show('entry', 6 * together)
      await this.show('finding', 2 * together)
      await this.show('known', together)
      await this.show('reported', together)
    }
  }

  /** Shows it events of one kind. @returns microseconds an event; the making of the events is not counted */
  async show(kind: Kind, count: number): Promise<number> {
    let ms = 0
    for (let left = count; left > 0; left -= together) {
      const looks = this.#looks(kind, Math.min(left, together))
      ms += await timed(async () => {
        for (const { at, run } of looks) {
          this.#time = at
          run()
        }
        // What it has to write goes on in the same turn of the loop.
        await nextTurn()
      })
    }
    return (ms / count) * 1000
  }

  #looks(kind: Kind, count: number): Look[] {
    const numbers = Array.from({ length: count }, () => this.#made++)
    const at = (number: number) => this.#time + (number - numbers[0]! + 1) * 1000
    if (kind === 'entry') {
      const entries = numbers.map(number => appended(number, at(number)))
      return [{ at: at(numbers.at(-1)!), run: () => this.#events.emit({ type: 'appended', entries, durationMs: 1 }) }]
    }
    return numbers.map(number => {
      if (kind === 'reported') {
        const event = { type: 'missing_entry', description: 'it is not there', entryId: `entry ${number}` } as const
        return { at: at(number), run: () => void this.#detector.recordEvent(event) }
      }
      // Every other number, so that no two are neighbours.
      const seq = kind === 'known' ? 2 * (number % 50) : 1000 + 2 * number
      const findings = [finding('hash_mismatch', 'it was changed', { seq })]
      const checked = { type: 'checked', scope: 'scrub', entries: 256, valid: false, findings, durationMs: 1 } as const
      return { at: at(number), run: () => this.#events.emit(checked) }
    })
  }
}

/** An entry as the log tells of it. */
function appended(seq: number, time: number): AppendedEntry {
  const { operation, component, outcome, complianceFlags = [], governanceStatus, actor, ...more } = entryAt(seq)
  const { securityLevel, memoryId, session, attributes, performanceMetrics } = more
  return {
    seq,
    id: `0199a3c1-7f00-7abc-8def-${seq.toString(16).padStart(12, '0')}`,
    time: formatTime(time),
    kind: 'event',
    operation,
    component,
    outcome,
    securityLevel: securityLevel === undefined || securityLevel === 'standard' ? 'internal' : securityLevel,
    complianceFlags,
    governanceStatus,
    actor,
    memoryId: memoryId === undefined ? undefined : String(memoryId),
    session,
    attributes,
    performanceMetrics,
  }
}

/** The same kinds of events, shown to fresh detectors, and to one that has seen everything. */
export async function systemDetector(bench: Bench): Promise<Measured> {
  const { history } = bench.sizes
  const warm = new Watched()
  await warm.open()
  await warm.live(20 * sampleSize)
  await warm.close()

  const few = await eachKind(async kind => {
    const micros: number[] = []
    for (let i = 0; i < samples; i++) {
      const watched = new Watched()
      await watched.open()
      await watched.live(early)
      micros.push(await watched.show(kind, sampleSize))
      await watched.close()
    }
    return micros
  })
  const old = new Watched()
  await old.open()
  await old.live(history)
  const many = await eachKind(async kind => {
    const micros: number[] = []
    for (let i = 0; i < samples; i++) micros.push(await old.show(kind, sampleSize))
    return micros
  })
  await old.close()

  const slowest = kinds.reduce((a, b) => (median(many[b]) > median(many[a]) ? b : a))
  const growth = kinds.map(kind => median(many[kind]) / median(few[kind]))
  bench.say(`detector: ${digits(median(many[slowest]))} µs an event after ${digits(history)}`)
  return {
    figures: { detectorMicros: median(many[slowest]), detectorGrowth: Math.max(...growth) },
    spreads: {
      detectorMicros: `the slowest kind: ${names[slowest]}`,
      detectorGrowth: kinds.map((kind, i) => `${kind} ${digits(growth[i]!)}`).join(', '),
    },
    title: 'What an event costs the detector',
    text: [
      `${samples} samples of ${digits(sampleSize)} events each, with every default, after about ${digits(early)} events and after about ${digits(history)}: six in ten of them entries, two findings about ever new entries, one a finding that is known, one reported by a caller. The events' clock goes a millisecond from one to the next. Time on the host's thread, from the event to the end of that turn of its loop; alerts are raised, counted, and given to a log that does nothing with them. Growth is the greatest among the kinds.`,
      '',
      `| µs an event: median (range) | after ${digits(early)} | after ${digits(history)} |`,
      '|---|---|---|',
      ...kinds.map(kind => `| ${names[kind]} | ${spread(few[kind])} | ${spread(many[kind])} |`),
    ],
  }
}

async function eachKind(measure: (kind: Kind) => Promise<number[]>): Promise<Record<Kind, number[]>> {
  const all = {} as Record<Kind, number[]>
  for (const kind of kinds) all[kind] = await measure(kind)
  return all
}

/** What no event says and Prometheus wants to know: asked for when somebody looks. */
import type { MetricFamily, Sample } from './prometheus.ts'

type Answer<T> = T | undefined | Promise<T | undefined>

/** What is not known at the moment is `undefined`, and its gauge is left out. */
export interface OutsideFacts {
  /** Entries that were given and are not durable yet. */
  readonly bufferEntries?: () => Answer<number>
  /** Seconds since the newest checkpoint was signed. */
  readonly checkpointAgeSeconds?: () => Answer<number>
  /** Entries that no witness has cosigned yet. */
  readonly witnessLagEntries?: () => Answer<number>
  /** Entries that each stream has still to deliver, by the name that its configuration gives it. */
  readonly streamLagEntries?: () => Answer<{ readonly [stream: string]: number }>
  /** Critical alerts raised within the last 24 h, for the health score; unless given, those that are open count. */
  readonly criticalAlertsOfLastDay?: () => number
}

interface OutsideGauge {
  readonly name: string
  readonly help: string
  read(facts: OutsideFacts): Promise<Sample[]> | undefined
}

const gauges: readonly OutsideGauge[] = [
  {
    name: 'memmimic_audit_buffer_entries',
    help: 'Entries that were given and are not durable yet.',
    read: ({ bufferEntries }) => bufferEntries && one(bufferEntries),
  },
  {
    name: 'memmimic_audit_checkpoint_age_seconds',
    help: 'Seconds since the newest checkpoint was signed.',
    read: ({ checkpointAgeSeconds }) => checkpointAgeSeconds && one(checkpointAgeSeconds),
  },
  {
    name: 'memmimic_audit_witness_lag_entries',
    help: 'Entries that no witness has cosigned yet.',
    read: ({ witnessLagEntries }) => witnessLagEntries && one(witnessLagEntries),
  },
  {
    name: 'memmimic_audit_stream_lag_entries',
    help: 'Entries that a stream has still to deliver.',
    read: ({ streamLagEntries }) => streamLagEntries && byName(streamLagEntries, 'stream'),
  },
]

/** The gauges of what is given. One that cannot be read has no sample, and `onFault` is told. */
export async function readOutside(facts: OutsideFacts, onFault: (error: unknown) => void): Promise<MetricFamily[]> {
  const families = gauges.map(async ({ name, help, read }): Promise<MetricFamily | undefined> => {
    const reading = read(facts)
    if (reading === undefined) return undefined
    const samples = await reading.catch((error: unknown) => {
      onFault(error)
      return []
    })
    return { name, help, type: 'gauge', samples }
  })
  return (await Promise.all(families)).filter(family => family !== undefined)
}

async function one(ask: () => Answer<number>): Promise<Sample[]> {
  const value = await ask()
  return value === undefined ? [] : [{ labels: {}, value }]
}

async function byName(ask: () => Answer<{ readonly [name: string]: number }>, label: string): Promise<Sample[]> {
  return Object.entries((await ask()) ?? {}).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

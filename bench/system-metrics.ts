/** What a counter and an observation cost, after a few and after a million recordings. */
import { systemWorld } from '../src/append/clock.ts'
import { SecurityMetrics } from '../src/metrics/security-metrics.ts'
import type { Bench, Measured } from './bench.ts'
import { digits, median, spread } from './measure.ts'

const early = 100
const sampleSize = 2000
const samples = 15
const weekMicros = 168 * 3_600e6

type Kind = 'counter' | 'observation'

/** The metrics that are recorded most, each with its label and its default threshold. */
const record: Readonly<Record<Kind, (metrics: SecurityMetrics, i: number) => void>> = {
  counter: (metrics, i) => metrics.increment('audit_entries_logged', 1, labels[i % labels.length]),
  observation: (metrics, i) => metrics.observe('audit_append_time', 0.2 + (i % 97) / 50),
}
const labels = ['success', 'failure', 'denied'].map(outcome => ({ kind: 'event', outcome }))
const kinds = Object.keys(record) as Kind[]

export function systemMetrics(bench: Bench): Measured {
  const { history } = bench.sizes
  for (const kind of kinds) nanos(kind, withPast(kind, 20_000))
  const few = { counter: [] as number[], observation: [] as number[] }
  const many = { counter: [] as number[], observation: [] as number[] }
  for (const kind of kinds) {
    for (let i = 0; i < samples; i++) few[kind].push(nanos(kind, withPast(kind, early)))
    const old = withPast(kind, history)
    for (let i = 0; i < samples; i++) many[kind].push(nanos(kind, old))
  }
  bench.say(
    `metrics: a counter ${digits(median(many.counter))} ns, an observation ${digits(median(many.observation))} ns`,
  )
  const row = (name: string, kind: Kind) => `| ${name} | ${spread(few[kind])} | ${spread(many[kind])} |`
  return {
    figures: { counterNanos: median(many.counter), observationNanos: median(many.observation) },
    spreads: {
      counterNanos: `after ${early}: ${digits(median(few.counter))}`,
      observationNanos: `after ${early}: ${digits(median(few.observation))}`,
    },
    title: 'What a metric costs',
    text: [
      `${samples} samples of ${digits(sampleSize)} recordings each, each of which reads the system's clock, after ${early} recordings and after ${digits(history)}, which were spread over the 168 hours that are kept: \`audit_entries_logged\` with two labels and the threshold of its rate, \`audit_append_time\` with the threshold of its p95.`,
      '',
      `| ns a recording: median (range) | after ${early} | after ${digits(history)} |`,
      '|---|---|---|',
      row('a counter', 'counter'),
      row('an observation', 'observation'),
    ],
  }
}

/** Metrics that have recorded so much over the last week. */
function withPast(kind: Kind, count: number): SecurityMetrics {
  const { now } = systemWorld()
  let ago = weekMicros
  const metrics = new SecurityMetrics({ now: () => now() - ago })
  for (let i = 0; i < count; i++) {
    ago = weekMicros * (1 - i / count)
    record[kind](metrics, i)
  }
  ago = 0
  return metrics
}

function nanos(kind: Kind, metrics: SecurityMetrics): number {
  const started = performance.now()
  for (let i = 0; i < sampleSize; i++) record[kind](metrics, i)
  return ((performance.now() - started) / sampleSize) * 1e6
}

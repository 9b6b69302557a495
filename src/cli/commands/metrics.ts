import type { Command } from 'commander'
import { kinds, outcomes } from '../../core/entry.ts'
import { noOutcome } from '../../metrics/definitions.ts'
import { formatPrometheus, type MetricFamily, type Sample } from '../../metrics/prometheus.ts'
import { checkpointAgeFamily, degradedFamily } from '../../server/own-metrics.ts'
import type { Reader } from '../../trail/reader.ts'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { withReader } from '../log.ts'
import { healthOf } from '../log-health.ts'
import { openAlerts } from '../open-alerts.ts'
import { jsonLine } from '../text.ts'

export function registerMetrics(program: Command, act: Act): void {
  program
    .command('metrics')
    .description('what the log tells of itself, in Prometheus text format; a running server counts more, at /metrics')
    .action(act(metrics))
}

async function metrics(cli: Cli): Promise<undefined> {
  await withReader(cli, async reader => {
    const { log, degraded } = await healthOf(cli, reader)
    const alerts = Object.entries(await openAlerts(reader))
    const families: MetricFamily[] = [
      {
        name: 'memmimic_audit_entries_total',
        help: 'Entries in the log.',
        type: 'counter',
        samples: await entriesByOutcome(reader),
      },
      {
        name: 'memmimic_audit_alerts_active',
        help: 'Alerts that are not resolved.',
        type: 'gauge',
        samples: alerts.map(([severity, value]) => ({ labels: { severity }, value })),
      },
      checkpointAgeFamily(log.checkpointAgeSeconds),
      degradedFamily(degraded),
    ]
    await cli.print(cli.json ? families.map(jsonLine).join('') : formatPrometheus(families))
  })
  return
}

/** The number of entries of each kind and outcome, as far as there are any. */
async function entriesByOutcome(reader: Pick<Reader, 'count'>): Promise<Sample[]> {
  const samples: Sample[] = []
  const exact = { exact: true }
  for (const kind of kinds) {
    let left = (await reader.count({ kind }, exact)).count
    for (const outcome of outcomes) {
      const { count } = await reader.count({ kind, outcome }, exact)
      if (count > 0) samples.push({ labels: { kind, outcome }, value: count })
      left -= count
    }
    if (left > 0) samples.push({ labels: { kind, outcome: noOutcome }, value: left })
  }
  return samples
}

import type { Command } from 'commander'
import type { Alert } from '../../detect/alert.ts'
import { type AlertAct, TamperDetector } from '../../detect/tamper-detector.ts'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { operator, withLog } from '../log.ts'
import { shortTime } from '../rows.ts'
import { type Column, jsonLine, layOut, visible } from '../text.ts'

interface Listing {
  readonly all?: boolean
}

interface Stepping {
  readonly note?: string
}

export function registerAlerts(program: Command, act: Act): void {
  const alerts = program
    .command('alerts')
    .description('what was noticed, and what was done about it; each step is an entry')
  alerts
    .command('list', { isDefault: true })
    .description('the alerts that are not resolved, the newest first')
    .option('--all', 'also those that are')
    .action(act(list))
  const steps = [
    ['ack', 'say that somebody looks into it', 'acknowledgeAlert'],
    ['resolve', 'say that it is settled', 'resolveAlert'],
    ['reopen', 'say that it is not settled after all', 'reopenAlert'],
  ] as const
  for (const [name, description, call] of steps) {
    alerts
      .command(name)
      .description(description)
      .argument('<alert>', 'its id')
      .option('--note <text>', 'what is to be said about it; sealed')
      .action(act((cli, { note }: Stepping, args) => step(cli, args, (detector, id) => detector[call](id, by(note)))))
  }
  alerts
    .command('comment')
    .description('say something about it')
    .argument('<alert>', 'its id')
    .requiredOption('--note <text>', 'what is to be said; sealed')
    .action(
      act((cli, { note }: { note: string }, args) =>
        step(cli, args, (detector, id) => detector.commentAlert(id, { actor: operator(), note })),
      ),
    )
}

function by(note: string | undefined): AlertAct {
  return { actor: operator(), ...(note === undefined ? {} : { note }) }
}

async function withDetector<T>(cli: Cli, work: (detector: TamperDetector) => Promise<T>): Promise<T> {
  return await withLog(cli, async ({ events, quietReader: reader, logger, world }) => {
    const detector = new TamperDetector({ events, reader, write: entry => logger.logControl(entry), world })
    await detector.open()
    try {
      return await work(detector)
    } finally {
      await detector.close()
    }
  })
}

async function step(
  cli: Cli,
  [id = '']: readonly string[],
  take: (detector: TamperDetector, id: string) => Promise<Alert>,
): Promise<undefined> {
  const alert = await withDetector(cli, detector => take(detector, id))
  if (cli.json) await cli.print(jsonLine(alert))
  else cli.say(`alert ${alert.id} is ${stateOf(alert)}`)
  return
}

const columns: readonly Column<Alert>[] = [
  { title: 'alert', value: ({ id }) => id },
  { title: 'last seen (UTC)', value: ({ lastSeenAt }) => shortTime(lastSeenAt) },
  { title: 'severity', value: ({ severity }) => severity },
  { title: 'state', value: stateOf },
  { title: 'times', value: ({ count }) => String(count), align: 'right' },
  { title: 'what', value: ({ description }) => visible(description), min: 20 },
]

async function list(cli: Cli, { all = false }: Listing): Promise<undefined> {
  await withDetector(cli, async detector => {
    const alerts = detector.getAlerts(all ? {} : { resolved: false })
    if (cli.json) return await cli.print(alerts.map(jsonLine).join(''))
    if (alerts.length === 0) cli.say(all ? 'there is no alert' : 'no alert is open')
    else
      await cli.print(
        `${layOut(columns, alerts, cli.columns)
          .map(cells => cells.join('  ').trimEnd())
          .join('\n')}\n`,
      )
  })
  return
}

function stateOf({ acknowledged, resolved }: Alert): string {
  return resolved ? 'resolved' : acknowledged ? 'acknowledged' : 'open'
}

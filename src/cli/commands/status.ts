import type { Command } from 'commander'
import type { EntryView } from '../../core/view.ts'
import { activeHolds } from '../../retention/holds.ts'
import type { Reader } from '../../trail/reader.ts'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { withReader } from '../log.ts'
import { healthOf } from '../log-health.ts'
import { openAlerts } from '../open-alerts.ts'
import { count, jsonLine, visible } from '../text.ts'

export function registerStatus(program: Command, act: Act): void {
  program.command('status').description('the log at a glance').action(act(status))
}

async function status(cli: Cli): Promise<undefined> {
  await withReader(cli, async reader => {
    const found = await reader.status()
    const { file: log, keys } = cli
    const alerts = await openAlerts(reader)
    const retention = await retentionOf(reader)
    const { degraded } = await healthOf(cli, reader)
    if (cli.json) return await cli.print(jsonLine({ log, keys, ...found, alerts, retention, degraded }))
    const { origin, size, rootHash, signed, anchored, openIntents, encrypted } = found
    const waiting = (n: number) => (n === size ? 'all of them' : `the first ${n}`)
    const open = Object.entries(alerts).filter(([, n]) => n > 0)
    const modes = degraded.map(({ mode, message }) => `  ${cli.style('red', mode)}  ${visible(message)}\n`)
    await cli.print(
      [
        `${cli.style('bold', visible(origin))}, ${count(size, 'entry', 'entries')}`,
        '',
        `  log       ${visible(log)}${encrypted ? ', encrypted' : ', not encrypted'}`,
        `  keys      ${visible(keys)}`,
        `  root      ${rootHash}`,
        `  signed    ${waiting(signed)}`,
        `  anchored  ${waiting(anchored)}`,
        `  open      ${openIntents === 0 ? 'no intent' : count(openIntents, 'intent', 'intents')}`,
        `  alerts    ${open.length === 0 ? 'none open' : open.map(([severity, n]) => `${n} ${severity}`).join(', ')}`,
        `  retention ${retentionText(retention)}`,
        '',
      ].join('\n') + modes.join(''),
    )
  })
  return
}

interface RetentionState {
  /** When content was last let go of, and by which entry; nothing when it never was. */
  readonly lastPruned?: { readonly time: string; readonly seq: number }
  readonly holds: number
}

async function retentionOf(reader: Reader): Promise<RetentionState> {
  const filter = { kind: 'control', operation: 'retention.pruned' }
  const [last]: EntryView[] = await reader.query(filter, { limit: 1, order: 'desc' })
  const holds = (await activeHolds(reader)).length
  return { ...(last && { lastPruned: { time: last.time, seq: last.seq } }), holds }
}

function retentionText({ lastPruned, holds }: RetentionState): string {
  const went = lastPruned === undefined ? 'nothing was pruned yet' : `last pruned ${lastPruned.time}`
  return holds === 0 ? went : `${went}; ${count(holds, 'legal hold', 'legal holds')}`
}

import type { Command } from 'commander'
import { type RestoreReport, restoreLog } from '../../backup/restore.ts'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { operator } from '../log.ts'
import { count, jsonLine, visible } from '../text.ts'

interface Options {
  readonly reason?: string
  readonly evenIfErased?: boolean
}

export function registerRestore(program: Command, act: Act): void {
  program
    .command('restore')
    .description('put a backup in the place of the log, on record; the present file is kept under another name')
    .argument('<file>', 'the backup')
    .option('--reason <text>', 'why; sealed')
    .option('--even-if-erased', 'also where nothing tells what was erased after the backup, and so comes back')
    .action(act(restore))
}

async function restore(
  cli: Cli,
  { reason, evenIfErased }: Options,
  [backup = '']: readonly string[],
): Promise<undefined> {
  const { file, keys } = cli
  const report = await restoreLog({ file, keys, backup, reason, actor: operator(), evenIfErased })
  if (cli.json) await cli.print(jsonLine(report))
  else tell(cli, report)
  if (report.present !== 'whole') {
    cli.warn('what was erased or pruned after the backup was made is back: erase it again')
  }
  return
}

function tell(cli: Cli, { size, seq, givenUp, sizeBefore, keptAside, again }: RestoreReport): void {
  const lost = sizeBefore === undefined ? 'nobody knows how many' : String(givenUp)
  cli.say(`the log is the backup of ${count(size, 'entry', 'entries')}; ${lost} were given up, as entry ${seq} says`)
  for (const { operation, seq: at } of again) cli.say(`${operation} is said again, by entry ${at}`)
  if (keptAside !== undefined) cli.say(`the log that stood there is kept: ${visible(keptAside)}`)
}

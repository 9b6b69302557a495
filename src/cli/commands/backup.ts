import type { Command } from 'commander'
import { backupLog } from '../../backup/backup.ts'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { operator, withLog } from '../log.ts'
import { count, jsonLine, visible } from '../text.ts'

export function registerBackup(program: Command, act: Act): void {
  program
    .command('backup')
    .description('copy the log into one file, encrypted as it is, on record; others may go on writing')
    .argument('<file>', 'the copy; must not be there yet')
    .action(act(backup))
}

async function backup(cli: Cli, _options: unknown, [to = '']: readonly string[]): Promise<undefined> {
  const report = await withLog(cli, ({ file, keys, writer, logger }) => {
    const parts = { file, keys, sign: writer.checkpoint, write: logger.logControl.bind(logger) }
    return backupLog(parts, to, { actor: operator() })
  })
  if (cli.json) return void (await cli.print(jsonLine(report)))
  const { file, size, seq } = report
  cli.say(`${visible(file)} holds ${count(size, 'entry', 'entries')}; entry ${seq} says so`)
  cli.say('no key is in it: without the keys of the log it cannot be read')
  return
}

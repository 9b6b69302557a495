import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { operator, withLog } from '../log.ts'
import { jsonLine } from '../text.ts'

interface Options {
  readonly reason?: string
}

export function registerFreeze(program: Command, act: Act): void {
  program
    .command('freeze')
    .description('let the log take no entries but those about itself, in every process, until it is lifted')
    .option('--reason <text>', 'why; sealed')
    .action(act((cli, options: Options) => record(cli, 'log.frozen', options)))
  program
    .command('unfreeze')
    .description('let the log take entries again')
    .option('--reason <text>', 'why; sealed')
    .action(act((cli, options: Options) => record(cli, 'log.unfrozen', options)))
}

async function record(cli: Cli, operation: 'log.frozen' | 'log.unfrozen', { reason }: Options): Promise<undefined> {
  await withLog(cli, async ({ logger }) => {
    const sealed = reason === undefined ? {} : { sealed: { reason } }
    const receipt = await logger.logControl({ operation, actor: operator(), ...sealed })
    if (cli.json) await cli.print(jsonLine(receipt))
    else cli.say(`the log is ${operation === 'log.frozen' ? 'frozen' : 'open again'}, by entry ${receipt.seq}`)
  })
  return
}

import type { Command } from 'commander'
import { activeHolds, placeHold, releaseHold } from '../../retention/holds.ts'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { operator, withLog, withReader } from '../log.ts'
import { shortTime } from '../rows.ts'
import { jsonLine, visible } from '../text.ts'
import { addFilterFlags, type FilterFlags, filterOf } from './query.ts'

interface Placing extends FilterFlags {
  readonly name: string
  readonly reason?: string
}

export function registerHold(program: Command, act: Act): void {
  const hold = program.command('hold').description('legal holds: what they cover is neither pruned nor erased')
  addFilterFlags(hold.command('place').description('hold what matches, now and in what is to come'))
    .requiredOption('--name <name>', 'for everyone to read: nothing about a person')
    .option('--reason <text>', 'why; sealed')
    .action(act(place))
  hold.command('release').description('end a hold').argument('<hold>', 'its id or its name').action(act(release))
  hold.command('list').description('the holds that nobody has released').action(act(list))
}

async function place(cli: Cli, { name, reason, ...flags }: Placing): Promise<undefined> {
  const filter = filterOf(flags)
  await withLog(cli, async ({ logger }) => {
    const control = logger.logControl.bind(logger)
    const receipt = await placeHold(control, {
      name,
      filter,
      actor: operator(),
      ...(reason === undefined ? {} : { reason }),
    })
    if (cli.json) await cli.print(jsonLine(receipt))
    else cli.say(`${visible(name)} is held; release it with: hold release ${receipt.id}`)
  })
  return
}

async function release(cli: Cli, _: object, [id = '']: readonly string[]): Promise<undefined> {
  await withLog(cli, async ({ reader, logger }) => {
    const receipt = await releaseHold(reader, logger.logControl.bind(logger), { id, actor: operator() })
    if (cli.json) await cli.print(jsonLine(receipt))
    else cli.say(`${visible(id)} is released`)
  })
  return
}

async function list(cli: Cli): Promise<undefined> {
  await withReader(cli, async reader => {
    const holds = await activeHolds(reader)
    if (!cli.json && holds.length === 0) cli.say('there is no hold')
    for (const hold of holds) {
      const { id, name, placedAt, filter, reason } = hold
      if (cli.json) await cli.print(jsonLine(hold))
      else {
        const covers = filter === undefined ? 'everything, as its filter is gone' : JSON.stringify(filter)
        const why = reason === undefined ? '' : `: ${reason}`
        await cli.print(`${id}  ${shortTime(placedAt)}  ${visible(`${name}  ${covers}${why}`)}\n`)
      }
    }
  })
  return
}

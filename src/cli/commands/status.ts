import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { withReader } from '../log.ts'
import { count, jsonLine, visible } from '../text.ts'

export function registerStatus(program: Command, act: Act): void {
  program.command('status').description('the log at a glance').action(act(status))
}

async function status(cli: Cli): Promise<undefined> {
  await withReader(cli, async reader => {
    const found = await reader.status()
    const { file: log, keys } = cli
    if (cli.json) return await cli.print(jsonLine({ log, keys, ...found }))
    const { origin, size, rootHash, signed, anchored, openIntents, encrypted } = found
    const waiting = (n: number) => (n === size ? 'all of them' : `the first ${n}`)
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
        '',
      ].join('\n'),
    )
  })
  return
}

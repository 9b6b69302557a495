import type { Command } from 'commander'
import { loadPublicKeys } from '../../append/keys.ts'
import type { Cli } from '../cli.ts'
import type { Act } from '../flags.ts'
import { withWriter } from '../log.ts'
import { jsonLine } from '../text.ts'

export function registerKeys(program: Command, act: Act): void {
  const keys = program.command('keys').description('the keys that sign the log')
  keys.command('list').description('the verifier keys, the oldest first').action(act(list))
  keys
    .command('rotate')
    .description('replace the signing keys: the old ones vouch for the new, on record, and sign no more')
    .action(act(rotate))
}

async function list(cli: Cli): Promise<undefined> {
  const { generations, vkeys } = loadPublicKeys(cli.keys)
  for (const generation of generations) {
    const signs = generation.ed25519 === vkeys.ed25519
    if (cli.json) await cli.print(jsonLine({ ...generation, signs }))
    else await cli.print(`${generation.ed25519}\n${generation.mldsa44}\n`)
  }
  return
}

async function rotate(cli: Cli): Promise<undefined> {
  const receipt = await withWriter(cli, writer => writer.rotateKeys())
  if (cli.json) await cli.print(jsonLine(receipt))
  else cli.say(`new keys sign from entry ${receipt.seq} on: give keys/log.vkeys to whoever checks this log`)
  return
}

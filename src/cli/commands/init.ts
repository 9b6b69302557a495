import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { systemWorld } from '../../append/clock.ts'
import { createLog } from '../../append/create-log.ts'
import { checkOrigin } from '../../append/keys.ts'
import type { Cli } from '../cli.ts'
import { asUsage } from '../failure.ts'
import type { Act } from '../flags.ts'
import { withReader } from '../log.ts'
import { jsonLine } from '../text.ts'

interface Options {
  readonly origin?: string
  readonly encryption?: 'sqlcipher' | 'none'
}

export function registerInit(program: Command, act: Act): void {
  program
    .command('init')
    .description('make a new log and its keys')
    .option('--origin <name>', 'the name of the log, such as audit.example.com/agents')
    .addOption(new Option('--encryption <how>', 'how its file is encrypted').choices(['sqlcipher', 'none']))
    .action(act(init))
}

async function init(cli: Cli, { origin, encryption }: Options): Promise<undefined> {
  if (origin !== undefined) asUsage(() => checkOrigin(origin))
  const { vkeys, sealKey, ...made } = await createLog(
    { file: cli.file, keys: cli.keys, origin, encryption },
    systemWorld(),
  )
  // So that a missing index is a missing index from now on, and worth a word.
  await withReader(cli, reader => reader.catchUp())
  if (cli.json) {
    await cli.print(jsonLine({ origin: made.origin, log: made.file, keys: made.keys, vkeys, sealKey }))
    return
  }
  const bold = (text: string) => cli.style('bold', text)
  await cli.print(
    [
      `${bold('A new log was made.')}`,
      '',
      `  origin  ${made.origin}`,
      `  log     ${made.file}`,
      `  keys    ${made.keys}`,
      '',
      `${bold('Its verifier keys')}, to give to whoever shall check it, are the two lines of ${join(made.keys, 'log.vkeys')}:`,
      '',
      `  ${vkeys.ed25519}`,
      `  ${vkeys.mldsa44.slice(0, vkeys.ed25519.length)}… (ML-DSA-44, ${vkeys.mldsa44.length} characters)`,
      '',
      `${bold('Its seal key')}, shown this once and kept nowhere. Keep it on another machine: with it`,
      '(verify --seal-key FILE) anyone can check that no entry was sealed anew after its time.',
      '',
      `  ${sealKey}`,
      '',
      '',
    ].join('\n'),
  )
  return
}

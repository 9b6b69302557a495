import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemWorld } from '../../append/clock.ts'
import { createLog } from '../../append/create-log.ts'
import { checkOrigin } from '../../append/keys.ts'
import { type FrameworkId, frameworkIds } from '../../retention/frameworks.ts'
import type { Cli } from '../cli.ts'
import { asUsage } from '../failure.ts'
import type { Act } from '../flags.ts'
import { withReader } from '../log.ts'
import { presetFile, writePreset } from '../preset.ts'
import { jsonLine } from '../text.ts'

interface Options {
  readonly origin?: string
  readonly encryption?: 'sqlcipher' | 'none'
  readonly subjectKeys?: boolean
  readonly preset?: FrameworkId[]
}

export function registerInit(program: Command, act: Act): void {
  program
    .command('init')
    .description('make a new log and its keys')
    .option('--origin <name>', 'the name of the log, such as audit.example.com/agents')
    .addOption(new Option('--encryption <how>', 'how its file is encrypted').choices(['sqlcipher', 'none']))
    .option('--subject-keys', 'a key for each person, so that an erasure covers backups too')
    .addOption(
      new Option('--preset <framework>', 'write a configuration with its periods; may be repeated')
        .choices(frameworkIds)
        .argParser((value: string, before: FrameworkId[] | undefined) => {
          const framework = frameworkIds.find(id => id === value)
          if (framework === undefined) throw new InvalidArgumentError(`It is none of ${frameworkIds.join(', ')}.`)
          return [...(before ?? []), framework]
        }),
    )
    .action(act(init))
}

async function init(cli: Cli, { origin, encryption, subjectKeys, preset }: Options): Promise<undefined> {
  if (origin !== undefined) asUsage(() => checkOrigin(origin))
  const { config } = await cli.config()
  const target = preset && presetFile(cli)
  const prefix = 'userContext.'
  const paths = config.erasure.subjectPaths.flatMap(path => (path.startsWith(prefix) ? path.slice(prefix.length) : []))
  const { vkeys, sealKey, ...made } = await createLog(
    { file: cli.file, keys: cli.keys, origin, encryption, ...(subjectKeys && { subjectPaths: paths }) },
    systemWorld(),
  )
  if (target !== undefined) {
    await writePreset(target, cli, preset!)
    cli.say(`the configuration is ${target}`)
  }
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

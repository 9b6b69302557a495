import { existsSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { AuditError } from '../../core/errors.ts'
import type { Cli } from '../cli.ts'
import { type ExitCode, exitCodes } from '../failure.ts'
import { writeAtomically } from '../files.ts'
import type { Act } from '../flags.ts'
import { count, jsonLine, layOut, visible } from '../text.ts'

export function registerConfig(program: Command, act: Act): void {
  const config = program.command('config').description('the configuration: what is set, where, and whether it can be')
  config
    .command('print')
    .description('the configuration as it holds, with secrets masked')
    .addOption(new Option('--resolved', 'each value, and where it came from'))
    .action(act(print))
  config.command('check').description('everything that is wrong with it, with the place').action(act(check))
  config.command('schema').description('its JSON Schema').action(act(schema))
  config
    .command('init')
    .description('a new configuration file, to be edited')
    .argument('[file]', 'where to', 'memmimic-audit.yaml')
    .action(act(init))
}

async function print(cli: Cli, { resolved: asTable }: { resolved?: true }): Promise<undefined> {
  const { printedConfig, printedSettings, printedTree } = await import('../../config/printed.ts')
  const { originText } = await import('../../config/layers.ts')
  const resolved = await cli.config()
  if (!asTable) {
    await cli.print(cli.json ? jsonLine(printedTree(resolved)) : printedConfig(resolved))
    return
  }
  const rows = printedSettings(resolved)
  if (cli.json) {
    await cli.print(rows.map(jsonLine).join(''))
    return
  }
  const columns = [
    { title: 'setting', value: (row: (typeof rows)[number]) => visible(row.setting) },
    { title: 'value', value: (row: (typeof rows)[number]) => visible(JSON.stringify(row.value)), min: 20 },
    { title: 'from', value: (row: (typeof rows)[number]) => visible(originText(row.origin)) },
  ]
  const [titles = [], ...lines] = layOut(columns, rows, cli.columns)
  await cli.print(`${cli.style('dim', titles.join('  '))}\n${lines.map(cells => `${cells.join('  ')}\n`).join('')}`)
  return
}

async function check(cli: Cli): Promise<ExitCode> {
  const { judgeConfig } = await import('../../config/resolve.ts')
  const { resolved, problems } = judgeConfig(cli.configSources)
  if (cli.json) await cli.print(jsonLine({ valid: problems.length === 0, file: resolved?.file, problems }))
  else if (resolved === undefined)
    await cli.print(problems.map(({ at, sentence }) => `${visible(`${at}: ${sentence}`)}\n`).join(''))
  else
    cli.say(
      resolved.file === undefined
        ? 'there is no configuration file, and nothing is wrong'
        : `${resolved.file} is valid`,
    )
  if (problems.length > 0) cli.say(count(problems.length, 'thing is wrong', 'things are wrong'))
  return problems.length > 0 ? exitCodes.failed : exitCodes.done
}

async function schema(cli: Cli): Promise<undefined> {
  const { configJsonSchema } = await import('../../config/json-schema.ts')
  await cli.print(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`)
  return
}

async function init(
  cli: Cli,
  _options: unknown,
  [file = 'memmimic-audit.yaml']: readonly string[],
): Promise<undefined> {
  const { configFileText } = await import('../../config/printed.ts')
  if (existsSync(file)) throw new AuditError('already_exists', `${file} is there already: nothing was changed`)
  const settings = {
    environment: 'production',
    log: { file: cli.file, keys: cli.keys },
    retention: { days: 90 },
    server: { port: 7330 },
    logging: { level: 'info' },
    environments: {
      development: { governance: { enforcementMode: 'permissive' }, logging: { level: 'debug' } },
      testing: { governance: { enforcementMode: 'audit_only' } },
    },
  }
  const published = new URL('../../../schemas/config.schema.json', import.meta.url).href
  await writeAtomically(file, async write => write(configFileText(settings, published)))
  if (cli.json) await cli.print(jsonLine({ file }))
  else cli.say(`${file} was made; memmimic-audit config print --resolved shows what holds`)
  return
}

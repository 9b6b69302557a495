import { type Command, InvalidArgumentError, Option } from 'commander'
import { outcomes, securityLevels } from '../../core/entry.ts'
import { compileFilter, type EntryFilter, parseCondition } from '../../core/filter.ts'
import type { Cli } from '../cli.ts'
import { asUsage } from '../failure.ts'
import { type Act, integer, limit, repeated } from '../flags.ts'
import { withReader } from '../log.ts'
import { pagesOf, rowTable } from '../rows.ts'
import { jsonLine } from '../text.ts'

/** The flags of a filter, for every command that takes one. */
export interface FilterFlags {
  readonly operation?: string[]
  readonly component?: string[]
  readonly memoryId?: string[]
  readonly actor?: string[]
  readonly outcome?: string[]
  readonly session?: string[]
  readonly kind?: string[]
  readonly flag?: string[]
  readonly securityLevel?: string[]
  readonly since?: string
  readonly until?: string
  readonly text?: string
  readonly where?: string[]
}

interface Options extends FilterFlags {
  readonly limit: number
  readonly after?: number
  readonly order: 'asc' | 'desc'
}

export function addFilterFlags(command: Command): Command {
  const collecting = (flags: string, description: string, choices: readonly string[]) =>
    new Option(flags, description).choices(choices).argParser((value: string, before: string[] | undefined) => {
      if (!choices.includes(value)) throw new InvalidArgumentError(`It is none of ${choices.join(', ')}.`)
      return repeated(value, before)
    })
  return command
    .option('--operation <name>', 'what was done; this and the next may be repeated: any of them', repeated)
    .option('--component <name>', 'by which part of a system', repeated)
    .option('--memory-id <id>', 'on which memory', repeated)
    .option('--actor <type:id>', 'by whom, or on whose behalf; an id alone is of any type', repeated)
    .addOption(collecting('--outcome <how>', 'how it ended', outcomes))
    .option('--session <id>', 'in which session', repeated)
    .addOption(collecting('--kind <kind>', 'of which kind', ['event', 'intent', 'outcome', 'control']))
    .option('--flag <name>', 'with this compliance flag', repeated)
    .addOption(collecting('--security-level <level>', 'of this level', [...securityLevels, 'standard']))
    .option('--since <time>', 'from this time on, such as 2026-11-23T14:00:00Z')
    .option('--until <time>', 'up to this time')
    .option('--text <words>', 'all of these words in any of its texts; quotes make a phrase')
    .option('--where <condition>', "'field op value', such as 'performanceMetrics.durationMs gt 100'; and", repeated)
}

/** The filter that the flags mean. */
export function filterOf(flags: FilterFlags): EntryFilter {
  const { operation, component, memoryId, actor, outcome, session, kind, flag, securityLevel } = flags
  const { since, until, text, where } = flags
  const given = {
    operation,
    component,
    memoryId,
    actor,
    outcome,
    session,
    kind,
    flag,
    securityLevel,
    since,
    until,
    text,
  }
  const filter: EntryFilter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return asUsage(() => {
    const whole = where === undefined ? filter : { ...filter, where: where.map(parseCondition) }
    compileFilter(whole)
    return whole
  })
}

export function registerQuery(program: Command, act: Act): void {
  addFilterFlags(program.command('query').description('entries that match, newest first'))
    .option('--limit <n>', 'so many at most, or all', limit, 100)
    .option('--after <seq>', 'go on behind this entry: the last one seen', integer())
    .addOption(new Option('--order <order>', 'newest or oldest first').choices(['asc', 'desc']).default('desc'))
    .action(act(query))
}

async function query(cli: Cli, { limit, after, order, ...flags }: Options): Promise<undefined> {
  const filter = filterOf(flags)
  const page = { limit, order, ...(after === undefined ? {} : { after }) }
  await withReader(cli, async reader => {
    let shown = 0
    for await (const views of pagesOf(page, part => reader.query(filter, part))) {
      await cli.print(cli.json ? views.map(jsonLine).join('') : rowTable(cli, views, { title: shown === 0 }))
      shown += views.length
    }
    if (cli.json) return
    if (shown === 0) cli.say('no entry matches')
    else if (shown === limit) cli.say(`the first ${shown}; --limit gives more`)
  })
  return
}

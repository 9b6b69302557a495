import { type Command, InvalidArgumentError, Option } from 'commander'
import { outcomes, securityLevels } from '../../core/entry.ts'
import { compileFilter, type EntryFilter, type IndexedField, indexedFields, parseCondition } from '../../core/filter.ts'
import type { PageOptions } from '../../trail/audit-trail.ts'
import type { Reader } from '../../trail/reader.ts'
import { countText, facetText, histogramText } from '../aggregates.ts'
import type { Cli } from '../cli.ts'
import { asUsage } from '../failure.ts'
import { type Act, duration, integer, limit, repeated } from '../flags.ts'
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
  readonly ignoreCase?: boolean
}

interface Options extends FilterFlags {
  readonly limit?: number
  readonly after?: number
  readonly order: 'asc' | 'desc'
  readonly count?: boolean
  readonly exact?: boolean
  readonly facets?: IndexedField[]
  readonly histogram?: true | number
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
    .option('--ignore-case', 'conditions of --where take upper and lower case as the same')
}

/** The filter that the flags mean. */
export function filterOf(flags: FilterFlags): EntryFilter {
  const { operation, component, memoryId, actor, outcome, session, kind, flag, securityLevel } = flags
  const { since, until, text, where, ignoreCase = false } = flags
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
    const conditions = where?.map(parseCondition).map(one => (ignoreCase ? { ...one, caseSensitive: false } : one))
    const whole = conditions === undefined ? filter : { ...filter, where: conditions }
    compileFilter(whole)
    return whole
  })
}

export function registerQuery(program: Command, act: Act): void {
  addFilterFlags(program.command('query').description('entries that match, newest first'))
    .option('--limit <n>', 'so many at most, or all; 100 unless given, and 10 values of a facet', limit)
    .option('--after <seq>', 'go on behind this entry: the last one seen', integer())
    .addOption(new Option('--order <order>', 'newest or oldest first').choices(['asc', 'desc']).default('desc'))
    .option('--count', 'how many match, instead of the entries')
    .option('--exact', 'with --count: all are counted, however long it takes')
    .addOption(new Option('--facets <field...>', 'their most frequent values').choices(indexedFields))
    .option('--histogram [every]', 'when they were made: in up to 40 buckets, or one every 30s, 5m, 1h, 1d', duration)
    .action(act(query))
}

async function query(cli: Cli, options: Options): Promise<undefined> {
  const { limit, after, order, count, exact, facets, histogram, ...flags } = options
  const filter = filterOf(flags)
  await withReader(cli, async reader => {
    const isSummed = count === true || facets !== undefined || histogram !== undefined
    if (!isSummed) return await entries(cli, reader, filter, { limit: limit ?? 100, after, order })
    if (count === true) {
      const counted = await reader.count(filter, { exact })
      await cli.print(cli.json ? jsonLine(counted) : countText(counted))
    }
    if (facets !== undefined) {
      const found = await reader.facets(filter, { fields: facets, limit: Math.min(limit ?? 10, 1000) })
      await cli.print(cli.json ? found.map(jsonLine).join('') : found.map(facet => facetText(cli, facet)).join('\n'))
    }
    if (histogram !== undefined) {
      const width = histogram === true ? { buckets: 40 } : { everyMs: histogram }
      const found = await reader.histogram(filter, width)
      await cli.print(cli.json ? jsonLine(found) : histogramText(cli, found))
    }
  })
  return
}

async function entries(cli: Cli, reader: Reader, filter: EntryFilter, page: PageOptions): Promise<void> {
  let shown = 0
  for await (const views of pagesOf(page, part => reader.query(filter, part))) {
    await cli.print(cli.json ? views.map(jsonLine).join('') : rowTable(cli, views, { title: shown === 0 }))
    shown += views.length
  }
  if (cli.json) return
  if (shown === 0) cli.say('no entry matches')
  else if (shown === page.limit) cli.say(`the first ${shown}; --limit gives more`)
}

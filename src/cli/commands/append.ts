import { type Command, Option } from 'commander'
import { systemWorld } from '../../append/clock.ts'
import { ImmutableAuditLogger } from '../../append/immutable-audit-logger.ts'
import type { Actor, EntryInput, Json } from '../../core/entry.ts'
import { outcomes, securityLevels } from '../../core/entry.ts'
import { parseJson } from '../../core/json.ts'
import type { Cli } from '../cli.ts'
import { UsageError } from '../failure.ts'
import { type Act, actor, attribute, json, metric, repeated } from '../flags.ts'
import { readAll, strictText } from '../input.ts'
import { intakeOf } from '../intake.ts'
import { needLog, withWriter } from '../log.ts'
import { jsonLine } from '../text.ts'

interface Options {
  readonly operation?: string
  readonly component?: string
  readonly memoryId?: string
  readonly actor?: Actor
  readonly outcome?: EntryInput['outcome']
  readonly context?: Json
  readonly result?: Json
  readonly securityLevel?: EntryInput['securityLevel']
  readonly flag?: string[]
  readonly governance?: string
  readonly metric?: Record<string, number>
  readonly session?: string
  readonly kind?: EntryInput['kind']
  readonly intent?: string
  readonly attribute?: Record<string, string | number | boolean>
}

/** An entry comes with at most a few sealed values of 16 MiB. */
const maxInputBytes = 128 * 1024 * 1024

export function registerAppend(program: Command, act: Act): void {
  program
    .command('append')
    .description('append one entry, and print its receipt when it is on the disk')
    .argument('[-]', 'read the entry as one JSON object from stdin')
    .option('--operation <name>', 'what was done')
    .option('--component <name>', 'which part of a system did it')
    .option('--memory-id <id>', 'on which memory')
    .option('--actor <type:id>', 'who did it', actor)
    .addOption(new Option('--outcome <how>', 'how it ended').choices(outcomes))
    .option('--context <json>', 'userContext: around what', json)
    .option('--result <json>', 'operationResult: with what result', json)
    .addOption(new Option('--security-level <level>', 'how closed it is').choices([...securityLevels, 'standard']))
    .option('--flag <name>', 'a compliance flag; may be repeated', repeated)
    .option('--governance <status>', 'governanceStatus, such as approved')
    .option('--metric <name=number>', 'a performance metric; may be repeated', metric)
    .option('--attribute <name=value>', 'an open attribute, never about a person; may be repeated', attribute)
    .option('--session <id>', 'in which session')
    .addOption(new Option('--kind <kind>', 'before, after, or in itself').choices(['event', 'intent', 'outcome']))
    .option('--intent <id>', 'the id of the intent that this outcome closes')
    .action(act(append))
}

async function append(cli: Cli, options: Options, [source]: readonly string[]): Promise<undefined> {
  needLog(cli)
  const entry = source === undefined ? entryOf(options) : await entryFrom(source, options)
  const prepare = await intakeOf(cli)
  const receipt = await withWriter(cli, writer =>
    new ImmutableAuditLogger({ writer, world: systemWorld(), prepare }).logAuditEntry(entry),
  )
  const { seq, id, entryHash, time } = receipt
  if (cli.json) await cli.print(jsonLine({ seq, id, entryHash, time }))
  else await cli.print(`${cli.style('bold', `entry ${seq}`)}  ${time}  ${id}  ${cli.style('dim', entryHash)}\n`)
  return
}

function entryOf(options: Options): EntryInput {
  const { operation, component, context, result, flag, governance, metric, attribute, ...same } = options
  if (operation === undefined) throw new UsageError('--operation is missing: say what was done')
  if (component === undefined) throw new UsageError('--component is missing: say which part of a system did it')
  return {
    operation,
    component,
    ...same,
    ...(context === undefined ? {} : { userContext: context }),
    ...(result === undefined ? {} : { operationResult: result }),
    ...(flag === undefined ? {} : { complianceFlags: flag }),
    ...(governance === undefined ? {} : { governanceStatus: governance }),
    ...(metric === undefined ? {} : { performanceMetrics: metric }),
    ...(attribute === undefined ? {} : { attributes: attribute }),
  }
}

async function entryFrom(source: string, options: Options): Promise<EntryInput> {
  if (source !== '-') throw new UsageError(`append takes flags, or - for stdin, not ${JSON.stringify(source)}`)
  if (Object.keys(options).length > 0) throw new UsageError('append - takes the whole entry from stdin, and no flags')
  return parseJson(strictText(await readAll(process.stdin, maxInputBytes))) as unknown as EntryInput
}

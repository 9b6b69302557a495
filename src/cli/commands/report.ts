import { extname } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemWorld } from '../../append/clock.ts'
import { utf8 } from '../../core/bytes.ts'
import type { Actor } from '../../core/entry.ts'
import { compileFilter } from '../../core/filter.ts'
import { type ControlFrameworkId, controlFrameworkIds } from '../../report/controls/index.ts'
import { formatHtml } from '../../report/html.ts'
import { formatJson } from '../../report/json.ts'
import { formatMarkdown } from '../../report/markdown.ts'
import { type ReportFormat, recordReport, reportFormats } from '../../report/record.ts'
import { type AuditReport, generateAuditReport, type ReportType, reportTypes } from '../../report/report.ts'
import type { Reader } from '../../trail/reader.ts'
import type { Cli } from '../cli.ts'
import { asUsage, type ExitCode, exitCodes } from '../failure.ts'
import { writeAtomically } from '../files.ts'
import { type Act, actor, repeated } from '../flags.ts'
import { readWhole, strictText } from '../input.ts'
import { operator, withReader, withWriter, writeControl } from '../log.ts'
import { count, jsonLine } from '../text.ts'
import { vkeysOf } from './verify.ts'

interface Options {
  readonly since?: string
  readonly until?: string
  readonly type: ReportType
  readonly framework?: ControlFrameworkId[]
  readonly format?: ReportFormat
  readonly output: string
  readonly title?: string
  readonly actors: boolean
  readonly consoleUrl?: string
  readonly actor?: Actor
  readonly anchor?: string[]
  readonly sealKey?: string
  readonly vkey?: string[]
}

export function registerReport(program: Command, act: Act): void {
  const framework = (value: string, before: string[] | undefined): string[] => {
    if (!controlFrameworkIds.includes(value as ControlFrameworkId)) {
      throw new InvalidArgumentError(`It is none of ${controlFrameworkIds.join(', ')}.`)
    }
    return repeated(value, before)
  }
  program
    .command('report')
    .description('what happened in a period, checked while it is counted; itself an entry in the log')
    .option('--since <time>', 'from this time on, such as 2026-11-01T00:00:00Z; else from the first entry')
    .option('--until <time>', 'up to and with this time; else to the last entry')
    .addOption(new Option('--type <type>', 'which sections it has').choices(reportTypes).default('comprehensive'))
    .addOption(
      new Option('--framework <id>', 'show what speaks to its controls; may be repeated')
        .choices(controlFrameworkIds)
        .argParser(framework),
    )
    .addOption(new Option('--format <format>', 'as the ending of the file says, else md').choices(reportFormats))
    .option('-o, --output <file>', 'where to; - is stdout', '-')
    .option('--title <text>', 'what stands above it')
    .option('--no-actors', 'name no actor: numbers only')
    .option('--console-url <url>', 'where a console runs: figures in HTML lead there', webAddress)
    .option('--actor <type:id>', 'who asks for it, for the record; else the user of this machine', actor)
    .option('--anchor <file>', 'a signed checkpoint that was kept elsewhere; may be repeated', repeated)
    .option('--seal-key <file>', 'the file with the seal key that init showed')
    .option('--vkey <key>', 'a verifier key of the log, when known from elsewhere; may be repeated', repeated)
    .action(act(report, 'judging'))
}

async function report(cli: Cli, options: Options): Promise<ExitCode> {
  const { since, until, type, title, output, framework } = options
  asUsage(() => compileFilter({ ...(since && { since }), ...(until && { until }) }))
  const format = options.format ?? formatOf(output) ?? (cli.json ? 'json' : 'md')
  const { reports, retention } = (await cli.config()).config
  const settings = { ...reports, nameActors: reports.nameActors && options.actors }
  const request = {
    since,
    until,
    type,
    title,
    frameworks: framework,
    anchors: options.anchor?.map(file => strictText(readWhole(file, exitCodes.cannotTell))),
    sealKey:
      options.sealKey === undefined ? undefined : strictText(readWhole(options.sealKey, exitCodes.cannotTell)).trim(),
    vkeys: options.vkey && vkeysOf(options.vkey),
  }
  const made = await withReader(cli, reader =>
    generateAuditReport(
      { reader, world: systemWorld(), settings, retention, sign: () => signed(cli, reader) },
      request,
      { onProgress: (done, total) => cli.progress(`${done} of ${total} entries`) },
    ),
  )
  cli.progress(undefined)
  const bytes = utf8(spelled(made, format, options.consoleUrl ?? settings.consoleUrl))
  await (output === '-' ? cli.print(bytes) : writeAtomically(output, async write => write(bytes)))
  const recorded = await record(cli, { report: made, format, bytes, actor: options.actor ?? operator() })
  if (output !== '-') await tell(cli, { made, format, output, bytes, recorded })
  return verdict(cli, made)
}

function webAddress(text: string): string {
  const protocol = URL.parse(text)?.protocol
  if (protocol === 'http:' || protocol === 'https:') return text
  throw new InvalidArgumentError('It begins with http:// or https://.')
}

function formatOf(file: string): ReportFormat | undefined {
  const endings: Readonly<Record<string, ReportFormat>> = {
    '.html': 'html',
    '.htm': 'html',
    '.md': 'md',
    '.json': 'json',
  }
  return endings[extname(file).toLowerCase()]
}

function spelled(made: AuditReport, format: ReportFormat, consoleUrl: string | undefined): string {
  if (format === 'html') return formatHtml(made, { consoleUrl })
  return format === 'md' ? formatMarkdown(made) : formatJson(made)
}

/** Signs the head, unless a checkpoint covers it. */
async function signed(cli: Cli, reader: Reader): Promise<void> {
  const status = await reader.status()
  if (status.signed < status.size) await withWriter(cli, writer => writer.checkpoint())
}

type Made = Parameters<typeof recordReport>[1]

/** A report that cannot be recorded is a report all the same: of a log that was tampered with, of all logs. */
async function record(cli: Cli, what: Made): Promise<{ seq: number; digest: string } | undefined> {
  try {
    return await recordReport(entry => writeControl(cli, entry), what)
  } catch (error) {
    cli.warn(`the report is made, and not on record: ${(error as Error).message}`)
    return undefined
  }
}

interface Told {
  readonly made: AuditReport
  readonly format: ReportFormat
  readonly output: string
  readonly bytes: Uint8Array
  readonly recorded: { seq: number; digest: string } | undefined
}

async function tell(cli: Cli, { made, format, output, bytes, recorded }: Told): Promise<void> {
  const { valid, complete, trust } = made.integrityStatus
  if (cli.json) {
    const { reportId, totalEntries: entries } = made
    const facts = { report: reportId, file: output, format, bytes: bytes.length, entries, valid, complete, trust }
    await cli.print(jsonLine({ ...facts, ...(recorded && { seq: recorded.seq, digest: recorded.digest }) }))
  } else {
    const where = recorded === undefined ? '' : `, on record as entry ${recorded.seq}`
    cli.say(`${count(made.totalEntries, 'entry', 'entries')} in ${output}${where}`)
  }
}

function verdict(cli: Cli, { integrityStatus }: AuditReport): ExitCode {
  const { valid, complete, findingsTotal } = integrityStatus
  if (!valid) {
    cli.warn(`tampering was found: ${count(findingsTotal, 'finding', 'findings')}; the report says what and where`)
    return exitCodes.tampered
  }
  if (!complete) cli.say('nothing was changed, and something is missing: the report says what')
  return exitCodes.done
}

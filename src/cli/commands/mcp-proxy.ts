import { constants } from 'node:os'
import { type Command, Option } from 'commander'
import { AuditError } from '../../core/errors.ts'
import { recorderLog } from '../../mcp/audit-log-recorder.ts'
import { runStdioProxy } from '../../mcp/index.ts'
import { creationNotice, openAuditLog } from '../../system.ts'
import { type Cli, programName } from '../cli.ts'
import { CliError, type ExitCode, UsageError } from '../failure.ts'
import { type Act, integer } from '../flags.ts'
import { intakeOf } from '../intake.ts'
import { count } from '../text.ts'

interface Options {
  readonly name?: string
  readonly onFailure: 'refuse' | 'spill'
  readonly maxValue?: number
}

/** What a shell answers for a command that cannot be started. */
const cannotStart = 127

export function registerMcpProxy(program: Command, act: Act): void {
  program
    .command('mcp-proxy')
    .description('run an MCP server behind the recorder: no call that is not on the record')
    .usage('[options] -- COMMAND [ARGUMENT...]')
    .argument('[command...]', 'the server, and its arguments')
    .option('--name <name>', 'its name in the record until it has said its own')
    .addOption(
      new Option('--on-failure <how>', 'when the log cannot be written: refuse the call, or spill it into a journal')
        .choices(['refuse', 'spill'])
        .default('refuse'),
    )
    .option('--max-value <bytes>', 'record larger arguments and results as their digests', integer(1))
    .action(act(mcpProxy))
}

async function mcpProxy(cli: Cli, options: Options, [command, ...args]: readonly string[]): Promise<ExitCode> {
  if (command === undefined) throw new UsageError('name the server behind --, such as mcp-proxy -- node server.js')
  const { name, onFailure, maxValue } = options
  const { file, keys } = cli
  // stderr is the server's; what is said there by us says so.
  const tell = (text: string) => process.stderr.write(`${programName}: ${text}\n`)
  const log = await openAuditLog({
    file,
    keys,
    onFailure,
    prepare: await intakeOf(cli),
    closeOnExit: false,
    onCreate: created => tell(creationNotice(created)),
    onNotice: sentence => cli.say(sentence),
  })
  let end: Awaited<ReturnType<typeof runStdioProxy>>
  try {
    end = await runStdioProxy({
      command,
      args,
      log: recorderLog(log),
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      now: () => performance.now(),
      newSessionId: () => crypto.randomUUID(),
      ...(name === undefined ? {} : { name }),
      ...(maxValue === undefined ? {} : { maxValueBytes: maxValue }),
    })
  } catch (error) {
    if (!(error instanceof AuditError && error.code === 'not_found')) throw error
    throw new CliError(cannotStart as ExitCode, error.message, { cause: error })
  } finally {
    await log.close().catch(error => cli.warn(`the log could not be closed in order: ${(error as Error).message}`))
  }
  if (end.lost > 0) cli.warn(`${count(end.lost, 'entry was', 'entries were')} not taken by the log`)
  return (end.exitCode ?? 128 + constants.signals[end.signal!]) as ExitCode
}

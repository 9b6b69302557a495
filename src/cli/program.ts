/** The command line: what there is, and how a run of it ends. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { flushStdout, programName, watchStdout } from './cli.ts'
import { registerAlerts } from './commands/alerts.ts'
import { registerAppend } from './commands/append.ts'
import { registerAttack } from './commands/attack.ts'
import { registerBackup } from './commands/backup.ts'
import { registerCheckpoints } from './commands/checkpoint.ts'
import { registerConfig } from './commands/config.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerErase } from './commands/erase.ts'
import { registerExport } from './commands/export.ts'
import { registerFreeze } from './commands/freeze.ts'
import { registerHold } from './commands/hold.ts'
import { registerIngest } from './commands/ingest.ts'
import { registerInit } from './commands/init.ts'
import { registerKeys } from './commands/keys.ts'
import { registerMcpProxy } from './commands/mcp-proxy.ts'
import { registerMetrics } from './commands/metrics.ts'
import { registerMigrate } from './commands/migrate.ts'
import { registerQuery } from './commands/query.ts'
import { registerReport } from './commands/report.ts'
import { registerRestore } from './commands/restore.ts'
import { registerRetention } from './commands/retention.ts'
import { registerServe } from './commands/serve.ts'
import { registerShow } from './commands/show.ts'
import { registerStatus } from './commands/status.ts'
import { registerVerify } from './commands/verify.ts'
import { registerVerifyProof } from './commands/verify-proof.ts'
import { exitCodeOf, exitCodes, PipeClosed } from './failure.ts'
import { actions, type Outcome } from './flags.ts'
import { visible } from './text.ts'

/** Runs the command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  watchStdout()
  const code = await run(argv)
  await flushStdout()
  process.exit(code)
}

async function run(argv: readonly string[]): Promise<number> {
  const outcome: Outcome = { exit: exitCodes.done, judging: false }
  const program = build(outcome)
  try {
    if (argv.length === 0) {
      process.stderr.write(program.helpInformation())
      return exitCodes.usage
    }
    await program.parseAsync(argv, { from: 'user' })
    return outcome.exit
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (!(error instanceof PipeClosed)) complain(error as Error, program.opts().verbose === true)
    return exitCodeOf(error, outcome.judging ? 'judging' : 'working')
  }
}

/** One sentence, on one line; with `--verbose` also where it came from. */
function complain(error: Error, verbose: boolean): void {
  const sentence = visible((error.message || error.name).replaceAll(/\s*\n\s*/g, ' '))
  process.stderr.write(`${programName}: ${sentence}\n`)
  if (!verbose) return
  for (let at: unknown = error; at instanceof Error; at = at.cause) process.stderr.write(`${at.stack}\n`)
}

function build(outcome: Outcome): Command {
  const program = new Command(programName)
    .description('The audit log for AI agents: what was done, by whom, provably.')
    .version(version(), '-V, --version', 'say which release this is')
    .helpOption('-h, --help', 'say how to use it')
    .option('--log <file>', 'the log; else MEMMIMIC_AUDIT_LOG, else below the XDG data folder')
    .option('--keys <dir>', 'the folder of its keys; else MEMMIMIC_AUDIT_KEYS, else below the XDG config folder')
    .option(
      '--config <file>',
      'the configuration; else MEMMIMIC_AUDIT_CONFIG, else ./memmimic-audit.yaml, else the usual places',
    )
    .option('--json', 'answers as JSON')
    .option('--quiet', 'no messages but errors')
    .option('--no-color', 'no colour')
    .option('--no-input', 'never ask')
    .option('--verbose', 'errors with where they came from')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeErr: text => process.stderr.write(oneLine(text)),
      outputError: (text, write) => write(text),
    })
    .addHelpText('beforeAll', '')
    .addHelpText('after', examples)
  const act = actions(outcome)
  const registers = [
    registerInit,
    registerAppend,
    registerIngest,
    registerQuery,
    registerShow,
    registerVerify,
    registerCheckpoints,
    registerVerifyProof,
    registerAttack,
    registerExport,
    registerReport,
    registerAlerts,
    registerRetention,
    registerHold,
    registerErase,
    registerKeys,
    registerBackup,
    registerRestore,
    registerFreeze,
    registerStatus,
    registerDoctor,
    registerConfig,
    registerMetrics,
    registerServe,
    registerMigrate,
    registerMcpProxy,
  ]
  for (const register of registers) register(program, act)
  return program
}

/** What commander has to say about wrong usage, as our one sentence. Help goes through unchanged. */
function oneLine(text: string): string {
  const found = /^error: ([\s\S]*?)\s*$/.exec(text)
  if (found === null) return text
  const sentence = visible(found[1]!.replaceAll(/\s*\n\s*/g, ' ')).replace(/\.$/, '')
  return `${programName}: ${sentence}\n`
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

const examples = `
Examples:
  memmimic-audit init
  memmimic-audit append --operation remember --component memory --actor agent:claude --outcome success
  memmimic-audit mcp-proxy -- npx -y @modelcontextprotocol/server-memory
  memmimic-audit query --outcome failure --since 2026-11-23T00:00:00Z
  memmimic-audit verify

Exit codes: 0 done or verified, 1 failed, 2 wrong usage, 3 tampering found, 4 cannot tell, 5 not found,
6 something is missing (verify --complete), 75 try again later.
`

/** What every command is given: where the log is, what is set, and how to speak. */
import { styleText } from 'node:util'
import type { ConfigSources, FlagSetting, ResolvedConfig } from '../config/resolve.ts'
import { PipeClosed } from './failure.ts'
import { openSettings } from './settings.ts'
import { visible } from './text.ts'

/** The flags that stand before or after any command. */
export interface GlobalFlags {
  readonly log?: string
  readonly keys?: string
  readonly config?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly color?: boolean
  readonly input?: boolean
  readonly verbose?: boolean
}

type Style = Parameters<typeof styleText>[0]

/** The command line as a command sees it. */
export interface Cli {
  /** The log. This and `keys` throw when the configuration that would say where they are is not valid. */
  readonly file: string
  readonly keys: string
  /** From what the configuration is made. */
  readonly configSources: ConfigSources
  /** Whether anything is set at all, in a file or in the environment. */
  readonly isConfigured: boolean
  /**
   * Everything that is set, by flags, environment, file and default.
   *
   * @param flags what this command's own flags set
   * @throws AuditError `bad_input` with the place of what is wrong
   */
  config(flags?: readonly FlagSetting[]): Promise<ResolvedConfig>
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  /** Columns of the terminal; wide enough for everything when stdout is not one. */
  readonly columns: number
  /** Data, on stdout. Waits for a slow reader; throws `PipeClosed` when there is none any more. */
  print(text: string | Uint8Array): Promise<void>
  /** A message, on stderr, unless `--quiet`. */
  say(sentence: string): void
  /** What did not go well, on stderr, in any case. */
  warn(sentence: string): void
  /** Colour for stdout, where it is wanted. */
  style(style: Style, text: string): string
  /** How far a long work is, on stderr, on a terminal only. */
  progress(text: string | undefined): void
}

/** The name under which every message is said. */
export const programName = 'memmimic-audit'

export async function openCli(flags: GlobalFlags, env: NodeJS.ProcessEnv = process.env): Promise<Cli> {
  const settings = await openSettings(flags, env)
  const { stdout, stderr } = process
  const quiet = flags.quiet === true
  const json = flags.json === true
  const showsProgress = stderr.isTTY === true && !quiet && !json
  let inProgress = false
  const clear = () => {
    if (inProgress) stderr.write('\r\u001b[K')
    inProgress = false
  }
  const warn = (sentence: string) => {
    clear()
    stderr.write(`${programName}: ${visible(sentence)}\n`)
  }
  return {
    get file() {
      return settings.file()
    },
    get keys() {
      return settings.keys()
    },
    configSources: settings.sources,
    isConfigured: settings.isSet,
    config: settings.config,
    json,
    quiet,
    verbose: flags.verbose === true,
    columns: stdout.isTTY ? Math.max(40, stdout.columns) : Number.POSITIVE_INFINITY,
    print,
    say: sentence => {
      if (!quiet) warn(sentence)
    },
    warn,
    style: (style, text) => (flags.color === false ? text : styleText(style, text, { stream: stdout })),
    progress(text) {
      if (!showsProgress) return
      clear()
      if (text === undefined) return
      stderr.write(`\r${text.slice(0, (stderr.columns ?? 80) - 1)}`)
      inProgress = true
    },
  }
}

let pipeClosed = false

/** Notices when the reader of stdout goes away, instead of ending with a stack. */
export function watchStdout(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = 1
    pipeClosed = true
  })
  process.stderr.on('error', () => {})
}

async function print(text: string | Uint8Array): Promise<void> {
  if (pipeClosed) throw new PipeClosed()
  if (process.stdout.write(text)) return
  await new Promise<void>(resolve => {
    process.stdout.once('drain', resolve)
    process.stdout.once('error', () => resolve())
    process.stdout.once('close', resolve)
  })
  process.stdout.removeAllListeners('drain').removeAllListeners('close')
  if (pipeClosed) throw new PipeClosed()
}

/** Resolves when everything that was printed has left this process. */
export async function flushStdout(): Promise<void> {
  if (pipeClosed || process.stdout.destroyed) return
  await new Promise<void>(resolve => process.stdout.write('', () => resolve()))
}

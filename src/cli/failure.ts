/** How a command ends: the exit codes of the contract, and which error leads to which. */
import { AuditError, type AuditErrorCode } from '../core/errors.ts'

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  tampered: 3,
  cannotTell: 4,
  notFound: 5,
  incomplete: 6,
  tryLater: 75,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** A failure that knows its exit code. */
export class CliError extends Error {
  readonly exit: ExitCode

  constructor(exit: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliError'
    this.exit = exit
  }
}

/** The command line itself is wrong. */
export class UsageError extends CliError {
  constructor(message: string, options?: ErrorOptions) {
    super(exitCodes.usage, message, options)
    this.name = 'UsageError'
  }
}

/** Whoever reads our stdout has gone: there is nobody left to write for. */
export class PipeClosed extends Error {}

const exitOf: Readonly<Record<AuditErrorCode, ExitCode>> = {
  bad_input: exitCodes.failed,
  bad_format: exitCodes.failed,
  bad_signature: exitCodes.tampered,
  bad_proof: exitCodes.tampered,
  not_found: exitCodes.failed,
  already_exists: exitCodes.failed,
  bad_key: exitCodes.failed,
  newer_schema: exitCodes.failed,
  damaged: exitCodes.tampered,
  frozen: exitCodes.failed,
  not_allowed: exitCodes.failed,
  closed: exitCodes.failed,
  busy: exitCodes.tryLater,
  io: exitCodes.failed,
}

/** Where an error decides whether a log can be judged at all, it means something else than elsewhere. */
const exitOfJudging: Readonly<Partial<Record<AuditErrorCode, ExitCode>>> = {
  bad_format: exitCodes.cannotTell,
  not_found: exitCodes.cannotTell,
  bad_key: exitCodes.cannotTell,
  newer_schema: exitCodes.cannotTell,
  io: exitCodes.cannotTell,
}

/**
 * The exit code of an error. An entry that is not there is a `CliError` with a code of its own: `not_found` here is a
 * log, a key or a command.
 */
export function exitCodeOf(error: unknown, doing: 'working' | 'judging' = 'working'): ExitCode {
  if (error instanceof CliError) return error.exit
  if (error instanceof PipeClosed) return exitCodes.done
  if (!(error instanceof AuditError)) return exitCodes.failed
  return (doing === 'judging' ? exitOfJudging[error.code] : undefined) ?? exitOf[error.code]
}

/** Runs what judges a flag's value: what it refuses is wrong usage, said with the flag's name. */
export function asUsage<T>(judge: () => T): T {
  try {
    return judge()
  } catch (error) {
    if (!(error instanceof AuditError && error.code === 'bad_input')) throw error
    throw new UsageError(
      error.message.replace(/^\$\.(\w+)/, (_, name: string) => flagOf(name)),
      { cause: error },
    )
  }
}

function flagOf(member: string): string {
  return `--${member.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

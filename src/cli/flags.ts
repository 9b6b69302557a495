/** Values of flags, judged where they are parsed: what is refused here is wrong usage. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Json } from '../core/entry.ts'
import { parseJson } from '../core/json.ts'
import { type Cli, type GlobalFlags, openCli } from './cli.ts'
import type { ExitCode } from './failure.ts'

/** Adds one more to a flag that may be repeated. */
export function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

export function integer(least = 0): (text: string) => number {
  return text => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least)) throw new InvalidArgumentError(`It must be a whole number from ${least} on.`)
    return value
  }
}

export function limit(text: string): number {
  return text === 'all' ? Number.POSITIVE_INFINITY : integer(1)(text)
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A time such as `30s`, `5m`, `1h` or `1d`, in milliseconds. */
export function duration(text: string): number {
  const [, digits, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
  const ms = Number(digits) * (units[unit as keyof typeof units] ?? Number.NaN)
  if (!(ms >= 1)) throw new InvalidArgumentError('It is a number and a unit: ms, s, m, h or d, such as 5m.')
  return ms
}

export function json(text: string): Json {
  try {
    return parseJson(text)
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message}.`)
  }
}

export function actor(text: string): { type: string; id: string } {
  const colon = text.indexOf(':')
  if (colon < 1 || colon === text.length - 1) {
    throw new InvalidArgumentError('It is written TYPE:ID, such as agent:claude.')
  }
  return { type: text.slice(0, colon), id: text.slice(colon + 1) }
}

/** `K=V` with a number as V, repeated. */
export function metric(text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
  const [name, value] = pair(text)
  const number = value.trim() === '' ? Number.NaN : Number(value)
  if (!Number.isFinite(number)) throw new InvalidArgumentError('It is written NAME=NUMBER.')
  return { ...before, [name]: number }
}

/** `K=V` with a text, a number or true/false as V, repeated. */
export function attribute(
  text: string,
  before: Readonly<Record<string, string | number | boolean>> = {},
): Record<string, string | number | boolean> {
  const [name, value] = pair(text)
  const isPlain = /^(?:-?\d+(?:\.\d+)?|true|false)$/.test(value)
  return { ...before, [name]: isPlain ? (JSON.parse(value) as number | boolean) : value }
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It is written NAME=VALUE.')
  return [text.slice(0, at), text.slice(at + 1)]
}

type Work = (cli: Cli, options: never, args: readonly string[]) => Promise<ExitCode | undefined>

/** How the commands tell `main` what their work came to. */
export interface Outcome {
  exit: ExitCode
  /** Errors while judging a log mean something else than elsewhere. */
  judging: boolean
}

/** Makes a command's action: opens what every command is given, and keeps its exit code. */
export type Act = (work: Work, doing?: 'judging') => (...given: unknown[]) => Promise<void>

export function actions(outcome: Outcome): Act {
  return (work, doing) =>
    async (...given) => {
      const command = given.at(-1) as Command
      outcome.judging = doing === 'judging'
      const cli = await openCli(command.optsWithGlobals<GlobalFlags>())
      outcome.exit = (await work(cli, command.opts() as never, command.args)) ?? 0
    }
}

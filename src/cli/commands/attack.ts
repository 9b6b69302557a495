import { randomInt } from 'node:crypto'
import type { Command } from 'commander'
import { type AttackReport, type Played, runAttackKit } from '../../attack/kit.ts'
import { AuditError } from '../../core/errors.ts'
import type { Cli } from '../cli.ts'
import { CliError, type ExitCode, exitCodes } from '../failure.ts'
import { type Act, integer } from '../flags.ts'
import { needLog } from '../log.ts'
import { type Column, count, jsonLine, layOut, visible } from '../text.ts'
import { readSealKey } from './verify.ts'

interface Options {
  readonly seed?: number
  readonly walks?: number
  readonly sealKey?: string
}

/** Random walks, unless it is said how many. */
const walksUnlessGiven = 20

export function registerAttack(program: Command, act: Act): void {
  program
    .command('attack')
    .description('play every known attack on a copy of the log, and say what caught it')
    .option('--seed <n>', 'the seed of the first random walk, to play it again', integer())
    .option('--walks <n>', `how many random walks; ${walksUnlessGiven} unless given`, integer())
    .option('--seal-key <file>', 'the file with the seal key that init showed')
    .action(act(attack, 'judging'))
}

async function attack(cli: Cli, options: Options): Promise<ExitCode> {
  const { walks = walksUnlessGiven, seed = randomInt(2 ** 31) } = options
  const sealKey = options.sealKey === undefined ? undefined : readSealKey(options.sealKey)
  const report = await played(cli, { walks, seed, sealKey })
  cli.progress(undefined)
  await cli.print(cli.json ? jsonLine(report) : reportText(cli, report))
  return report.escaped + report.falseAlarms === 0 ? exitCodes.done : exitCodes.failed
}

async function played(
  cli: Cli,
  { walks, seed, sealKey }: { walks: number; seed: number; sealKey: string | undefined },
): Promise<AttackReport> {
  const interrupted = new AbortController()
  const stop = (signal: NodeJS.Signals) => interrupted.abort(new CliError(exitCodes.failed, `stopped by ${signal}`))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    needLog(cli)
    const { file, keys } = cli
    return await runAttackKit({
      log: { file, keys, sealKey },
      walk: { walks, seed },
      onStep: (done, all) => cli.progress(`${done} of ${all} moves played`),
      signal: interrupted.signal,
    })
  } catch (error) {
    // What is wrong with the log before anything was done to it is for verify to say.
    if (!(error instanceof AuditError && error.code === 'damaged')) throw error
    throw new CliError(exitCodes.cannotTell, error.message, { cause: error })
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
  }
}

interface Line {
  readonly row: string
  readonly move: string
  readonly by: string
  readonly trust: string
  readonly seq: string
}

const columns: readonly Column<Line>[] = [
  { title: 'ROW', value: ({ row }) => row },
  { title: 'WHAT WAS TRIED', value: ({ move }) => move, min: 20 },
  { title: 'WHAT CAUGHT IT', value: ({ by }) => by },
  { title: 'FROM', value: ({ trust }) => trust },
  { title: 'FIRST BAD', value: ({ seq }) => seq, align: 'right' },
]

/** A table by rows, then what cannot be caught and why, then what went wrong, and the verdict last. */
function reportText(cli: Cli, report: AttackReport): string {
  const { moves, caught, escaped, argued, falseAlarms, alarms, walked } = report
  const [titles, ...rows] = layOut(columns, moves.map(lineOf), cli.columns)
  const lines = [playedOn(report), '', cli.style('bold', titles!.join('  ').trimEnd())]
  rows.forEach((cells, i) => {
    const line = cells.join('  ').trimEnd()
    const isEscaped = !moves[i]!.caught && !moves[i]!.argued
    lines.push(isEscaped ? cli.style('red', line) : moves[i]!.argued ? cli.style('dim', line) : line)
  })
  const reasons = (title: string, some: readonly string[]) => {
    if (some.length > 0) lines.push('', cli.style('bold', title), ...some.map(text => `  ${text}`))
  }
  const why = ({ row, move, why: reason }: Played) => visible(`row ${row}, ${move}: ${reason}`)
  reasons('What nothing on this machine can catch, and why', moves.filter(move => move.argued).map(why))
  reasons('What escaped', [
    ...moves.filter(move => !move.caught && !move.argued).map(why),
    ...(walked?.escaped ?? []).map(({ seed, steps }) => visible(`the walk of seed ${seed}: ${steps.join(', then ')}`)),
  ])
  reasons('False alarms', alarms.map(visible))
  if (walked !== undefined) {
    const { walks, steps, detected, unchanged, seed } = walked
    const told = `${detected} were noticed, ${unchanged} changed nothing that anyone reads`
    lines.push('', `${count(walks, 'random walk', 'random walks')} of ${steps} deeds from seed ${seed}: ${told}`)
  }
  const isSound = escaped + falseAlarms === 0
  const verdict = [
    `${caught} of ${count(moves.length, 'move was', 'moves were')} caught`,
    `${escaped} escaped`,
    `${argued} cannot be caught on this machine`,
    count(falseAlarms, 'false alarm', 'false alarms'),
  ]
  lines.push(
    '',
    `${cli.style(['bold', isSound ? 'green' : 'red'], isSound ? 'holds' : 'DOES NOT HOLD')}: ${verdict.join(', ')}`,
  )
  return `${lines.join('\n')}\n`
}

function lineOf(
  { row, move, caught, finding, argued, trust, seq, on }: Played,
  i: number,
  all: readonly Played[],
): Line {
  return {
    row: all[i - 1]?.row === row ? '' : row,
    move: on === 'copy' ? move : `${move} *`,
    by: caught ? visible(finding ?? '') : argued ? 'nothing can' : 'ESCAPED',
    trust: trust ?? '',
    seq: seq === null ? '' : String(seq),
  }
}

/** What the moves were played on, and what that leaves out. */
function playedOn({ moves, played: { entries, added, from } }: AttackReport): string {
  const parts = [`${count(moves.length, 'move', 'moves')} on a copy of ${count(entries, 'entry', 'entries')}`]
  parts.push(`${added} samples were added to the copy`)
  if (from > 0) parts.push(`of so long a log only the entries from ${from} on were played on and checked`)
  if (moves.some(({ on }) => on === 'samples')) {
    const why = from > 0 ? 'long' : 'short'
    parts.push(`moves with a * need another log than one so ${why}, and were played on a log of samples`)
  }
  return parts.join('; ')
}

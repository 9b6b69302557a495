import { closeSync, openSync, writeSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { importSeedFile, type RejectedRow, type SeedImportReport } from '../../migrate/seed-import.ts'
import type { Cli } from '../cli.ts'
import { CliError, type ExitCode, exitCodes } from '../failure.ts'
import type { Act } from '../flags.ts'
import { operator, withLog } from '../log.ts'
import { count, jsonLine } from '../text.ts'

interface Options {
  readonly from: 'memmimic'
  readonly dryRun?: boolean
  readonly rejects?: string
}

/** Rejected rows that are named, before they are only counted. */
const maxNamed = 20

export function registerMigrate(program: Command, act: Act): void {
  program
    .command('migrate')
    .description('import the rows of another log, each marked with what its chain shows and what it cannot')
    .argument('<file>', 'its database; nothing is written to it')
    .addOption(new Option('--from <kind>', 'whose log it is').choices(['memmimic']).makeOptionMandatory())
    .option('--dry-run', 'read and judge every row, and write nothing')
    .option('--rejects <file>', 'keep the rows that could not be taken, as JSON lines')
    .action(act(migrate))
}

async function migrate(
  cli: Cli,
  { dryRun = false, rejects }: Options,
  [file = '']: readonly string[],
): Promise<ExitCode> {
  const stop = new AbortController()
  const onSignal = () => stop.abort(new CliError(exitCodes.failed, 'stopped by a signal: run it again to go on'))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, onSignal)
  const keep = keeperOf(rejects)
  let named = 0
  const onRejected = ({ row, reason }: RejectedRow) => {
    keep.line(jsonLine({ ...row, reason }))
    if (++named <= maxNamed) cli.warn(`row ${row.number}: ${reason}`)
    else if (named === maxNamed + 1) cli.warn('more rows are not taken; from here on they are counted')
  }
  try {
    const report = await withLog(cli, ({ log, logger, reader }) =>
      importSeedFile({
        file,
        append: entry => log.append(entry),
        control: entry => logger.logControl({ actor: operator(), ...entry }),
        reader,
        dryRun,
        onRejected,
        onProgress: rows => cli.progress(`${rows} rows read`),
        signal: stop.signal,
      }),
    )
    cli.progress(undefined)
    if (cli.json) await cli.print(jsonLine(report))
    else say(cli, report, dryRun)
    return report.rejected > 0 ? exitCodes.failed : exitCodes.done
  } finally {
    keep.close()
  }
}

function say(cli: Cli, { rows, imported, known, rejected, chain, odd }: SeedImportReport, dryRun: boolean): void {
  const went = dryRun ? 'would be imported' : imported === 1 ? 'was imported' : 'were imported'
  const before = known > 0 ? `, ${known} had been before` : ''
  const not = rejected > 0 ? `, ${rejected} could not be` : ''
  cli.say(`of ${count(rows, 'row', 'rows')} ${imported} ${went}${before}${not}`)
  const marks = [`${chain.linked} linked`, `${chain.broken} broken`, `${chain.unlinked} unlinked`]
  cli.say(`as the old chain shows them: ${marks.join(', ')}, ${chain.missing} of which only the chain knows`)
  if (odd > 0) cli.say(`${count(odd, 'row has', 'rows have')} columns that are not as they should be: see imported.odd`)
  cli.say('no hash of that file can ever be computed again: the keys in them were never kept')
}

function keeperOf(file: string | undefined): { line(text: string): void; close(): void } {
  if (file === undefined) return { line: () => {}, close: () => {} }
  try {
    const fd = openSync(file, 'w', 0o600)
    return { line: text => writeSync(fd, text), close: () => closeSync(fd) }
  } catch (error) {
    const why = (error as Error).message
    throw new CliError(exitCodes.failed, `${file} could not be written: ${why}`, { cause: error })
  }
}

import { hostname } from 'node:os'
import { type Command, Option } from 'commander'
import { systemWorld } from '../../append/clock.ts'
import type { ControlInput } from '../../core/control.ts'
import type { Receipt } from '../../core/entry.ts'
import { type ExportFormat, exportEntries, exportFormats } from '../../export/export.ts'
import type { Cli } from '../cli.ts'
import { type ExitCode, exitCodes, UsageError } from '../failure.ts'
import { writeAtomically } from '../files.ts'
import { type Act, repeated } from '../flags.ts'
import { readWhole, strictText } from '../input.ts'
import { operator, withReader, withWriter, writeControl } from '../log.ts'
import { count, jsonLine } from '../text.ts'
import { exportTiles } from '../tiles-tree.ts'
import { addFilterFlags, type FilterFlags, filterOf } from './query.ts'

interface Options extends FilterFlags {
  readonly format?: ExportFormat
  readonly output?: string
  readonly disclose?: string
  readonly anchor?: string[]
  readonly tiles?: string
}

export function registerExport(program: Command, act: Act): void {
  addFilterFlags(
    program.command('export').description('entries for elsewhere, oldest first; or the log as a tree of tiles'),
  )
    .addOption(new Option('--format <format>', 'how: a bundle can be verified anywhere').choices(exportFormats))
    .option('-o, --output <file>', 'where to; stdout unless given')
    .option('--disclose <names>', 'which sealed values leave: all, none, or names with commas between', 'all')
    .option('--anchor <file>', 'for a bundle: a signed checkpoint that it shall be held against later', repeated)
    .option('--tiles <dir>', 'the whole log as a static C2SP tlog-tiles tree, for any web server')
    .action(act(exportLog))
}

async function exportLog(cli: Cli, options: Options): Promise<ExitCode> {
  const { format, output = '-', disclose = 'all', anchor, tiles, ...flags } = options
  if (tiles !== undefined) {
    const isAlone = Object.keys(flags).length === 0 && disclose === 'all' && anchor === undefined
    if (format !== undefined || output !== '-' || !isAlone) {
      throw new UsageError('--tiles exports the whole log: it takes no filter, no --format and no -o')
    }
    const tree = await exportTiles(cli, tiles)
    const { origin, size, rootHash, files } = tree
    const attributes = { format: 'tiles', entries: size, size, rootHash }
    await recordExport(cli, { operation: 'access.export', outcome: 'success', attributes, actor: operator() })
    if (cli.json) await cli.print(jsonLine({ ...tree, folder: tiles }))
    else cli.say(`${count(size, 'entry', 'entries')} of ${origin} in ${count(files, 'file', 'files')} below ${tiles}`)
    return exitCodes.done
  }
  if (format === undefined) throw new UsageError('say how: --format jsonl, or --tiles DIR')
  if (anchor !== undefined && format !== 'bundle') throw new UsageError('--anchor is for --format bundle')
  const filter = filterOf(flags)
  const anchors = anchor?.map(file => strictText(readWhole(file)))
  const summary = await withReader(cli, async reader => {
    const request = {
      reader,
      format,
      filter,
      mayOpen: mayOpen(disclose),
      now: systemWorld().now,
      actor: operator(),
      syslog: { hostname: hostname() },
      sign: () => signHead(cli),
      record: (entry: ControlInput) => recordExport(cli, entry),
      onProgress: (entries: number) => cli.progress(`${entries} entries exported`),
      ...(anchors && { anchors }),
    }
    if (output === '-') return await exportEntries({ ...request, write: text => cli.print(text) })
    return await writeAtomically(output, write => exportEntries({ ...request, write }))
  })
  cli.progress(undefined)
  const { entries, unreadable } = summary
  if (output !== '-' && cli.json) await cli.print(jsonLine({ ...summary, file: output }))
  else if (output !== '-') cli.say(`${count(entries, 'entry is', 'entries are')} in ${output}`)
  if (unreadable === 0) return exitCodes.done
  cli.warn(`${count(unreadable, 'entry', 'entries')} could not be read and did not leave: run verify`)
  return exitCodes.failed
}

/** Whoever cannot write the log exports what is signed already. */
async function signHead(cli: Cli): Promise<void> {
  try {
    await withWriter(cli, writer => writer.checkpoint())
  } catch (error) {
    cli.warn(`the newest entries could not be signed, and are left out: ${(error as Error).message}`)
  }
}

/** A log that cannot be written can still be read: that nobody will know of it is said. */
async function recordExport(cli: Cli, entry: ControlInput): Promise<Receipt | undefined> {
  try {
    return await writeControl(cli, entry)
  } catch (error) {
    cli.warn(`the export could not be recorded in the log: ${(error as Error).message}`)
    return undefined
  }
}

/** Which sealed values leave, by the names in a flag. */
function mayOpen(disclose: string): (entry: unknown, name: string) => boolean {
  if (disclose === 'all') return () => true
  const names = new Set(disclose === 'none' ? [] : disclose.split(','))
  return (_, name) => names.has(name)
}

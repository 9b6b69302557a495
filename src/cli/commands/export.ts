import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { UsageError } from '../failure.ts'
import { writeAtomically } from '../files.ts'
import type { Act } from '../flags.ts'
import { withReader } from '../log.ts'
import { pagesOf } from '../rows.ts'
import { count, jsonLine } from '../text.ts'
import { exportTiles } from '../tiles-tree.ts'
import { addFilterFlags, type FilterFlags, filterOf } from './query.ts'

interface Options extends FilterFlags {
  readonly format?: string
  readonly output?: string
  readonly tiles?: string
}

export function registerExport(program: Command, act: Act): void {
  addFilterFlags(
    program.command('export').description('entries for elsewhere, oldest first; or the log as a tree of tiles'),
  )
    .option('--format <format>', 'jsonl: one entry as JSON a line')
    .option('-o, --output <file>', 'where to; stdout unless given')
    .option('--tiles <dir>', 'the whole log as a static C2SP tlog-tiles tree, for any web server')
    .action(act(exportLog))
}

async function exportLog(cli: Cli, { format, output = '-', tiles, ...flags }: Options): Promise<undefined> {
  if (tiles !== undefined) {
    if (format !== undefined || output !== '-' || Object.keys(flags).length > 0) {
      throw new UsageError('--tiles exports the whole log: it takes no filter, no --format and no -o')
    }
    const { origin, size, files } = await exportTiles(cli, tiles)
    if (cli.json) await cli.print(jsonLine({ origin, size, files, folder: tiles }))
    else cli.say(`${count(size, 'entry', 'entries')} of ${origin} in ${count(files, 'file', 'files')} below ${tiles}`)
    return
  }
  if (format === undefined) throw new UsageError('say how: --format jsonl, or --tiles DIR')
  if (format !== 'jsonl') {
    throw new UsageError(`there is no format ${JSON.stringify(format)} in this release: --format jsonl, or --tiles DIR`)
  }
  const filter = filterOf(flags)
  let entries = 0
  await withReader(cli, async reader => {
    const all = { limit: Number.POSITIVE_INFINITY, order: 'asc' } as const
    const pages = async (write: (text: string) => void | Promise<void>) => {
      for await (const views of pagesOf(all, part => reader.query(filter, part))) {
        await write(views.map(jsonLine).join(''))
        entries += views.length
        cli.progress(`${entries} entries exported`)
      }
      cli.progress(undefined)
    }
    await (output === '-' ? pages(text => cli.print(text)) : writeAtomically(output, write => pages(write)))
  })
  if (output !== '-') cli.say(`${count(entries, 'entry is', 'entries are')} in ${output}`)
  return
}

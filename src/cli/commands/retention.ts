import { Argument, type Command } from 'commander'
import { archiveTo } from '../../retention/archive.ts'
import { runRetention } from '../../retention/retention.ts'
import type { Cli } from '../cli.ts'
import { type Act, integer } from '../flags.ts'
import { withLog } from '../log.ts'
import { count, jsonLine } from '../text.ts'

interface Options {
  readonly dryRun?: boolean
  readonly days?: number
}

export function registerRetention(program: Command, act: Act): void {
  program
    .command('retention')
    .description('let go of content whose period is over, on record; a legal hold keeps what it covers')
    .addArgument(new Argument('<what>', 'what to do').choices(['run']))
    .option('--dry-run', 'say what would go, and change nothing')
    .option('--days <n>', 'the period where no rule is about an entry; else as configured, else 90', integer(1))
    .action(act(retention))
}

async function retention(cli: Cli, { dryRun = false, days }: Options): Promise<undefined> {
  const { config } = await cli.config()
  const settings = { ...config.retention, ...(days === undefined ? {} : { days }) }
  await withLog(cli, async ({ quietReader: reader, writer, world }) => {
    const archive = settings.archive && archiveTo(settings.archive, { reader, sign: writer.checkpoint })
    const parts = { reader, remove: writer.remove, now: () => world.now(), ...(archive && { archive }) }
    let removed = 0
    const onStep = (entries: number) => {
      removed += entries
      cli.progress(`${removed} entries`)
    }
    const report = await runRetention(parts, settings, { dryRun, onStep })
    cli.progress(undefined)
    for (const warning of report.warnings) cli.warn(warning)
    if (cli.json) return await cli.print(jsonLine(report))
    const { entries, held, below } = report
    const went = dryRun ? 'would go' : entries === 1 ? 'is gone' : 'is gone, on record'
    cli.say(
      `the content of ${count(entries, 'entry', 'entries')} ${went}; a hold keeps ${count(held, 'entry', 'entries')}`,
    )
    if (below > 0) cli.say(`the leaves below entry ${below} ${dryRun ? 'would go' : 'are gone'}, but the first`)
  })
  return
}

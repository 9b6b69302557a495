import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Reader } from '../../trail/reader.ts'
import type { Cli } from '../cli.ts'
import { type Act, integer } from '../flags.ts'
import { entryName, noEntry, withReader } from '../log.ts'
import { entryText, pagesOf, rowTable } from '../rows.ts'
import { jsonLine } from '../text.ts'

/** How often a followed log is looked at, in milliseconds. */
const pollMs = 200

export function registerShow(program: Command, act: Act): void {
  program
    .command('show')
    .description('one entry in full')
    .argument('<entry>', 'its number or its id')
    .option('--leaf', 'the exact bytes that are hashed, and nothing else')
    .action(act(show))
  program
    .command('tail')
    .description('the newest entries, oldest of them first')
    .option('-n, --lines <n>', 'so many', integer(), 10)
    .option('-f, --follow', 'go on with what is appended, until interrupted')
    .action(act(tail))
}

async function show(cli: Cli, { leaf }: { leaf?: boolean }, [name = '']: readonly string[]): Promise<undefined> {
  const wanted = entryName(name)
  await withReader(cli, async reader => {
    if (leaf) {
      const bytes = await reader.leaf(wanted)
      if (bytes === undefined) throw noEntry(wanted)
      return await cli.print(bytes)
    }
    const entry = await reader.get(wanted)
    if (entry === undefined) throw noEntry(wanted)
    await cli.print(cli.json ? jsonLine(entry) : entryText(cli, entry))
  })
  return
}

async function tail(cli: Cli, { lines, follow }: { lines: number; follow?: boolean }): Promise<undefined> {
  const interrupted = new AbortController()
  if (follow) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
  await withReader(cli, async reader => {
    const { size } = await reader.status()
    let last = Math.max(-1, size - lines - 1)
    last = await printAfter(cli, reader, last, true)
    while (follow && !interrupted.signal.aborted) {
      await sleep(pollMs, undefined, { signal: interrupted.signal }).catch(() => {})
      if (!interrupted.signal.aborted) last = await printAfter(cli, reader, last, false)
    }
  })
  return
}

/** Prints what comes behind `last`, oldest first. */
async function printAfter(cli: Cli, reader: Reader, last: number, title: boolean): Promise<number> {
  const page = { limit: Number.POSITIVE_INFINITY, order: 'asc', ...(last < 0 ? {} : { after: last }) } as const
  let seen = last
  let withTitle = title
  for await (const views of pagesOf(page, part => reader.query({}, part))) {
    await cli.print(cli.json ? views.map(jsonLine).join('') : rowTable(cli, views, { title: withTitle }))
    withTitle = false
    seen = views.at(-1)!.seq
  }
  return seen
}

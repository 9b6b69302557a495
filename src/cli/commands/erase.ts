import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { loadStorageKey } from '../../append/keys.ts'
import { openSubjectKeys } from '../../append/subject-keys.ts'
import { eraseSubject } from '../../retention/erasure.ts'
import type { Cli } from '../cli.ts'
import { type ExitCode, exitCodes } from '../failure.ts'
import { type Act, repeated } from '../flags.ts'
import { operator, withLog } from '../log.ts'
import { count, jsonLine } from '../text.ts'

interface Options {
  readonly subject: string
  readonly path?: string[]
  readonly dryRun?: boolean
}

export function registerErase(program: Command, act: Act): void {
  program
    .command('erase')
    .description('erase what the log holds of one person; every hash and every proof stays as it is')
    .requiredOption('--subject <id>', 'the id of the person, alone or as type:id')
    .option('--path <field>', 'where else an id stands; else as configured, else userContext.userId', repeated)
    .option('--dry-run', 'say what would go, and change nothing')
    .action(act(erase))
}

async function erase(cli: Cli, { subject, path, dryRun = false }: Options): Promise<ExitCode> {
  const { config } = await cli.config()
  const subjectPaths = path ?? config.erasure.subjectPaths
  const keys = openSubjectKeys({ folder: cli.keys, storage: loadStorageKey(cli.keys) }, 'write')
  try {
    return await withLog(cli, async ({ reader, writer }) => {
      const parts = { reader, remove: writer.remove, keys, newId: randomUUID }
      const report = await eraseSubject(parts, { subject, dryRun, actor: operator() }, { subjectPaths })
      const { entries, held, declaredBy, keysDestroyed } = report
      if (cli.json) await cli.print(jsonLine(report))
      else {
        const receipts = declaredBy.length === 0 ? '' : `; the receipt is entry ${declaredBy.join(', ')}`
        const key = keysDestroyed.length === 0 ? '' : ', and the key of this person is destroyed'
        const what = `the sealed values of ${count(entries, 'entry', 'entries')}`
        cli.say(`${what} ${dryRun ? 'would go' : 'are gone'}${key}${receipts}`)
      }
      if (held > 0) cli.warn(`a legal hold keeps ${count(held, 'entry', 'entries')} about this person`)
      return held > 0 ? exitCodes.failed : exitCodes.done
    })
  } finally {
    keys?.close()
  }
}

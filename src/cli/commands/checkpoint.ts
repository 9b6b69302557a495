import type { Command } from 'commander'
import { toHex } from '../../core/bytes.ts'
import { peekCheckpoint } from '../../core/checkpoint.ts'
import { AuditError } from '../../core/errors.ts'
import { parseTlogProof } from '../../core/tlog-proof.ts'
import type { Cli } from '../cli.ts'
import { writeAtomically } from '../files.ts'
import type { Act } from '../flags.ts'
import { entryName, noEntry, withReader, withWriter } from '../log.ts'
import { jsonLine } from '../text.ts'

export function registerCheckpoints(program: Command, act: Act): void {
  program
    .command('checkpoint')
    .description('the newest signed checkpoint, to be kept elsewhere as an anchor')
    .option('--sign', 'sign the head now')
    .action(act(checkpoint))
  program
    .command('prove')
    .description('a .tlog-proof that an entry is in the log, to be checked with no log at hand')
    .argument('<entry>', 'its number or its id')
    .option('-o, --output <file>', 'where to; stdout unless given')
    .action(act(prove))
}

async function checkpoint(cli: Cli, { sign }: { sign?: boolean }): Promise<undefined> {
  const note = sign
    ? await withWriter(cli, writer => writer.checkpoint())
    : await withReader(cli, reader => reader.checkpoint())
  const head = note === undefined ? undefined : peekCheckpoint(note)
  if (note === undefined || head === undefined) throw new AuditError('damaged', 'the log has no checkpoint: run verify')
  const { origin, size, root } = head
  await cli.print(cli.json ? jsonLine({ origin, size, rootHash: toHex(root), note }) : note)
  return
}

async function prove(cli: Cli, { output }: { output?: string }, [name = '']: readonly string[]): Promise<undefined> {
  const wanted = entryName(name)
  const found = await withReader(cli, async reader => {
    const entry = await reader.get(wanted)
    if (entry === undefined) throw noEntry(wanted)
    const covered = peekCheckpoint((await reader.checkpoint()) ?? '')?.size ?? 0
    const { seq, id, entryHash } = entry
    return { seq, id, entryHash, proof: seq < covered ? await reader.prove(seq) : undefined }
  })
  // No checkpoint covers it yet: one is signed now.
  if (found.proof === undefined) await withWriter(cli, writer => writer.checkpoint())
  const proof = found.proof ?? (await withReader(cli, reader => reader.prove(found.seq)))
  if (output !== undefined && output !== '-') {
    await writeAtomically(output, async write => write(proof))
    const { size, origin } = peekCheckpoint(parseTlogProof(proof).checkpoint)!
    if (cli.json) {
      await cli.print(jsonLine({ ...found, proof: undefined, origin, size, file: output }))
    } else {
      cli.say(`entry ${found.seq} of the ${size} in ${origin} is proved by ${output}`)
    }
    return
  }
  await cli.print(cli.json ? jsonLine({ ...found, proof }) : proof)
  return
}

import type { Command } from 'commander'
import { toHex } from '../../core/bytes.ts'
import { peekCheckpoint } from '../../core/checkpoint.ts'
import type { Leaf } from '../../core/entry.ts'
import { AuditError } from '../../core/errors.ts'
import { leafHashHex } from '../../core/hash.ts'
import { parseLeaf } from '../../core/leaf.ts'
import { signatureTypes, type VerifiedSignature } from '../../core/note.ts'
import { checkTlogProof, parseTlogProof } from '../../core/tlog-proof.ts'
import { parseVkey } from '../../core/vkey.ts'
import type { Cli } from '../cli.ts'
import { CliError, type ExitCode, exitCodes } from '../failure.ts'
import { type Act, repeated } from '../flags.ts'
import { readWhole, strictText } from '../input.ts'
import { operationText } from '../rows.ts'
import { jsonLine, visible } from '../text.ts'
import { vkeysOf } from './verify.ts'

interface Options {
  readonly proof: string
  readonly leaf: string
  readonly vkey: string[]
}

export function registerVerifyProof(program: Command, act: Act): void {
  program
    .command('verify-proof')
    .description('check a .tlog-proof with no log at hand')
    .requiredOption('--proof <file>', 'the proof, as prove writes it')
    .requiredOption('--leaf <file>', 'the leaf, as show --leaf writes it')
    .requiredOption('--vkey <key>', 'a verifier key of the log; may be repeated', repeated)
    .action(act(verifyProof, 'judging'))
}

async function verifyProof(cli: Cli, options: Options): Promise<ExitCode> {
  const verifiers = vkeysOf(options.vkey).map(parseVkey)
  const leaf = readWhole(options.leaf, exitCodes.cannotTell)
  const proofBytes = readWhole(options.proof, exitCodes.cannotTell)
  try {
    const proof = parseTlogProof(strictText(proofBytes))
    const origin = peekCheckpoint(proof.checkpoint)?.origin ?? ''
    const own = verifiers.filter(({ name }) => name === origin)
    if (own.length === 0) {
      const others = [...new Set(verifiers.map(({ name }) => name))].join(', ')
      throw new CliError(exitCodes.cannotTell, `the proof is of the log ${origin}; the keys given are of ${others}`)
    }
    const { checkpoint, verified } = checkTlogProof(proof, leaf, origin, verifiers)
    for (const { keyId } of own) {
      if (!verified.some(signature => signature.keyId === keyId && signature.name === origin)) {
        throw new AuditError('bad_signature', `one of the given keys of ${origin} has not signed this checkpoint`)
      }
    }
    const parsed = parseLeaf(leaf).leaf
    if (parsed !== undefined && parsed.seq !== proof.index) {
      throw new AuditError('bad_proof', `the leaf says that it is entry ${parsed.seq}; the proof is of ${proof.index}`)
    }
    const proved = {
      valid: true,
      origin,
      index: proof.index,
      size: checkpoint.size,
      rootHash: toHex(checkpoint.root),
      entryHash: leafHashHex(leaf),
      signatures: verified.map(signatureOf),
      ...(parsed === undefined ? {} : { leaf: parsed }),
    }
    await cli.print(cli.json ? jsonLine(proved) : provedText(cli, proved))
    return exitCodes.done
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    if (cli.json) await cli.print(jsonLine({ valid: false, message: error.message }))
    cli.warn(error.message)
    return exitCodes.tampered
  }
}

function signatureOf({ name, keyId, type, timestamp }: VerifiedSignature & { timestamp?: number }) {
  const kind =
    type === signatureTypes.mldsa44Cosignature
      ? 'ML-DSA-44'
      : type === signatureTypes.ed25519
        ? 'Ed25519'
        : 'Ed25519 cosignature'
  return {
    name,
    key: keyId.toString(16).padStart(8, '0'),
    type: kind,
    ...(timestamp ? { time: new Date(timestamp * 1000).toISOString() } : {}),
  }
}

function provedText(
  cli: Cli,
  {
    origin,
    index,
    size,
    rootHash,
    entryHash,
    signatures,
    leaf,
  }: {
    origin: string
    index: number
    size: number
    rootHash: string
    entryHash: string
    signatures: readonly ReturnType<typeof signatureOf>[]
    leaf?: Leaf
  },
): string {
  const what =
    leaf === undefined
      ? []
      : [
          `  what       ${visible(`${operationText(leaf)} by ${leaf.component}${leaf.outcome ? `, ${leaf.outcome}` : ''}`)}`,
          `  when       ${visible(leaf.time)}`,
        ]
  return [
    `${cli.style(['bold', 'green'], 'proved')}: this is entry ${index} of the ${size} in ${visible(origin)}`,
    '',
    ...what,
    `  hash       ${entryHash}`,
    `  root       ${rootHash}`,
    ...signatures.map(
      ({ name, type, key, time }) =>
        `  signed by  ${visible(name)}, ${type} ${key}${time === undefined ? '' : `, at ${time}`}`,
    ),
    '',
  ].join('\n')
}

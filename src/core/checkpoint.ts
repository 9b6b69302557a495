/**
 * C2SP tlog-checkpoint: the head of a log as the text of a signed note.
 *
 *     example.com/behind-the-sofa
 *     20852163
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
 */
import { fromBase64, toBase64 } from './bytes.ts'
import { AuditError } from './errors.ts'
import { hashLength } from './hash.ts'
import { openNote, parseNote, type Signer, signNote, type VerifiedSignature, type Verifier } from './note.ts'

/** A log's head: which log, how many leaves, which root. */
export interface Checkpoint {
  readonly origin: string
  /** Leaves in the tree, 0 to 2^53−1. */
  readonly size: number
  /** 32 bytes. */
  readonly root: Uint8Array
  /** Further lines, which mean nothing here. This package writes none, and an ML-DSA-44 signature does not cover them. */
  readonly extensions: readonly string[]
}

/** A checkpoint that its log has signed. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint
  /** One signature for each known key that signed: the log's, and those of known witnesses. */
  readonly verified: readonly VerifiedSignature[]
}

/**
 * The text of a checkpoint, which is what gets signed.
 *
 * @throws RangeError when the origin or an extension is empty, has more than one line or control characters, when the
 * size is not an integer from 0 to 2^53−1, or the root has not 32 bytes.
 */
export function formatCheckpoint(
  checkpoint: Pick<Checkpoint, 'origin' | 'size' | 'root'> & Partial<Checkpoint>,
): string {
  const { origin, size, root, extensions = [] } = checkpoint
  for (const line of [origin, ...extensions]) {
    if (!isLine(line)) throw new RangeError(`not a line of a checkpoint: ${JSON.stringify(line)}`)
  }
  if (!Number.isSafeInteger(size) || size < 0)
    throw new RangeError(`tree size ${size} is not an integer from 0 to 2^53−1`)
  if (root.length !== hashLength) throw new RangeError('a root hash has 32 bytes')
  return [origin, size, toBase64(root), ...extensions, ''].join('\n')
}

/**
 * Reads the text of a checkpoint, accepting one spelling only. Who signed it is not looked at.
 *
 * @throws AuditError `bad_format` for any other text, and for sizes above 2^53−1.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n')
  const [origin = '', sizeDigits = '', rootDigits = '', ...extensions] = lines.slice(0, -1)
  const size = /^\d{1,16}$/.test(sizeDigits) ? Number(sizeDigits) : Number.NaN
  const root = fromBase64(rootDigits)
  if (root?.length === hashLength && Number.isSafeInteger(size) && [origin, ...extensions].every(isLine)) {
    const checkpoint = { origin, size, root, extensions }
    if (formatCheckpoint(checkpoint) === text) return checkpoint
  }
  throw new AuditError('bad_format', `not a checkpoint: ${JSON.stringify(text.slice(0, 120))}`)
}

/** What a signed checkpoint says, whoever signed it; `undefined` when it says nothing. Believe it only when opened. */
export function peekCheckpoint(note: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(parseNote(note).text)
  } catch {
    return undefined
  }
}

/**
 * Opens a signed checkpoint of the log `origin`. Among the verified signatures must be the log's own: one whose name is
 * the origin. Witnesses alone do not make a checkpoint.
 *
 * @throws AuditError `bad_format` when the note or its text is malformed or of another origin; `bad_signature` as
 * `openNote`, and when only others have signed.
 */
export function openCheckpoint(note: string, origin: string, verifiers: readonly Verifier[]): OpenedCheckpoint {
  const { text, verified } = openNote(note, verifiers)
  const checkpoint = parseCheckpoint(text)
  if (checkpoint.origin !== origin) {
    throw new AuditError(
      'bad_format',
      `the checkpoint is of ${JSON.stringify(checkpoint.origin)}, not ${JSON.stringify(origin)}`,
    )
  }
  if (!verified.some(({ name }) => name === origin)) {
    throw new AuditError('bad_signature', `no known key of ${JSON.stringify(origin)} has signed this checkpoint`)
  }
  return { checkpoint, verified }
}

/**
 * A signed checkpoint. What is signed can never be taken back: a log signs a size once, with one root.
 *
 * @throws RangeError as `formatCheckpoint`, and when there are no signers.
 */
export function signCheckpoint(
  checkpoint: Pick<Checkpoint, 'origin' | 'size' | 'root'> & Partial<Checkpoint>,
  signers: readonly Signer[],
): string {
  return signNote(formatCheckpoint(checkpoint), signers)
}

function isLine(line: string): boolean {
  return line.isWellFormed() && /^[^\u0000-\u001f]+$/.test(line)
}

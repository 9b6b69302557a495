/**
 * C2SP tlog-proof: an entry's inclusion, and the checkpoint it is included in, as one text that needs nothing else.
 */
import { fromBase64, toBase64 } from './bytes.ts'
import { type OpenedCheckpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { AuditError } from './errors.ts'
import { hashLength, leafHash } from './hash.ts'
import { parseNote, type Verifier } from './note.ts'
import { checkInclusion } from './proof.ts'

const header = 'c2sp.org/tlog-proof@v1'

/** A tree of at most 2^53−1 leaves has no longer path. */
const maxPathLength = 53

/** The parts of a proof. None of them is believed before `checkTlogProof`, and `extra` not even then. */
export interface TlogProof {
  /** Data for the application, at least one byte. No signature covers it. */
  readonly extra?: Uint8Array
  /** The entry's index, 0 to 2^53−1. */
  readonly index: number
  /** The inclusion proof: 32-byte hashes, the leaf's sibling first. */
  readonly path: readonly Uint8Array[]
  /** The signed checkpoint, as the log wrote it. */
  readonly checkpoint: string
}

/**
 * The text of a proof, for a file named `*.tlog-proof`.
 *
 * @throws RangeError when the extra data is empty, the index not an integer from 0 to 2^53−1, the path longer than 53, or
 * a hash not 32 bytes long; AuditError `bad_format` when the checkpoint is not a signed checkpoint.
 */
export function formatTlogProof({ extra, index, path, checkpoint }: TlogProof): string {
  if (extra?.length === 0) throw new RangeError('extra data is left out when there is none')
  if (!Number.isSafeInteger(index) || index < 0)
    throw new RangeError(`index ${index} is not an integer from 0 to 2^53−1`)
  if (path.length > maxPathLength || path.some(hash => hash.length !== hashLength)) {
    throw new RangeError(`a path has at most ${maxPathLength} hashes of 32 bytes`)
  }
  parseCheckpoint(parseNote(checkpoint).text)
  const extraLines = extra === undefined ? [] : [`extra ${toBase64(extra)}`]
  return [header, ...extraLines, `index ${index}`, ...path.map(toBase64), '', checkpoint].join('\n')
}

/**
 * Takes a proof apart without believing it, accepting one spelling only.
 *
 * @throws AuditError `bad_format` for any other text, and for indexes and sizes above 2^53−1.
 */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n')
  const lines = text.slice(0, Math.max(split, 0)).split('\n')
  const extraDigits = lines[1]?.startsWith('extra ') ? lines[1].slice('extra '.length) : undefined
  const extra = extraDigits === undefined ? undefined : fromBase64(extraDigits)
  const [indexLine = '', ...pathLines] = lines.slice(extraDigits === undefined ? 1 : 2)
  const index = Number(/^index (\d{1,16})$/.exec(indexLine)?.[1] ?? Number.NaN)
  const path = pathLines.slice(0, maxPathLength + 1).map(line => fromBase64(line) ?? new Uint8Array(0))
  const proof = { ...(extra !== undefined && { extra }), index, path, checkpoint: text.slice(split + 2) }
  try {
    if (formatTlogProof(proof) === text) return proof
  } catch (cause) {
    throw badProof(text, cause)
  }
  throw badProof(text)
}

/**
 * Checks that an entry is in a log: that the log signed the checkpoint, and that the path leads from the leaf to its
 * root. Which witnesses are enough is for the caller to say, from `verified`.
 *
 * @param leaf the entry's leaf bytes, not their hash.
 * @param origin the log that is asked about.
 * @param verifiers the keys of that log and of known witnesses.
 * @throws AuditError `bad_format` and `bad_signature` as `openCheckpoint`; `bad_proof` when the path does not lead to the root.
 */
export function checkTlogProof(
  proof: TlogProof,
  leaf: Uint8Array,
  origin: string,
  verifiers: readonly Verifier[],
): OpenedCheckpoint {
  const opened = openCheckpoint(proof.checkpoint, origin, verifiers)
  const { size, root } = opened.checkpoint
  if (!checkInclusion(proof.path, proof.index, size, leafHash(leaf), root)) {
    throw new AuditError('bad_proof', `this is not leaf ${proof.index} of the ${size} in ${JSON.stringify(origin)}`)
  }
  return opened
}

function badProof(text: string, cause?: unknown): AuditError {
  return new AuditError('bad_format', `not a tlog proof: ${JSON.stringify(text.slice(0, 80))}`, { cause })
}

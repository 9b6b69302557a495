/**
 * The verdict on a log that cannot be opened at all: gone, emptied, cut off, or something else in its place. Where the
 * keys or a signed checkpoint remember better, that is tampering, and a report like any other; where nothing does, no
 * one can tell.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { knowsStorageKey, loadPublicKeys, loadStorageKey } from '../append/keys.ts'
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts'
import { AuditError, type AuditErrorCode } from '../core/errors.ts'
import { type Finding, finding, type VerificationReport } from '../core/finding.ts'
import { parseVkey } from '../core/vkey.ts'

/** What lies in the log's place. */
export type Remains =
  /** Nothing. */
  | 'missing'
  /** A file without a byte. */
  | 'empty'
  /** A file too short to be whole: its last page is cut off. */
  | 'cut'
  /** A file that begins as the log does, and cannot be read on. */
  | 'broken'
  /** A folder, a database or a text that was never this log. */
  | 'foreign'
  /** What could be the log, for another key. */
  | 'locked'

/** SQLCipher and SQLite write whole pages, and ours have this many bytes. */
const pageSize = 4096

/** What is left of a log that could not be opened for this reason. */
export function remainsOf(file: string, code: AuditErrorCode, encrypted: boolean): Remains {
  if (!existsSync(file)) return 'missing'
  const stat = statSync(file)
  if (!stat.isFile()) return 'foreign'
  if (stat.size === 0) return 'empty'
  const isPlain = beginningOf(file) === 'SQLite format 3\0'
  if (isPlain && encrypted) return 'foreign'
  if (stat.size % pageSize !== 0) return encrypted || isPlain ? 'cut' : 'foreign'
  if (code === 'bad_key') return encrypted ? 'locked' : 'foreign'
  return isPlain && !encrypted && code === 'bad_format' ? 'foreign' : 'broken'
}

function beginningOf(file: string): string {
  const head = Buffer.alloc(16)
  const fd = openSync(file, 'r')
  try {
    readSync(fd, head, 0, 16, 0)
  } finally {
    closeSync(fd)
  }
  return head.toString('latin1')
}

/**
 * The finding, or `undefined` when no one can tell.
 *
 * @param remembered the newest checkpoint that the log's keys signed and someone kept
 * @param keyIsRight whether the storage key is known to be that of the log: then what it does not open is not the log
 */
export function judgeRemains(
  remains: Remains,
  file: string,
  remembered: Checkpoint | undefined,
  keyIsRight: boolean,
): Finding | undefined {
  const had = remembered === undefined ? '' : `the log once had ${remembered.size} entries, signed; `
  const facts = remembered === undefined ? { seq: 0 } : { seq: 0, expected: String(remembered.size), actual: '0' }
  const rollback = (what: string) => finding('rollback', `${had}${what}`, facts)
  const foreign = (what: string) => finding('foreign_entry', `${had}${what}`, facts)
  switch (remains) {
    case 'missing':
      return remembered && rollback(`the file ${file} is gone`)
    case 'empty':
      return remembered && rollback(`the file ${file} is empty`)
    case 'cut':
      return remembered && rollback(`the file ${file} is cut off or is no log`)
    case 'broken':
      return remembered && rollback(`the file ${file} is damaged and cannot be read on`)
    case 'foreign':
      return foreign(`${file} is not this log, but something else`)
    case 'locked':
      return keyIsRight ? foreign(`${file} is not this log: the log's key does not open it`) : undefined
  }
}

export interface MemoryOptions {
  readonly keys: string
  /** Signed checkpoints that were kept elsewhere, beside the default anchor. */
  readonly anchors: readonly string[]
  readonly vkeys?: readonly string[] | undefined
}

/** A report of the usual shape over a log that could not be opened; `undefined` when no one can tell. */
export function reportUnreadable(
  file: string,
  error: unknown,
  { keys, anchors, vkeys }: MemoryOptions,
): VerificationReport | undefined {
  if (!(error instanceof AuditError) || !['not_found', 'bad_format', 'bad_key', 'io'].includes(error.code)) {
    return undefined
  }
  const started = performance.now()
  let remembered: Checkpoint | undefined
  let key: { encrypted: boolean; isRight: boolean }
  try {
    const { origin, verifiers } = loadPublicKeys(keys)
    const known = vkeys?.map(parseVkey) ?? verifiers
    for (const note of anchors) {
      const checkpoint = opened(note, vkeys === undefined ? origin : (known[0]?.name ?? origin), known)
      if (checkpoint !== undefined && checkpoint.size > (remembered?.size ?? 0)) remembered = checkpoint
    }
    key = { encrypted: loadStorageKey(keys) !== undefined, isRight: knowsStorageKey(keys) }
  } catch {
    return undefined
  }
  if (error.code === 'io' && existsSync(file)) return undefined
  const found = judgeRemains(remainsOf(file, error.code, key.encrypted), file, remembered, key.isRight)
  if (found === undefined) return undefined
  return {
    valid: false,
    complete: false,
    trust: remembered === undefined ? 'signed' : 'anchored',
    entries: 0,
    size: 0,
    rootHash: '',
    findings: [found],
    findingsOmitted: 0,
    firstUntrusted: 0,
    declared: [],
    missing: [],
    durationMs: performance.now() - started,
  }
}

/** A checkpoint that one of these keys signed. */
function opened(note: string, origin: string, verifiers: Parameters<typeof openCheckpoint>[2]): Checkpoint | undefined {
  try {
    return openCheckpoint(note, origin, verifiers).checkpoint
  } catch {
    return undefined
  }
}

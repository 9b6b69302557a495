/** A copy of a log in one file: as it is at one moment while others write, encrypted as it is, looked at before it is named. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { threadId } from 'node:worker_threads'
import { loadPublicKeys, loadStorageKey } from '../append/keys.ts'
import { syncFolder } from '../append/private-file.ts'
import { equal, toHex } from '../core/bytes.ts'
import { openCheckpoint } from '../core/checkpoint.ts'
import { AuditError } from '../core/errors.ts'
import { rootAt } from '../core/tree.ts'
import { openLogFile, openSqliteStore } from '../store/sqlite.ts'
import { asAuditError } from '../store/sqlite-file.ts'
import { readTiles } from '../store/tiles.ts'

export interface CopyRequest {
  readonly file: string
  /** The folder of the keys. None of them is copied. */
  readonly keys: string
  /** Must not be there yet. */
  readonly to: string
}

export interface CopiedLog {
  /** Entries in the copy. */
  readonly size: number
  /** The root of its tree, 64 hex digits. */
  readonly rootHash: string
  /** Entries that its newest checkpoint covers. */
  readonly signed: number
  readonly bytes: number
  /** SHA-256 of the file, 64 hex digits. */
  readonly digest: string
}

/**
 * Copies a log. The file appears when it is whole, on the disk, and was found to hold what was signed of the log.
 *
 * @throws AuditError `already_exists`, `damaged` when what was signed is not in it, `bad_key`, `busy`, `io`
 */
export async function copyLog({ file, keys, to }: CopyRequest): Promise<CopiedLog> {
  if (existsSync(to)) throw thereAlready(to)
  const storage = loadStorageKey(keys)
  const fresh = `${to}.${process.pid}.${threadId}.new`
  try {
    asAuditError(to, () => closeSync(openSync(fresh, 'wx', 0o600)))
    const log = openLogFile({ file, key: storage, mode: 'read' })
    try {
      asAuditError(to, () => log.prepare('VACUUM INTO ?').run(fresh))
    } finally {
      log.close()
    }
    const held = await lookInto(fresh, keys, storage)
    syncFile(fresh)
    const copied = { ...held, bytes: statSync(fresh).size, digest: await digestOf(fresh) }
    giveName(fresh, to)
    return copied
  } catch (error) {
    if (error instanceof AuditError) throw error
    throw new AuditError('io', `${to} could not be written: ${(error as Error).message}`, { cause: error })
  } finally {
    for (const end of ['', '-journal']) rmSync(fresh + end, { force: true })
  }
}

/** Does it open, does it have a head, and is that of the log that was signed? */
async function lookInto(
  copy: string,
  keys: string,
  storage: Uint8Array | undefined,
): Promise<Pick<CopiedLog, 'size' | 'rootHash' | 'signed'>> {
  const { origin, verifiers } = loadPublicKeys(keys)
  const store = openSqliteStore({ file: copy, key: storage, mode: 'read' })
  try {
    const head = store.head()
    const note = store.lastCheckpoint()?.note
    if (head === undefined || note === undefined) throw new AuditError('damaged', 'the log has no head: run verify')
    const { checkpoint } = openCheckpoint(note, origin, verifiers)
    const root = rootAt(checkpoint.size, await readTiles(store, checkpoint.size))
    if (checkpoint.size > head.size || !equal(root, checkpoint.root)) {
      throw new AuditError('damaged', 'the log is not the one that was signed, and was not copied: run verify')
    }
    return { size: head.size, rootHash: toHex(head.root), signed: checkpoint.size }
  } finally {
    store.close()
  }
}

/** Gives a file its name, and takes the name from nobody. */
export function giveName(fresh: string, name: string): void {
  try {
    linkSync(fresh, name)
    rmSync(fresh)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (existsSync(name)) throw thereAlready(name)
    // Not every file system has links, those of memory sticks for one.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error
    renameSync(fresh, name)
  }
  syncFolder(dirname(name))
}

function thereAlready(file: string): AuditError {
  return new AuditError('already_exists', `${file} is there already: nothing was changed`)
}

export function syncFile(file: string): void {
  const fd = openSync(file, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Uint8Array)
  return hash.digest('hex')
}

/** Files that hold secrets: written whole or not at all, for their owner only, and refused when others can read them. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { AuditError } from '../core/errors.ts'

/**
 * The text of a private file, or `undefined` when there is none.
 *
 * @throws AuditError `bad_key` when the group or others may read it
 */
export function readPrivateFile(file: string): string | undefined {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new AuditError('bad_key', `${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  try {
    if (process.platform !== 'win32' && (fstatSync(fd).mode & 0o077) !== 0) {
      throw new AuditError('bad_key', `${file} can be read by others: chmod 600 it, and think of who has seen it`)
    }
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/**
 * Writes a private file in the place of an older one. At every moment the name leads to the old text or to the new;
 * when this returns, the new one is on the disk.
 *
 * @param options.forget also overwrites the bytes of the old file, so that a key that was replaced is gone
 */
export function writePrivateFile(file: string, text: string, options: { forget?: boolean } = {}): void {
  const fresh = `${file}.${process.pid}.new`
  try {
    writeFileSync(fresh, text, { mode: 0o600, flush: true })
    const old = options.forget ? openIfThere(file) : undefined
    try {
      renameSync(fresh, file)
      if (old !== undefined) overwrite(old)
    } finally {
      if (old !== undefined) closeSync(old)
    }
  } catch (error) {
    rmSync(fresh, { force: true })
    throw new AuditError('io', `${file} could not be written: ${(error as Error).message}`, { cause: error })
  }
  syncFolder(dirname(file))
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r+')
  } catch {
    return undefined
  }
}

function overwrite(fd: number): void {
  const { size } = fstatSync(fd)
  writeSync(fd, new Uint8Array(size), 0, size, 0)
  fsyncSync(fd)
  ftruncateSync(fd)
}

/** Makes renames and new names in a folder durable. Where a folder cannot be synced, as on Windows, there is no need. */
export function syncFolder(folder: string): void {
  let fd: number
  try {
    fd = openSync(folder, 'r')
  } catch {
    return
  }
  try {
    fsyncSync(fd)
  } catch {
    // Not every file system lets a folder be synced.
  } finally {
    closeSync(fd)
  }
}

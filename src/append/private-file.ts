/** Files that hold secrets: written whole or not at all, for their owner only, and refused when others can read them. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import { AuditError } from '../core/errors.ts'

/**
 * The text of a private file, or `undefined` when there is none. One that is replaced while it is read is read again: whoever
 * replaces a key overwrites the old one.
 *
 * @throws AuditError `bad_key` when the group or others may read it, or this user may not; `io` when the system refuses
 */
export function readPrivateFile(file: string): string | undefined {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    const kind = ['EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP'].includes(code) ? 'bad_key' : 'io'
    throw new AuditError(kind, `${file} cannot be read: ${message}`, { cause: error })
  }
  try {
    if (process.platform !== 'win32' && (fstatSync(fd).mode & 0o077) !== 0) {
      throw new AuditError('bad_key', `${file} can be read by others: chmod 600 it, and think of who has seen it`)
    }
    const text = readFileSync(fd, 'utf8')
    return fstatSync(fd).nlink > 0 ? text : readPrivateFile(file)
  } catch (error) {
    if (error instanceof AuditError) throw error
    throw new AuditError('io', `${file} cannot be read: ${(error as Error).message}`, { cause: error })
  } finally {
    closeSync(fd)
  }
}

/**
 * Writes a private file in the place of an older one. At every moment the name leads to the old text or to the new, after
 * a power cut too; when this returns, the new one is on the disk.
 *
 * @param options.forget also overwrites the bytes of the old file, so that a key that was replaced is gone
 * @throws AuditError `io`: then one of the two is there
 */
export function writePrivateFile(file: string, text: string, options: { forget?: boolean } = {}): void {
  const fresh = `${file}.${process.pid}.${threadId}.new`
  let old: number | undefined
  try {
    writeFileSync(fresh, text, { mode: 0o600, flush: true })
    old = options.forget ? openIfThere(file) : undefined
    renameSync(fresh, file)
    syncFolder(dirname(file))
    // Not before: until the folder is on the disk, a power cut brings the old file back.
    if (old !== undefined) overwrite(old)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw new AuditError('io', `${file} could not be written: ${(error as Error).message}`, { cause: error })
  } finally {
    if (old !== undefined) closeSync(old)
  }
}

/** Removes a private file and overwrites its bytes. */
export function forgetPrivateFile(file: string): void {
  const old = openIfThere(file)
  rmSync(file, { force: true })
  if (old === undefined) return
  try {
    overwrite(old)
  } finally {
    closeSync(old)
  }
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

/** Makes a folder for its owner only, with those above it that are missing; it is on the disk when this returns. */
export function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  const top = dirname(resolve(first))
  for (let made = resolve(folder); made !== top && made !== dirname(made); made = dirname(made))
    syncFolder(dirname(made))
}

/** What the system says of a folder that can never be synced: on Windows, and on some file systems. */
const unsyncable = ['EISDIR', 'EACCES', 'EPERM', 'EINVAL', 'ENOTSUP', 'EBADF']

/**
 * Makes renames and new names in a folder durable. Where a folder can never be synced, as on Windows, there is no need.
 *
 * @throws the error of the system when it fails to
 */
export function syncFolder(folder: string): void {
  let fd: number | undefined
  try {
    fd = openSync(folder, 'r')
    fsyncSync(fd)
  } catch (error) {
    if (!unsyncable.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Files that a command writes: whole, or not at all. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { CliError, exitCodes } from './failure.ts'

/** Writes a file under another name, piece by piece, and gives it its name at the end. */
export async function writeAtomically<T>(
  file: string,
  work: (write: (piece: string | Uint8Array) => void) => Promise<T>,
): Promise<T> {
  const fresh = `${file}.${process.pid}.new`
  try {
    const fd = openSync(fresh, 'wx', 0o600)
    let result: T
    try {
      result = await work(piece => {
        let rest: Uint8Array = typeof piece === 'string' ? Buffer.from(piece) : piece
        while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
      })
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(fresh, file)
    return result
  } catch (error) {
    drop(fresh)
    throw asWriteError(file, error)
  }
}

/** Writes a small file, with the folders above it, in the place of an older one. */
export function putFile(file: string, bytes: string | Uint8Array): void {
  const fresh = `${file}.${process.pid}.new`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(fresh, bytes)
    renameSync(fresh, file)
  } catch (error) {
    drop(fresh)
    throw asWriteError(file, error)
  }
}

function drop(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // What kept the file from being written may keep it from being there at all.
  }
}

function asWriteError(file: string, error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  const why =
    code === 'ENOSPC'
      ? 'the disk is full'
      : code === 'ENOENT' || code === 'ENOTDIR'
        ? 'its folder is not there'
        : code === 'EISDIR'
          ? 'it is a folder'
          : message
  return new CliError(exitCodes.failed, `${file} could not be written: ${why}`, { cause: error })
}

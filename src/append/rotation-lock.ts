/** One process at a time replaces the signing keys: two would overwrite each other's, and leave keys that fit no log. */
import { linkSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from '../core/errors.ts'
import { hasEnded, writerMark } from './liveness.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

/**
 * Takes the lock, from a process that has ended too.
 *
 * @returns what gives it back
 * @throws AuditError `busy` while another process has it, `io`
 */
export function lockRotation(folder: string): () => void {
  const lock = join(folder, 'rotation.lock')
  const own = `${lock}.${process.pid}`
  writePrivateFile(own, writerMark())
  try {
    // A link is there whole or not at all, and only once.
    if (!isLinked(own, lock)) {
      if (!hasEnded(readPrivateFile(lock) ?? '')) throw busy(folder)
      const ended = `${own}.ended`
      renameSync(lock, ended)
      const isOf = readPrivateFile(ended) ?? ''
      // Another process may have taken it over in between: then it is given back.
      if (!hasEnded(isOf)) isLinked(ended, lock)
      rmSync(ended, { force: true })
      if (!hasEnded(isOf) || !isLinked(own, lock)) throw busy(folder)
    }
  } catch (error) {
    if (error instanceof AuditError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw busy(folder)
    throw new AuditError('io', `${lock} could not be taken: ${(error as Error).message}`, { cause: error })
  } finally {
    rmSync(own, { force: true })
  }
  return () => rmSync(lock, { force: true })
}

function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function busy(folder: string): AuditError {
  return new AuditError('busy', `another process replaces the keys in ${folder}: try again`)
}

/** What is about to go, kept first: a bundle of leaves, values and proofs that needs no log to be checked. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../append/private-file.ts'
import { AuditError } from '../core/errors.ts'
import type { Range } from '../core/ranges.ts'
import { writeBundle } from '../export/bundle.ts'
import type { Reader } from '../trail/reader.ts'

export interface ArchiveParts {
  readonly reader: Pick<Reader, 'query' | 'list' | 'kept' | 'tiles' | 'leaf' | 'checkpoint'>
  /** Signs the head, so that the checkpoint in the bundle covers what is in it. */
  readonly sign: () => Promise<unknown>
}

/**
 * Keeps entries as `<first>-<last>.bundle` in a folder, for its owner only; on the disk when it resolves.
 *
 * @throws AuditError `io` when it cannot be written whole: then nothing may go
 */
export function archiveTo(
  folder: string,
  { reader, sign }: ArchiveParts,
): (content: readonly Range[]) => Promise<void> {
  return async content => {
    await sign()
    const name = `${content[0]![0]}-${content.at(-1)![1]}.bundle`
    const fresh = join(folder, `${name}.new`)
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const file = await open(fresh, 'w', 0o600)
      try {
        await writeBundle({ reader, entries: content, write: async line => void (await file.appendFile(line)) })
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(fresh, join(folder, name))
      syncFolder(folder)
    } catch (error) {
      await rm(fresh, { force: true })
      if (error instanceof AuditError) throw error
      const { message } = error as Error
      throw new AuditError('io', `the archive in ${folder} could not be written: ${message}`, { cause: error })
    }
  }
}

/** A place for the index where its own cannot be written: a log on a read-only medium can be asked all the same. */
import { accessSync, chmodSync, constants, copyFileSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** Why a file cannot be written in its folder, in a sentence; `undefined` when it can. */
export function whyUnwritable(file: string): string | undefined {
  const folder = dirname(file)
  for (const place of existsSync(file) ? [folder, file] : [folder]) {
    try {
      accessSync(place, constants.W_OK)
    } catch (error) {
      return `${place} may not be written (${(error as NodeJS.ErrnoException).code})`
    }
  }
  return undefined
}

/**
 * A folder that only this user can read, with a copy of the file where there is one: encrypted as it is.
 *
 * @throws the error of the file system when there is no place for it either
 */
export function makeScratch(file: string): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-'))
  const scratch = join(folder, basename(file))
  for (const end of ['', '-wal']) {
    if (!existsSync(file + end)) continue
    copyFileSync(file + end, scratch + end)
    chmodSync(scratch + end, 0o600)
  }
  return { folder, file: scratch }
}

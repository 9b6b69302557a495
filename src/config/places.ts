/** Where a configuration is looked for, and how its file is read. Light: a program without one loads nothing more. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { AuditError } from '../core/errors.ts'

/** The text of a file, and whether its group or others may read it too. */
export interface ReadText {
  readonly text: string
  readonly isShared: boolean
}

/** `undefined` when there is no such file. */
export type ReadFile = (file: string) => ReadText | undefined

export const variablePrefix = 'MEMMIMIC_AUDIT_'

/**
 * Whether a variable sets something for this program alone: `MEMMIMIC_AUDIT_<SECTION>__<KEY>`. One without a double
 * underscore is not judged: a cluster in which a service has our name sets a handful of them
 * (`MEMMIMIC_AUDIT_PORT=tcp://…`).
 */
export function isOwnVariable(name: string): boolean {
  return name.startsWith(variablePrefix) && name.includes('__')
}

/**
 * The files that hold a configuration when none is named, in the order in which they are looked for: in the working
 * folder, below the XDG config folder, in /etc.
 */
export function usualConfigFiles(env: NodeJS.ProcessEnv, cwd: string): string[] {
  return [
    join(cwd, 'memmimic-audit.yaml'),
    join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'memmimic-audit', 'config.yaml'),
    '/etc/memmimic-audit/config.yaml',
  ]
}

/**
 * The configuration file: `named`, else `MEMMIMIC_AUDIT_CONFIG`, else the first of the usual ones that is there.
 *
 * @throws AuditError `not_found` when one was named and is not there, `io` when one may not be read
 */
export function findConfigFile(
  named: string | undefined,
  env: NodeJS.ProcessEnv,
  cwd: string,
  readFile: ReadFile = readTextFile,
): (ReadText & { readonly file: string }) | undefined {
  const asked = named ?? (env.MEMMIMIC_AUDIT_CONFIG || undefined)
  if (asked !== undefined) {
    const file = resolve(cwd, asked)
    const read = readFile(file)
    if (read === undefined) throw new AuditError('not_found', `there is no configuration file at ${file}`)
    return { file, ...read }
  }
  for (const file of usualConfigFiles(env, cwd)) {
    const read = readFile(file)
    if (read !== undefined) return { file, ...read }
  }
  return undefined
}

/** @throws AuditError `io` when the file is there and cannot be read */
export function readTextFile(file: string): ReadText | undefined {
  let fd: number | undefined
  try {
    fd = openSync(file, 'r')
    const isShared = process.platform !== 'win32' && (fstatSync(fd).mode & 0o077) !== 0
    return { text: readFileSync(fd, 'utf8'), isShared }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new AuditError('io', `${file} cannot be read: ${message}`, { cause: error })
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Sources of a configuration that are not on any disk. */
import { join } from 'node:path'
import type { ConfigSources, FlagSetting } from '../../src/config/resolve.ts'

export const cwd = '/home/me/project'
export const usual = join(cwd, 'memmimic-audit.yaml')

interface Given {
  /** The text of the file in the working folder, or several by name. */
  readonly files?: string | Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly flags?: readonly FlagSetting[]
  readonly file?: string
  /** Files that others may read. */
  readonly shared?: readonly string[]
}

export function sourcesOf({ files = {}, env = {}, flags = [], file, shared = [] }: Given): ConfigSources {
  const texts: Readonly<Record<string, string>> = typeof files === 'string' ? { [usual]: files } : files
  return {
    file,
    flags,
    env: { XDG_CONFIG_HOME: '/home/me/.config', XDG_DATA_HOME: '/home/me/.local/share', ...env },
    cwd,
    readFile: name => (texts[name] === undefined ? undefined : { text: texts[name], isShared: shared.includes(name) }),
  }
}

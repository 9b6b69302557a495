/** Where things lie: the log, its index, its keys. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The log when none is named: below the XDG data folder. */
export function defaultLogFile(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'memmimic-audit', 'audit.db')
}

/** The keys when none are named: below the XDG config folder, apart from the log. */
export function defaultKeysFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'memmimic-audit', 'keys')
}

/** The index stands beside the log and may be deleted at any time. */
export function indexFile(log: string): string {
  return `${log}.index`
}

/** The default anchor stands beside the keys. */
export function anchorFile(keys: string): string {
  return join(keys, 'anchor')
}

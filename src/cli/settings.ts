/** What flags, environment and configuration file say, as far as a command asks: most ask only where the log is. */
import { defaultKeysFolder, defaultLogFile } from '../append/places.ts'
import { findConfigFile, isOwnVariable } from '../config/places.ts'
import type { ConfigSources, FlagSetting, ResolvedConfig } from '../config/resolve.ts'
import type { GlobalFlags } from './cli.ts'

interface Settings {
  /** @throws AuditError what is wrong with the configuration, where it would be that which says */
  file(): string
  keys(): string
  readonly sources: ConfigSources
  /** Whether anything is set at all, in a file or in the environment. */
  readonly isSet: boolean
  config(flags?: readonly FlagSetting[]): Promise<ResolvedConfig>
}

/** Never throws: a command that needs nothing of a configuration works with a bad one. */
export async function openSettings(flags: GlobalFlags, env: NodeJS.ProcessEnv): Promise<Settings> {
  const sources: ConfigSources = { file: flags.config, flags: globalFlags(flags), env, cwd: process.cwd() }
  const config = async (more: readonly FlagSetting[] = []) => {
    // It stands on a validator and a YAML parser, which take longer to load than most commands take to run.
    const { resolveConfig } = await import('../config/resolve.ts')
    return resolveConfig({ ...sources, flags: [...sources.flags!, ...more] })
  }
  const isSet = isConfigured(sources)
  const isTold = flags.log !== undefined && flags.keys !== undefined
  let place = () => ({
    file: env.MEMMIMIC_AUDIT_LOG || defaultLogFile(env),
    keys: env.MEMMIMIC_AUDIT_KEYS || defaultKeysFolder(env),
  })
  if (!isTold && isSet) {
    try {
      const { log } = (await config()).config
      place = () => log
    } catch (error) {
      place = () => {
        throw error
      }
    }
  }
  return { file: () => flags.log ?? place().file, keys: () => flags.keys ?? place().keys, sources, isSet, config }
}

function globalFlags({ log, keys }: GlobalFlags): FlagSetting[] {
  return [
    ...(log === undefined ? [] : [{ name: '--log', path: ['log', 'file'], value: log }]),
    ...(keys === undefined ? [] : [{ name: '--keys', path: ['log', 'keys'], value: keys }]),
  ]
}

/** Whether there is anything to read. A file that cannot be read is something too. */
function isConfigured({ file, env, cwd }: ConfigSources): boolean {
  try {
    return Object.keys(env).some(isOwnVariable) || findConfigFile(file, env, cwd) !== undefined
  } catch {
    return true
  }
}

/**
 * A configuration that may change while a process runs: read again when its file changes or on SIGHUP, judged as a whole,
 * recorded, and then applied as far as that is safe. What cannot be applied is named: it needs a restart.
 */
import { statSync } from 'node:fs'
import type { WriteControl } from '../core/control.ts'
import { type ConfigChange, changeEntry, changesBetween, openNames } from './changes.ts'
import { type ConfigSources, type ResolvedConfig, resolveConfig } from './resolve.ts'
import type { Config } from './schema.ts'

/** How a part of a program takes new settings while it runs. */
export interface Applier {
  /** Settings, or whole sections of them, that it takes: `logging.level`, `detection`. */
  readonly settings: readonly string[]
  /** Called once a change, whatever the number of its settings. */
  readonly apply: (config: Config) => unknown
}

export interface WatchOptions {
  readonly sources: ConfigSources
  /** What holds now. */
  readonly current: ResolvedConfig
  /** What can be changed while the process runs; everything else needs a restart. */
  readonly appliers: readonly Applier[]
  readonly control: WriteControl
  /** Told in a sentence what was changed, or why nothing was. */
  readonly say: (sentence: string) => void
  /** Told of each change that was recorded, after it was applied. */
  readonly onChange?: (changes: readonly ConfigChange[]) => void
  /** How often the file is looked at, in milliseconds; 2000 unless given. */
  readonly everyMs?: number
}

export interface ConfigWatch {
  /** Reads the configuration again now; resolves when what is new is recorded and applied. */
  reload(): Promise<void>
  /** Settings that are other in the file than in this process. */
  readonly needsRestart: readonly string[]
  stop(): void
}

/**
 * Watches the configuration until it is stopped. A configuration that is not valid changes nothing.
 *
 * The file is looked at by its name, again and again: editors and clusters put a new file in the place of the old one.
 *
 * @example
 * const appliers = [{ settings: ['logging.level'], apply: ({ logging }) => setLevel(logging.level) }]
 * const watch = watchConfig({ sources, current, appliers, control, say })
 */
export function watchConfig(options: WatchOptions): ConfigWatch {
  const { sources, appliers, control, say, onChange = () => {}, everyMs = 2000 } = options
  let known = options.current
  let needsRestart: readonly string[] = []
  let turn: Promise<void> = Promise.resolve()

  const reload = (): Promise<void> => {
    turn = turn.then(async () => {
      let next: ResolvedConfig
      try {
        next = resolveConfig(sources)
      } catch (error) {
        say(`the configuration stays as it was: ${(error as Error).message}`)
        return
      }
      const changes = changesBetween(known.config, next.config)
      if (changes.length === 0) return
      const waiting = changesBetween(options.current.config, next.config)
      const later = openNames(waiting.filter(({ setting }) => applierOf(appliers, setting) === undefined))
      try {
        // First on the record, then in force.
        await control(changeEntry(changes, next.config, { at: 'reload', needsRestart: later }))
      } catch (error) {
        say(`the configuration stays as it was, because the change could not be recorded: ${(error as Error).message}`)
        return
      }
      known = next
      needsRestart = later
      const due = new Set(changes.flatMap(({ setting }) => applierOf(appliers, setting) ?? []))
      for (const { settings, apply } of due) {
        try {
          await apply(next.config)
        } catch (error) {
          say(`${settings.join(', ')} could not be applied: ${(error as Error).message}`)
        }
      }
      say(`the configuration was changed: ${sentenceOf(changes, later)}`)
      onChange(changes)
    })
    return turn
  }

  const look = () => void reload()
  const { file } = known
  let seen = stateOf(file)
  const timer = setInterval(() => {
    const now = stateOf(file)
    if (now !== seen) look()
    seen = now
  }, everyMs).unref()
  process.on('SIGHUP', look)
  // It may have been changed since it was read.
  look()
  return {
    reload,
    get needsRestart() {
      return needsRestart
    },
    stop() {
      clearInterval(timer)
      process.off('SIGHUP', look)
    },
  }
}

/** What tells one state of a file from another: which file it is, when it was written, how long it is. */
function stateOf(file: string | undefined): string {
  if (file === undefined) return ''
  try {
    const { dev, ino, mtimeMs, ctimeMs, size } = statSync(file)
    return `${dev} ${ino} ${mtimeMs} ${ctimeMs} ${size}`
  } catch {
    // Not there, or not to be looked at: the reading of it says why.
    return ''
  }
}

/** Who takes a setting, by its own name or by that of what it is a part of. */
function applierOf(appliers: readonly Applier[], setting: string): Applier | undefined {
  return appliers.find(({ settings }) => settings.some(name => setting === name || setting.startsWith(`${name}.`)))
}

function sentenceOf(changes: readonly ConfigChange[], later: readonly string[]): string {
  const now = openNames(changes).filter(name => !later.includes(name))
  const parts = [
    ...(now.length > 0 ? [`${now.join(', ')} ${now.length === 1 ? 'holds' : 'hold'} now`] : []),
    ...(later.length > 0 ? [`${later.join(', ')} ${later.length === 1 ? 'needs' : 'need'} a restart`] : []),
  ]
  return parts.join('; ')
}

/** What is different between two configurations, and the entry that says so. */
import type { ControlInput } from '../core/control.ts'
import type { Reader } from '../trail/reader.ts'
import { leavesOf, settingName } from './layers.ts'
import { type Config, configSchema } from './schema.ts'
import { masked } from './shape.ts'

/** One setting that is another now. Secrets are masked in both values. */
export interface ConfigChange {
  /** `server.port`. */
  readonly setting: string
  /** `null` where there was none. */
  readonly before: unknown
  /** `null` where there is none any more. */
  readonly after: unknown
}

/** The settings in which two configurations differ, secrets among them. */
export function changesBetween(before: Config, after: Config): ConfigChange[] {
  return differences(
    leaves(before),
    leaves(after),
    leaves(masked(configSchema, before)),
    leaves(masked(configSchema, after)),
  )
}

type Leaves = ReadonlyMap<string, unknown>

function leaves(config: unknown): Leaves {
  const known = leavesOf(config).filter(({ value }) => value !== undefined)
  return new Map(known.map(({ path, value }) => [settingName(path), value]))
}

function differences(
  before: Leaves,
  after: Leaves,
  shownBefore: Leaves = before,
  shownAfter: Leaves = after,
): ConfigChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  return names
    .filter(name => JSON.stringify(before.get(name)) !== JSON.stringify(after.get(name)))
    .map(setting => ({ setting, before: shownBefore.get(setting) ?? null, after: shownAfter.get(setting) ?? null }))
}

/** Names that an entry shows openly; it counts the others. All of them are in what it seals. */
const maxNames = 50

/**
 * The entry of a change: which settings, openly; from what to what, sealed; never a secret.
 *
 * @param at whether the settings were read when the process started, or while it ran
 */
export function changeEntry(
  changes: readonly ConfigChange[],
  config: Config,
  { at, needsRestart }: { readonly at: 'start' | 'reload'; readonly needsRestart: readonly string[] },
): ControlInput {
  return {
    operation: 'config.changed',
    attributes: {
      'config.settings': named(changes.map(({ setting }) => setting)),
      'config.count': changes.length,
      'config.at': at,
      ...(needsRestart.length > 0 && { 'config.needsRestart': named(needsRestart) }),
    },
    sealed: { changes: plain(changes), config: plain(masked(configSchema, config)) },
  }
}

/** What is plain JSON, without members that are `undefined`. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function named(settings: readonly string[]): string {
  const more = settings.length - maxNames
  return settings.slice(0, maxNames).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/**
 * What was changed while nothing ran: against what the newest `config.changed` entry says or, where none can be read,
 * against the defaults. A secret that was exchanged for another is not seen.
 */
export async function changesSinceLastRun(
  reader: Pick<Reader, 'query'>,
  config: Config,
  defaults: unknown,
): Promise<ConfigChange[]> {
  const [last] = await reader.query({ kind: 'control', operation: 'config.changed' }, { limit: 1, order: 'desc' })
  const known = last?.config as { readonly erased?: true } | undefined
  const before = known === undefined || known.erased ? masked(configSchema, defaults) : known
  return differences(leaves(before), leaves(plain(masked(configSchema, config))))
}

/** What is different between two configurations, and the entry that says so. */
import type { ControlInput } from '../core/control.ts'
import { canonicalize } from '../core/json.ts'
import type { Reader } from '../trail/reader.ts'
import { leavesOf, type Path, settingName } from './layers.ts'
import { type Config, configSchema } from './schema.ts'
import { fixedPart, masked } from './shape.ts'

/** One setting that is another now. Secrets are masked in both values. */
export interface ConfigChange {
  /** `access.principals.ada.roles`. */
  readonly setting: string
  /** As much of that as the schema has named, and not a person: `access.principals`. */
  readonly openName: string
  /** `null` where there was none. */
  readonly before: unknown
  /** `null` where there is none any more. */
  readonly after: unknown
}

/** The settings in which two configurations differ, secrets among them. */
export function changesBetween(before: Config, after: Config): ConfigChange[] {
  const [maskedBefore, maskedAfter] = [leavesIn(masked(configSchema, before)), leavesIn(masked(configSchema, after))]
  return differences(leavesIn(before), leavesIn(after)).map(change => ({
    ...change,
    before: maskedBefore.get(change.setting)?.value ?? null,
    after: maskedAfter.get(change.setting)?.value ?? null,
  }))
}

type Leaves = ReadonlyMap<string, { readonly path: Path; readonly value: unknown }>

function leavesIn(config: unknown): Leaves {
  return new Map(leavesOf(plain(config)).map(leaf => [settingName(leaf.path), leaf]))
}

function differences(before: Leaves, after: Leaves): ConfigChange[] {
  const spelled = (leaf: { readonly value: unknown } | undefined) => leaf && canonicalize(leaf.value)
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  return names
    .filter(name => spelled(before.get(name)) !== spelled(after.get(name)))
    .map(setting => ({
      setting,
      openName: settingName(fixedPart(configSchema, (after.get(setting) ?? before.get(setting))!.path)),
      before: before.get(setting)?.value ?? null,
      after: after.get(setting)?.value ?? null,
    }))
}

/** What is plain JSON, without members that are `undefined`. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
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
      'config.settings': named(openNames(changes)),
      'config.count': changes.length,
      'config.at': at,
      ...(needsRestart.length > 0 && { 'config.needsRestart': named(needsRestart) }),
    },
    sealed: {
      changes: changes.map(({ setting, before, after }) => ({ setting, before, after })),
      config: plain(masked(configSchema, config)),
    },
  }
}

/** The names of settings that may be said to everyone. */
export function openNames(changes: readonly ConfigChange[]): string[] {
  return [...new Set(changes.map(({ openName }) => openName))]
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
  return differences(leavesIn(before), leavesIn(masked(configSchema, config)))
}

/** The configuration for people to read, with every secret masked. */
import { Document, isScalar, isMap as isYamlMap, type YAMLMap } from 'yaml'
import { leavesOf, type Origin, settingName } from './layers.ts'
import type { ResolvedConfig } from './resolve.ts'
import { configSchema } from './schema.ts'
import { masked, notesOf, typesAt } from './shape.ts'

export interface PrintedSetting {
  /** `server.port`. */
  readonly setting: string
  readonly value: unknown
  readonly origin: Origin
}

/** Every setting with its value and where that came from. */
export function printedSettings({ config, originOf }: ResolvedConfig): PrintedSetting[] {
  return leavesOf(masked(configSchema, config))
    .filter(({ value }) => value !== undefined)
    .map(({ path, value }) => ({ setting: settingName(path), value, origin: originOf(path) }))
}

/** The configuration as plain data, as a file would say it. */
export function printedTree({ config, environment }: ResolvedConfig): object {
  return { environment, ...(masked(configSchema, config) as object) }
}

/** The same as YAML. */
export function printedConfig(resolved: ResolvedConfig): string {
  return new Document(printedTree(resolved)).toString({ lineWidth: 120 })
}

/**
 * The text of a new configuration file: what is set, each with what the schema says about it.
 *
 * @param schema where the JSON Schema is, for editors
 * @example configFileText({ retention: { days: 184 } }, 'file:///opt/memmimic-audit/schemas/config.schema.json')
 */
export function configFileText(settings: object, schema: string): string {
  const document = new Document(settings)
  document.commentBefore = [
    ` yaml-language-server: $schema=${schema}`,
    ' What is not set here has its default; memmimic-audit config print --resolved shows all of it.',
  ].join('\n')
  if (isYamlMap(document.contents)) explain(document.contents, [])
  return document.toString({ lineWidth: 120 })
}

function explain(map: YAMLMap, path: readonly string[]): void {
  for (const [i, { key, value }] of map.items.entries()) {
    if (!isScalar(key)) continue
    const here = [...path, String(key.value)]
    const said = typesAt(configSchema, here).map(type => notesOf(type).description)[0]
    if (said !== undefined) key.commentBefore = ` ${said}`
    if (path.length === 0 && i > 0) key.spaceBefore = true
    if (isYamlMap(value)) explain(value, here)
  }
}

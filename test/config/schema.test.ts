import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { AccessSettings } from '../../src/access/settings.ts'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { leavesOf, settingName } from '../../src/config/layers.ts'
import { configFileText } from '../../src/config/printed.ts'
import { complaintsOf } from '../../src/config/problems.ts'
import { resolveConfig } from '../../src/config/resolve.ts'
import { type Config, configSchema, defaultConfig, environments } from '../../src/config/schema.ts'
import type { DetectSettings } from '../../src/detect/settings.ts'
import type { GovernanceSettings } from '../../src/governance/settings.ts'
import type { IntakeSettings } from '../../src/intake/settings.ts'
import type { MetricsSettings } from '../../src/metrics/settings.ts'
import type { ReportSettings } from '../../src/report/settings.ts'
import type { RetentionSettings } from '../../src/retention/settings.ts'
import type { StreamSettings } from '../../src/streams/settings.ts'
import { sourcesOf, usual } from './support.ts'

/** A type with nothing optional and nothing read-only, so that two can be held against each other member by member. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Name in keyof T]-?: Plain<Exclude<T[Name], undefined>> }
    : T

describe('the schema', () => {
  test('has every setting of every room, and no others', () => {
    expectTypeOf<Plain<Omit<Config['intake'], 'hashKey'>>>().toEqualTypeOf<Plain<IntakeSettings>>()
    expectTypeOf<Plain<Config['governance']>>().toEqualTypeOf<Plain<GovernanceSettings>>()
    expectTypeOf<keyof Config['metrics']>().toEqualTypeOf<keyof MetricsSettings>()
    expectTypeOf<Plain<Config['detection']>>().toEqualTypeOf<Plain<DetectSettings>>()
    expectTypeOf<Plain<Config['retention']>>().toEqualTypeOf<Plain<RetentionSettings>>()
    expectTypeOf<Plain<Config['access']>>().toEqualTypeOf<Plain<AccessSettings>>()
    expectTypeOf<Plain<Config['reports']>>().toEqualTypeOf<Plain<ReportSettings>>()
    expectTypeOf<Plain<Config['streams']>>().toEqualTypeOf<Plain<StreamSettings>[]>()
  })

  test.each(environments)('takes its own defaults in %s, unchanged', environment => {
    const defaults = defaultConfig(environment, {})
    expect(complaintsOf(configSchema, defaults)).toEqual([])
    expect(configSchema.parse(defaults)).toEqual(defaults)
  })

  test('is published as JSON Schema, up to date: config schema > schemas/config.schema.json writes it', () => {
    const file = join(import.meta.dirname, '../../schemas/config.schema.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(configJsonSchema())))
  })

  test('says the default of every setting in its JSON Schema, and demands none', () => {
    const { definitions } = configJsonSchema() as { definitions: { settings: JsonSchema } }
    const settings = definitions.settings
    for (const { path, value } of leavesOf(defaultConfig('production', {}))) {
      // Every index has its own default.
      if (path[0] === 'index') continue
      if (path[0] === 'log' && ['file', 'keys'].includes(path[1]!)) continue
      const holders = path.map((_, i) => at(settings, path.slice(0, i + 1)))
      const known = holders.findIndex(schema => schema?.default !== undefined)
      expect(known, settingName(path)).toBeGreaterThanOrEqual(0)
      const rest = path.slice(known + 1).reduce<unknown>((tree, name) => (tree as never)[name], holders[known]!.default)
      expect(rest, settingName(path)).toEqual(value)
      for (const holder of holders.slice(0, known)) expect(holder?.required).toBeUndefined()
    }
    expect(JSON.stringify(settings)).toContain('"writeOnly":true')
  })
})

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: unknown
  readonly default?: unknown
}

function at(schema: JsonSchema, path: readonly string[]): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>((below, name) => below?.properties?.[name], schema)
}

test('a new file names its schema, explains what it sets, and is valid', () => {
  const text = configFileText(
    { environment: 'testing', retention: { days: 184 }, environments: { testing: { server: { port: 1 } } } },
    'file:///opt/config.schema.json',
  )
  const [first] = text.split('\n')
  expect(first).toBe('# yaml-language-server: $schema=file:///opt/config.schema.json')
  expect(text).toContain('  # Days that content is kept when no rule is about it.\n  days: 184\n')
  const { config, file } = resolveConfig(sourcesOf({ files: text }))
  expect([file, config.retention.days, config.server.port]).toEqual([usual, 184, 1])
})

test('what looks like a secret is marked as one, so that it is masked wherever it is printed', () => {
  const open: string[] = []
  const walk = (schema: unknown, path: string) => {
    if (typeof schema !== 'object' || schema === null) return
    const { type, writeOnly } = schema as { type?: unknown; writeOnly?: unknown }
    const looksSecret = /(secret|password|token|hashKey|headers\.additionalProperties)$/i.test(path)
    if (looksSecret && type === 'string' && writeOnly !== true) open.push(path)
    for (const [name, below] of Object.entries(schema)) walk(below, `${path}.${name}`)
  }
  walk(configJsonSchema(), '')
  // What is done to a password or a token that stands in an entry, not one of ours.
  expect(open.filter(path => !path.includes('.redaction.properties.detectors.'))).toEqual([])
})

/** The schema of the configuration file as JSON Schema, for editors: generated, and published beside the package. */
import { z } from 'zod'
import { isMap } from './layers.ts'
import { configSchema, defaultConfig, environments } from './schema.ts'

type JsonSchema = Record<string, unknown>

/** JSON Schema, draft 7: what the YAML language server and its editors read best. */
export function configJsonSchema(): JsonSchema {
  const settings = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7', reused: 'inline' }) as JsonSchema
  const { file: _file, keys: _keys, ...log } = defaultConfig('production', {}).log
  withDefaults(settings, { ...defaultConfig('production', {}), log })
  const sections = Object.keys(settings.properties as JsonSchema)
  const overrides = environments.map(name => [name, { $ref: '#/definitions/settings' }])
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'memmimic-audit',
    type: 'object',
    properties: {
      environment: {
        enum: environments,
        default: 'production',
        description: 'Whose overrides hold. Also MEMMIMIC_AUDIT_ENVIRONMENT.',
      },
      environments: {
        type: 'object',
        properties: Object.fromEntries(overrides),
        additionalProperties: false,
        description: 'What is different in each: maps are merged, lists replaced, null goes back to the default.',
      },
      ...Object.fromEntries(sections.map(name => [name, { $ref: `#/definitions/settings/properties/${name}` }])),
    },
    additionalProperties: false,
    definitions: { settings: { ...settings, $schema: undefined } },
  }
}

/** Nothing that has a default is required, and a name in a map of free names may be taken away. */
function withDefaults(schema: JsonSchema, value: unknown): void {
  translateNotes(schema)
  if (!isMap(value)) {
    schema.default = value
    return
  }
  delete schema.required
  for (const [name, below] of Object.entries((schema.properties as Record<string, JsonSchema> | undefined) ?? {})) {
    if (Object.hasOwn(value, name)) withDefaults(below, value[name])
  }
  if (!isMap(schema.additionalProperties)) return
  schema.additionalProperties = { anyOf: [schema.additionalProperties, { type: 'null' }] }
  schema.default = value
}

/** Our notes on a type, as far as JSON Schema has words for them. */
function translateNotes(schema: unknown): void {
  if (Array.isArray(schema)) for (const part of schema) translateNotes(part)
  if (!isMap(schema)) return
  if (schema.secret === true) schema.writeOnly = true
  if (typeof schema.secret === 'boolean') delete schema.secret
  if (typeof schema.path === 'boolean') delete schema.path
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
  for (const part of Object.values(schema)) translateNotes(part)
}

/**
 * The configuration as it holds: flags over variables over the overrides of the environment over the file over the
 * defaults. Pure but for reading files.
 */
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { AuditError } from '../core/errors.ts'
import { settingsFromEnvironment } from './environment.ts'
import { isMap, Layers, leavesOf, type Origin, originText, type Path, type Setting } from './layers.ts'
import { findConfigFile, type ReadFile, readTextFile } from './places.ts'
import { type Complaint, complaintsOf } from './problems.ts'
import { type Config, configSchema, defaultConfig, type Environment, environments } from './schema.ts'
import { holdsSecret, isFixed, notesOf, typesAt } from './shape.ts'
import { parseYamlFile, type YamlFile } from './yaml-file.ts'

/** What was said on the command line. */
export interface FlagSetting {
  /** With its dashes: `--port`. */
  readonly name: string
  readonly path: Path
  readonly value: unknown
}

export interface ConfigSources {
  /** The file that was named on the command line. */
  readonly file?: string | undefined
  readonly flags?: readonly FlagSetting[]
  readonly env: NodeJS.ProcessEnv
  /** The working folder. */
  readonly cwd: string
  readonly readFile?: ReadFile
}

export interface ResolvedConfig {
  readonly config: Config
  /** The file that was read. */
  readonly file: string | undefined
  /** Whose overrides hold. */
  readonly environment: Environment
  /** Where a value came from, by the path of its setting or of a part of it. */
  originOf(path: readonly (string | number)[]): Origin
}

/** What is wrong, and where. */
export interface ConfigProblem {
  /** `audit.yaml:3:9`, a variable or a flag. */
  readonly at: string
  readonly sentence: string
}

/**
 * The configuration, valid as a whole: the overrides of the other environments are judged too.
 *
 * @throws AuditError `bad_input` with the place of the first thing that is wrong; `not_found`, `io`; `bad_key` when a file
 * with secrets can be read by others
 * @example
 * const { config, originOf } = resolveConfig({ env: process.env, cwd: process.cwd() })
 * console.log(config.server.port, originOf(['server', 'port']))
 */
export function resolveConfig(sources: ConfigSources): ResolvedConfig {
  const { resolved, problems } = judgeConfig(sources)
  if (resolved !== undefined) return resolved
  const { at, sentence } = problems[0]!
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more: see config check)`
  throw new AuditError('bad_input', `${at}: ${sentence}${more}`)
}

/**
 * The configuration, or everything that is wrong with it.
 *
 * @throws AuditError where a source cannot be read at all, or must not be
 */
export function judgeConfig(sources: ConfigSources): { resolved?: ResolvedConfig; problems: readonly ConfigProblem[] } {
  const { env, cwd, flags = [], readFile = readTextFile } = sources
  const found = findConfigFile(sources.file, env, cwd, readFile)
  const yaml = found && parseYamlFile(found.text, found.file)
  const problems: { origin: Origin; sentence: string }[] = []
  const blame = (complaints: readonly Complaint[], originOf: (path: Complaint['path']) => Origin) => {
    for (const { path, about, sentence } of complaints) {
      problems.push({ origin: exact(originOf(path), path, yaml, about), sentence })
    }
  }

  // The file's own words: for which environment it is, and what is different in each.
  const said = (yaml?.value ?? {}) as FileWords
  blame(complaintsOf(headSchema, said), () => startOf(yaml!))
  const active = env.MEMMIMIC_AUDIT_ENVIRONMENT || (said.environment ?? 'production')
  if (problems.length === 0 && !isEnvironment(active)) {
    const name = 'MEMMIMIC_AUDIT_ENVIRONMENT'
    problems.push({ origin: { from: 'environment', name }, sentence: `must be one of ${environments.join(', ')}` })
  }
  if (problems.length > 0 || !isEnvironment(active)) return { problems: inOrder(problems) }
  const { environment: _environment, environments: overrides, ...settings } = said

  const variables = settingsFromEnvironment(env, configSchema, readFile)
  problems.push(...variables.problems)
  const layersOf = (environment: Environment): Layers => {
    const defaults = leavesOf(defaultConfig(environment, env)).map(leaf => ({ ...leaf, origin: byDefault }))
    const layers = new Layers()
    for (const setting of defaults) layers.put(setting)
    if (yaml !== undefined) {
      layOver(layers, settings, { yaml, defaults })
      layOver(layers, overrides?.[environment], { yaml, defaults, environment })
    }
    for (const setting of variables.settings) layers.put(setting)
    for (const { path, value, name } of flags) layers.put({ path, value, origin: { from: 'flag', name } })
    return layers
  }

  // Each environment that the file speaks of: a slip in production shall be known in testing.
  const spokenOf = environments.filter(name => name === active || overrides?.[name] !== undefined)
  for (const environment of spokenOf) {
    const layers = layersOf(environment)
    blame(complaintsOf(configSchema, layers.tree()), path => layers.originNear(path))
  }
  if (problems.length > 0) return { problems: inOrder(problems) }

  const parts = [settings, ...Object.values(overrides ?? {})]
  if (found?.isShared && parts.some(part => holdsSecret(configSchema, part))) {
    const what = `${found.file} holds secrets and can be read by others`
    throw new AuditError('bad_key', `${what}: chmod 600 it, and think of who has seen them`)
  }
  const layers = layersOf(active)
  const originOf: ResolvedConfig['originOf'] = path => exact(layers.originOf(path), path, yaml, 'value')
  const config = withPlaces(configSchema.parse(layers.tree()), [], originOf) as Config
  return { resolved: { config, file: found?.file, environment: active, originOf }, problems: [] }
}

const byDefault: Origin = { from: 'default' }

/** A file as it says itself what it is; the sections stand beside. */
interface FileWords {
  readonly environment?: unknown
  readonly environments?: { readonly [name in Environment]?: unknown } | null
  readonly [section: string]: unknown
}

/** What a file says besides settings: which environment it is for, and what is different in each. */
const headSchema = z.looseObject({
  environment: z.enum(environments).nullish(),
  environments: z.partialRecord(z.enum(environments), z.looseObject({}).nullable()).nullish(),
})

function isEnvironment(value: unknown): value is Environment {
  return environments.includes(value as Environment)
}

interface FileLayer {
  readonly yaml: YamlFile
  readonly defaults: readonly Setting[]
  /** Whose overrides these are. */
  readonly environment?: string
}

/**
 * Lays over what a file says. A section with nothing in it changes nothing; any other null goes back to the default, or,
 * where the names are free, takes away what has this name.
 */
function layOver(layers: Layers, said: unknown, { yaml, defaults, environment }: FileLayer): void {
  for (const { path, value } of leavesOf(said ?? {})) {
    if (path.length === 0) continue
    const types = typesAt(configSchema, path)
    if (value !== null || types.length === 0) {
      const origin = exact({ ...startOf(yaml), ...(environment && { environment }) }, path, yaml, 'value')
      layers.put({ path, value: value ?? undefined, origin })
    } else if (path.length > 1) {
      layers.remove(path)
      if (isFixed(configSchema, path))
        for (const setting of defaults) if (startsWith(setting.path, path)) layers.put(setting)
    }
  }
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((name, i) => path[i] === name)
}

/** From the top of the file to its end, then the rest; the same slip shows in every environment, and is said once. */
function inOrder(problems: readonly { readonly origin: Origin; readonly sentence: string }[]): ConfigProblem[] {
  const line = ({ origin }: { origin: Origin }) => (origin.from === 'file' ? origin.line : Number.POSITIVE_INFINITY)
  const column = ({ origin }: { origin: Origin }) => (origin.from === 'file' ? origin.column : 0)
  const sorted = [...problems].sort((a, b) => (line(a) === line(b) ? column(a) - column(b) : line(a) - line(b)))
  const texts = sorted.map(({ origin, sentence }): ConfigProblem => ({ at: originText(origin), sentence }))
  return [...new Map(texts.map(problem => [`${problem.at}: ${problem.sentence}`, problem])).values()]
}

function startOf({ file }: YamlFile): Origin {
  return { from: 'file', file, line: 1, column: 1 }
}

/** An origin in a file, at the very line of a part of the setting. */
function exact(
  origin: Origin,
  path: readonly (string | number)[],
  yaml: YamlFile | undefined,
  about: 'name' | 'value',
): Origin {
  if (origin.from !== 'file' || yaml === undefined) return origin
  const prefix = origin.environment === undefined ? [] : ['environments', origin.environment]
  return { ...origin, ...yaml.placeOf([...prefix, ...path], about) }
}

/** A copy in which files that a file names are relative to it. */
function withPlaces(value: unknown, path: readonly (string | number)[], originOf: ResolvedConfig['originOf']): unknown {
  if (Array.isArray(value)) return value.map((item, i) => withPlaces(item, [...path, i], originOf))
  if (isMap(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, withPlaces(item, [...path, name], originOf)]),
    )
  }
  if (typeof value !== 'string' || !typesAt(configSchema, path).some(type => notesOf(type).path)) return value
  const origin = originOf(path)
  return origin.from === 'file' ? resolve(dirname(origin.file), value) : value
}

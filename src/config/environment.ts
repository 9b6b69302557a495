/**
 * Settings from environment variables: `MEMMIMIC_AUDIT_<SECTION>__<KEY>`, deeper ones with more double underscores, and a
 * few names that other programs use too.
 */
import { parse } from 'yaml'
import type { z } from 'zod'
import { nearest } from '../core/capture.ts'
import { AuditError } from '../core/errors.ts'
import type { Origin, Path, Setting } from './layers.ts'
import { isOwnVariable, type ReadFile, variablePrefix } from './places.ts'
import { namesOf, notesOf, typesAt } from './shape.ts'

/** Shorter names, in the order in which they give way to the ones behind them. */
const short: Readonly<Record<string, Path>> = {
  PORT: ['server', 'port'],
  LOG_LEVEL: ['logging', 'level'],
  MEMMIMIC_AUDIT_LOG: ['log', 'file'],
  MEMMIMIC_AUDIT_KEYS: ['log', 'keys'],
}

export interface FromEnvironment {
  readonly settings: readonly Setting[]
  /** What is wrong with the names of variables. */
  readonly problems: readonly { readonly origin: Origin; readonly sentence: string }[]
}

/**
 * The settings that the environment holds; a variable that is empty sets nothing.
 *
 * @throws AuditError `not_found`, `bad_key` or `io` for the file of a secret
 */
export function settingsFromEnvironment(
  env: NodeJS.ProcessEnv,
  schema: z.ZodType,
  readFile: ReadFile,
): FromEnvironment {
  const settings: Setting[] = []
  const problems: { origin: Origin; sentence: string }[] = []
  for (const [name, path] of Object.entries(short)) {
    const text = env[name]
    if (!text) continue
    const value = name === 'LOG_LEVEL' ? text.toLowerCase() : readingOf(text, typesAt(schema, path))
    settings.push({ path, value, origin: { from: 'environment', name } })
  }
  for (const name of Object.keys(env).filter(isOwnVariable).sort()) {
    const text = env[name]
    if (!text) continue
    const meant = settingOf(name, schema)
    if ('sentence' in meant) {
      problems.push({ origin: { from: 'environment', name }, sentence: meant.sentence })
      continue
    }
    const { path, isFile } = meant
    const value = isFile ? secretIn(text, name, readFile) : readingOf(text, typesAt(schema, path))
    settings.push({ path, value, origin: { from: 'environment', name } })
  }
  return { settings, problems }
}

/** Which setting a variable means, and whether it names a file with the value; or what is wrong with its name. */
function settingOf(name: string, schema: z.ZodType): { path: Path; isFile: boolean } | { sentence: string } {
  const meant = pathFor(name, schema)
  if ('path' in meant) return { ...meant, isFile: false }
  if (!name.endsWith('_FILE')) return meant
  const holder = pathFor(name.slice(0, -'_FILE'.length), schema)
  if ('sentence' in holder) return meant
  const isSecret = typesAt(schema, holder.path).some(type => notesOf(type).secret)
  return isSecret ? { ...holder, isFile: true } : { sentence: 'only a secret can be read from a file of its own' }
}

function pathFor(name: string, schema: z.ZodType): { path: Path } | { sentence: string } {
  const path: string[] = []
  for (const part of name.slice(variablePrefix.length).split('__')) {
    const known = typesAt(schema, path).map(namesOf)
    const names = known.flatMap(list => (Array.isArray(list) ? list : []))
    const takes = (kind: 'any' | 'numbers') => known.includes(kind)
    const isPosition = takes('numbers') && /^\d{1,6}$/.test(part)
    const found =
      names.find(other => plain(other) === plain(part)) ??
      (isPosition ? part : takes('any') && part !== '' ? part.toLowerCase() : undefined)
    if (found === undefined) {
      const near = nearest(part, names)
      const spelled = [...path, near ?? ''].map(variablePart).join('__')
      return {
        sentence: `no setting has this name${near === undefined ? '' : `; did you mean ${variablePrefix}${spelled}?`}`,
      }
    }
    path.push(found)
  }
  return { path }
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '')
}

/** `maxValueBytes` as `MAX_VALUE_BYTES`. */
function variablePart(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
}

/** A text as the setting wants it: as it stands, as YAML, or as a list with commas; what nothing fits, as it stands. */
function readingOf(text: string, types: readonly z.ZodType[]): unknown {
  const readings = [() => text, () => parse(text) as unknown, () => text.split(',').map(part => part.trim())]
  for (const read of readings) {
    try {
      const value = read()
      if (types.some(type => type.safeParse(value).success)) return value
    } catch {
      // It is not YAML.
    }
  }
  return text
}

function secretIn(file: string, name: string, readFile: ReadFile): string {
  const read = readFile(file)
  if (read === undefined) throw new AuditError('not_found', `${name}: there is no file ${file}`)
  if (read.isShared) {
    throw new AuditError(
      'bad_key',
      `${name}: ${file} can be read by others: chmod 600 it, and think of who has seen it`,
    )
  }
  return read.text.replace(/\r?\n$/, '')
}

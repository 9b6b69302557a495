/** What a schema says about a setting: which names stand below it, whether it is a secret, whether it names a file. */
import { z } from 'zod'

/** Notes on a setting that the schema keeps beside its type. */
export interface Notes {
  readonly description?: string
  /** Never printed. It may come from a file that a variable with the ending `_FILE` names. */
  readonly secret?: true
  /** A file or folder: in a configuration file it is relative to that file. */
  readonly path?: true
}

/** A value that is never printed. */
export function secret<T extends z.ZodType>(type: T): T {
  return type.meta({ ...type.meta(), secret: true })
}

/** The name of a file or a folder. */
export function filePath(): z.ZodString {
  return z.string().min(1).meta({ path: true })
}

/** A type without what is wrapped around it. */
function bare(type: z.ZodType): z.ZodType {
  let at: z.ZodType = type
  while (
    at instanceof z.ZodOptional ||
    at instanceof z.ZodDefault ||
    at instanceof z.ZodPrefault ||
    at instanceof z.ZodNullable ||
    at instanceof z.ZodReadonly
  ) {
    at = at.unwrap() as z.ZodType
  }
  return at
}

/** What was noted on a type, or on what it wraps. */
export function notesOf(type: z.ZodType): Notes {
  const inner = bare(type)
  return { ...(inner.meta() as Notes), ...(type.meta() as Notes) }
}

/** The types that a value of this type may have below a name or a position. */
function childrenOf(type: z.ZodType, key: string): z.ZodType[] {
  const inner = bare(type)
  if (inner instanceof z.ZodObject) return Object.hasOwn(inner.shape, key) ? [inner.shape[key] as z.ZodType] : []
  if (inner instanceof z.ZodRecord) {
    const names = namesOf(inner)
    return names === 'any' || names.includes(key) ? [inner.valueType as z.ZodType] : []
  }
  if (inner instanceof z.ZodArray) return [inner.element as z.ZodType]
  if (inner instanceof z.ZodUnion) return inner.options.flatMap(option => childrenOf(option as z.ZodType, key))
  return []
}

/** The types that stand at a path; none when no setting has this name. */
export function typesAt(type: z.ZodType, path: readonly (string | number)[]): z.ZodType[] {
  return path.reduce<z.ZodType[]>((types, key) => types.flatMap(at => childrenOf(at, String(key))), [type])
}

/** The names that may stand below a type: these, or `any` in a map of free names, `numbers` in a list. */
export function namesOf(type: z.ZodType): readonly string[] | 'any' | 'numbers' {
  const inner = bare(type)
  if (inner instanceof z.ZodObject) return Object.keys(inner.shape)
  if (inner instanceof z.ZodArray) return 'numbers'
  if (inner instanceof z.ZodRecord) {
    const key = bare(inner.keyType as z.ZodType)
    return key instanceof z.ZodEnum ? key.options.map(String) : 'any'
  }
  if (!(inner instanceof z.ZodUnion)) return []
  return inner.options.flatMap(option => {
    const names = namesOf(option as z.ZodType)
    return Array.isArray(names) ? names : []
  })
}

/** Whether the name of a setting is one of the schema, not one that somebody chose. */
export function isFixed(type: z.ZodType, path: readonly string[]): boolean {
  return typesAt(type, path.slice(0, -1)).some(parent => bare(parent) instanceof z.ZodObject)
}

/** As much of a path as the schema has named. */
export function fixedPart(type: z.ZodType, path: readonly string[]): readonly string[] {
  const free = path.findIndex((_, i) => !typesAt(type, path.slice(0, i)).map(namesOf).some(Array.isArray))
  return free < 0 ? path : path.slice(0, free)
}

/** A copy of a value in which every secret is a row of stars. */
export function masked(type: z.ZodType, value: unknown): unknown {
  return mask([type], value)
}

/** Whether there is a secret in a value of this type. */
export function holdsSecret(type: z.ZodType, value: unknown): boolean {
  return JSON.stringify(masked(type, value)) !== JSON.stringify(mask([], value))
}

function mask(types: readonly z.ZodType[], value: unknown): unknown {
  if (value === undefined || value === null) return value
  if (types.some(type => notesOf(type).secret)) return '***'
  if (Array.isArray(value)) return value.map((item, i) => mask(below(types, i), item))
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mask(below(types, name), item)]))
}

function below(types: readonly z.ZodType[], key: string | number): z.ZodType[] {
  return types.flatMap(type => childrenOf(type, String(key)))
}

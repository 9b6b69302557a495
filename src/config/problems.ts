/** What is wrong with a configuration, each in a sentence that says where it stands and what is allowed there. */
import { z } from 'zod'
import { nearest } from '../core/capture.ts'
import { settingName } from './layers.ts'
import { namesOf, typesAt } from './shape.ts'

type Path = readonly (string | number)[]

/** A finding about one setting, without its place. */
export interface Complaint {
  readonly path: Path
  /** Whether the name itself is wrong, or its value. */
  readonly about: 'name' | 'value'
  readonly sentence: string
}

/** Everything that a schema has against a value. */
export function complaintsOf(schema: z.ZodType, value: unknown): Complaint[] {
  // A message of the schema's own is kept; for the others the type says what is allowed.
  const { error } = schema.safeParse(value, { error: () => '' })
  return (error?.issues ?? []).flatMap(issue => complaintsAbout(issue, [], schema, value))
}

function complaintsAbout(issue: z.core.$ZodIssue, above: Path, schema: z.ZodType, root: unknown): Complaint[] {
  const path = [...above, ...issue.path.map(part => (typeof part === 'symbol' ? String(part) : part))]
  const name = path.length === 0 ? 'the file' : settingName(path)
  const say = (what: string): Complaint[] => [{ path, about: 'value', sentence: `${name} ${what}` }]
  const types = typesAt(schema, path)

  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownName(path, key, types))
  if (issue.code === 'invalid_key') {
    return [unknownName(path.slice(0, -1), String(path.at(-1)), typesAt(schema, path.slice(0, -1)))]
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = branchMeant(issue.errors)
    if (inner !== undefined) return inner.flatMap(each => complaintsAbout(each, path, schema, root))
  }
  if (issue.message !== '') return say(issue.message)
  if (valueAt(root, path) === undefined) return say('is missing')
  return say(`must be ${[...new Set(types.map(allowed))].join(' or ')}`)
}

function unknownName(path: Path, key: string, types: readonly z.ZodType[]): Complaint {
  const names = types.map(namesOf).flatMap(list => (Array.isArray(list) ? list : []))
  const near = nearest(key, new Set<string>(names))
  const where = path.length === 0 ? 'there is no section' : `${settingName(path)} has no setting`
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  return { path: [...path, key], about: 'name', sentence: `${where} ${settingName([key])}${hint}` }
}

/** Of several forms that a value may have: the one whose only fault lies further in. */
function branchMeant(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  return branches.find(issues => issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'))
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<string | number, unknown> | undefined)?.[key], root)
}

/** What may stand where a type is: `a whole number from 0 to 65535`. */
function allowed(type: z.ZodType): string {
  const wrapped = type as z.ZodType & { unwrap?: () => z.ZodType }
  if (typeof wrapped.unwrap === 'function' && !(type instanceof z.ZodArray)) return allowed(wrapped.unwrap())
  if (type instanceof z.ZodNumber) return numbers(type)
  if (type instanceof z.ZodBoolean) return 'true or false'
  if (type instanceof z.ZodEnum) return `one of ${type.options.join(', ')}`
  if (type instanceof z.ZodLiteral) return [...type.values].map(String).join(' or ')
  if (type instanceof z.ZodArray) return `a list${type.def.checks?.length ? ' that is not empty' : ''}`
  if (type instanceof z.ZodObject || type instanceof z.ZodRecord) return 'a map of names to values'
  if (type instanceof z.ZodUnion) return type.options.map(option => allowed(option as z.ZodType)).join(' or ')
  if (type instanceof z.ZodString) return texts(type)
  return 'something else'
}

function numbers(type: z.ZodNumber): string {
  const { minValue, maxValue } = type
  const kind = type.format === 'safeint' ? 'a whole number' : 'a number'
  const least = minValue === null || minValue <= Number.MIN_SAFE_INTEGER ? undefined : minValue
  const most = maxValue === null || maxValue >= Number.MAX_SAFE_INTEGER ? undefined : maxValue
  if (least === undefined) return most === undefined ? kind : `${kind} up to ${most}`
  return most === undefined ? `${kind} from ${least} on` : `${kind} from ${least} to ${most}`
}

function texts({ minLength, maxLength }: z.ZodString): string {
  if (maxLength !== null) return `a text of ${minLength ?? 0}–${maxLength} characters`
  if (minLength === null) return 'a text'
  return minLength > 1 ? `a text of at least ${minLength} characters` : 'a text that is not empty'
}

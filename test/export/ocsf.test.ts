/** Every event against the schema itself: required attributes, types, enums, constraints, and nothing invented. */
import { expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { leafHashHex } from '../../src/core/hash.ts'
import { ocsfEvent } from '../../src/export/formats/ocsf.ts'
import { closeValues } from '../../src/export/values.ts'
import { describeVectors, readVector } from '../support/vectors.ts'
import { sampleViews, viewOf } from './support.ts'

interface Attribute {
  readonly type: string
  readonly requirement: 'required' | 'recommended' | 'optional'
  readonly is_array?: boolean
  readonly enum?: Readonly<Record<string, string>>
  readonly profile?: string
  readonly sibling?: string
  readonly deprecated?: string
}

interface Shape {
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly constraints: { readonly at_least_one?: readonly string[]; readonly just_one?: readonly string[] }
  readonly profiles?: readonly string[]
}

interface Raw {
  readonly raw_data: string
  readonly raw_data_size: number
  readonly raw_data_hash: { readonly value: string }
}

interface Schema {
  readonly types: Readonly<
    Record<string, { readonly type?: string; readonly regex?: string; readonly max_len?: number }>
  >
  readonly classes: Readonly<Record<string, Shape & { readonly class_uid: number; readonly category_uid: number }>>
  readonly objects: Readonly<Record<string, Shape>>
}

type Members = Readonly<Record<string, unknown>>

/** What is wrong with an event, by this schema; written from the schema's rules, not from the exporter. */
function problemsOf(schema: Schema, shape: Shape, value: Members, profiles: readonly string[], path: string): string[] {
  const problems: string[] = []
  for (const [name, attribute] of Object.entries(shape.attributes)) {
    const isOn = attribute.profile === undefined || profiles.includes(attribute.profile)
    if (isOn && attribute.requirement === 'required' && !(name in value)) problems.push(`${path}.${name} is missing`)
  }
  for (const [name, part] of Object.entries(value)) {
    const attribute = shape.attributes[name]
    const here = `${path}.${name}`
    if (attribute === undefined) problems.push(`${here} is invented`)
    else if (attribute.deprecated !== undefined) problems.push(`${here} is deprecated`)
    else if (attribute.profile !== undefined && !profiles.includes(attribute.profile)) {
      problems.push(`${here} is of the profile ${attribute.profile}, which the event does not name`)
    } else if ((attribute.is_array ?? false) !== Array.isArray(part) && attribute.type !== 'json_t') {
      problems.push(`${here} is ${Array.isArray(part) ? 'a list' : 'no list'}`)
    } else {
      const items = attribute.is_array ? (part as unknown[]) : [part]
      for (const item of items) problems.push(...typeProblems(schema, attribute, item, profiles, here))
      if (attribute.enum !== undefined && !(String(part) in attribute.enum))
        problems.push(`${here}: no such value ${part}`)
    }
  }
  const oneOf = shape.constraints.at_least_one
  if (oneOf !== undefined && !oneOf.some(name => name in value))
    problems.push(`${path} has none of ${oneOf.join(', ')}`)
  return problems
}

function typeProblems(
  schema: Schema,
  attribute: Attribute,
  item: unknown,
  profiles: readonly string[],
  path: string,
): string[] {
  const object = schema.objects[attribute.type]
  if (object !== undefined) {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return [`${path} is no object`]
    return attribute.type === 'object' ? [] : problemsOf(schema, object, item as Members, profiles, path)
  }
  const type = schema.types[attribute.type]
  if (type === undefined) return [`${path}: the schema has no type ${attribute.type}`]
  const base = type.type === undefined ? attribute.type : (schema.types[type.type]?.type ?? type.type)
  const isRight = {
    string_t: typeof item === 'string',
    integer_t: Number.isSafeInteger(item),
    long_t: Number.isSafeInteger(item),
    float_t: typeof item === 'number',
    boolean_t: typeof item === 'boolean',
    json_t: item !== undefined,
  }[base]
  if (isRight !== true) return [`${path} is no ${attribute.type}`]
  if (type.regex !== undefined && !new RegExp(type.regex).test(String(item))) return [`${path} is no ${attribute.type}`]
  return type.max_len !== undefined && String(item).length > type.max_len ? [`${path} is too long`] : []
}

describeVectors('against the schema of OCSF 1.8.0', () => {
  const schema = JSON.parse(readVector('ocsf/ocsf-1.8.0.json')) as Schema
  const api = schema.classes.api_activity!
  const judge = (event: Members) => {
    const { profiles = [] } = event.metadata as { profiles?: string[] }
    for (const profile of profiles) expect(api.profiles).toContain(profile)
    return problemsOf(schema, api, event, profiles, '$')
  }
  const views = [...sampleViews(), ...sampleViews().map(view => closeValues(view, () => false))]
  const events = views.map(view => ocsfEvent(view, 'example.com/log') as Members)

  it('the judge sees what is wrong', () => {
    const good = events[0]!
    const metadata = good.metadata as Members
    const cases: [string, Members][] = [
      ['$.severity_id is missing', { ...good, severity_id: undefined }],
      ['$.leaf_index is invented', { ...good, leaf_index: 1 }],
      ['$.severity_id: no such value 9', { ...good, severity_id: 9 }],
      ['$.time is no timestamp_t', { ...good, time: '2026' }],
      ['$.actor has none of', { ...good, actor: { idp: {} } }],
      ['$.trace is of the profile trace', { ...good, metadata: { ...metadata, profiles: ['ai_operation'] } }],
      ['$.resources is no list', { ...good, resources: { uid: 'x' } }],
    ]
    for (const [problem, event] of cases) {
      const given = Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined))
      expect(judge(given).join('\n')).toContain(problem)
    }
  })

  it('entries of every kind, outcome, level and control operation are valid, open and closed', () => {
    expect(events.length).toBeGreaterThan(90)
    for (const event of events) expect(judge(event)).toEqual([])
  })

  it('class, category, type and activity belong together', () => {
    const names = api.attributes.activity_id!.enum!
    for (const event of events) {
      const { class_uid, category_uid, activity_id, activity_name, type_uid } = event as Record<string, number | string>
      expect({ class_uid, category_uid }).toEqual({ class_uid: api.class_uid, category_uid: api.category_uid })
      expect(type_uid).toBe(Number(class_uid) * 100 + Number(activity_id))
      if (activity_id !== 99) expect(activity_name).toBe(names[String(activity_id)])
    }
  })

  it.each([
    ['remember', {}, 1],
    ['recall', {}, 2],
    ['update', {}, 3],
    ['forget', {}, 4],
    ['tools/call', { 'gen_ai.tool.name': 'delete_entities' }, 4],
    ['tools/call', { 'gen_ai.tool.name': 'read_graph' }, 2],
    ['resources/read', {}, 2],
    ['tools/list', {}, 2],
    ['memory_wink', {}, 99],
  ])('%s %j is activity %i', (operation, attributes, activity_id) => {
    expect(ocsfEvent(viewOf({ operation, attributes }), 'o')).toMatchObject({ activity_id })
  })

  it('an agent is the application, and the user is the person on whose behalf it acted', () => {
    const [event] = events as unknown as [{ actor: unknown; message_context: unknown; ai_model: unknown }]
    expect(event.actor).toEqual({
      app_name: 'agent',
      app_uid: 'claude',
      user: { uid: 'Zoë', name: 'Zoë', type_id: 1, type: 'User' },
      session: { uid: 'session 1' },
    })
    expect(event.ai_model).toEqual({ name: 'a-model', ai_provider: 'a-provider' })
    expect(event.message_context).toMatchObject({ ai_role_id: 3, name: 'create_entities', prompt_tokens: 120 })
    expect(ocsfEvent(viewOf({ actor: { type: 'user', id: 'u1' } }), 'o')).toMatchObject({
      actor: { app_name: 'memory', user: { uid: 'u1', type_id: 1 } },
    })
  })

  it('raw_data is the leaf, with the hash that the log has of it', () => {
    events.forEach((event, i) => {
      const { raw_data, raw_data_hash, raw_data_size } = event as unknown as Raw
      const leaf = utf8(raw_data)
      expect(leafHashHex(leaf)).toBe(raw_data_hash.value)
      expect(raw_data_size).toBe(leaf.length)
      expect(event.unmapped).toMatchObject({ seq: views[i]!.seq, entryHash: views[i]!.entryHash })
    })
  })
})

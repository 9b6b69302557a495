/**
 * Entries as agents make them, the same for every run: about 700 bytes of JSON, in words, identifiers and numbers that
 * compress like real traffic. What repeats from entry to entry is what repeats in life: names, shapes, a session's actor.
 */
import type { EntryInput } from '../src/core/entry.ts'
import { seededRandom } from './measure.ts'

const operations = pick({
  'tools/call': 46,
  remember: 14,
  recall: 18,
  search: 8,
  update: 6,
  'resources/read': 4,
  forget: 1,
  'access.policy.check': 3,
})
const components = pick({
  memmimic_storage: 35,
  filesystem: 22,
  'github-mcp': 16,
  browser: 12,
  'postgres-mcp': 9,
  policy_gate: 6,
})
const outcomes = pick({ success: 962, failure: 25, denied: 9, unknown: 4 } as const)
const levels = pick({ internal: 850, public: 60, confidential: 70, secret: 18, top_secret: 2 } as const)
const flagSets: readonly (readonly string[])[] = [['gdpr'], ['pii', 'gdpr'], ['soc2'], ['hipaa', 'pii']]
const tools = [
  'read_file',
  'write_file',
  'search_issues',
  'run_query',
  'navigate',
  'create_entities',
  'add_observations',
]
const models = ['claude-opus-4-5', 'claude-sonnet-4-5', 'gpt-5.2', 'local-qwen3-32b']
const verbs = ['summarise', 'compare', 'fix', 'review', 'explain', 'refactor', 'look up', 'write a test for', 'deploy']

const common =
  `the of to and in is for that with on as are be this it by from at or an was has have not can will when if
which their all one more other into there been who were time up out only some could them these may then do first any now
such like our over new than its two how after also well where must through because back use good many those own see most
made before should between long never same another while last might great year since against right three state place
file test error value request response user server client branch commit merge issue table column query index cache token
session memory agent model context prompt result change update function module import export type string number object
array promise async await return throw config deploy build release version package schema migration row key path folder
line review comment pull ticket customer invoice order payment report summary meeting note task project deadline budget
security policy access role permission audit retention export region service queue worker thread latency timeout retry`
    .split(/\s+/)
    .filter(word => word.length > 0)

/** Names, jargon and rare words: some thousands, of syllables, used as rarely as in life. */
const rare = (() => {
  const random = seededRandom(17)
  const syllables =
    'an ber cor del en fal gri hol in jor kel lum mar nor op pra qui ros sta tem ul ver wen xi yor zan'.split(' ')
  const syllable = () => syllables[Math.floor(random() * syllables.length)]!
  return Array.from({ length: 6000 }, () => Array.from({ length: 2 + Math.floor(random() * 3) }, syllable).join(''))
})()

/** How many different texts there are; an entry's names and numbers are its own all the same. */
const templateCount = 8192
/** Actors that do most of the work, and some that act once in a thousand entries. */
const actorCount = 50
const rareActorCount = 20
const rareActorEvery = 50

const templates: readonly EntryInput[] = (() => {
  const random = seededRandom(4711)
  return Array.from({ length: templateCount }, () => template(random))
})()

function template(random: () => number): EntryInput {
  const operation = operations(random())
  const outcome = outcomes(random())
  const flagged = random() < 0.15
  const model = models[Math.floor(random() * models.length)]!
  const length = 8 + Math.floor(random() * 12)
  return {
    operation,
    component: components(random()),
    outcome,
    securityLevel: levels(random()),
    ...(flagged ? { complianceFlags: flagSets[Math.floor(random() * flagSets.length)]! } : {}),
    governanceStatus: outcome === 'denied' ? 'rejected' : random() < 0.9 ? 'approved' : 'approved_with_warnings',
    performanceMetrics: { durationMs: Math.round(random() ** 3 * 40_000) / 100 },
    attributes: {
      'gen_ai.tool.name': tools[Math.floor(random() * tools.length)]!,
      'gen_ai.request.model': model,
      'gen_ai.usage.output_tokens': Math.floor(random() ** 2 * 4000),
    },
    userContext: {
      client: random() < 0.7 ? 'desktop/2.14.1' : 'cli/1.9.0',
      workspace: `/srv/work/${word(random)}/${word(random)}`,
      request: `${verbs[Math.floor(random() * verbs.length)]!} ${text(random, 6)}`,
    },
    operationResult:
      outcome === 'failure'
        ? { error: { name: 'TimeoutError', message: text(random, 9) }, requestId: hex(random, 16) }
        : { text: text(random, length), bytes: Math.floor(random() * 90_000), requestId: hex(random, 16) },
  }
}

/**
 * The entry at a place in the stream. Cheap enough to be made while measuring: the texts are prepared.
 *
 * One entry in three is about a new memory, the others mostly about one that is not old; a session has some 200 entries,
 * and sixteen run at a time.
 */
export function entryAt(i: number): EntryInput {
  const session = Math.floor(i / 3200) * 16 + (mix(i) % 16)
  return {
    ...templates[mix(i * 7 + 1) % templateCount]!,
    memoryId: memoryAt(i),
    session: `sess_${mix(session * 13 + 5)
      .toString(16)
      .padStart(8, '0')}`,
    actor: actorAt(i, session),
  }
}

/** Bytes of the entries of the race: a bare one, one as they mostly are, and such whose results grow. */
export const entrySizes = [200, 700, 4000, 16_000, 64_000] as const

/** The same stream with entries of about so many bytes of JSON: what grows is the result, which is sealed. */
export function sizedEntry(i: number, bytes: number): EntryInput {
  const entry = entryAt(i)
  if (bytes < 700) {
    const { operation, component, outcome, memoryId, session, actor } = entry
    return { operation, component, outcome, memoryId, session, actor }
  }
  if (bytes === 700) return entry
  const length = bytes - 520
  prose ??= text(seededRandom(23), proseLength / 6)
  const from = mix(i * 17 + 9) % (prose.length - length)
  return { ...entry, operationResult: { text: prose.slice(from, from + length), requestId: mix(i).toString(16) } }
}

/** Long results are cut from this. */
let prose: string | undefined
const proseLength = 16_000_000

function actorAt(i: number, session: number): NonNullable<EntryInput['actor']> {
  if (mix(i * 3 + 2) % rareActorEvery === 0) {
    return { type: 'service', id: rareActor(mix(i * 5 + 3)) }
  }
  const number = mix(session) % actorCount
  const id = `agent-${number.toString(36).padStart(2, '0')}`
  return number % 3 === 0
    ? { type: 'agent', id, onBehalfOf: { type: 'user', id: `u_${1000 + number}` } }
    : { type: 'agent', id }
}

/** One of the actors that stand thinly scattered over the whole log: one entry in a thousand is its. */
export function rareActor(n: number): string {
  return `svc-${(n % rareActorCount).toString().padStart(2, '0')}`
}

export function commonActor(n: number): string {
  return `agent-${(n % actorCount).toString(36).padStart(2, '0')}`
}

function memoryAt(i: number): string {
  let born = i
  if (mix(i) % 3 !== 0) {
    // An older one, the nearer the likelier.
    const u = mix(i * 11 + 7) / 2 ** 32
    born = Math.floor(i * (1 - u ** 3))
    while (born > 0 && mix(born) % 3 !== 0) born--
  }
  return `mem_${mix(born).toString(16).padStart(8, '0')}${mix(born + 0x5bd1)
    .toString(16)
    .padStart(8, '0')}`
}

/** Scatters a number over 32 bits. */
function mix(n: number): number {
  let h = (n ^ 0x9e3779b9) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function pick<T extends string>(weights: Readonly<Record<T, number>>): (at: number) => T {
  const pairs = Object.entries(weights) as [T, number][]
  const total = pairs.reduce((sum, [, weight]) => sum + weight, 0)
  return at => {
    let left = at * total
    for (const [value, weight] of pairs) {
      left -= weight
      if (left < 0) return value
    }
    return pairs[0]![0]
  }
}

function word(random: () => number): string {
  // Common words are drawn by rank, roughly as often as in life.
  if (random() < 0.62) return common[Math.floor(random() ** 2 * common.length)]!
  return rare[Math.floor(random() ** 2 * rare.length)]!
}

function text(random: () => number, words: number): string {
  return Array.from({ length: words }, () => {
    const chance = random()
    if (chance < 0.04) return String(Math.floor(random() * 100_000))
    if (chance < 0.06) return `src/${word(random)}/${word(random)}.ts:${Math.floor(random() * 900)}`
    return word(random)
  }).join(' ')
}

function hex(random: () => number, length: number): string {
  let out = ''
  while (out.length < length) out += Math.floor(random() * 16).toString(16)
  return out
}

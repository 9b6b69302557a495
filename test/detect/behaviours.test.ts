import { describe, expect, it } from 'vitest'
import type { AppendedEntry } from '../../src/core/events.ts'
import { parseTime } from '../../src/core/time.ts'
import type { Sighting } from '../../src/detect/alert-book.ts'
import { doings } from '../../src/detect/behaviours/action.ts'
import { BehaviourWatch, behavioursOf } from '../../src/detect/behaviours/watch.ts'
import { type BehaviourSettings, defaultDetectSettings } from '../../src/detect/settings.ts'
import { describeVectors, readVectorLines } from '../support/vectors.ts'
import { agentFor, replayDialogue, Trace } from './trace.ts'

const defaults = defaultDetectSettings.behaviours

/** What all behaviours together see in a trace. */
function watch({ entries }: Trace, settings: BehaviourSettings = defaults): Sighting[] {
  const all = new BehaviourWatch(settings)
  return entries.flatMap(entry => all.observe(entry))
}

const patternsIn = (sightings: readonly Sighting[]) => [...new Set(sightings.map(({ pattern }) => pattern))]
const affected = (sightings: readonly Sighting[]) =>
  new Set(
    sightings.flatMap(({ entries }) => entries.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i))),
  )

describe('a burst of deletes', () => {
  const clearing = (count: number, seconds: number, more: Partial<AppendedEntry> = {}) => {
    const trace = new Trace()
    for (let i = 0; i < count; i++) {
      trace.add({ operation: 'forget', actor: agentFor('u1'), memoryId: `mem_${i}`, ...more }).wait(seconds / count)
    }
    return trace
  }

  it('by one actor is seen, names it, and becomes worse', () => {
    const sightings = watch(clearing(150, 30))
    expect(patternsIn(sightings)).toEqual(['delete_burst'])
    expect(sightings[0]).toMatchObject({
      type: 'bulk_modification',
      severity: 'high',
      component: 'memmimic_storage',
      subject: 'agent:claude for user:u1',
      entries: [[0, 29]],
      source: 'pattern',
    })
    expect(sightings[0]!.evidence).toHaveLength(10)
    expect(sightings[0]!.evidence.at(-1)).toMatchObject({ seq: 29, operation: 'forget' })
    expect(sightings.at(-1)).toMatchObject({ severity: 'critical', entries: [[149, 149]] })
    expect(affected(sightings).size).toBe(150)
  })

  it('is seen through tools, whatever they call it', () => {
    for (const tool of ['delete_entities', 'deleteEntities', 'memory.remove', 'files__unlink_file']) {
      const trace = new Trace()
      for (let i = 0; i < 30; i++) trace.call(tool, { actor: agentFor('u1') })
      expect(patternsIn(watch(trace)), tool).toEqual(['delete_burst'])
    }
  })

  it('is none when it is slow, fails, is only announced, or is shared by many', () => {
    expect(watch(clearing(100, 1000))).toEqual([])
    expect(patternsIn(watch(clearing(100, 10, { outcome: 'failure' })))).toEqual([])
    expect(watch(clearing(100, 10, { kind: 'intent', outcome: undefined }))).toEqual([])
    const shared = new Trace()
    for (let i = 0; i < 100; i++) shared.add({ operation: 'forget', actor: agentFor(`u${i % 5}`) })
    expect(watch(shared)).toEqual([])
  })
})

describe('a tool that changed', () => {
  it('is seen when the recorder says so, and when a call has another digest than the one before', () => {
    const listed = new Trace().add({
      operation: 'tools/changed',
      component: 'memory-server',
      attributes: {
        'gen_ai.tool.name': 'search_nodes',
        'mcp.tool.change': 'changed',
        'mcp.tool.digest': 'sha256:new',
        'mcp.tool.digest.previous': 'sha256:old',
      },
    })
    const called = new Trace()
      .call('search_nodes', { digest: 'sha256:old' })
      .call('search_nodes', { digest: 'sha256:new' })
    for (const trace of [listed, called]) {
      const sightings = watch(trace)
      expect(sightings).toHaveLength(1)
      expect(sightings[0]).toMatchObject({
        type: 'suspicious_pattern',
        severity: 'high',
        pattern: 'tool_changed',
        description: 'the definition of the tool search_nodes was changed',
        component: 'memory-server',
        evidence: [{ expected: 'sha256:old', actual: 'sha256:new' }],
      })
    }
  })

  it('is seen once, though the recorder says it and every later call shows it', () => {
    const trace = new Trace().call('search', { digest: 'a' })
    const change = { 'mcp.tool.change': 'changed', 'mcp.tool.digest': 'b', 'mcp.tool.digest.previous': 'a' }
    trace.add({
      operation: 'tools/changed',
      component: 'memory-server',
      attributes: { 'gen_ai.tool.name': 'search', ...change },
    })
    for (let i = 0; i < 5; i++) trace.call('search', { digest: 'b' })
    expect(watch(trace)).toHaveLength(1)
  })

  it('is seen when it was taken away and came back as another', () => {
    const about = (change: string, digest: object) => ({
      operation: 'tools/changed',
      component: 'memory-server',
      attributes: { 'gen_ai.tool.name': 'search', 'mcp.tool.change': change, ...digest },
    })
    const trace = new Trace()
      .call('search', { digest: 'a' })
      .add(about('removed', { 'mcp.tool.digest.previous': 'a' }))
      .add(about('added', { 'mcp.tool.digest': 'b' }))
    expect(patternsIn(watch(trace))).toEqual(['tool_changed'])
  })

  it('is none when a tool is new, when it stays as it is, or when another server has one of the same name', () => {
    const trace = new Trace()
    for (const component of ['a', 'b']) {
      for (let i = 0; i < 3; i++) trace.call('search', { digest: `of ${component}`, component })
    }
    trace.add({
      operation: 'tools/changed',
      attributes: { 'gen_ai.tool.name': 'new', 'mcp.tool.change': 'added', 'mcp.tool.digest': 'x' },
    })
    expect(watch(trace)).toEqual([])
  })
})

describe('reads at unusual volume', () => {
  const read = (trace: Trace, count: number, seconds: number, actor = agentFor('u1')) => {
    for (let i = 0; i < count; i++) trace.add({ operation: 'recall', actor }).wait(seconds / count)
  }

  it('by an actor that is not known are seen', () => {
    const trace = new Trace()
    read(trace, 1200, 200)
    const sightings = watch(trace)
    expect(patternsIn(sightings)).toEqual(['read_volume'])
    expect(sightings[0]).toMatchObject({ severity: 'medium', subject: 'agent:claude for user:u1' })
    expect(sightings[0]!.entries.at(-1)![1]).toBe(999)
  })

  it('are seen by what is usual for the actor, not by a number for all', () => {
    const busy = new Trace()
    for (let window = 0; window < 8; window++) read(busy, 900, 300)
    read(busy, 5000, 290)
    expect(watch(busy)).toEqual([])
    const more = new Trace()
    for (let window = 0; window < 8; window++) read(more, 900, 300)
    read(more, 9500, 290)
    expect(patternsIn(watch(more))).toEqual(['read_volume'])
  })

  it('become usual only slowly: one flood does not excuse the next', () => {
    const trace = new Trace()
    for (let window = 0; window < 5; window++) read(trace, 150, 300)
    read(trace, 20_000, 299)
    trace.wait(300)
    read(trace, 20_000, 299)
    const sightings = watch(trace)
    const firstFlood = 5 * 150 + 20_000
    expect(sightings.some(({ entries }) => entries[0]![0] >= firstFlood)).toBe(true)
  })
})

describe('failures followed by success', () => {
  const guess = (failures: number, error = 'tool_error') => {
    const trace = new Trace()
    const actor = agentFor('u1')
    for (let i = 0; i < failures; i++) {
      trace.call('unlock_vault', { actor, outcome: 'failure', attributes: { 'error.type': error } }).wait(2)
    }
    return trace.call('unlock_vault', { actor })
  }

  it('with the same thing, by the same actor, are seen', () => {
    const sightings = watch(guess(5))
    expect(sightings).toHaveLength(1)
    expect(sightings[0]).toMatchObject({
      type: 'unauthorized_access',
      pattern: 'failures_then_success',
      severity: 'medium',
      description: 'one actor succeeded with unlock_vault after 5 failures or more in a row',
    })
    expect(sightings[0]!.evidence).toHaveLength(6)
  })

  it('are none when there are few, when the network failed, when others succeed, or after a success', () => {
    expect(watch(guess(4))).toEqual([])
    expect(watch(guess(9, 'timeout'))).toEqual([])
    const others = new Trace()
    for (let i = 0; i < 9; i++) others.call('unlock_vault', { actor: agentFor('u1'), outcome: 'failure' })
    others.call('unlock_vault', { actor: agentFor('u2') }).call('open_door', { actor: agentFor('u1') })
    expect(watch(others)).toEqual([])
    const between = new Trace()
    for (let i = 0; i < 9; i++) {
      between.call('unlock_vault', { actor: agentFor('u1'), outcome: i % 3 === 2 ? 'success' : 'failure' })
    }
    expect(watch(between)).toEqual([])
  })
})

describe('denied attempts', () => {
  it('by one actor are seen, from tools and from this log alike, and become worse', () => {
    const actor = agentFor('u1')
    const trace = new Trace()
    for (let i = 0; i < 3; i++) trace.call('read_payroll', { actor, outcome: 'denied' })
    for (let i = 0; i < 20; i++) {
      trace.add({ operation: 'access.refused', kind: 'control', component: 'memmimic-audit', outcome: 'denied', actor })
    }
    const sightings = watch(trace)
    expect(patternsIn(sightings)).toEqual(['denied_attempts'])
    expect(sightings[0]).toMatchObject({ type: 'unauthorized_access', severity: 'medium' })
    expect(affected(sightings.slice(0, 1)).size).toBe(5)
    expect(sightings.at(-1)!.severity).toBe('high')
  })

  it('are none when a person says no, or when they are far apart', () => {
    const trace = new Trace()
    for (let i = 0; i < 50; i++) {
      trace.add({ operation: 'elicitation/create', outcome: 'denied', actor: agentFor('u1') })
      trace.add({ operation: 'remember', outcome: 'denied', actor: agentFor('u2') }).wait(90)
    }
    expect(watch(trace)).toEqual([])
  })
})

describe('memory written and soon used', () => {
  const poison = (writer: object | undefined, reader: object | undefined, seconds = 20) => {
    const trace = new Trace()
    const as = (actor: object | undefined) => actor as AppendedEntry['actor']
    for (let i = 0; i < 5; i++) trace.add({ operation: 'remember', actor: as(writer), memoryId: `mem_${i}` })
    trace.wait(seconds)
    for (let i = 0; i < 5; i++) trace.add({ operation: 'recall', actor: as(reader), memoryId: `mem_${i}` })
    return watch(trace)
  }

  it('for another person than it was written for is seen', () => {
    const sightings = poison(agentFor('mallory'), agentFor('alice', 'other-agent'))
    expect(patternsIn(sightings)).toEqual(['memory_crossing'])
    expect(sightings[0]).toMatchObject({
      type: 'suspicious_pattern',
      subject: 'from user:mallory to user:alice',
      entries: [[5, 7]],
    })
    expect(sightings[0]!.description).not.toMatch(/mallory|alice|mem_/)
  })

  it('is none between agents of one person, for agents in nobody’s name, or much later', () => {
    expect(poison(agentFor('alice', 'a'), agentFor('alice', 'b'))).toEqual([])
    expect(poison({ type: 'agent', id: 'indexer' }, agentFor('alice'))).toEqual([])
    expect(poison(undefined, undefined)).toEqual([])
    expect(poison(agentFor('mallory'), agentFor('alice'), 3600)).toEqual([])
  })
})

describe('ordinary traffic', () => {
  it('of several agents over a day raises nothing', () => {
    const trace = new Trace()
    for (let minute = 0; minute < 24 * 60; minute++) {
      for (const user of ['alice', 'bob', 'carol', 'dave']) {
        const actor = agentFor(user, minute % 2 === 0 ? 'claude' : 'planner')
        const memoryId = `${user}_${minute}`
        const shared = `handbook_${minute % 30}`
        trace.add({ operation: 'remember', actor, memoryId })
        trace.add({ operation: 'recall', actor, memoryId })
        trace.add({ operation: 'search', actor: agentFor(user, 'researcher'), memoryId })
        trace.add({ operation: 'recall', actor, memoryId: shared })
        trace.call('search_nodes', { actor, digest: 'sha256:1' })
        trace.call('create_entities', { actor, digest: 'sha256:2', outcome: minute % 9 === 0 ? 'failure' : 'success' })
        if (minute % 7 === 0) trace.call('delete_entities', { actor, digest: 'sha256:3' })
        if (minute % 60 === 0) trace.call('delete_entities', { actor, outcome: 'denied' })
      }
      trace.add({
        operation: 'remember',
        actor: { type: 'service', id: 'indexer' },
        memoryId: `handbook_${minute % 30}`,
      })
      trace.add({ operation: 'retention.pruned', kind: 'control', component: 'memmimic-audit' })
      trace.wait(56)
    }
    expect(trace.entries.length).toBeGreaterThan(40_000)
    expect(watch(trace)).toEqual([])
  })
})

describeVectors('dialogues of an airline, replayed as agents’ sessions', () => {
  const dialogues = () => {
    const lines = readVectorLines<{ messages_display: string }>('data/tau-bench-airline-few_shot.jsonl')
    return lines.map(({ messages_display: text }, i) => ({ text, customer: `customer ${i}` }))
  }
  const inTurn = () => {
    const trace = new Trace()
    for (const { text, customer } of dialogues()) replayDialogue(trace, text, customer)
    return trace
  }

  it('raise nothing, one after the other and all at once', () => {
    expect(inTurn().entries.length).toBeGreaterThan(150)
    expect(watch(inTurn())).toEqual([])
    const sessions = dialogues().map(({ text, customer }) => {
      const trace = new Trace()
      replayDialogue(trace, text, customer)
      return trace.entries
    })
    const together = new BehaviourWatch(defaults)
    const mixed = sessions.flat().sort((a, b) => (a.time < b.time ? -1 : 1))
    expect(mixed.flatMap(entry => together.observe(entry))).toEqual([])
  })

  it('raise one alert when one of the agents begins to try reservation after reservation', () => {
    const trace = inTurn()
    for (let i = 0; i < 12; i++) {
      const actor = agentFor('customer 3', 'airline-agent')
      trace.call('get_reservation_details', { component: 'airline', actor, outcome: i < 11 ? 'failure' : 'success' })
    }
    expect(patternsIn(watch(trace))).toEqual(['failures_then_success'])
  })
})

describe('each behaviour', () => {
  const all = () => {
    const trace = new Trace()
    const actor = agentFor('u1')
    for (let i = 0; i < 40; i++) trace.call('delete_entities', { actor, digest: i < 20 ? 'a' : 'b' })
    for (let i = 0; i < 7; i++) trace.call('unlock', { actor, outcome: i < 6 ? 'denied' : 'success' })
    for (let i = 0; i < 4; i++) {
      trace.add({ operation: 'remember', actor, memoryId: `m${i}` })
      trace.add({ operation: 'recall', actor: agentFor('u2'), memoryId: `m${i}` })
    }
    for (let i = 0; i < 1100; i++) trace.add({ operation: 'recall', actor })
    return trace
  }

  it('changes nothing that it was given: the same memory and entry give the same judgement', () => {
    const deepFreeze = (value: unknown): unknown => {
      if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze)
      return value
    }
    for (const behaviour of behavioursOf(defaults)) {
      const memory = new Map<string, unknown>()
      let sightings = 0
      for (const entry of all().entries) {
        const at = parseTime(entry.time)!
        const judgement = behaviour.judge(memory, deepFreeze(entry) as AppendedEntry, at)
        expect(behaviour.judge(memory, entry, at)).toEqual(judgement)
        for (const [key, state] of judgement?.state ?? []) memory.set(key, deepFreeze(state))
        if (judgement?.sighting !== undefined) sightings++
      }
      expect(sightings, behaviour.name).toBeGreaterThan(0)
    }
  })

  it('can be switched off, and set', () => {
    const off = Object.fromEntries(
      Object.entries(defaults).map(([name, one]) => [name, name === 'words' ? one : { ...one, enabled: false }]),
    ) as unknown as BehaviourSettings
    expect(watch(all(), off)).toEqual([])
    const eager = { ...off, deleteBurst: { ...defaults.deleteBurst, threshold: 2, windowSeconds: 1 } }
    expect(watch(all(), eager)[0]).toMatchObject({ pattern: 'delete_burst' })
  })

  it('knows what names stand for by their first word that is known', () => {
    const doingOf = doings(defaults.words)
    const said = (names: string[]) => names.map(name => doingOf(name))
    expect(said(['forget', 'delete_memory', 'purgeAll', 'remove'])).toEqual(Array(4).fill('delete'))
    expect(said(['recall', 'retrieve_summary_optimized', 'get_delete_status', 'resources/read'])).toEqual(
      Array(4).fill('read'),
    )
    expect(said(['remember_with_context', 'store_memory', 'createEntities', 'tools.add'])).toEqual(
      Array(4).fill('write'),
    )
    expect(said(['ping', 'transfer_to_human_agents', 'forgetful', ''])).toEqual(Array(4).fill(undefined))
  })
})

it('an entry costs the same however many actors there were before', () => {
  const all = new BehaviourWatch(defaults)
  let at = 0
  const microsEach = (count: number) => {
    const trace = new Trace()
    for (let i = 0; i < count; i++, at++) {
      const operation = ['remember', 'recall', 'forget', 'search'][at % 4]!
      const outcome = at % 5 === 0 ? 'denied' : 'success'
      trace
        .add({ operation, outcome, actor: agentFor(`u${at % 977}`, `agent ${at}`), memoryId: `m${at % 4999}` })
        .wait(1)
    }
    const before = performance.now()
    for (const entry of trace.entries) all.observe(entry)
    return ((performance.now() - before) / count) * 1000
  }
  microsEach(10_000)
  const early = Math.min(...Array.from({ length: 5 }, () => microsEach(5_000)))
  for (let i = 0; i < 7; i++) microsEach(20_000)
  const late = Math.min(...Array.from({ length: 5 }, () => microsEach(5_000)))
  console.info(`an entry: ${early.toFixed(2)} µs after 10 000, ${late.toFixed(2)} µs after 200 000`)
  expect(late).toBeLessThan(20)
  expect(late / early).toBeLessThan(3)
})

import { afterEach, describe, expect, it } from 'vitest'
import type { EntryInput } from '../../src/core/entry.ts'
import { frameworkIds, presetOf, shortfalls } from '../../src/retention/frameworks.ts'
import { activeHolds, placeHold, releaseHold } from '../../src/retention/holds.ts'
import { runRetention } from '../../src/retention/retention.ts'
import { defaultRetentionSettings, type RetentionSettings } from '../../src/retention/settings.ts'
import { type AgingLog, makeAgingLog } from '../support/removal.ts'

let log: AgingLog
afterEach(() => log?.dispose())

const settings = (given: Partial<RetentionSettings> = {}): RetentionSettings => ({
  ...defaultRetentionSettings,
  ...given,
})

const run = (given: Partial<RetentionSettings> = {}, options: { dryRun?: boolean } = {}) => {
  const { reader, writer, world } = log
  return runRetention(
    { reader, remove: request => writer.remove(request), now: () => world.now() },
    settings(given),
    options,
  )
}

/** The numbers of the entries whose context can still be read. */
async function readable(): Promise<number[]> {
  const seqs: number[] = []
  for await (const view of log.log.query({}, { order: 'asc' })) {
    const { userContext } = view
    if (typeof userContext === 'object' && userContext !== null && !('erased' in userContext)) seqs.push(view.seq)
  }
  return seqs
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe('a run', () => {
  it('lets go of content whose period is over, says so, and the log verifies; 90 days unless set', async () => {
    log = await makeAgingLog()
    await log.append(300)
    log.pass(60)
    await log.append(200)
    log.pass(31)
    await log.append(5)
    expect(await run({}, { dryRun: true })).toMatchObject({ dryRun: true, entries: 300, declaredBy: [] })
    expect((await log.log.status()).size).toBe(506)

    const report = await run()
    expect(report).toMatchObject({ entries: 300, held: 0, below: 0, declaredBy: [506] })
    expect(await readable()).toEqual(numbers(301, 505))
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [] })
    expect(await run()).toMatchObject({ entries: 0, declaredBy: [] })
    // What is old is found as before by what stands in its leaf.
    expect(await log.log.get(5)).toMatchObject({ operation: 'remember', userContext: { erased: true } })
    expect(await log.log.prove(5)).toMatch(/^c2sp.org\/tlog-proof@v1\n/)

    log.pass(60)
    // The second wave, and the first declaration’s own neighbours.
    expect((await run()).entries).toBe(200)
    expect(await readable()).toEqual(numbers(501, 505))
  })

  it('keeps what a rule keeps for longer, whichever of its marks it is known by, and the longest rule holds', async () => {
    log = await makeAgingLog()
    const kinds: Partial<EntryInput>[] = [
      {},
      { operation: 'pay' },
      { component: 'ledger' },
      { securityLevel: 'secret' },
      { complianceFlags: ['hipaa_compliance', 'audit_required'] },
      { operation: 'pay', complianceFlags: ['hipaa_compliance'] },
      { operation: 'debug' },
    ]
    await log.append(kinds.length, i => kinds[i]!)
    const rules = [
      { name: 'payments', when: { operation: ['pay', 'refund'] }, days: 200 },
      { name: 'ledger', when: { component: ['ledger'] }, days: 300 },
      { name: 'closed', when: { securityLevel: ['secret', 'top_secret'] as const }, days: 400 },
      { name: 'health', when: { flag: ['hipaa_compliance'] }, days: 2192 },
      { name: 'noise', when: { operation: ['debug'] }, days: 1 },
    ]
    const left: [number, number[]][] = [
      [2, [1, 2, 3, 4, 5, 6]],
      [91, [2, 3, 4, 5, 6]],
      [201, [3, 4, 5, 6]],
      [301, [4, 5, 6]],
      [401, [5, 6]],
      [2193, []],
    ]
    let passed = 0
    for (const [day, wanted] of left) {
      log.pass(day - passed)
      passed = day
      await run({ rules })
      expect(await readable(), `day ${day}`).toEqual(wanted)
    }
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true })
  })

  it('takes leaves as a prefix when even they are past their time, and stops before an open intent', async () => {
    log = await makeAgingLog()
    await log.append(700)
    const call = await log.log.begin({ operation: 'tools/call', component: 'files' })
    await log.append(400)
    log.pass(400)
    await log.append(3)
    expect(await run({ leafDays: 365 })).toMatchObject({ entries: 1101, below: 512 })
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, complete: false, findings: [] })
    expect(await log.log.get(100)).toBeUndefined()
    expect(await log.log.get(0)).toMatchObject({ operation: 'log.created' })
    await call.succeed()
    expect(await run({ leafDays: 365 })).toMatchObject({ below: 1024 })
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [] })
    await log.append(300)
    expect(await log.log.verify({ from: 1000, to: 1100 })).toMatchObject({ valid: true })
    // An old checkpoint is still one of this log.
    expect(await log.log.verify({ anchors: [(await log.log.checkpoint())!] })).toMatchObject({ valid: true })
  })

  it('keeps the leaves by which the keys were replaced, and all behind them: a check needs them for ever', async () => {
    log = await makeAgingLog()
    await log.append(400)
    await log.writer.rotateKeys()
    await log.append(400)
    log.pass(400)
    await log.append(3)
    expect(await run({ leafDays: 365 })).toMatchObject({ below: 256 })
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [] })
    const more = { operation: 'retention.pruned', entries: '', below: 512, attributes: {} } as const
    await expect(log.writer.remove(more)).rejects.toMatchObject({ code: 'bad_input' })
  })

  it('goes in steps of its own, so that whoever stops it loses nothing', async () => {
    log = await makeAgingLog()
    // Every other entry stays: more pieces than one entry can name.
    await log.append(8000, i => (i % 2 === 0 ? { operation: 'keep' } : {}))
    log.pass(91)
    const abort = new AbortController()
    const { reader, writer, world } = log
    const parts = { reader, remove: writer.remove, now: () => world.now() }
    const rules = [{ name: 'keep', when: { operation: ['keep'] }, days: 1000 }]
    const stopped = runRetention(parts, settings({ rules }), { onStep: () => abort.abort(), signal: abort.signal })
    await expect(stopped).rejects.toThrow(/abort/i)
    expect((await readable()).length).toBe(6500)
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true })
    expect((await run({ rules })).entries).toBe(2500)
    expect((await readable()).length).toBe(4000)
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
  })

  it('hands what goes to the archive first, and lets nothing go that could not be archived', async () => {
    log = await makeAgingLog()
    await log.append(10)
    log.pass(91)
    const { reader, writer, world } = log
    const archive = async () => {
      throw new Error('the archive is full')
    }
    const parts = { reader, remove: writer.remove, now: () => world.now(), archive }
    await expect(runRetention(parts, settings())).rejects.toThrow('the archive is full')
    expect((await readable()).length).toBe(10)
  })

  it.each([
    [{ days: 0 }, 'retention: days must be a number of days from 1 on, not 0'],
    [{ days: -1 }, 'retention: days must be a number of days from 1 on, not -1'],
    [
      { rules: [{ name: 'x', when: {}, days: Number.NaN }] },
      'retention: x must be a number of days from 1 on, not NaN',
    ],
    [{ days: 90, leafDays: 30 }, 'retention: leafDays must not be less than the longest period of content'],
  ])('refuses %j and changes nothing', async (given, message) => {
    log = await makeAgingLog()
    await log.append(3)
    await expect(run(given)).rejects.toMatchObject({ code: 'bad_input', message })
    expect((await readable()).length).toBe(3)
  })
})

describe('a legal hold', () => {
  it('keeps what it covers, now and later, until it is released; all of it on record', async () => {
    log = await makeAgingLog()
    await log.append(20, i => ({ actor: { type: 'user', id: i % 4 === 0 ? 'u1' : 'u2' } }))
    await placeHold(log.control, { name: 'case 7', filter: { actor: 'user:u1' }, reason: 'a letter from a court' })
    await log.append(20, i => ({ actor: { type: 'user', id: i % 4 === 0 ? 'u1' : 'u2' } }))
    log.pass(91)
    expect(await run()).toMatchObject({ held: 11 })
    expect((await readable()).length).toBe(10)
    const [hold] = await activeHolds(log.reader)
    expect(hold).toMatchObject({ name: 'case 7', reason: 'a letter from a court', filter: { actor: 'user:u1' } })

    log.pass(400)
    expect(await run({ leafDays: 365 })).toMatchObject({ below: 0 })
    expect((await readable()).length).toBe(10)
    await releaseHold(log.reader, log.control, { id: hold!.id })
    expect(await activeHolds(log.reader)).toEqual([])
    await run()
    expect(await readable()).toEqual([])
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [] })
  })

  it('cannot be released twice, and a hold by a malformed filter is not placed', async () => {
    log = await makeAgingLog()
    const bad = placeHold(log.control, { name: 'x', filter: { acter: 'u1' } as never })
    await expect(bad).rejects.toMatchObject({ code: 'bad_input' })
    await placeHold(log.control, { name: 'x', filter: {} })
    await releaseHold(log.reader, log.control, { id: 'x' })
    await expect(releaseHold(log.reader, log.control, { id: 'x' })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('a framework', () => {
  it('says what it asks for and where that stands, and where the settings fall short of it', () => {
    expect(frameworkIds).toEqual(['eu-ai-act', 'pci', 'hipaa', 'soc2'])
    // The seed’s default is shorter than all of them.
    const warnings = shortfalls(settings({ frameworks: frameworkIds }))
    expect(warnings).toHaveLength(4)
    expect(warnings[0]).toBe(
      'content is kept for 90 days; EU AI Act asks for 184 (Regulation (EU) 2024/1689, Articles 19(1) and 26(6))',
    )
    for (const id of frameworkIds) expect(shortfalls(settings(presetOf([id])))).toEqual([])
    expect(presetOf(['eu-ai-act', 'hipaa']).days).toBe(2192)
  })
})

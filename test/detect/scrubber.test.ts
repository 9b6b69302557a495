import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AuditError } from '../../src/core/errors.ts'
import type { CheckedEvent } from '../../src/core/events.ts'
import { EventStream } from '../../src/core/events.ts'
import { LogFollower } from '../../src/detect/log-follower.ts'
import { Scrubber } from '../../src/detect/scrubber.ts'
import { defaultScrubSettings } from '../../src/detect/settings.ts'
import { type Opened, Site } from './system.ts'
import { agentFor } from './trace.ts'

let site: Site
let log: Opened
beforeEach(async () => {
  site = new Site()
  log = await site.open()
})
afterEach(async () => {
  await log.close()
  site.dispose()
})

const checks = (scope: CheckedEvent['scope']) =>
  log.heard.filter((event): event is CheckedEvent => event.type === 'checked' && event.scope === scope)
const scrubberOf = (settings = {}, file = site.file) =>
  new Scrubber({
    reader: log.quietReader,
    events: log.events,
    file,
    settings: { ...defaultScrubSettings, ...settings },
  })
const placeFile = () => `${site.file}.scrub`

describe('the scrubber', () => {
  it('walks the whole log in stretches, to its end, and begins again', async () => {
    await log.grow(1200)
    const scrubber = scrubberOf()
    const entries: number[] = []
    while (scrubber.status().passes < 2) entries.push((await scrubber.checkNext()).entries)
    expect(entries).toEqual([256, 256, 256, 256, 177, 256, 256, 256, 256, 177])
    expect(checks('scrub').every(({ valid, complete }) => valid && complete === undefined)).toBe(true)
    expect(checks('log')).toEqual([])
  })

  it('goes on where it was after a restart', async () => {
    await log.grow(1200)
    const first = scrubberOf()
    await first.checkNext()
    await first.checkNext()
    await first.close()
    expect(readFileSync(placeFile(), 'utf8')).toBe('{"v":1,"next":512,"passes":0}')
    const second = scrubberOf({ everyMs: 3_600_000 })
    await second.start()
    expect(second.status()).toMatchObject({ isRunning: true, next: 512, size: 1201 })
    await vi.waitFor(() => expect(second.status().next).toBe(768))
    await second.close()
    expect(second.status().isRunning).toBe(false)
  })

  it.each([
    ['is no place', 'what?'],
    ['has more than a place', '{"v":1,"next":512,"passes":0,"and":1}'],
    ['is of another version', '{"v":2,"next":512,"passes":0}'],
    ['lies behind the end', '{"v":1,"next":25600,"passes":9}'],
    ['lies within a tile', '{"v":1,"next":500,"passes":9}'],
    ['is no number', '{"v":1,"next":-256,"passes":9}'],
    ['is enormous', `{"v":1,"next":${'9'.repeat(400)},"passes":9}`],
  ])('begins at the beginning when what is kept beside the log %s', async (_, text) => {
    await log.grow(600)
    writeFileSync(placeFile(), text)
    const scrubber = scrubberOf({ everyMs: 3_600_000 })
    await scrubber.start()
    await vi.waitFor(() => expect(scrubber.status().entries).toBe(256))
    expect(scrubber.status()).toMatchObject({ next: 256, passes: 0 })
    await scrubber.close()
  })

  it('checks the head and the newest entries at the opening', async () => {
    await log.grow(600)
    expect(await scrubberOf().checkOpening()).toMatchObject({ scope: 'opening', entries: 89, valid: true })
    expect(checks('opening')).toHaveLength(1)
    await log.close()
    site.tamper(file => {
      file.edit(590, { component: 'somebody else' })
      file.save()
    })
    log = await site.open()
    await scrubberOf().checkOpening()
    expect(log.detector.getAlerts()).toMatchObject([{ type: 'hash_mismatch', affectedEntries: ['590'] }])
  })

  it('finds what was changed while the log is open, wherever it is', async () => {
    await log.grow(1500)
    const scrubber = scrubberOf({ everyMs: 10 })
    await scrubber.start()
    await vi.waitFor(() => expect(scrubber.status().passes).toBeGreaterThan(0), 5000)
    expect(log.detector.getAlerts()).toEqual([])
    site.tamper(file => {
      file.edit(1111, { component: 'somebody else' })
      file.save()
    })
    await vi.waitFor(() => expect(log.detector.getAlerts()).toMatchObject([{ affectedEntries: ['1111'] }]), 5000)
    await scrubber.close()
  })

  it('takes no more than its share of a core, even when its pace is raised, and rests in between', async () => {
    await log.grow(3000)
    for (const maxShare of [0.05, 0.25]) {
      const scrubber = scrubberOf({ maxShare, everyMs: 3_600_000 })
      await scrubber.start()
      await vi.waitFor(() => expect(scrubber.status().entries).toBeGreaterThan(0))
      const atRest = scrubber.status().entries
      await wait(100)
      expect(scrubber.status().entries).toBe(atRest)
      const started = performance.now()
      const before = scrubber.status()
      scrubber.raisePace(60_000)
      await wait(900)
      const { busyMs, entries } = scrubber.status()
      const share = (busyMs - before.busyMs) / (performance.now() - started)
      expect(entries).toBeGreaterThan(atRest)
      // The stretch that runs at the end has not rested yet.
      expect(share).toBeLessThan(maxShare * 2)
      await scrubber.close()
    }
  })

  it('says that the log cannot be checked, and goes on', async () => {
    await log.grow(10)
    let isBroken = true
    const events = new EventStream()
    const heard: string[] = []
    events.on(event => heard.push(event.type === 'fault' ? event.message : event.type))
    const verify = (...args: Parameters<typeof log.quietReader.verify>) =>
      isBroken ? Promise.reject(new AuditError('io', 'no disk')) : log.quietReader.verify(...args)
    const settings = { ...defaultScrubSettings, everyMs: 20 }
    const scrubber = new Scrubber({ reader: { verify }, events, file: `${site.file}.none/x`, settings })
    await scrubber.start()
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(2))
    expect(new Set(heard)).toEqual(new Set(['the log cannot be checked: no disk']))
    isBroken = false
    await vi.waitFor(() => expect(heard).toContain('checked'))
    await scrubber.close()
    // Where its place cannot be kept it goes on all the same.
    expect(existsSync(`${site.file}.none`)).toBe(false)
  })

  it('ends when it is stopped, and nothing is checked afterwards', async () => {
    await log.grow(300)
    const scrubber = scrubberOf({ everyMs: 10 })
    await scrubber.start()
    await scrubber.start()
    await vi.waitFor(() => expect(scrubber.status().entries).toBeGreaterThan(0))
    await scrubber.stop()
    await scrubber.stop()
    const { entries } = scrubber.status()
    scrubber.raisePace(1000)
    await wait(60)
    expect(scrubber.status().entries).toBe(entries)
  })
})

describe('the follower', () => {
  it('shows what others append, in order, once, as the event stream would', async () => {
    const seen: { seq: number; actor: unknown; operation: string }[] = []
    const follower = new LogFollower({
      reader: log.quietReader,
      settings: { pollMs: 20 },
      onEntries: entries => seen.push(...entries),
      onFault: message => expect.unreachable(message),
    })
    await log.grow(10)
    await follower.start()
    const other = await site.open()
    const actor = agentFor('Zoë Quartz')
    const entry = (i: number) => ({ operation: `o${i}`, component: 'c', actor, memoryId: i })
    await Promise.all(Array.from({ length: 700 }, (_, i) => other.log.append(entry(i))))
    await vi.waitFor(() => expect(seen.length).toBe(700))
    expect(seen.map(({ seq, operation }) => `${seq} ${operation}`)).toEqual(
      Array.from({ length: 700 }, (_, i) => `${11 + i} o${i}`),
    )
    const appended = other.heard.flatMap(event => (event.type === 'appended' ? event.entries : []))
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
    expect(plain(seen)).toEqual(plain(appended))
    await other.log.append({ operation: 'last', component: 'c' })
    await follower.close()
    expect(seen.at(-1)!.operation).toBe('last')
    expect(follower.after).toBe(711)
    await other.close()
  })

  it('says when the log cannot be read, and loses nothing of it', async () => {
    let isBroken = true
    const seen: number[] = []
    const faults: string[] = []
    const query = (...args: Parameters<typeof log.quietReader.query>) =>
      isBroken ? Promise.reject(new Error('no disk')) : log.quietReader.query(...args)
    const follower = new LogFollower({
      reader: { query, status: () => log.quietReader.status() },
      after: -1,
      onEntries: entries => seen.push(...entries.map(({ seq }) => seq)),
      onFault: message => faults.push(message),
    })
    await follower.poll()
    await log.grow(3)
    isBroken = false
    await follower.poll()
    expect(faults).toEqual(['the log cannot be followed: no disk'])
    expect(seen).toEqual([0, 1, 2, 3])
  })
})

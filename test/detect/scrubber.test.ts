import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AuditError } from '../../src/core/errors.ts'
import type { CheckedEvent } from '../../src/core/events.ts'
import { EventStream } from '../../src/core/events.ts'
import { Scrubber } from '../../src/detect/scrubber.ts'
import { defaultScrubSettings } from '../../src/detect/settings.ts'
import { type Opened, Site } from './system.ts'

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
    await log.grow(600)
    const scrubber = scrubberOf()
    const entries: number[] = []
    while (scrubber.status().passes < 2) entries.push((await scrubber.checkNext()).entries)
    expect(entries).toEqual([256, 256, 89, 256, 256, 89])
    expect(checks('scrub').every(({ valid, complete }) => valid && complete === undefined)).toBe(true)
    expect(checks('log')).toEqual([])
  })

  it('goes on where it was after a restart', async () => {
    await log.grow(800)
    const first = scrubberOf()
    await first.checkNext()
    await first.checkNext()
    await first.close()
    expect(readFileSync(placeFile(), 'utf8')).toBe('{"v":1,"next":512,"passes":0}')
    const second = scrubberOf({ everyMs: 3_600_000 })
    await second.start()
    expect(second.status()).toMatchObject({ isRunning: true, next: 512, size: 801 })
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
    const scrubber = scrubberOf({ everyMs: 3_600_000 })
    await scrubber.start()
    expect(log.detector.getAlerts()).toMatchObject([{ type: 'hash_mismatch', affectedEntries: ['590'] }])
    await scrubber.close()
  })

  it('finds what was changed while the log is open, wherever it is', async () => {
    await log.grow(1500)
    const scrubber = scrubberOf({ everyMs: 10, maxShare: 1 })
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
    await log.grow(2000)
    const scrubber = scrubberOf({ everyMs: 3_600_000 })
    await scrubber.start()
    await vi.waitFor(() => expect(scrubber.status().entries).toBeGreaterThan(0))
    const before = scrubber.status()
    await wait(100)
    expect(scrubber.status().entries).toBe(before.entries)
    const started = performance.now()
    scrubber.raisePace(60_000)
    await vi.waitFor(() => expect(scrubber.status().entries).toBeGreaterThan(2 * before.entries), 5000)
    await wait(500)
    const share = (scrubber.status().busyMs - before.busyMs) / (performance.now() - started)
    console.info(`the scrubber at its fastest took ${(100 * share).toFixed(1)} % of a core`)
    // Not more than 5 %, and once as much for the stretch that has not rested yet.
    expect(share).toBeLessThan(0.1)
    await scrubber.close()
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

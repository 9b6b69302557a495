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

  it('begins at the beginning when what is kept beside the log makes no sense', async () => {
    await log.grow(600)
    for (const text of [
      'what?',
      '{"v":1,"next":512,"passes":0,"and":1}',
      '{"v":2,"next":512,"passes":0}',
      '{"v":1,"next":25600,"passes":9}',
      '{"v":1,"next":500,"passes":9}',
      '{"v":1,"next":-256,"passes":9}',
      `{"v":1,"next":${'9'.repeat(400)},"passes":9}`,
    ]) {
      writeFileSync(placeFile(), text)
      const scrubber = scrubberOf({ everyMs: 3_600_000 })
      await scrubber.start()
      await vi.waitFor(() => expect(scrubber.status().entries).toBe(256))
      expect(scrubber.status(), text).toMatchObject({ next: 256, passes: 0 })
      await scrubber.close()
    }
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

  it('rests nineteen times as long as a stretch took, however fast it shall be', async () => {
    await log.grow(600)
    const stretches: { readonly began: number; readonly ended: number }[] = []
    const verify: typeof log.quietReader.verify = async request => {
      const began = performance.now()
      const report = await log.quietReader.verify(request)
      stretches.push({ began, ended: performance.now() })
      return report
    }
    const settings = { ...defaultScrubSettings, everyMs: 3_600_000 }
    const scrubber = new Scrubber({ reader: { verify }, events: log.events, file: site.file, settings })
    await scrubber.start()
    await vi.waitFor(() => expect(scrubber.status().entries).toBe(256))
    await wait(100)
    expect(scrubber.status().entries).toBe(256)
    stretches.splice(0, stretches.length - 1)
    scrubber.raisePace(60_000)
    await vi.waitFor(() => expect(stretches.length).toBeGreaterThan(4), 10_000)
    await scrubber.close()
    for (const [i, { began }] of stretches.entries()) {
      if (i === 0) continue
      const before = stretches[i - 1]!
      expect(began - before.ended).toBeGreaterThan(19 * (before.ended - before.began) - 2)
    }
  })

  it('spreads a pass over the time that it is given', async () => {
    const size = 200_000
    const report = {
      valid: true,
      complete: true,
      trust: 'signed' as const,
      rootHash: '',
      findings: [],
      findingsOmitted: 0,
    }
    const verify = async ({ from = 0, to = size }: { from?: number; to?: number }) => {
      const entries = Math.max(0, Math.min(to, size) - from)
      if (entries > 0) await wait(1)
      return { ...report, entries, size, declared: [], missing: [], durationMs: 1 }
    }
    const settings = { enabled: true, passMs: 1500, everyMs: 50, maxShare: 1 }
    const scrubber = new Scrubber({
      reader: { verify: verify as never },
      events: log.events,
      file: site.file,
      settings,
    })
    await scrubber.start()
    await vi.waitFor(() => expect(scrubber.status().passes).toBe(1), 10_000)
    await scrubber.close()
    expect(scrubber.status().lastPassMs).toBeGreaterThan(1000)
    expect(scrubber.status().lastPassMs).toBeLessThan(4000)
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

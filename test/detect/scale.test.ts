/** What holds however much there is. */
import { expect, it } from 'vitest'
import { finding } from '../../src/core/finding.ts'
import { entryOf, looseDetector, Site } from './system.ts'
import { agentFor } from './trace.ts'

it('two hundred alerts, and ten thousand, have as many ids, in memory and in the log', async () => {
  const site = new Site()
  let log = await site.open()
  const { detector } = log
  const started = performance.now()
  for (let i = 0; i < 10_000; i++) {
    detector.recordEvent({ type: 'index_mismatch', description: 'x', entryId: `entry ${i}` })
    if (i === 199) expect(new Set(detector.getAlerts().map(({ id }) => id)).size).toBe(200)
  }
  const microsEach = ((performance.now() - started) / 10_000) * 1000
  const before = detector.getAlerts()
  expect(new Set(before.map(({ id }) => id)).size).toBe(10_000)
  await log.close()
  const opened = performance.now()
  log = await site.open()
  const openMs = performance.now() - opened
  console.info(`an alert raised: ${microsEach.toFixed(1)} µs; a log with 10 000 alerts opened: ${openMs.toFixed(0)} ms`)
  expect(log.detector.getAlerts().map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  expect((await log.log.verify()).valid).toBe(true)
  await log.close()
  site.dispose()
})

it('an event costs less than 20 µs, whatever came before it', async () => {
  const { detector, events } = looseDetector()
  await detector.open()
  let at = 0
  const microsEach = (count: number) => {
    const before = performance.now()
    for (let i = 0; i < count; i++, at++) {
      const kind = at % 10
      if (kind < 6) {
        const operation = kind % 2 ? 'recall' : 'remember'
        detector.observe([entryOf(operation, { actor: agentFor(`u${at % 500}`), memoryId: `${at}` })])
      } else if (kind < 8) {
        const findings = [finding('hash_mismatch', 'it was changed', { seq: 100 + (at % 50) })]
        events.emit({ type: 'checked', scope: 'scrub', entries: 256, valid: false, findings, durationMs: 1 })
      } else {
        detector.recordEvent({ type: 'missing_entry', description: 'not there', entryId: `entry ${at}` })
      }
    }
    return ((performance.now() - before) / count) * 1000
  }
  microsEach(20_000)
  const early = Math.min(...Array.from({ length: 5 }, () => microsEach(5_000)))
  microsEach(150_000)
  const late = Math.min(...Array.from({ length: 5 }, () => microsEach(5_000)))
  console.info(`an event: ${early.toFixed(1)} µs after 20 000, ${late.toFixed(1)} µs after 200 000`)
  expect(late).toBeLessThan(20)
  expect(late / early).toBeLessThan(3)
  const { detectionMs } = detector.getStatistics()
  expect(detectionMs.mean).toBeLessThan(0.02)
  await detector.close()
})

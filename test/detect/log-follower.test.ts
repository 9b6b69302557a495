import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LogFollower } from '../../src/detect/log-follower.ts'
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

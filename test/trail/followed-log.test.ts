import { expect, it } from 'vitest'
import { packCommitted } from '../../src/append/committed.ts'
import type { LogReader, StoredEntry } from '../../src/store/store.ts'
import { FollowedLog } from '../../src/trail/followed-log.ts'
import { makeTestLog } from '../support/log.ts'

const plain = ({ seq, leaf, content }: StoredEntry) =>
  [seq, Buffer.from(leaf).toString('hex'), Buffer.from(content).toString('hex')].join()

it('gives the same entries as the store, whatever was handed over and whatever was not', async () => {
  const log = await makeTestLog()
  try {
    await log.grow(300, 1, 50, 400)
    const stored = [...log.store.entries(0, 752)].flat()
    let read = 0
    const store: LogReader = Object.create(log.store, {
      head: { value: () => log.store.head() },
      entries: {
        value: (from: number, to: number) => {
          read += Math.min(to, 752) - from
          return log.store.entries(from, to)
        },
      },
    })
    /** A log to which some stretches were handed over. */
    const follow = () => {
      const followed = new FollowedLog(store)
      for (const [from, to] of [
        [10, 40],
        [100, 301],
        [301, 302],
        [500, 700],
      ] as const) {
        followed.take(packCommitted(stored.slice(from, to)))
      }
      return followed
    }
    const all = async (followed: FollowedLog, from: number, to: number) =>
      (await Array.fromAsync(followed.entries(from, to))).flat()
    const walked = follow()
    for (const [from, to] of [
      [0, 900],
      [20, 30],
      [35, 120],
      [300, 303],
      [699, 701],
      [751, 752],
      [5, 5],
    ] as const) {
      expect((await all(follow(), from, to)).map(plain), `${from}–${to}`).toEqual(stored.slice(from, to).map(plain))
      expect((await all(walked, from, to)).map(plain), `${from}–${to}`).toEqual(stored.slice(from, to).map(plain))
    }

    const once = follow()
    read = 0
    await all(once, 0, 752)
    expect(read, 'what was handed over is not read').toBe(752 - 30 - 201 - 1 - 200)
    read = 0
    expect((await all(once, 0, 752)).map(plain)).toEqual(stored.map(plain))
    expect(read, 'what is asked for again is read as it is now').toBe(752)

    const late = follow()
    late.forgetBelow(600)
    read = 0
    expect((await all(late, 0, 752)).map(plain)).toEqual(stored.map(plain))
    expect(read).toBe(752 - 200)

    const after = follow()
    after.take(packCommitted([], true))
    read = 0
    await all(after, 0, 752)
    expect(read, 'after a removal nothing that was handed over is believed').toBe(752)
  } finally {
    log.dispose()
  }
})

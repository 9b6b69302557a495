import { expect, it, onTestFinished } from 'vitest'
import { LogIndex } from '../../src/index/log-index.ts'
import type { LogSource } from '../../src/store/store.ts'
import { makeTestLog } from '../support/log.ts'

it('what the log lets go of while its index is checked is no finding; what the index says besides still is', async () => {
  const log = await makeTestLog()
  onTestFinished(() => log.dispose())
  await log.grow(600)
  let left = 0
  const settled: LogSource = {
    head: () => log.store.head(),
    async *entries(from, to) {
      if (left > 0 && from === 0) {
        left--
        const request = { operation: 'subject.erased', attributes: {}, below: 0 } as const
        await log.sequencer().remove({ ...request, entries: `${300 + left}` })
      }
      yield* log.store.entries(from, to)
    },
  }
  const key = log.keys.storage
  const options = { file: `${log.file}.index`, key, log: log.store, settled, origin: log.keys.origin }
  const index = LogIndex.open(options)
  onTestFinished(() => index.close())
  const check = async () => (await Array.fromAsync(index.check())).map(({ seq }) => seq)
  expect(await check()).toEqual([])
  left = 3
  expect(await check()).toEqual([])
  expect(left).toBe(0)
})

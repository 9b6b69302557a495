import { expect, it, onTestFinished } from 'vitest'
import { openIndexFile } from '../../src/index/file.ts'
import { LogIndex } from '../../src/index/log-index.ts'
import type { LogSource } from '../../src/store/store.ts'
import { makeTestLog } from '../support/log.ts'

it('what the log lets go of while its index is checked is no finding; what the index says besides still is', async () => {
  const log = await makeTestLog()
  onTestFinished(() => log.dispose())
  await log.grow(600)
  /** Entries whose content goes when the check has come to entry 256: behind it, and before it. */
  let going: string | undefined
  const settled: LogSource = {
    head: () => log.store.head(),
    async *entries(from, to) {
      for await (const some of log.store.entries(from, to)) {
        yield some
        if (going === undefined || some[0]!.seq < 256) continue
        const entries = going
        going = undefined
        await log.sequencer().remove({ operation: 'subject.erased', attributes: {}, below: 0, entries })
      }
    },
  }
  const key = log.keys.storage
  const options = { file: `${log.file}.index`, key, log: log.store, settled, origin: log.keys.origin }
  const index = LogIndex.open(options)
  onTestFinished(() => index.close())
  const check = async () => (await Array.fromAsync(index.check())).map(({ seq }) => seq)
  expect(await check()).toEqual([])
  going = '20-40,100,400-410,599'
  expect(await check()).toEqual([])
  expect(going).toBeUndefined()

  const db = openIndexFile(options.file, key, { mode: 'write' })
  db.exec(
    'UPDATE list SET bits = -1 WHERE block = 17 AND key = (SELECT min(key) FROM list WHERE block = 17 AND bits <> -1)',
  )
  db.exec('UPDATE entry SET time = time + 1 WHERE seq = 300')
  db.close()
  going = '550-555,580'
  const found = await check()
  expect(going).toBeUndefined()
  expect(found).toContain(300)
  expect(found.length).toBeGreaterThan(1)
  expect(found.every(seq => seq === 300 || (17 * 32 <= seq! && seq! < 18 * 32 && !(seq! >= 550 && seq! <= 555)))).toBe(
    true,
  )
})

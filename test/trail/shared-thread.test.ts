import { expect, test } from 'vitest'
import { compileFilter } from '../../src/core/filter.ts'
import { newLog } from './random-log.ts'

/** How often others come in while something is done: turns of this thread's loop. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isDone = false
  const count = () => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await work
  isDone = true
  return turns
}

test('what goes over the whole log lets others come in between: catching up, a search, a check of the index', async () => {
  const { builder, index, trail } = newLog('sqlite')
  const words = { operation: 'say', component: 'c', userContext: { text: 'nothing that is looked for' } }
  await builder.append(Array.from({ length: 5000 }, () => ({ input: words })))
  expect(await turnsDuring(index.catchUp())).toBeGreaterThanOrEqual(4)
  const search = trail.query(compileFilter({ text: 'zz' }), { limit: 10, order: 'asc' })
  expect(await turnsDuring(search)).toBeGreaterThanOrEqual(15)
  const check = Array.fromAsync(index.check())
  expect(await turnsDuring(check)).toBeGreaterThanOrEqual(15)
  expect(await check).toEqual([])
})

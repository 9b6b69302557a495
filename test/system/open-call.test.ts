import { expect, it } from 'vitest'
import { makeAgingLog } from '../support/removal.ts'

it('an end that the log refused can be given again, and one that it took cannot', async () => {
  const { log, control, dispose } = await makeAgingLog()
  const call = await log.begin({ operation: 'tools/call', component: 'mcp' })
  await control({ operation: 'log.frozen' })
  await expect(call.succeed('done')).rejects.toMatchObject({ code: 'frozen' })
  await control({ operation: 'log.unfrozen' })
  await call.succeed('done')
  expect(() => call.fail('no')).toThrow(/has its outcome already/)
  expect((await log.verify()).missing.map(({ kind }) => kind)).toEqual(['gap'])
  await dispose()
})

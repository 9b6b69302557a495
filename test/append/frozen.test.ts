/** A frozen log takes nothing but entries about itself, in every process, until an entry lifts that. */
import { afterEach, expect, it } from 'vitest'
import { IdSource } from '../../src/append/clock.ts'
import { GroupCommit } from '../../src/append/group-commit.ts'
import { captureEntry, type Draft } from '../../src/core/capture.ts'
import type { ControlOperation } from '../../src/core/control.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
afterEach(() => log.dispose())

function control(operation: ControlOperation): Draft {
  const time = log.world.now()
  const entry = { operation, component: 'memmimic-audit' }
  return captureEntry(entry, { id: new IdSource(log.world).next(time), time, control: true })
}

function groupCommit(): GroupCommit {
  const checkpoints = { everyEntries: 1e9, everyMs: 1e9 }
  return new GroupCommit({ sequencer: log.sequencer(), world: log.world, checkpoints })
}

it('refuses entries, takes what is about the log itself, and declares what it refused when it is lifted', async () => {
  log = await makeTestLog()
  const [one, other] = [groupCommit(), groupCommit()]
  await one.append([log.draft({})])
  await one.append([control('log.frozen')])
  for (const group of [one, other]) {
    const entry = group.append([log.draft({}), log.draft({})])
    // Of the same moment: one is held up by the freeze, the other is not.
    const alert = group.append([control('alert.raised')])
    await expect(entry).rejects.toMatchObject({ code: 'frozen' })
    expect((await alert)[0]!.seq).toBeGreaterThan(0)
  }
  await one.append([control('log.unfrozen')])
  await one.append([log.draft({})])
  await other.append([log.draft({})])
  await one.checkpoint()

  const report = await verifyLog(log.store, { verifiers: log.keys.verifiers })
  expect(report).toMatchObject({ valid: true, complete: false })
  const declared = report.declared.map(({ operation, entries }) => `${operation} ${entries ?? ''}`.trim())
  expect(declared.toSorted()).toEqual(['gap.recorded 2', 'gap.recorded 2', 'log.frozen', 'log.unfrozen'])
  expect(declared[0]).toBe('log.frozen')
})

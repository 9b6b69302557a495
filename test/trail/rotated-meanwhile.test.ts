/** A log that is open for a long time, while another process replaces the keys that sign it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openWriter } from '../../src/append/writer.ts'
import { openAuditLog } from '../../src/system.ts'

it('whoever has it open goes on verifying it, with nothing found', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-rotated-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const place = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
  const log = await openAuditLog({ ...place, threads: false, closeOnExit: false, onCreate: () => {} })
  await log.append({ operation: 'remember', component: 'memory' })
  const other = await openWriter({ ...place, checkpoints: { everyEntries: 1, everyMs: 1000 }, onFailure: 'refuse' })
  await other.rotateKeys()
  await other.close()
  expect(await log.verify()).toMatchObject({ valid: true, findings: [], trust: 'anchored' })
  // A range that does not come by the entries about the keys.
  expect(await log.verify({ from: 0, to: 2 })).toMatchObject({ valid: true, findings: [], trust: 'anchored' })
  await log.append({ operation: 'remember', component: 'memory' })
  expect(await log.verify({ from: 1 })).toMatchObject({ valid: true, findings: [] })
  await log.close()
})

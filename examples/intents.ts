/**
 * Says what is about to happen before it happens, and afterwards how it ended.
 *
 * `begin` resolves when the intent is on the disk. So a crash between the two leaves an intent without an outcome, and
 * the log says so: valid, for nothing was changed, but not complete.
 */
import assert from 'node:assert/strict'
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openAuditLog } from '../src/index.ts'

using folder = mkdtempDisposableSync(`${tmpdir()}/audit-`)
await using log = await openAuditLog({ file: `${folder.path}/audit.db`, keys: `${folder.path}/keys` })
const about = { operation: 'tools/call', component: 'files', attributes: { 'gen_ai.tool.name': 'delete_file' } }

const first = await log.begin({ ...about, arguments: { path: 'notes.txt' } })
await first.succeed({ deleted: true })

const second = await log.begin({ ...about, arguments: { path: 'missing.txt' } })
await second.fail(new Error('there is no such file'))

const third = await log.begin({ ...about, arguments: { path: '/etc/passwd' } })
await third.deny('outside of the folder')

const outcomes = await Array.fromAsync(log.query({ kind: 'outcome' }, { order: 'asc' }))
assert.deepEqual(
  outcomes.map(({ outcome }) => outcome),
  ['success', 'failure', 'denied'],
)
assert.equal((await log.verify()).complete, true)

// One more begins, and nothing says how it ended.
const fourth = await log.begin({ ...about, arguments: { path: 'draft.txt' } })
const { valid, complete, missing } = await log.verify()
assert.deepEqual({ valid, complete }, { valid: true, complete: false })
assert.equal(missing[0]?.seq, fourth.receipt.seq)
console.log(missing[0].message)

import assert from 'node:assert/strict'
import { mkdtempDisposableSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import Database from 'better-sqlite3-multiple-ciphers'
import { openAuditLog } from '../src/index.ts'

using folder = mkdtempDisposableSync(`${tmpdir()}/audit-`)
const [file, keys] = [`${folder.path}/audit.db`, `${folder.path}/keys`]
await using log = await openAuditLog({ file, keys })
await log.append({ operation: 'forget', component: 'memory', memoryId: 'mem_1' })

const key = readFileSync(`${keys}/storage.key`, 'utf8').trim()
const thief = new Database(file) // someone has the file, and the key that opens it
for (const setting of [`cipher='sqlcipher'`, `legacy=4`, `key="x'${key}'"`]) thief.pragma(setting)
thief.exec(`UPDATE tail SET leaf = CAST(replace(leaf, 'forget', 'recall') AS BLOB)`)

const { findings } = await log.verify()
assert.equal(findings[0]?.message, 'entry 1 was changed: it does not have the hash that was recorded')

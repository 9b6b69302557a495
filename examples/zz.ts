import assert from 'node:assert/strict'
import { mkdtempDisposableSync, readFileSync } from 'node:fs'
import Database from 'better-sqlite3-multiple-ciphers'
import { openAuditLog } from '/work/main/src/index.ts'

using folder = mkdtempDisposableSync('audit-')
const [file, keys] = [`${folder.path}/audit.db`, `${folder.path}/keys`]
const log = await openAuditLog({ file, keys })
await log.append({ operation: 'forget', component: 'memory', memoryId: 'mem_1' })
await log.close()

const key = readFileSync(`${keys}/storage.key`, 'utf8').trim()
const thief = new Database(file) // someone has the file, and the key that opens it
for (const setting of [`cipher='sqlcipher'`, `legacy=4`, `key="x'${key}'"`]) thief.pragma(setting)
thief.exec(`UPDATE tail SET content=cast(content as text)`)
thief.close()

await using again = await openAuditLog({ file, keys })
const { findings, valid } = await again.verify({deep:true}); console.log(valid, findings.map(f=>f.type+'@'+f.seq).join(' '));process.exit()
assert.equal(findings[0]?.type, 'hash_mismatch')
console.log(findings[0].message) // entry 1 was changed: it does not have the hash that was recorded

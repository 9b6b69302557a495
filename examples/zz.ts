import { mkdtempDisposableSync, readFileSync } from 'node:fs'
import Database from 'better-sqlite3-multiple-ciphers'
import { openAuditLog } from '../src/index.ts'
import {spawnSync} from 'node:child_process'
using folder = mkdtempDisposableSync('/tmp/docsw/audit-')
const [file, keys] = [folder.path+'/audit.db', folder.path+'/keys']
const log = await openAuditLog({ file, keys, onCreate(){} })
for (let i=0;i<5;i++) await log.append({ operation: 'forget', component: 'memory', memoryId: 'mem_1' })
await log.close()
const key = readFileSync(keys+'/storage.key', 'utf8').trim()
const thief = new Database(file)
for (const setting of ["cipher='sqlcipher'", "legacy=4", 'key="x\''+key+'\'"']) thief.pragma(setting)
thief.exec("UPDATE tail SET leaf = CAST(replace(leaf, 'forget', 'recall') AS BLOB); UPDATE head SET size = 1e300")
thief.close()
const r = spawnSync(process.execPath, ['src/cli/main.ts','--log',file,'--keys',keys,'verify','--json'],{encoding:'utf8'})
console.log("1e300", r.status, r.stdout.slice(0,330), r.stderr)

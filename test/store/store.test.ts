import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { MemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { storeContract } from '../../src/testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-store-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const key = new Uint8Array(32).fill(7)
const stores = {
  memory: () => new MemoryStore(),
  'sqlite, encrypted': () => openSqliteStore({ file: join(folder, `${files++}.db`), key, mode: 'create' }),
  'sqlite, plain': () => openSqliteStore({ file: join(folder, `${files++}.db`), key: undefined, mode: 'create' }),
}

for (const [name, open] of Object.entries(stores)) {
  describe(`the store contract: ${name}`, () => {
    for (const { name: sentence, run } of storeContract(open)) it(sentence, run)
  })
}

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadKeys } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { copyLog } from '../../src/backup/copy.ts'
import { MemMimicAuditSystem } from '../../src/memmimic-audit-system.ts'
import { openReader } from '../../src/trail/reader.ts'
import { makePlace } from './support.ts'

it('a backup is one file, for its owner, encrypted, that verifies for itself, and an entry behind it says so', async () => {
  const place = await makePlace()
  await place.append(300)
  const report = await place.backup('b.db')
  const copy = join(place.folder, 'b.db')
  const bytes = readFileSync(copy)
  expect(report).toMatchObject({ file: copy, size: 301, signed: 301, seq: 301, bytes: bytes.length })
  expect(report.digest).toBe(createHash('sha256').update(bytes).digest('hex'))
  expect(statSync(copy).mode & 0o777).toBe(0o600)
  expect(readdirSync(place.folder).filter(name => name.startsWith('b.db'))).toEqual(['b.db'])
  expect(bytes.includes('SQLite format') || bytes.includes('secret')).toBe(false)
  await place.open(async ({ log }) => {
    expect(await log.get(301)).toMatchObject({
      operation: 'log.backed_up',
      kind: 'control',
      attributes: { size: 301, rootHash: report.rootHash, digest: report.digest },
    })
  })

  const reader = await openReader({ file: copy, keys: place.keys })
  const { findings } = await reader.verify({ deep: true, sealKey: place.sealKey })
  // As a log it is an older one: the anchor remembers the entry about the backup.
  expect(findings.map(({ type }) => type)).toEqual(['rollback'])
  expect((await reader.get(7))!.userContext).toMatchObject({ secret: 'bens-secret-6' })
  await reader.close()
})

it('a backup overwrites nothing, and what stands at its name says so', async () => {
  const place = await makePlace()
  writeFileSync(join(place.folder, 'b.db'), 'a letter')
  await expect(place.backup('b.db')).rejects.toMatchObject({ code: 'already_exists' })
  await expect(place.backup('audit.db')).rejects.toMatchObject({ code: 'already_exists' })
  await expect(place.backup('nowhere/b.db')).rejects.toMatchObject({ code: 'io' })
  expect(readFileSync(join(place.folder, 'b.db'), 'utf8')).toBe('a letter')
  expect((await place.verify()).size).toBe(1)
})

it('backups that are made while others write are each the log as it was at one moment', async () => {
  const place = await makePlace()
  const system = await new MemMimicAuditSystem(place.file, { keys: place.keys, closeOnExit: false }).ready()
  let going = true
  let appended = 0
  const writers = Array.from({ length: 8 }, async () => {
    for (; going; appended++)
      await system.log.append({ operation: 'remember', component: 'memory', memoryId: appended })
  })
  const sizes: number[] = []
  for (let i = 0; i < 5; i++) {
    const { size, signed } = await system.backup(join(place.folder, `b${i}.db`))
    expect(signed).toBeLessThanOrEqual(size)
    sizes.push(size)
  }
  going = false
  await Promise.all(writers)
  await system.close()
  expect(sizes.toSorted((a, b) => a - b)).toEqual(sizes)
  expect(appended).toBeGreaterThan(5)
  for (const [i, size] of sizes.entries()) {
    const reader = await openReader({ file: join(place.folder, `b${i}.db`), keys: place.keys })
    const report = await reader.verify({
      vkeys: readFileSync(join(place.keys, 'log.vkeys'), 'utf8').trim().split('\n'),
    })
    expect(report.size).toBe(size)
    expect(report.findings.map(({ type }) => type)).toEqual(['rollback'])
    await reader.close()
  }
  expect(await place.verify({ sealKey: undefined })).toMatchObject({ valid: true, complete: true })
})

it('a log that is not what was signed is not copied', async () => {
  const place = await makePlace()
  await place.append(5)
  const { storage } = loadKeys(place.keys)
  const open = Tamper.open(place.file, storage)
  open.db.exec('UPDATE tail SET hash = zeroblob(32) WHERE seq = 2')
  open.close()
  await expect(copyLog({ ...place, to: join(place.folder, 'b.db') })).rejects.toMatchObject({ code: 'damaged' })
  expect(readdirSync(place.folder).filter(name => name.startsWith('b.db'))).toEqual([])
})

it('a log whose subjects have keys of their own is copied without them', async () => {
  const place = await makePlace({ subjectPaths: ['userId'] })
  await place.append(3, 'ada')
  await place.backup('b.db')
  await place.erase('user:ada')
  const reader = await openReader({ file: join(place.folder, 'b.db'), keys: place.keys })
  expect((await reader.get(1))!.userContext).toEqual({ erased: true })
  await reader.close()
})

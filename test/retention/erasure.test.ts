import { copyFileSync, cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemWorld } from '../../src/append/clock.ts'
import { loadStorageKey } from '../../src/append/keys.ts'
import { createSubjectKeys, openSubjectKeys } from '../../src/append/subject-keys.ts'
import { type ErasureRequest, eraseSubject } from '../../src/retention/erasure.ts'
import { placeHold } from '../../src/retention/holds.ts'
import { defaultErasureSettings } from '../../src/retention/settings.ts'
import { openReader } from '../../src/trail/reader.ts'
import { type AgingLog, makeAgingLog, tracesOf } from '../support/removal.ts'

let log: AgingLog
afterEach(() => log?.dispose())

const withKeys = {
  prepareKeys: (folder: string) =>
    createSubjectKeys({ folder, storage: loadStorageKey(folder) }, ['userId', 'user_id'], systemWorld()),
}

async function erase(request: ErasureRequest) {
  const { reader, writer, keysFolder } = log
  const keys = openSubjectKeys({ folder: keysFolder, storage: loadStorageKey(keysFolder) }, 'write')
  const parts = { reader, remove: writer.remove, keys, newId: () => 'erasure-1' }
  try {
    return await eraseSubject(parts, request, defaultErasureSettings)
  } finally {
    keys?.close()
  }
}

/** Entries that name people in every place where the log looks for them, each with a secret of theirs. */
async function fill(count = 60): Promise<void> {
  await log.append(count, i => ({
    actor:
      i % 3 === 0
        ? { type: 'user', id: 'ada' }
        : { type: 'agent', id: 'helper', onBehalfOf: { type: 'user', id: i % 3 === 1 ? 'ada' : 'ben' } },
    memoryId: `memory of ${i % 3 === 2 ? 'ben' : 'ada'}`,
    userContext: { userId: ['ada', 'ada', 'ben'][i % 3]!, secret: `${['ada', 'ada', 'ben'][i % 3]}s-secret-${i}` },
  }))
  await log.append(2, i => ({ userContext: { [i === 0 ? 'userId' : 'user_id']: 'ada', secret: 'adas-secret-x' } }))
}

const isErased = (value: unknown) => typeof value === 'object' && value !== null && 'erased' in value

async function secrets(): Promise<string[]> {
  const found: string[] = []
  for await (const { userContext } of log.log.query({ operation: 'remember' }, { order: 'asc' })) {
    if (!isErased(userContext)) found.push((userContext as { secret: string }).secret)
  }
  return found
}

for (const [name, options] of [
  ['erasure', {}],
  ['erasure with keys of their own', withKeys],
] as const) {
  describe(name, () => {
    it('takes every sealed value of one person and nothing of another; every proof still holds', async () => {
      log = await makeAgingLog(options)
      await fill()
      const [proof, other] = [await log.log.prove(1), await log.log.prove(3)]
      const root = (await log.log.status()).rootHash
      expect(await erase({ subject: 'user:ada', dryRun: true })).toMatchObject({ entries: 42, declaredBy: [] })
      expect((await secrets()).length).toBe(62)

      const report = await erase({ subject: 'user:ada', actor: { type: 'user', id: 'ada' } })
      expect(report).toMatchObject({ entries: 42, held: 0, erasure: 'erasure-1' })
      expect(report.keysDestroyed.length).toBe(options === withKeys ? 1 : 0)
      expect((await secrets()).every(secret => secret.startsWith('bens'))).toBe(true)
      expect((await secrets()).length).toBe(20)
      expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [] })
      expect(await log.log.verify({ from: 1, to: 2 })).toMatchObject({ valid: true })
      expect((await log.log.prove(1)).split('\n').length).toBe(proof.split('\n').length)
      expect(other).not.toBe(proof)

      const receipt = await log.log.get(report.declaredBy[0]!)
      expect(receipt).toMatchObject({
        operation: 'subject.erased',
        kind: 'control',
        attributes: { erasure: 'erasure-1', sizeBefore: 63, rootBefore: root, held: 0 },
      })
      expect(receipt!.attributes!.listDigest).toMatch(/^[0-9a-f]{64}$/)
      expect(receipt!.attributes!.keyDigests).toBe(report.keysDestroyed[0])
      // The receipt does not say whom it was about, but for who asked.
      expect(JSON.stringify(receipt!.attributes)).not.toMatch(/\bada\b/)

      expect(await erase({ subject: 'ada' })).toMatchObject({ entries: 1 })
      expect(await erase({ subject: 'ada' })).toMatchObject({ entries: 0, declaredBy: [] })
    })

    it('keeps what a hold covers, and says how much that is', async () => {
      log = await makeAgingLog(options)
      await fill(6)
      await placeHold(log.control, { name: 'case 7', filter: { where: [{ field: 'seq', op: 'in', value: [1, 2] }] } })
      expect(await erase({ subject: 'ada' })).toMatchObject({ held: 2, entries: 4, keysDestroyed: [] })
      expect(await secrets()).toEqual(['adas-secret-0', 'adas-secret-1', 'bens-secret-2', 'bens-secret-5'])
      expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
    })

    it('comes to an end while more is written about the person all the time: what it declares is gone, up to there', async () => {
      log = await makeAgingLog(options)
      await fill(30)
      let isOver = false
      const writing = (async () => {
        while (!isOver) await fill(3)
      })()
      const { declaredBy } = await erase({ subject: 'ada' })
      isOver = true
      await writing
      const left: number[] = []
      for await (const { seq, userContext } of log.log.query({ operation: 'remember' }, { order: 'asc' })) {
        if ((userContext as { secret?: string }).secret?.startsWith('ada')) left.push(seq)
      }
      expect(left.filter(seq => seq < declaredBy[0]!)).toEqual([])
      expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
    })

    it('goes on with what was written while it ran, and after it', async () => {
      log = await makeAgingLog(options)
      await fill(30)
      const erasing = erase({ subject: 'ada' })
      await Promise.all([fill(30), erasing])
      expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
      await fill(3)
      expect((await secrets()).filter(secret => secret.startsWith('adas')).length).toBeGreaterThanOrEqual(4)
      await erase({ subject: 'ada' })
      expect((await secrets()).every(secret => secret.startsWith('bens'))).toBe(true)
      expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
    })
  })
}

describe('after an erasure', () => {
  it('nothing readable of it is left: in tail, blocks, index, write-ahead logs and free pages', async () => {
    log = await makeAgingLog({ encryption: 'none' })
    // Enough to fill blocks, one by one into the tail as well, and a tail that has moved into blocks.
    for (let i = 0; i < 260; i++) await fill(1)
    await fill(300)
    for (const text of ['adas-secret-0', 'adas-secret-x', 'memory of ada']) {
      expect(tracesOf(log.folder, text), text).not.toEqual([])
    }
    await erase({ subject: 'user:ada' })
    for (const text of ['adas-secret', 'memory of ada', '"ada"']) expect(tracesOf(log.folder, text), text).toEqual([])
    expect(tracesOf(log.folder, 'bens-secret')).not.toEqual([])
    expect(await log.log.verify({ deep: true })).toMatchObject({ valid: true, findings: [] })
  })

  it('a backup from before is covered too, where subjects have keys', async () => {
    log = await makeAgingLog(withKeys)
    await fill(9)
    const backup = log.backup()
    const open = () => openReader({ file: backup, keys: log.keysFolder })
    const before = await open()
    expect((await before.get(1))!.userContext).toMatchObject({ secret: 'adas-secret-0' })
    await before.close()
    await erase({ subject: 'ada' })
    const after = await open()
    expect(isErased((await after.get(1))!.userContext)).toBe(true)
    expect((await after.get(3))!.userContext).toMatchObject({ secret: 'bens-secret-2' })
    await after.close()
    // The file of the keys, and its write-ahead log, do not have it any more.
    const keys = join(log.folder, 'copied-keys')
    cpSync(log.keysFolder, keys, { recursive: true })
    for (const end of ['', '-wal']) rmSync(`${backup}.index${end}`, { force: true })
    const elsewhere = await openReader({ file: backup, keys })
    expect(isErased((await elsewhere.get(1))!.userContext)).toBe(true)
    await elsewhere.close()
    copyFileSync(log.file, `${log.file}.copy`)
  })
})

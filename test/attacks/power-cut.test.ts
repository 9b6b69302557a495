/**
 * Row 33 of the threat table: the power goes at any write. What had not been synced may be lost, in whole or in part, so
 * the write-ahead log is cut at every length: what is left must be the log as it was after some commit, whole and valid,
 * and nothing that was acknowledged before the last sync may be missing.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseSealKey } from '../../src/core/seal.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog } from '../support/log.ts'

it('row 33: a power cut at any write leaves the log as it was after a commit, and loses nothing that was synced', async () => {
  const log = await makeTestLog()
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-power-'))
  try {
    await log.grow(200)
    log.store.checkpointFile()
    const sequencer = log.sequencer()
    /** Bytes of write-ahead log when a size was acknowledged. */
    const acknowledged: [size: number, bytes: number][] = [[201, 0]]
    for (const count of [1, 3, 1, 60, 1, 300, 2]) {
      const receipts = await sequencer.commit(Array.from({ length: count }, () => log.draft({ memoryId: 1 })))
      acknowledged.push([receipts.at(-1)!.seq + 1, readFileSync(`${log.file}-wal`).length])
    }
    const wal = readFileSync(`${log.file}-wal`)
    const sizes = new Set(acknowledged.map(([size]) => size))
    const cut = join(folder, 'cut.db')
    for (let bytes = 0; bytes <= wal.length; bytes += bytes < 20_000 ? 517 : 4120) {
      for (const end of ['-wal', '-shm']) rmSync(cut + end, { force: true })
      copyFileSync(log.file, cut)
      writeFileSync(`${cut}-wal`, wal.subarray(0, bytes))
      const store = openSqliteStore({ file: cut, key: log.keys.storage, mode: 'write' })
      const report = await verifyLog(store, { verifiers: log.keys.verifiers, sealKey: parseSealKey(log.sealKey) })
      store.close()
      expect(report.findings, `cut at ${bytes}`).toEqual([])
      expect(sizes, `cut at ${bytes}`).toContain(report.size)
      const safe = acknowledged.filter(([, upTo]) => upTo <= bytes).at(-1)![0]
      expect(report.size, `cut at ${bytes}`).toBeGreaterThanOrEqual(safe)
    }
  } finally {
    log.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
})

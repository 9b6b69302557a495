import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadKeys } from '../../src/append/keys.ts'
import { openAuditLog, type VerificationReport } from '../../src/index.ts'
import { openReader } from '../../src/trail/reader.ts'
import { startChild } from '../support/child.ts'

let folder: string
let file: string
let keys: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-processes-'))
  file = join(folder, 'audit.db')
  keys = join(folder, 'keys')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Checks the log from outside, and that every receipt in `lines` is that of an entry in it. */
async function check(lines: readonly string[]): Promise<VerificationReport> {
  const reader = await openReader({ file, keys })
  try {
    const receipts = lines.filter(line => /^\d+ /.test(line)).map(line => line.split(' ') as [string, string])
    for (const [seq, hash] of receipts) expect((await reader.get(Number(seq)))?.entryHash).toBe(hash)
    expect(new Set(receipts.map(([seq]) => seq)).size).toBe(receipts.length)
    const report = await reader.verify({ deep: true })
    expect(report).toMatchObject({ valid: true, findings: [], trust: 'anchored' })
    return report
  } finally {
    await reader.close()
  }
}

describe('many processes on one log', () => {
  it('make it once, all at the same time, and write it without a fork, a loss or a false alarm', async () => {
    const children = ['a', 'b', 'c', 'd'].map(who => startChild('append.ts', file, keys, '250', who))
    const ends = await Promise.all(children.map(child => child.ended))
    // Whoever comes late may find entries before there is an index of them.
    const late = 'memmimic-audit: the index is built again: it was not there\n'
    expect(ends.map(({ code, stderr }) => [code, stderr.replace(late, '')])).toEqual(ends.map(() => [0, '']))
    const report = await check(children.flatMap(({ lines }) => lines))
    expect(report).toMatchObject({ size: 1001, complete: true })
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('lose nothing that was acknowledged when one after the other is killed at any moment', async () => {
    const lines: string[] = []
    const other = startChild('append.ts', file, keys, '1600', 'steady')
    await other.said('open')
    for (const ms of [0, 3, 17, 40, 90]) {
      const child = startChild('append.ts', file, keys, '100000', `victim after ${ms}`)
      await child.said('open')
      await new Promise(resolve => setTimeout(resolve, ms))
      child.process.kill('SIGKILL')
      expect((await child.ended).signal).toBe('SIGKILL')
      lines.push(...child.lines)
    }
    expect((await other.ended).code).toBe(0)
    await check([...lines, ...other.lines])
  })
})

describe('the end of a process', () => {
  it('by SIGTERM signs what is there, and ends by that signal all the same', async () => {
    const child = startChild('append.ts', file, keys, '100000', 'a')
    await child.said('open')
    while (child.lines.length < 50) await new Promise(resolve => setTimeout(resolve, 5))
    child.process.kill('SIGTERM')
    expect((await child.ended).signal).toBe('SIGTERM')
    const { size } = await check(child.lines)
    const reader = await openReader({ file, keys })
    expect(await reader.status()).toMatchObject({ size, signed: size, anchored: size })
    await reader.close()
  })

  it('of itself, without a close, signs what is there', async () => {
    const child = startChild('append.ts', file, keys, '20', 'a')
    expect((await child.ended).code).toBe(0)
    await check(child.lines)
    const reader = await openReader({ file, keys })
    expect(await reader.status()).toMatchObject({ size: 21, signed: 21, anchored: 21 })
    await reader.close()
  })

  it('between intent and outcome is told at the next start, but not while the process lives', async () => {
    const dead = startChild('append.ts', file, keys, '1', 'dead', 'intent')
    const alive = startChild('append.ts', file, keys, '1', 'alive', 'intent')
    await Promise.all([dead.said('intent'), alive.said('intent')])
    dead.process.kill('SIGKILL')
    await dead.ended
    const before = await check([...dead.lines, ...alive.lines])
    expect(before.complete).toBe(false)
    expect(before.missing.map(({ operation }) => operation)).toEqual(['tools/call', 'tools/call'])

    const log = await openAuditLog({ file, keys, closeOnExit: false })
    await log.close()
    const after = await check([])
    expect(after.missing).toHaveLength(1)
    const reader = await openReader({ file, keys })
    const [closed] = await reader.query({ outcome: 'unknown' }, { limit: 10, order: 'desc' })
    expect(closed).toMatchObject({ kind: 'outcome', operation: 'tools/call', component: 'dead' })
    const [open] = await reader.openIntents()
    expect(open).toMatchObject({ component: 'alive' })
    await reader.close()
    alive.process.kill('SIGKILL')
    await alive.ended
  })

  it('leaves the seal key of the newest epoch only', async () => {
    const child = startChild('append.ts', file, keys, '2', 'a')
    await child.ended
    expect(loadKeys(keys).seals.current.epoch).toBe(0)
  })
})

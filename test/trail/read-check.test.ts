/** Reads verify what they return, tell what is wrong, and answer as if nothing were. */
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Tamper } from '../../src/attack/tamper.ts'
import type { AuditEvent } from '../../src/core/events.ts'
import type { Finding } from '../../src/core/finding.ts'
import { openParts } from '../../src/system.ts'
import { openReader, type Reader } from '../../src/trail/reader.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
let reader: Reader
let findings: Finding[]

async function open(): Promise<void> {
  findings = []
  const onFinding = (found: Finding) => findings.push(found)
  reader = await openReader({ file: log.file, keys: log.keysFolder, onFinding })
}

beforeEach(async () => {
  log = await makeTestLog({ encryption: 'none' })
  // Blocks, and a tail.
  await log.grow(300, 60)
  await open()
})
afterEach(async () => {
  await reader.close()
  log.dispose()
})

const all = { limit: 1000, order: 'asc' } as const
const told = () => findings.map(({ type, seq }) => [type, seq])

async function tampered(change: (open: Tamper) => void): Promise<void> {
  const open = Tamper.open(log.file, undefined)
  change(open)
  open.close()
}

test('of a sound log there is nothing to tell, nor of one that let go of entries on record', async () => {
  expect((await reader.query({}, all)).length).toBe(361)
  await reader.get(7)
  const { sequencer } = log
  await sequencer().remove({ operation: 'subject.erased', entries: '3-5,310', below: 0, attributes: {} })
  const views = await reader.query({}, all)
  expect(views[4]!.memoryId).toEqual({ erased: true })
  await reader.get(310)
  await sequencer().remove({ operation: 'retention.pruned', entries: '1-255', below: 0, attributes: {} })
  await sequencer().remove({ operation: 'retention.pruned', entries: '', below: 256, attributes: {} })
  expect((await reader.query({}, all)).length).toBe(361 + 3 - 255)
  await reader.query({ where: [{ field: 'attributes.n', op: 'eq', value: 7 }] }, all)
  expect(told()).toEqual([])
})

describe('what is wrong is told, and the answer is as it would have been', () => {
  const edit = (seq: number, members: object) => (open: Tamper) => {
    open.edit(seq, members as Record<string, unknown>)
    open.save()
  }
  const change = (seq: number, from: string, to: string) => (open: Tamper) => {
    const row = open.rows[seq]!
    row.content = Buffer.from(Buffer.from(row.content).toString('latin1').replace(from, to), 'latin1')
    open.save()
  }
  test.each<[what: string, seq: number, change: (open: Tamper) => void, type: string]>([
    ['a leaf that was changed, in a block', 40, edit(40, { outcome: 'denied' }), 'hash_mismatch'],
    ['a leaf that was changed, in the tail', 350, edit(350, { outcome: 'denied' }), 'hash_mismatch'],
    ['a value that was changed', 41, change(41, 'agent-0', 'agent-X'), 'disclosure_mismatch'],
    [
      'a salt that was changed',
      42,
      open => {
        open.rows[42]!.content = Uint8Array.from(open.rows[42]!.content, (byte, i) => (i === 7 ? byte ^ 1 : byte))
        open.save()
      },
      'disclosure_mismatch',
    ],
    [
      'content that is gone without a word',
      43,
      open => {
        open.rows[43]!.content = new Uint8Array(0)
        open.save()
      },
      'disclosure_missing',
    ],
    [
      'content that is cut short',
      44,
      open => {
        open.rows[44]!.content = open.rows[44]!.content.subarray(0, 100)
        open.save()
      },
      'disclosure_mismatch',
    ],
  ])('%s', async (_, seq, change, type) => {
    await reader.query({}, all)
    await tampered(change)
    const views = await reader.query({ where: [{ field: 'seq', op: 'between', value: [seq - 2, seq + 2] }] }, all)
    expect(views.map(view => view.seq)).toEqual([-2, -1, 0, 1, 2].map(more => seq + more))
    expect(new Set(findings.map(found => found.seq))).toEqual(new Set([seq]))
    expect(findings.map(found => found.type)).toContain(type)
    findings.length = 0
    await reader.get(seq)
    expect(findings.map(found => found.type)).toContain(type)
  })

  test('an entry that is not there any more, and one that cannot be read', async () => {
    await reader.query({}, all)
    await tampered(open => {
      open.rows[350] = undefined
      open.rows[355]!.leaf = Buffer.from('{}')
      open.save()
    })
    const views = await reader.query({ where: [{ field: 'seq', op: 'gte', value: 348 }] }, all)
    expect(views.map(({ seq }) => seq)).toEqual([348, 349, 351, 352, 353, 354, 356, 357, 358, 359, 360])
    expect(told()).toEqual(expect.arrayContaining([['missing_entry', 350]]))
    expect(findings.some(({ type, seq }) => type === 'format_invalid' && seq === 355)).toBe(true)
    await expect(reader.get(355)).rejects.toMatchObject({ code: 'damaged' })
  })

  test.each([
    'UPDATE entry SET outcome = 2 WHERE seq = 50',
    'UPDATE entry SET memory = NULL WHERE seq = 50',
    'UPDATE entry SET actor = session WHERE seq = 50',
    'UPDATE entry SET flags = NULL WHERE seq = 51',
    'UPDATE entry SET time = time - 1 WHERE seq = 50',
  ])('an index in which %s', async change => {
    await reader.catchUp()
    const db = new Database(join(log.folder, 'audit.db.index'))
    db.exec(change.replace('actor = session', 'actor = (SELECT id FROM term WHERE text = \'["agent","agent-1"]\')'))
    db.close()
    const views = await reader.query({ where: [{ field: 'seq', op: 'between', value: [45, 55] }] }, all)
    expect(views.length).toBe(11)
    expect(told()).toEqual([['index_mismatch', Number(change.slice(-2))]])
  })
})

test('is told across the reader’s thread, as an event of the log', async () => {
  await reader.close()
  await tampered(open => {
    open.edit(12, { operation: 'never happened' })
    open.save()
  })
  const parts = await openParts({ file: log.file, keys: log.keysFolder, closeOnExit: false, onNotice: () => {} })
  const events: AuditEvent[] = []
  parts.events.on(event => events.push(event))
  const entry = await parts.log.get(12)
  await parts.log.close()
  expect(entry?.operation).toBe('never happened')
  const checked = events.filter(event => event.type === 'checked')
  expect(checked).toEqual([
    {
      type: 'checked',
      scope: 'read',
      entries: 1,
      valid: false,
      durationMs: 0,
      findings: [expect.objectContaining({ seq: 12, type: 'hash_mismatch' })],
    },
  ])
  await open()
})

/** Exports of a real log: all formats of the same entries, as of one moment, on record. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { compileFilter } from '../../src/core/filter.ts'
import { type ExportRequest, exportEntries, exportFormats } from '../../src/export/export.ts'
import { verifyBundle } from '../../src/export/verify-bundle.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { sample } from '../support/log.ts'

const folder = mkdtempSync(join(tmpdir(), 'memmimic-export-'))
let parts: OpenedParts
beforeAll(async () => {
  const place = { file: join(folder, 'audit.db'), keys: join(folder, 'keys'), onCreate: () => {} }
  parts = await openParts({ ...place, threads: false, closeOnExit: false })
  await Promise.all(Array.from({ length: 400 }, (_, i) => parts.log.append(sample(i))))
})
afterAll(async () => {
  await parts.log.close()
  rmSync(folder, { recursive: true, force: true })
})

async function exported(request: Pick<ExportRequest, 'format'> & Partial<ExportRequest>) {
  const { reader, writer, world } = parts
  const pieces: string[] = []
  const summary = await exportEntries({
    reader,
    now: () => world.now(),
    sign: () => writer.checkpoint(),
    write: piece => void pieces.push(piece),
    ...request,
  })
  return { text: pieces.join(''), summary }
}

describe('an export', () => {
  it.each(exportFormats)('as %s holds every entry that matches, oldest first, and says what it holds', async format => {
    const { size, rootHash } = await parts.reader.status()
    for (const filter of [{}, { operation: 'forget' }, { text: 'überall "result 3"' }, { operation: 'nothing' }]) {
      const views = await parts.reader.query(filter, { limit: 1000, order: 'asc' })
      expect(views.every(view => compileFilter(filter).matches(view))).toBe(true)
      const { text, summary } = await exported({ format, filter })
      expect(summary).toMatchObject({ format, entries: views.length, size, rootHash, unreadable: 0 })
      expect(summary.bytes).toBe(Buffer.byteLength(text))
      expect(summary.digest).toBe(createHash('sha256').update(text).digest('hex'))
      const places = views.map(({ id }) => text.indexOf(id))
      expect(places).toEqual(places.toSorted((a, b) => a - b))
      expect(places).not.toContain(-1)
    }
  })

  it.each(exportFormats)(
    'as %s goes into the log, with the digest of what left and the root of the log',
    async format => {
      const filter = { actor: 'agent:agent-1' }
      const { summary } = await exported({
        format,
        filter,
        actor: { type: 'user', id: 'auditor' },
        record: entry => parts.logger.logControl(entry),
      })
      const entry = await parts.reader.get(summary.receipt!.seq)
      const { entries, digest, size, rootHash } = summary
      expect(entry).toMatchObject({
        kind: 'control',
        operation: 'access.export',
        component: 'memmimic-audit',
        actor: { type: 'user', id: 'auditor' },
        attributes: { format, entries, digest, size, rootHash },
        filter,
      })
      // Whom it was about is sealed.
      expect(JSON.stringify(entry!.attributes)).not.toContain('agent-1')
    },
  )

  it('is of the log as it was when it was asked for, whatever comes meanwhile', async () => {
    const { size } = await parts.reader.status()
    for (const format of ['jsonl', 'bundle'] as const) {
      const write = async (piece: string) => {
        lines.push(piece)
        if (lines.length % 50 === 0) await parts.log.append(sample(0))
      }
      const lines: string[] = []
      const { summary } = await exported({ format, write })
      expect(summary.entries).toBe(summary.size)
      expect(summary.entries).toBeLessThan(size + 30)
      expect((await parts.reader.status()).size).toBeGreaterThan(summary.size)
      if (format === 'bundle') {
        expect(await verifyBundle([utf8(lines.join(''))])).toMatchObject({ valid: true, complete: true })
      }
    }
  })

  it('leaves out the values that may not leave, in every format', async () => {
    for (const format of exportFormats) {
      const { text } = await exported({
        format,
        filter: { operation: 'forget' },
        mayOpen: (_, name) => name === 'session',
      })
      expect(text).toContain('session 3')
      expect(text).not.toMatch(/agent-\d|Zoë|überall|mem_\d/)
    }
  })

  it('counts what the index knows and the log cannot show', async () => {
    const unreadable = { ...parts.reader, query: lossy, kept: lossyKept }
    async function lossy(...asked: Parameters<typeof parts.reader.query>) {
      return (await parts.reader.query(...asked)).filter(({ seq }) => seq !== 20 && seq !== 350)
    }
    async function lossyKept(seqs: readonly number[]) {
      return (await parts.reader.kept(seqs)).filter(({ seq }) => seq !== 20 && seq !== 350)
    }
    for (const format of ['csv', 'bundle'] as const) {
      const { summary } = await exported({
        format,
        reader: unreadable,
        filter: { where: [{ field: 'seq', op: 'lt', value: 400 }] },
      })
      expect(summary).toMatchObject({ entries: 398, unreadable: 2 })
    }
  })

  it('waits for whoever takes it, and ends when it is told to', async () => {
    let inFlight = 0
    const write = async () => {
      expect(++inFlight).toBe(1)
      await new Promise(resolve => setImmediate(resolve))
      inFlight--
    }
    await exported({ format: 'jsonl', write })
    const controller = new AbortController()
    const asked = exported({ format: 'jsonl', signal: controller.signal, write: () => controller.abort() })
    await expect(asked).rejects.toThrow('aborted')
  })

  it('refuses a filter that is malformed', async () => {
    const filter = { operaton: 'x' } as never
    for (const format of exportFormats) await expect(exported({ format, filter })).rejects.toThrow('operaton')
  })
})

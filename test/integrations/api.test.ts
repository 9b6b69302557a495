import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openAuditLog } from '../../src/index.ts'
import { auditApi, auditMcpHandlers } from '../../src/integrations/api.ts'
import { startChild } from '../support/child.ts'
import { SeedStore } from './memory-stores.ts'
import { type OpenLog, openLog } from './support.ts'

/** The seed’s API over its store, as far as its calls go. */
class MemMimicV2API {
  readonly #store = new SeedStore()
  maxLength = 10

  async remember_with_context(content: string, _options: object = {}) {
    if (content === '') throw new TypeError('there is nothing to remember')
    if (content.length > this.maxLength)
      return { status: 'rejected', governance_status: 'rejected', violations: ['size'] }
    const memory_id = await this.#store.store_memory({ content })
    return { status: 'success', memory_id, governance_status: 'approved' }
  }
  async recall_with_context(query: string, options: { context_level?: string } = {}) {
    if (query === 'broken') return { success: false, error: 'index offline' }
    return { results: await this.#store.search_memories(query), level: options.context_level }
  }
  get_system_status() {
    return { status: 'healthy' }
  }
  helper() {
    return 'not recorded'
  }
}

const rows = async ({ entries }: OpenLog) =>
  (await entries()).map(({ kind, operation, outcome, memoryId, governanceStatus }) =>
    [kind, operation, outcome, memoryId, governanceStatus].filter(part => part !== undefined).join(' '),
  )

describe('the seed’s API', () => {
  it('is on the record by its names, with what was rejected and what could not be recalled', async () => {
    await using open = await openLog()
    const api = auditApi(new MemMimicV2API(), open.log)
    expect(await api.remember_with_context('short')).toMatchObject({ memory_id: 'mem_1' })
    expect(await api.remember_with_context('far too long for it')).toMatchObject({ status: 'rejected' })
    await expect(api.remember_with_context('')).rejects.toBeInstanceOf(TypeError)
    expect(await api.recall_with_context('short')).toMatchObject({ results: [{ id: 'mem_1' }] })
    await api.recall_with_context('full', { context_level: 'full' })
    await api.recall_with_context('full')
    await api.recall_with_context('broken')
    expect(await api.get_system_status()).toEqual({ status: 'healthy' })
    expect(api.helper()).toBe('not recorded')
    expect(await rows(open)).toEqual([
      'intent remember_with_context',
      'outcome remember_with_context success mem_1 approved',
      'intent remember_with_context',
      'outcome remember_with_context_error denied rejected',
      'intent remember_with_context',
      'outcome remember_with_context_error failure',
      'intent recall_summary',
      'outcome recall_summary success',
      'intent recall_full',
      'outcome recall_full success',
      'intent recall_summary',
      'outcome recall_summary success',
      'intent recall_summary',
      'outcome recall_summary failure',
      'intent get_system_status',
      'outcome get_system_status success',
    ])
    expect((await open.entries()).every(({ component }) => component === 'memmimic_api')).toBe(true)
    expect(await open.log.verify({ deep: true })).toMatchObject({ valid: true, complete: true })
  })

  it('is on the record in camelCase too', async () => {
    await using open = await openLog()
    const api = auditApi(
      { rememberWithContext: () => 1, recallWithContext: (_q: string, _level: string) => 2 },
      open.log,
    )
    expect(await api.rememberWithContext()).toBe(1)
    expect(await api.recallWithContext('q', 'full_context')).toBe(2)
    expect((await rows(open)).filter(row => row.startsWith('outcome'))).toEqual([
      'outcome remember_with_context success',
      'outcome recall_full success',
    ])
  })
})

describe('handlers of MCP tools', () => {
  it('are on the record as calls of their tools; a result that is an error is a failure that nobody threw', async () => {
    await using open = await openLog()
    const handlers = auditMcpHandlers(
      {
        handle_remember_with_context: (args: { content: string }) => ({
          content: [{ type: 'text', text: args.content }],
        }),
        handleRecallEnhanced: async () => ({ isError: true, content: [] }),
        handle_system_status() {
          throw new Error('offline')
        },
        version: () => 2,
      },
      open.log,
      { component: 'memmimic' },
    )
    await handlers.handle_remember_with_context({ content: 'hello' })
    expect(await handlers.handleRecallEnhanced()).toEqual({ isError: true, content: [] })
    await expect(handlers.handle_system_status()).rejects.toThrow('offline')
    expect(handlers.version()).toBe(2)
    const entries = await open.entries()
    expect(entries.filter(({ kind }) => kind === 'outcome')).toMatchObject([
      {
        outcome: 'success',
        attributes: { 'gen_ai.tool.name': 'remember_with_context', 'mcp.method.name': 'tools/call' },
      },
      { outcome: 'failure', attributes: { 'gen_ai.tool.name': 'recall_enhanced', 'error.type': 'tool_error' } },
      { outcome: 'failure', attributes: { 'gen_ai.tool.name': 'system_status', 'error.type': 'Error' } },
    ])
    for (const entry of entries) expect(entry).toMatchObject({ operation: 'tools/call', component: 'memmimic' })
    expect(entries[0]!.arguments).toEqual([{ content: 'hello' }])
    expect(await open.log.verify()).toMatchObject({ valid: true, complete: true })
  })

  it('are on the record when each runs in a process of its own, which ends at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-one-shot-'))
    try {
      const [file, keys] = [join(folder, 'audit.db'), join(folder, 'keys')]
      for (let i = 0; i < 20; i += 5) {
        const children = Array.from({ length: 5 }, (_, j) =>
          startChild('one-shot-handler.ts', file, keys, String(i + j)),
        )
        const ends = await Promise.all(children.map(child => child.ended))
        expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(ends.map(() => [0, '']))
      }
      await using log = await openAuditLog({ file, keys, threads: false, closeOnExit: false, onNotice: () => {} })
      const kept = await Array.fromAsync(log.query({ kind: 'outcome', outcome: 'success' }))
      const contents = kept.map(({ operationResult }) => (operationResult as { content: string }).content)
      expect(contents.sort()).toEqual(Array.from({ length: 20 }, (_, i) => `memory ${i}`).sort())
      expect(await log.verify({ deep: true })).toMatchObject({ valid: true, complete: true, findings: [] })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

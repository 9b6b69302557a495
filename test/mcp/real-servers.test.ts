import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { describe, expect, test } from 'vitest'
import type { RecordedEntry } from './support.ts'
import { gist } from './support.ts'

const scratch = mkdtempSync(join(tmpdir(), 'mcp-real-'))
const root = join(import.meta.dirname, '../..')
const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const installed = (path: string) => join(root, 'node_modules/@modelcontextprotocol', path)

/** A real client works a session through the proxy; the answer is the log. */
async function session(
  server: readonly string[],
  options: ConstructorParameters<typeof Client>[1],
  work: (client: Client) => Promise<void>,
): Promise<RecordedEntry[]> {
  const file = join(scratch, `${Math.random()}.jsonl`)
  const client = new Client({ name: 'test-client', version: '9' }, options)
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [fixture('proxy.ts'), file, process.execPath, ...server],
    env: { ...(process.env as Record<string, string>), MEMORY_FILE_PATH: join(scratch, 'memory.json') },
    stderr: 'pipe',
  })
  const handler = client as unknown as {
    setRequestHandler(method: string, handle: () => Promise<unknown>): void
  }
  if (options?.capabilities?.elicitation !== undefined) {
    handler.setRequestHandler('elicitation/create', async () => ({ action: 'decline' }))
  }
  if (options?.capabilities?.sampling !== undefined) {
    handler.setRequestHandler('sampling/createMessage', async () => ({
      ...{ role: 'assistant', model: 'mock', content: { type: 'text', text: 'Paris' } },
    }))
  }
  await client.connect(transport)
  await work(client)
  await client.close()
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(text => JSON.parse(text))
}

describe('a session with', () => {
  test('the official memory server (2025-11-25) is on the record, call by call', async () => {
    const entities = [{ name: 'Ann', entityType: 'person', observations: ['likes tea'] }]
    const entries = await session([installed('server-memory/dist/index.js')], {}, async client => {
      await client.listTools()
      await client.callTool({ name: 'create_entities', arguments: { entities } })
      const read = await client.callTool({ name: 'search_nodes', arguments: { query: 'tea' } })
      expect(JSON.stringify(read.content)).toContain('Ann')
      await client.callTool({ name: 'delete_entities', arguments: { entityNames: ['Ann'] } })
    })
    expect(entries.map(gist)).toEqual([
      'intent session.opened',
      'event tools/list',
      ...['create_entities', 'search_nodes', 'delete_entities'].flatMap(name => [
        `intent tools/call ${name}`,
        `outcome tools/call success ${name}`,
      ]),
      'outcome session.closed success',
    ])
    expect(entries[2]).toMatchObject({
      component: 'memory-server',
      arguments: { entities },
      actor: { type: 'agent', id: 'test-client' },
      attributes: { 'mcp.protocol.version': '2025-11-25', 'gen_ai.tool.name': 'create_entities' },
    })
    expect(entries.filter(entry => JSON.stringify(entry.attributes).includes('Ann'))).toEqual([])
  })

  test('the everything server is on the record: errors, sampling, a declined elicitation, resources, prompts, cancellation', async () => {
    const entries = await session(
      [installed('server-everything/dist/index.js'), 'stdio'],
      { capabilities: { sampling: {}, elicitation: {} } },
      async client => {
        await client.listTools()
        const sum = await client.callTool({ name: 'get-sum', arguments: { a: 2, b: 3 } })
        expect(JSON.stringify(sum)).toContain('5')
        await client.callTool({ name: 'get-sum', arguments: { a: 'x' } }).catch(() => undefined)
        await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'capital?' } })
        await client.callTool({ name: 'trigger-elicitation-request', arguments: {} })
        const { resources } = await client.listResources()
        await client.readResource({ uri: resources[0]!.uri })
        await client.getPrompt({ name: 'simple-prompt' })
        const slow = { name: 'trigger-long-running-operation', arguments: { duration: 10, steps: 2 } }
        await expect(client.callTool(slow, { timeout: 100 })).rejects.toThrow()
      },
    )
    const gists = entries.map(gist)
    for (const expected of [
      'outcome tools/call success get-sum',
      'outcome tools/call failure get-sum tool_error',
      'outcome sampling/createMessage success',
      'outcome elicitation/create denied',
      'outcome tools/call success trigger-elicitation-request',
      'outcome resources/read success',
      'outcome prompts/get success',
      'outcome tools/call failure trigger-long-running-operation timeout',
    ]) {
      expect(gists).toContain(expected)
    }
    const intents = entries.filter(entry => entry.kind === 'intent').map(entry => entry.id)
    const closed = entries.filter(entry => entry.kind === 'outcome').map(entry => entry.intent)
    expect(closed.toSorted()).toEqual(intents.toSorted())
  })

  test('a server of the stateless era (2026-07-28) is on the record in the same words', async () => {
    const entries = await session(
      [fixture('modern-server.ts')],
      { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: {} } },
      async client => {
        await client.listTools()
        await client.callTool({ name: 'now', arguments: {} })
        expect((await client.callTool({ name: 'fail', arguments: {} })).isError).toBe(true)
        expect(JSON.stringify(await client.callTool({ name: 'ask', arguments: {} }))).toContain('decline')
      },
    )
    // The client starts a server only to ask which era it speaks, and then another to work with.
    const probe = entries.splice(0, 2)
    expect(probe.map(gist)).toEqual(['intent session.opened', 'outcome session.closed success'])
    expect(entries.map(gist)).toEqual([
      'intent session.opened',
      'event tools/list',
      'intent tools/call now',
      'outcome tools/call success now',
      'intent tools/call fail',
      'outcome tools/call failure fail tool_error',
      'intent tools/call ask',
      'outcome tools/call pending ask',
      'intent tools/call ask',
      'event elicitation/create denied',
      'outcome tools/call success ask',
      'outcome session.closed success',
    ])
    expect(entries[2]).toMatchObject({
      component: 'modern',
      actor: { type: 'agent', id: 'test-client' },
      attributes: { 'mcp.protocol.version': '2026-07-28', 'mcp.tool.readOnlyHint': true },
    })
    expect(entries.at(-1)!.attributes).toMatchObject({ 'mcp.server.version': '3.1.4', 'mcp.client.version': '9' })
  })
})

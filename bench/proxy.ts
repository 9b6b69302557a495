/** What the recorder costs a tool call: the round trip through `mcp-proxy`, against the same server without it. */
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { type Bench, freshLog, type Measured, removeLog } from './bench.ts'
import { digits, percentile, spread, timed, whole } from './measure.ts'

const program = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const server = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
/** Calls of one side before the other has its turn. */
const turn = 25

export interface CallTimes {
  /** Milliseconds of each round trip. */
  readonly direct: readonly number[]
  readonly recorded: readonly number[]
}

/** Calls of the tool `echo` of the official test server, in turns with the recorder and without, one after the other. */
export async function callTimes({ file, keys }: { file: string; keys: string }, calls: number): Promise<CallTimes> {
  const direct = await connect([server])
  const recorded = await connect([
    program,
    '--log',
    file,
    '--keys',
    keys,
    '--quiet',
    'mcp-proxy',
    '--',
    process.execPath,
    server,
  ])
  const times = { direct: [] as number[], recorded: [] as number[] }
  try {
    for (let i = 0; i < 2 * turn; i++) await Promise.all([call(direct, i), call(recorded, i)])
    for (let from = 0; from < calls; from += turn) {
      for (let i = from; i < from + turn; i++) times.direct.push(await timed(() => call(direct, i)))
      for (let i = from; i < from + turn; i++) times.recorded.push(await timed(() => call(recorded, i)))
    }
  } finally {
    await Promise.allSettled([direct.close(), recorded.close()])
  }
  return times
}

async function connect(args: readonly string[]): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1' })
  const env = process.env as Record<string, string>
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [...args], env, stderr: 'ignore' }))
  return client
}

async function call(client: Client, i: number): Promise<void> {
  const message = `the ${i}th question about invoices and what became of them`
  const { content } = await client.callTool({ name: 'echo', arguments: { message } })
  if (!JSON.stringify(content).includes(message)) throw new Error(`the answer to call ${i} is another`)
}

export async function proxy(bench: Bench): Promise<Measured> {
  const { calls } = bench.sizes
  const { log, ...places } = await freshLog(bench, 'proxy')
  await log.close()
  const { direct, recorded } = await callTimes(places, calls)
  removeLog(bench, 'proxy')
  const row = (name: string, of: (p: number) => number) =>
    `| ${name} | ${[0.5, 0.95, 0.99].map(p => digits(of(p))).join(' | ')} |`
  const overhead = (p: number) => percentile(recorded, p) - percentile(direct, p)
  bench.say(`proxy: ${digits(overhead(0.5))} ms a call more`)
  const turns = Array.from({ length: calls / turn }, (_, i) => {
    const median = (times: readonly number[]) => percentile(times.slice(i * turn, (i + 1) * turn), 0.5)
    return median(recorded) - median(direct)
  })
  return {
    figures: {},
    title: 'A tool call through the recorder',
    text: [
      `${whole(calls)} calls each of \`echo\` of the official test server, over stdio, by the official client, one after the other, in turns of ${turn}: directly, and through \`memmimic-audit mcp-proxy\`, which has the intent on the disk before the server sees the call and the outcome recorded behind it. Milliseconds from the call to its answer:`,
      '',
      '| | p50 | p95 | p99 |',
      '|---|---|---|---|',
      row('direct', p => percentile(direct, p)),
      row('recorded', p => percentile(recorded, p)),
      row('more', overhead),
      '',
      `Of the median in each turn: ${spread(turns)} ms more.`,
    ],
  }
}

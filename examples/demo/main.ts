/**
 * The demo: a real MCP client works with the official memory server, behind the recorder. Then the record is shown,
 * proved, verified, and tampered with in four ways. It asserts everything it says, and ends with 0 only if all is true.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { Finding, VerificationReport } from '../../src/core/finding.ts'
import type { EntryView } from '../../src/core/view.ts'
import { afternoon, type Call, morning, poison } from './story.ts'
import { changeOutcome, copyLog, cutNewest, deleteEntry, putBack, type Tampering } from './tampering.ts'

const root = join(import.meta.dirname, '../..')
const cli = join(root, 'src/cli/main.ts')
const memoryServer = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-memory/dist/index.js'))

const folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-demo-'))
const file = join(folder, 'log', 'audit.db')
const keys = join(folder, 'keys')
const env = { ...process.env, MEMORY_FILE_PATH: join(folder, 'memory.jsonl') } as Record<string, string>

type Style = Parameters<typeof styleText>[0]
const style = (format: Style, text: string) => styleText(format, text)
const say = (text = '') => process.stdout.write(`${text}\n`)
const chapter = (title: string) => say(`\n${style('bold', title)}\n`)

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command line as a child, as anyone would. */
function run(args: readonly string[], options: { log?: string; keys?: string } = {}): Promise<Run> {
  const where = ['--log', options.log ?? file, '--keys', options.keys ?? keys]
  return new Promise(resolve => {
    execFile(process.execPath, [cli, ...where, ...args], { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

async function entriesOf(...filter: string[]): Promise<EntryView[]> {
  const { code, stdout, stderr } = await run(['query', '--json', '--limit', 'all', '--order', 'asc', ...filter])
  assert.equal(code, 0, stderr)
  return stdout.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as EntryView]))
}

/** A session: how many calls the server refused, and what the proxy said when it made the log. */
async function work(calls: readonly Call[]): Promise<{ refused: number; notice: string }> {
  const client = new Client({ name: 'procurement-agent', version: '1.0.0' })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [cli, '--log', file, '--keys', keys, 'mcp-proxy', '--', process.execPath, memoryServer],
    env,
    stderr: 'pipe',
  })
  let notice = ''
  transport.stderr?.on('data', chunk => {
    notice += chunk
  })
  await client.connect(transport)
  const { tools } = await client.listTools()
  assert.equal(tools.length, 9)
  let refused = 0
  for (const { name, arguments: args, fails } of calls) {
    const failed = await client.callTool({ name, arguments: args }).then(
      result => result.isError === true,
      () => true,
    )
    assert.equal(failed, fails === true, `${name} ${failed ? 'failed' : 'did not fail'}`)
    if (failed) refused++
  }
  const { pid } = transport
  await client.close()
  // The proxy signs its last checkpoint before it ends.
  while (pid !== null && isRunning(pid)) await sleep(20)
  return { refused, notice }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const marks = { success: style('green', 'ok    '), failure: style('red', 'failed') } as Record<string, string>

/** The record as a timeline: when, what, how it ended, how long it took, and what it was about. */
function timeline(intents: readonly EntryView[], outcomes: readonly EntryView[]): void {
  const argumentsOf = new Map(intents.map(({ id, arguments: given }) => [id, given]))
  for (const { seq, time, attributes, outcome, performanceMetrics, intent } of outcomes) {
    const tool = String(attributes?.['gen_ai.tool.name']).padEnd(19)
    const ms = `${performanceMetrics?.durationMs?.toFixed(1)} ms`.padStart(8)
    const about = textsIn((argumentsOf.get(intent!) as { arguments?: unknown } | undefined) ?? {}).join(' · ')
    const line = `${String(seq).padStart(4)}  ${time.slice(11, 23)}  ${tool} ${marks[outcome!]} ${ms}  `
    const text = about.length > 52 ? `${about.slice(0, 51)}…` : about
    say(`${line}${about.includes(poison) ? style('yellow', text) : style('dim', text)}`)
  }
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return typeof value === 'number' ? [String(value)] : []
  return Object.values(value).flatMap(textsIn)
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, '  ')
}

/** Has `verify` judge a copy that was tampered with, and shows what it says. */
async function caught(copy: string, { what, finding, seq, untrusted = seq }: Tampering): Promise<void> {
  const { code, stdout, stderr } = await run(['verify', '--json'], { log: copy })
  assert.equal(code, 3, `not caught: ${what} (${stderr})`)
  const { valid, findings, firstUntrusted } = JSON.parse(stdout) as VerificationReport
  const found = findings.find(({ type }) => type === finding) as Finding
  assert.ok(!valid && found, `${finding} is not among the findings: ${stdout}`)
  assert.equal(found.seq, seq)
  assert.equal(firstUntrusted, untrusted)
  say(`  ${style('bold', what)}`)
  say(`  ${style('red', `${found.type} at ${found.seq}`)}: ${found.message}`)
  say()
}

async function main(): Promise<void> {
  say(style('bold', 'memmimic-audit, the demo'))
  say('An agent works a day with the official MCP memory server. The recorder stands between the two:')
  say('no call reaches the server before it is on the record.')

  const started = performance.now()
  const { refused: refusedBefore, notice } = await work(morning)
  const noon = copyLog(file, 'noon.db')
  const { refused: refusedAfter } = await work(afternoon)
  const story = [...morning, ...afternoon]
  assert.equal(new Set(story.filter(call => !call.fails).map(({ name }) => name)).size, 9)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const sealKey = /memmimic-audit-seal-key\S+/.exec(notice)?.[0]
  assert.ok(sealKey, 'the proxy did not show the seal key')

  chapter(`1  What was recorded: ${story.length} calls in two sessions, ${seconds} s in all`)
  const calls = await entriesOf('--operation', 'tools/call')
  const intents = calls.filter(({ kind }) => kind === 'intent')
  const outcomes = calls.filter(({ kind }) => kind === 'outcome')
  assert.equal(intents.length, story.length)
  assert.equal(outcomes.length, story.length)
  assert.equal(outcomes.filter(({ outcome }) => outcome === 'failure').length, refusedBefore + refusedAfter)
  assert.deepEqual(
    outcomes.map(({ attributes }) => attributes?.['gen_ai.tool.name']),
    story.map(({ name }) => name),
  )
  timeline(intents, outcomes)

  chapter('2  Who told the agent to change the account?')
  const said = await entriesOf('--text', '"New account for all payments"', '--kind', 'intent')
  const [first] = said
  assert.ok(first)
  assert.equal(first.attributes?.['gen_ai.tool.name'], 'add_observations')
  const actor = first.actor as { type: string; id: string }
  assert.equal(actor.id, 'procurement-agent')
  say(`  ${actor.type}:${actor.id} wrote it into the memory at ${first.time}, entry ${first.seq}:`)
  say(`  ${style('yellow', `“${poison}”`)}`)
  say(`  It was read back and forgotten again; the record keeps it, in ${said.length} calls.`)

  chapter('3  One entry, proved to a stranger who has no log, only two public keys')
  const [proof, leaf] = [join(folder, 'entry.tlog-proof'), join(folder, 'entry.leaf')]
  assert.equal((await run(['prove', String(first.seq), '-o', proof])).code, 0)
  writeFileSync(leaf, (await run(['show', String(first.seq), '--leaf'])).stdout)
  const vkeys = readFileSync(join(keys, 'log.vkeys'), 'utf8')
  const proved = await run(['verify-proof', '--proof', proof, '--leaf', leaf, '--vkey', vkeys])
  assert.equal(proved.code, 0, proved.stderr)
  say(indent(proved.stdout))

  chapter('4  The whole log, verified')
  const seal = join(folder, 'seal-key-kept-elsewhere')
  writeFileSync(seal, `${sealKey}\n`, { mode: 0o600 })
  const report = JSON.parse(
    (await run(['verify', '--json', '--complete', '--seal-key', seal])).stdout,
  ) as VerificationReport
  assert.deepEqual([report.valid, report.complete, report.trust], [true, true, 'anchored'])
  // Beside the calls: the log's creation, and each session's two ends and tool list.
  assert.equal(report.size, 2 * story.length + 7)
  const verified = await run(['verify', '--complete', '--deep', '--seal-key', seal])
  assert.equal(verified.code, 0, verified.stderr)
  say(indent(verified.stdout))

  chapter('5  Four copies, tampered with by someone who has the file and the key that decrypts it')
  const poisoned = outcomes.find(({ intent }) => intent === first.id)
  assert.ok(poisoned)
  const changed = copyLog(file, 'changed.db')
  await caught(changed, changeOutcome(changed, keys, poisoned.seq))
  const holed = copyLog(file, 'holed.db')
  await caught(holed, deleteEntry(holed, keys, first.seq))
  const short = copyLog(file, 'short.db')
  await caught(short, cutNewest(short, keys, 10))
  await caught(noon, putBack(2 * morning.length + 4))
  await sayWhatTheAnchorIsFor(noon)

  say(style('green', 'Every call is on the record, and every tampering was named.'))
  chapter('Try next')
  const where = `--log ${file} --keys ${keys}`
  say(`  npm run -s cli -- query --outcome failure ${where}`)
  say(`  npm run -s cli -- verify --log ${short} --keys ${keys}`)
  say('  npm run -s cli -- mcp-proxy -- npx -y @modelcontextprotocol/server-memory   in your client’s MCP settings')
  say(style('dim', `\n  The demo’s files are in ${folder}; delete them when you like.`))
}

/** The honest half: without a memory outside the file, a copy from earlier is a sound log. */
async function sayWhatTheAnchorIsFor(noon: string): Promise<void> {
  const forgetful = join(folder, 'keys-without-anchor')
  cpSync(keys, forgetful, { recursive: true })
  rmSync(join(forgetful, 'anchor'))
  const { code, stdout } = await run(['verify', '--json'], { log: noon, keys: forgetful })
  assert.equal(code, 0)
  assert.equal((JSON.parse(stdout) as VerificationReport).trust, 'signed')
  say(
    `  The last one is found only because a signed checkpoint is remembered outside the file, in ${relative(folder, keys)}/anchor.`,
  )
  say('  Without it the answer would be "verified", at the lower trust label "signed". Keep a copy on another machine.')
  say()
}

await main()

/**
 * Replays dialogues of an airline's agent as sessions: what was said, each tool call before it ran and after, and what
 * went wrong. Then asks the questions that one would ask.
 *
 * The dialogues are a file of JSON lines with `messages_display`, as published by tau-bench: its path is the argument.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempDisposableSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type AuditLog, MemMimicAuditSystem, withContext } from '../src/index.ts'

const given = fileURLToPath(new URL('../../shared/vectors/data/tau-bench-airline-few_shot.jsonl', import.meta.url))
const path = process.argv[2] ?? given
if (!existsSync(path)) {
  console.log('skipped: there are no dialogues here; give a file of them as the argument')
  process.exit(0)
}

/** The turns of a dialogue: who speaks stands at the beginning of a line. */
function turnsOf(text: string): { who: string; text: string }[] {
  return text.split(/\n(?=(?:user|assistant|tool): )/).map(turn => {
    const colon = turn.indexOf(': ')
    return { who: turn.slice(0, colon), text: turn.slice(colon + 2) }
  })
}

/** One dialogue, as the program that runs the agent would record it. */
async function replay(log: AuditLog, text: string): Promise<void> {
  const session = await log.begin({ operation: 'session.opened', component: 'airline' })
  for (const { who, text: said } of turnsOf(text)) {
    if (who === 'user') {
      await log.append({ operation: 'message.received', component: 'airline', userContext: { said } })
    } else if (who === 'assistant' && said !== 'None') {
      await log.append({ operation: 'message.sent', component: 'airline', operationResult: { said } })
    } else if (who === 'tool') {
      const call = await log.begin({ operation: 'tools/call', component: 'airline' })
      await (said.startsWith('Error') ? call.fail(new Error(said)) : call.succeed({ said }))
    }
  }
  await session.succeed()
}

using folder = mkdtempDisposableSync(`${tmpdir()}/audit-`)
await using system = await new MemMimicAuditSystem(`${folder.path}/audit.db`, {
  keys: `${folder.path}/keys`,
  onCreate() {},
}).ready()
const { log } = system

const dialogues = readFileSync(path, 'utf8').trimEnd().split('\n')
await Promise.all(
  dialogues.map((line, i) => {
    const passenger = { type: 'user', id: `passenger-${i}` }
    const context = { session: `dialogue-${i}`, actor: { type: 'agent', id: 'airline-agent', onBehalfOf: passenger } }
    return withContext(context, () => replay(log, JSON.parse(line).messages_display))
  }),
)

// All of them at once, and each is whole: every call has its outcome, every session its end.
const { valid, complete } = await log.verify()
assert.deepEqual([valid, complete], [true, true])
const failures = await Array.fromAsync(log.list({ operation: 'tools/call', outcome: 'failure' }))
const moved = await Array.fromAsync(log.query({ text: '"transfer successful"' }))
const first = await Array.fromAsync(log.list({ session: 'dialogue-0' }, { order: 'asc' }))
assert.ok(failures.length > 0 && moved.length > 0)
assert.equal(first[0]?.operation, 'session.opened')

// One passenger asks to be forgotten. What the others said stays, and so does every proof.
const erased = await system.eraseSubject({ subject: 'user:passenger-0' })
assert.equal(erased.entries, first.length)
assert.deepEqual(await Array.fromAsync(log.list({ session: 'dialogue-0' })), [])
assert.equal((await log.verify({ deep: true })).valid, true)
console.log(
  `${dialogues.length} dialogues: ${failures.length} calls failed, ${moved.length} ended with a person; ` +
    `one passenger was erased from ${erased.entries} entries, and the log verifies`,
)

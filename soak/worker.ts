/**
 * A process beside: appends without a pause in a clock that runs fast, says each receipt when it has it, and does on demand
 * what takes a clock or a process of its own: `prune`, `rotate`, `end`. Is killed at any moment.
 */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { AuditError } from '../src/core/errors.ts'
import { runRetention } from '../src/retention/retention.ts'
import { defaultRetentionSettings } from '../src/retention/settings.ts'
import { openParts } from '../src/system.ts'
import { daysPerRun, fastWorld } from './world.ts'

const [file, keys, who, start, factor] = process.argv.slice(2) as [string, string, string, string, string]
const world = fastWorld({ start: Number(start), factor: Number(factor) })
const say = (...words: (string | number)[]) => process.stdout.write(`${words.join(' ')}\n`)
const fault = (error: unknown) => {
  const { code, message } = error as AuditError
  say('!', error instanceof AuditError ? code : 'unknown', message)
}

const { log, writer, quietReader } = await openParts({
  file,
  keys,
  world,
  create: false,
  threads: false,
  closeOnExit: false,
  onNotice: () => {},
  checkpoints: { everyEntries: 500, everyMs: 1000 },
})
let isEnding = false

async function append(): Promise<void> {
  for (let i = 0; !isEnding; i++) {
    try {
      if (i % 7 === 6) {
        const call = await log.begin({ operation: 'tools/call', component: who, arguments: { n: i } })
        say('+', call.receipt.seq, call.receipt.entryHash)
        const { seq, entryHash } = await (i % 2 === 0 ? call.succeed({ n: i }) : call.fail(new Error('no')))
        say('+', seq, entryHash)
      } else {
        const { seq, entryHash } = await log.append({ operation: 'remember', component: who, userContext: { n: i } })
        say('+', seq, entryHash)
      }
    } catch (error) {
      fault(error)
      await sleep(100)
    }
    await sleep(5)
  }
}

const settings = { ...defaultRetentionSettings, days: daysPerRun / 4, leafDays: daysPerRun / 2 }
const commands: Record<string, () => Promise<void>> = {
  async prune() {
    const parts = { reader: quietReader, remove: writer.remove, now: () => world.now() }
    const { entries, below } = await runRetention(parts, settings)
    say('pruned', entries, below)
  },
  async rotate() {
    say('rotated', (await writer.rotateKeys()).seq)
  },
  async end() {
    isEnding = true
    await appending
    await log.close()
    say('ended')
    process.exit(0)
  },
}

const appending = Promise.all([append(), append()])
say('open')
for await (const line of createInterface({ input: process.stdin })) {
  await commands[line]?.().catch(error => {
    fault(error)
    say('failed', line)
  })
}

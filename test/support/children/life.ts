/**
 * Lives the life of a log as it is told in words, and says on stdout what it was promised: each receipt, each refusal, each
 * signed note, the moment that it is said. What fails is said and gone on from, as a program would that has more to do.
 *
 *     open · close · append:N (N at once) · each:N (one by one) · big:BYTES · query · checkpoint · rotate · erase:WHO · prune · prune:leaves
 *     freeze · unfreeze · clock:SECONDS (the clock is set) · forget-index · pause:MS · block:MS (the event loop)
 *     stop-thread:WHICH · take-descriptors · give-descriptors · again:N (all of it, N times)
 *
 * A word that ends in & is not waited for.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { systemWorld } from '../../../src/append/clock.ts'
import { indexFile } from '../../../src/append/places.ts'
import type { AuditError } from '../../../src/core/errors.ts'
import { eraseSubject } from '../../../src/retention/erasure.ts'
import { runRetention } from '../../../src/retention/retention.ts'
import { defaultErasureSettings, defaultRetentionSettings } from '../../../src/retention/settings.ts'
import { type OpenAuditLogOptions, type OpenedParts, openParts } from '../../../src/system.ts'

/** How it is called: all of it plain data. */
export interface LifeOptions
  extends Pick<OpenAuditLogOptions, 'encryption' | 'threads' | 'onFailure' | 'subjectPaths' | 'closeOnExit'> {
  readonly file: string
  readonly keys: string
  /** What its entries are marked with, so that each is told from those of every other process. */
  readonly name: string
  readonly words: readonly string[]
  /** When the process kills itself: as soon as an append is refused, or when nothing more is to be done. Never unless given. */
  readonly dies?: 'refused' | 'done'
}

const { words, name, dies, ...place } = JSON.parse(process.argv[2]!) as LifeOptions

let clockStep = 0
const wall = systemWorld()
const world = { now: () => wall.now() + clockStep * 1e6, random: wall.random }
let number = 0
/** The workers of this process, in the order in which they were started: the writer's, then the reader's. */
const workers: Worker[] = []
process.on('worker', worker => workers.push(worker))
/** Descriptors that are open so that nobody else has them. */
const taken: number[] = []

/** On the pipe before this returns: what is said was said, whatever happens next. */
function say(...what: (string | number)[]): void {
  const line = Buffer.from(`${what.join(' ')}\n`)
  for (let at = 0; at < line.length; ) {
    try {
      at += writeSync(1, line, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

const codeOf = (error: unknown) => (error as AuditError).code ?? (error as Error).name

let opening: Promise<OpenedParts> | undefined
let failures = 0

/** The open log; opened first where it is not. A log that cannot be opened again and again is given up. */
function opened(): Promise<OpenedParts> {
  opening ??= open().catch(error => {
    opening = undefined
    say('failed', 'open', codeOf(error), (error as Error).message)
    if (++failures === 10) process.exit(1)
    throw error
  })
  return opening
}

function open(): Promise<OpenedParts> {
  return openParts({
    closeOnExit: false,
    ...place,
    ...(place.threads === false ? { world } : {}),
    onCreate: ({ sealKey }) => say('seal', sealKey),
    onNotice: sentence => say('notice', sentence),
  })
}

async function append(value = ''): Promise<void> {
  const tag = `${name}-${number++}`
  try {
    const { log } = await opened()
    const receipt = await log.append({
      operation: 'remember',
      component: name,
      memoryId: tag,
      actor: { type: 'agent', id: `agent-${number % 3}` },
      userContext: { userId: `user-${number % 5}` },
      attributes: { tag },
      ...(value === '' ? {} : { operationResult: value }),
    })
    say('ack', receipt.seq, receipt.id, receipt.entryHash || '-', tag)
  } catch (error) {
    say('refused', tag, codeOf(error), (error as Error).message)
    if (dies === 'refused') process.kill(process.pid, 'SIGKILL')
  }
}

const acts: Record<string, (argument: string) => Promise<unknown> | unknown> = {
  open: opened,
  async close() {
    const last = opening
    opening = undefined
    await (await last)?.log.close()
  },
  append: count => Promise.all(Array.from({ length: Number(count) }, () => append())),
  async each(count) {
    for (let i = 0; i < Number(count); i++) await append()
  },
  big: bytes => append('x'.repeat(Number(bytes))),
  async query() {
    const { log } = await opened()
    for await (const _ of log.query({ component: name }, { limit: 5 }));
  },
  async checkpoint() {
    const note = await (await opened()).log.checkpoint()
    if (note !== undefined) say('note', Buffer.from(note).toString('base64'))
  },
  async rotate() {
    await (await opened()).writer.rotateKeys()
  },
  async erase(subject) {
    const { reader, writer } = await opened()
    const erasable = { reader, remove: writer.remove, newId: () => crypto.randomUUID() }
    await eraseSubject(erasable, { subject: subject || 'agent:agent-1' }, defaultErasureSettings)
  },
  async prune(what) {
    const { reader, writer } = await opened()
    // As if a week had passed: everything that is there is past its time.
    const prunable = { reader, remove: writer.remove, now: () => world.now() + 7 * 86_400e6 }
    await runRetention(prunable, { ...defaultRetentionSettings, days: 1, ...(what === 'leaves' && { leafDays: 2 }) })
  },
  async freeze() {
    await (await opened()).logger.logControl({ operation: 'log.frozen' })
  },
  async unfreeze() {
    await (await opened()).logger.logControl({ operation: 'log.unfrozen' })
  },
  clock(seconds) {
    clockStep += Number(seconds)
  },
  async 'forget-index'() {
    await acts.close!('')
    for (const end of ['', '-wal', '-shm']) rmSync(indexFile(place.file) + end, { force: true })
  },
  pause: ms => new Promise(resolve => setTimeout(resolve, Number(ms))),
  block(ms) {
    for (const end = performance.now() + Number(ms); performance.now() < end; );
  },
  'take-descriptors'() {
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'))
    } catch {
      // None is left.
    }
  },
  'give-descriptors'() {
    for (const fd of taken.splice(0)) closeSync(fd)
  },
  async 'stop-thread'(which) {
    await opened()
    await workers.at(which === 'writer' ? -2 : -1)!.terminate()
  },
}

async function live(): Promise<void> {
  for (const word of words) {
    const [act = '', argument = ''] = word.replace(/&$/, '').split(':')
    if (act === 'again') continue
    const doing = (async () => {
      try {
        await acts[act]!(argument)
        say('did', word)
      } catch (error) {
        say('failed', word, codeOf(error), (error as Error).message)
      }
    })()
    if (!word.endsWith('&')) await doing
  }
}

const again = words.find(word => word.startsWith('again:'))
for (let i = 0; i < Number(again?.slice(6) ?? 1); i++) await live()
if (dies === 'done') process.kill(process.pid, 'SIGKILL')
say('end')

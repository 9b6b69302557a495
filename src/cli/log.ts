/** The log, as far as a command needs it open: a reader for questions, a writer for what changes it. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { IdSource, systemWorld } from '../append/clock.ts'
import { finishCreation } from '../append/create-log.ts'
import { haveKeys } from '../append/keys.ts'
import { anchorFile } from '../append/places.ts'
import { openWriter, type Writer } from '../append/writer.ts'
import { captureEntry } from '../core/capture.ts'
import { type ControlInput, ownComponent } from '../core/control.ts'
import type { Actor, Receipt } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { creationNotice, type OpenedParts, openParts } from '../system.ts'
import { openReader, type Reader } from '../trail/reader.ts'
import type { Cli } from './cli.ts'
import { CliError, exitCodes } from './failure.ts'

/** When a program that runs for long signs; a short one signs when it closes. */
const checkpoints = { everyEntries: 10_000, everyMs: 60_000 }

/** @throws AuditError `not_found`, or `damaged` when the log is gone and something remembers it */
export function needLog(cli: Cli): void {
  const { file, keys } = cli
  if (existsSync(file)) return
  if (haveKeys(keys)) {
    const finished = finishCreation(file, keys)
    if (finished !== undefined) cli.say(creationNotice(finished))
    if (existsSync(file)) return
    if (existsSync(anchorFile(keys))) {
      throw new AuditError('damaged', `the log ${file} is gone, and its anchor remembers it: restore it; see verify`)
    }
  }
  throw new AuditError('not_found', `there is no log at ${file}: make one with memmimic-audit init`)
}

/** Entries of which it is said one by one that something is wrong with them. */
const mostDoubtful = 5

/** Opens the log for questions on this thread, for as long as `work` takes. */
export async function withReader<T>(cli: Cli, work: (reader: Reader) => Promise<T>): Promise<T> {
  needLog(cli)
  const { file, keys } = cli
  const doubtful = new Set<number | undefined>()
  const reader = await openReader({
    file,
    keys,
    onNotice: sentence => cli.say(sentence),
    onFinding({ seq, message }) {
      if (!doubtful.has(seq) && doubtful.size < mostDoubtful) cli.warn(`${message}; run verify`)
      doubtful.add(seq)
    },
  })
  try {
    return await work(reader)
  } finally {
    await reader.close()
    if (doubtful.size > mostDoubtful) cli.warn(`${doubtful.size} of the entries read are not as they were; run verify`)
  }
}

/** Opens the log for writing; what `work` appended is signed when it ends. */
export async function withWriter<T>(cli: Cli, work: (writer: Writer) => Promise<T>): Promise<T> {
  needLog(cli)
  const { file, keys } = cli
  const writer = await openWriter({ file, keys, checkpoints, onFailure: 'refuse' })
  let result: T
  try {
    result = await work(writer)
  } catch (error) {
    await writer.close().catch(() => {})
    throw error
  }
  await writer.close()
  return result
}

/** Opens the log as a program does, for what both asks and writes. */
export async function withLog<T>(cli: Cli, work: (parts: OpenedParts) => Promise<T>): Promise<T> {
  needLog(cli)
  const { file, keys } = cli
  const onNotice = (sentence: string) => cli.say(sentence)
  const parts = await openParts({ file, keys, create: false, threads: false, closeOnExit: false, onNotice })
  let result: T
  try {
    result = await work(parts)
  } catch (error) {
    await parts.log.close().catch(() => {})
    throw error
  }
  await parts.log.close()
  return result
}

/** Records what a command did about the log, in an entry of its own. */
export async function writeControl(cli: Cli, entry: ControlInput): Promise<Receipt> {
  const world = systemWorld()
  const time = world.now()
  const place = { id: new IdSource(world).next(time), time, control: true }
  const draft = captureEntry({ ...entry, component: ownComponent }, place)
  const [receipt] = await withWriter(cli, writer => writer.append([draft]))
  return receipt!
}

/** Whoever runs the command, as far as the system knows. */
export function operator(): Actor {
  return { type: 'operator', id: userInfo().username }
}

/** An entry as it is named on the command line: its number, or its id. */
export function entryName(text: string): number | string {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const id = text.toLowerCase()
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id
  throw new CliError(exitCodes.usage, `an entry is named by its number or its id, not ${JSON.stringify(text)}`)
}

export function noEntry(name: number | string): CliError {
  return new CliError(exitCodes.notFound, `there is no entry ${name}`)
}

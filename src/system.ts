/** Opens a log, puts its parts together, and takes them apart again. No logic of its own. */
import { existsSync } from 'node:fs'
import { MessageChannel } from 'node:worker_threads'
import { systemWorld, type World } from './append/clock.ts'
import { type CreatedLog, createLog, finishCreation } from './append/create-log.ts'
import type { CheckpointPolicy } from './append/group-commit.ts'
import { ImmutableAuditLogger } from './append/immutable-audit-logger.ts'
import { haveKeys } from './append/keys.ts'
import { anchorFile, defaultKeysFolder, defaultLogFile } from './append/places.ts'
import { openWriter, startWriterThread, type Writer } from './append/writer.ts'
import { AuditLog } from './audit-log.ts'
import type { EntryInput } from './core/entry.ts'
import { AuditError } from './core/errors.ts'
import { EventStream } from './core/events.ts'
import type { Finding } from './core/finding.ts'
import { checkNodeVersion } from './node-version.ts'
import { observeReader } from './trail/observed-reader.ts'
import { type IndexSettings, openReader, type Reader, startReaderThread } from './trail/reader.ts'

export interface OpenAuditLogOptions {
  /** The log's file; below the XDG data folder unless given. */
  readonly file?: string
  /** The folder of its keys; below the XDG config folder unless given. Keep it apart from the log. */
  readonly keys?: string
  /** Whether a missing log is made, with its keys; `true` unless given. */
  readonly create?: boolean
  /** The name of a log that is made now. */
  readonly origin?: string
  /** How a log that is made now is encrypted; `sqlcipher` unless given. */
  readonly encryption?: 'sqlcipher' | 'none'
  /**
   * Whether a log that is made now gives every subject a key of their own, so that an erasure covers backups too; off
   * unless given. The places in `userContext` where the id of a person stands, beside the actor: `['userId']`.
   */
  readonly subjectPaths?: readonly string[]
  /** Told when a log is made; it holds K₀, to be kept elsewhere. Told again if that is cut off. Unless given, it is said on stderr. */
  readonly onCreate?: (created: CreatedLog) => void
  /** What else there is to say, in sentences; on stderr unless given. */
  readonly onNotice?: (sentence: string) => void
  /** A thread for writing and one for reading; `true` unless given. Short programs are quicker without. */
  readonly threads?: boolean
  /** When checkpoints are signed: every 10 000 entries or 60 s unless given, and always at close. */
  readonly checkpoints?: Partial<CheckpointPolicy>
  /**
   * What happens to an entry when the log cannot be written: `refuse` (the promise rejects, the action must not run) unless
   * given, or `spill` (it is kept in an encrypted journal beside the log, synced, and brought in later, in order).
   */
  readonly onFailure?: 'refuse' | 'spill'
  /** Bytes of JSON that one sealed value may have; 16 MiB unless given. */
  readonly maxValueBytes?: number
  /** Entries that may wait at once; 100 000 unless given. */
  readonly maxWaiting?: number
  /** Closes the log when the process is told to end (SIGTERM, SIGINT) or has nothing more to do; `true` unless given. */
  readonly closeOnExit?: boolean
  /** How the index beside the log is kept. */
  readonly index?: IndexSettings
  /** What is done to each entry before it is captured: redaction, levels, flags. What it throws refuses the entry. */
  readonly prepare?: (entry: EntryInput) => EntryInput
  /** Clock and randomness, for tests; only without threads. */
  readonly world?: World
}

/**
 * Opens a log, and makes one first where there is none.
 *
 * @throws AuditError `not_found` when it is missing and may not be made, `bad_key`, `bad_format`, `newer_schema`,
 * `damaged` when it is not what was signed, `busy`, `io`
 * @example
 * await using log = await openAuditLog({ file: 'audit.db', keys: 'audit-keys' })
 * const receipt = await log.append({ operation: 'remember', component: 'memory' })
 */
export async function openAuditLog(options: OpenAuditLogOptions = {}): Promise<AuditLog> {
  return (await openParts(options)).log
}

/** A log with the parts that it is made of, for whoever builds on them. */
export interface OpenedParts {
  readonly log: AuditLog
  readonly logger: ImmutableAuditLogger
  readonly writer: Writer
  readonly reader: Reader
  /** The same reader, telling of its answers to no one: for parts that ask all the time. */
  readonly quietReader: Reader
  readonly events: EventStream
  readonly world: World
  readonly file: string
  readonly keys: string
}

/** As {@link openAuditLog}. */
export async function openParts(options: OpenAuditLogOptions): Promise<OpenedParts> {
  checkNodeVersion()
  const { file = defaultLogFile(), keys = defaultKeysFolder(), threads = true, onNotice = say } = options
  const world = options.world ?? systemWorld()
  await makeIfMissing(file, keys, options, world)

  const { port1, port2 } = new MessageChannel()
  const pace = new SharedArrayBuffer(8)
  const writerOptions = {
    file,
    keys,
    checkpoints: { everyEntries: 10_000, everyMs: 60_000, ...options.checkpoints },
    onFailure: options.onFailure ?? 'refuse',
    committed: port1,
    pace,
  } as const
  const events = new EventStream()
  const onFinding = (found: Finding) =>
    events.emit({ type: 'checked', scope: 'read', entries: 1, valid: false, findings: [found], durationMs: 0 })
  const readerOptions = { file, keys, committed: port2, pace, onNotice, onFinding, index: options.index ?? {} }
  const writer = await (threads ? startWriterThread(writerOptions) : openWriter(writerOptions, world))
  const quietReader = await (threads ? startReaderThread(readerOptions) : openReader(readerOptions))
  const reader = observeReader(quietReader, events)
  const { maxValueBytes, maxWaiting, prepare } = options
  const logger = new ImmutableAuditLogger({ writer, world, events, maxValueBytes, maxWaiting, prepare })
  const log = new AuditLog({ logger, writer, reader, events, now: () => world.now(), onClose: forget })
  if (options.closeOnExit ?? true) remember(log)
  log.closeOrphansInBackground()
  return { log, logger, writer, reader, quietReader, events, world, file, keys }
}

async function makeIfMissing(file: string, keys: string, options: OpenAuditLogOptions, world: World): Promise<void> {
  if (existsSync(file)) return
  const tell = options.onCreate ?? sayCreated
  if (haveKeys(keys)) {
    const finished = finishCreation(file, keys)
    if (finished !== undefined) tell(finished)
    if (existsSync(file)) return
    const remembered = existsSync(anchorFile(keys)) ? ', and the anchor remembers it' : ''
    throw new AuditError(
      'damaged',
      `the log ${file} is gone${remembered}: restore it, or choose other --keys for a new one`,
    )
  }
  if (!(options.create ?? true)) throw new AuditError('not_found', `there is no log at ${file}: make one with init`)
  try {
    const { origin, encryption, subjectPaths } = options
    await createLog({ file, keys, origin, encryption, subjectPaths }, world, tell)
  } catch (error) {
    // Another process was quicker: its log is as good.
    if (!(error instanceof AuditError && error.code === 'already_exists' && haveKeys(keys))) throw error
    const finished = finishCreation(file, keys)
    if (finished !== undefined) tell(finished)
  }
}

function say(sentence: string): void {
  process.stderr.write(`memmimic-audit: ${sentence}\n`)
}

/** What the owner of a new log must know, in a few lines. */
export function creationNotice({ file, keys, sealKey }: CreatedLog): string {
  return [
    `a new log was made at ${file}, its keys at ${keys}`,
    `its seal key, shown this once: keep it elsewhere, with it anyone can check that no old entry was sealed anew`,
    `  ${sealKey}`,
  ].join('\n')
}

function sayCreated(created: CreatedLog): void {
  say(creationNotice(created))
}

const open = new Set<AuditLog>()
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

function remember(log: AuditLog): void {
  if (open.size === 0) {
    for (const signal of signals) process.on(signal, closeAllAndEnd)
    process.on('beforeExit', closeAtEnd)
  }
  open.add(log)
}

function forget(log: AuditLog): void {
  if (!open.delete(log) || open.size > 0) return
  for (const signal of signals) process.off(signal, closeAllAndEnd)
  process.off('beforeExit', closeAtEnd)
}

async function closeAll(later: 'refuse' | 'hold'): Promise<void> {
  await Promise.allSettled([...open].map(log => log.close(later)))
}

function closeAtEnd(): void {
  void closeAll('refuse')
}

/** Closes what is open, then lets the signal do what it would have done; a program with its own handler decides itself. */
async function closeAllAndEnd(signal: NodeJS.Signals): Promise<void> {
  const own = process.listenerCount(signal) > 1
  await closeAll(own ? 'refuse' : 'hold')
  if (!own) process.kill(process.pid, signal)
}

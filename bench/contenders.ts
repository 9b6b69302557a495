/**
 * Who is in the race of appending: the log, and what people use today. An `append` resolves when what the contender promises
 * holds; what that is stands beside its numbers.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsync, mkdirSync, openSync, readdirSync, statSync, write } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { pino } from 'pino'
import type { EntryInput } from '../src/core/entry.ts'
import { openAuditLog } from '../src/system.ts'
import { loadPeer } from './peers.ts'
import { PlainTable } from './plain-table.ts'

export const contenderNames = ['log', 'plain', 'pino', 'evlog', 'evlogSynced', 'hypercore'] as const
export type ContenderName = (typeof contenderNames)[number]

export interface Lane {
  /** A new folder of its own. */
  readonly folder: string
  readonly encrypted: boolean
  /** How many will wait at once: one caller is best served otherwise than many. */
  readonly callers: number
}

export interface Racer {
  append(entry: EntryInput): Promise<unknown>
  /** Resolves when everything that was appended can also be asked for. */
  settle(): Promise<unknown>
  close(): Promise<unknown>
}

export interface Contender {
  readonly title: string
  /** The package in `bench/peers` that it needs. */
  readonly peer?: 'evlog' | 'hypercore'
  /** Whether it can encrypt what it writes. */
  readonly encrypts: boolean
  /** What it promises, and what it does not, for the page. */
  readonly durable: string
  readonly secret: string
  readonly evident: string
  readonly questions: string
  /** How it is used here. */
  readonly used: string
  open(lane: Lane): Promise<Racer>
}

export const contenders: Readonly<Record<ContenderName, Contender>> = {
  log: {
    title: 'memmimic-audit',
    encrypts: true,
    durable: 'yes: committed and synced before the receipt',
    secret: 'yes: both files as a whole; here also without',
    evident: 'yes: hash chain, Merkle tree, keyed seals, signed checkpoints; proofs of single entries; a verifier',
    questions: 'by every field, by time and by words; the time here ends when the index has caught up',
    used: '`openAuditLog` with every default; `encryption: "none"` where nothing is encrypted',
    open: openLog,
  },
  plain: {
    title: 'plain table',
    encrypts: true,
    durable: 'yes: committed and synced before the receipt',
    secret: 'yes: the same cipher; here also without',
    evident: 'no',
    questions: 'by every field and by time; not by words',
    used: 'the same driver, WAL and `synchronous=FULL`, group commit in a worker, the same secondary indexes',
    open: openPlainTable,
  },
  pino: {
    title: 'pino, fsync',
    encrypts: false,
    durable: 'yes, as used here; by default it syncs nothing',
    secret: 'no',
    evident: 'no',
    questions: 'none: lines of JSON',
    used: 'one caller: a synchronous destination with `fsync: true`; more: their lines are written together, one fsync answers all of them',
    open: openPino,
  },
  evlog: {
    title: 'evlog, hash chain',
    peer: 'evlog',
    encrypts: false,
    durable: 'no: handed to the system, never synced; an error of writing is printed and swallowed',
    secret: 'no',
    evident:
      'in part: each line names the hash of the line before. Whoever can write the file can compute all of it anew; the end can be cut off; it ships nothing that verifies. Its other strategy signs each line by itself, with a key',
    questions: 'none: lines of JSON, read from the start',
    used: '`auditOnly(signed(createFsDrain({ dir }), { strategy: "hash-chain" }), { await: true })`, one event after the other, as it does by itself',
    open: openEvlog,
  },
  evlogSynced: {
    title: 'evlog, hash chain, fsync',
    peer: 'evlog',
    encrypts: false,
    durable: 'yes: by a drain of ours',
    secret: 'no',
    evident: 'in part, as above',
    questions: 'none: lines of JSON, read from the start',
    used: 'the same chain before a drain that writes what waits and answers after one fsync',
    open: openSyncedEvlog,
  },
  hypercore: {
    title: 'hypercore',
    peer: 'hypercore',
    encrypts: true,
    durable:
      'not against a power cut: its RocksDB hands each append to the system unsynced. What was acknowledged survives the end of the process',
    secret: 'yes: blocks, not their lengths; here also without',
    evident: 'yes: a signed Merkle tree; proofs of single blocks; made to be replicated',
    questions: 'none: by number only',
    used: 'JSON as blocks; what waits is appended as one batch',
    open: openHypercore,
  },
}

async function openLog({ folder, encrypted }: Lane): Promise<Racer> {
  const log = await openAuditLog({
    file: join(folder, 'log.db'),
    keys: join(folder, 'keys'),
    encryption: encrypted ? 'sqlcipher' : 'none',
    onCreate: () => {},
    onNotice: () => {},
    closeOnExit: false,
  })
  return { append: entry => log.append(entry), settle: () => log.status(), close: () => log.close() }
}

async function openPlainTable({ folder, encrypted }: Lane): Promise<Racer> {
  const key = encrypted ? randomBytes(32) : undefined
  const table = await PlainTable.open({ file: join(folder, 'plain.db'), key, idIndex: true })
  return { append: entry => table.append(entry), settle: nothing, close: () => table.close() }
}

async function openPino({ folder, callers }: Lane): Promise<Racer> {
  const dest = join(folder, 'pino.log')
  if (callers === 1) {
    const destination = pino.destination({ dest, sync: true, fsync: true })
    const logger = pino({ base: null }, destination)
    return { append: async entry => logger.info(entry), settle: nothing, close: async () => destination.end() }
  }
  // A length of 1: it begins to write at once, goes on until nothing is left, and only then syncs for `flush`.
  const destination = pino.destination({ dest, sync: false, minLength: 1 })
  const logger = pino({ base: null }, destination)
  const together = new Together<EntryInput>(
    () =>
      new Promise<void>((resolve, reject) => {
        destination.flush(error => (error ? reject(error) : resolve()))
      }),
  )
  const append = (entry: EntryInput) => {
    logger.info(entry)
    return together.add(entry)
  }
  return { append, settle: nothing, close: () => ended(destination) }
}

function ended(destination: { once(event: 'close', then: () => void): unknown; end(): void }): Promise<void> {
  return new Promise(resolve => {
    destination.once('close', resolve)
    destination.end()
  })
}

interface Evlog {
  signed(drain: Drain, options: { strategy: 'hash-chain' }): Drain
  auditOnly(drain: Drain, options: { await: boolean }): Drain
}
interface EvlogFiles {
  createFsDrain(options: { dir: string }): Drain
}
type Drain = (context: { event: object }) => unknown

async function openEvlog({ folder }: Lane): Promise<Racer> {
  const { signed, auditOnly } = (await loadPeer('evlog')) as Evlog
  const { createFsDrain } = (await loadPeer('evlog', './fs')) as EvlogFiles
  const drain = auditOnly(signed(createFsDrain({ dir: folder }), { strategy: 'hash-chain' }), { await: true })
  return { append: async entry => drain({ event: auditEvent(entry) }), settle: nothing, close: nothing }
}

async function openSyncedEvlog({ folder }: Lane): Promise<Racer> {
  const { signed, auditOnly } = (await loadPeer('evlog')) as Evlog
  const fd = openSync(join(folder, 'evlog.jsonl'), 'a')
  const together = new Together<string>(async lines => {
    await promisify(write)(fd, Buffer.from(lines.join('')))
    await promisify(fsync)(fd)
  })
  // The chain goes on as soon as a line has its place; its caller waits for the sync.
  const synced = new WeakMap<object, Promise<void>>()
  const place: Drain = ({ event }) => {
    synced.set(event, together.add(`${JSON.stringify(event)}\n`))
  }
  const drain = auditOnly(signed(place, { strategy: 'hash-chain' }), { await: true })
  const append = async (entry: EntryInput) => {
    const event = auditEvent(entry)
    await drain({ event })
    await synced.get(event)
  }
  return { append, settle: nothing, close: async () => closeSync(fd) }
}

/** An entry as an audit event of evlog: its own fields where it has them, the rest as the event's. */
function auditEvent({ operation, actor, memoryId, outcome, ...rest }: EntryInput): object {
  return {
    timestamp: new Date().toISOString(),
    level: 'info',
    service: 'bench',
    environment: 'production',
    audit: {
      action: operation,
      actor: actor ?? { type: 'system', id: 'bench' },
      ...(memoryId === undefined ? {} : { target: { type: 'memory', id: String(memoryId) } }),
      outcome: outcome === 'failure' || outcome === 'denied' ? outcome : 'success',
      version: 1,
    },
    ...rest,
  }
}

type Hypercore = new (
  folder: string,
  options: { encryption?: { key: Uint8Array } },
) => {
  ready(): Promise<void>
  append(blocks: readonly Uint8Array[]): Promise<unknown>
  close(): Promise<void>
}

async function openHypercore({ folder, encrypted }: Lane): Promise<Racer> {
  const { default: Core } = (await loadPeer('hypercore')) as { default: Hypercore }
  const core = new Core(join(folder, 'core'), encrypted ? { encryption: { key: randomBytes(32) } } : {})
  await core.ready()
  const together = new Together<Uint8Array>(blocks => core.append(blocks))
  const append = (entry: EntryInput) => together.add(Buffer.from(JSON.stringify(entry)))
  return { append, settle: nothing, close: () => core.close() }
}

async function nothing(): Promise<void> {}

/** As the log's group commit. */
const maxGroup = 1000

interface Waiting<T> {
  readonly value: T
  resolve(): void
  reject(error: unknown): void
}

/** Whoever waits at the same moment shares one act, such as a sync of the disk. */
class Together<T> {
  readonly #act: (values: readonly T[]) => Promise<unknown>
  #waiting: Waiting<T>[] = []
  #running = false

  constructor(act: (values: readonly T[]) => Promise<unknown>) {
    this.#act = act
  }

  add(value: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ value, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    await nextTurn()
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, maxGroup)
      try {
        await this.#act(group.map(({ value }) => value))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#running = false
  }
}

/** Bytes of everything below a folder, keys left out. */
export function bytesBelow(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) bytes += entry.name === 'keys' ? 0 : bytesBelow(path)
    else bytes += statSync(path).size
  }
  return bytes
}

/** A new, empty folder. */
export function newFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  return path
}

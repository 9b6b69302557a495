/**
 * The index: a projection of the log in a file of its own, which answers filters quickly and decides nothing.
 *
 * It follows the log whenever it is asked, in any process, and throws itself away when in doubt: when its file cannot
 * be read, when it belongs to another log, when it knows more than the log does. Then it is built anew.
 */
import { randomInt } from 'node:crypto'
import { existsSync, linkSync, rmSync } from 'node:fs'
import type { Actor, Kind, Outcome, SecurityLevel } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { CompiledFilter } from '../core/filter.ts'
import type { Finding } from '../core/finding.ts'
import { leafHashHex } from '../core/hash.ts'
import { formatTime, uuidv7Time } from '../core/time.ts'
import { readLeaf } from '../core/view.ts'
import { type Connection, openSqliteFile, toAuditError } from '../store/sqlite-file.ts'
import type { LogSource, StoredEntry } from '../store/store.ts'
import { checkIndex } from './check.ts'
import { type Facts, factsOf, idBytes } from './facts.ts'
import { firstFrom, plan, search } from './find.ts'
import {
  codes,
  dropTables,
  indexSchema,
  type Meta,
  type Row,
  type Statements,
  sql,
  statements,
  tables,
} from './schema.ts'
import { Terms } from './terms.ts'

export interface LogIndexOptions {
  /** Made when it is not there. */
  readonly file: string
  /** 32 bytes, the storage key of the log; `undefined` for a file that is not encrypted. */
  readonly key: Uint8Array | undefined
  readonly log: LogSource
  readonly origin: string
  /** Told after each step how many entries the index has. */
  readonly onAdvance?: (size: number) => void
  /** Told when an index was there and could not be used, with the reason, one sentence. */
  readonly onRebuild?: (reason: string) => void
}

/** What the index knows of an entry, without reading it. */
export interface EntryRow {
  readonly seq: number
  readonly time: string
  readonly kind: Kind
  readonly operation: string
  readonly component: string
  readonly outcome?: Outcome
  readonly securityLevel: SecurityLevel
  readonly actor?: Actor
  readonly memoryId?: string
  readonly session?: string
}

export interface FindOptions {
  /** Goes on behind this number, in the given order. */
  readonly after?: number | undefined
  readonly limit: number
  readonly order: 'asc' | 'desc'
  /** Answers as of this size of the log: the head's, unless given. */
  readonly size?: number
}

/** An intent that no later outcome names. */
export interface OpenIntent extends EntryRow {
  readonly id: string
}

/** Entries in one transaction: about 25 ms of the write lock. */
const batchSize = 1000

interface Batch {
  /** Everything from here to `end` was looked for. */
  readonly start: number
  readonly end: number
  readonly facts: readonly Facts[]
  /** The leaf hash of the last entry that was there. */
  readonly hash: string
}

export class LogIndex {
  readonly #options: LogIndexOptions
  #db!: Connection
  #sql!: Statements
  #terms!: Terms
  /** The generation whose position was held against the log. */
  #trusted: number | undefined
  /** What went wrong outside of a turn: the next one mends it. */
  #broken: unknown
  /** Made just now: the first look at the log says whether there should have been one. */
  #isNew = false
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(options: LogIndexOptions) {
    this.#options = Object.freeze({ ...options })
    this.#open()
  }

  /**
   * Opens the index of a log, or makes it. Nothing is read of the log yet.
   *
   * @throws AuditError `busy`, `io`
   */
  static open(options: LogIndexOptions): LogIndex {
    return new LogIndex(options)
  }

  /** Everything below this number is in the index. */
  get size(): number {
    return this.#meta()?.size ?? 0
  }

  /**
   * Brings the index up to the head of the log, or to `until` where the log has so many.
   *
   * @throws AuditError what reading the log throws, `busy`, `io`
   */
  async catchUp(until: number = Infinity): Promise<void> {
    await this.#inTurn(() => this.#follow(until))
  }

  /**
   * The rows that meet everything in a filter but its `rest`, which only the entries can answer.
   *
   * Costs what the rarest of the filter's lists costs, not what the log is long. Without a list (a filter by time only,
   * or by what is usual: `success`, `internal`, `event`) rows are read in order until `limit` are found.
   */
  find(filter: CompiledFilter, { after, limit, order, size }: FindOptions): Promise<EntryRow[]> {
    return this.#read(size, (meta, end) => {
      const stretch = plan(filter, { sql: this.#sql, terms: this.#terms, meta, size: end, after, order })
      return stretch === undefined ? [] : search(this.#sql, stretch, limit).map(row => this.#decode(row))
    })
  }

  /** The number of the entry with an id. */
  async seqOf(id: string, size?: number): Promise<number | undefined> {
    const ms = uuidv7Time(id)
    if (ms === undefined) return undefined
    const places = await this.#read(size, (meta, end) => {
      const odd = this.#sql.oddId.get(idBytes(id)) as number | undefined
      if (odd !== undefined) return [[odd, odd + 1] as const]
      const [since, until] = [ms * 1000, ms * 1000 + 999]
      if (meta.disordered === 1) {
        return (this.#sql.timesBetween.all(since, until) as number[]).map(seq => [seq, seq + 1] as const)
      }
      return [[firstFrom(this.#sql, since, end), firstFrom(this.#sql, until + 1, end)] as const]
    })
    for (const [from, to] of places) {
      for await (const some of this.#options.log.entries(from, to)) {
        for (const stored of some) if (readLeaf(stored).leaf?.id === id) return stored.seq
      }
    }
    return undefined
  }

  /** The intents that no later outcome names, oldest first: as far as the index is now, see {@link catchUp}. */
  openIntents(): OpenIntent[] {
    try {
      this.#terms.enter(this.#meta()?.generation ?? 0)
      return (this.#sql.openIntents.all() as { seq: number; id: Uint8Array }[]).flatMap(({ seq, id }) => {
        const row = this.#sql.row.get(seq) as Row | undefined
        return row === undefined ? [] : [{ ...this.#decode(row), id: idText(id) }]
      })
    } catch (error) {
      if (damage(error) !== undefined) this.#broken = error
      throw toAuditError(this.#options.file, error)
    }
  }

  /**
   * Holds every row of the index against the log, both ways, and gives a finding for whatever differs: for
   * `verify --deep`.
   *
   * Looks at the state in which the index is when asked, caught up; other processes may go on meanwhile.
   */
  async *check(): AsyncIterable<Finding> {
    const { file, key, log } = this.#options
    if (!existsSync(file)) await this.#inTurn(async () => this.#replace('it was not there'))
    await this.catchUp()
    const db = openSqliteFile({ file, key, mode: 'read', schema: indexSchema, synchronous: 'NORMAL' })
    try {
      yield* checkIndex(db, log)
    } catch (error) {
      if (error instanceof AuditError || damage(error) === undefined) throw error
      // A file that cannot be read says nothing, so nothing false either: it is built again.
      this.#broken = error
      await this.catchUp()
    } finally {
      db.close()
    }
  }

  /** Gives back the file. Idempotent; nothing else may be called afterwards. */
  close(): void {
    if (this.#db.open) this.#db.close()
  }

  // Following the log

  async #follow(until: number): Promise<number> {
    let target: number | undefined
    for (;;) {
      // The position first: the log cannot be shorter than what was indexed of it a moment before.
      const meta = this.#meta()
      const head = await this.#options.log.head()
      const size = head?.size ?? 0
      const reason = meta === undefined ? 'it has no position' : await this.#doubt(meta, size)
      if (reason !== undefined) {
        this.#reset(meta, reason)
        continue
      }
      // Not worth a word where the log is as new.
      if (this.#isNew && size > 1) this.#options.onRebuild?.('it was not there')
      this.#isNew = false
      // The head as it was at first: a log that grows all the time is never caught up with for good.
      target ??= Math.min(until, size)
      if (target > size) target = size
      if (meta!.size >= target) return meta!.size
      if (await this.#advance(meta!, target)) return target
    }
  }

  /** Why a position cannot be believed. */
  async #doubt(meta: Meta, size: number): Promise<string | undefined> {
    if (meta.origin !== this.#options.origin) return `it belongs to the log ${meta.origin}`
    if (meta.size > size) return `it knows ${meta.size} entries, and the log has ${size}`
    if (this.#trusted === meta.generation) return undefined
    if (!(await this.#isAt(meta))) return `its newest entry, ${meta.last}, is not the one in the log`
    this.#trusted = meta.generation
    return undefined
  }

  /** Whether the newest entry in the index is the one that stands in the log. */
  async #isAt({ last, hash }: Meta): Promise<boolean> {
    if (last < 0) return true
    for await (const some of this.#options.log.entries(last, last + 1)) {
      for (const { leaf } of some) return leafHashHex(leaf) === hash
    }
    return false
  }

  /** Reads what is new and writes it. False when the index is not where it was: then look again. */
  async #advance(meta: Meta, target: number): Promise<boolean> {
    let isFirst = true
    for await (const batch of this.#batches(meta.size, target)) {
      const link = batch.facts[0]?.previousHash
      if (isFirst && meta.last >= 0 && link !== meta.hash && !(await this.#isAt(meta))) {
        this.#trusted = undefined
        return false
      }
      isFirst = false
      if (!this.#write(batch, meta.generation)) return false
      this.#options.onAdvance?.(batch.end)
    }
    return true
  }

  async *#batches(from: number, to: number): AsyncIterable<Batch> {
    let start = from
    let facts: Facts[] = []
    let last: StoredEntry | undefined
    for await (const some of this.#options.log.entries(from, to)) {
      for (const stored of some) facts.push(factsOf(stored))
      last = some.at(-1)
      if (facts.length < batchSize) continue
      const end = last!.seq + 1
      yield { start, end, facts, hash: leafHashHex(last!.leaf) }
      start = end
      facts = []
    }
    if (start < to) yield { start, end: to, facts, hash: last === undefined ? '' : leafHashHex(last.leaf) }
  }

  /** Adds a batch in one transaction, as far as another process has not done so. */
  #write({ start, end, facts, hash }: Batch, generation: number): boolean {
    const sql = this.#sql
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const meta = this.#meta()
      if (meta === undefined || meta.generation !== generation || meta.size < start) {
        this.#db.exec('ROLLBACK')
        return false
      }
      if (meta.size < end) {
        this.#terms.enter(generation)
        const intents = new Map<string, number>()
        let { time, disordered, last } = meta
        for (const entry of facts) {
          if (entry.seq < meta.size) continue
          if (entry.time !== undefined && entry.time < time) disordered = 1
          this.#add(entry, entry.time ?? time, intents)
          time = Math.max(time, entry.time ?? time)
          last = entry.seq
        }
        for (const [id, seq] of intents) sql.addIntent.run(idBytes(id), seq)
        const newest = last === meta.last ? meta.hash : hash
        sql.setMeta.run(generation, meta.origin, end, last, newest, time, disordered)
      }
      this.#db.exec('COMMIT')
      return true
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      this.#terms.forget()
      throw error
    }
  }

  #add(entry: Facts, time: number, intents: Map<string, number>): void {
    const { seq } = entry
    const sql = this.#sql
    const terms = this.#terms
    const number = (text: string | undefined) => (text === undefined ? null : terms.add(text))
    const actor = this.#identity(entry.actor)
    const principal = this.#identity(entry.principal)
    sql.addRow.run(
      seq,
      time,
      entry.kind,
      entry.outcome,
      entry.level,
      number(entry.operation),
      number(entry.component),
      actor,
      principal,
      number(entry.memory),
      number(entry.session),
    )
    for (const flag of entry.flags) sql.addFlag.run(terms.add(flag), seq)
    if (actor !== null) sql.addWho.run(actor, seq)
    if (principal !== null && principal !== actor) sql.addWho.run(principal, seq)
    if (entry.oddId !== undefined) sql.addOddId.run(idBytes(entry.oddId), seq)
    if (entry.opens !== undefined && !intents.has(entry.opens)) intents.set(entry.opens, seq)
    // In the same batch more often than not: then it never reaches the file.
    if (entry.closes !== undefined && !intents.delete(entry.closes)) sql.closeIntent.run(idBytes(entry.closes))
  }

  #identity(text: string | undefined): number | null {
    if (text === undefined) return null
    return this.#terms.add(text, who =>
      this.#sql.addIdentity.run(this.#terms.add((JSON.parse(text) as string[])[1]!), who),
    )
  }

  // Reading

  /** Runs `work` on the index as it stands at one moment, caught up to `size`. */
  async #read<T>(size: number | undefined, work: (meta: Meta, size: number) => T): Promise<T> {
    const end = size ?? (await this.#options.log.head())?.size ?? 0
    return this.#inTurn(async () => {
      for (;;) {
        const reached = Math.min(end, await this.#follow(end))
        this.#db.exec('BEGIN')
        try {
          const meta = this.#meta()
          // Another process may have thrown it away since.
          if (meta === undefined || meta.size < reached || meta.generation !== this.#trusted) continue
          this.#terms.enter(meta.generation)
          return work(meta, reached)
        } finally {
          if (this.#db.inTransaction) this.#db.exec('COMMIT')
        }
      }
    })
  }

  /** One after the other on this connection. When the file turns out to be damaged, it is thrown away, and `work` begins again. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(async () => {
      for (let tries = 0; ; tries++) {
        try {
          if (this.#broken !== undefined) throw this.#broken
          return await work()
        } catch (error) {
          const reason = error instanceof AuditError ? undefined : damage(error)
          if (reason === undefined || tries > 1) throw toAuditError(this.#options.file, error)
          this.#replace(reason)
        }
      }
    })
    this.#queue = turn.catch(() => {})
    return turn
  }

  #decode(row: Row): EntryRow {
    const [seq, time, kind, outcome, level, operation, component, actor, principal, memory, session] = row
    const text = (id: number | null) => (id === null ? undefined : this.#terms.text(id))
    const who = text(actor)
    const behalf = text(principal)
    const memoryId = text(memory)
    const sessionId = text(session)
    return {
      seq,
      time: formatTime(time),
      kind: codes.kind[kind - 1]!,
      operation: text(operation) ?? '',
      component: text(component) ?? '',
      ...(outcome === 0 ? {} : { outcome: codes.outcome[outcome - 1]! }),
      securityLevel: codes.securityLevel[level - 1]!,
      ...(who === undefined ? {} : { actor: actorOf(who, behalf) }),
      ...(memoryId === undefined ? {} : { memoryId }),
      ...(sessionId === undefined ? {} : { session: sessionId }),
    }
  }

  #meta(): Meta | undefined {
    return this.#sql.meta.get() as Meta | undefined
  }

  // The file

  #open(): void {
    const { file, key } = this.#options
    const open = () => openSqliteFile({ file, key, mode: 'write', schema: indexSchema, synchronous: 'NORMAL' })
    if (!existsSync(file)) {
      this.#create()
      this.#isNew = true
    }
    try {
      this.#use(open())
    } catch (error) {
      const reason = damage(error)
      if (reason === undefined) throw toAuditError(file, error)
      this.#remove()
      this.#create()
      this.#use(open())
      this.#options.onRebuild?.(reason)
    }
  }

  #use(db: Connection): void {
    try {
      const found = (db.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').pluck().all() as string[]).sort()
      if (found.join() !== [...tables].sort().join()) throw new AuditError('bad_format', 'it has other tables')
      // Larger than a batch writes, so that a page is written to the log of the database once.
      db.pragma('cache_size=-32000')
      db.pragma('wal_autocheckpoint=4000')
      this.#sql = statements(db)
      this.#terms = new Terms(this.#sql)
      this.#sql.meta.get()
      this.#trusted = undefined
      this.#db = db
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** Makes the file aside and puts it in its place whole, so that no other process sees a half of it. */
  #create(): void {
    const { file, key } = this.#options
    const fresh = `${file}.${process.pid}.${randomInt(2 ** 32)}.new`
    try {
      const db = openSqliteFile({ file: fresh, key, mode: 'create', schema: indexSchema, synchronous: 'NORMAL' })
      db.prepare(sql.setMeta).run(...this.#newMeta())
      db.close()
      if (!existsSync(file)) for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true })
      linkSync(fresh, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw toAuditError(file, error)
    } finally {
      for (const end of ['', '-wal', '-shm']) rmSync(fresh + end, { force: true })
    }
  }

  #newMeta(): [number, string, number, number, string, number, number] {
    return [randomInt(2 ** 47), this.#options.origin, 0, -1, '', 0, 0]
  }

  #remove(): void {
    for (const end of ['', '-wal', '-shm']) rmSync(this.#options.file + end, { force: true })
  }

  /** Another file in the place of one that cannot be used. */
  #replace(reason: string): void {
    this.#broken = undefined
    this.#db.close()
    this.#remove()
    this.#open()
    this.#isNew = false
    this.#options.onRebuild?.(reason)
  }

  /** Empties an index that can be read but not believed, unless another process was quicker. */
  #reset(doubted: Meta | undefined, reason: string): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const meta = this.#meta()
      const isSame = meta?.generation === doubted?.generation && meta?.size === doubted?.size
      if (isSame) {
        this.#db.exec(dropTables)
        for (const table of tables) this.#db.exec(table)
        this.#sql.setMeta.run(...this.#newMeta())
      }
      this.#db.exec('COMMIT')
      if (isSame) this.#options.onRebuild?.(reason)
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

function actorOf(who: string, behalf: string | undefined): Actor {
  const [type, id] = JSON.parse(who) as [string, string]
  if (behalf === undefined) return { type, id }
  const [behalfType, behalfId] = JSON.parse(behalf) as [string, string]
  return { type, id, onBehalfOf: { type: behalfType, id: behalfId } }
}

function idText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** What is wrong with the file, when it is the file: then a new one helps. */
function damage(error: unknown): string | undefined {
  if (error instanceof AuditError) {
    return ['bad_key', 'bad_format', 'newer_schema'].includes(error.code) ? error.message : undefined
  }
  const { code, message } = error as { code?: unknown; message?: string }
  const isFile = /^SQLITE_(CORRUPT|NOTADB|CONSTRAINT|MISMATCH|ERROR|SCHEMA|FORMAT|IOERR|READONLY_DBMOVED)/
  return typeof code === 'string' && isFile.test(code) ? `${message} (${code})` : undefined
}

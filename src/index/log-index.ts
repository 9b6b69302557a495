/**
 * The index: a projection of the log in a file of its own, which answers filters quickly and decides nothing.
 *
 * It follows the log whenever it is asked, in any process, lets go of what the log lets go of, and throws itself away when
 * in doubt: when its file cannot be read, when it belongs to another log, when it knows more than the log does. Then it is
 * built anew.
 */
import { randomInt } from 'node:crypto'
import { existsSync, linkSync, rmSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Actor, Kind, Outcome, SecurityLevel } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { CompiledFilter } from '../core/filter.ts'
import type { Finding } from '../core/finding.ts'
import { leafHashHex } from '../core/hash.ts'
import { rangesOf } from '../core/ranges.ts'
import { formatTime, type Micros } from '../core/time.ts'
import { readLeaf } from '../core/view.ts'
import { type Connection, toAuditError } from '../store/sqlite-file.ts'
import type { LogSource, StoredEntry } from '../store/store.ts'
import { checkIndex } from './check.ts'
import { type Facts, factsOf } from './facts.ts'
import { openIndexFile } from './file.ts'
import { countRows, firstFrom, plan, search, searchSeqs, seqsOf } from './find.ts'
import { ListAdditions } from './lists.ts'
import { clean, letGo } from './removal.ts'
import { Rows } from './rows.ts'
import { codes, dropTables, type Meta, type Row, type Statements, sql, statements, tables } from './schema.ts'
import { makeScratch, whyUnwritable } from './scratch.ts'
import { type SurveyEffort, survey } from './survey.ts'
import { Terms } from './terms.ts'
import { type TextBlock, TextBlocks } from './text-blocks.ts'

export interface LogIndexOptions {
  /** Made when it is not there. */
  readonly file: string
  /** 32 bytes, the storage key of the log; `undefined` for a file that is not encrypted. */
  readonly key: Uint8Array | undefined
  readonly log: LogSource
  /**
   * The log as it is now, to read entries again: where `log` hands over what was committed a moment ago, some of it may have
   * been let go since. `log` unless given.
   */
  readonly settled?: LogSource
  readonly origin: string
  /** Of a log with fewer entries nobody is told that it had no index: it has one in no time. 2 unless given. */
  readonly quietBelow?: number
  /**
   * Whether the texts of the entries are indexed too. Unless given: as the index is, and `true` for one that is made now.
   * An index that is otherwise is built anew.
   */
  readonly text?: boolean | undefined
  /** Told after each step how many entries the index has. */
  readonly onAdvance?: (size: number) => void
  /** Told when an index was there and could not be used, with the reason, one sentence. */
  readonly onRebuild?: (reason: string) => void
  /** Told when the place of the index cannot be written, so that one in a temporary folder serves, with the reason. */
  readonly onElsewhere?: (reason: string) => void
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
  readonly complianceFlags: readonly string[]
  readonly actor?: Actor
  readonly memoryId?: string
  readonly session?: string
}

export interface FindOptions {
  /** Goes on behind this number, in the given order. */
  readonly after?: number | undefined
  /** How many are left out at the beginning; 0 unless given. */
  readonly skip?: number | undefined
  readonly limit: number
  readonly order: 'asc' | 'desc'
  /** Answers as of this size of the log: the head's, unless given. */
  readonly size?: number
}

export interface SampleOptions extends SurveyEffort {
  /** Answers as of this size of the log. */
  readonly size: number
  /** Where stretches begin that are sampled each for itself, ascending, and where the last one ends, microseconds. */
  readonly times?: readonly Micros[] | undefined
}

/** Rows that stand for all that were found, or are all of them: see `survey.ts`. */
export interface SampledRows {
  /** Entries that the lists of the index name. */
  readonly candidates: number
  /** How many of them were looked at. */
  readonly looked: number
  /** Those that meet everything in the filter but its `rest`. */
  readonly rows: readonly EntryRow[]
}

/** An intent that no later outcome names. */
export interface OpenIntent extends EntryRow {
  readonly id: string
}

/** Entries in one transaction, as many as a commit of the log has at most: about 20 ms of the write lock. */
const batchSize = 1024

interface Batch {
  /** Everything from here to `end` was looked for. */
  readonly start: number
  readonly end: number
  readonly facts: readonly Facts[]
  /** The blocks that are complete with this batch. */
  readonly texts: readonly TextBlock[]
  /** The leaf hash of the last entry that was there. */
  readonly hash: string
}

export class LogIndex {
  readonly #options: LogIndexOptions
  /** The file that is in use: that of the options, or one in a temporary folder. */
  #file: string
  #scratch: { readonly folder: string; readonly file: string } | undefined
  #db!: Connection
  #sql!: Statements
  #terms!: Terms
  #rows!: Rows
  readonly #texts = new TextBlocks()
  /** The generation whose position was held against the log. */
  #trusted: number | undefined
  /** The newest declaration that the index has done what it says. */
  #letGone: { readonly seq: number; readonly generation: number } | undefined
  /** What went wrong outside of a turn: the next one mends it. */
  #broken: unknown
  /** Made just now: the first look at the log says whether there should have been one. */
  #isNew = false
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(options: LogIndexOptions) {
    this.#options = Object.freeze({ ...options })
    this.#file = options.file
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
  find(filter: CompiledFilter, { after, skip = 0, limit, order, size }: FindOptions): Promise<EntryRow[]> {
    return this.#read(size, (meta, end) => {
      const found = plan(filter, { sql: this.#sql, terms: this.#terms, meta, size: end, after, order })
      return found === undefined ? [] : search(this.#sql, found, limit, skip).map(row => this.#decode(row))
    })
  }

  /**
   * How many rows {@link find} would find.
   *
   * @param most when more numbers would have to be looked at one by one, `undefined`; counted all the same unless given
   */
  count(filter: CompiledFilter, size: number, most = Infinity): Promise<number | undefined> {
    return this.#read(size, (meta, end) => {
      const found = plan(filter, { sql: this.#sql, terms: this.#terms, meta, size: end, order: 'asc' })
      return found === undefined ? 0 : countRows(this.#sql, found, most)
    })
  }

  /**
   * A fair sample of what {@link find} would find, or all of it where that is not more.
   *
   * @returns a stretch for each of `times` but the last; one where there are none, or where times in the log run backwards
   */
  sample(filter: CompiledFilter, { size, times = [], ...effort }: SampleOptions): Promise<SampledRows[]> {
    return this.#read(size, (meta, end) => {
      const found = plan(filter, { sql: this.#sql, terms: this.#terms, meta, size: end, order: 'asc' })
      const isWhole = meta.disordered === 1 || times.length === 0
      const edges = isWhole ? [0, end] : times.map(time => firstFrom(this.#sql, time, end))
      if (found === undefined) return edges.slice(1).map(() => ({ candidates: 0, looked: 0, rows: [] }))
      return survey(this.#sql, found, edges, effort).map(({ rows, ...counts }) => ({
        ...counts,
        rows: rows.map(row => this.#decode(row)),
      }))
    })
  }

  /** The times of the first and the last entry between which a filter can find anything, microseconds. */
  span(filter: CompiledFilter, size: number): Promise<readonly [first: Micros, last: Micros] | undefined> {
    return this.#read(size, (meta, end) => {
      const found = plan(filter, { sql: this.#sql, terms: this.#terms, meta, size: end, order: 'asc' })
      if (found === undefined) return undefined
      if (meta.disordered === 1) return [this.#sql.firstTime.get() as number, meta.time]
      const [first] = this.#sql.rowsUp.all(found.low, found.high, 1) as Row[]
      const [last] = this.#sql.rowsDown.all(found.low, found.high, 1) as Row[]
      return first === undefined || last === undefined ? undefined : [first[1], last[1]]
    })
  }

  /** The numbers of the rows that {@link find} finds: for whoever looks at the entries anyway. */
  findSeqs(filter: CompiledFilter, { after, skip = 0, limit, order, size }: FindOptions): Promise<number[]> {
    return this.#read(size, (meta, end) => {
      const found = plan(filter, { sql: this.#sql, terms: this.#terms, meta, size: end, after, order })
      return found === undefined ? [] : searchSeqs(this.#sql, found, skip + limit).slice(skip)
    })
  }

  /** The rows of entries, in their order; those that are not there are left out. */
  async rows(seqs: readonly number[], size?: number): Promise<EntryRow[]> {
    if (seqs.length === 0) return []
    return await this.#read(size, () =>
      seqs.flatMap(seq => {
        const row = this.#sql.row.get(seq) as Row | undefined
        return row === undefined || row[2] === 0 ? [] : [this.#decode(row)]
      }),
    )
  }

  /** The number of the entry with an id. */
  async seqOf(id: string, size?: number): Promise<number | undefined> {
    const seqs = await this.#read(size, (meta, end) => seqsOf([id], { sql: this.#sql, meta, size: end }))
    for (const [first, last] of rangesOf(seqs)) {
      for await (const some of this.#settled.entries(first, last + 1)) {
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
      throw toAuditError(this.#file, error)
    }
  }

  /**
   * Holds every row of the index against the log, both ways, and gives a finding for whatever differs: for
   * `verify --deep`.
   *
   * Looks at the state in which the index is when asked, caught up; other processes may go on meanwhile.
   */
  async *check(): AsyncIterable<Finding> {
    if (!existsSync(this.#file)) await this.#inTurn(async () => this.#replace('it was not there'))
    await this.catchUp()
    yield* await this.#compared()
  }

  async #compared(): Promise<Finding[]> {
    const db = openIndexFile(this.#file, this.#options.key, { mode: 'read' })
    const findings: Finding[] = []
    try {
      for await (const found of checkIndex(db, this.#settled)) findings.push(found)
      return findings
    } catch (error) {
      if (error instanceof AuditError || damage(error) === undefined) throw error
      // A file that cannot be read says nothing, so nothing false either: it is built again.
      this.#broken = error
      await this.catchUp()
      return findings
    } finally {
      db.close()
    }
  }

  get #settled(): LogSource {
    return this.#options.settled ?? this.#options.log
  }

  /** Gives back the file. Idempotent; nothing else may be called afterwards. */
  close(): void {
    if (this.#db.open) this.#db.close()
    if (this.#scratch !== undefined) rmSync(this.#scratch.folder, { recursive: true, force: true })
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
      if (this.#isNew && size >= (this.#options.quietBelow ?? 2)) this.#options.onRebuild?.('it was not there')
      this.#isNew = false
      // The head as it was at first: a log that grows all the time is never caught up with for good.
      target ??= Math.min(until, size)
      if (target > size) target = size
      if (meta!.size < target) {
        await this.#advance(meta!, target)
        continue
      }
      if (meta!.remains > 0) clean(this.#db, this.#sql, meta!.remains)
      return meta!.size
    }
  }

  /** Why a position cannot be believed. */
  async #doubt(meta: Meta, size: number): Promise<string | undefined> {
    const { origin, text } = this.#options
    if (meta.origin !== origin) return `it belongs to the log ${meta.origin}`
    if (meta.size > size) return `it knows ${meta.size} entries, and the log has ${size}`
    if (text !== undefined && meta.text !== Number(text)) return `it is to be ${text ? 'with' : 'without'} the texts`
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
    for await (const batch of this.#batches(meta, target)) {
      const first = batch.facts[0]
      if (isFirst && meta.last >= 0 && first?.previousHash !== meta.hash && !(await this.#isAt(meta))) {
        this.#trusted = undefined
        return false
      }
      isFirst = false
      // What it declares to be gone goes first: if we end in between, the declaration is read again. So it is here, because
      // what was gathered of its block may be gone too.
      if (first?.removal !== undefined && !this.#isLetGo(first.seq)) return await this.#letGo(first)
      if (!this.#write(batch)) return false
      this.#options.onAdvance?.(batch.end)
      // Where much is new, what can be answered without the index comes in between.
      if (batch.end < target) await nextTurn()
    }
    return true
  }

  /** What is new, some at a time. An entry that declares a removal is a batch of its own. */
  async *#batches({ size: from, text }: Meta, to: number): AsyncIterable<Batch> {
    const blocks = text === 1 ? this.#texts : undefined
    await blocks?.begin(from, this.#settled)
    let start = from
    let facts: Facts[] = []
    let texts: TextBlock[] = []
    let last: StoredEntry | undefined
    const upTo = (end: number): Batch => {
      this.#reach(end, texts, text)
      const batch = { start, end, facts, texts, hash: last === undefined ? '' : leafHashHex(last.leaf) }
      start = end
      facts = []
      texts = []
      return batch
    }
    for await (const some of this.#options.log.entries(from, to)) {
      for (const stored of some) {
        const { leaf } = readLeaf(stored)
        const entry = factsOf(stored, leaf)
        if (facts.length >= batchSize || (entry.removal !== undefined && start < stored.seq)) yield upTo(stored.seq)
        this.#reach(stored.seq, texts, text)
        blocks?.take(stored, leaf)
        facts.push(entry)
        last = stored
        if (entry.removal !== undefined) yield upTo(stored.seq + 1)
      }
    }
    if (start < to) yield upTo(to)
  }

  #reach(seq: number, texts: TextBlock[], text: number): void {
    const complete = text === 1 ? this.#texts.reach(seq) : undefined
    if (complete !== undefined) texts.push(complete)
  }

  async #letGo({ seq, removal }: Facts): Promise<boolean> {
    this.#texts.forget()
    const log = this.#settled
    const context = { db: this.#db, sql: this.#sql, rows: this.#rows, terms: this.#terms, log, newGeneration }
    const generation = await letGo(context, removal!, seq, this.#trusted!)
    if (generation === undefined) return false
    this.#trusted = generation
    this.#letGone = { seq, generation }
    return true
  }

  #isLetGo(seq: number): boolean {
    return this.#letGone?.seq === seq && this.#letGone.generation === this.#trusted
  }

  /** Adds a batch in one transaction, as far as another process has not done so. */
  #write({ start, end, facts, texts, hash }: Batch): boolean {
    const sql = this.#sql
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const meta = this.#meta()
      if (meta === undefined || meta.generation !== this.#trusted || meta.size < start) {
        this.#db.exec('ROLLBACK')
        return false
      }
      if (meta.size < end) {
        this.#terms.enter(meta.generation)
        const intents = new Map<string, number>()
        const lists = new ListAdditions()
        let { time, disordered, last } = meta
        for (const entry of facts) {
          if (entry.seq < meta.size) continue
          if (entry.time !== undefined && entry.time < time) disordered = 1
          this.#rows.add(entry, entry.time ?? time, intents, lists)
          time = Math.max(time, entry.time ?? time)
          last = entry.seq
        }
        this.#rows.keepIntents(intents)
        lists.write(sql)
        for (const { block, bits } of texts) sql.putTextBlock.run(block, bits)
        const newest = last === meta.last ? meta.hash : hash
        sql.setMeta.run(meta.generation, meta.origin, end, last, newest, time, disordered, meta.text, meta.remains)
      }
      this.#db.exec('COMMIT')
      return true
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      this.#terms.forget()
      throw error
    }
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
          if (reason === undefined || tries > 1) throw toAuditError(this.#file, error)
          this.#replace(reason)
        }
      }
    })
    this.#queue = turn.catch(() => {})
    return turn
  }

  #decode(row: Row): EntryRow {
    const [seq, time, kind, outcome, level, operation, component, actor, principal, memory, session, flags] = row
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
      complianceFlags: this.#terms.flags(flags),
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
    const { key } = this.#options
    const unwritable = this.#scratch === undefined ? whyUnwritable(this.#file) : undefined
    if (unwritable !== undefined) {
      this.#scratch = makeScratch(this.#file)
      this.#file = this.#scratch.file
      this.#options.onElsewhere?.(unwritable)
    }
    const open = () => openIndexFile(this.#file, key, { mode: 'write', secureDelete: true })
    if (!existsSync(this.#file)) {
      this.#create()
      this.#isNew = true
    }
    try {
      this.#use(open())
    } catch (error) {
      const reason = damage(error)
      if (reason === undefined) throw toAuditError(this.#file, error)
      this.#remove()
      this.#create()
      this.#use(open())
      this.#options.onRebuild?.(reason)
    }
  }

  #use(db: Connection): void {
    try {
      const found = (db.prepare(sql.schema).pluck().all() as string[]).sort()
      if (found.join() !== [...tables].sort().join()) throw new AuditError('bad_format', 'it has other tables')
      // Larger than a batch writes, so that a page is written to the log of the database once.
      db.pragma('cache_size=-32000')
      db.pragma('wal_autocheckpoint=4000')
      // What is sorted on the way must not lie in a temporary file, which would not be encrypted.
      db.pragma('temp_store=MEMORY')
      this.#sql = statements(db)
      this.#terms = new Terms(this.#sql)
      this.#rows = new Rows(this.#sql, this.#terms)
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
    const { key } = this.#options
    const file = this.#file
    const fresh = `${file}.${process.pid}.${randomInt(2 ** 32)}.new`
    try {
      const db = openIndexFile(fresh, key, { mode: 'create' })
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

  #newMeta(): unknown[] {
    const { origin, text = true } = this.#options
    return [newGeneration(), origin, 0, -1, '', 0, 0, Number(text), 0]
  }

  #remove(): void {
    for (const end of ['', '-wal', '-shm']) rmSync(this.#file + end, { force: true })
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

function newGeneration(): number {
  return randomInt(2 ** 47)
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

/**
 * The log as one encrypted SQLite file.
 *
 * The newest entries stand one row each in **tail**, until they fill a tile of 256; then they move, in the same commit
 * that fills it, into compressed **blocks** of 32, leaves apart from content, so that erasing content never touches a
 * leaf. A commit of one entry writes a tail row, a seal and the head: no secondary index, no growing blob.
 */
import { AuditError } from '../core/errors.ts'
import { leafHash } from '../core/hash.ts'
import type { Seal } from '../core/seal.ts'
import { packContents, packLeaves, unpackContents, unpackLeaves } from './block.ts'
import {
  asAuditError,
  type Connection,
  identityOf,
  isAsMade,
  openSqliteFile,
  type Schema,
  toAuditError,
} from './sqlite-file.ts'
import type { Batch, Head, MaybePromise, NewEntry, Removal, Store, StoredCheckpoint, StoredEntry } from './store.ts'
import { straysIn } from './strays.ts'

/** Entries in a tile. */
const tileWidth = 256
/**
 * Entries in a block. Measured on 700-byte entries: 32 reads one scattered entry in half the time of 64 and compresses
 * 2 % worse; 256 reads it in five times the time.
 */
const blockSize = 32
/** What is read at one moment: a tile of usual entries, or one block of large ones. */
const blocksAtOnce = tileWidth / blockSize
const bytesAtOnce = 512 * 1024

/**
 * Version 2 lets content and leaves go; version 3 keeps the hashes of a block's leaves beside their texts. `schema_step` has
 * a row for each step that a log with entries went through, with the number of the entry that records it.
 */
const schema: Schema = {
  applicationId: 0x6d6d6131,
  migrations: [
    `CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL);
     CREATE TABLE tail (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, leaf BLOB NOT NULL, content BLOB NOT NULL);
     CREATE TABLE leaves (first INTEGER PRIMARY KEY, data BLOB NOT NULL);
     CREATE TABLE content (first INTEGER PRIMARY KEY, data BLOB NOT NULL);
     CREATE TABLE tile (level INTEGER NOT NULL, n INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, n));
     CREATE TABLE seal (size INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, mac BLOB NOT NULL);
     CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL);`,
    `ALTER TABLE head ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0;
     CREATE TABLE declared (seq INTEGER PRIMARY KEY);
     CREATE TABLE schema_step (version INTEGER PRIMARY KEY, entry INTEGER);
     INSERT INTO schema_step (version, entry) SELECT 2, NULL FROM head;`,
    `INSERT INTO schema_step (version, entry) SELECT 3, NULL FROM head;`,
  ],
}

export interface SqliteStoreOptions {
  readonly file: string
  /** 32 bytes; `undefined` for a file that is not encrypted. */
  readonly key: Uint8Array | undefined
  readonly mode: 'create' | 'write' | 'read'
}

/** @throws AuditError as `openSqliteFile` */
export function openSqliteStore({ file, key, mode }: SqliteStoreOptions): SqliteStore {
  return new SqliteStore(file, openLogFile({ file, key, mode }))
}

/**
 * The file of a log as a connection, for whoever does more with it than a store does.
 *
 * @throws AuditError as `openSqliteFile`
 */
export function openLogFile({ file, key, mode }: SqliteStoreOptions): Connection {
  return openSqliteFile({ file, key, mode, schema, synchronous: 'FULL', secureDelete: true })
}

const nothing = new Uint8Array(0)

type TailRow = [seq: number, leaf: unknown, content: unknown]

export class SqliteStore implements Store {
  readonly #file: string
  readonly #db: Connection
  readonly #sql: ReturnType<typeof statements>
  /** The file as it was when it was opened. */
  readonly #identity: string | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(file: string, db: Connection) {
    this.#file = file
    this.#db = db
    this.#identity = identityOf(file)
    this.#sql = asAuditError(file, () => statements(db))
  }

  head(): Head | undefined {
    return asAuditError(this.#file, () => {
      const row = this.#sql.head.get() as { size: unknown; root: unknown; frozen: unknown } | undefined
      if (row === undefined) return undefined
      if (!Number.isSafeInteger(row.size) || (row.size as number) < 0) {
        throw new AuditError('bad_format', `${this.#file} is damaged: its head has no size`)
      }
      return { size: row.size as number, root: asBytes(row.root), frozen: row.frozen === 1 }
    })
  }

  *entries(from: number, to: number): Iterable<readonly StoredEntry[]> {
    let next: number | undefined = from
    while (next !== undefined && next < to) {
      const start: number = next
      const found = asAuditError(this.#file, () => this.#atOneMoment(() => this.#stretch(start, to)))
      yield* found.parts
      next = found.next
    }
  }

  /** A few blocks, each as a part: a moment costs as much as a tenth of a block. */
  #stretch(from: number, to: number): { parts: readonly StoredEntry[][]; next: number | undefined } {
    const parts: StoredEntry[][] = []
    let next: number | undefined = from
    for (let bytes = 0; next !== undefined && next < to && parts.length < blocksAtOnce && bytes < bytesAtOnce; ) {
      const found = this.#from(next, to)
      if (found.entries.length > 0) parts.push(found.entries)
      bytes += found.bytes
      // A file that was changed below SQLite may give rows out of order: what goes on must come to an end all the same.
      next = found.next === undefined ? undefined : Math.max(next + 1, found.next)
    }
    return { parts, next }
  }

  /** Entries move from tail to block in one commit: whoever looks into both must look at one moment. */
  #atOneMoment<T>(read: () => T): T {
    if (this.#db.inTransaction) return read()
    this.#sql.begin.run()
    try {
      return read()
    } finally {
      this.#sql.commit.run()
    }
  }

  /** The block or the stretch of tail in which the first entry at or after `at` stands. */
  #from(at: number, to: number): { entries: StoredEntry[]; next: number | undefined; bytes: number } {
    const block = this.#sql.leavesFrom.get(at - (at % blockSize), to) as [first: number, data: unknown] | undefined
    // The tail begins where the blocks end. What stands in it below a block is not of this store's making, but it is
    // there, and is given as it stands.
    const tail = this.#sql.tailFrom.all(at, block?.[0] ?? to) as TailRow[]
    if (block === undefined || tail.length > 0) {
      const entries = tail.map(fromTail)
      return { entries, next: tail.length === 0 ? undefined : entries.at(-1)!.seq + 1, bytes: 0 }
    }
    const [start, data] = block
    const content = this.#sql.contentOf.get(start)
    const entries = openBlock(start, data, content, at, to)
    const bytes = (content as Uint8Array | undefined)?.length ?? 0
    return { entries, next: Math.max(at + 1, start + blockSize), bytes }
  }

  tile(level: number, index: number): Uint8Array | undefined {
    return asAuditError(this.#file, () => this.#atOneMoment(() => this.#tile(level, index)))
  }

  #tile(level: number, index: number): Uint8Array | undefined {
    const stored = this.#sql.tile.get(level, index)
    if (stored !== undefined) return asBytes(stored)
    if (level > 0) return undefined
    const start = index * tileWidth
    const rows = this.#sql.tailHashes.all(start, start + tileWidth) as [seq: number, hash: unknown][]
    const hashes = new Uint8Array(tileWidth * 32)
    let width = 0
    for (const [seq, hash] of rows) {
      // A file that is damaged inside gives rows that were not asked for, in any order.
      const at = seq - start
      if (!(at >= 0 && at < tileWidth)) continue
      hashes.set(asBytes(hash).subarray(0, 32), at * 32)
      width = Math.max(width, at + 1)
    }
    return width === 0 ? undefined : hashes.slice(0, width * 32)
  }

  *seals(from: number, to: number): Iterable<Seal> {
    yield* pages(from, to, (after, end) => {
      const rows = asAuditError(this.#file, () => this.#sql.seals.all(after, end) as Seal[])
      return rows.map(row => ({ ...row, mac: asBytes(row.mac) }))
    })
  }

  *checkpoints(from: number, to: number): Iterable<StoredCheckpoint> {
    yield* pages(from, to, (after, end) => {
      const rows = asAuditError(this.#file, () => this.#sql.checkpoints.all(after, end) as StoredCheckpoint[])
      return rows.map(({ size, note }) => ({ size, note: String(note) }))
    })
  }

  *declarations(): Iterable<StoredEntry> {
    for (const seq of asAuditError(this.#file, () => this.#sql.declared.all() as number[])) {
      for (const some of this.entries(seq, seq + 1)) yield* some
    }
  }

  strays(): string[] {
    return asAuditError(this.#file, () => {
      const planted = isAsMade(this.#db, schema) ? [] : ['the file has tables, triggers or views that are not its own']
      return [...planted, ...this.#atOneMoment(() => straysIn(this.#db))]
    })
  }

  /** The step of the schema that this log went through and that no entry records yet. */
  unrecordedStep(): number | undefined {
    return asAuditError(this.#file, () => (this.#sql.unrecordedStep.get() as number | null) ?? undefined)
  }

  commit(build: (head: Head | undefined) => MaybePromise<Batch | undefined>): Promise<void> {
    return this.#inTurn(async () => {
      const batch = await build(this.head())
      if (batch !== undefined) this.#write(batch)
      return batch !== undefined
    })
  }

  putCheckpoint({ size, note }: StoredCheckpoint): Promise<void> {
    return this.#inTurn(async () => {
      this.#sql.dropCheckpoints.run(Math.floor((size - 1) / tileWidth) * tileWidth, size)
      this.#sql.putCheckpoint.run(size, note)
      return true
    })
  }

  /** One transaction after the other on this connection, and between processes by SQLite's lock. */
  #inTurn(work: () => Promise<boolean>): Promise<void> {
    const turn = this.#turn.then(async () => {
      asAuditError(this.#file, () => this.#sql.beginWrite.run())
      let isCommitting = false
      try {
        // What is written into a file that has lost its name is written nowhere.
        if (identityOf(this.#file) !== this.#identity) {
          throw new AuditError('io', `${this.#file} is gone or is another file now: open the log again`)
        }
        isCommitting = await work()
        if (isCommitting) this.#sql.commit.run()
        else this.#sql.rollback.run()
      } catch (error) {
        if (this.#db.inTransaction) this.#sql.rollback.run()
        if (isCommitting) this.#takeBack()
        throw toAuditError(this.#file, error)
      }
    })
    this.#turn = turn.catch(() => {})
    return turn
  }

  /**
   * Makes sure that a transaction whose commit failed is not there. One that was written and not synced stands in the
   * write-ahead log, whole: should this process end now, the next one would find it. Another one in its place takes it away;
   * where that fails too, nobody can tell.
   */
  #takeBack(): void {
    try {
      this.#sql.beginWrite.run()
      this.#db.pragma(`user_version=${schema.migrations.length}`)
      this.#sql.commit.run()
    } catch {
      if (this.#db.inTransaction) this.#sql.rollback.run()
    }
  }

  #write({ entries, tiles, seals, head, removal, recordsStep }: Batch): void {
    const sql = this.#sql
    const from = head.size - entries.length
    const blocked = head.size - (head.size % tileWidth)
    const fresh = Math.max(from, blocked)
    if (blocked > from) this.#fillBlocks(from, blocked, entries)
    for (const { seq, hash, leaf, content } of entries.slice(fresh - from)) sql.addTail.run(seq, hash, leaf, content)
    for (const { level, index, hashes } of tiles) sql.putTile.run(level, index, hashes)
    for (const { size, epoch, mac } of seals) sql.addSeal.run(size, epoch, mac)
    sql.setHead.run(head.size, head.root, head.frozen ? 1 : 0)
    if (removal !== undefined) this.#remove(removal)
    if (recordsStep !== undefined) sql.recordStep.run(head.size - 1, recordsStep)
  }

  #remove({ declaredBy, content, below }: Removal): void {
    this.#sql.addDeclared.run(declaredBy)
    for (const [first, last] of content) {
      this.#sql.emptyTail.run(first, last)
      for (let block = first - (first % blockSize); block <= last; block += blockSize) this.#empty(block, first, last)
    }
    if (below === 0) return
    const genesis = this.#from(0, 1).entries[0]
    if (genesis !== undefined) {
      this.#sql.keepInTail.run(genesis.seq, leafHash(genesis.leaf), genesis.leaf, genesis.content)
    }
    for (const table of [this.#sql.dropLeaves, this.#sql.dropContent]) table.run(below)
    this.#sql.dropTail.run(1, below)
  }

  /** Takes the content of some entries out of their block. */
  #empty(block: number, first: number, last: number): void {
    const data = this.#sql.contentOf.get(block)
    if (data === undefined) return
    if (first <= block && block + blockSize - 1 <= last) {
      this.#sql.dropContentOf.run(block)
      return
    }
    const contents = unpackContents(asBytes(data))
    const left = contents.map((content, i) => (first <= block + i && block + i <= last ? nothing : content))
    this.#sql.setContent.run(packContents(left), block)
  }

  /** Moves what now fills whole tiles into blocks: first what waits in the tail, then what is new. */
  #fillBlocks(from: number, to: number, entries: readonly NewEntry[]): void {
    const start = from - (from % tileWidth)
    const waiting = (this.#sql.tailFrom.all(start, from) as TailRow[]).map(fromTail)
    if (waiting.length !== from - start) {
      throw new AuditError('damaged', `the newest entries before ${from} are not all there: run verify`)
    }
    const all = [...waiting, ...entries.slice(0, to - from)]
    for (let i = 0; i < all.length; i += blockSize) {
      const block = all.slice(i, i + blockSize)
      this.#sql.addLeaves.run(start + i, packLeaves(block.map(({ leaf }) => leaf)))
      this.#sql.addContent.run(start + i, packContents(block.map(({ content }) => content)))
    }
    if (waiting.length > 0) this.#sql.dropTail.run(start, from)
  }

  lastCheckpoint(): StoredCheckpoint | undefined {
    return asAuditError(this.#file, () => {
      const row = this.#sql.lastCheckpoint.get() as StoredCheckpoint | undefined
      return row && { size: row.size, note: String(row.note) }
    })
  }

  /** Moves what stands in the write-ahead log into the file itself: before the file alone is copied. */
  checkpointFile(): void {
    asAuditError(this.#file, () => this.#db.pragma('wal_checkpoint(TRUNCATE)'))
  }

  /** Leaves no write-ahead log behind, unless another connection is at work with it. */
  close(): void {
    if (!this.#db.open) return
    if (!this.#db.readonly) {
      try {
        this.#db.pragma('busy_timeout=0')
        this.checkpointFile()
      } catch {
        // What is in it is as durable there.
      }
    }
    this.#db.close()
  }
}

/** A column as bytes: who writes into the file by another way may have put anything there. */
function asBytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(String(value))
}

function fromTail([seq, leaf, content]: TailRow): StoredEntry {
  return { seq, leaf: asBytes(leaf), content: asBytes(content) }
}

function statements(db: Connection) {
  return {
    begin: db.prepare('BEGIN'),
    beginWrite: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    head: db.prepare('SELECT size, root, frozen FROM head WHERE one = 1'),
    setHead: db.prepare('INSERT OR REPLACE INTO head (one, size, root, frozen) VALUES (1, ?, ?, ?)'),
    tailFrom: db.prepare('SELECT seq, leaf, content FROM tail WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT 256').raw(),
    tailHashes: db.prepare('SELECT seq, hash FROM tail WHERE seq >= ? AND seq < ? ORDER BY seq').raw(),
    addTail: db.prepare('INSERT INTO tail (seq, hash, leaf, content) VALUES (?, ?, ?, ?)'),
    dropTail: db.prepare('DELETE FROM tail WHERE seq >= ? AND seq < ?'),
    keepInTail: db.prepare('INSERT OR REPLACE INTO tail (seq, hash, leaf, content) VALUES (?, ?, ?, ?)'),
    emptyTail: db.prepare("UPDATE tail SET content = x'' WHERE seq >= ? AND seq <= ?"),
    leavesFrom: db
      .prepare('SELECT first, data FROM leaves WHERE first >= ? AND first < ? ORDER BY first LIMIT 1')
      .raw(),
    contentOf: db.prepare('SELECT data FROM content WHERE first = ?').pluck(),
    addLeaves: db.prepare('INSERT INTO leaves (first, data) VALUES (?, ?)'),
    addContent: db.prepare('INSERT INTO content (first, data) VALUES (?, ?)'),
    setContent: db.prepare('UPDATE content SET data = ? WHERE first = ?'),
    dropContentOf: db.prepare('DELETE FROM content WHERE first = ?'),
    dropLeaves: db.prepare('DELETE FROM leaves WHERE first < ?'),
    dropContent: db.prepare('DELETE FROM content WHERE first < ?'),
    declared: db.prepare('SELECT seq FROM declared ORDER BY seq').pluck(),
    addDeclared: db.prepare('INSERT INTO declared (seq) VALUES (?)'),
    unrecordedStep: db.prepare('SELECT max(version) FROM schema_step WHERE entry IS NULL').pluck(),
    recordStep: db.prepare('UPDATE schema_step SET entry = ? WHERE entry IS NULL AND version <= ?'),
    tile: db.prepare('SELECT hashes FROM tile WHERE level = ? AND n = ?').pluck(),
    putTile: db.prepare('INSERT OR REPLACE INTO tile (level, n, hashes) VALUES (?, ?, ?)'),
    seals: db.prepare('SELECT size, epoch, mac FROM seal WHERE size > ? AND size <= ? ORDER BY size LIMIT 1000'),
    addSeal: db.prepare('INSERT INTO seal (size, epoch, mac) VALUES (?, ?, ?)'),
    checkpoints: db.prepare('SELECT size, note FROM checkpoint WHERE size > ? AND size <= ? ORDER BY size LIMIT 1000'),
    lastCheckpoint: db.prepare('SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1'),
    dropCheckpoints: db.prepare('DELETE FROM checkpoint WHERE size > ? AND size < ?'),
    putCheckpoint: db.prepare('INSERT OR REPLACE INTO checkpoint (size, note) VALUES (?, ?)'),
  }
}

/** Rows of a long answer, some at a time, so that no read holds the file for long. */
function* pages<T extends { readonly size: number }>(
  from: number,
  to: number,
  read: (after: number, to: number) => T[],
): Iterable<T> {
  let at = from
  for (let rows = read(at, to); rows.length > 0; rows = read(at, to)) {
    yield* rows
    // Whatever order a changed file gives them in.
    at = rows.reduce((most, { size }) => Math.max(most, size), at + 1)
  }
}

/**
 * The entries of a block with `from ≤ seq < to`. What cannot be unpacked any more is not there: the check will say so, entry
 * by entry.
 */
function openBlock(first: number, data: unknown, content: unknown, from: number, to: number): StoredEntry[] {
  const start = Math.max(0, from - first)
  const leaves = orNothing(() => unpackLeaves(asBytes(data))).slice(start, to - first)
  const contents = content === undefined ? [] : orNothing(() => unpackContents(asBytes(content), start, to - first))
  return leaves.map((leaf, i) => ({ seq: first + start + i, leaf, content: contents[i] ?? nothing }))
}

function orNothing(unpack: () => Uint8Array[]): Uint8Array[] {
  try {
    return unpack()
  } catch {
    return []
  }
}

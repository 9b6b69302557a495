/** What someone with write access to the log's file, and the key that opens it, can do: everything. */
import { leafHash } from '../core/hash.ts'
import { partialWidth, tileWidth } from '../core/tile.ts'
import { RightEdge } from '../core/tree.ts'
import { packContents, packLeaves, unpackContents, unpackLeaves } from '../store/block.ts'
import { openLogFile } from '../store/sqlite.ts'
import type { Connection } from '../store/sqlite-file.ts'

export interface Row {
  leaf: Uint8Array
  /** As it stands in the file: where subjects have keys, encrypted under them. */
  content: Uint8Array
  /** The hash that the log keeps of it: in a level 0 tile or in the tail. */
  hash: Uint8Array
}

const blockSize = 32

/**
 * A log's file, open for anything. Of a long log only the newest rows need to be looked at: those from `from` on, a
 * multiple of 256. What is before them stays as it is.
 */
export class Tamper {
  readonly db: Connection
  readonly from: number
  #rows: (Row | undefined)[] | undefined
  /** Where leaves went on record, their hashes are still there. */
  readonly #hashes = new Map<number, Uint8Array>()

  constructor(db: Connection, from = 0) {
    this.db = db
    this.from = from
  }

  /** Opens a file of its own. */
  static open(file: string, key: Uint8Array | undefined): Tamper {
    return new Tamper(openLogFile({ file, key, mode: 'write' }))
  }

  /** By number; a hole is an entry that is not there, or one before `from`. Changed rows stand in the file after `save`. */
  get rows(): (Row | undefined)[] {
    this.#rows ??= this.#load()
    return this.#rows
  }

  #load(): (Row | undefined)[] {
    const { db, from } = this
    const rows: (Row | undefined)[] = []
    const tiles = db.prepare('SELECT n, hashes FROM tile WHERE level = 0 AND n >= ?').raw()
    for (const [n, hashes] of tiles.all(from / tileWidth) as [number, Uint8Array][]) {
      for (let i = 0; i < hashes.length / 32; i++) {
        this.#hashes.set(n * tileWidth + i, hashes.subarray(32 * i, 32 * (i + 1)))
      }
    }
    const blocks = db.prepare(
      'SELECT first, leaves.data, content.data FROM leaves LEFT JOIN content USING (first) WHERE first >= ?',
    )
    for (const [first, leaves, content] of blocks.raw().all(from) as [number, Uint8Array, Uint8Array | null][]) {
      const contents = content === null ? [] : unpackContents(content)
      unpackLeaves(leaves).forEach((leaf, i) => {
        const hash = this.#hashes.get(first + i) ?? leafHash(leaf)
        rows[first + i] = { leaf, content: contents[i] ?? new Uint8Array(0), hash }
      })
    }
    const tail = db.prepare('SELECT seq, leaf, content, hash FROM tail WHERE seq >= ?').all(from)
    for (const { seq, ...row } of tail as ({ seq: number } & Row)[]) rows[seq] = row
    return rows
  }

  leaf(seq: number): Record<string, unknown> {
    return JSON.parse(Buffer.from(this.rows[seq]!.leaf).toString())
  }

  /** Writes a leaf anew with some members changed, in canonical spelling. */
  edit(seq: number, members: Record<string, unknown>): void {
    const changed = { ...this.leaf(seq), ...members }
    const sorted = Object.fromEntries(Object.entries(changed).sort(([a], [b]) => (a < b ? -1 : 1)))
    this.rows[seq] = { ...this.rows[seq]!, leaf: Buffer.from(JSON.stringify(sorted)) }
  }

  /** Puts other things into a row, and saves. */
  change(seq: number, change: (row: Row) => Partial<Row>): this {
    const row = this.rows[seq]!
    this.rows[seq] = { ...row, ...change(row) }
    return this.save()
  }

  /** Writes the rows back: blocks, tail, and level 0 hashes as they are in the rows. */
  save(): this {
    const { db, rows, from } = this
    const blocked = db.prepare('SELECT coalesce(max(first) + 32, 0) FROM leaves').pluck().get() as number
    this.#write(blocked)
    const tiles = db.prepare('SELECT n, hashes FROM tile WHERE level = 0 AND n >= ?').raw()
    const setTile = db.prepare('UPDATE tile SET hashes = ? WHERE level = 0 AND n = ?')
    for (const [n, kept] of tiles.all(from / tileWidth) as [number, Uint8Array][]) {
      const hashes = Uint8Array.from(kept)
      for (let i = 0; i < hashes.length / 32; i++) hashes.set(rows[n * tileWidth + i]?.hash ?? [], 32 * i)
      setTile.run(hashes, n)
    }
    return this
  }

  #write(blocked: number): void {
    const { db, rows, from } = this
    const first = db.prepare('SELECT 1 FROM tail WHERE seq = 0').get() !== undefined
    db.exec(`DELETE FROM leaves WHERE first >= ${from}; DELETE FROM content WHERE first >= ${from};
      DELETE FROM tail WHERE seq >= ${from}`)
    const addLeaves = db.prepare('INSERT INTO leaves VALUES (?, ?)')
    const addContent = db.prepare('INSERT INTO content VALUES (?, ?)')
    const addTail = db.prepare('INSERT INTO tail VALUES (?, ?, ?, ?)')
    for (let at = from; at < blocked; at += blockSize) {
      const block = rows.slice(at, at + blockSize).filter((row, i) => row !== undefined && !(first && at + i === 0))
      if (block.length === 0) continue
      addLeaves.run(at, packLeaves(block.map(row => row!.leaf)))
      addContent.run(at, packContents(block.map(row => row!.content)))
    }
    for (let seq = from; seq < rows.length; seq++) {
      const row = rows[seq]
      if (row === undefined || (seq < blocked && !(first && seq === 0))) continue
      addTail.run(seq, row.hash, row.leaf, row.content)
    }
  }

  /** Makes links, hashes, tiles and head follow from the leaves, from entry `from` on: a rewriting without a seam. */
  rewrite(from: number, size = this.rows.length): this {
    const { db, rows } = this
    rows.length = size
    const hashOf = (seq: number) => rows[seq]?.hash ?? this.#hashes.get(seq) ?? new Uint8Array(32)
    for (let seq = Math.max(from, this.from); seq < size; seq++) {
      if (rows[seq] === undefined) continue
      const before = rows[seq - 1]
      const link = before === undefined ? hashOf(seq - 1) : leafHash(before.leaf)
      // Where the rows before are not looked at, the first link stays.
      if (seq > this.from) this.edit(seq, { seq, previousHash: Buffer.from(link).toString('hex') })
      const row = rows[seq]!
      rows[seq] = { ...row, hash: leafHash(row.leaf) }
    }
    const edge = this.#edge()
    for (let seq = this.from; seq < size; seq++) edge.append(hashOf(seq))
    const tiles = [...edge.takeFullTiles(), ...edge.partialTiles().filter(({ level }) => level > 0)]
    for (let level = 0; level < 6; level++) {
      const index = Math.floor(this.from / tileWidth ** (level + 1))
      db.prepare('DELETE FROM tile WHERE level = ? AND n >= ?').run(level, index)
    }
    const putTile = db.prepare('INSERT OR REPLACE INTO tile VALUES (?, ?, ?)')
    for (const { level, index, hashes } of tiles) putTile.run(level, index, hashes)
    this.setHead(size, edge.root())
    this.#write(size - (size % tileWidth))
    return this
  }

  /** The tree before the rows that are looked at. */
  #edge(): RightEdge {
    const tile = this.db.prepare('SELECT hashes FROM tile WHERE level = ? AND n = ?').pluck()
    return RightEdge.load(this.from, level => {
      const hashes = tile.get(level, Math.floor(this.from / tileWidth ** (level + 1))) as Uint8Array
      return hashes.subarray(0, 32 * partialWidth(level, this.from))
    })
  }

  head(): { size: number; root: Uint8Array } {
    return this.db.prepare('SELECT size, root FROM head').get() as { size: number; root: Uint8Array }
  }

  setHead(size: number, root: Uint8Array): void {
    this.db.prepare('UPDATE head SET size = ?, root = ?').run(size, root)
  }

  /** Cuts the log short, with everything that mentions what was cut. */
  cut(size: number): void {
    this.rewrite(this.rows.length, size)
    this.forget(size)
  }

  /** Takes away what was sealed and signed over more entries than so many. */
  forget(size: number): void {
    for (const table of ['seal', 'checkpoint']) this.db.prepare(`DELETE FROM ${table} WHERE size > ?`).run(size)
  }

  close(): void {
    this.db.close()
  }
}

/** What someone with write access to the file, and the key that opens it, can do: everything. */
import Database from 'better-sqlite3-multiple-ciphers'
import { leafHash } from '../../src/core/hash.ts'
import { RightEdge } from '../../src/core/tree.ts'
import { packContents, packLeaves, unpackContents, unpackLeaves } from '../../src/store/block.ts'

export interface Row {
  leaf: Uint8Array
  content: Uint8Array
  /** The hash that the log keeps of it: in a level 0 tile or in the tail. */
  hash: Uint8Array
}

/** A log's file, open for anything. */
export class Tamper {
  readonly db: Database
  /** By number; a hole is an entry that is not there. */
  rows: (Row | undefined)[] = []

  constructor(file: string, key: Uint8Array | undefined) {
    this.db = new Database(file)
    if (key !== undefined) {
      for (const setting of ["cipher='sqlcipher'", 'legacy=4']) this.db.pragma(setting)
      this.db.pragma(`key="x'${Buffer.from(key).toString('hex')}'"`)
    }
    const blocks = this.db.prepare('SELECT first, leaves.data, content.data FROM leaves JOIN content USING (first)')
    for (const [first, leaves, content] of blocks.raw().all() as [number, Buffer, Buffer][]) {
      const contents = unpackContents(content)
      unpackLeaves(leaves).forEach((leaf, i) => {
        const tile = this.db.prepare('SELECT hashes FROM tile WHERE level = 0 AND n = ?').pluck()
        const hashes = tile.get(Math.floor(first / 256)) as Buffer
        const at = ((first + i) % 256) * 32
        this.rows[first + i] = { leaf, content: contents[i]!, hash: hashes.subarray(at, at + 32) }
      })
    }
    const tail = this.db.prepare('SELECT seq, leaf, content, hash FROM tail').all() as ({ seq: number } & Row)[]
    for (const { seq, ...row } of tail) this.rows[seq] = row
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

  /** Writes the rows back: blocks, tail, and level 0 hashes as they are in the rows. */
  save(): this {
    const { db, rows } = this
    const blocked = (db.prepare('SELECT coalesce(max(first) + 32, 0) FROM leaves').pluck().get() as number) || 0
    const tiles = new Map<number, Buffer>()
    const kept = db.prepare('SELECT n, hashes FROM tile WHERE level = 0').raw().all() as [number, Buffer][]
    for (const [n, hashes] of kept) tiles.set(n, Buffer.from(hashes))
    db.exec('DELETE FROM leaves; DELETE FROM content; DELETE FROM tail')
    for (let first = 0; first < blocked; first += 32) {
      const block = rows.slice(first, first + 32).filter(row => row !== undefined)
      db.prepare('INSERT INTO leaves VALUES (?, ?)').run(first, packLeaves(block.map(({ leaf }) => leaf)))
      db.prepare('INSERT INTO content VALUES (?, ?)').run(first, packContents(block.map(({ content }) => content)))
    }
    rows.forEach((row, seq) => {
      if (row === undefined) return
      const tile = tiles.get(Math.floor(seq / 256))
      if (seq < blocked) tile?.set(row.hash, (seq % 256) * 32)
      else db.prepare('INSERT INTO tail VALUES (?, ?, ?, ?)').run(seq, row.hash, row.leaf, row.content)
    })
    for (const [n, hashes] of tiles) db.prepare('UPDATE tile SET hashes = ? WHERE level = 0 AND n = ?').run(hashes, n)
    return this
  }

  /** Makes links, hashes, tiles and head follow from the leaves, from entry `from` on: a rewriting without a seam. */
  rewrite(from: number, size = this.rows.length): this {
    const { db, rows } = this
    rows.length = size
    for (let seq = Math.max(from, 1); seq < size; seq++) {
      this.edit(seq, { seq, previousHash: Buffer.from(leafHash(rows[seq - 1]!.leaf)).toString('hex') })
      rows[seq]!.hash = leafHash(rows[seq]!.leaf)
    }
    const edge = RightEdge.empty()
    for (const row of rows) edge.append(row!.hash)
    const tiles = [...edge.takeFullTiles(), ...edge.partialTiles().filter(({ level }) => level > 0)]
    const blocked = size - (size % 256)
    db.exec('DELETE FROM tile; DELETE FROM leaves; DELETE FROM content; DELETE FROM tail')
    for (const { level, index, hashes } of tiles)
      db.prepare('INSERT INTO tile VALUES (?, ?, ?)').run(level, index, hashes)
    for (let first = 0; first < blocked; first += 32) {
      db.prepare('INSERT INTO leaves VALUES (?, ?)').run(first, packLeaves([]))
      db.prepare('INSERT INTO content VALUES (?, ?)').run(first, packContents([]))
    }
    db.prepare('UPDATE head SET size = ?, root = ?').run(size, edge.root())
    return this.save()
  }

  close(): void {
    this.db.close()
  }
}

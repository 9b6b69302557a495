/**
 * Four ways to cheat, done to copies of the log by someone who has everything but the signing keys: the file, the driver,
 * and the key that decrypts it.
 */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { RightEdge } from '../../src/core/tree.ts'

export interface Tampering {
  readonly what: string
  /** What `verify` must find, and where. */
  readonly finding: string
  readonly seq: number
  /** The first entry that can no longer be trusted, where it is another. */
  readonly untrusted?: number
}

/** A copy of a log's file; its keys and their anchor stay where they are. */
export function copyLog(file: string, name: string): string {
  const copy = join(file, '..', name)
  for (const end of ['', '-wal']) if (existsSync(file + end)) cpSync(file + end, copy + end)
  return copy
}

/** Opens the encrypted file as any SQLCipher tool does that has its key. */
function withDatabase<T>(file: string, keys: string, work: (db: Database) => T): T {
  const db = new Database(file)
  try {
    db.pragma("cipher='sqlcipher'")
    db.pragma('legacy=4')
    db.pragma(`key="x'${readFileSync(join(keys, 'storage.key'), 'utf8').trim()}'"`)
    db.exec('BEGIN')
    const result = work(db)
    db.exec('COMMIT')
    return result
  } finally {
    db.close()
  }
}

/** One word in one entry. */
export function changeOutcome(file: string, keys: string, seq: number): Tampering {
  withDatabase(file, keys, db => {
    const leaf = db.prepare('SELECT leaf FROM tail WHERE seq = ?').pluck().get(seq) as Uint8Array
    const forged = Buffer.from(leaf).toString('utf8').replace('"outcome":"success"', '"outcome":"denied"')
    db.prepare('UPDATE tail SET leaf = ? WHERE seq = ?').run(Buffer.from(forged), seq)
  })
  return { what: `entry ${seq} now says "denied" instead of "success"`, finding: 'hash_mismatch', seq }
}

/** One entry, as if it had never been. */
export function deleteEntry(file: string, keys: string, seq: number): Tampering {
  withDatabase(file, keys, db => db.prepare('DELETE FROM tail WHERE seq = ?').run(seq))
  return { what: `entry ${seq} is deleted`, finding: 'missing_entry', seq }
}

/** The newest entries, and everything in the file that mentions them. */
export function cutNewest(file: string, keys: string, count: number): Tampering {
  const size = withDatabase(file, keys, db => {
    const { size } = db.prepare('SELECT size FROM head').get() as { size: number }
    // Cut where a commit ended, so that the newest seal is genuine.
    const end = db
      .prepare('SELECT max(size) FROM seal WHERE size <= ?')
      .pluck()
      .get(size - count) as number
    const hashes = db.prepare('SELECT hash FROM tail WHERE seq < ? ORDER BY seq').pluck().all(end) as Uint8Array[]
    const edge = RightEdge.empty()
    for (const hash of hashes) edge.append(hash)
    db.prepare('DELETE FROM tail WHERE seq >= ?').run(end)
    db.prepare('DELETE FROM seal WHERE size > ?').run(end)
    db.prepare('DELETE FROM checkpoint WHERE size > ?').run(end)
    db.prepare('UPDATE head SET size = ?, root = ?').run(end, edge.root())
    return end
  })
  const what = `the newest ${count} entries are cut off, with everything that mentions them`
  // The checkpoint over them is gone too, which leaves what is left unsigned.
  return { what, finding: 'rollback', seq: size, untrusted: size - 1 }
}

/** Nothing is forged at all: a genuine copy from earlier is put back. */
export function putBack(size: number): Tampering {
  return { what: 'the copy from noon is put back, genuine to the last signature', finding: 'rollback', seq: size }
}

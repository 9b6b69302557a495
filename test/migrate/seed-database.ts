/** A log of the seed, as its own logger would have written it: its two tables, its hashes, its random key. */
import { createHash, randomUUID } from 'node:crypto'
import Database from 'better-sqlite3-multiple-ciphers'

const entriesTable = `CREATE TABLE IF NOT EXISTS audit_entries (
  entry_id TEXT PRIMARY KEY, timestamp TEXT NOT NULL, operation TEXT NOT NULL, component TEXT NOT NULL, memory_id TEXT,
  user_context TEXT NOT NULL, operation_result TEXT NOT NULL, governance_status TEXT, performance_metrics TEXT,
  security_level TEXT NOT NULL DEFAULT 'standard', compliance_flags TEXT, previous_hash TEXT,
  entry_hash TEXT NOT NULL UNIQUE, salt TEXT NOT NULL, created_at REAL NOT NULL DEFAULT (julianday('now')))`
const chainTable = `CREATE TABLE IF NOT EXISTS hash_chain (
  chain_position INTEGER PRIMARY KEY, entry_id TEXT NOT NULL, entry_hash TEXT NOT NULL UNIQUE, timestamp REAL NOT NULL,
  verification_key_hash TEXT NOT NULL, FOREIGN KEY (entry_id) REFERENCES audit_entries(entry_id))`

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export type SeedColumnsGiven = { readonly [column: string]: unknown }

/** Writes `rows`, each with what is given of it, behind what stands in the file. */
export class SeedDatabase {
  readonly db: Database
  readonly #key = sha256(randomUUID()).slice(0, 32)

  constructor(file: string) {
    this.db = new Database(file)
    this.db.exec(`PRAGMA journal_mode=WAL; PRAGMA foreign_keys=OFF; ${entriesTable}; ${chainTable}`)
  }

  add(...rows: SeedColumnsGiven[]): string[] {
    const ids: string[] = []
    for (const given of rows) {
      const position = this.db
        .prepare('SELECT coalesce(max(chain_position), -1) + 1 FROM hash_chain')
        .pluck()
        .get() as number
      const last = this.db
        .prepare('SELECT entry_hash FROM hash_chain WHERE chain_position = ?')
        .pluck()
        .get(position - 1)
      const row: Record<string, unknown> = {
        entry_id: randomUUID(),
        timestamp: `2025-07-22T10:00:${String(position % 60).padStart(2, '0')}.123456+00:00`,
        operation: ['remember', 'recall', 'forget'][position % 3],
        component: 'memmimic_storage',
        memory_id: `mem_${position}`,
        user_context: JSON.stringify({ user_id: `user ${position % 4}` }),
        operation_result: JSON.stringify({ success: true, n: position }),
        governance_status: 'approved',
        performance_metrics: '{"duration_ms": 1.25}',
        security_level: 'standard',
        compliance_flags: '["audit_required"]',
        previous_hash: last ?? null,
        salt: sha256(`salt ${position}`).slice(0, 16),
        ...given,
      }
      row.entry_hash ??= sha256(`${randomUUID()}:${row.salt}:${this.#key}`)
      const names = Object.keys(row)
      this.db
        .prepare(`INSERT INTO audit_entries (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
        .run(...Object.values(row))
      // The tables let an entry be without an id, but not a place.
      if (row.entry_id === null) continue
      this.db
        .prepare('INSERT INTO hash_chain VALUES (?, ?, ?, ?, ?)')
        .run(position, row.entry_id, row.entry_hash, 1_753_178_400.5 + position, sha256(this.#key))
      ids.push(row.entry_id as string)
    }
    return ids
  }

  close(): void {
    this.db.close()
  }
}

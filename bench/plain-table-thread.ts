/** The worker of the plain table: commits what waits, a thousand rows at most, and answers. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { type Connection, openSqliteFile, type Schema } from '../src/store/sqlite-file.ts'
import { serve } from '../src/threads/rpc.ts'
import { type PackedRows, type PlainTableOptions, textsPerRow } from './plain-table.ts'

/** As the log's group commit. */
const maxGroup = 1000

const { file, key, cipher = 'sqlcipher', idIndex } = workerData as PlainTableOptions

const schema: Schema = {
  applicationId: 0x706c6169,
  migrations: [
    `CREATE TABLE audit (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL,
       operation TEXT NOT NULL, component TEXT NOT NULL, outcome TEXT, level TEXT NOT NULL, actor TEXT, principal TEXT,
       memory_id TEXT, session TEXT, entry TEXT NOT NULL);
     CREATE INDEX audit_operation ON audit (operation);
     CREATE INDEX audit_component ON audit (component);
     CREATE INDEX audit_actor ON audit (actor) WHERE actor IS NOT NULL;
     CREATE INDEX audit_principal ON audit (principal) WHERE principal IS NOT NULL;
     CREATE INDEX audit_memory ON audit (memory_id) WHERE memory_id IS NOT NULL;
     CREATE INDEX audit_session ON audit (session) WHERE session IS NOT NULL;
     CREATE INDEX audit_kind ON audit (kind) WHERE kind <> 'event';
     CREATE INDEX audit_outcome ON audit (outcome) WHERE outcome <> 'success';
     CREATE INDEX audit_level ON audit (level) WHERE level <> 'internal';
     CREATE TABLE audit_flag (flag TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (flag, seq)) WITHOUT ROWID;
     ${idIndex ? 'CREATE UNIQUE INDEX audit_id ON audit (id);' : ''}`,
  ],
}

interface Waiting {
  readonly rows: PackedRows
  resolve(first: number): void
  reject(error: unknown): void
}

let db: Connection
let sql: ReturnType<typeof statements>
let size = 0
const queue: Waiting[] = []
let running = false

function statements(connection: Connection) {
  return {
    begin: connection.prepare('BEGIN IMMEDIATE'),
    commit: connection.prepare('COMMIT'),
    rollback: connection.prepare('ROLLBACK'),
    add: connection.prepare('INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    addFlag: connection.prepare('INSERT INTO audit_flag VALUES (?, ?)'),
  }
}

serve({
  open() {
    db = openSqliteFile({ file, key, cipher, schema, mode: 'create', synchronous: 'FULL' })
    // As much as the log and its index have together, and as rare checkpoints as the index.
    db.pragma('cache_size=-40000')
    db.pragma('wal_autocheckpoint=4000')
    sql = statements(db)
  },
  append: (rows: PackedRows) =>
    new Promise<number>((resolve, reject) => {
      queue.push({ rows, resolve, reject })
      if (!running) void run()
    }),
  close() {
    db.close()
  },
})

async function run(): Promise<void> {
  running = true
  await nextTurn()
  while (queue.length > 0) {
    commit(takeGroup())
    await nextTurn()
  }
  running = false
}

function takeGroup(): Waiting[] {
  let rows = 0
  let count = 0
  while (count < queue.length && (count === 0 || rows + queue[count]!.rows.times.length <= maxGroup)) {
    rows += queue[count]!.rows.times.length
    count++
  }
  return queue.splice(0, count)
}

function commit(group: readonly Waiting[]): void {
  const start = size
  const firsts: number[] = []
  try {
    sql.begin.run()
    for (const { rows } of group) {
      firsts.push(size)
      write(rows)
    }
    sql.commit.run()
  } catch (error) {
    size = start
    if (db.inTransaction) sql.rollback.run()
    for (const { reject } of group) reject(error)
    return
  }
  for (let i = 0; i < group.length; i++) group[i]!.resolve(firsts[i]!)
}

function write({ text, lengths, times, flags }: PackedRows): void {
  let read = 0
  let at = 0
  const take = () => {
    const from = read
    read += lengths[at++]!
    return text.slice(from, read)
  }
  const orNull = (value: string) => (value === '' ? null : value)
  for (let i = 0; i < times.length; i++, at = i * textsPerRow) {
    const seq = size++
    const id = take()
    const kind = take()
    const operation = take()
    const component = take()
    const outcome = orNull(take())
    const level = take()
    const actor = orNull(take())
    const principal = orNull(take())
    const memory = orNull(take())
    const session = orNull(take())
    sql.add.run(
      seq,
      id,
      times[i]!,
      kind,
      operation,
      component,
      outcome,
      level,
      actor,
      principal,
      memory,
      session,
      take(),
    )
    for (const flag of flags[i] ?? []) sql.addFlag.run(flag, seq)
  }
}

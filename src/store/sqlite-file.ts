/**
 * An SQLite file as this project opens it: encrypted as a whole, in WAL mode, of a known schema, with every error as one
 * sentence. The log and its index are two such files.
 */
import { chmodSync, closeSync, constants, copyFileSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import Database from 'better-sqlite3-multiple-ciphers'
import { AuditError } from '../core/errors.ts'

export type Connection = Database

/** What a file is made of, by version: `migrations[n]` leads from version n to n + 1. */
export interface Schema {
  /** Written into the file's header, so that a stranger's database is told apart. */
  readonly applicationId: number
  readonly migrations: readonly string[]
}

export interface OpenOptions {
  readonly file: string
  /** 32 bytes for a file encrypted as a whole; `undefined` for a plain one. */
  readonly key: Uint8Array | undefined
  /** By what: `sqlcipher`, which other programs can open, unless given. */
  readonly cipher?: keyof typeof ciphers
  readonly schema: Schema
  /** `create`: must not exist yet. `write`: must exist. `read`: must exist, and nothing is written. */
  readonly mode: 'create' | 'write' | 'read'
  /** `FULL`: a commit is on the disk when it returns. `NORMAL`: it may be lost, but only whole, at a power cut. */
  readonly synchronous: 'FULL' | 'NORMAL'
  /** Whether what is deleted is also overwritten. */
  readonly secureDelete?: boolean
}

/** How long a writer waits for another process's commit, in milliseconds. */
const lockTimeout = 10_000

/** The parameters of SQLCipher 4 and of AEGIS, one by one, so that no later default can change what a file is. */
const ciphers = {
  sqlcipher: [
    "cipher='sqlcipher'",
    'legacy=4',
    'legacy_page_size=4096',
    'kdf_iter=256000',
    'fast_kdf_iter=2',
    'hmac_use=1',
    'hmac_pgno=1',
    'hmac_salt_mask=58',
    'kdf_algorithm=2',
    'hmac_algorithm=2',
    'plaintext_header_size=0',
  ],
  aegis: ["cipher='aegis'", "algorithm='aegis-256'", 'plaintext_header_size=0'],
}

/**
 * Opens a file, creates it, or brings it forward to today's schema inside one transaction.
 *
 * @throws AuditError `not_found`, `already_exists`, `bad_key`, `bad_format`, `newer_schema`, `busy`, `io`
 */
export function openSqliteFile(options: OpenOptions): Connection {
  const { file, mode } = options
  checkPlace(options)
  const before = mode === 'create' ? undefined : identityOf(file)
  const connection = asAuditError(file, () => new Database(file, { readonly: mode === 'read', timeout: lockTimeout }))
  try {
    asAuditError(file, () => {
      if (mode === 'create') chmodSync(file, 0o600)
      prepare(connection, options, before)
    })
    return connection
  } catch (error) {
    connection.close()
    // Looked at only now: closing a file that this process has open elsewhere would let go of the locks on it.
    const isPlain = error instanceof AuditError && error.code === 'bad_key' && startsAsPlainSqlite(file)
    if (!isPlain) throw error
    const message = `${file} is an unencrypted database, but this log was made encrypted`
    throw new AuditError('bad_format', message, { cause: error })
  }
}

/** What tells a file from another that takes its name; `undefined` where there is none. */
export function identityOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  return found && `${found.dev} ${found.ino}`
}

/**
 * Opens a database of somebody else's, which is not encrypted: for reading only, and nothing in its schema is run.
 *
 * @throws AuditError `not_found`, `bad_format`, `busy`, `io`
 */
export function openForeignFile(file: string): Connection {
  if (!existsSync(file)) throw new AuditError('not_found', `there is no file ${file}`)
  if (!statSync(file).isFile() || !startsAsPlainSqlite(file)) {
    throw new AuditError('bad_format', `${file} is not an SQLite database`)
  }
  return asAuditError(file, () => {
    const connection = new Database(file, { readonly: true, timeout: lockTimeout })
    connection.pragma('trusted_schema=OFF')
    return connection
  })
}

/**
 * Copies a file as it is at one moment, with its write-ahead log, while others may write it. Nothing of it is changed.
 *
 * @throws AuditError `not_found`, `bad_key`, `bad_format`, `busy`, `io`
 */
export function copySqliteFile(file: string, key: Uint8Array | undefined, to: string): void {
  if (!existsSync(file)) throw new AuditError('not_found', `there is no file ${file}`)
  asAuditError(file, () => {
    const connection = new Database(file, { readonly: true, timeout: lockTimeout })
    try {
      if (key !== undefined) unlock(connection, key, 'sqlcipher')
      // While this moment is being read, what the write-ahead log has of it is not taken out of there: the file first, then
      // the write-ahead log, and whatever was moved from one to the other meanwhile is in both.
      connection.exec('BEGIN')
      connection.prepare('SELECT count(*) FROM sqlite_schema').get()
      for (const end of ['', '-wal']) {
        if (existsSync(file + end)) copyFileSync(file + end, to + end, constants.COPYFILE_FICLONE)
      }
      connection.exec('COMMIT')
    } finally {
      connection.close()
    }
  })
  for (const end of ['', '-wal']) if (existsSync(to + end)) chmodSync(to + end, 0o600)
}

function unlock(connection: Connection, key: Uint8Array, cipher: keyof typeof ciphers): void {
  for (const setting of ciphers[cipher]) connection.pragma(setting)
  connection.pragma(`key="x'${Buffer.from(key).toString('hex')}'"`)
}

function checkPlace({ file, mode }: OpenOptions): void {
  const there = existsSync(file)
  if (mode === 'create') {
    if (there) throw new AuditError('already_exists', `${file} is there already`)
    return
  }
  if (!there) throw new AuditError('not_found', `there is no log at ${file}: make one with init`)
  if (!statSync(file).isFile()) throw new AuditError('bad_format', `${file} is not a file`)
}

function startsAsPlainSqlite(file: string): boolean {
  const head = Buffer.alloc(16)
  const fd = asAuditError(file, () => openSync(file, 'r'))
  try {
    readSync(fd, head, 0, 16, 0)
  } finally {
    closeSync(fd)
  }
  return head.toString('latin1') === 'SQLite format 3\0'
}

/** @param identity of the file that was to be opened; of one that is made now, `undefined` */
function prepare(connection: Connection, options: OpenOptions, identity: string | undefined): void {
  const { file, key, cipher = 'sqlcipher', schema, mode, synchronous, secureDelete } = options
  if (key !== undefined) unlock(connection, key, cipher)
  const pragma = (name: string) => connection.pragma(name, { simple: true }) as number
  if (mode === 'create') connection.pragma('page_size=4096')
  else {
    // The first look into the file waits for whoever has it to himself: he may put another in its place.
    const applicationId = pragma('application_id')
    if (identityOf(file) !== identity) throw new AuditError('busy', `${file} was replaced at this moment: try again`)
    if (applicationId !== schema.applicationId) {
      throw new AuditError('bad_format', `${file} is a database, but not one of memmimic-audit`)
    }
  }
  if (mode !== 'read') connection.pragma('journal_mode=WAL')
  connection.pragma(`synchronous=${synchronous}`)
  connection.pragma('cache_size=-8000')
  if (secureDelete) connection.pragma('secure_delete=ON')

  const latest = schema.migrations.length
  const version = pragma('user_version')
  if (version > latest) {
    throw new AuditError(
      'newer_schema',
      `${file} has schema ${version}; this release knows ${latest}: use a newer memmimic-audit`,
    )
  }
  if (version === latest) {
    checkSchema(connection, options, version)
    return
  }
  if (mode === 'read') {
    // Questions are answered in today's schema only: whoever may write brings the file forward first.
    openSqliteFile({ ...options, mode: 'write' }).close()
    return
  }
  connection.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have been here while this one waited for the lock.
    const from = pragma('user_version')
    if (mode !== 'create') checkSchema(connection, options, from)
    for (const step of schema.migrations.slice(from)) connection.exec(step)
    connection.pragma(`application_id=${schema.applicationId}`)
    connection.pragma(`user_version=${latest}`)
    connection.exec('COMMIT')
  } catch (error) {
    connection.exec('ROLLBACK')
    throw error
  }
}

const objects = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name'

/** What the schema of a file is, by what makes it and its version. */
const objectsOf = new WeakMap<Schema, Map<number, string>>()

/**
 * Whether the tables of a file are exactly those that the migrations up to a version make. A trigger or a view that someone
 * else put there would run whenever something is written or read.
 */
export function isAsMade(connection: Connection, schema: Schema, version = schema.migrations.length): boolean {
  const known = objectsOf.get(schema) ?? new Map<number, string>()
  objectsOf.set(schema, known)
  if (version > 0 && !known.has(version)) {
    const model = new Database(':memory:')
    for (const step of schema.migrations.slice(0, version)) model.exec(step)
    known.set(version, JSON.stringify(model.prepare(objects).raw().all()))
    model.close()
  }
  return JSON.stringify(connection.prepare(objects).raw().all()) === known.get(version)
}

function checkSchema(connection: Connection, { file, schema }: OpenOptions, version: number): void {
  if (isAsMade(connection, schema, version)) return
  throw new AuditError('bad_format', `${file} has tables, triggers or views that are not its own: it was changed`)
}

/** Runs `work`, and says in one sentence what the database or the file system had against it. */
export function asAuditError<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw toAuditError(file, error)
  }
}

/** An error of the engine or of the file system as one of ours; any other is handed back as it is. */
export function toAuditError(file: string, error: unknown): unknown {
  const code = (error as { code?: unknown }).code
  if (error instanceof AuditError || typeof code !== 'string') return error
  const say = (kind: 'busy' | 'io' | 'bad_key' | 'bad_format', sentence: string) =>
    new AuditError(kind, sentence, { cause: error })
  if (code.startsWith('SQLITE_BUSY')) return say('busy', `${file} is locked by another process: try again`)
  if (code === 'SQLITE_NOTADB') {
    return say(
      'bad_key',
      `${file} cannot be read with this key: the key is wrong, or the file is not a memmimic-audit log`,
    )
  }
  if (code.startsWith('SQLITE_CORRUPT')) return say('bad_format', `${file} is damaged: restore it from a backup`)
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') return say('io', `the disk is full: ${file} could not be written`)
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return say('io', `${file} may not be written: check the permissions of the file and of its folder`)
  }
  if (code.startsWith('SQLITE_CANTOPEN')) {
    return say('io', `${file} could not be opened: check that its folder exists and may be written`)
  }
  if (code.startsWith('SQLITE_IOERR')) return say('io', `the disk failed while ${file} was used (${code})`)
  return code.startsWith('SQLITE_') ? say('io', `${file}: ${(error as Error).message}`) : error
}

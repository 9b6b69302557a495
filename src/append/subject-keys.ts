/**
 * Keys of the people whom entries are about: one AES-256 key a subject, kept with the keys of the log and not in it. The
 * content of an entry is encrypted under the keys of all its subjects together, so that destroying one of them makes it
 * unreadable everywhere, in every backup of the log too.
 *
 *     envelope = ff ff ff ff ‖ 01 ‖ n ‖ n × 16 bytes of key id ‖ 12 bytes of nonce ‖ 16 bytes of tag ‖ ciphertext
 *     key      = HKDF-SHA-256( the n keys, in the order of their ids, "memmimic-audit/subject", 32 )
 *
 * A content begins with a length, and none is 2³² − 1: an envelope is never taken for one. Leaves and commitments are
 * made of the value itself and know nothing of this.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toHex, utf8 } from '../core/bytes.ts'
import type { Json } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { hkdfSha256, hmacSha256, sha256Hex } from '../core/primitives.ts'
import { parseContent, parsePreimage } from '../core/sealed.ts'
import { identitiesOf } from '../core/view.ts'
import { asAuditError, type Connection, openSqliteFile, type Schema } from '../store/sqlite-file.ts'
import { systemWorld, type World } from './clock.ts'

const schema: Schema = {
  applicationId: 0x6d6d6b31,
  migrations: [
    `CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), secret BLOB NOT NULL, paths TEXT NOT NULL);
     CREATE TABLE key (id BLOB PRIMARY KEY, subject BLOB NOT NULL, key BLOB NOT NULL, retired INTEGER NOT NULL) WITHOUT ROWID;
     CREATE UNIQUE INDEX key_subject ON key (subject) WHERE retired = 0;`,
  ],
}

const mark = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1)
const idLength = 16
const nonceLength = 12
const tagLength = 16
const maxRemembered = 10_000

export interface SubjectKeysOptions {
  /** The folder of the log's keys. */
  readonly folder: string
  /** The storage key of the log, which encrypts this file too; `undefined` for a log that is not encrypted. */
  readonly storage: Uint8Array | undefined
}

/** What an erasure needs of them. */
export type ErasableKeys = Pick<SubjectKeys, 'retire' | 'destroy'>

function fileIn(folder: string): string {
  return join(folder, 'subjects.db')
}

/**
 * Switches subject keys on, for everything that is written from now on.
 *
 * @param paths where in `userContext` the id of a person stands, such as `userId`
 * @throws AuditError `already_exists`, `io`
 */
export function createSubjectKeys(
  { folder, storage }: SubjectKeysOptions,
  paths: readonly string[],
  world: World,
): void {
  const db = openSqliteFile({ file: fileIn(folder), key: storage, schema, mode: 'create', synchronous: 'FULL' })
  db.prepare('INSERT INTO meta VALUES (1, ?, ?)').run(world.random(32), JSON.stringify(paths))
  db.close()
}

interface Key {
  readonly id: Buffer
  readonly key: Buffer
}

/**
 * Opens the keys of the subjects of a log; `undefined` where they have none.
 *
 * @throws AuditError `bad_key`, `bad_format`, `io`
 */
export function openSubjectKeys(
  { folder, storage }: SubjectKeysOptions,
  mode: 'read' | 'write',
  world: World = systemWorld(),
): SubjectKeys | undefined {
  const file = fileIn(folder)
  if (!existsSync(file)) return undefined
  const db = openSqliteFile({ file, key: storage, schema, mode, synchronous: 'FULL', secureDelete: true })
  try {
    return new SubjectKeys(file, db, length => world.random(length))
  } catch (error) {
    db.close()
    throw error
  }
}

export class SubjectKeys {
  readonly #file: string
  readonly #db: Connection
  readonly #random: (length: number) => Uint8Array
  readonly #secret: Uint8Array
  readonly #paths: readonly string[]
  readonly #sql: ReturnType<typeof statements>
  /** The keys in use, by subject, as they were at `#version` of the file. */
  #bySubject = new Map<string, Key>()
  #byId = new Map<string, Buffer>()
  #version: unknown

  constructor(file: string, db: Connection, random: (length: number) => Uint8Array) {
    this.#file = file
    this.#db = db
    this.#random = random
    const meta = this.#ask(() => db.prepare('SELECT secret, paths FROM meta').get()) as {
      secret: unknown
      paths: unknown
    }
    const paths = pathsIn(meta?.paths)
    if (!(meta?.secret instanceof Uint8Array) || meta.secret.length !== 32 || paths === undefined) {
      throw new AuditError('bad_format', `${file} is damaged: it does not say whose keys it holds`)
    }
    this.#secret = meta.secret
    this.#paths = paths
    this.#sql = this.#ask(() => statements(db))
  }

  #ask<T>(question: () => T): T {
    return asAuditError(this.#file, question)
  }

  /** A content as it is kept: encrypted under the keys of those whom it is about; as it is when it is about nobody. */
  seal(content: Uint8Array): Uint8Array {
    const subjects = content.length === 0 ? [] : this.#subjectsOf(content)
    if (subjects.length === 0) return content
    this.#lookAgain()
    const keys = subjects.map(subject => this.#keyOf(subject)).sort((a, b) => Buffer.compare(a.id, b.id))
    const nonce = this.#random(nonceLength)
    const cipher = createCipheriv('aes-256-gcm', combined(keys.map(({ key }) => key)), nonce)
    const sealed = Buffer.concat([cipher.update(content), cipher.final()])
    const ids = keys.map(({ id }) => id)
    return Buffer.concat([mark, Uint8Array.of(keys.length), ...ids, nonce, cipher.getAuthTag(), sealed])
  }

  /** A content that was kept, open; empty when a key of it is destroyed. What is no envelope is given as it is. */
  open(kept: Uint8Array): Uint8Array {
    if (!mark.every((byte, i) => kept[i] === byte)) return kept
    this.#lookAgain()
    const count = kept[mark.length] ?? 0
    let at = mark.length + 1
    const keys: Buffer[] = []
    for (let i = 0; i < count; i++, at += idLength) {
      const key = this.#keyById(Buffer.from(kept.subarray(at, at + idLength)))
      if (key === undefined) return new Uint8Array(0)
      keys.push(key)
    }
    const nonce = kept.subarray(at, at + nonceLength)
    const tag = kept.subarray(at + nonceLength, at + nonceLength + tagLength)
    try {
      const decipher = createDecipheriv('aes-256-gcm', combined(keys), nonce).setAuthTag(tag)
      const content = decipher.update(kept.subarray(at + nonceLength + tagLength))
      return Buffer.concat([content, decipher.final()])
    } catch {
      // Changed in the file: the check says of the bytes that they are no content.
      return kept
    }
  }

  /**
   * Takes a subject's key out of use: what is written from now on gets another. What was written under it can still be
   * read, until it is destroyed.
   *
   * @returns the SHA-256 of each key that waits to be destroyed, 64 hex digits
   */
  retire(subject: string): string[] {
    const name = this.#nameOf(subject)
    this.#ask(() => this.#sql.retire.run(name))
    this.#bySubject.clear()
    return this.#ask(() => this.#sql.retired.all(name) as Buffer[]).map(sha256Hex)
  }

  /** Destroys the keys that were retired: the rows, the free pages and the write-ahead log no longer have them. */
  destroy(subject: string): void {
    this.#ask(() => this.#sql.destroy.run(this.#nameOf(subject)))
    this.#ask(() => this.#db.pragma('wal_checkpoint(TRUNCATE)'))
    this.#bySubject.clear()
    this.#byId.clear()
  }

  close(): void {
    if (this.#db.open) this.#db.close()
  }

  /** Another process may have retired or destroyed a key since: then nothing that is remembered counts. */
  #lookAgain(): void {
    const version = this.#ask(() => this.#db.pragma('data_version', { simple: true }))
    if (version === this.#version && this.#byId.size < maxRemembered) return
    this.#version = version
    this.#bySubject.clear()
    this.#byId.clear()
  }

  #keyOf(subject: string): Key {
    const known = this.#bySubject.get(subject)
    if (known !== undefined) return known
    const name = this.#nameOf(subject)
    // Two processes may meet a new subject at once: the first key stands.
    this.#ask(() => this.#sql.add.run(this.#random(idLength), name, this.#random(32)))
    const key = this.#ask(() => this.#sql.current.get(name)) as Key
    this.#bySubject.set(subject, key)
    this.#byId.set(toHex(key.id), key.key)
    return key
  }

  #keyById(id: Buffer): Buffer | undefined {
    const name = toHex(id)
    const known = this.#byId.get(name)
    if (known !== undefined) return known
    const key = this.#ask(() => this.#sql.byId.get(id)) as Buffer | undefined
    if (key !== undefined) this.#byId.set(name, key)
    return key
  }

  /** The file names nobody: a subject stands in it under a keyed hash. */
  #nameOf(subject: string): Uint8Array {
    return hmacSha256(this.#secret, utf8(subject.slice(subject.indexOf(':') + 1)))
  }

  /** The ids of those whom a content is about, each once. */
  #subjectsOf(content: Uint8Array): string[] {
    const ids = new Set<string>()
    for (const preimage of parseContent(content)) {
      const { name, json } = parsePreimage(preimage)
      if (name === 'actor') for (const { id } of identitiesOf(JSON.parse(json))) ids.add(id)
      if (name !== 'userContext') continue
      const context = JSON.parse(json) as Json
      for (const path of this.#paths) {
        const id = textAt(context, path)
        if (id !== undefined) ids.add(id)
      }
    }
    // The number of keys stands in one byte.
    return [...ids].slice(0, 255)
  }
}

function statements(db: Connection) {
  return {
    add: db.prepare('INSERT INTO key VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING'),
    current: db.prepare('SELECT id, key FROM key WHERE subject = ? AND retired = 0'),
    byId: db.prepare('SELECT key FROM key WHERE id = ?').pluck(),
    retire: db.prepare('UPDATE key SET retired = 1 WHERE subject = ? AND retired = 0'),
    retired: db.prepare('SELECT key FROM key WHERE subject = ? AND retired = 1 ORDER BY id').pluck(),
    destroy: db.prepare('DELETE FROM key WHERE subject = ? AND retired = 1'),
  }
}

function combined(keys: readonly Uint8Array[]): Uint8Array {
  return hkdfSha256(Buffer.concat(keys), utf8('memmimic-audit/subject'), 32)
}

/** The list of paths as it is kept, or `undefined` when it is none. */
function pathsIn(text: unknown): string[] | undefined {
  try {
    const paths: unknown = JSON.parse(String(text))
    return Array.isArray(paths) && paths.every(path => typeof path === 'string') ? paths : undefined
  } catch {
    return undefined
  }
}

/** The text, or the number as a text, at a path of names. */
function textAt(value: Json, path: string): string | undefined {
  let at: unknown = value
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return typeof at === 'string' ? at : typeof at === 'number' ? String(at) : undefined
}

/**
 * Honest logs of every shape: each lived through for real, in a temporary folder, with a clock and randomness of its own.
 *
 * A life is a series of deeds, each done the way the product does it. What it was told on the way (receipts, checkpoints)
 * is kept, so that the log can be held against it afterwards.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { FileAnchor } from '../../src/append/anchor.ts'
import { IdSource } from '../../src/append/clock.ts'
import { GroupCommit } from '../../src/append/group-commit.ts'
import { loadKeys, loadPublicKeys, loadStorageKey } from '../../src/append/keys.ts'
import { writerMark } from '../../src/append/liveness.ts'
import { anchorFile } from '../../src/append/places.ts'
import { Sequencer } from '../../src/append/sequencer.ts'
import { Spill } from '../../src/append/spill.ts'
import { openSubjectKeys } from '../../src/append/subject-keys.ts'
import { SubjectStore } from '../../src/append/subject-store.ts'
import { backupLog } from '../../src/backup/backup.ts'
import { restoreLog } from '../../src/backup/restore.ts'
import { captureEntry, type Draft } from '../../src/core/capture.ts'
import { peekCheckpoint } from '../../src/core/checkpoint.ts'
import type { EntryInput, Receipt } from '../../src/core/entry.ts'
import { sha256Hex } from '../../src/core/primitives.ts'
import { epochMicros } from '../../src/core/seal.ts'
import { importSeedFile } from '../../src/migrate/seed-import.ts'
import { archiveTo } from '../../src/retention/archive.ts'
import { eraseSubject } from '../../src/retention/erasure.ts'
import { placeHold, releaseHold } from '../../src/retention/holds.ts'
import { runRetention } from '../../src/retention/retention.ts'
import { defaultErasureSettings, defaultRetentionSettings } from '../../src/retention/settings.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { type OpenedParts, openParts } from '../../src/system.ts'
import { FaultStore, fixedWorld } from '../../src/testing.ts'
import { SeedDatabase } from '../migrate/seed-database.ts'
import { sample } from './log.ts'

export interface LifeOptions {
  readonly encryption?: 'none'
  /** Whether each subject has a key of their own. */
  readonly subjectKeys?: boolean
}

const origin = 'example.com/shapes'
const hour = 3600e6
const day = 24 * hour

export class Life {
  readonly folder = mkdtempSync(join(tmpdir(), 'memmimic-audit-shape-'))
  readonly file = join(this.folder, 'audit.db')
  readonly keysFolder = join(this.folder, 'keys')
  readonly world = fixedWorld()
  /** K₀, as it was shown once. */
  sealKey = ''
  /** Every checkpoint that was ever heard of. */
  readonly notes = new Set<string>()
  /** The leaf hash of each entry that was acknowledged, by number. */
  readonly acknowledged = new Map<number, string>()
  readonly #options: LifeOptions
  #parts: OpenedParts | undefined
  #appended = 0

  private constructor(options: LifeOptions) {
    this.#options = options
  }

  static async begin(options: LifeOptions = {}): Promise<Life> {
    const life = new Life(options)
    await life.parts()
    return life
  }

  /** The log, open: opened again when it is closed. */
  async parts(): Promise<OpenedParts> {
    const { encryption, subjectKeys } = this.#options
    this.#parts ??= await openParts({
      file: this.file,
      keys: this.keysFolder,
      origin,
      encryption,
      ...(subjectKeys && { subjectPaths: ['userId'] }),
      threads: false,
      closeOnExit: false,
      world: this.world,
      checkpoints: { everyEntries: 1e9, everyMs: 1e9 },
      onCreate: ({ sealKey }) => {
        this.sealKey = sealKey
      },
      onNotice: () => {},
    })
    return this.#parts
  }

  /** Closes the log, as at the end of a process; the next deed opens it again. */
  async rest(): Promise<void> {
    const parts = this.#parts
    this.#parts = undefined
    await parts?.log.close()
    const store = this.store()
    for await (const { note } of store.checkpoints(0, Number.MAX_SAFE_INTEGER)) this.notes.add(note)
    await store.close()
  }

  async dispose(): Promise<void> {
    await this.#parts?.log.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** The log as it is kept, for reading. */
  store(): Store {
    return storeAt(this.file, this.keysFolder)
  }

  /** Moves what stands in write-ahead logs into the files themselves. The log must rest. */
  settle(): void {
    const store = openSqliteStore({ file: this.file, key: loadStorageKey(this.keysFolder), mode: 'write' })
    store.checkpointFile()
    store.close()
  }

  #heard(receipts: readonly Receipt[]): void {
    for (const { seq, entryHash } of receipts) if (seq >= 0) this.acknowledged.set(seq, entryHash)
  }

  // Deeds

  /** Entries with something of everything, committed together. */
  async together(count: number, change: Partial<EntryInput> = {}): Promise<void> {
    const { log } = await this.parts()
    const entry = () => ({ ...sample(this.#appended++), ...change })
    this.#heard(await Promise.all(Array.from({ length: count }, () => log.append(entry()))))
  }

  /** The same, one commit each. */
  async oneByOne(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.together(1)
  }

  /** Entries about people, who can be erased. */
  async about(person: string, count: number): Promise<void> {
    const secret = `what only ${person} knows`
    await this.together(count, { actor: { type: 'user', id: person }, userContext: { userId: person, secret } })
  }

  /** Values of many kilobytes, some that compress and some that do not. */
  async largeValues(): Promise<void> {
    const { log } = await this.parts()
    for (const kilobytes of [1, 5, 70]) {
      const noise = Buffer.from(this.world.random(kilobytes * 768)).toString('base64')
      const userContext = { plain: 'ä'.repeat(kilobytes * 512), noise }
      this.#heard([await log.append({ operation: 'store', component: 'memory', userContext })])
    }
  }

  /** Entries with nothing sealed. */
  async bare(count: number): Promise<void> {
    const { log } = await this.parts()
    for (let i = 0; i < count; i++) {
      const entry = { operation: 'tick', component: 'clock', performanceMetrics: { lag: i / 4 } }
      this.#heard([await log.append(entry)])
    }
  }

  /** Actions announced and ended, in all three ways. */
  async calls(): Promise<void> {
    const { log } = await this.parts()
    const begin = () => log.begin({ operation: 'tools/call', component: 'files', arguments: { path: '/tmp' } })
    const [one, two, three] = [await begin(), await begin(), await begin()]
    this.#heard([one.receipt, two.receipt, three.receipt])
    this.#heard([await two.fail(new Error('no')), await one.succeed({ ok: true }), await three.deny('not now')])
  }

  /** An action whose process ends before it says how it went: the next start says so for it. */
  async orphan(): Promise<void> {
    const { log } = await this.parts()
    const mark = writerMark().split('.').with(3, '999999999').join('.')
    const intent = { operation: 'tools/call', component: 'files', attributes: { 'process.mark': mark } }
    this.#heard([(await log.begin(intent)).receipt])
    await this.rest()
    await (await this.parts()).log.closeOrphans()
  }

  /** An action that nobody ends. */
  async leaveOpen(): Promise<void> {
    const { log } = await this.parts()
    this.#heard([(await log.begin({ operation: 'tools/call', component: 'files' })).receipt])
  }

  async checkpoint(): Promise<void> {
    const note = await (await this.parts()).log.checkpoint()
    if (note !== undefined) this.notes.add(note)
  }

  /** @param step microseconds; less than 0 when the clock is set back */
  async clock(step: number): Promise<void> {
    this.world.time += step
  }

  /** Lets go of everything that is older than a day; of leaves too, where asked. */
  async prune(what: { leaves?: boolean; archive?: boolean } = {}): Promise<void> {
    await this.clock(2 * day)
    await this.together(1)
    const { reader, writer, log } = await this.parts()
    const parts = {
      reader,
      remove: writer.remove,
      now: () => this.world.now(),
      archive: what.archive
        ? archiveTo(join(this.folder, 'archive'), { reader, sign: () => log.checkpoint() })
        : undefined,
    }
    await runRetention(parts, { ...defaultRetentionSettings, days: 1, leafDays: what.leaves ? 1 : undefined })
  }

  async erase(person: string): Promise<void> {
    const { reader, writer } = await this.parts()
    const storage = loadStorageKey(this.keysFolder)
    const keys = openSubjectKeys({ folder: this.keysFolder, storage }, 'write', this.world)
    const parts = { reader, remove: writer.remove, keys, newId: () => `erasure ${this.#appended++}` }
    await eraseSubject(parts, { subject: person }, defaultErasureSettings)
    keys?.close()
  }

  /** A hold on some entries, with a run of retention under it; released again where asked. */
  async hold({ release = false } = {}): Promise<void> {
    const { logger } = await this.parts()
    const name = `case ${this.#appended++}`
    const control = logger.logControl.bind(logger)
    await placeHold(control, { name, filter: { component: 'component-1' } })
    await this.prune()
    if (release) await releaseHold((await this.parts()).reader, control, { id: name })
  }

  async rotate(): Promise<void> {
    await (await this.parts()).writer.rotateKeys()
  }

  async freeze(): Promise<void> {
    const { logger } = await this.parts()
    this.#heard([await logger.logControl({ operation: 'log.frozen' })])
  }

  async unfreeze(): Promise<void> {
    const { logger } = await this.parts()
    this.#heard([await logger.logControl({ operation: 'log.unfrozen' })])
  }

  /** Entries that a frozen log refuses, and the gap that is declared for them. */
  async gap(): Promise<void> {
    const { log } = await this.parts()
    await this.freeze()
    for (let i = 0; i < 2; i++) await log.append(sample(i)).catch(() => {})
    await this.unfreeze()
    await this.together(1)
  }

  /** Entries that the disk does not take, kept beside the log and brought in by whoever writes next. */
  async spill(): Promise<void> {
    await this.rest()
    const keys = loadKeys(this.keysFolder)
    const file = openSqliteStore({ file: this.file, key: keys.storage, mode: 'write' })
    const subjects = openSubjectKeys({ folder: this.keysFolder, storage: keys.storage }, 'write', this.world)
    const store = new FaultStore(subjects === undefined ? file : new SubjectStore(file, subjects))
    const anchor = new FileAnchor(anchorFile(this.keysFolder))
    const group = new GroupCommit({
      sequencer: new Sequencer({ store, keys, anchor, world: this.world }),
      world: this.world,
      checkpoints: { everyEntries: 1e9, everyMs: 1e9 },
      spill: new Spill(this.file, keys.storage),
    })
    for (const operation of ['one', 'two']) {
      store.next = 'lost'
      await group.append([this.#draft({ operation })])
    }
    this.#heard(await group.append([this.#draft({ operation: 'three' })]))
    await group.close()
    await store.close()
  }

  /** Several writers, each with a connection of its own, in turns. */
  async manyWriters(writers: number, rounds: number): Promise<void> {
    await this.rest()
    const keys = loadKeys(this.keysFolder)
    const anchor = new FileAnchor(anchorFile(this.keysFolder))
    const all = Array.from({ length: writers }, () => {
      const file = openSqliteStore({ file: this.file, key: keys.storage, mode: 'write' })
      const subjects = openSubjectKeys({ folder: this.keysFolder, storage: keys.storage }, 'write', this.world)
      const store = subjects === undefined ? file : new SubjectStore(file, subjects)
      return { store, sequencer: new Sequencer({ store, keys: loadKeys(this.keysFolder), anchor, world: this.world }) }
    })
    for (let round = 0; round < rounds; round++) {
      for (const [i, { sequencer }] of all.entries()) {
        this.#heard(await sequencer.commit(Array.from({ length: 1 + ((round + i) % 3) }, () => this.#draft({}))))
        if ((round + i) % 4 === 0) await sequencer.checkpoint()
      }
    }
    for (const { store } of all) await store.close()
  }

  #draft(entry: Partial<EntryInput>): Draft {
    const time = this.world.now()
    const input = { ...sample(this.#appended++), ...entry }
    return captureEntry(input, { id: new IdSource(this.world).next(time), time })
  }

  /** Rows of the seed's own log. */
  async importSeed(rows: number): Promise<void> {
    const { log, logger, reader } = await this.parts()
    const file = join(this.folder, `seed-${this.#appended++}.db`)
    const seed = new SeedDatabase(file)
    // The ids of the seed are drawn; here they must be the same every time.
    const entryId = (i: number) =>
      sha256Hex(Buffer.from(`${file.length} ${this.#appended} ${i}`)).replace(
        /^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/,
        '$1-$2-$3-$4-$5',
      )
    seed.add(...Array.from({ length: rows }, (_, i) => ({ entry_id: entryId(i) })))
    seed.close()
    const append = async (entry: EntryInput) => {
      const receipt = await log.append(entry)
      this.#heard([receipt])
      return receipt
    }
    await importSeedFile({ file, append, control: entry => logger.logControl(entry), reader })
  }

  /** An older copy in the place of the log, on record: what came after it, and was acknowledged, is given up. */
  async restore(lost: number): Promise<void> {
    const { writer, logger } = await this.parts()
    const parts = { file: this.file, keys: this.keysFolder, sign: () => writer.checkpoint() }
    const backup = join(this.folder, `backup-${this.#appended++}.db`)
    await backupLog({ ...parts, write: logger.logControl.bind(logger) }, backup)
    await this.oneByOne(lost)
    await this.rest()
    const { size } = await restoreLog({ file: this.file, keys: this.keysFolder, backup }, this.world)
    for (const note of this.notes) if (peekCheckpoint(note)!.size > size) this.notes.delete(note)
    for (const seq of this.acknowledged.keys()) if (seq >= size) this.acknowledged.delete(seq)
  }

  /** The file as a release before removals left it: only for a log to which nothing of that kind has happened. */
  async fromOldSchema(): Promise<void> {
    await this.rest()
    const db = new Database(this.file)
    const storage = loadStorageKey(this.keysFolder)
    if (storage !== undefined) unlock(db, storage)
    db.exec('ALTER TABLE head DROP COLUMN frozen; DROP TABLE declared; DROP TABLE schema_step; PRAGMA user_version = 1')
    db.close()
    await this.parts()
  }

  get publicKeys(): ReturnType<typeof loadPublicKeys> {
    return loadPublicKeys(this.keysFolder)
  }
}

/** A log as it is kept, for reading. */
export function storeAt(file: string, keysFolder: string): Store {
  const storage = loadStorageKey(keysFolder)
  const store = openSqliteStore({ file, key: storage, mode: 'read' })
  const subjects = openSubjectKeys({ folder: keysFolder, storage }, 'read')
  return subjects === undefined ? store : new SubjectStore(store, subjects)
}

/** Opens an encrypted file on a bare connection, as whoever has its key can. */
function unlock(db: Database, storage: Uint8Array): void {
  for (const setting of ["cipher='sqlcipher'", 'legacy=4']) db.pragma(setting)
  db.pragma(`key="x'${Buffer.from(storage).toString('hex')}'"`)
}

export interface Shape {
  readonly name: string
  readonly options?: LifeOptions
  live(life: Life): Promise<void>
}

/** Logs that differ in what happened to them. */
export const shapes: readonly Shape[] = [
  { name: 'fresh', live: async () => {} },
  { name: 'one entry', live: life => life.together(1) },
  { name: 'a short tail', live: life => life.oneByOne(12) },
  { name: 'a full tile', live: life => life.together(255) },
  { name: 'a full tile and one', live: life => life.together(256) },
  {
    name: 'blocks and a tail',
    async live(life) {
      await life.together(300)
      await life.checkpoint()
      await life.together(400)
      await life.oneByOne(3)
    },
  },
  { name: 'large values', live: life => life.largeValues() },
  {
    name: 'large values in blocks',
    async live(life) {
      await life.largeValues()
      await life.together(254)
    },
  },
  { name: 'nothing sealed', live: life => life.bare(12) },
  {
    name: 'pruned content',
    async live(life) {
      await life.together(14)
      await life.prune()
      await life.oneByOne(3)
    },
  },
  {
    name: 'pruned content in blocks',
    async live(life) {
      await life.together(290)
      await life.prune()
      await life.together(10)
    },
  },
  {
    name: 'pruned leaves',
    async live(life) {
      await life.together(600)
      await life.prune({ leaves: true })
      await life.oneByOne(4)
    },
  },
  {
    name: 'erased',
    async live(life) {
      for (let i = 0; i < 3; i++) {
        await life.about('ada', 2)
        await life.about('ben', 2)
      }
      await life.erase('user:ada')
      await life.oneByOne(2)
    },
  },
  {
    name: 'erased, in blocks',
    async live(life) {
      for (let i = 0; i < 44; i++) {
        await life.about('ada', 3)
        await life.about('ben', 4)
      }
      await life.erase('ada')
    },
  },
  {
    name: 'erased with keys of their own',
    options: { subjectKeys: true },
    async live(life) {
      await life.about('ada', 4)
      await life.about('ben', 4)
      await life.erase('user:ada')
      await life.about('ben', 2)
    },
  },
  {
    name: 'archived',
    async live(life) {
      await life.together(20)
      await life.prune({ archive: true })
    },
  },
  {
    name: 'held',
    async live(life) {
      await life.together(12)
      await life.hold()
      await life.hold({ release: true })
    },
  },
  {
    name: 'keys rotated once',
    async live(life) {
      await life.oneByOne(5)
      await life.rotate()
      await life.oneByOne(5)
    },
  },
  {
    name: 'keys rotated twice, in blocks',
    async live(life) {
      await life.together(130)
      await life.rotate()
      await life.rest()
      await life.together(130)
      await life.rotate()
      await life.oneByOne(2)
    },
  },
  {
    name: 'keys rotated twice in a row',
    async live(life) {
      await life.rotate()
      await life.rotate()
      await life.oneByOne(2)
    },
  },
  {
    name: 'keys rotated between leaves that go and leaves that stay',
    async live(life) {
      await life.together(300)
      await life.rotate()
      await life.together(300)
      await life.prune({ leaves: true })
    },
  },
  {
    name: 'frozen',
    async live(life) {
      await life.oneByOne(6)
      await life.freeze()
    },
  },
  {
    name: 'unfrozen, with a gap',
    async live(life) {
      await life.oneByOne(3)
      await life.gap()
      await life.oneByOne(2)
    },
  },
  {
    name: 'a schema brought forward',
    async live(life) {
      await life.oneByOne(8)
      await life.fromOldSchema()
      await life.oneByOne(2)
    },
  },
  {
    name: 'restored',
    async live(life) {
      await life.oneByOne(4)
      await life.restore(3)
      await life.oneByOne(2)
    },
  },
  {
    name: 'imported from the seed',
    async live(life) {
      await life.importSeed(20)
      await life.oneByOne(2)
    },
  },
  {
    name: 'spilled and brought back',
    async live(life) {
      await life.oneByOne(3)
      await life.spill()
      await life.oneByOne(2)
    },
  },
  {
    name: 'intents, closed, closed by a restart and open',
    async live(life) {
      await life.calls()
      await life.orphan()
      await life.leaveOpen()
    },
  },
  {
    name: 'many writers',
    async live(life) {
      await life.manyWriters(4, 6)
      await life.oneByOne(2)
    },
  },
  {
    name: 'a clock that is set back and far ahead',
    async live(life) {
      await life.oneByOne(3)
      await life.clock(-hour)
      await life.oneByOne(3)
      await life.rest()
      await life.clock(3 * day)
      await life.oneByOne(3)
      await life.clock(-2 * day)
      await life.oneByOne(3)
    },
  },
  {
    name: 'seals of many epochs and several checkpoints',
    async live(life) {
      for (let i = 0; i < 6; i++) {
        await life.oneByOne(2)
        if (i % 2 === 0) await life.checkpoint()
        await life.clock((i + 1) * epochMicros)
      }
    },
  },
  {
    name: 'checkpoints in several tiles',
    async live(life) {
      for (let i = 0; i < 3; i++) {
        await life.together(200)
        await life.checkpoint()
        await life.clock(epochMicros)
      }
    },
  },
  {
    name: 'unencrypted',
    options: { encryption: 'none' },
    async live(life) {
      await life.oneByOne(6)
      await life.calls()
    },
  },
  {
    name: 'unencrypted, with keys of their own, in blocks',
    options: { encryption: 'none', subjectKeys: true },
    async live(life) {
      await life.together(250)
      await life.about('ada', 6)
      await life.about('ben', 6)
      await life.erase('ada')
    },
  },
]

/** What can happen to a log, by name, for lives that are put together by chance; `n` is drawn. */
export const deeds: { readonly [name: string]: (life: Life, n: number) => Promise<void> } = {
  oneByOne: (life, n) => life.oneByOne(1 + (n % 5)),
  together: (life, n) => life.together(1 + (n % 300)),
  aboutAda: (life, n) => life.about('ada', 1 + (n % 4)),
  aboutBen: (life, n) => life.about('ben', 1 + (n % 4)),
  largeValues: life => life.largeValues(),
  bare: (life, n) => life.bare(1 + (n % 5)),
  calls: life => life.calls(),
  orphan: life => life.orphan(),
  leaveOpen: life => life.leaveOpen(),
  checkpoint: life => life.checkpoint(),
  restart: life => life.rest(),
  prune: life => life.prune(),
  pruneLeaves: life => life.prune({ leaves: true }),
  archive: (life, n) => life.prune({ archive: true, leaves: n % 2 === 0 }),
  hold: (life, n) => life.hold({ release: n % 3 > 0 }),
  eraseAda: life => life.erase('ada'),
  eraseBen: life => life.erase('user:ben'),
  rotate: life => life.rotate(),
  gap: life => life.gap(),
  spill: life => life.spill(),
  manyWriters: (life, n) => life.manyWriters(2 + (n % 3), 1 + (n % 4)),
  restore: (life, n) => life.restore(n % 4),
  importSeed: (life, n) => life.importSeed(1 + (n % 6)),
  clockBack: (life, n) => life.clock(-(n % 48) * hour),
  clockAhead: (life, n) => life.clock((n % 48) * hour),
}

/**
 * Where the moves are played: a copy of a log, its keys and its anchor, in a folder that only this user can read and that
 * is gone afterwards. The log itself is only read.
 *
 * A move that changes rows is played in one transaction on the copy, judged inside of it, and taken back. Of a long log only
 * the newest entries are played on and checked, so that a move costs the same however long the log is.
 */
import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemWorld } from '../append/clock.ts'
import { type LogKeys, loadKeys, loadStorageKey } from '../append/keys.ts'
import { anchorFile } from '../append/places.ts'
import { openSubjectKeys } from '../append/subject-keys.ts'
import { SubjectStore } from '../append/subject-store.ts'
import { peekCheckpoint } from '../core/checkpoint.ts'
import { type ControlInput, ownComponent } from '../core/control.ts'
import type { Kind } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { VerificationReport } from '../core/finding.ts'
import { parseLeaf } from '../core/leaf.ts'
import { parseSealKey, type SealKey } from '../core/seal.ts'
import { type Micros, parseTime, uuidv7 } from '../core/time.ts'
import { formatStep } from '../detect/alert.ts'
import { openLogFile, openSqliteStore, SqliteStore } from '../store/sqlite.ts'
import { type Connection, copySqliteFile } from '../store/sqlite-file.ts'
import type { LogReader } from '../store/store.ts'
import { type VerifyOptions, verifyLog } from '../verify/log-verifier.ts'
import type { Label } from './move.ts'
import { Drafts, type LogPlace, makeSampleLog, SetClock, write } from './sample-log.ts'
import { type Row, Tamper } from './tamper.ts'

/** A log that can be checked from its first entry in a few milliseconds; of a longer one, the newest entries are played on. */
const wholeUpTo = 2048
/** Entries that are played on in a longer log, and up to 255 more: some moves cut off a thousand. */
const windowSize = 1280
/** Entries like one another that some moves need side by side. */
const stretch = 12

export interface SceneOptions extends LogPlace {
  /** K₀ as it was shown once, if it is at hand. Without it, seals are checked from the key of today's epoch on. */
  readonly sealKey?: string | undefined
}

/** What is known of a log that was made ready to be played on. */
interface Prepared {
  /** Entries of the log itself; those behind were added on the copy. */
  readonly own: number
  /** Added because the log had too few of its own. */
  readonly filled: number
  readonly from: number
  readonly middle: number
  readonly block: number | undefined
  readonly sealKey: SealKey
  /** A checkpoint of the copy from between the two commits of samples at its end. */
  readonly earlier: { readonly size: number; readonly note: string }
  /** A genuine copy of the file from before samples were added; `undefined` for a long log. */
  readonly older: string | undefined
  /** The entries of a hold, and of an alert, that were added with the samples. */
  readonly hold: number
  readonly alert: number
  /** When the newest sample was written. */
  readonly end: Micros
}

/** Another log of the same software: its entries, its keys, and where it is. */
export interface OtherLog extends LogPlace {
  readonly rows: readonly (Row | undefined)[]
  readonly logKeys: LogKeys
}

export class Scene implements Prepared {
  readonly folder: string
  readonly file: string
  readonly keysFolder: string
  readonly own: number
  readonly filled: number
  /** Where checks begin: 0 for the whole log, or a multiple of 256. */
  readonly from: number
  /** An entry with sealed values, and eleven like it behind it. */
  readonly middle: number
  /** The first of 32 whole entries that stand in one block, in a full tile; `undefined` where there is none. */
  readonly block: number | undefined
  /** The oldest seal key that whoever checks has: K₀, or that of the epoch in which the copy was made. */
  readonly sealKey: SealKey
  readonly earlier: Prepared['earlier']
  readonly older: string | undefined
  readonly hold: number
  readonly alert: number
  readonly end: Micros
  /** The keys as they are today: of a later epoch than `sealKey`. */
  readonly keys: LogKeys
  readonly anchor: string
  readonly size: number
  /** The first of two commits of samples that were added on the copy, three hours apart. */
  readonly added: number
  readonly other: OtherLog
  readonly #db: Connection
  readonly #store: LogReader & { close(): unknown }

  private constructor(folder: string, prepared: Prepared, other: OtherLog) {
    this.folder = folder
    this.other = other
    this.file = join(folder, 'audit.db')
    this.keysFolder = join(folder, 'keys')
    this.own = prepared.own
    this.filled = prepared.filled
    this.from = prepared.from
    this.middle = prepared.middle
    this.block = prepared.block
    this.sealKey = prepared.sealKey
    this.earlier = prepared.earlier
    this.older = prepared.older
    this.hold = prepared.hold
    this.alert = prepared.alert
    this.end = prepared.end
    this.keys = loadKeys(this.keysFolder)
    this.anchor = readFileSync(anchorFile(this.keysFolder), 'utf8')
    this.#db = openLogFile({ file: this.file, key: this.keys.storage, mode: 'write' })
    this.#store = withSubjects(new SqliteStore(this.file, this.#db), this.keysFolder)
    this.size = this.tamper().head().size
    this.added = this.size - samplesAtEnd
  }

  /**
   * Copies a log and makes the copy ready.
   *
   * @throws AuditError `damaged` when the log is not sound to begin with, and what opening it throws
   */
  static async of({ file, keys, sealKey }: SceneOptions): Promise<Scene> {
    return await Scene.#make(async folder => {
      const place = placeIn(folder)
      for (let attempt = 1; ; attempt++) {
        copyLog({ file, keys }, place)
        try {
          return await prepare(place, sealKey)
        } catch (error) {
          // Keys may have been replaced, or somebody been erased, between the copy of the keys and that of the log.
          if (attempt === 3 || !(error instanceof AuditError && error.code === 'damaged')) throw error
          for (const old of [place.keys, ...withWal(place.file)]) rmSync(old, { recursive: true, force: true })
        }
      }
    })
  }

  /** A log of samples, to stand in for one that a move cannot be played on: in blocks and tail, of two full tiles. */
  static async ofSamples(entries = 600): Promise<Scene> {
    return await Scene.#make(async folder => {
      const world = new SetClock(systemWorld().now() - 86_400e6)
      const { sealKey, ...place } = await makeSampleLog(folder, { entries, encryption: 'sqlcipher', world })
      return await prepare(place, sealKey)
    })
  }

  static async #make(prepareIn: (folder: string) => Promise<Prepared>): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), `memmimic-audit-attack-${process.pid}-`))
    try {
      const prepared = await prepareIn(folder)
      return new Scene(folder, prepared, await otherLog(join(folder, 'other'), prepared.sealKey.origin))
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** The copy, as it is read. */
  get log(): LogReader {
    return this.#store
  }

  /** A clock that goes on behind the newest sample. */
  clock(): SetClock {
    return new SetClock(this.end)
  }

  /** The open file as an attacker has it. What is changed stays, but inside of `during`. */
  tamper(): Tamper {
    return new Tamper(this.#db, this.from)
  }

  /** Plays on the rows of the copy, has a look, and takes back what was played. */
  async during<T>(play: (file: Tamper) => void, look: (log: LogReader) => Promise<T>): Promise<T> {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      play(this.tamper())
      return await look(this.#store)
    } finally {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
    }
  }

  /** The check of a log as far as somebody with this at hand can go. */
  async verify(label: Label, log: LogReader = this.#store, more: VerifyOptions = {}): Promise<VerificationReport> {
    return await verifyLog(log, { ...this.knownAt(label), from: this.from, ...more })
  }

  /** What is at hand beside the file. */
  knownAt(label: Label): VerifyOptions {
    return {
      ...(label === 'chained' ? {} : { verifiers: this.keys.verifiers, sealKey: this.sealKey }),
      ...(label === 'anchored' ? { anchors: [this.anchor] } : {}),
    }
  }

  /** A folder of its own for a move on files, with a copy of log and keys. */
  copy(name: string): LogPlace {
    const folder = join(this.folder, name)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { mode: 0o700 })
    const place = placeIn(folder)
    copyLog({ file: this.file, keys: this.keysFolder }, place)
    return place
  }

  async close(): Promise<void> {
    try {
      await this.#store.close()
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}

const placeIn = (folder: string): LogPlace => ({ file: join(folder, 'audit.db'), keys: join(folder, 'keys') })
const withWal = (file: string) => ['', '-wal', '-shm'].map(end => file + end)

/** Keys and anchor first: the anchor of the copy must not remember more than the copy has. */
function copyLog(from: LogPlace, to: LogPlace): void {
  cpSync(from.keys, to.keys, { recursive: true })
  copySqliteFile(from.file, loadStorageKey(to.keys), to.file)
}

export function withSubjects(store: SqliteStore, keysFolder: string): LogReader & { close(): unknown } {
  const subjects = openSubjectKeys({ folder: keysFolder, storage: loadStorageKey(keysFolder) }, 'read')
  return subjects === undefined ? store : new SubjectStore(store, subjects)
}

/** Made under the same name: whoever wants to put theirs in place of ours would do that. */
async function otherLog(folder: string, origin: string): Promise<OtherLog> {
  const world = new SetClock(systemWorld().now())
  const { file, keys } = await makeSampleLog(folder, { entries: 64, origin, encryption: 'none', world })
  const theirs = Tamper.open(file, undefined)
  const { rows } = theirs
  theirs.close()
  return { file, keys, rows, logKeys: loadKeys(keys) }
}

/** Samples of the two commits at the end of every copy. */
const samplesAtEnd = 24
/** The one among them that has everything, and that a hold covers. */
export const sampled = 2

/** Sees that the copy is sound, finds where to play, and adds what some moves need: two commits of two epochs. */
async function prepare(place: LogPlace, k0: string | undefined): Promise<Prepared> {
  const keys = loadKeys(place.keys)
  const sealKey = k0 === undefined ? keys.seals.current : parseSealKey(k0)
  const store = openSqliteStore({ file: place.file, key: keys.storage, mode: 'write' })
  const log = withSubjects(store, place.keys)
  let own: number
  let from: number
  let looked: Look
  let frozen: boolean
  try {
    const head = store.head()
    own = head?.size ?? 0
    frozen = head?.frozen ?? false
    from = own <= wholeUpTo ? 0 : own - windowSize - ((own - windowSize) % 256)
    const note = existsSync(anchorFile(place.keys)) ? [readFileSync(anchorFile(place.keys), 'utf8')] : []
    const { findings } = await verifyLog(log, { verifiers: keys.verifiers, sealKey, anchors: note, from })
    if (findings[0] !== undefined) {
      throw new AuditError('damaged', `the log is not sound to begin with: ${findings[0].message}; run verify`)
    }
    looked = await lookAt(log, from, own)
  } finally {
    await log.close()
  }

  const { middle, block, newest } = looked
  const older = from === 0 ? join(dirname(place.file), 'older.db') : undefined
  if (older !== undefined) copySqliteFile(place.file, keys.storage, older)
  const world = new SetClock(Math.max(systemWorld().now(), newest))
  const drafts = new Drafts(world)
  const filled = middle === undefined ? 3 * stretch : 0
  const before = [...(frozen ? [drafts.control({ operation: 'log.unfrozen' })] : []), ...drafts.samples(filled)]
  const marks = [drafts.control(holdOn(filled + sampled)), drafts.control(alertOf(world.now()))]
  const commits = [before, marks, drafts.samples(samplesAtEnd / 2)]
  const [, marked] = await write(place, world, commits)
  const note = readFileSync(anchorFile(place.keys), 'utf8')
  const earlier = { size: peekCheckpoint(note)!.size, note }
  world.pass(3 * 3600e6)
  await write(place, world, [drafts.samples(samplesAtEnd / 2)])
  const [hold, alert] = marked!.map(({ seq }) => seq)
  return {
    own,
    filled,
    from,
    middle: middle ?? hold! - 2 * stretch,
    block,
    sealKey,
    earlier,
    older,
    hold: hold!,
    alert: alert!,
    end: world.now(),
  }
}

/** A legal hold on one of the samples. */
function holdOn(sample: number): ControlInput {
  const filter = { memoryId: `mem_${sample}` }
  return { operation: 'hold.placed', attributes: { 'hold.name': 'attack kit' }, sealed: { filter } }
}

function alertOf(time: Micros): ControlInput {
  return formatStep({
    step: 'raised',
    alert: uuidv7(Math.floor(time / 1000), randomBytes(10)),
    time,
    type: 'suspicious_pattern',
    severity: 'low',
    description: 'an alert of the attack kit',
    component: ownComponent,
    source: 'report',
    confidence: 1,
    entries: [],
    ids: [],
    evidence: [],
  })
}

interface Look {
  readonly middle: number | undefined
  readonly block: number | undefined
  readonly newest: Micros
}

/** Where there is enough to play on, as near to the middle as can be, and the time of the newest entry. */
async function lookAt(log: LogReader, from: number, size: number): Promise<Look> {
  const starts: number[] = []
  const blocks: number[] = []
  let run = 0
  let newest: Micros = 0
  let last = -1
  for await (const some of log.entries(from, size)) {
    for (const { seq, leaf: bytes, content } of some) {
      const { leaf } = parseLeaf(bytes)
      newest = Math.max(newest, (leaf && parseTime(leaf.time)) ?? 0)
      const isLike = leaf !== undefined && plain.has(leaf.kind) && leaf.component !== ownComponent && content.length > 0
      run = isLike ? (seq === last + 1 ? run : 0) + 1 : 0
      last = seq
      if (run >= stretch) starts.push(seq - stretch + 1)
      if (run >= 32 && seq % 32 === 31 && seq < size - (size % 256)) blocks.push(seq - 31)
    }
  }
  const center = (from + size) / 2
  const nearest = (places: number[]) => places.toSorted((a, b) => Math.abs(a - center) - Math.abs(b - center))[0]
  return { middle: nearest(starts), block: nearest(blocks), newest }
}

const plain: ReadonlySet<Kind> = new Set<Kind>(['event', 'intent', 'outcome'])

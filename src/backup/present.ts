/** The log that stands where another is to be put: held still, and asked what must not be forgotten of it. */
import { FileAnchor, rememberedOf } from '../append/anchor.ts'
import { type LogKeys, readSealKey } from '../append/keys.ts'
import { anchorFile } from '../append/places.ts'
import { openSubjectKeys, type SubjectKeys } from '../append/subject-keys.ts'
import { SubjectStore } from '../append/subject-store.ts'
import { equal } from '../core/bytes.ts'
import { AuditError } from '../core/errors.ts'
import { rootAt } from '../core/tree.ts'
import { type EntryView, openEntry } from '../core/view.ts'
import { openLogFile, SqliteStore } from '../store/sqlite.ts'
import { type Connection, toAuditError } from '../store/sqlite-file.ts'
import type { Head, LogReader } from '../store/store.ts'
import { readTiles } from '../store/tiles.ts'
import { verifyLog } from '../verify/log-verifier.ts'

/** `whole`: it verifies. `changed`: it can be read, and is not what was recorded. */
export type PresentState = 'whole' | 'changed' | 'unreadable' | 'missing'

/** How long someone else may still be busy with the log, in milliseconds. */
const patienceMs = 1000

/** A log that nobody else has open until it is let go of. */
export class PresentLog {
  readonly state: PresentState
  /** Where it can be read: as it is, with the values that the keys of the subjects open. */
  readonly #log: { readonly reader: LogReader; readonly head: Head } | undefined
  readonly #close: () => void

  private constructor(state: PresentState, log?: { reader: LogReader; head: Head }, close: () => void = () => {}) {
    this.state = state
    this.#log = log
    this.#close = close
  }

  /**
   * Takes the log for this process alone, its write-ahead log moved into it, and verifies it.
   *
   * @throws AuditError `busy` when someone else has it open, `newer_schema`
   */
  static async hold(file: string, folder: string, keys: LogKeys): Promise<PresentLog> {
    let alone: Connection
    try {
      alone = takeAlone(file, keys.storage)
    } catch (error) {
      const { code } = error as AuditError
      if (code === 'not_found') return new PresentLog('missing')
      if (code === 'bad_key' || code === 'bad_format' || code === 'io') return new PresentLog('unreadable')
      throw error
    }
    let subjects: SubjectKeys | undefined
    const close = () => {
      subjects?.close()
      alone.close()
    }
    try {
      subjects = openSubjectKeys({ folder, storage: keys.storage }, 'read')
      const store = new SqliteStore(file, alone)
      const reader = subjects === undefined ? store : new SubjectStore(store, subjects)
      const head = store.head()
      if (head === undefined) return new PresentLog('unreadable', undefined, close)
      const isWhole = await verifies(reader, folder, keys)
      return new PresentLog(isWhole ? 'whole' : 'changed', { reader, head }, close)
    } catch (error) {
      if (error instanceof AuditError && error.code !== 'busy') return new PresentLog('unreadable', undefined, close)
      close()
      throw error
    }
  }

  /** Its head; of a log that does not verify, `undefined`. */
  get head(): Head | undefined {
    return this.state === 'whole' ? this.#log?.head : undefined
  }

  /** Whether it says of itself that it takes no entries, verified or not. */
  get isFrozen(): boolean {
    return this.#log?.head.frozen ?? false
  }

  /** Entries that another log has in common with this one, from the first on; `undefined` where nothing is sure. */
  async commonWith(other: LogReader): Promise<number | undefined> {
    if (this.state !== 'whole' || this.#log === undefined) return undefined
    const { reader, head } = this.#log
    let same = 0
    let end = Math.min(head.size, (await other.head())?.size ?? 0)
    while (same < end) {
      const middle = Math.ceil((same + end) / 2)
      if (await areSame(reader, other, middle)) same = middle
      else end = middle - 1
    }
    return same
  }

  /** What it says about itself from an entry on; nothing where nothing is sure. */
  async *controlsFrom(from: number): AsyncIterable<EntryView> {
    if (this.state !== 'whole' || this.#log === undefined) return
    const { reader, head } = this.#log
    for await (const some of reader.entries(from, head.size)) {
      for (const stored of some) {
        const { view } = openEntry(stored)
        if (view?.kind === 'control') yield view
      }
    }
  }

  /** Lets others have it again. */
  letGo(): void {
    this.#close()
  }
}

/**
 * A connection that nobody has beside it, in this process or another, to a file that stands for itself: nothing of the log
 * is in a write-ahead log.
 */
function takeAlone(file: string, key: Uint8Array | undefined): Connection {
  const alone = openLogFile({ file, key, mode: 'write' })
  try {
    alone.pragma(`busy_timeout=${patienceMs}`)
    alone.pragma('journal_mode=DELETE')
    alone.pragma('locking_mode=EXCLUSIVE')
    alone.exec('BEGIN EXCLUSIVE; COMMIT')
    if (alone.pragma('journal_mode', { simple: true }) !== 'delete') throw new AuditError('busy', file)
    return alone
  } catch (error) {
    alone.close()
    const fault = toAuditError(file, error)
    if (!(fault instanceof AuditError && fault.code === 'busy')) throw fault
    const sentence = `${file} is open elsewhere: end the programs that have it open, and try again`
    throw new AuditError('busy', sentence, { cause: error })
  }
}

async function verifies(log: LogReader, folder: string, keys: LogKeys): Promise<boolean> {
  const note = await rememberedOf(log, new FileAnchor(anchorFile(folder)))
  const sealKey = readSealKey(folder)
  const { valid } = await verifyLog(log, {
    verifiers: keys.verifiers,
    ...(note !== undefined && { anchors: [note] }),
    ...(sealKey && { sealKey }),
  })
  return valid
}

async function areSame(a: LogReader, b: LogReader, size: number): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map(async log => rootAt(size, await readTiles(log, size))))
  return equal(one!, other!)
}

/**
 * Restore: an older genuine copy of the log in the log's place, on record for ever.
 *
 * The copy is made ready beside the log: it gets the entry `log.restored`, which names the tree that was given up, is
 * sealed and signed. Then, in this order, each on the disk before the next:
 *
 * 1. The anchor is told what it will have to remember (`anchor.next`). After a crash here the log is as it was.
 * 2. The log that stands there gets a second name, under which it is kept.
 * 3. The copy takes the name of the log. After a crash here the log is the restored one, and whoever opens it finds in
 *    `anchor.next` what the anchor was to remember.
 * 4. The anchor remembers that.
 *
 * Meanwhile nobody else has the log open.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Anchor, FileAnchor } from '../append/anchor.ts'
import { systemWorld, type World } from '../append/clock.ts'
import { type LogKeys, loadKeys, readSealKey } from '../append/keys.ts'
import { anchorFile, indexFile } from '../append/places.ts'
import { makeFolder, syncFolder } from '../append/private-file.ts'
import { Sequencer } from '../append/sequencer.ts'
import { openSubjectKeys } from '../append/subject-keys.ts'
import { SubjectStore } from '../append/subject-store.ts'
import { toHex } from '../core/bytes.ts'
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts'
import type { Actor } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { Finding } from '../core/finding.ts'
import { parseLeaf } from '../core/leaf.ts'
import { formatTime } from '../core/time.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { asAuditError, identityOf } from '../store/sqlite-file.ts'
import type { LogReader, Store } from '../store/store.ts'
import { verifyLog } from '../verify/log-verifier.ts'
import { Again } from './again.ts'
import { giveName, syncFile } from './copy.ts'
import { PresentLog, type PresentState } from './present.ts'

export interface RestoreOptions {
  readonly file: string
  /** The folder of the keys. */
  readonly keys: string
  /** A backup of this log, or any genuine copy of it. It is only read. */
  readonly backup: string
  /** Why; sealed. */
  readonly reason?: string | undefined
  /** Who does it. */
  readonly actor?: Actor | undefined
  /**
   * Goes on also where the present log is gone or cannot be believed, so that nothing tells what was erased or pruned after
   * the backup: that comes back, and is to be erased again.
   */
  readonly evenIfErased?: boolean | undefined
}

export interface RestoreReport {
  /** Entries of the backup. */
  readonly size: number
  /** The entry that says so: the first behind them. */
  readonly seq: number
  /** The log that was given up, as far as it is known: of how many entries it was. */
  readonly sizeBefore: number | undefined
  /** Entries of it that are not in the backup. */
  readonly givenUp: number
  /** What the log was that stood there. */
  readonly present: PresentState
  /** Where that is kept. */
  readonly keptAside: string | undefined
  /** Entries by which something is declared, or done, a second time, because the entry that did so was given up. */
  readonly again: readonly { readonly operation: string; readonly seq: number }[]
}

/**
 * Puts a backup in the place of a log, on record. Nobody may have the log open.
 *
 * @throws AuditError `busy` when someone has it open; `damaged` when the backup is not what was recorded; `not_allowed` where
 * only the caller can say that it shall be done all the same; `bad_input` for a copy of another log, or one from before the
 * signing keys were replaced; `not_found`, `bad_key`, `io`. The log is as it was then.
 * @example await restoreLog({ file: 'audit.db', keys: 'audit-keys', backup: 'audit-2026-11-23.db', reason: 'disk lost' })
 */
export async function restoreLog(options: RestoreOptions, world: World = systemWorld()): Promise<RestoreReport> {
  const { file, keys: folder, backup, evenIfErased = false } = options
  if (!existsSync(backup)) throw new AuditError('not_found', `there is no backup at ${backup}`)
  if (identityOf(backup) === identityOf(file)) throw new AuditError('bad_input', `${backup} is the log itself`)
  const keys = loadKeys(folder)
  const anchor = new FileAnchor(anchorFile(folder))
  const present = await PresentLog.hold(file, folder, keys)
  const fresh = `${file}.${process.pid}.restoring`
  try {
    if (present.state !== 'whole' && !evenIfErased) throw unsure(file, present.state)
    makeFolder(dirname(file))
    dropLeftovers(file)
    takeCopy(backup, fresh)
    const made = await makeReady(fresh, { options, keys, anchor, present, world })
    syncFile(fresh)
    anchor.writeNext(made.note)
    const keptAside = replace(file, fresh, world)
    anchor.takeNext()
    // It would notice by itself: this only spares it the doubt.
    for (const end of ['', '-wal', '-shm']) rmSync(indexFile(file) + end, { force: true })
    const { note: _note, ...report } = made
    return { ...report, present: present.state, keptAside }
  } finally {
    for (const end of ['', '-wal', '-shm']) rmSync(fresh + end, { force: true })
    present.letGo()
  }
}

function unsure(file: string, state: PresentState): AuditError {
  const what = { missing: 'is gone', unreadable: 'cannot be read', changed: 'is not what was recorded', whole: '' }[
    state
  ]
  const message = `the log ${file} ${what}, so nothing tells what was erased after the backup; that would come back`
  return new AuditError('not_allowed', `${message}: say --even-if-erased, and erase it again`)
}

/** What restores made ready, and left when they were killed. */
function dropLeftovers(file: string): void {
  const folder = dirname(file)
  for (const name of readdirSync(folder)) {
    const [, log, pid] = /^(.+)\.(\d+)\.restoring(?:-wal|-shm)?$/.exec(name) ?? []
    if (log === basename(file) && !isRunning(Number(pid))) rmSync(join(folder, name), { force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The backup beside the log, for its owner only; with its write-ahead log, where it is a plain copy that has one. */
function takeCopy(backup: string, fresh: string): void {
  asAuditError(fresh, () => {
    for (const end of ['', '-wal']) {
      if (!existsSync(backup + end)) continue
      copyFileSync(backup + end, fresh + end, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
      chmodSync(fresh + end, 0o600)
    }
  })
}

interface Preparation {
  readonly options: RestoreOptions
  readonly keys: LogKeys
  readonly anchor: FileAnchor
  readonly present: PresentLog
  readonly world: World
}

/** Checks the copy as a whole, and writes into it what is to be on record. */
async function makeReady(
  fresh: string,
  { options, keys, anchor, present, world }: Preparation,
): Promise<Omit<RestoreReport, 'present' | 'keptAside'> & { readonly note: string }> {
  const { backup, reason, actor } = options
  const subjects = openSubjectKeys({ folder: options.keys, storage: keys.storage }, 'write', world)
  let store: Store | undefined
  try {
    const copy = openCopy(fresh, backup, keys.storage)
    store = subjects === undefined ? copy : new SubjectStore(copy, subjects)
    const size = copy.head()?.size ?? 0
    const remembered = rememberedBy(anchor, keys)
    const sealKey = readSealKey(options.keys)
    const check = {
      verifiers: keys.verifiers,
      ...(sealKey && { sealKey }),
      // A log that stands there whole is held against the anchor itself, and may have left this copy's history on record.
      ...(present.state !== 'whole' && remembered && remembered.size <= size ? { anchors: [anchor.read()!] } : {}),
    }
    const { findings } = await verifyLog(store, check)
    // Where somebody's key is destroyed, nobody can open what it closed, in a backup either.
    const isClosed = subjects !== undefined && findings.every(({ type }) => type === 'disclosure_missing')
    if (!isClosed) refuseFor(findings, backup)
    if (!(await names(copy, keys.vkeys))) {
      const message = 'the signing keys were replaced after it was made, and the old ones are gone'
      throw new AuditError(
        'bad_input',
        `${backup} cannot be restored: ${message}; use a backup that is newer than that`,
      )
    }
    const common = await present.commonWith(store)
    const before = present.head ?? remembered

    const sequencer = new Sequencer({ store, keys, anchor: noAnchor, world })
    const attributes = {
      size,
      present: present.state,
      ...(common === undefined ? {} : { common }),
      ...(before === undefined ? {} : { sizeBefore: before.size, rootBefore: toHex(before.root) }),
      ...(remembered === undefined ? {} : { checkpoint: anchor.read()! }),
    }
    const who = actor && { actor }
    const sealed = reason === undefined ? {} : { sealed: { reason } }
    const { seq } = await sequencer.recordRestore({ attributes, ...sealed, ...who })
    const again = new Again({ sequencer, world, who: who ?? {} })
    if (common !== undefined) await again.whatIsLost(present, common)
    if (present.isFrozen && copy.head()?.frozen === false) await again.freeze()
    if (findings.length > 0) {
      await again.whatIsClosed(copy, subjects!)
      refuseFor((await verifyLog(store, check)).findings, backup)
    }
    const note = (await sequencer.checkpoint())!
    const givenUp = Math.max(0, (before?.size ?? 0) - (common ?? size))
    return { size, seq, sizeBefore: before?.size, givenUp, again: again.said, note }
  } finally {
    if (store === undefined) subjects?.close()
    else await store.close()
  }
}

/** @throws AuditError `damaged` when something was found */
function refuseFor(findings: readonly Finding[], backup: string): void {
  const [first, ...others] = findings
  if (first === undefined) return
  const more = others.length === 0 ? '' : `, and ${others.length} more`
  throw new AuditError('damaged', `${backup} is not what was recorded: ${first.type}: ${first.message}${more}`)
}

const noAnchor: Anchor = { read: () => undefined, write() {} }

function openCopy(fresh: string, backup: string, key: Uint8Array | undefined): ReturnType<typeof openSqliteStore> {
  try {
    return openSqliteStore({ file: fresh, key, mode: 'write' })
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    throw new AuditError(error.code, error.message.replaceAll(fresh, backup), { cause: error })
  }
}

/** What the anchor remembers, as far as the log's keys signed it. */
function rememberedBy(anchor: FileAnchor, keys: LogKeys): Checkpoint | undefined {
  const note = anchor.read()
  try {
    return note === undefined ? undefined : openCheckpoint(note, keys.origin, keys.verifiers).checkpoint
  } catch {
    return undefined
  }
}

/** Whether a log names keys as its own: those that it began with, or that the ones before vouched for. */
async function names(log: LogReader, { ed25519, mldsa44 }: LogKeys['vkeys']): Promise<boolean> {
  const isNaming = (bytes: Uint8Array) => {
    const { leaf } = parseLeaf(bytes)
    const { attributes = {}, kind } = leaf ?? {}
    return kind === 'control' && attributes['vkey.ed25519'] === ed25519 && attributes['vkey.mldsa44'] === mldsa44
  }
  for await (const some of log.entries(0, 1)) if (some.some(({ leaf }) => isNaming(leaf))) return true
  for await (const { leaf } of log.declarations()) if (isNaming(leaf)) return true
  return false
}

/** Gives the copy the name of the log. @returns the other name of the file that had it */
function replace(file: string, fresh: string, world: World): string | undefined {
  return asAuditError(file, () => {
    if (existsSync(`${fresh}-wal`) && statSync(`${fresh}-wal`).size > 0) {
      throw new AuditError('io', `${fresh}-wal is not empty: the copy is not whole`)
    }
    const aside = `${file}.before-restore-${formatTime(world.now()).replaceAll(':', '-')}`
    const isThere = existsSync(file)
    if (isThere) linkSync(file, aside)
    // Only a log that nobody could open has these, and the next one must not find them.
    for (const end of ['-wal', '-shm', '-journal']) if (existsSync(file + end)) renameSync(file + end, aside + end)
    syncFolder(dirname(file))
    if (isThere) renameSync(fresh, file)
    else giveName(fresh, file)
    syncFolder(dirname(file))
    return isThere ? aside : undefined
  })
}

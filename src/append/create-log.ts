/**
 * The making of a log: keys, file, entry 0, first checkpoint, anchor. All of it appears, or nothing.
 *
 * Everything is made under other names. Then the folder of keys takes its name, which only one of several processes can
 * do; from there on anyone who finds keys without a log finishes the work by giving the file its name.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { captureEntry } from '../core/capture.ts'
import { AuditError } from '../core/errors.ts'
import { formatSealKey } from '../core/seal.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { FileAnchor } from './anchor.ts'
import { IdSource, type World } from './clock.ts'
import { createKeys, type LogKeys, loadKeys, loadPublicKeys, type PublicKeys, readSealKey } from './keys.ts'
import { anchorFile } from './places.ts'
import { makeFolder, syncFolder } from './private-file.ts'
import { Sequencer } from './sequencer.ts'
import { createSubjectKeys } from './subject-keys.ts'

export interface CreateLogOptions {
  readonly file: string
  readonly keys: string
  /** `memmimic-audit.local/` and 16 random hex digits unless given. */
  readonly origin?: string | undefined
  /** `sqlcipher` unless given. */
  readonly encryption?: 'sqlcipher' | 'none' | undefined
  /**
   * Gives every subject a key of their own, so that an erasure covers backups too; off unless given. The places in
   * `userContext` where the id of a person stands, beside the actor.
   */
  readonly subjectPaths?: readonly string[] | undefined
}

export interface CreatedLog {
  readonly origin: string
  readonly file: string
  readonly keys: string
  readonly vkeys: PublicKeys['vkeys']
  /** K₀ as one line: shown now and never again. */
  readonly sealKey: string
}

/**
 * Makes a log and its keys.
 *
 * @param tell is given K₀ too, before the log has its name: who is killed afterwards has told it, and who is killed before
 * leaves a log that the next start finishes, and tells it then
 * @throws AuditError `already_exists`, `bad_input` for the origin, `io`
 */
export async function createLog(
  options: CreateLogOptions,
  world: World,
  tell: (created: CreatedLog) => void = () => {},
): Promise<CreatedLog> {
  const { file, keys: folder, encryption = 'sqlcipher' } = options
  const origin = options.origin ?? `memmimic-audit.local/${randomBytes(8).toString('hex')}`
  if (existsSync(file)) throw new AuditError('already_exists', `${file} is there already: nothing was changed`)
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new AuditError('already_exists', `${folder} is there already and not empty: nothing was changed`)
  }
  const start = world.now()
  const freshKeys = `${folder}.${process.pid}.new`
  let freshFile: string | undefined
  let haveName = false
  try {
    makeFolder(dirname(folder))
    makeFolder(dirname(file))
    const sealKey = createKeys({ folder: freshKeys, origin, encryption, start })
    const keys = loadKeys(freshKeys)
    const { subjectPaths } = options
    if (subjectPaths !== undefined) createSubjectKeys({ folder: freshKeys, storage: keys.storage }, subjectPaths, world)
    freshFile = unnamedFile(file, keys)
    await writeGenesis(freshFile, keys, freshKeys, { start, world })
    const { vkeys } = keys
    renameSync(freshKeys, folder)
    haveName = true
    syncFolder(dirname(folder))
    const created = { origin, file, keys: folder, vkeys, sealKey }
    tell(created)
    giveName(file, freshFile)
    return created
  } catch (error) {
    rmSync(freshKeys, { recursive: true, force: true })
    // What belongs to keys that are there is left for whoever finishes the work.
    if (freshFile !== undefined && !haveName)
      for (const end of ['', '-wal', '-shm']) rmSync(freshFile + end, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') {
      throw new AuditError('already_exists', `${folder} is there already: nothing was changed`, { cause: error })
    }
    if (error instanceof AuditError) throw error
    throw new AuditError('io', `the log could not be made: ${message}`, { cause: error })
  }
}

/**
 * Finishes a creation that got as far as the keys.
 *
 * @returns what was made, K₀ too, because nobody may have been told it yet; `undefined` when there was nothing to finish
 * @throws AuditError `bad_key`, `io`
 */
export function finishCreation(file: string, folder: string): CreatedLog | undefined {
  const { origin, vkeys, verifiers } = loadPublicKeys(folder)
  const fresh = unnamedFile(file, { verifiers })
  const first = readSealKey(folder)
  if (first === undefined || !existsSync(fresh)) return undefined
  giveName(file, fresh)
  return { origin, file, keys: folder, vkeys, sealKey: formatSealKey(first) }
}

async function writeGenesis(
  file: string,
  keys: LogKeys,
  folder: string,
  { start, world }: { start: number; world: World },
): Promise<void> {
  const store = openSqliteStore({ file, key: keys.storage, mode: 'create' })
  try {
    const anchor = new FileAnchor(anchorFile(folder))
    const sequencer = new Sequencer({ store, keys, anchor, world })
    const { origin, vkeys } = keys
    const genesis = {
      operation: 'log.created',
      component: 'memmimic-audit',
      attributes: { origin, 'vkey.ed25519': vkeys.ed25519, 'vkey.mldsa44': vkeys.mldsa44 },
    }
    const id = new IdSource(world).next(start)
    await sequencer.commit([captureEntry(genesis, { id, time: start, control: true })])
    await sequencer.checkpoint()
    // The write-ahead log goes by the name that the file has now: nothing may be left in it.
    store.checkpointFile()
  } finally {
    store.close()
  }
}

/** The name of a log's file before it has one: whoever has the keys can tell it. */
function unnamedFile(file: string, { verifiers }: Pick<PublicKeys, 'verifiers'>): string {
  return `${file}.${verifiers[0]!.keyId.toString(16).padStart(8, '0')}.new`
}

function giveName(file: string, fresh: string): void {
  try {
    linkSync(fresh, file)
  } catch (error) {
    // Another process may have finished first; there is one file of that name, and it is the same.
    if (!existsSync(file)) throw error
  }
  // The new name is on the disk before the old one goes.
  syncFolder(dirname(file))
  rmSync(fresh, { force: true })
}

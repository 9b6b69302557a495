/** What keeps a log from working as it should, by name, and the probes that find it and find it gone. */
import { constants } from 'node:fs'
import { access, open, rm, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { loadKeys } from '../append/keys.ts'
import { formatTime, type Micros } from '../core/time.ts'

export const degradedModes = [
  /** The log, or its folder, may not be written. */
  'read_only_disk',
  /** There is no room left. */
  'full_disk',
  /** A key is gone, broken or open to others: what is open goes on, and cannot be opened again. */
  'lost_key',
  /** The clock is behind the newest entry: entries get its time until the clock has caught up. */
  'clock_jumped_back',
  /** The log takes no entries but those about itself. */
  'frozen',
  /** A check found that something was changed. */
  'tampering_found',
  /** Questions cannot be answered; entries are recorded all the same. */
  'index_unavailable',
] as const
export type DegradedMode = (typeof degradedModes)[number]

/** Something that is wrong now. */
export interface Fault {
  readonly mode: DegradedMode
  /** One sentence that says what to do. */
  readonly message: string
}

/** With less room than this, in bytes, commits fail. */
const leastRoom = 256 * 1024

/** Whether the disk takes what is written beside the log: a file is written, synced and removed again. */
export async function probeDisk(log: string): Promise<Fault | undefined> {
  const probe = `${log}.probe.${process.pid}`
  try {
    await access(log, constants.W_OK)
    const file = await open(probe, 'w', 0o600)
    try {
      await file.writeFile(new Uint8Array(4096))
      await file.sync()
    } finally {
      await file.close()
    }
    const { bavail, bsize } = await statfs(dirname(log))
    return bavail * bsize < leastRoom ? noRoom(log) : undefined
  } catch (error) {
    return diskFault(log, error as NodeJS.ErrnoException)
  } finally {
    await rm(probe, { force: true }).catch(() => {})
  }
}

function diskFault(log: string, { code = '', message }: NodeJS.ErrnoException): Fault {
  const folder = dirname(log)
  if (code === 'ENOSPC' || code === 'EDQUOT') return noRoom(log)
  const why =
    code === 'ENOENT'
      ? `${log} is gone`
      : code === 'EROFS'
        ? `the file system of ${folder} is read-only`
        : code === 'EACCES' || code === 'EPERM'
          ? `${folder} and ${log} may not be written by this process`
          : message
  return { mode: 'read_only_disk', message: `${why}: nothing can be recorded until that is mended` }
}

function noRoom(log: string): Fault {
  return { mode: 'full_disk', message: `there is no room left in ${dirname(log)}: make some` }
}

/** Whether all keys are there, whole, and for their owner only. */
export function probeKeys(folder: string): Fault | undefined {
  try {
    loadKeys(folder)
    return undefined
  } catch (error) {
    return {
      mode: 'lost_key',
      message: `${(error as Error).message}; bring it back before this process ends, or the log cannot be opened again`,
    }
  }
}

/** By how much the clock may be behind the newest entry, in microseconds: clocks are set by small steps all the time. */
const tolerance = 1_000_000

/** Whether the clock is behind the newest entry of the log. */
export function probeClock(now: Micros, newest: Micros): Fault | undefined {
  if (now + tolerance >= newest) return undefined
  const behind = ((newest - now) / 1e6).toFixed(0)
  return {
    mode: 'clock_jumped_back',
    message: `the clock is ${behind} s behind the newest entry: until it says ${formatTime(newest)}, entries get that time; check how it is set`,
  }
}

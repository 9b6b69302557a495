import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Command } from 'commander'
import { FileAnchor } from '../../append/anchor.ts'
import { systemWorld } from '../../append/clock.ts'
import { haveKeys, loadKeys, loadPublicKeys, loadStorageKey } from '../../append/keys.ts'
import { anchorFile, indexFile } from '../../append/places.ts'
import { equal } from '../../core/bytes.ts'
import { openCheckpoint } from '../../core/checkpoint.ts'
import { parseLeaf } from '../../core/leaf.ts'
import { parseTime } from '../../core/time.ts'
import { rootAt } from '../../core/tree.ts'
import { LogIndex } from '../../index/log-index.ts'
import { checkNodeVersion } from '../../node-version.ts'
import { shortfalls } from '../../retention/frameworks.ts'
import { openSqliteStore, type SqliteStore } from '../../store/sqlite.ts'
import { readTiles } from '../../store/tiles.ts'
import { probeClock, probeDisk } from '../../trail/degraded.ts'
import { openReader } from '../../trail/reader.ts'
import type { Cli } from '../cli.ts'
import { type ExitCode, exitCodes } from '../failure.ts'
import type { Act } from '../flags.ts'
import { openAlerts } from '../open-alerts.ts'
import { count, jsonLine, visible } from '../text.ts'

interface Check {
  readonly name: string
  readonly result: 'ok' | 'warn' | 'fail'
  readonly message: string
}

type Said = Omit<Check, 'name'>

const ok = (message: string): Said => ({ result: 'ok', message })
const warn = (message: string): Said => ({ result: 'warn', message })
const fail = (message: string): Said => ({ result: 'fail', message })

export function registerDoctor(program: Command, act: Act): void {
  program.command('doctor').description('what is wrong around the log, and what to do').action(act(doctor))
}

async function doctor(cli: Cli): Promise<ExitCode> {
  const checks: Check[] = []
  const check = async (name: string, look: () => Said | Promise<Said>) => {
    try {
      checks.push({ name, ...(await look()) })
    } catch (error) {
      checks.push({ name, ...fail((error as Error).message) })
    }
  }
  await check('node', () => {
    checkNodeVersion()
    return ok(`Node ${process.versions.node}`)
  })
  await check('config', () => configuration(cli))
  if (checks.some(({ result }) => result === 'fail')) return await tell(cli, checks)
  const { file, keys } = cli
  await check('keys', () => keysFolder(keys))
  await check('log', () => logFile(file))
  let store: SqliteStore | undefined
  if (existsSync(file) && haveKeys(keys)) {
    await check('opens', () => {
      store = openSqliteStore({ file, key: loadStorageKey(keys), mode: 'read' })
      return ok(`${count(store.head()?.size ?? 0, 'entry', 'entries')}`)
    })
  }
  if (store !== undefined) {
    const log = store
    await check('anchor', () => anchorAgrees(log, keys))
    await check('index', () => indexInStep(log, file, keys))
    await check('frozen', () => frozenOrNot(log))
    await check('clock', () => clockAhead(log))
    log.close()
    await check('alerts', () => alertsOpen(file, keys))
  }
  await check('disk', () => diskSpace(file))
  await check('spill', () => spillWaiting(file))
  await check('retention', () => periods(cli))
  return await tell(cli, checks)
}

async function tell(cli: Cli, checks: readonly Check[]): Promise<ExitCode> {
  const failed = checks.some(({ result }) => result === 'fail')
  if (cli.json) await cli.print(jsonLine({ ok: !failed, checks }))
  else await cli.print(checks.map(found => line(cli, found)).join(''))
  return failed ? exitCodes.failed : exitCodes.done
}

const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const

function line(cli: Cli, { name, result, message }: Check): string {
  return `${cli.style(colours[result], result.padEnd(4))}  ${name.padEnd(9)}  ${visible(message)}\n`
}

async function configuration(cli: Cli): Promise<Said> {
  const { file, environment } = await cli.config()
  return ok(
    file === undefined
      ? 'no file: what is not said by flags and variables has its default'
      : `${file}, for ${environment}`,
  )
}

function keysFolder(keys: string): Said {
  if (!haveKeys(keys)) return fail(`there are no keys at ${keys}: make a log with init, or name them with --keys`)
  loadKeys(keys)
  const open = (statSync(keys).mode & 0o077) !== 0
  if (open && process.platform !== 'win32') return warn(`others may look into ${keys}: chmod 700 it`)
  return ok(keys)
}

function logFile(file: string): Said {
  if (!existsSync(file)) return fail(`there is no log at ${file}: make one with init, or name it with --log`)
  accessSync(file, constants.R_OK | constants.W_OK)
  accessSync(dirname(file), constants.W_OK)
  const open = (statSync(file).mode & 0o077) !== 0
  if (open && process.platform !== 'win32') return warn(`others may read ${file}: chmod 600 it`)
  return ok(file)
}

async function anchorAgrees(log: SqliteStore, keys: string): Promise<Said> {
  const note = new FileAnchor(anchorFile(keys)).read()
  if (note === undefined) return warn(`${anchorFile(keys)} is gone: the next checkpoint (checkpoint --sign) writes it`)
  const { origin, verifiers } = loadPublicKeys(keys)
  const { size, root } = openCheckpoint(note, origin, verifiers).checkpoint
  const head = log.head()?.size ?? 0
  if (head < size) return fail(`the log has ${head} entries, and its anchor remembers ${size}: run verify`)
  if (!equal(rootAt(size, await readTiles(log, size)), root)) {
    return fail(`the log is not the one that its anchor remembers at ${size} entries: run verify`)
  }
  return ok(`agrees at ${count(size, 'entry', 'entries')}${head > size ? `, ${head - size} came since` : ''}`)
}

async function indexInStep(log: SqliteStore, file: string, keys: string): Promise<Said> {
  const isThere = existsSync(indexFile(file))
  let rebuilt: string | undefined
  const index = LogIndex.open({
    file: indexFile(file),
    key: loadStorageKey(keys),
    log,
    origin: loadPublicKeys(keys).origin,
    onRebuild: reason => {
      rebuilt = reason
    },
  })
  try {
    const behind = (log.head()?.size ?? 0) - index.size
    await index.catchUp()
    if (rebuilt !== undefined) return warn(`it was built again: ${rebuilt}`)
    if (!isThere) return ok('there was none; it was built')
    return ok(behind > 0 ? `in step, after ${count(behind, 'entry', 'entries')}` : 'in step')
  } finally {
    index.close()
  }
}

function frozenOrNot(log: SqliteStore): Said {
  if (!log.head()?.frozen) return ok('it takes entries')
  return warn('it is frozen, and takes no entries but those about itself: unfreeze lifts that')
}

function clockAhead(log: SqliteStore): Said {
  const size = log.head()?.size ?? 0
  const newest = [...log.entries(size - 1, size)].flat()[0]
  const time = parseTime((newest && parseLeaf(newest.leaf).leaf?.time) ?? '') ?? 0
  const fault = probeClock(systemWorld().now(), time)
  return fault === undefined ? ok('not behind the newest entry') : warn(fault.message)
}

async function alertsOpen(file: string, keys: string): Promise<Said> {
  const reader = await openReader({ file, keys })
  try {
    const open = Object.entries(await openAlerts(reader)).filter(([, n]) => n > 0)
    if (open.length === 0) return ok('none open')
    return warn(`${open.map(([severity, n]) => `${n} ${severity}`).join(', ')}: see alerts`)
  } finally {
    await reader.close()
  }
}

/** Whether content is kept as long as the frameworks that were chosen ask for. */
async function periods(cli: Cli): Promise<Said> {
  const { retention } = (await cli.config()).config
  const short = shortfalls(retention)
  return short.length > 0
    ? warn(short.join('; '))
    : ok(`content is kept for ${count(retention.days, 'day', 'days')} or longer`)
}

/** Less than this is too little to go on for long. */
const littleSpace = 512 * 1024 * 1024

async function diskSpace(file: string): Promise<Said> {
  const fault = existsSync(file) ? await probeDisk(file) : undefined
  if (fault !== undefined) return fail(fault.message)
  let folder = dirname(file)
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const text = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${folder}`
  return free < littleSpace ? warn(`only ${text}: make room`) : ok(text)
}

function spillWaiting(file: string): Said {
  const folder = dirname(file)
  const prefix = `${basename(file)}.spill.`
  const waiting = existsSync(folder) ? readdirSync(folder).filter(name => name.startsWith(prefix)) : []
  if (waiting.length === 0) return ok('nothing waits beside the log')
  const names = waiting.map(name => join(folder, name)).join(', ')
  return warn(
    `${count(waiting.length, 'journal waits', 'journals wait')} to be brought in: ${names}; ` +
      'the next start of a recorder with --on-failure spill does it',
  )
}

/** What was measured on: enough to judge the numbers, nothing that names the machine. */
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { digits, median, percentile } from './measure.ts'

export interface Machine {
  readonly rows: readonly (readonly [name: string, value: string])[]
  /** A file system that lives in memory: no number about durability means anything there. */
  readonly inMemory: boolean
}

export function describeMachine(folder: string): Machine {
  const require = createRequire(import.meta.url)
  const version = (name: string) => (require(`${name}/package.json`) as { version: string }).version
  const own = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  const db = new Database(':memory:')
  const sqlite = db.prepare('SELECT sqlite_version()').pluck().get() as string
  const cipher = db.prepare('SELECT sqlite3mc_version()').pluck().get() as string
  db.close()
  const disk = fileSystem(folder)
  const syncs = syncTimes(folder)
  const rows: [string, string][] = [
    ['Processor', `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`],
    ['Memory', `${digits(totalmem() / 2 ** 30)} GiB`],
    ['System', `${type()} ${release().split('-')[0]}`],
    ['File system', disk],
    ['fsync of 4 KiB written', `p50 ${digits(median(syncs))} ms, p99 ${digits(percentile(syncs, 0.99))} ms`],
    ['Node', `${process.version}, OpenSSL ${process.versions.openssl}`],
    ['Driver', `better-sqlite3-multiple-ciphers ${version('better-sqlite3-multiple-ciphers')}`],
    ['SQLite', `${sqlite}, ${cipher}`],
    ['memmimic-audit', own.version],
  ]
  return { rows, inMemory: /^(tmpfs|ramfs)/.test(disk) }
}

/** Type and kind of device, from the longest mount point above the folder. */
function fileSystem(folder: string): string {
  try {
    const place = resolve(folder)
    const [, device, , kind] = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map(line => line.split(' '))
      .filter(([, point]) => point !== undefined && `${place}/`.startsWith(point === '/' ? '/' : `${point}/`))
      .map(([device, point, kind]) => [point!.length, device, point, kind] as const)
      .reduce((a, b) => (b[0] >= a[0] ? b : a))
    return device?.startsWith('/dev/') ? `${kind} on a block device` : String(kind)
  } catch {
    return 'unknown'
  }
}

function syncTimes(folder: string): number[] {
  const file = join(folder, 'sync')
  const fd = openSync(file, 'w')
  const page = Buffer.alloc(4096, 7)
  const times: number[] = []
  for (let i = 0; i < 200; i++) {
    writeSync(fd, page)
    const started = performance.now()
    fsyncSync(fd)
    times.push(performance.now() - started)
  }
  closeSync(fd)
  rmSync(file)
  return times
}

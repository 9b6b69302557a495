/**
 * A disk that loses power: what a run did to its files, call by call as strace saw it, and every state in which a disk may
 * be found after it.
 *
 * The model is as harsh as POSIX allows. Data of a file is safe from an fsync of that file on; a name in a folder from an
 * fsync of that folder on. Before that each write may be there, or not, or some sectors of it, and a later one without an
 * earlier; each new name, new place and removal of a name as well. Only one call is whole or not at all: a rename.
 *
 * The shared memory of SQLite (`-shm`) is left out: whoever opens a database first makes it anew.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Random } from '../support/random.ts'

type Change =
  | { readonly kind: 'write'; readonly at: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly length: number }
  | { readonly kind: 'name'; readonly set: readonly (readonly [name: string, inode: number | undefined])[] }

/** One thing that happened, in order. */
export type DiskEvent =
  | { readonly kind: 'made'; readonly inode: number; readonly isFolder: boolean }
  | { readonly kind: 'change'; readonly inode: number; readonly change: Change }
  | { readonly kind: 'sync'; readonly inode: number }
  | { readonly kind: 'said'; readonly line: string }

/** What is traced. A call on the watched folder that is not among those that `Recording` understands is an error. */
export const traced = [
  '-xx',
  '-s',
  '16777216',
  '-e',
  'trace=open,openat,creat,close,dup,dup2,dup3,lseek,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fallocate,' +
    'fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,' +
    'symlinkat,copy_file_range,sendfile',
] as const

const root = 0

interface Open {
  readonly inode: number
  readonly appends: boolean
  at: number
}

/** Reads what strace wrote of one process into the events of the disk below a folder. */
export class Recording {
  readonly events: DiskEvent[] = []
  readonly #folder: string
  /** The names as the process saw them: of each folder, by inode. */
  readonly #names = new Map<number, Map<string, number>>([[root, new Map()]])
  readonly #sizes = new Map<number, number>()
  readonly #open = new Map<number, Open>()
  #inodes = 1
  #said = ''

  /** @param folder empty when the run began */
  constructor(folder: string, trace: string) {
    this.#folder = folder
    const unfinished = new Map<string, string>()
    for (const line of trace.split('\n')) {
      const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
      const begun = / <unfinished \.\.\.>$/.exec(rest)
      if (begun !== null) {
        unfinished.set(thread, rest.slice(0, begun.index))
        continue
      }
      const resumed = /^<\.\.\. \w+ resumed>/.exec(rest)
      // A call has done what it does when it returns.
      const whole = resumed === null ? rest : (unfinished.get(thread) ?? '') + rest.slice(resumed[0].length)
      const call = /^(\w+)\((.*)\) += (-?\d+)/s.exec(whole)
      if (call !== null && Number(call[3]) >= 0) this.#take(call[1]!, argumentsOf(call[2]!), Number(call[3]))
    }
  }

  #take(call: string, args: readonly string[], result: number): void {
    switch (call) {
      case 'open':
      case 'creat':
      case 'openat': {
        const path = textOf(args[call === 'openat' ? 1 : 0]!)
        const flags = call === 'creat' ? 'O_CREAT|O_TRUNC' : args[call === 'openat' ? 2 : 1]!
        this.#openFile(path, flags, result)
        return
      }
      case 'close':
        this.#open.delete(Number(args[0]))
        return
      case 'lseek': {
        const open = this.#open.get(Number(args[0]))
        if (open !== undefined) open.at = result
        return
      }
      case 'write':
        this.#write(Number(args[0]), undefined, bytesOf(args[1]!).subarray(0, result))
        return
      case 'pwrite64':
        this.#write(Number(args[0]), Number(args[3]), bytesOf(args[1]!).subarray(0, result))
        return
      case 'ftruncate': {
        const open = this.#open.get(Number(args[0]))
        if (open === undefined) return
        this.#sizes.set(open.inode, Number(args[1]))
        this.#change(open.inode, { kind: 'truncate', length: Number(args[1]) })
        return
      }
      case 'fsync':
      case 'fdatasync': {
        const open = this.#open.get(Number(args[0]))
        if (open !== undefined) this.events.push({ kind: 'sync', inode: open.inode })
        return
      }
      case 'mkdir':
        this.#newName(textOf(args[0]!), inode => {
          this.#names.set(inode, new Map())
          this.events.push({ kind: 'made', inode, isFolder: true })
        })
        return
      case 'rename':
        this.#move(textOf(args[0]!), textOf(args[1]!), true)
        return
      case 'link':
        this.#move(textOf(args[0]!), textOf(args[1]!), false)
        return
      case 'unlink':
      case 'rmdir':
        this.#remove(textOf(args[0]!))
        return
      case 'unlinkat':
        this.#remove(textOf(args[1]!))
        return
      default: {
        const isOurs = this.#open.has(Number(args[0])) || args.some(arg => textOf(arg).startsWith(this.#folder))
        if (isOurs) throw new Error(`the recording does not understand ${call}(${args.map(textOf).join(', ')})`)
      }
    }
  }

  #openFile(path: string, flags: string, fd: number): void {
    const place = this.#find(path)
    if (place === undefined) return
    let inode = this.#names.get(place.folder)?.get(place.name)
    if (place.name === '') inode = place.folder
    if (inode === undefined && flags.includes('O_CREAT')) {
      inode = this.#newName(path, made => {
        this.#sizes.set(made, 0)
        this.events.push({ kind: 'made', inode: made, isFolder: false })
      })
    }
    if (inode === undefined) return
    if (flags.includes('O_TRUNC') && (this.#sizes.get(inode) ?? 0) > 0) {
      this.#sizes.set(inode, 0)
      this.#change(inode, { kind: 'truncate', length: 0 })
    }
    this.#open.set(fd, { inode, appends: flags.includes('O_APPEND'), at: 0 })
  }

  #write(fd: number, at: number | undefined, data: Buffer): void {
    if (fd === 1) {
      const lines = (this.#said + data).split('\n')
      this.#said = lines.pop()!
      for (const line of lines) this.events.push({ kind: 'said', line })
    }
    const open = this.#open.get(fd)
    if (open === undefined) return
    const size = this.#sizes.get(open.inode) ?? 0
    const start = at ?? (open.appends ? size : open.at)
    if (at === undefined) open.at = start + data.length
    this.#sizes.set(open.inode, Math.max(size, start + data.length))
    this.#change(open.inode, { kind: 'write', at: start, data })
  }

  #newName(path: string, make: (inode: number) => void): number | undefined {
    const place = this.#find(path)
    if (place === undefined) return undefined
    const inode = this.#inodes++
    make(inode)
    this.#setNames(place.folder, [[place.name, inode]])
    return inode
  }

  #move(from: string, to: string, isRename: boolean): void {
    const source = this.#find(from)
    const target = this.#find(to)
    if (source === undefined || target === undefined) return
    if (source.folder !== target.folder) throw new Error(`${from} went into another folder`)
    const inode = this.#names.get(source.folder)?.get(source.name)
    if (inode === undefined) return
    this.#setNames(source.folder, [...(isRename ? [[source.name, undefined] as const] : []), [target.name, inode]])
  }

  #remove(path: string): void {
    const place = this.#find(path)
    if (place !== undefined) this.#setNames(place.folder, [[place.name, undefined]])
  }

  #setNames(folder: number, set: readonly (readonly [string, number | undefined])[]): void {
    const names = this.#names.get(folder)!
    for (const [name, inode] of set) {
      if (inode === undefined) names.delete(name)
      else names.set(name, inode)
    }
    this.#change(folder, { kind: 'name', set })
  }

  #change(inode: number, change: Change): void {
    this.events.push({ kind: 'change', inode, change })
  }

  /** The folder of a path, as the process sees it; `undefined` where it is not ours. */
  #find(path: string): { readonly folder: number; readonly name: string } | undefined {
    if (path === this.#folder) return { folder: root, name: '' }
    if (!path.startsWith(`${this.#folder}/`) || path.endsWith('-shm')) return undefined
    const names = path.slice(this.#folder.length + 1).split('/')
    const name = names.pop()!
    let folder = root
    for (const step of names) {
      const next = this.#names.get(folder)?.get(step)
      if (next === undefined) return undefined
      folder = next
    }
    return { folder, name }
  }
}

/** Which of the changes that were not synced are there all the same. Asked once for each, file by file, in order. */
export type Survival = (change: Change, of: { readonly index: number; readonly count: number }) => Change | undefined

/** What may be left of a change that was not synced. */
export const survivals = {
  none: () => undefined,
  all: change => change,
  first: (change, { index }) => (index === 0 ? change : undefined),
  last: (change, { index, count }) => (index === count - 1 ? change : undefined),
  /** All of the data and no name. */
  data: change => (change.kind === 'name' ? undefined : change),
  /** All of the names and no data. */
  names: change => (change.kind === 'name' ? change : undefined),
} as const satisfies Record<string, Survival>

/** Any of them, whole or torn at the borders of sectors. */
export function anySurvival(random: Random): Survival {
  return change => {
    const luck = random.next()
    if (luck < 0.35) return undefined
    if (luck < 0.65 || change.kind !== 'write') return change
    return torn(change, random)
  }
}

function torn(change: Change & { kind: 'write' }, random: Random): Change | undefined {
  const { at, data } = change
  const sector = random.chance(0.5) ? 512 : 4096
  const border = Math.ceil((random.next() * data.length) / sector) * sector - (at % sector)
  const cut = Math.min(Math.max(0, border), data.length)
  if (cut === 0) return undefined
  return random.chance(0.6)
    ? { ...change, data: data.subarray(0, cut) }
    : { ...change, at: at + cut, data: data.subarray(cut) }
}

interface Inode {
  readonly isFolder: boolean
  readonly bytes: Bytes
  readonly names: Map<string, number>
  pending: Change[]
}

/** The bytes of a file, as they grow. */
class Bytes {
  #buffer: Buffer
  #length: number

  constructor(from: Buffer = Buffer.alloc(0)) {
    this.#buffer = Buffer.from(from)
    this.#length = from.length
  }

  get all(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  write(at: number, data: Buffer): void {
    this.#reach(Math.max(this.#length, at + data.length))
    data.copy(this.#buffer, at)
  }

  truncate(length: number): void {
    if (length < this.#length) this.#buffer.fill(0, length, this.#length)
    this.#length = Math.min(this.#length, length)
    this.#reach(length)
  }

  #reach(length: number): void {
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#buffer.length))
      this.all.copy(larger)
      this.#buffer = larger
    }
    this.#length = length
  }
}

/** The disk at a moment, played forward event by event. */
export class Disk {
  readonly #inodes = new Map<number, Inode>([[root, newInode(true)]])

  take(event: DiskEvent): void {
    if (event.kind === 'made') {
      this.#inodes.set(event.inode, newInode(event.isFolder))
    } else if (event.kind === 'change') {
      this.#inodes.get(event.inode)!.pending.push(event.change)
    } else if (event.kind === 'sync') {
      const inode = this.#inodes.get(event.inode)!
      for (const change of inode.pending) apply(inode, change)
      inode.pending = []
    }
  }

  /** Changes that a power cut now could take back. */
  get pending(): number {
    let count = 0
    for (const { pending } of this.#inodes.values()) count += pending.length
    return count
  }

  /** Writes the files as they may be found after a power cut now. */
  writeTo(target: string, survival: Survival): void {
    const write = (inode: number, path: string) => {
      const left = copyOf(this.#inodes.get(inode)!)
      left.pending.forEach((change, index) => {
        const kept = survival(change, { index, count: left.pending.length })
        if (kept !== undefined) apply(left, kept)
      })
      if (!left.isFolder) {
        writeFileSync(path, left.bytes.all, { mode: 0o600 })
        return
      }
      mkdirSync(path, { recursive: true })
      chmodSync(path, 0o700)
      for (const [name, child] of left.names) write(child, join(path, name))
    }
    mkdirSync(dirname(target), { recursive: true })
    write(root, target)
  }
}

function newInode(isFolder: boolean): Inode {
  return { isFolder, bytes: new Bytes(), names: new Map(), pending: [] }
}

function copyOf({ isFolder, bytes, names, pending }: Inode): Inode {
  return { isFolder, bytes: new Bytes(bytes.all), names: new Map(names), pending }
}

function apply({ bytes, names }: Inode, change: Change): void {
  if (change.kind === 'write') bytes.write(change.at, change.data)
  else if (change.kind === 'truncate') bytes.truncate(change.length)
  else {
    for (const [name, child] of change.set) {
      if (child === undefined) names.delete(name)
      else names.set(name, child)
    }
  }
}

/** The arguments of a call as strace prints them with -xx: no text in them has a comma or a quote. */
function argumentsOf(text: string): string[] {
  return text.split(', ')
}

function bytesOf(argument: string): Buffer {
  const from = argument.indexOf('"')
  if (from < 0) return Buffer.alloc(0)
  if (argument.endsWith('...')) throw new Error('strace cut a text short')
  return Buffer.from(argument.slice(from + 1, argument.lastIndexOf('"')).replaceAll('\\x', ''), 'hex')
}

function textOf(argument: string): string {
  return bytesOf(argument).toString()
}

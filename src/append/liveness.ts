/**
 * Who wrote an intent, and whether that process can still finish it.
 *
 * A mark is `<machine>.<boot>.<namespace>.<pid>.<start>`: digests of what tells machines, boots and process namespaces
 * apart, then the process and when it started, because process numbers are used again.
 */
import { hash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

let own: string | undefined

/** The mark of this process. */
export function writerMark(): string {
  own ??= [machine(), boot(), namespace(), process.pid, startOf(process.pid) ?? 0].join('.')
  return own
}

/**
 * Whether the process that made this mark has certainly ended. Where that cannot be told (another machine, another
 * container), the answer is no: an intent that may still be finished is not closed for its owner.
 */
export function hasEnded(mark: string): boolean {
  const parts = mark.split('.')
  const [theirMachine, theirBoot, theirNamespace, pid, start] = parts
  if (parts.length !== 5 || theirMachine !== machine()) return false
  if (theirBoot !== boot()) return true
  if (theirNamespace !== namespace()) return false
  const now = startOf(Number(pid))
  return now === undefined || String(now) !== start
}

function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 8)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}

function machine(): string {
  return digest(read('/etc/machine-id') || hostname())
}

function boot(): string {
  return digest(read('/proc/sys/kernel/random/boot_id'))
}

function namespace(): string {
  try {
    return digest(readlinkSync('/proc/self/ns/pid'))
  } catch {
    return digest('')
  }
}

/** When a process started, in the kernel's ticks; 0 where the system does not say; `undefined` when there is none. */
function startOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The second field is a name in parentheses and may hold anything; the start is the twentieth after it.
  if (stat !== '') return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  try {
    process.kill(pid, 0)
    return 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? undefined : 0
  }
}

/** Runs lives of a log (`children/life.ts`) as processes of their own, under strace where something is done to their system calls. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { LifeOptions } from '../support/children/life.ts'
import { debianProgram } from '../support/debian.ts'

const script = join(import.meta.dirname, '../support/children/life.ts')

export const strace = debianProgram('strace', 'strace')

export interface Life {
  readonly process: ChildProcess
  /** The lines that it has said so far. */
  readonly lines: string[]
  /** Resolves when a line begins like this; rejects when it ends before. */
  said(start: string): Promise<void>
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null; readonly stderr: string }>
}

export interface RunOptions {
  /** Arguments of strace; without them it is not there. */
  readonly strace?: readonly string[]
  /** Arguments of node. */
  readonly node?: readonly string[]
  /** What stands before everything, such as `prlimit --nofile=20`. */
  readonly under?: readonly string[]
}

export function startLife(life: LifeOptions, { strace: traced, node = [], under = [] }: RunOptions = {}): Life {
  const program = [...node, script, JSON.stringify(life)]
  const tracer = traced === undefined ? [] : [strace!, '-f', '-qq', ...traced]
  const [command, ...args] = [...under, ...tracer, process.execPath, ...program] as [string, ...string[]]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  let rest = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    lines.push(...parts)
    child.emit('lines')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }))
  return {
    process: child,
    lines,
    ended,
    async said(start) {
      while (!lines.some(line => line.startsWith(start))) {
        const end = await Promise.race([once(child, 'lines').then(() => undefined), ended])
        if (end !== undefined && !lines.some(line => line.startsWith(start))) {
          throw new Error(`it ended before it said ${start}: ${end.stderr}`)
        }
      }
    },
  }
}

/** Runs a life to its end. */
export async function live(life: LifeOptions, options?: RunOptions) {
  const child = startLife(life, options)
  return { ...(await child.ended), lines: child.lines }
}

/** Programs that use the library, as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface Child {
  readonly process: ChildProcess
  /** The lines that it has written so far. */
  readonly lines: string[]
  /** Resolves when a line says this. */
  said(line: string): Promise<void>
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>
}

export function startChild(script: string, ...args: string[]): Child {
  const path = join(import.meta.dirname, 'children', script)
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
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
  return {
    process: child,
    lines,
    async said(line) {
      while (!lines.includes(line)) await once(child, 'lines')
    },
    ended: once(child, 'close').then(([code, signal]) => ({ code, signal, stderr })),
  }
}

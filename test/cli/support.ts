/** The real command line as a child process, in a home of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { VerificationReport } from '../../src/core/finding.ts'

export const cliScript = join(import.meta.dirname, '../../src/cli/main.ts')

export interface Run {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Home {
  readonly folder: string
  readonly file: string
  readonly keys: string
  readonly env: NodeJS.ProcessEnv
  /** Starts the command line; its streams are the caller's. */
  start(args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams
  /** Runs it to its end. */
  run(args: readonly string[], input?: string | Uint8Array, env?: NodeJS.ProcessEnv): Promise<Run>
  /** The objects that it prints, one a line, with `--json`. */
  json<T = never>(args: readonly string[], input?: string | Uint8Array): Promise<T[]>
  /** The size of the log, which must verify. */
  verifiedSize(): Promise<number>
}

/** A home that is gone when the test is. */
export function makeHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return homeIn(folder)
}

export function homeIn(folder: string): Home {
  mkdirSync(folder, { recursive: true })
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: folder,
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_CONFIG_HOME: join(folder, 'config'),
  }
  const home: Home = {
    folder,
    env,
    file: join(folder, 'data/memmimic-audit/audit.db'),
    keys: join(folder, 'config/memmimic-audit/keys'),
    start: (args, more = {}) =>
      spawn(process.execPath, [cliScript, ...args], { env: { ...env, ...more }, cwd: folder, stdio: 'pipe' }),
    run: (args, input, more) => ended(home.start(args, more), input),
    async json(args, input) {
      const { code, stdout, stderr } = await home.run([...args, '--json'], input)
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
      return stdout.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
    },
    async verifiedSize() {
      const { code, stdout, stderr } = await home.run(['verify', '--json'])
      if (code !== 0) throw new Error(`verify ended with ${code}: ${stdout}${stderr}`)
      return (JSON.parse(stdout) as VerificationReport).size
    },
  }
  return home
}

/** What a child says until it ends. */
export function ended(child: ChildProcessWithoutNullStreams, input?: string | Uint8Array): Promise<Run> {
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  return new Promise(resolve => child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr })))
}

/** A number of entries as JSON lines. */
export function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => `${JSON.stringify(entry(i))}\n`).join('')
}

export function entry(i: number): Record<string, unknown> {
  return {
    operation: ['remember', 'recall', 'forget'][i % 3],
    component: 'memory',
    memoryId: `mem_${i}`,
    outcome: i % 10 === 0 ? 'failure' : 'success',
    actor: { type: 'agent', id: `agent-${i % 4}` },
    userContext: { task: `task ${i}` },
    operationResult: { n: i },
  }
}

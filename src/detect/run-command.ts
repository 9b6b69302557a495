/** Starts a program without a shell, gives it JSON, and waits until it has ended or its time is up. */
import { spawn } from 'node:child_process'

/** How long a program that has ended may still have something to say. */
const lastWordsMs = 100
/** Characters of what a program says on stderr that are told when it fails. */
const maxSaid = 300

/**
 * @param command the program, then its arguments
 * @throws Error when it cannot be started, ends with another code than 0, or does not end in time: then it is killed
 */
export function runCommand(command: readonly string[], input: unknown, timeoutMs: number): Promise<void> {
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      shell: false,
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      env: environment(),
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-maxSaid)
    })
    child.on('error', error => reject(new Error(`${program} cannot be started: ${error.message}`)))
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      // What it has started itself may still hold the pipe.
      child.stderr.destroy()
      if (code === 0) return resolve()
      const how = signal === null ? `ended with ${code}` : `was ended by ${signal}, after ${timeoutMs} ms at most`
      reject(new Error(`${program} ${how}${said === '' ? '' : `: ${said.trim()}`}`))
    }
    child.on('close', end)
    child.on('exit', (code, signal) => setTimeout(end, lastWordsMs, code, signal).unref())
    // A program that does not read what it is given is within its rights.
    child.stdin.on('error', () => {})
    child.stdin.end(JSON.stringify(input))
  })
}

/** Where the log and its keys lie may be known; what else is set of this software may be secret. */
function environment(): NodeJS.ProcessEnv {
  const isOpen = (name: string) => !name.startsWith('MEMMIMIC_AUDIT_') || /^MEMMIMIC_AUDIT_(LOG|KEYS)$/.test(name)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isOpen(name)))
}

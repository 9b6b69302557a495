/** A worker process, as the run sees it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface HelperOptions {
  readonly file: string
  readonly keys: string
  readonly name: string
  readonly start: number
  readonly factor: number
  /** Told each line that it says. */
  readonly onLine: (words: readonly string[]) => void
}

export class Helper {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  #waiting: { readonly words: ReadonlySet<string>; resolve(line: readonly string[] | undefined): void }[] = []
  #hasEnded = false
  stderr = ''

  constructor({ file, keys, name, start, factor, onLine }: HelperOptions) {
    const script = join(import.meta.dirname, 'worker.ts')
    this.#process = spawn(process.execPath, [script, file, keys, name, String(start), String(factor)])
    this.#process.stdin.on('error', () => {})
    this.#process.stderr.on('data', text => {
      this.stderr += String(text)
    })
    const lines = createInterface({ input: this.#process.stdout })
    lines.on('line', line => {
      const words = line.split(' ')
      onLine(words)
      const index = this.#waiting.findIndex(({ words: wanted }) => wanted.has(words[0]!))
      if (index >= 0) this.#waiting.splice(index, 1)[0]!.resolve(words)
    })
    // What was said is heard before the end is.
    this.#ended = Promise.all([once(this.#process, 'close'), once(lines, 'close')]).then(() => {
      this.#hasEnded = true
      for (const { resolve } of this.#waiting.splice(0)) resolve(undefined)
    })
  }

  /** Resolves with the line, or `undefined` when the process ends without it. */
  said(...words: string[]): Promise<readonly string[] | undefined> {
    if (this.#hasEnded) return Promise.resolve(undefined)
    return new Promise(resolve => this.#waiting.push({ words: new Set(words), resolve }))
  }

  ask(command: 'prune' | 'rotate', answer: string): Promise<readonly string[] | undefined> {
    const said = this.said(answer, 'failed')
    this.#process.stdin.write(`${command}\n`)
    return said
  }

  async end(): Promise<void> {
    this.#process.stdin.write('end\n')
    await this.#ended
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }
}

import { closeSync, openSync, writeSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import type { Command } from 'commander'
import { systemWorld } from '../../append/clock.ts'
import { ImmutableAuditLogger } from '../../append/immutable-audit-logger.ts'
import type { EntryInput, Receipt } from '../../core/entry.ts'
import { AuditError } from '../../core/errors.ts'
import { parseJson } from '../../core/json.ts'
import type { Cli } from '../cli.ts'
import { CliError, type ExitCode, exitCodeOf, exitCodes, PipeClosed } from '../failure.ts'
import type { Act } from '../flags.ts'
import { type Line, linesOf, openInput, strictText } from '../input.ts'
import { intakeOf } from '../intake.ts'
import { needLog, withWriter } from '../log.ts'
import { count, jsonLine } from '../text.ts'

/** The longest line that is read, in bytes. */
const maxLineBytes = 64 * 1024 * 1024
/** How much may be on its way to the disk at once: enough to share its syncs, little enough to stay small. */
const maxInFlight = { lines: 2048, bytes: 32 * 1024 * 1024 }
/** Bad lines that are named, before they are only counted. */
const maxNamed = 20

export function registerIngest(program: Command, act: Act): void {
  program
    .command('ingest')
    .description('append JSON lines, one entry each; with --json, one receipt a line as each is on the disk')
    .argument('<file>', 'the file, or - for stdin')
    .option('--rejects <file>', 'keep the lines that could not be taken, as they came')
    .action(act(ingest))
}

async function ingest(
  cli: Cli,
  { rejects }: { rejects?: string },
  [source = '-']: readonly string[],
): Promise<ExitCode> {
  needLog(cli)
  keepHeapSmall()
  const input = openInput(source)
  const keep = new Rejects(rejects)
  try {
    const prepare = await intakeOf(cli)
    return await withWriter(cli, writer => {
      const logger = new ImmutableAuditLogger({ writer, world: systemWorld(), prepare })
      return new Ingest(cli, logger, keep).run(input)
    })
  } finally {
    input.destroy()
    keep.close()
  }
}

/**
 * Lines live just long enough to be promoted, and V8 lets such garbage lie: a long input peaked at 400 MB. With a young
 * generation that does not grow, and the writer on this thread, it stays below 200 MB however long the input is, and is
 * as fast within a third.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--max-semi-space-size=2')
}

/** A line on its way: its receipt, or why there is none. */
interface OnItsWay {
  readonly line: Line
  readonly receipt: Promise<Receipt>
}

/** One run of `ingest`: lines go in ahead, and are answered in their order. */
class Ingest {
  readonly #cli: Cli
  readonly #logger: ImmutableAuditLogger
  readonly #rejects: Rejects
  #onTheWay: OnItsWay[] = []
  #bytes = 0
  #taken = 0
  #bad = 0
  /** The last line that is on the disk. */
  #lastLine = 0
  #pipeOpen = true
  #stopped = false
  #lastProgress = 0

  constructor(cli: Cli, logger: ImmutableAuditLogger, rejects: Rejects) {
    this.#cli = cli
    this.#logger = logger
    this.#rejects = rejects
  }

  async run(input: AsyncIterable<Uint8Array>): Promise<ExitCode> {
    const stop = () => {
      this.#stopped = true
      // A pipe that nobody writes to would be waited for.
      ;(input as { destroy?: () => void }).destroy?.()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
    try {
      for await (const lines of stoppable(
        linesOf(input, maxLineBytes, piece => this.#rejects.piece(piece)),
        () => this.#stopped,
      )) {
        for (const line of lines) {
          if (this.#stopped) break
          this.#take(line)
          if (this.#isFull()) await this.#answer(maxInFlight.lines / 2)
        }
        if (this.#stopped) break
      }
      await this.#answer(0)
    } catch (error) {
      throw this.#asStop(error)
    }
    this.#cli.progress(undefined)
    const bad = this.#bad > 0 ? `, ${count(this.#bad, 'line was', 'lines were')} not taken` : ''
    const early = this.#stopped ? `; stopped by a signal behind line ${this.#lastLine}` : ''
    this.#cli.say(`${count(this.#taken, 'entry is', 'entries are')} in the log${bad}${early}`)
    return this.#bad > 0 || this.#stopped ? exitCodes.failed : exitCodes.done
  }

  #take(line: Line): void {
    if (line.bytes !== undefined && isBlank(line.bytes)) return
    const receipt = this.#append(line)
    // Whoever fails is asked in its turn.
    receipt.catch(() => {})
    this.#onTheWay.push({ line, receipt })
    this.#bytes += line.bytes?.length ?? 0
  }

  async #append({ number, bytes }: Line): Promise<Receipt> {
    if (bytes === undefined) throw new AuditError('bad_input', `$: the line is longer than ${maxLineBytes} bytes`)
    const entry = parseJson(textOf(bytes, number === 1))
    return await this.#logger.logAuditEntry(entry as unknown as EntryInput)
  }

  #isFull(): boolean {
    return this.#onTheWay.length >= maxInFlight.lines || this.#bytes >= maxInFlight.bytes
  }

  /** Waits for the oldest lines until so many are left on their way, and fewer bytes than half of the most. */
  async #answer(left: number): Promise<void> {
    let answered = 0
    let out = ''
    try {
      while (
        this.#onTheWay.length - answered > left ||
        (answered < this.#onTheWay.length && this.#bytes > maxInFlight.bytes / 2)
      ) {
        const { line, receipt } = this.#onTheWay[answered++]!
        this.#bytes -= line.bytes?.length ?? 0
        try {
          const { seq, id, entryHash, time } = await receipt
          this.#taken++
          this.#lastLine = line.number
          if (this.#cli.json) out += jsonLine({ seq, id, entryHash, time })
          if (out.length > 16_384) out = await this.#print(out)
        } catch (error) {
          if (!(error instanceof AuditError && error.code === 'bad_input')) throw error
          this.#refuse(line, error)
        }
      }
    } finally {
      this.#onTheWay.splice(0, answered)
      await this.#print(out)
    }
    const now = performance.now()
    if (now - this.#lastProgress > 100) {
      this.#lastProgress = now
      this.#cli.progress(`${this.#taken} entries are in the log`)
    }
  }

  /** Receipts that nobody reads any more are no reason to leave entries out. */
  async #print(text: string): Promise<string> {
    if (text === '' || !this.#pipeOpen) return ''
    try {
      await this.#cli.print(text)
    } catch (error) {
      if (!(error instanceof PipeClosed)) throw error
      this.#pipeOpen = false
    }
    return ''
  }

  #refuse({ number, bytes }: Line, { message }: Error): void {
    this.#bad++
    if (bytes !== undefined) this.#rejects.line(bytes)
    if (this.#bad <= maxNamed) this.#cli.warn(`line ${number}: ${message}`)
    else if (this.#bad === maxNamed + 1) this.#cli.warn('more lines are not taken; from here on they are counted')
  }

  #asStop(error: unknown): unknown {
    if (!(error instanceof AuditError)) return error
    const taken = `${count(this.#taken, 'entry is', 'entries are')} in the log, up to and with line ${this.#lastLine}`
    return new CliError(exitCodeOf(error), `${error.message}; ${taken}`, { cause: error })
  }
}

/** A stream that was destroyed on purpose has ended, not failed. */
async function* stoppable<T>(source: AsyncIterable<T>, isStopped: () => boolean): AsyncGenerator<T> {
  try {
    yield* source
  } catch (error) {
    if (!isStopped()) throw error
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

/** A byte order mark may begin an input, not a line in it. */
function textOf(bytes: Uint8Array, isFirst: boolean): string {
  return isFirst ? strictText(bytes) : strictText(bytes, { mark: 'refuse' })
}

/** The lines that were not taken, as they came. */
class Rejects {
  readonly #fd: number | undefined

  constructor(file: string | undefined) {
    try {
      this.#fd = file === undefined ? undefined : openSync(file, 'w', 0o600)
    } catch (error) {
      throw new CliError(exitCodes.failed, `${file} could not be written: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  line(bytes: Uint8Array): void {
    this.piece(bytes)
    this.piece(undefined)
  }

  /** A piece of a line that is too long to be held, or `undefined` for its end. */
  piece(bytes: Uint8Array | undefined): void {
    if (this.#fd !== undefined) writeSync(this.#fd, bytes ?? Buffer.from('\n'))
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** What comes in from files and pipes, as bytes, and how it becomes strict text. */
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { fromUtf8 } from '../core/bytes.ts'
import { AuditError } from '../core/errors.ts'
import { CliError, exitCodes } from './failure.ts'

/**
 * `-` is stdin, anything else a file.
 *
 * @param exit the exit code when there is none
 */
export function openInput(
  name: string,
  exit: CliError['exit'] = exitCodes.failed,
): AsyncIterable<Uint8Array> & { destroy(): unknown } {
  if (name === '-') return process.stdin
  if (!existsSync(name)) throw new CliError(exit, `there is no file ${name}`)
  if (statSync(name).isDirectory()) throw new CliError(exit, `${name} is a folder, not a file`)
  return createReadStream(name, { highWaterMark: 64 * 1024 })
}

/** All of an input, up to a limit. */
export async function readAll(input: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of input) {
    length += chunk.length
    if (length > limit) throw new AuditError('bad_input', `the input is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * A small file, read whole.
 *
 * @param exit the exit code when it cannot be read
 */
export function readWhole(file: string, exit: CliError['exit'] = exitCodes.failed): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'is not there' : code === 'EISDIR' ? 'is a folder, not a file' : `cannot be read: ${message}`
    throw new CliError(exit, `${file} ${why}`, { cause: error })
  }
}

/**
 * Bytes as text. A byte order mark at their beginning is left out; with `mark: 'refuse'` it stays, for JSON to refuse.
 *
 * @throws AuditError `bad_input` with the position of the first byte that is not UTF-8
 */
export function strictText(bytes: Uint8Array, { mark = 'drop' }: { mark?: 'drop' | 'refuse' } = {}): string {
  const text = fromUtf8(bytes)
  if (text !== undefined) return mark === 'drop' && text.startsWith('\ufeff') ? text.slice(1) : text
  // The longest good beginning, by halving: a decoder in the middle of a stream forgives an unfinished character.
  let good = 0
  let bad = bytes.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (isGood(bytes.subarray(0, middle))) good = middle
    else bad = middle
  }
  throw new AuditError('bad_input', `$: the text is not valid UTF-8 (byte ${good})`, { path: '$' })
}

function isGood(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}

/** A line of an input, without its end; `undefined` bytes when it was longer than the limit. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly bytes: Uint8Array | undefined
}

/**
 * The lines of an input, in constant memory.
 *
 * @param overlong told the bytes of lines that are longer than `limit`, piece by piece, and `undefined` at their end
 */
export async function* linesOf(
  input: AsyncIterable<Uint8Array>,
  limit: number,
  overlong: (piece: Uint8Array | undefined) => void,
): AsyncGenerator<Line[]> {
  let number = 0
  let held: Uint8Array[] = []
  let heldBytes = 0
  let tooLong = false
  const hold = (piece: Uint8Array) => {
    heldBytes += piece.length
    if (tooLong) return overlong(piece)
    held.push(piece)
    if (heldBytes <= limit) return
    tooLong = true
    for (const earlier of held) overlong(earlier)
    held = []
  }
  const take = (): Line => {
    const bytes = tooLong ? undefined : held.length === 1 ? held[0]! : Buffer.concat(held)
    if (tooLong) overlong(undefined)
    held = []
    heldBytes = 0
    tooLong = false
    return { number: ++number, bytes: bytes?.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes }
  }
  for await (const chunk of input) {
    const lines: Line[] = []
    let at = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, at)) {
      hold(chunk.subarray(at, end))
      lines.push(take())
      at = end + 1
    }
    if (at < chunk.length) hold(chunk.subarray(at))
    if (lines.length > 0) yield lines
  }
  if (heldBytes > 0) yield [take()]
}

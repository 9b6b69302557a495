/**
 * How far a stream is: a small private file beside the log, written anew after each batch that the receiver has. At every
 * moment it says what was sent for certain, so that after any end, a kill among them, nothing is left out; what was on the
 * way then is sent twice.
 */
import { readPrivateFile, writePrivateFile } from '../append/private-file.ts'
import { AuditError } from '../core/errors.ts'

/** The place of a stream in its log. */
export interface StreamPlace {
  /** The first entry that was not looked at yet. */
  readonly next: number
  /** The newest entry that was sent. */
  readonly last?: { readonly seq: number; readonly entryHash: string }
}

export class Cursor {
  readonly #file: string
  readonly #origin: string

  constructor(file: string, origin: string) {
    this.#file = file
    this.#origin = origin
  }

  /** @throws AuditError `bad_format` when the file is not one of ours, or is of another log */
  read(): StreamPlace {
    const text = readPrivateFile(this.#file)
    if (text === undefined) return { next: 0 }
    const place = parsePlace(text)
    if (place === undefined) throw new AuditError('bad_format', `${this.#file} is no place of a stream: ${remedy}`)
    if (place.origin !== this.#origin) {
      throw new AuditError('bad_format', `${this.#file} is a place in the log ${place.origin}: ${remedy}`)
    }
    return place
  }

  /** Durable when it returns. Where another process has sent further meanwhile, its place stays. */
  write({ next, last }: StreamPlace): void {
    const kept = this.read()
    if (kept.next > next) return
    writePrivateFile(this.#file, `${JSON.stringify({ origin: this.#origin, next, last })}\n`)
  }

  get file(): string {
    return this.#file
  }
}

const remedy = 'delete it to send everything again'

function parsePlace(text: string): (StreamPlace & { origin: string }) | undefined {
  try {
    const { origin, next, last } = JSON.parse(text) as Record<string, unknown>
    if (typeof origin !== 'string' || !isNumber(next)) return undefined
    if (last === undefined) return { origin, next }
    const { seq, entryHash } = last as Record<string, unknown>
    return isNumber(seq) && typeof entryHash === 'string' ? { origin, next, last: { seq, entryHash } } : undefined
  } catch {
    return undefined
  }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

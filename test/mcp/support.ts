/** A log in memory that judges every entry as the real one does, and can be slow, broken or picky. */
import { setTimeout as sleep } from 'node:timers/promises'
import { captureEntry } from '../../src/core/capture.ts'
import type { EntryInput } from '../../src/core/entry.ts'
import { uuidv7 } from '../../src/core/time.ts'
import type { RecorderLog } from '../../src/mcp/index.ts'

export type RecordedEntry = EntryInput & { readonly id: string }

export class FakeLog implements RecorderLog {
  readonly entries: RecordedEntry[] = []
  /** The error of every append while it is set. */
  failure: Error | undefined
  /** The error of one entry, when it has one. */
  refuses: (entry: EntryInput) => Error | undefined = () => undefined
  delayMs = 0
  /** How many appends there were at once, at most. */
  mostAtOnce = 0
  #atOnce = 0
  known: ReadonlyMap<string, string> | undefined
  #count = 0

  async append(entry: EntryInput): Promise<{ id: string }> {
    const random = new Uint8Array(10).fill(this.#count)
    const id = uuidv7(1_790_000_000_000 + this.#count++, random)
    const failure = this.failure ?? this.refuses(entry)
    captureEntry(entry, { id, time: 1_790_000_000_000_000 })
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce)
    if (this.delayMs > 0) await sleep(this.delayMs)
    this.#atOnce--
    if (failure !== undefined) throw failure
    this.entries.push({ ...structuredClone(entry), id })
    return { id }
  }

  async knownTools(): Promise<ReadonlyMap<string, string> | undefined> {
    return this.known
  }

  of(operation: string, kind?: EntryInput['kind']): RecordedEntry[] {
    return this.entries.filter(entry => entry.operation === operation && (kind === undefined || entry.kind === kind))
  }
}

export function line(message: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`)
}

/** One line that says what an entry is, to compare many at a glance. */
export function gist(entry: EntryInput): string {
  const { attributes = {} } = entry
  const more = [attributes['gen_ai.tool.name'], attributes['error.type'], attributes['mcp.late'] === true ? 'late' : '']
  return [entry.kind, entry.operation, entry.outcome, ...more].filter(Boolean).join(' ')
}

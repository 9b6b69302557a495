/**
 * What a user would write instead: an audit table in SQLite, well made, that proves nothing.
 *
 * The same driver and cipher, WAL and `synchronous=FULL`; a worker thread that commits in groups; messages that carry
 * everything logged in one turn of the event loop; the fields that the log indexes as columns with the same secondary
 * indexes, the entry's JSON as one text. No capture, salts, hashes, chain, tree, seals or signatures.
 */
import { IdSource, systemWorld } from '../src/append/clock.ts'
import type { EntryInput } from '../src/core/entry.ts'
import type { Micros } from '../src/core/time.ts'
import { Remote } from '../src/threads/rpc.ts'

export interface PlainReceipt {
  readonly seq: number
  readonly id: string
}

export interface PlainTableOptions {
  readonly file: string
  /** 32 bytes; `undefined` for a file that is not encrypted. */
  readonly key: Uint8Array | undefined
  /** By which the file is encrypted: that of the log's own file unless given. */
  readonly cipher?: 'sqlcipher' | 'aegis'
  /** An index on the id, as anyone would make it; the log finds an entry by its id without one. */
  readonly idIndex: boolean
}

/** Rows on their way to the worker: their texts one behind the other, and the length of each. */
export interface PackedRows {
  readonly text: string
  readonly lengths: Uint32Array
  readonly times: Float64Array
  /** For each row, its flags. */
  readonly flags: (readonly string[] | undefined)[]
}

/** id, kind, operation, component, outcome, level, actor, principal, memory, session, JSON. */
export const textsPerRow = 11

/** As many rows to a message as the log has drafts to one. */
const maxMessage = 500

interface Waiter {
  readonly id: string
  resolve(receipt: PlainReceipt): void
  reject(error: unknown): void
}

export class PlainTable {
  readonly #remote: Remote
  readonly #world = systemWorld()
  readonly #ids = new IdSource(this.#world)
  #entries: EntryInput[] = []
  #waiters: Waiter[] = []

  private constructor(remote: Remote) {
    this.#remote = remote
  }

  static async open(options: PlainTableOptions): Promise<PlainTable> {
    const remote = new Remote(new URL('./plain-table-thread', import.meta.url), options)
    await remote.call('open', undefined)
    return new PlainTable(remote)
  }

  /** Resolves when the row is committed and synced. */
  append(entry: EntryInput): Promise<PlainReceipt> {
    return new Promise((resolve, reject) => {
      const id = this.#ids.next(this.#world.now())
      if (this.#entries.push(entry) === 1) queueMicrotask(() => this.#send())
      this.#waiters.push({ id, resolve, reject })
    })
  }

  async close(): Promise<void> {
    try {
      await this.#remote.call('close', undefined)
    } finally {
      await this.#remote.end()
    }
  }

  #send(): void {
    const entries = this.#entries
    const waiters = this.#waiters
    this.#entries = []
    this.#waiters = []
    for (let from = 0; from < entries.length; from += maxMessage) {
      const part = waiters.slice(from, from + maxMessage)
      const rows = pack(entries.slice(from, from + maxMessage), part, this.#world.now())
      this.#remote.call<number>('append', rows).then(
        first => {
          for (let i = 0; i < part.length; i++) part[i]!.resolve({ seq: first + i, id: part[i]!.id })
        },
        error => {
          for (const { reject } of part) reject(error)
        },
      )
    }
  }
}

function pack(entries: readonly EntryInput[], waiters: readonly Waiter[], time: Micros): PackedRows {
  const lengths = new Uint32Array(entries.length * textsPerRow)
  const times = new Float64Array(entries.length).fill(time)
  let text = ''
  let at = 0
  const add = (part: string) => {
    text += part
    lengths[at++] = part.length
  }
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    const { actor } = entry
    add(waiters[i]!.id)
    add(entry.kind ?? 'event')
    add(entry.operation)
    add(entry.component)
    add(entry.outcome ?? '')
    add(entry.securityLevel ?? 'internal')
    add(actor === undefined ? '' : `${actor.type}:${actor.id}`)
    add(actor?.onBehalfOf === undefined ? '' : `${actor.onBehalfOf.type}:${actor.onBehalfOf.id}`)
    add(entry.memoryId === undefined ? '' : String(entry.memoryId))
    add(entry.session ?? '')
    add(JSON.stringify(entry))
  }
  return { text, lengths, times, flags: entries.map(({ complianceFlags }) => complianceFlags) }
}
